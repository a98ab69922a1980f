//! The stream of events, from which all output of a run is made.

use std::fmt;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::usage::Usage;
use super::{BreakerState, ComponentMoment, LargestLayer, OtherStrategy, Step, StepHandle};
use crate::readiness::Missed;
use crate::readiness::redact::Redactor;

/// A stage of a run. Phases may overlap: images build while the cluster boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Check the host's prerequisites, and install them.
    Setup,
    /// Build or pull images.
    Images,
    /// Create the cluster.
    Cluster,
    /// Load images into the nodes.
    Load,
    /// Apply manifests.
    Deploy,
    /// Wait until everything is ready.
    Ready,
    /// The suite's own tests.
    Specs,
    /// Remove what the run created.
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

/// The result of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// The kind of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum EventKind {
    /// A component, named like the step, is in the plan.
    Pending,
    /// A step of a phase started. Steps are components, images, or the parts of a stage.
    Started,
    /// A step reports what it is doing.
    Progress(String),
    /// A call of a step failed temporarily, and is retried. Steps of components have the component's name.
    Retry {
        /// The number of the next attempt, counted from 1.
        attempt: u32,
        /// The maximum number of attempts for this cause.
        of: u32,
        /// The cause of the last failure, and the call: `connection refused (applying configmap/app)`.
        cause: String,
        /// The pause before the attempt.
        #[serde(with = "super::nanoseconds")]
        #[cfg_attr(feature = "schema", schemars(with = "f64"))]
        after: Duration,
    },
    /// A component failed or timed out. If a step of it is in progress, that ends now.
    Trouble {
        /// Whether it failed or timed out.
        how: Missed,
        /// The reason, in one line.
        why: String,
    },
    /// A step ended.
    Finished(Outcome),
    /// A moment in the start of a component, which the step is named like.
    Moment(ComponentMoment),
    /// What node, harness and host have used until now.
    Usage(Usage),
    /// A dependency is not called for a while after repeated failures, or is called again.
    Breaker {
        /// The dependency: engine, registry or API server.
        dependency: String,
        /// `open`, `half-open` or `closed`.
        state: BreakerState,
    },
    /// The deployed images, as one hash.
    Images(String),
    /// An image is loaded into the nodes for a component, which the step is named like.
    LargestLayer(LargestLayer),
    /// How long earlier runs by the other strategy took.
    OtherStrategy(OtherStrategy),
    /// Why the run failed: root causes, events, the last lines of logs.
    Diagnosis(String),
    /// For information, not a problem.
    Note(String),
    /// A problem to act on, though the run continues.
    Warning(String),
}

/// One event of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// Monotonic time since the run started.
    #[serde(with = "super::nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub at: Duration,
    /// Wall-clock time.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub wall: Timestamp,
    /// The phase that it belongs to.
    pub phase: Phase,
    /// The step of that phase.
    pub step: String,
    /// The kind of event.
    pub kind: EventKind,
}

/// The sender of a run's event stream. Clones send to the same stream.
#[derive(Debug, Clone)]
pub struct Events {
    began: Instant,
    sender: Option<mpsc::UnboundedSender<Event>>,
}

impl Events {
    /// Returns a new stream that starts now, and its receiver.
    #[must_use]
    pub fn channel() -> (Events, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Events { began: Instant::now(), sender: Some(sender) }, receiver)
    }

    /// Returns a stream without a reader.
    #[must_use]
    pub fn discard() -> Events {
        Events { began: Instant::now(), sender: None }
    }

    /// Returns when the run started.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Starts a step; it ends when the returned value is finished, or as failed when that is dropped.
    #[must_use]
    pub fn step(&self, phase: Phase, name: impl Into<String>) -> Step {
        Step::start(self.clone(), phase, name.into())
    }

    /// Returns a handle that reports for a step, whether it is in progress or not.
    #[must_use]
    pub fn handle(&self, phase: Phase, name: impl Into<String>) -> StepHandle {
        StepHandle::new(self.clone(), phase, name.into())
    }

    /// Reports that `component` is in the plan.
    pub fn pending(&self, component: &str) {
        self.send(Phase::Deploy, component, EventKind::Pending);
    }

    /// Reports that `component`, without a step in progress, failed or timed out.
    pub fn trouble(&self, phase: Phase, component: &str, how: Missed, why: impl Into<String>) {
        self.send(phase, component, EventKind::Trouble { how, why: why.into() });
    }

    /// Reports what is used until now.
    pub(crate) fn usage(&self, usage: Usage) {
        self.send(Phase::Deploy, "", EventKind::Usage(usage));
    }

    /// Reports the deployed images, as one hash.
    pub(crate) fn images(&self, hash: String) {
        self.send(Phase::Deploy, "", EventKind::Images(hash));
    }

    /// Reports how long earlier runs by the other strategy took.
    pub(crate) fn other_strategy(&self, other: OtherStrategy) {
        self.send(Phase::Deploy, "", EventKind::OtherStrategy(other));
    }

    /// Reports why the run failed.
    pub(crate) fn diagnosis(&self, text: String) {
        self.send(Phase::Teardown, "", EventKind::Diagnosis(text));
    }

    /// Reports information.
    pub fn note(&self, phase: Phase, text: impl Into<String>) {
        self.send(phase, "", EventKind::Note(text.into()));
    }

    /// Reports a problem to act on.
    pub fn warn(&self, phase: Phase, text: impl Into<String>) {
        self.send(phase, "", EventKind::Warning(text.into()));
    }

    pub(super) fn send(&self, phase: Phase, step: &str, kind: EventKind) {
        if let Some(sender) = &self.sender {
            let kind = masked(kind);
            let event = Event { at: self.began.elapsed(), wall: Timestamp::now(), phase, step: step.into(), kind };
            // A dropped reporter must not stop the run.
            let _ = sender.send(event);
        }
    }
}

/// Returns `kind` without secrets: every reader of the stream writes it somewhere.
fn masked(mut kind: EventKind) -> EventKind {
    match &mut kind {
        EventKind::Progress(text)
        | EventKind::Retry { cause: text, .. }
        | EventKind::Trouble { why: text, .. }
        | EventKind::Diagnosis(text)
        | EventKind::Note(text)
        | EventKind::Warning(text) => Redactor::global().mask(text),
        EventKind::Pending
        | EventKind::Started
        | EventKind::Finished(_)
        | EventKind::Moment(_)
        | EventKind::Usage(_)
        | EventKind::Images(_)
        | EventKind::LargestLayer(_)
        | EventKind::OtherStrategy(_)
        | EventKind::Breaker { .. } => {}
    }
    kind
}
