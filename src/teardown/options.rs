//! Options of removing components.

use std::time::Duration;

use crate::suite::config::Switches;

/// Options of removing components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoveOptions {
    /// Whether all are removed at once; otherwise wave by wave, dependents first.
    pub parallel: bool,
    /// How long all, or each wave, may take to terminate. Then their pods are deleted without grace.
    pub deadline: Duration,
    /// Whether to check at the end that nothing is left.
    pub verify: bool,
    /// Whether to remove finalizers of objects that remain even then.
    pub force: bool,
}

impl Default for RemoveOptions {
    fn default() -> RemoveOptions {
        RemoveOptions { parallel: true, deadline: Duration::from_secs(30), verify: true, force: false }
    }
}

impl From<Switches> for RemoveOptions {
    fn from(switches: Switches) -> RemoveOptions {
        let Switches { parallel_kill: parallel, kill_timeout: deadline, verify, .. } = switches;
        RemoveOptions { parallel, deadline, verify, force: false }
    }
}
