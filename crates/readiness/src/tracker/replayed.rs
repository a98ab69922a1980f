//! What a replay tells a tracker in place of the world, and asks of it.

use tokio::time::Instant;

use super::Tracker;
use super::component::Component;
use crate::journal::{Change, Ended, WatchName};

impl Tracker {
    /// What a replay tells in place of the world: a probe's answer.
    pub(crate) fn answered(&mut self, component: &str, index: usize, answer: Result<(), String>, now: Instant) {
        let component = self.components.iter().find(|known| known.name == component);
        if let Some(round) = component.and_then(Component::round) {
            self.answer((round, index, answer), now);
        }
    }

    /// What a replay tells in place of the world: since when, and why, the API server cannot be reached.
    pub(crate) fn unreachable(&mut self, trouble: Option<(Instant, String)>) {
        self.health.set(trouble);
    }

    /// The watch of a kind and scope, by its place among all; begun if it is not there.
    pub(crate) fn watch(&mut self, name: &WatchName) -> usize {
        self.watches.find_or_start(name)
    }

    /// Keeps the changes of verdicts, for a replay.
    pub(crate) fn keep(&mut self) {
        self.journal.keep();
    }

    /// The changes of verdicts so far, in a replay.
    pub(crate) fn changes(&mut self) -> (Vec<Change>, Vec<Ended>) {
        self.journal.take()
    }
}
