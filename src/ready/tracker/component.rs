//! A component that is expected, and how far it is.

use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::object::{Applied, ObjectRef};
use crate::ready::finding::Finding;
use crate::ready::grace::Cause;
use crate::ready::rules;
use crate::ready::view::{Key, View};
use crate::ready::watches::Watches;
use crate::ready::world::World;
use crate::ready::{Judgement, Probe, Settings, Unready, UnreadyObject, Verdict};
use crate::report::{Events, Phase, Step, Trouble};

/// What judging needs to know.
pub(super) struct Judging<'a> {
    pub(super) world: &'a World,
    pub(super) watches: &'a Watches,
    pub(super) settings: &'a Settings,
    pub(super) now: Instant,
}

/// An object that a component consists of, and what was found of it last.
pub(super) struct Expected {
    applied: Applied,
    pub(super) key: Key,
    finding: Finding,
    /// Since when that was found, or another finding of the same cause.
    since: Instant,
    seen: bool,
    pub(super) dirty: bool,
    /// The verdict that the journal knows.
    noted: Option<Verdict>,
}

/// A component that is expected.
pub(crate) struct Component {
    pub(in crate::ready) name: String,
    pub(super) objects: Vec<Expected>,
    pub(super) probes: Vec<Probe>,
    pub(super) step: Option<Step>,
    began: Instant,
    ready: Option<Duration>,
    asked: Option<Asked>,
    said: String,
    /// Whether the journal knows that it is ready.
    noted: bool,
}

