//! Whether an environment outlives its run.

use serde::{Deserialize, Serialize};

/// Whether an environment outlives the run that made it: `KIND_HARNESS_KEEP`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// It does not.
    #[default]
    Never,
    /// It stays for a look when it did not come up, or a test failed.
    OnFailure,
    /// It stays, and the next run uses it again.
    Always,
}

impl Keep {
    /// Whether a cluster may outlive its run.
    #[must_use]
    pub fn may_stay(self) -> bool {
        self != Keep::Never
    }
}
