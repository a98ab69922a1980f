//! Start and end of every step, and figures derived from them.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    BreakerState, ComponentMoment, ComponentStates, Event, EventKind, LargestLayer, OtherStrategy, Outcome, Phase,
    RunHeader, Usage,
};

/// Consecutive steps are not exactly adjacent: their events are a moment apart.
pub(super) const SLACK: Duration = Duration::from_millis(20);

/// One step, from start to end. Durations count from the start of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Span {
    /// The phase that it belongs to.
    pub phase: Phase,
    /// Its name: a component, an image, or a part of the stage.
    pub step: String,
    /// When it started.
    #[serde(serialize_with = "seconds")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub start: Duration,
    /// When it ended.
    #[serde(serialize_with = "seconds")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub end: Duration,
    /// Its result.
    pub outcome: Outcome,
}

impl Span {
    /// Returns its duration.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }
}

/// A call that failed temporarily, and was retried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Retry {
    /// The phase that it belongs to.
    pub phase: Phase,
    /// The step of that phase.
    pub step: String,
    /// When the previous attempt failed, from the start of the run.
    #[serde(serialize_with = "seconds")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub at: Duration,
    /// The number of the attempt, counted from 1.
    pub attempt: u32,
    /// The maximum number of attempts for this cause.
    pub of: u32,
    /// The cause of the previous failure.
    pub cause: String,
    /// The pause in between.
    #[serde(serialize_with = "seconds")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub after: Duration,
}

/// A moment in the start of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Moment {
    /// The component.
    pub component: String,
    /// What happened, and when.
    #[serde(flatten)]
    pub moment: ComponentMoment,
}

/// A change of a dependency's circuit breaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BreakerChange {
    /// When it was, from the start of the run.
    #[serde(serialize_with = "seconds")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub at: Duration,
    /// The dependency.
    pub dependency: String,
    /// The state from then on.
    pub state: BreakerState,
}

pub(super) fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    // Milliseconds are precise enough.
    serializer.serialize_f64((duration.as_secs_f64() * 1000.0).round() / 1000.0)
}

/// The spans of a run.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// Wall-clock time of the first event.
    pub began: Option<Timestamp>,
    /// Finished steps, in the order in which they ended.
    pub spans: Vec<Span>,
    /// Retried calls, in order.
    pub retries: Vec<Retry>,
    /// Moments in the start of components, in order.
    pub moments: Vec<Moment>,
    /// What was used until when, in order.
    pub usage: Vec<(Duration, Usage)>,
    /// Changes of circuit breakers, in order.
    pub breakers: Vec<BreakerChange>,
    /// The deployed images, as one hash; `None` when nothing was deployed.
    pub images: Option<String>,
    /// The largest layer of each image that was loaded, with the component that it was loaded for.
    pub layers: Vec<(String, LargestLayer)>,
    /// How long earlier runs by the other strategy took; `None` when that is not known.
    pub other_strategy: Option<OtherStrategy>,
    /// Why the run failed, if that was found out.
    pub diagnosis: Option<String>,
    /// The states of each component.
    pub lives: ComponentStates,
    open: Vec<(Phase, String, Duration)>,
}

impl Timeline {
    /// Records `event`.
    pub fn record(&mut self, event: &Event) {
        self.began.get_or_insert(event.wall);
        // Ignores an invalid state transition; the run continues.
        let _ = self.lives.record(event);
        match &event.kind {
            EventKind::Started => self.open.push((event.phase, event.step.clone(), event.at)),
            EventKind::Finished(outcome) => {
                let same = |(phase, step, _): &(Phase, String, Duration)| *phase == event.phase && *step == event.step;
                let Some(index) = self.open.iter().position(same) else { return };
                let (phase, step, start) = self.open.remove(index);
                self.spans.push(Span { phase, step, start, end: event.at, outcome: outcome.clone() });
            }
            EventKind::Retry { attempt, of, cause, after } => self.retries.push(Retry {
                phase: event.phase,
                step: event.step.clone(),
                at: event.at,
                attempt: *attempt,
                of: *of,
                cause: cause.clone(),
                after: *after,
            }),
            EventKind::Moment(moment) => {
                let after = self.moments.partition_point(|known| known.moment.at <= moment.at);
                let moment = Moment { component: event.step.clone(), moment: moment.clone() };
                self.moments.insert(after, moment);
            }
            EventKind::Images(hash) => self.images = Some(hash.clone()),
            EventKind::LargestLayer(layer) => self.layers.push((event.step.clone(), layer.clone())),
            EventKind::OtherStrategy(other) => self.other_strategy = Some(other.clone()),
            EventKind::Diagnosis(text) => self.diagnosis = Some(text.clone()),
            EventKind::Usage(usage) => self.usage.push((event.at, usage.clone())),
            EventKind::Breaker { dependency, state } => {
                let change = BreakerChange { at: event.at, dependency: dependency.clone(), state: *state };
                self.breakers.push(change);
            }
            EventKind::Pending
            | EventKind::Progress(_)
            | EventKind::Trouble { .. }
            | EventKind::Note(_)
            | EventKind::Warning(_) => {}
        }
    }

