//! How components are taken away.

use std::time::Duration;

use crate::suite::config::Switches;

/// How components are taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoveOptions {
    /// All at once; otherwise wave by wave, dependents first.
    pub parallel: bool,
    /// How long they, or each wave of them, may take by themselves. Then their pods are ended without grace.
    pub deadline: Duration,
    /// Whether to look, at the end, that nothing is left.
    pub verify: bool,
    /// Whether finalizers are removed that keep an object when even that has not helped.
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
