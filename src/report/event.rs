//! The one stream of events: everything a person or a CI system sees is made from it.

use std::fmt;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::readiness::Missed;
use crate::readiness::redact::Redactor;

/// A stage of a run. Phases may overlap: images build while the cluster boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Look for what the host must have, and install it.
    Setup,
    /// Build or pull images.
    Images,
    /// Create the cluster.
    Cluster,
    /// Put images on the nodes.
    Load,
    /// Apply manifests.
    Deploy,
    /// Wait until everything is ready.
    Ready,
    /// The suite's own tests.
    Specs,
    /// Remove what the run made.
    Teardown,
}

impl Phase {
    /// Every phase, in the order of the pipeline.
    pub const ALL: [Phase; 8] = [
        Phase::Setup,
        Phase::Images,
        Phase::Cluster,
        Phase::Load,
        Phase::Deploy,
        Phase::Ready,
        Phase::Specs,
        Phase::Teardown,
    ];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Phase::Setup => "setup",
            Phase::Images => "images",
            Phase::Cluster => "cluster",
            Phase::Load => "load",
            Phase::Deploy => "deploy",
            Phase::Ready => "ready",
            Phase::Specs => "specs",
            Phase::Teardown => "teardown",
        };
        f.pad(name)
    }
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It did its work.
    Done,
    /// There was nothing to do.
    Unchanged,
    /// It failed, or was abandoned because something else did.
    Failed,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A component, named like the step, is in the plan.
    Pending,
    /// A step of a phase began. Steps are components, images, or the parts of a stage.
    Started,
    /// A step says what it is doing.
    Progress(String),
    /// A call of a step failed for a reason that passes, and is made again. Steps of components bear the component's name.
    Retry {
        /// The number of the attempt that follows; the first one was 1.
        attempt: u32,
        /// How many attempts there are for this cause.
        of: u32,
        /// What the last attempt failed of, and which call it is: `connection refused (applying configmap/app)`.
        cause: String,
        /// The pause until the attempt.
        after: Duration,
    },
    /// A component misses its aim. If a step of it is under way, it ends now.
    Trouble {
        /// How.
        how: Missed,
        /// The reason, in one line.
        why: String,
    },
    /// A step ended.
    Finished(Outcome),
    /// Worth knowing, not a problem.
    Note(String),
    /// Worth acting on, though the run goes on.
    Warning(String),
}

/// One event of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Monotonic time since the run began.
    pub at: Duration,
    /// Wall-clock time.
    pub wall: Timestamp,
    /// The phase that it belongs to.
    pub phase: Phase,
    /// The step of that phase.
    pub step: String,
    /// What happened.
    pub kind: EventKind,
}

/// The sending end of a run's event stream. Clones send to the same stream.
#[derive(Debug, Clone)]
pub struct Events {
    began: Instant,
    sender: Option<mpsc::UnboundedSender<Event>>,
}

impl Events {
    /// A new stream that begins now, and the end that reporters read.
    #[must_use]
    pub fn channel() -> (Events, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Events { began: Instant::now(), sender: Some(sender) }, receiver)
    }

    /// A stream without a reader.
    #[must_use]
    pub fn discard() -> Events {
        Events { began: Instant::now(), sender: None }
    }

    /// When the run began.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Begins a step; it ends when the returned value is finished, or as failed when that is dropped.
    #[must_use]
    pub fn step(&self, phase: Phase, name: impl Into<String>) -> Step {
        let step = Step { events: self.clone(), phase, name: name.into(), open: true };
        step.send(EventKind::Started);
        step
    }

    /// Something that speaks for a step, be it under way or not.
    #[must_use]
    pub fn handle(&self, phase: Phase, name: impl Into<String>) -> StepHandle {
        StepHandle { events: self.clone(), phase, name: name.into() }
    }

    /// Says that `component` is in the plan.
    pub fn pending(&self, component: &str) {
        self.send(Phase::Deploy, component, EventKind::Pending);
    }

    /// Says that `component`, no step of which is under way, misses its aim.
    pub fn trouble(&self, phase: Phase, component: &str, how: Missed, why: impl Into<String>) {
        self.send(phase, component, EventKind::Trouble { how, why: why.into() });
    }

    /// Says something worth knowing.
    pub fn note(&self, phase: Phase, text: impl Into<String>) {
        self.send(phase, "", EventKind::Note(text.into()));
    }

    /// Says something worth acting on.
    pub fn warn(&self, phase: Phase, text: impl Into<String>) {
        self.send(phase, "", EventKind::Warning(text.into()));
    }

    fn send(&self, phase: Phase, step: &str, kind: EventKind) {
        if let Some(sender) = &self.sender {
            let kind = masked(kind);
            let event = Event { at: self.began.elapsed(), wall: Timestamp::now(), phase, step: step.into(), kind };
            // A reporter that went away must not stop the run.
            let _ = sender.send(event);
        }
    }
}

/// `kind` without secrets: every reader of the stream writes it somewhere.
fn masked(mut kind: EventKind) -> EventKind {
    match &mut kind {
        EventKind::Progress(text)
        | EventKind::Retry { cause: text, .. }
        | EventKind::Trouble { why: text, .. }
        | EventKind::Note(text)
        | EventKind::Warning(text) => Redactor::global().mask(text),
        EventKind::Pending | EventKind::Started | EventKind::Finished(_) => {}
    }
    kind
}

/// A step that has begun. Dropping it unfinished reports it as failed.
#[derive(Debug)]
pub struct Step {
    events: Events,
    phase: Phase,
    name: String,
    open: bool,
}

impl Step {
    /// Says what the step is doing now.
    pub fn progress(&self, message: impl Into<String>) {
        self.send(EventKind::Progress(message.into()));
    }

    /// Something that can say what the step is doing from elsewhere, such as the thread that reads a program's output.
    #[must_use]
    pub fn handle(&self) -> StepHandle {
        self.events.handle(self.phase, &self.name)
    }

    /// The step did its work.
    pub fn done(self) {
        self.finish(Outcome::Done);
    }

    /// The step found nothing to do.
    pub fn unchanged(self) {
        self.finish(Outcome::Unchanged);
    }

    /// The step misses its aim, and says why.
    pub fn fail(self, how: Missed, why: impl Into<String>) {
        self.send(EventKind::Trouble { how, why: why.into() });
        self.finish(Outcome::Failed);
    }

    /// Ends the step.
    pub fn finish(mut self, outcome: Outcome) {
        self.open = false;
        self.send(EventKind::Finished(outcome));
    }

    fn send(&self, kind: EventKind) {
        self.events.send(self.phase, &self.name, kind);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if self.open {
            self.send(EventKind::Finished(Outcome::Failed));
        }
    }
}

/// Says what a step is doing, without owning its end.
#[derive(Debug, Clone)]
pub struct StepHandle {
    events: Events,
    phase: Phase,
    name: String,
}

impl StepHandle {
    /// Says what the step is doing now.
    pub fn progress(&self, message: impl Into<String>) {
        self.events.send(self.phase, &self.name, EventKind::Progress(message.into()));
    }

    /// A call of the step is made again after a pause.
    pub(crate) fn retry(&self, attempt: u32, of: u32, cause: String, after: Duration) {
        self.events.send(self.phase, &self.name, EventKind::Retry { attempt, of, cause, after });
    }
}