    /// Returns the timeline at `now`: steps in progress end there, as failed.
    pub(super) fn so_far(&self, now: Duration) -> Timeline {
        let mut timeline = self.clone();
        let open = std::mem::take(&mut timeline.open).into_iter();
        let ended = open.map(|(phase, step, start)| Span { phase, step, start, end: now, outcome: Outcome::Failed });
        timeline.spans.extend(ended);
        timeline
    }

    /// Returns the time from the first step's start to the last one's end.
    #[must_use]
    pub fn wall(&self) -> Duration {
        extent(self.spans.iter()).map_or(Duration::ZERO, |(start, end)| end.saturating_sub(start))
    }

    /// Returns start and end of `phase`; `None` when it had no step.
    #[must_use]
    pub fn phase(&self, phase: Phase) -> Option<(Duration, Duration)> {
        extent(self.spans.iter().filter(|span| span.phase == phase))
    }

    /// Returns whether the run created its cluster.
    #[must_use]
    pub fn created_cluster(&self) -> bool {
        self.phase(Phase::Cluster).is_some_and(|(start, end)| end.saturating_sub(start).as_secs() > 0)
    }

    /// Returns whether every component of the run's plan was started, and is ready.
    #[must_use]
    pub fn is_whole(&self, header: &RunHeader) -> bool {
        self.failures() == 0 && self.components().len() >= header.components.len()
    }

    /// Returns how many steps of deploy and ready failed.
    pub(super) fn failures(&self) -> usize {
        let is_start_up = |span: &&Span| matches!(span.phase, Phase::Deploy | Phase::Ready);
        self.spans.iter().filter(is_start_up).filter(|span| span.outcome == Outcome::Failed).count()
    }

    /// Returns when the first component was applied, and when the last one was ready; `None` when nothing was deployed.
    pub(super) fn start_up_extent(&self) -> Option<(Duration, Duration)> {
        extent(self.spans.iter().filter(|span| matches!(span.phase, Phase::Deploy | Phase::Ready)))
    }

    /// Returns for how long components were deployed and awaited, in which strategies differ: times in which all of them
    /// waited for images do not count. `None` when nothing was deployed.
    #[must_use]
    pub fn start_up(&self) -> Option<Duration> {
        let is_start_up = |span: &&Span| matches!(span.phase, Phase::Deploy | Phase::Ready);
        let mut spans: Vec<&Span> = self.spans.iter().filter(is_start_up).collect();
        spans.sort_by_key(|span| span.start);
        let mut covered = spans.first()?.start;
        let mut total = Duration::ZERO;
        for span in spans {
            total += span.end.saturating_sub(covered.max(span.start));
            covered = covered.max(span.end);
        }
        Some(total)
    }

    /// Returns the start-up time of every component: from the start of its deploy until it was ready for the last time.
    #[must_use]
    pub fn components(&self) -> Vec<(&str, Duration)> {
        let is_last = |ready: &Span| {
            let mut others = self.spans.iter().filter(|span| span.phase == Phase::Ready && span.step == ready.step);
            others.all(|other| other.end <= ready.end)
        };
        let ready = self.spans.iter().filter(|span| span.phase == Phase::Ready && is_last(span));
        ready
            .map(|ready| {
                let deploy = self.spans.iter().find(|span| span.phase == Phase::Deploy && span.step == ready.step);
                (ready.step.as_str(), ready.end.saturating_sub(deploy.map_or(ready.start, |deploy| deploy.start)))
            })
            .collect()
    }

    /// Returns the sum of the components' start-up times ÷ wall time of deploy and ready; 1 when nothing overlapped.
    /// Waiting counts: components that wait for the same processor overlap, too.
    #[must_use]
    pub fn overlap(&self) -> Option<f64> {
        let wall = self.start_up()?.as_secs_f64();
        let sum: Duration = self.components().iter().map(|(_, time)| *time).sum();
        (wall > 0.0 && !sum.is_zero()).then(|| sum.as_secs_f64() / wall)
    }

    /// Returns the chain of steps that determined the end of the run, first to last: each is the one that ended last
    /// before the next started.
    #[must_use]
    pub fn critical_path(&self) -> Vec<&Span> {
        let mut path: Vec<&Span> = Vec::new();
        let mut next = self.spans.iter().max_by_key(|span| span.end);
        while let Some(span) = next {
            path.push(span);
            // Strictly earlier ends, so that the walk terminates.
            let before = |other: &&Span| other.end <= span.start + SLACK && other.end < span.end;
            next = self.spans.iter().filter(before).max_by_key(|other| (other.end, other.duration()));
        }
        path.reverse();
        path
    }
}

fn extent<'a>(spans: impl Iterator<Item = &'a Span>) -> Option<(Duration, Duration)> {
    spans.map(|span| (span.start, span.end)).reduce(|(start, end), (s, e)| (start.min(s), end.max(e)))
}

#[cfg(test)]
pub(super) mod tests;
