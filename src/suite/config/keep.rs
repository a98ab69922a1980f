//! Whether an environment is kept after its run.

use serde::{Deserialize, Serialize};

/// Whether an environment is kept after the run that created it: `KIND_HARNESS_KEEP`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// It is removed.
    #[default]
    Never,
    /// It is kept if it did not come up, or a test failed.
    OnFailure,
    /// It is kept, and reused by the next run.
    Always,
}

impl Keep {
    /// Returns whether a cluster may be kept after its run.
    #[must_use]
    pub fn may_stay(self) -> bool {
        self != Keep::Never
    }
}
