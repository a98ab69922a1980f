//! What the handle of [`Readiness`](super::Readiness) tells its task.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{AllReady, NotReady, Probe};
use crate::object::Applied;

/// The components of a run, and the direct and indirect needs of each.
pub(crate) type Needs = BTreeMap<String, BTreeSet<String>>;

/// A command from the handle to the task.
pub(crate) enum Command {
    Expect {
        component: String,
        applied: Vec<Applied>,
        probes: Vec<Probe>,
        at: Instant,
    },
    /// The expected components, and the needs of each.
    Plan {
        needs: Needs,
    },
    /// Without a deadline, only readiness or a failure ends it.
    Wait {
        names: Option<Vec<String>>,
        deadline: Option<Instant>,
        reply: oneshot::Sender<Result<AllReady, NotReady>>,
    },
}
