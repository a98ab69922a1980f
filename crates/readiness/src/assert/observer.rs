//! Judges the states of an object, one after the other.

use std::time::Duration;

use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use super::error::{Error, InvalidRequirement};
use super::failure::{Failure, Outcome};
use super::history::{History, HistoryEvent};
use super::nearest::{Difference, NearestMiss};
use super::path::Pair;
use super::requirement::Requirement;
use super::subject::Subject;
use super::{changes, mask, render};

/// Judges the states of an object, and records what a failure prints of them.
pub(super) struct Observer<K> {
    subject: Subject,
    requirements: Vec<Requirement<K>>,
    began: Instant,
    history: History,
    /// The last state, and the same masked; `None` while the object is absent.
    last: Option<(Value, Value)>,
    has_looked: bool,
    /// The nearest state, and its number of differences.
    nearest: Option<(usize, NearestMiss)>,
}

impl<K: Resource + Serialize> Observer<K> {
    /// Returns an observer that starts now.
    pub(super) fn new(subject: Subject, requirements: Vec<Requirement<K>>) -> Observer<K> {
        let (began, history) = (Instant::now(), History::default());
        Observer { subject, requirements, began, history, last: None, has_looked: false, nearest: None }
    }

    /// Returns whether the object, with `value` as its JSON, meets all requirements.
    ///
    /// # Errors
    /// A requirement that is neither met nor unmet by any object.
    pub(super) fn is_met(&self, object: &K, value: &Value) -> Result<bool, Error> {
        let invalid = |source: InvalidRequirement| Error::Invalid { subject: Box::new(self.subject.clone()), source };
        for requirement in &self.requirements {
            if !requirement.is_met(object, value).map_err(invalid)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Adds a state to the history, and updates the nearest miss. `state` is the object and its JSON.
    pub(super) fn record(&mut self, state: Option<(&K, Value)>) {
        let after = self.began.elapsed();
        let is_first = !std::mem::replace(&mut self.has_looked, true);
        let Some((object, value)) = state else {
            if is_first {
                self.history.push(after, HistoryEvent::Absent);
            } else if self.last.take().is_some() {
                self.history.push(after, HistoryEvent::Deleted);
            }
            let weight = self.requirements.iter().map(Requirement::size).sum::<usize>() + 1;
            let miss = || NearestMiss { after, differences: vec![Difference::absent()], state: Vec::new() };
            self.keep_nearest(weight, miss);
            return;
        };
        let shown = self.masked(&value);
        let pair = Pair { value: &value, shown: &shown };
        let generation = object.meta().generation;
        match &self.last {
            None if is_first => self.history.push(after, HistoryEvent::Found { generation }),
            None => self.history.push(after, HistoryEvent::Created { generation }),
            Some((before, _)) if uid(before) != object.uid().as_deref() => {
                self.history.push(after, HistoryEvent::Deleted);
                self.history.push(after, HistoryEvent::Created { generation });
            }
            Some((before, before_shown)) => {
                let changes = changes::changes(Pair { value: before, shown: before_shown }, pair);
                if !changes.is_empty() {
                    self.history.push(after, HistoryEvent::changed(changes));
                }
            }
        }
        let (mut weight, mut differences, mut is_opaque) = (0, Vec::new(), false);
        for requirement in &self.requirements {
            let (more, found) = requirement.differences(object, pair, self.subject.is_secret());
            is_opaque |= more > 0 && requirement.is_opaque();
            weight += more;
            differences.extend(found);
        }
        let miss =
            || NearestMiss { after, differences, state: if is_opaque { state_lines(&shown) } else { Vec::new() } };
        self.keep_nearest(weight, miss);
        self.last = Some((value, shown));
    }

    /// Adds an error of the watch to the history.
    pub(super) fn record_watch_error(&mut self, error: &str) {
        let after = self.began.elapsed();
        self.history.push(after, HistoryEvent::WatchFailed(mask::text(error)));
    }

    /// Returns the time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Returns the judged object's reference.
    pub(super) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Returns the error that the assertion does not hold.
    pub(super) fn fail(self, outcome: Outcome, waited: Duration, limit: Duration, watch_error: Option<&str>) -> Error {
        let is_secret = self.subject.is_secret();
        let is_nearest_shown = matches!(outcome, Outcome::NotMet | Outcome::Broken);
        Error::Failed(Box::new(Failure {
            outcome,
            wanted: self.requirements.iter().map(|requirement| requirement.describe(is_secret)).collect(),
            waited,
            limit,
            nearest: self.nearest.filter(|_| is_nearest_shown).map(|(_, nearest)| nearest),
            history: self.history,
            watch_error: watch_error.map(mask::text),
            subject: self.subject,
        }))
    }

    fn keep_nearest(&mut self, weight: usize, miss: impl FnOnce() -> NearestMiss) {
        // A state that meets the requirements is no miss.
        if weight > 0 && self.nearest.as_ref().is_none_or(|(least, _)| weight <= *least) {
            self.nearest = Some((weight, miss()));
        }
    }

    /// Returns the object with secrets masked.
    fn masked(&self, value: &Value) -> Value {
        let mut shown = value.clone();
        if self.subject.is_secret() {
            // A user-defined type may have no kind.
            shown["kind"] = "Secret".into();
        }
        mask::object(&mut shown);
        shown
    }
}

fn uid(object: &Value) -> Option<&str> {
    object.pointer("/metadata/uid").and_then(Value::as_str)
}

/// Returns the object's status; without one, everything but its metadata.
fn state_lines(shown: &Value) -> Vec<String> {
    let fields = shown.as_object().into_iter().flatten();
    let state: serde_json::Map<String, Value> = match shown.get("status") {
        Some(status) => [("status".to_owned(), status.clone())].into_iter().collect(),
        None => fields
            .filter(|(name, _)| !["apiVersion", "kind", "metadata"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    };
    if state.is_empty() { Vec::new() } else { render::yaml(&Value::Object(state)) }
}
