//! Figures of a start-up: how long it took, what that is worth, and what it was spent on.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::advice::{Advice, advise};
use super::json::{seconds, thousandths};
use super::what_if::WhatIf;
use super::{BreakerChange, BreakerState, Phase, RunHeader, StartupUsage, Timeline};

/// How many steps are listed that the run would have been shorter without.
const BOTTLENECKS: usize = 5;

/// The limits of grades and alerts: `grade` and `alert` of `e2e.yaml`. Times are in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Limits {
    /// Below this time, A.
    pub a: f64,
    /// Below this time, B.
    pub b: f64,
    /// Below this time, C.
    pub c: f64,
    /// Below this time, D.
    pub d: f64,
    /// A longer start-up is a warning.
    pub warn: f64,
    /// A longer start-up is critical.
    pub critical: f64,
}

/// How long a start-up took, as a school mark. Its limits are in `e2e.yaml`, `grade`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Grade {
    /// Less than 15 s, unless the suite says otherwise.
    A,
    /// Less than 25 s.
    B,
    /// Less than 40 s.
    C,
    /// Less than 60 s.
    D,
    /// 60 s or more.
    F,
}

impl Grade {
    /// Returns the grade of a start-up that took `time`.
    #[must_use]
    pub fn of(time: Duration, limits: &Limits) -> Grade {
        let time = time.as_secs_f64();
        let grades = [(limits.a, Grade::A), (limits.b, Grade::B), (limits.c, Grade::C), (limits.d, Grade::D)];
        grades.into_iter().find(|(limit, _)| time < *limit).map_or(Grade::F, |(_, grade)| grade)
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A start-up that took longer than the suite allows: `e2e.yaml`, `alert`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Alert {
    /// Longer than `warn`.
    Warn,
    /// Longer than `critical`.
    Critical,
}

impl Alert {
    /// Returns the alert that a start-up of `time` is worth.
    #[must_use]
    pub fn of(time: Duration, limits: &Limits) -> Option<Alert> {
        let time = time.as_secs_f64();
        let alerts = [(limits.critical, Alert::Critical), (limits.warn, Alert::Warn)];
        alerts.into_iter().find(|(limit, _)| time > *limit).map(|(_, alert)| alert)
    }

    /// Returns its name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Alert::Warn => "warn",
            Alert::Critical => "critical",
        }
    }
}

/// Figures of a start-up: of the time in which components were deployed and awaited. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StartupMetrics {
    /// How long it took.
    pub total: f64,
    /// What that is worth; null when a component was not ready.
    pub grade: Option<Grade>,
    /// Whether it took longer than the suite allows.
    pub alert: Option<Alert>,
    /// How many components were started.
    pub components: usize,
    /// How many of them were not ready.
    pub failures: usize,
    /// Sequential ÷ parallel: of this run, and of the median of earlier runs by the other strategy, of the same suite on the
    /// same class of host, with a new cluster or without as this one. Null when not both are known.
    pub speed_up: Option<f64>,
    /// The components' start-up times together, divided by the total. Waiting counts: components that wait for the same
    /// processor overlap, too.
    pub overlap: f64,
    /// The longest chain of components' own times along their needs: with these times, no order is faster.
    pub lower_bound: f64,
    /// The lower bound divided by the total: 1 when only that chain took time.
    pub share_of_lower_bound: f64,
    /// The lower bound, and no less than the CPU time that was used divided by the cores: with these times and this host,
    /// no order is faster. Null when the CPU time is not known.
    pub lower_bound_with_cores: Option<f64>,
    /// What was used; null when nothing was measured.
    pub usage: Option<StartupUsage>,
    /// The circuit breakers that opened, with their last state.
    pub breakers: Vec<OpenedBreaker>,
    /// How many calls were retried.
    pub retries: usize,
    /// The pauses before retries together.
    pub paused: f64,
    /// The steps without which the whole run would have been shorter, the greatest gain first.
    pub bottlenecks: Vec<Bottleneck>,
    /// What would make it shorter, by stated rules; the greatest gain first.
    pub recommendations: Vec<Advice>,
}

/// A step, and the time by which the run, from its first step on, would have been shorter.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Bottleneck {
    /// Its phase.
    pub phase: Phase,
    /// Its name.
    pub step: String,
    /// Its own time: of a component, from when what it needs was ready.
    pub own: f64,
    /// Seconds saved if it had taken no time.
    pub saves: f64,
    /// Seconds saved if it had been 20 % faster.
    pub saves_when_faster: f64,
}

