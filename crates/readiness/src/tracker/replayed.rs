//! The interface of a replay to the tracker, in place of a cluster.

use tokio::time::Instant;

use super::Tracker;
use super::component::Component;
use crate::journal::{Change, Ended};
use crate::recording::WatchName;

impl Tracker {
    /// Sets the result of a probe, in a replay.
    pub(crate) fn answered(&mut self, component: &str, index: usize, answer: Result<(), String>, now: Instant) {
        let component = self.components.iter().find(|known| known.name == component);
        if let Some(round) = component.and_then(Component::round) {
            self.answer((round, index, answer), now);
        }
    }

    /// Sets since when, and why, the API server is unreachable, in a replay.
    pub(crate) fn unreachable(&mut self, trouble: Option<(Instant, String)>) {
        self.health.set(trouble);
    }

    /// Returns the index of the watch of a kind and scope; started if needed.
    pub(crate) fn watch(&mut self, name: &WatchName) -> usize {
        self.watches.find_or_start(name)
    }

    /// Starts keeping changed verdicts, for a replay.
    pub(crate) fn keep(&mut self) {
        self.journal.keep();
    }

    /// Returns the changed verdicts and ended waits so far, in a replay.
    pub(crate) fn changes(&mut self) -> (Vec<Change>, Vec<Ended>) {
        self.journal.take()
    }
}
