//! What a run would have taken with a step shorter: the run's steps once more, in the order of their dependencies.
//!
//! A step waits for the steps that it depends on, and then takes its own time. A pause between the two is kept. The time
//! of a component to be ready counts from when what it needs was ready.

use std::collections::HashMap;
use std::time::Duration;

use super::timeline::SLACK;
use super::{Phase, PlannedComponent, Span, Timeline};

/// The steps of the phase `images` that the images of components are made from.
const FIRST: [&str; 2] = ["base", "cargo"];
/// The image that a cluster is made from.
const NODE: [&str; 1] = ["node"];

/// The steps of a run that brought a suite up, in order, each after those that it depends on.
#[derive(Debug)]
pub(super) struct WhatIf<'a> {
    steps: Vec<Step<'a>>,
    /// When the last step ended, replayed as it was.
    end: Duration,
}

/// A step, by its index in the order.
#[derive(Debug)]
pub(super) struct Step<'a> {
    /// The step as it was.
    pub(super) span: &'a Span,
    /// Its own time: of a component, from when what it needs was ready until it was.
    pub(super) own: Duration,
    /// The steps that end before this one starts.
    after: Vec<usize>,
    /// Further ones that do because `until` says so.
    until: Vec<usize>,
    /// When the last of these ended.
    was: Option<Duration>,
    /// The steps that end before this one ends: those of the components that this one needs.
    needs: Vec<usize>,
}