/// A circuit breaker that was open during the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenedBreaker {
    /// The dependency that was not called.
    pub dependency: String,
    /// Its state at the end of the run.
    pub state: BreakerState,
    /// How often it opened.
    pub opened: usize,
}

impl StartupMetrics {
    /// Returns the figures of a run; `None` when it deployed nothing.
    #[must_use]
    pub fn of(timeline: &Timeline, header: &RunHeader) -> Option<StartupMetrics> {
        let total = timeline.start_up()?;
        let what_if = WhatIf::new(timeline, &header.components, &header.strategy);
        let components = timeline.components();
        let is_whole = timeline.is_whole(header);
        let other = timeline.other_strategy.as_ref().filter(|_| is_whole);
        let speed_up = other.and_then(|other| other.speed_up(total.as_secs_f64(), timeline.created_cluster()));
        let lower_bound = what_if.lower_bound();
        let usage = StartupUsage::of(timeline, header.host.cores);
        Some(StartupMetrics {
            total: seconds(total),
            grade: is_whole.then(|| Grade::of(total, &header.limits)),
            alert: Alert::of(total, &header.limits),
            components: components.len(),
            failures: timeline.failures(),
            speed_up: speed_up.map(thousandths),
            overlap: thousandths(timeline.overlap().unwrap_or_default()),
            lower_bound: seconds(lower_bound),
            share_of_lower_bound: thousandths(ratio(lower_bound, total)),
            lower_bound_with_cores: usage
                .as_ref()
                .and_then(|usage| usage.cpu_bound())
                .map(|cpu| thousandths(lower_bound.as_secs_f64().max(cpu))),
            breakers: opened(timeline),
            retries: timeline.retries.len(),
            paused: seconds(timeline.retries.iter().map(|retry| retry.after).sum()),
            bottlenecks: bottlenecks(&what_if),
            recommendations: advise(timeline, header, &what_if, usage.as_ref()),
            usage,
        })
    }
}

fn opened(timeline: &Timeline) -> Vec<OpenedBreaker> {
    let mut breakers: Vec<OpenedBreaker> = Vec::new();
    for BreakerChange { dependency, state, .. } in &timeline.breakers {
        let opened = usize::from(*state == BreakerState::Open);
        match breakers.iter_mut().find(|breaker| breaker.dependency == *dependency) {
            Some(breaker) => (breaker.state, breaker.opened) = (*state, breaker.opened + opened),
            None => breakers.push(OpenedBreaker { dependency: dependency.clone(), state: *state, opened }),
        }
    }
    breakers
}

fn bottlenecks(what_if: &WhatIf<'_>) -> Vec<Bottleneck> {
    let mut steps: Vec<_> = what_if.steps().collect();
    steps.sort_by_key(|(_, step)| std::cmp::Reverse(step.own));
    let mut saving: Vec<(Duration, usize, &super::what_if::Step<'_>)> = Vec::new();
    for (at, step) in steps {
        // No step saves more than its own time: the rest cannot be among the first any more.
        if saving.get(BOTTLENECKS - 1).is_some_and(|(saves, ..)| *saves >= step.own) {
            break;
        }
        let saves = what_if.saved(at, 0.0);
        if !saves.is_zero() {
            let place = saving.partition_point(|(more, ..)| *more >= saves);
            saving.insert(place, (saves, at, step));
        }
        saving.truncate(BOTTLENECKS);
    }
    let found = saving.into_iter().map(|(saves, at, step)| Bottleneck {
        phase: step.span.phase,
        step: step.span.step.clone(),
        own: seconds(step.own),
        saves: seconds(saves),
        saves_when_faster: seconds(what_if.saved(at, 0.8)),
    });
    found.collect()
}

fn ratio(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 0.0 } else { part.as_secs_f64() / whole.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::report::run_file::tests::limits;

    #[rstest]
    #[case(14_999, Grade::A, None)]
    #[case(15_000, Grade::B, None)]
    #[case(30_000, Grade::C, None)]
    #[case(30_001, Grade::C, Some(Alert::Warn))]
    #[case(59_999, Grade::D, Some(Alert::Warn))]
    #[case(60_000, Grade::F, Some(Alert::Warn))]
    #[case(60_001, Grade::F, Some(Alert::Critical))]
    fn grades_and_alerts_change_at_their_limits(
        #[case] millis: u64,
        #[case] grade: Grade,
        #[case] alert: Option<Alert>,
    ) {
        let time = Duration::from_millis(millis);
        assert_eq!(Grade::of(time, &limits()), grade);
        assert_eq!(Alert::of(time, &limits()), alert);
    }
}
