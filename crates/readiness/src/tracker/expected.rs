//! An object of a component, and its last finding.

use std::time::Duration;

use tokio::time::Instant;

use crate::asked::makes_pods;
use crate::finding::{Fault, Finding};
use crate::grace::Cause;
use crate::object::Applied;
use crate::rules;
use crate::view::{Key, View};
use crate::watches::Watches;
use crate::world::World;
use crate::{Settings, Verdict};

/// The inputs of judging.
pub(super) struct Judging<'a> {
    pub(super) world: &'a World,
    pub(super) watches: &'a Watches,
    pub(super) settings: &'a Settings,
    pub(super) now: Instant,
}

/// An object of a component, and its last finding.
pub(super) struct Expected {
    pub(super) applied: Applied,
    pub(super) key: Key,
    pub(super) finding: Finding,
    /// Since when there is this finding, or another one with the same cause; for a crash, its last observation.
    pub(super) since: Instant,
    /// Whether something that may create what it lacks is starting.
    pub(super) held: bool,
    pub(super) seen: bool,
    pub(super) dirty: bool,
    /// The verdict in the journal.
    pub(super) noted: Option<Verdict>,
}

impl Expected {
    pub(super) fn is_ready(&self) -> bool {
        self.finding == Finding::Ready
    }

    pub(super) fn new(applied: Applied, began: Instant) -> Expected {
        Expected {
            key: Key::from(&applied.object),
            finding: Finding::waiting("Unknown", "it has not been looked at yet"),
            since: began,
            held: false,
            seen: false,
            dirty: true,
            noted: None,
            applied,
        }
    }

    /// Returns whether it is a CRD that is established but whose kind is not served yet; `Watches` tracks that, so it
    /// is judged again in every round.
    pub(super) fn is_unserved(&self) -> bool {
        matches!(&self.finding, Finding::Waiting(why) if why.code == "NotServed")
    }

    /// Returns the verdict, if graces run since `from`.
    pub(super) fn verdict(&self, from: Option<Instant>, now: Instant) -> Verdict {
        match (from.and_then(|from| self.grace_from(from)), &self.finding) {
            (Some(from), finding) => finding.settle(now.saturating_duration_since(from)),
            (None, Finding::Failing(fault)) => Verdict::waiting(fault.code.clone(), &fault.message),
            (None, finding) => finding.settle(Duration::ZERO),
        }
    }

    /// Returns when its grace ends, if it has started.
    pub(super) fn end(&self, from: Instant) -> Option<Instant> {
        Some(self.grace_from(from)? + self.finding.fault()?.grace)
    }

    /// Returns when its grace starts; `None` while it does not run.
    fn grace_from(&self, from: Instant) -> Option<Instant> {
        let crashes = self.finding.fault().is_some_and(|fault| fault.cause == Cause::Crash);
        // What it needed may not have existed: it gets one more attempt.
        let is_past = crashes && self.since < from;
        (!self.held && !is_past).then(|| self.since.max(from))
    }

    /// Returns whether it may create what others of its component lack: its pods are starting, and lack nothing
    /// themselves.
    pub(super) fn may_bring(&self) -> bool {
        makes_pods(&self.key) && !self.is_ready() && !self.finding.fault().is_some_and(Fault::may_come)
    }

    pub(super) fn judge(&mut self, judging: &Judging<'_>) {
        self.dirty = false;
        let found = self.find(judging);
        let cause = |finding: &Finding| finding.fault().map(|fault| fault.cause);
        let crashed = cause(&found) == Some(Cause::Crash) && found != self.finding;
        if cause(&found).is_none() || cause(&found) != cause(&self.finding) || crashed {
            self.since = judging.now;
        }
        self.finding = found;
    }

    fn find(&mut self, judging: &Judging<'_>) -> Finding {
        let object = &self.applied.object;
        let gone = |reason: &str, hint: &str| {
            let view = View { object: object.clone(), uid: String::new(), json: serde_json::Value::Null };
            Finding::failing(&view, Cause::Deleted, judging.settings.grace.of(Cause::Deleted), reason, hint)
        };
        match judging.world.get(&self.key) {
            None if self.seen => gone("it was deleted while the run waited for it", "find out who deletes it"),
            None => Finding::waiting(
                "Unknown",
                judging
                    .watches
                    .ignorance(object, judging.now)
                    .unwrap_or_else(|| "the watch has not shown it yet".into()),
            ),
            // Recreated under the same name: the current object counts.
            Some(view) if view.uid != self.applied.uid && !self.applied.uid.is_empty() && !self.seen => {
                gone("another object of the same name is in its place", "find out who replaces it")
            }
            // Kinds without generations are applied with generation 0.
            Some(view)
                if view.uid == self.applied.uid && view.generation().unwrap_or_default() < self.applied.generation =>
            {
                Finding::waiting("Unobserved", "the watch has not shown the applied generation yet")
            }
            Some(view) => {
                self.seen = true;
                match rules::judge(view, judging.world, judging.settings) {
                    Finding::Ready if self.key.kind == "CustomResourceDefinition" => judging.watches.served(view),
                    found => found,
                }
            }
        }
    }
}
