//! An expected component, and its state.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::asked::is_asked;
use crate::finding::{Fault, Finding};
use crate::object::{Applied, ObjectRef};
use crate::progress::{Missed, Observer, Progress};
use crate::view::Key;
use crate::world::World;
use crate::{Judgement, Probe, Unready, UnreadyObject, Verdict};

use super::expected::{Expected, Judging};

/// An expected component.
pub(crate) struct Component {
    pub(crate) name: String,
    pub(super) objects: Vec<Expected>,
    pub(super) probes: Vec<Probe>,
    /// Whether observers know that the wait for it started, and not yet how it ended.
    pub(super) open: bool,
    /// When it was expected.
    pub(super) began: Instant,
    /// Since when its graces run; `None` while one of its needs has not been applied.
    from: Option<Instant>,
    /// Components that are not ready yet, and that it does not need.
    others: Vec<String>,
    ready: Option<Duration>,
    asked: Option<Asked>,
    said: String,
    /// Whether the journal has it as ready.
    noted: bool,
}

/// A round of a component's probes, and the last results.
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

impl Component {
    pub(super) fn new(name: String, applied: Vec<Applied>, probes: Vec<Probe>, began: Instant) -> Component {
        let objects = applied.into_iter().map(|applied| Expected::new(applied, began)).collect();
        Component {
            name,
            objects,
            probes,
            open: true,
            began,
            from: None,
            others: Vec::new(),
            ready: None,
            asked: None,
            said: String::new(),
            noted: false,
        }
    }

    /// Judges the objects that may have changed. Returns those that must be watched for a better finding.
    pub(super) fn judge(&mut self, judging: &Judging<'_>) -> Vec<ObjectRef> {
        let mut missing = Vec::new();
        for object in self.objects.iter_mut().filter(|object| object.dirty || !object.seen || object.is_unserved()) {
            object.judge(judging);
            missing.extend(object.finding.needs().cloned());
        }
        if !self.objects_ready() {
            self.asked = None;
        }
        self.update_ready(judging.now);
        missing
    }

    fn update_ready(&mut self, now: Instant) {
        self.ready = match (self.ready, self.is_ready()) {
            (known, true) => known.or(Some(now.saturating_duration_since(self.began))),
            (_, false) => None,
        };
    }

    /// Sets since when its graces run, whether a component that it needs is not ready yet, and which others are not.
    ///
    /// The grace of something missing starts when nothing that may create it is starting any more: a needed component,
    /// or another of its own objects that creates pods.
    pub(super) fn set_grace(&mut self, from: Option<Instant>, needed: bool, others: Vec<String>, now: Instant) {
        (self.from, self.others) = (from, others);
        for at in 0..self.objects.len() {
            let mut besides = self.objects.iter().enumerate().filter(|(other, _)| *other != at);
            let lacks = self.objects[at].finding.fault().is_some_and(Fault::may_come);
            let held = lacks && (needed || besides.any(|(_, object)| object.may_bring()));
            let object = &mut self.objects[at];
            if object.held && !held {
                object.since = now;
            }
            object.held = held;
        }
    }

    /// Returns whether one of its objects has a problem.
    pub(super) fn is_failing(&self) -> bool {
        self.objects.iter().any(|object| object.finding.fault().is_some())
    }

    /// Returns whether it may still become ready.
    pub(super) fn is_on_its_way(&self, now: Instant) -> bool {
        self.ready.is_none() && !self.has_failed(now)
    }

    fn objects_ready(&self) -> bool {
        self.objects.iter().all(Expected::is_ready)
    }

    fn is_ready(&self) -> bool {
        let answered = |asked: &Asked| asked.answers.iter().all(Result::is_ok);
        self.objects_ready() && (self.probes.is_empty() || self.asked.as_ref().is_some_and(answered))
    }

    /// Returns the time from expected to ready, if it is ready now.
    pub(super) fn ready_after(&self) -> Option<Duration> {
        self.ready
    }

    /// Returns the definitions whose kinds are not served yet, as far as is known.
    pub(super) fn unserved(&self) -> impl Iterator<Item = &Key> {
        self.objects.iter().filter(|object| object.is_unserved()).map(|object| &object.key)
    }

    pub(super) fn wants_to_ask(&self) -> bool {
        self.asked.is_none() && !self.probes.is_empty() && self.objects_ready()
    }

    /// Returns the probes to run, by their indices.
    pub(super) fn probes_to_ask(&self, world: &World) -> Vec<(usize, Probe)> {
        let keys = || self.objects.iter().map(|object| &object.key);
        let probes = self.probes.iter().cloned().enumerate();
        probes.filter(|(_, probe)| is_asked(probe, keys(), world)).collect()
    }

    /// Starts a round of probes. Probes that are not run need no result.
    pub(super) fn asking(&mut self, round: u64, asked: &[usize], tasks: Vec<AbortHandle>, now: Instant) {
        let answer = |index| if asked.contains(&index) { Err("has not answered yet".into()) } else { Ok(()) };
        let answers = (0..self.probes.len()).map(answer).collect();
        self.asked = Some(Asked { round, answers, tasks });
        self.update_ready(now);
    }