impl<'a> WhatIf<'a> {
    /// Returns the steps of a run with these components, deployed by `strategy`.
    pub(super) fn new(timeline: &'a Timeline, components: &[PlannedComponent], strategy: &str) -> WhatIf<'a> {
        let is_start_up = |span: &&Span| !matches!(span.phase, Phase::Specs | Phase::Teardown);
        let mut spans: Vec<&Span> = timeline.spans.iter().filter(is_start_up).collect();
        // What a step waits for ended before it did.
        spans.sort_by_key(|span| (span.end, span.start));
        let known: HashMap<&str, &PlannedComponent> = components.iter().map(|it| (it.name.as_str(), it)).collect();
        let deployed = spans.iter().filter(|span| span.phase == Phase::Deploy);
        let applied: HashMap<&str, Duration> = deployed.map(|span| (span.step.as_str(), span.start)).collect();
        let is_serial = strategy != "parallel";
        let steps = spans.iter().enumerate().map(|(at, span)| {
            let before = |on: &dyn Fn(&Span) -> bool| -> Vec<usize> {
                let ended =
                    spans[..at].partition_point(|other| other.end <= span.start + SLACK && other.end < span.end);
                (0..ended).filter(|other| on(spans[*other])).collect()
            };
            let component = known.get(span.step.as_str());
            let uses = |image: &String| component.is_some_and(|it| it.image_steps.contains(image));
            let after = match span.phase {
                Phase::Images | Phase::Cluster => before(&|other| {
                    let first = if span.phase == Phase::Cluster { &NODE[..] } else { &FIRST };
                    other.phase == Phase::Setup
                        || (other.phase == Phase::Images && first.contains(&other.step.as_str()))
                }),
                Phase::Load => before(&|other| {
                    (other.phase == Phase::Images && uses(&other.step))
                        || (other.phase == Phase::Load && binds(other, span))
                }),
                Phase::Deploy => {
                    let mut after = before(&|other| {
                        other.phase == Phase::Cluster || (other.phase == Phase::Load && other.step == span.step)
                    });
                    if is_serial {
                        let ready = before(&|other| other.phase == Phase::Ready);
                        // Those that were ready before the last of them was applied were waited for by that one.
                        let last = ready.iter().filter_map(|at| applied.get(spans[*at].step.as_str())).max().copied();
                        after.extend(ready.into_iter().filter(|at| Some(spans[*at].end) > last));
                    }
                    after
                }
                Phase::Ready => before(&|other| other.phase == Phase::Deploy && other.step == span.step),
                Phase::Setup | Phase::Specs | Phase::Teardown => Vec::new(),
            };
            // What is ready when it starts, or applied, and its tasks.
            let until = match span.phase {
                Phase::Deploy => before(&|other| {
                    let step = other.step.strip_suffix(", after").unwrap_or(&other.step);
                    matches!(other.phase, Phase::Deploy | Phase::Ready)
                        && component.is_some_and(|it| it.until.iter().any(|need| need == step))
                }),
                _ => Vec::new(),
            };
            let needed = |other: &Span| {
                component.is_some_and(|it| it.needs.contains(&other.step))
                    && other.phase == Phase::Ready
                    && other.end <= span.end
            };
            let needs = match span.phase {
                Phase::Ready => (0..at).filter(|other| needed(spans[*other])).collect(),
                _ => Vec::new(),
            };
            let last = |all: &[usize]| all.iter().map(|other| spans[*other].end).max();
            let own = span.end.saturating_sub(last(&needs).map_or(span.start, |ready| ready.max(span.start)));
            Step { span, own, was: last(&after).max(last(&until)), after, until, needs }
        });
        let mut what_if = WhatIf { steps: steps.collect(), end: Duration::ZERO };
        what_if.end = what_if.replay(|_| 1.0);
        what_if
    }

    /// Returns the steps in order, each with its index.
    pub(super) fn steps(&self) -> impl Iterator<Item = (usize, &Step<'a>)> {
        self.steps.iter().enumerate()
    }

    /// Returns when the last step ended, replayed as it was.
    pub(super) fn end(&self) -> Duration {
        self.end
    }

    /// Returns by how much the run would have been shorter, had the step at `index` taken `take` of its own time, from 0
    /// to 1.
    pub(super) fn saved(&self, index: usize, take: f64) -> Duration {
        self.end.saturating_sub(self.replay(|other| if other == index { take } else { 1.0 }))
    }

    /// Returns when the last step would have ended, had each taken that part of its own time.
    fn replay(&self, take: impl Fn(usize) -> f64) -> Duration {
        self.replay_without(None, take)
    }

    /// Returns by how much the run would have been shorter, had nothing held the step at `index` back, and for how long
    /// it was held back.
    pub(super) fn saved_without_until(&self, index: usize) -> Option<(Duration, Duration)> {
        let step = self.steps.get(index).filter(|step| !step.until.is_empty())?;
        let free = step.after.iter().filter_map(|it| self.steps.get(*it)).map(|it| it.span.end).max()?;
        let saved = self.end.saturating_sub(self.replay_without(Some(index), |_| 1.0));
        Some((saved, step.span.start.saturating_sub(free)))
    }

    fn replay_without(&self, free: Option<usize>, take: impl Fn(usize) -> f64) -> Duration {
        let mut ends: Vec<Duration> = Vec::with_capacity(self.steps.len());
        for (index, step) in self.steps.iter().enumerate() {
            let until = if free == Some(index) { &[][..] } else { &step.until };
            let is = step.after.iter().chain(until).filter_map(|it| ends.get(*it)).max();
            let start = match (step.was, is) {
                (_, Some(is)) if free == Some(index) => *is,
                (Some(was), Some(is)) => (*is + step.span.start).saturating_sub(was),
                _ => step.span.start,
            };
            let ready = step.needs.iter().filter_map(|need| ends.get(*need)).max();
            let taken = take(index);
            let own = if taken < 1.0 { step.own.mul_f64(taken.max(0.0)) } else { step.own };
            ends.push(ready.map_or(start, |ready| start.max(*ready)) + own);
        }
        ends.into_iter().max().unwrap_or_default()
    }

    /// Returns the longest chain of components' own times along their needs: no order of starting them is faster.
    pub(super) fn lower_bound(&self) -> Duration {
        let deployed = self.steps.iter().filter(|step| step.span.phase == Phase::Deploy);
        let deployed: HashMap<&str, Duration> =
            deployed.map(|step| (step.span.step.as_str(), step.span.duration())).collect();
        let mut chains: Vec<Duration> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let own = match step.span.phase {
                // What needs nothing starts with its deployment.
                Phase::Ready if step.needs.is_empty() => {
                    step.own + deployed.get(step.span.step.as_str()).copied().unwrap_or_default()
                }
                Phase::Ready => step.own,
                _ => Duration::ZERO,
            };
            let longest = step.needs.iter().filter_map(|need| chains.get(*need)).max();
            chains.push(own + longest.copied().unwrap_or_default());
        }
        chains.into_iter().max().unwrap_or_default()
    }
}

/// Returns whether a step started because another had ended: right after it.
fn binds(before: &Span, span: &Span) -> bool {
    before.end <= span.start + SLACK && before.end + SLACK >= span.start
}

#[cfg(test)]
mod tests;
