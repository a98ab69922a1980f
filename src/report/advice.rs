//! What would make a start-up shorter, by stated rules. A rule that would save too little says nothing.

use std::time::Duration;

use serde::Serialize;

use super::json::{seconds, thousandths};
use super::timeline::SLACK;
use super::what_if::{Step, WhatIf};
use super::{Phase, RunHeader, Span, StartupUsage, Timeline};
use crate::readiness::MomentKind;

/// What saves less than this part of the run is not worth a line.
const WORTH: f64 = 0.05;

/// A recommendation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Advice {
    /// The rule that gives it.
    pub rule: Rule,
    /// What to do.
    pub advice: String,
    /// The figures that it follows from.
    pub evidence: String,
    /// Seconds by which the run would have been shorter: at most, as the steps depended on each other.
    pub saves: f64,
}

/// The rules. Each compares the run as it was with the run as it would have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Rule {
    /// Components start one after the other that do not need each other.
    OrderSerialises,
    /// A component is held back that nothing but `until` holds back.
    UntilSerialises,
    /// The run waits for an image to be loaded.
    ImageLoad,
    /// The run waits for an image to be built or pulled.
    ImageBuild,
    /// The run waits for pauses before retries.
    RetryPauses,
    /// All cores of the host are busy for a good part of the start-up.
    CpuSaturated,
    /// The run waits for the schedule of a readiness probe: its initial delay, or its period.
    ProbeSchedule,
    /// One component takes more than half of the start-up by itself.
    OneComponent,
}

/// Returns the recommendations for a run, the greatest gain first.
pub(super) fn advise(
    timeline: &Timeline,
    header: &RunHeader,
    what_if: &WhatIf<'_>,
    usage: Option<&StartupUsage>,
) -> Vec<Advice> {
    let Some(total) = timeline.start_up() else { return Vec::new() };
    let mut found = vec![order(header, what_if, total)];
    let least = WORTH * what_if.end().as_secs_f64();
    // No step saves more than its own time.
    let worth = || what_if.steps().filter(|(_, step)| step.own.as_secs_f64() >= least);
    for (at, step) in worth() {
        let (name, took) = (&step.span.step, text(step.span.duration()));
        let (rule, advice, evidence) = match step.span.phase {
            Phase::Load => (
                Rule::ImageLoad,
                format!(
                    "make the image of {name} smaller, or let its components start from an image that is loaded anyway"
                ),
                loaded(timeline, name, &took),
            ),
            Phase::Images => (
                Rule::ImageBuild,
                format!("have the image step {name} done before the run: what it makes is kept"),
                format!("it took {took}, and the run waited for it"),
            ),
            Phase::Ready if header.components.len() > 1 && step.own * 2 > total => (
                Rule::OneComponent,
                format!(
                    "look at what {name} does before it is ready: `kind-harness up --only {name}` is quick to repeat"
                ),
                format!("{} of {} are its own, after everything that it needs", text(step.own), text(total)),
            ),
            _ => continue,
        };
        found.push(Advice { rule, advice, evidence, saves: seconds(what_if.saved(at, 0.0)) });
    }
    found.extend(worth().filter_map(|(at, step)| retries(timeline, at, step.span, what_if)));
    found.extend(what_if.steps().filter_map(|(at, step)| held_back(at, step, header, what_if)));
    found.extend(worth().filter_map(|(at, step)| probes(timeline, at, step, what_if)));
    found.extend(usage.and_then(|usage| saturated(usage, total)));
    found.retain(|advice| advice.saves > 0.0 && advice.saves >= least);
    found.sort_by(|a, b| b.saves.total_cmp(&a.saves));
    found
}

/// The order in which components are started.
fn order(header: &RunHeader, what_if: &WhatIf<'_>, total: Duration) -> Advice {
    let bound = what_if.lower_bound();
    let saves = if header.strategy == "parallel" { Duration::ZERO } else { total.saturating_sub(bound) };
    Advice {
        rule: Rule::OrderSerialises,
        advice: "start components at once: `strategy: parallel`".into(),
        evidence: format!("{} took {}; the longest chain of needs takes {}", header.strategy, text(total), text(bound)),
        saves: seconds(saves),
    }
}

/// The time that it took to load a component's images, and the largest layer of them.
fn loaded(timeline: &Timeline, component: &str, took: &str) -> String {
    let layers = timeline.layers.iter().filter(|(step, _)| step == component).map(|(_, layer)| layer);
    let largest = layers.max_by_key(|layer| layer.bytes).map(|layer| format!("; {layer}"));
    format!("loading it took {took}, and the components waited for it{}", largest.unwrap_or_default())
}