/// A round of asking a component's probes, and the last answers.
struct Asked {
    round: u64,
    answers: Vec<Result<(), String>>,
    tasks: Vec<AbortHandle>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Expected {
    pub(super) fn is_ready(&self) -> bool {
        self.finding == Finding::Ready
    }

    /// Whether it is a definition whose kind is not served yet: what tells is no object.
    fn is_unserved(&self) -> bool {
        matches!(&self.finding, Finding::Waiting(why) if why.code == "NotServed")
    }

    fn verdict(&self, expected: Instant, now: Instant) -> Verdict {
        self.finding.settle(now.saturating_duration_since(self.since.max(expected)))
    }

    fn judge(&mut self, judging: &Judging<'_>) {
        self.dirty = false;
        let found = self.find(judging);
        let cause = |finding: &Finding| finding.fault().map(|fault| fault.cause);
        if cause(&found).is_none() || cause(&found) != cause(&self.finding) {
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
            // Recreated under the same name: the one that is there now is the one to judge.
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

impl Component {
    pub(super) fn new(
        name: String,
        applied: Vec<Applied>,
        probes: Vec<Probe>,
        step: Step,
        began: Instant,
    ) -> Component {
        let objects = applied.into_iter().map(|applied| Expected {
            key: Key::from(&applied.object),
            finding: Finding::waiting("Unknown", "it has not been looked at yet"),
            since: began,
            seen: false,
            dirty: true,
            noted: None,
            applied,
        });
        let objects = objects.collect();
        let step = Some(step);
        Component { name, objects, probes, step, began, ready: None, asked: None, said: String::new(), noted: false }
    }

    /// Judges the objects that may have changed. Returns those that must be watched to know more.
    pub(super) fn judge(&mut self, judging: &Judging<'_>) -> Vec<ObjectRef> {
        let mut missing = Vec::new();
        for object in self.objects.iter_mut().filter(|object| object.dirty || !object.seen || object.is_unserved()) {
            object.judge(judging);
            missing.extend(object.finding.needs().cloned());
        }
        if !self.objects_ready() {
            self.asked = None;
        }
        self.ready = match (self.ready, self.is_ready()) {
            (known, true) => known.or(Some(judging.now.saturating_duration_since(self.began))),
            (_, false) => None,
        };
        missing
    }

    fn objects_ready(&self) -> bool {
        self.objects.iter().all(Expected::is_ready)
    }

    fn is_ready(&self) -> bool {
        let answered = |asked: &Asked| asked.answers.iter().all(Result::is_ok);
        self.objects_ready() && (self.probes.is_empty() || self.asked.as_ref().is_some_and(answered))
    }

    /// From expected to ready, when it is ready now.
    pub(super) fn ready_after(&self) -> Option<Duration> {
        self.ready
    }

    /// The definitions whose kinds are not served yet, as far as is known.
    pub(super) fn unserved(&self) -> impl Iterator<Item = &Key> {
        self.objects.iter().filter(|object| object.is_unserved()).map(|object| &object.key)
    }

    pub(super) fn wants_to_ask(&self) -> bool {
        self.asked.is_none() && !self.probes.is_empty() && self.objects_ready()
    }

    pub(super) fn asking(&mut self, round: u64, tasks: Vec<AbortHandle>) {
        let answers = vec![Err("has not answered yet".into()); self.probes.len()];
        self.asked = Some(Asked { round, answers, tasks });
    }

    pub(super) fn cannot_ask(&mut self, error: &str) {
        let answers = vec![Err(format!("cannot be asked: {error}")); self.probes.len()];
        self.asked = Some(Asked { round: 0, answers, tasks: Vec::new() });
    }

    /// The round of asking that it is in.
    pub(super) fn round(&self) -> Option<u64> {
        self.asked.as_ref().map(|asked| asked.round)
    }

    pub(super) fn answered(&mut self, round: u64, index: usize, answer: &Result<(), String>) {
        let asked = self.asked.as_mut().filter(|asked| asked.round == round);
        if let Some(known) = asked.and_then(|asked| asked.answers.get_mut(index)) {
            known.clone_from(answer);
        }
    }

    /// Everything that keeps it from being ready, worst first.
    pub(super) fn unready(&self, expected: Instant, now: Instant) -> Unready {
        let mut objects: Vec<_> = self.objects.iter().filter(|object| !object.is_ready()).collect();
        objects.sort_by_key(|object| rank(object, expected, now));
        let mut objects: Vec<_> = objects.into_iter().map(|object| unready(object, expected, now)).collect();
        let answers = self.asked.iter().flat_map(|asked| self.probes.iter().zip(&asked.answers));
        objects.extend(answers.filter_map(|(probe, answer)| {
            let verdict = Verdict::waiting(format!("{probe} {}", answer.as_ref().err()?));
            Some(UnreadyObject { object: None, cause: None, container: None, verdict, logs: Vec::new() })
        }));
        Unready { component: self.name.clone(), objects }
    }

    /// Whether one of its objects has failed for good.
    pub(super) fn has_failed(&self, expected: Instant, now: Instant) -> bool {
        self.objects.iter().any(|object| matches!(object.verdict(expected, now), Verdict::Failed { .. }))
    }

    /// When the next of its graces ends.
    pub(super) fn wake(&self, expected: Instant, now: Instant) -> Option<Instant> {
        let ends = self.objects.iter().filter_map(|object| {
            let fault = object.finding.fault()?;
            Some(object.since.max(expected) + fault.grace)
        });
        ends.filter(|end| *end > now).min()
    }

    /// Says what has changed since it was said last: ready, no longer ready, or waiting for something else.
    pub(super) fn tell(&mut self, events: &Events, expected: Instant, now: Instant) {
        if self.ready.is_some() {
            self.said.clear();
            if let Some(step) = self.step.take() {
                step.done();
            }
            return;
        }
        let unready = self.unready(expected, now);
        let Some(slowest) = unready.objects.first() else { return };
        let text = slowest.to_string();
        if text == self.said {
            return;
        }
        match &self.step {
            Some(step) => step.progress(&text),
            None if self.said.is_empty() => {
                events.warn(Phase::Ready, format!("{} was ready, and is no longer: {text}", self.name));
            }
            None => {}
        }
        self.said = text;
    }

    /// Every verdict that is another than when this was asked last; of no object when it is about the component.
    pub(in crate::ready) fn changes(&mut self, expected: Instant, now: Instant) -> Vec<(Option<ObjectRef>, Judgement)> {
        let mut changes = Vec::new();
        for object in &mut self.objects {
            let verdict = object.verdict(expected, now);
            if object.noted.as_ref() != Some(&verdict) {
                object.noted = Some(verdict.clone());
                let cause = object.finding.fault().map(|fault| fault.object.clone());
                let reason = object.finding.code().to_owned();
                let subject = object.applied.object.clone();
                let cause = cause.filter(|cause| *cause != subject);
                changes.push((Some(subject.clone()), Judgement { object: subject, verdict, reason, cause }));
            }
        }
        if self.noted != self.ready.is_some() {
            self.noted = self.ready.is_some();
            let object =
                ObjectRef { api_version: String::new(), kind: String::new(), namespace: None, name: self.name.clone() };
            let (verdict, reason) = match self.noted {
                true => (Verdict::Ready, "Ready"),
                false => (Verdict::waiting("it is no longer ready"), "NotReady"),
            };
            changes.push((None, Judgement { object, verdict, reason: reason.to_owned(), cause: None }));
        }
        changes
    }

    /// The wait for it ended without it being ready: says why, and ends its step.
    pub(super) fn miss(&mut self, how: Trouble, events: &Events, expected: Instant, now: Instant) {
        if self.ready.is_some() {
            return;
        }
        let why = self.unready(expected, now).objects.first().map(ToString::to_string).unwrap_or_default();
        match self.step.take() {
            Some(step) => step.fail(how, why),
            None => events.trouble(Phase::Ready, &self.name, how, why),
        }
    }
}

/// Failures first, then what is about to fail, then workloads, then what only waits for them.
fn rank(object: &Expected, expected: Instant, now: Instant) -> u8 {
    match (object.verdict(expected, now), &object.finding, object.key.kind.as_str()) {
        (Verdict::Failed { .. }, ..) => 0,
        (_, Finding::Failing(_), _) => 1,
        (_, _, "Service" | "Ingress") => 3,
        _ => 2,
    }
}

fn unready(object: &Expected, expected: Instant, now: Instant) -> UnreadyObject {
    let fault = object.finding.fault();
    UnreadyObject {
        object: Some(object.applied.object.clone()),
        cause: fault.map(|fault| fault.object.clone()).filter(|cause| *cause != object.applied.object),
        container: fault.and_then(|fault| fault.container.clone()),
        verdict: object.verdict(expected, now),
        logs: Vec::new(),
    }
}
