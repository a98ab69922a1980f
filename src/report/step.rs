//! Steps of a phase: what the pipeline reports through.

use std::time::Duration;

use super::{BreakerState, EventKind, Events, LargestLayer, Outcome, Phase};
use crate::readiness::Missed;

/// A started step. Dropping it unfinished reports it as failed.
#[derive(Debug)]
pub struct Step {
    events: Events,
    phase: Phase,
    name: String,
    open: bool,
}

impl Step {
    pub(super) fn start(events: Events, phase: Phase, name: String) -> Step {
        let step = Step { events, phase, name, open: true };
        step.send(EventKind::Started);
        step
    }

    /// Reports what the step is doing now.
    pub fn progress(&self, message: impl Into<String>) {
        self.send(EventKind::Progress(message.into()));
    }

    /// Returns a handle for reporting progress from elsewhere, such as the thread that reads a program's output.
    #[must_use]
    pub fn handle(&self) -> StepHandle {
        self.events.handle(self.phase, &self.name)
    }

    /// Reports the largest layer of an image that the step loads.
    pub(crate) fn largest_layer(&self, layer: LargestLayer) {
        self.send(EventKind::LargestLayer(layer));
    }

    /// Ends the step as done.
    pub fn done(self) {
        self.finish(Outcome::Done);
    }

    /// Ends the step as unchanged.
    pub fn unchanged(self) {
        self.finish(Outcome::Unchanged);
    }

    /// Ends the step as failed or timed out, with the reason.
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

/// Reports the progress of a step, without ending it.
#[derive(Debug, Clone)]
pub struct StepHandle {
    events: Events,
    phase: Phase,
    name: String,
}

impl StepHandle {
    pub(super) fn new(events: Events, phase: Phase, name: String) -> StepHandle {
        StepHandle { events, phase, name }
    }

    /// Reports what the step is doing now.
    pub fn progress(&self, message: impl Into<String>) {
        self.events.send(self.phase, &self.name, EventKind::Progress(message.into()));
    }

    /// Reports that a dependency's circuit breaker has changed.
    pub(crate) fn breaker(&self, dependency: String, state: BreakerState) {
        self.events.send(self.phase, &self.name, EventKind::Breaker { dependency, state });
    }

    /// Reports that a call of the step is retried after a pause.
    pub(crate) fn retry(&self, attempt: u32, of: u32, cause: String, after: Duration) {
        self.events.send(self.phase, &self.name, EventKind::Retry { attempt, of, cause, after });
    }
}