    /// Returns the current round.
    pub(super) fn round(&self) -> Option<u64> {
        self.asked.as_ref().map(|asked| asked.round)
    }

    pub(super) fn answered(&mut self, round: u64, index: usize, answer: &Result<(), String>) {
        let asked = self.asked.as_mut().filter(|asked| asked.round == round);
        if let Some(known) = asked.and_then(|asked| asked.answers.get_mut(index)) {
            known.clone_from(answer);
        }
    }

    /// Returns everything that keeps it from being ready, worst first.
    pub(super) fn unready(&self, now: Instant) -> Unready {
        let mut objects: Vec<_> = self.objects.iter().filter(|object| !object.is_ready()).collect();
        objects.sort_by_key(|object| rank(object, self.from, now));
        let mut objects: Vec<_> = objects.into_iter().map(|object| self.unready_object(object, now)).collect();
        let answers = self.asked.iter().flat_map(|asked| self.probes.iter().zip(&asked.answers));
        objects.extend(answers.filter_map(|(probe, answer)| {
            let verdict = Verdict::waiting("CheckFailed", format!("{probe} {}", answer.as_ref().err()?));
            Some(UnreadyObject::without_object(verdict))
        }));
        Unready { component: self.name.clone(), objects }
    }

    /// Returns whether one of its objects has failed permanently.
    pub(super) fn has_failed(&self, now: Instant) -> bool {
        self.objects.iter().any(|object| matches!(object.verdict(self.from, now), Verdict::Failed { .. }))
    }

    /// Returns when the next of its graces ends.
    pub(super) fn wake(&self, now: Instant) -> Option<Instant> {
        let from = self.from?;
        self.objects.iter().filter_map(|object| object.end(from)).filter(|end| *end > now).min()
    }

    /// Reports what has changed since the last report: ready, no longer ready, or waiting for something else.
    pub(super) fn report(&mut self, observer: &dyn Observer, now: Instant) {
        if self.ready.is_some() {
            self.said.clear();
            if std::mem::take(&mut self.open) {
                observer.progress(&self.name, Progress::Ready);
            }
            return;
        }
        let unready = self.unready(now);
        let Some(slowest) = unready.objects.first() else { return };
        let text = slowest.to_string();
        if text == self.said {
            return;
        }
        if self.open {
            observer.progress(&self.name, Progress::Waiting(text.clone()));
        } else if self.said.is_empty() {
            observer.warning(format!("{} was ready, and is no longer: {text}", self.name));
        }
        self.said = text;
    }

    /// Returns every verdict that changed since the last call; without an object when it is about the component.
    pub(crate) fn changes(&mut self, now: Instant) -> Vec<(Option<ObjectRef>, Judgement)> {
        let mut changes = Vec::new();
        for object in &mut self.objects {
            let verdict = object.verdict(self.from, now);
            if object.noted.as_ref() != Some(&verdict) {
                object.noted = Some(verdict.clone());
                let cause = object.finding.fault().map(|fault| fault.object.clone());
                let subject = object.applied.object.clone();
                let cause = cause.filter(|cause| *cause != subject);
                changes.push((Some(subject.clone()), Judgement { object: subject, verdict, cause }));
            }
        }
        if self.noted != self.ready.is_some() {
            self.noted = self.ready.is_some();
            let object =
                ObjectRef { api_version: String::new(), kind: String::new(), namespace: None, name: self.name.clone() };
            let verdict = match self.noted {
                true => Verdict::Ready,
                false => Verdict::waiting("NotReady", "it is no longer ready"),
            };
            changes.push((None, Judgement { object, verdict, cause: None }));
        }
        changes
    }

    /// Reports that the wait ended before it was ready, with the reason, and ends its step.
    pub(super) fn miss(&mut self, how: Missed, observer: &dyn Observer, now: Instant) {
        if self.ready.is_some() {
            return;
        }
        let why = self.unready(now).objects.first().map(ToString::to_string).unwrap_or_default();
        self.open = false;
        observer.progress(&self.name, Progress::Missed { how, why });
    }

    fn unready_object(&self, object: &Expected, now: Instant) -> UnreadyObject {
        let fault = object.finding.fault();
        let mut verdict = object.verdict(self.from, now);
        if let Verdict::Failed { hint, .. } = &mut verdict
            && !self.others.is_empty()
            && fault.is_some_and(Fault::may_wait_for_others)
        {
            let _ = write!(hint, "; if it waits for {}, say so in `needs`", self.others.join(" or "));
        }
        UnreadyObject::new(object.applied.object.clone(), &object.finding, verdict)
    }
}

/// Returns the rank: failures first, then what is about to fail, then workloads, then what only waits for them.
fn rank(object: &Expected, from: Option<Instant>, now: Instant) -> u8 {
    match (object.verdict(from, now), &object.finding, object.key.kind.as_str()) {
        (Verdict::Failed { .. }, ..) => 0,
        (_, Finding::Failing(_), _) => 1,
        (_, _, "Service" | "Ingress") => 3,
        _ => 2,
    }
}