/// A component that others hold back by `until`.
fn held_back(at: usize, step: &Step<'_>, header: &RunHeader, what_if: &WhatIf<'_>) -> Option<Advice> {
    let (saved, waited) = what_if.saved_without_until(at)?;
    let (name, component) = (&step.span.step, header.components.iter().find(|it| it.name == step.span.step)?);
    let holders = component.until.join(" and ");
    Some(Advice {
        rule: Rule::UntilSerialises,
        advice: format!("let {name} wait for {holders} by itself, as it must in production, and remove `until`"),
        evidence: format!("`until` held it back for {}, when its images were there", text(waited)),
        saves: seconds(saved),
    })
}

/// The pauses before a step's retries.
fn retries(timeline: &Timeline, at: usize, step: &Span, what_if: &WhatIf<'_>) -> Option<Advice> {
    let mut of_step = timeline.retries.iter().filter(|retry| retry.phase == step.phase && retry.step == step.step);
    let (count, paused) = of_step.clone().fold((0, Duration::ZERO), |(n, sum), retry| (n + 1, sum + retry.after));
    let cause = &of_step.next_back()?.cause;
    let rest =
        step.duration().saturating_sub(paused).as_secs_f64() / step.duration().as_secs_f64().max(f64::MIN_POSITIVE);
    Some(Advice {
        rule: Rule::RetryPauses,
        advice: format!("find out why calls of {} had to be retried", step.step),
        evidence: format!("{count} retries with pauses of {}; the last one: {cause}", text(paused)),
        saves: seconds(what_if.saved(at, rest)),
    })
}

/// The CPU: with twice the cores, the time in which all of them were busy halves at best.
fn saturated(usage: &StartupUsage, total: Duration) -> Option<Advice> {
    let (busy, cpu) = (usage.saturated?, usage.host_cpu?);
    let ours = usage
        .node
        .zip(usage.harness)
        .map(|(node, harness)| format!(", {:.1} of them by the nodes and {:.1} by the harness", node.cpu, harness.cpu));
    Some(Advice {
        rule: Rule::CpuSaturated,
        advice: "use more cores, or let components do less while they start".into(),
        evidence: format!(
            "all {} cores were busy for {busy:.1} of {}: {cpu:.1} CPU seconds{}",
            usage.cores,
            text(total),
            ours.unwrap_or_default()
        ),
        saves: thousandths(busy.min(total.as_secs_f64()) / 2.0),
    })
}

/// The readiness probe that a component's last pod waits for: a probe that is asked a second after the container has
/// started, and each second from then on, finds out that much earlier.
fn probes(timeline: &Timeline, at: usize, step: &Step<'_>, what_if: &WhatIf<'_>) -> Option<Advice> {
    let of_step = || timeline.moments.iter().filter(|it| it.component == step.span.step).map(|it| &it.moment);
    if step.span.phase != Phase::Ready {
        return None;
    }
    let ready = of_step().rev().find(|it| it.kind == MomentKind::PodReady && it.at <= step.span.end + SLACK)?;
    let started = of_step().rev().find(|it| {
        it.kind == MomentKind::Started && it.object == ready.object && it.at <= ready.at && it.probe.is_some()
    })?;
    let schedule = started.probe?;
    let failed = of_step().any(|it| it.kind == MomentKind::ProbeFailed && it.object == ready.object);
    // The pod may have been able to answer right after it started, or after the probe that failed before.
    let (what, pause) = match failed {
        true => ("periodSeconds", schedule.period),
        false => ("initialDelaySeconds", schedule.initial_delay),
    };
    let waited = ready.at.saturating_sub(started.at);
    let most = Duration::from_secs(pause.saturating_sub(1).into()).min(waited);
    if most.is_zero() || step.span.duration().is_zero() {
        return None;
    }
    let rest = step.own.saturating_sub(most).as_secs_f64() / step.own.as_secs_f64().max(f64::MIN_POSITIVE);
    Some(Advice {
        rule: Rule::ProbeSchedule,
        advice: format!("make {what} of the readiness probe of {} shorter", step.span.step),
        evidence: format!(
            "{what} is {pause}; its container ran for {} until pod {} was ready",
            text(waited),
            ready.object
        ),
        saves: seconds(what_if.saved(at, rest)),
    })
}

fn text(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests;
