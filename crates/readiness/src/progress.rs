//! Progress of awaited components.

use serde::{Deserialize, Serialize};

use crate::moments::Moment;

/// Progress of an awaited component.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Its objects were applied, and the wait started.
    Expected,
    /// It is not ready yet, because of this object and reason.
    Waiting(String),
    /// It is ready.
    Ready,
    /// The wait ended before it was ready.
    Missed {
        /// How it missed its goal.
        how: Missed,
        /// The reason, in one line.
        why: String,
    },
}

/// How a component missed readiness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Missed {
    /// It failed, and will not become ready by itself.
    Failed,
    /// The deadline passed.
    Late,
    /// The wait ended for another reason.
    Abandoned,
}

/// Receives the progress of a wait, such as a console. `()` ignores it.
///
/// Its methods are called from the task that judges, and must not block.
pub trait Observer: Send + Sync {
    /// Reports the progress of a component.
    fn progress(&self, component: &str, progress: Progress);

    /// Reports a moment in the start of a component. Ignored unless it is implemented.
    fn moment(&self, component: &str, moment: Moment) {
        let _ = (component, moment);
    }

    /// Reports a problem to act on, though the wait continues.
    fn warning(&self, text: String);
}

impl Observer for () {
    fn progress(&self, _: &str, _: Progress) {}

    fn warning(&self, _: String) {}
}
