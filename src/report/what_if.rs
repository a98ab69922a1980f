//! What a run would have taken with a step shorter: the run's steps once more, in the order of their dependencies.
//!
//! A step waits for the steps that it depends on, and then takes its own time. A pause between the two is kept. The time
//! of a component to be ready counts from when what it needs was ready.

use std::collections::HashMap;
use std::time::Duration;

use super::{Phase, PlannedComponent, Span, Timeline};

/// Consecutive steps are not exactly adjacent: their events are a moment apart.
const SLACK: Duration = Duration::from_millis(100);

/// The steps of the phase `images` that the images of components are made from.
const FIRST: [&str; 2] = ["base", "cargo"];
/// The image that a cluster is made from.
const NODE: [&str; 1] = ["node"];

/// The steps of a run that brought a suite up, in order, each after those that it depends on.
#[derive(Debug)]
pub(super) struct WhatIf<'a> {
    steps: Vec<Node<'a>>,
}

#[derive(Debug)]
struct Node<'a> {
    span: &'a Span,
    /// The steps that end before this one starts, by index.
    after: Vec<usize>,
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
        let is_serial = strategy != "parallel";
        let steps = spans.iter().enumerate().map(|(at, span)| {
            let before = |on: &dyn Fn(&Span) -> bool| -> Vec<usize> {
                let is_before = |other: &Span| other.end <= span.start + SLACK && other.end < span.end;
                (0..spans.len()).filter(|other| *other != at && is_before(spans[*other]) && on(spans[*other])).collect()
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
                Phase::Deploy => before(&|other| {
                    other.phase == Phase::Cluster
                        || (other.phase == Phase::Load && other.step == span.step)
                        || (other.phase == Phase::Ready && is_serial)
                }),
                Phase::Ready => before(&|other| other.phase == Phase::Deploy && other.step == span.step),
                Phase::Setup | Phase::Specs | Phase::Teardown => Vec::new(),
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
            Node { span, after, needs }
        });
        WhatIf { steps: steps.collect() }
    }

    /// Returns the steps in order.
    pub(super) fn steps(&self) -> impl Iterator<Item = &'a Span> {
        self.steps.iter().map(|node| node.span)
    }

    /// Returns a step's own time: of a component, from when what it needs was ready until it was.
    pub(super) fn own(&self, span: &Span) -> Duration {
        self.steps.iter().find(|node| node.span == span).map_or(Duration::ZERO, |node| self.own_of(node))
    }

    fn own_of(&self, node: &Node<'_>) -> Duration {
        let ready = node.needs.iter().map(|need| self.steps[*need].span.end).max();
        node.span.end.saturating_sub(ready.map_or(node.span.start, |ready| ready.max(node.span.start)))
    }

    /// Returns when the last step would have ended, had each step's own time been `take` of what it was, from 0 to 1.
    pub(super) fn end(&self, take: impl Fn(&Span) -> f64) -> Duration {
        let mut ends: Vec<Duration> = Vec::new();
        for node in &self.steps {
            let was = node.after.iter().map(|it| self.steps[*it].span.end).max();
            let is = node.after.iter().filter_map(|it| ends.get(*it)).max();
            let start = match (was, is) {
                (Some(was), Some(is)) => (*is + node.span.start).saturating_sub(was),
                _ => node.span.start,
            };
            let needs = node.needs.iter().filter_map(|need| ends.get(*need)).max();
            let own = self.own_of(node).mul_f64(take(node.span).clamp(0.0, 1.0));
            ends.push(needs.map_or(start, |needs| start.max(*needs)) + own);
        }
        ends.into_iter().max().unwrap_or_default()
    }

    /// Returns by how much the run would have been shorter, had each step's own time been `take` of what it was.
    pub(super) fn saved(&self, take: impl Fn(&Span) -> f64) -> Duration {
        self.end(|_| 1.0).saturating_sub(self.end(take))
    }

    /// Returns the longest chain of components' own times along their needs: no order of starting them is faster.
    pub(super) fn lower_bound(&self) -> Duration {
        let mut chains: Vec<Duration> = Vec::new();
        for (at, node) in self.steps.iter().enumerate() {
            let deploy =
                self.steps[..at].iter().find(|it| it.span.phase == Phase::Deploy && it.span.step == node.span.step);
            let own = match node.span.phase {
                Phase::Ready => {
                    self.own_of(node)
                        + deploy.filter(|_| node.needs.is_empty()).map_or(Duration::ZERO, |it| it.span.duration())
                }
                _ => Duration::ZERO,
            };
            let longest = node.needs.iter().filter_map(|need| chains.get(*need)).max();
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
