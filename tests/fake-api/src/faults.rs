//! Faults on demand.

use std::collections::BTreeSet;

use super::Server;

/// How every request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// With this status and reason.
    Status(u16, &'static str),
    /// The server cannot be reached.
    Unreachable,
    /// The server never answers.
    Silence,
}

/// What goes wrong.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) refusal: Option<Refusal>,
    pub(crate) forbidden: BTreeSet<String>,
    pub(crate) read_only: BTreeSet<String>,
    pub(crate) unserved: BTreeSet<String>,
    pub(crate) silent: BTreeSet<String>,
    pub(crate) busy: BTreeSet<String>,
    pub(crate) stubborn: BTreeSet<String>,
    pub(crate) slow: BTreeSet<String>,
    pub(crate) made_again: BTreeSet<String>,
    pub(crate) hidden: BTreeSet<String>,
    pub(crate) invalid: BTreeSet<String>,
    pub(crate) unanswered: BTreeSet<String>,
}

impl Server {
    /// Refuses every request from now on, and breaks every watch; or answers again.
    pub fn refuse(&self, refusal: Option<Refusal>) {
        let mut state = self.lock();
        state.faults.refusal = refusal;
        for watcher in state.watchers.drain(..) {
            let _ = watcher.sender.unbounded_send(Err(std::io::Error::other("connection reset")));
        }
    }

    /// Refuses every request about a resource, by its plural, with 403.
    pub fn forbid(&self, plural: &str) {
        self.lock().faults.forbidden.insert(plural.to_owned());
    }

    /// Refuses every change of a resource, by its plural, with 403.
    pub fn forbid_changes(&self, plural: &str) {
        self.lock().faults.read_only.insert(plural.to_owned());
    }

    /// Serves a resource, by its plural, no longer, or again.
    pub fn set_served(&self, plural: &str, served: bool) {
        let unserved = &mut self.lock().faults.unserved;
        unserved.remove(plural);
        if !served {
            unserved.insert(plural.to_owned());
        }
    }

    /// Never answers requests about single objects of a resource, by its plural.
    pub fn hang(&self, plural: &str) {
        self.lock().faults.silent.insert(plural.to_owned());
    }

    /// Answers the next change of a resource, by its plural, with 429.
    pub fn be_busy(&self, plural: &str) {
        self.lock().faults.busy.insert(plural.to_owned());
    }

    /// Removes this pod only when it is deleted without grace.
    pub fn make_stubborn(&self, pod: &str) {
        self.lock().faults.stubborn.insert(pod.to_owned());
    }

    /// Ends this pod's containers when it is deleted, and removes it only when it is deleted once more.
    pub fn make_slow(&self, pod: &str) {
        self.lock().faults.slow.insert(pod.to_owned());
    }

    /// Makes an object of this name again, once, as soon as it is removed.
    pub fn make_again(&self, name: &str) {
        self.lock().faults.made_again.insert(name.to_owned());
    }

    /// Refuses every request about objects of this name with 403.
    pub fn forbid_name(&self, name: &str) {
        self.lock().faults.hidden.insert(name.to_owned());
    }

    /// Refuses to create or apply objects of this name, with 422.
    pub fn refuse_name(&self, name: &str) {
        self.lock().faults.invalid.insert(name.to_owned());
    }

    /// Applies objects of this name, and never answers.
    pub fn never_answer(&self, name: &str) {
        self.lock().faults.unanswered.insert(name.to_owned());
    }
}
