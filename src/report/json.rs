//! The report as JSON.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{
    BreakerChange, HostClass, Moment, Phase, Retry, RunHeader, Span, StartupMetrics, State, StateHistory, Timeline,
};
use crate::readiness::redact::Redactor;

/// Version of the report's format. It changes when a field is removed or changes its meaning.
const FORMAT: u32 = 2;

/// A report in JSON. All times are in seconds since the run started, unless they are timestamps.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Report<'a> {
    /// Version of this format.
    format: u32,
    /// The run's name, for `kind-harness report`.
    run: &'a str,
    /// The suite's name.
    suite: &'a str,
    /// Hash of the suite, its manifests and kind's configuration; null when they could not be read.
    source: Option<&'a str>,
    /// The deployed images, as one hash; null when nothing was deployed.
    images: Option<&'a str>,
    /// The host.
    host: &'a HostClass,
    /// When the run started.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    began: Option<Timestamp>,
    /// `parallel`, `waves` or `sequential`.
    strategy: &'a str,
    /// How long the run took.
    wall: f64,
    /// The phases of the run, in the order of the pipeline. They may overlap.
    phases: Vec<PhaseTime>,
    /// Every step, in the order in which they ended.
    steps: &'a [Span],
    /// Retried calls.
    retries: &'a [Retry],
    /// Moments in the start of components, in order.
    moments: &'a [Moment],
    /// Changes of circuit breakers, in order.
    breakers: &'a [BreakerChange],
    /// Why the run failed; null when it did not, or that was not found out.
    diagnosis: Option<&'a str>,
    /// Every component.
    components: Vec<ComponentTime<'a>>,
    /// For how long components were deployed and awaited; null when nothing was deployed.
    deploy_and_ready: Option<f64>,
    /// Figures of deploy and ready; null when nothing was deployed.
    startup: Option<StartupMetrics>,
    /// The steps that determined the duration of the run.
    critical_path: Vec<StepName<'a>>,
}

/// Start and end of a phase.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct PhaseTime {
    phase: Phase,
    start: f64,
    end: f64,
    duration: f64,
}

/// A step.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct StepName<'a> {
    phase: Phase,
    step: &'a str,
}

/// A component of a report.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct ComponentTime<'a> {
    /// Its name.
    component: &'a str,
    /// From the start of its deployment until it was ready; absent when it was not started.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_up: Option<f64>,
    #[serde(flatten)]
    states: Option<States<'a>>,
}

/// The states of a component.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct States<'a> {
    /// Its current state.
    state: State,
    /// Since when it is in that state.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    since: Timestamp,
    /// How often it was started.
    attempts: u32,
    /// The last error; null when there was none.
    last_error: Option<&'a str>,
    /// Every state that it was in.
    history: Vec<Past>,
}

/// A state that a component was in, and since when.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Past {
    state: State,
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    since: Timestamp,
}

/// Returns the whole timeline as a [`Report`], with secrets masked.
#[must_use]
pub fn to_json(timeline: &Timeline, header: &RunHeader) -> Value {
    // Plain data with string keys: this cannot fail.
    let mut report = serde_json::to_value(report(timeline, header)).unwrap_or_default();
    // Secrets that became known after the events were sent.
    Redactor::global().strings(&mut report);
    report
}

fn report<'a>(timeline: &'a Timeline, header: &'a RunHeader) -> Report<'a> {
    let phases = Phase::ALL.iter().filter_map(|phase| {
        let (start, end) = timeline.phase(*phase)?;
        Some(PhaseTime {
            phase: *phase,
            start: seconds(start),
            end: seconds(end),
            duration: seconds(end.saturating_sub(start)),
        })
    });
    let component = |name, start_up| {
        let states = timeline.lives.get(name).map(states);
        ComponentTime { component: name, start_up, states }
    };
    let started = timeline.components();
    let others = timeline.lives.iter().map(|(name, _)| name).filter(|name| !started.iter().any(|(it, _)| it == name));
    let components = started.iter().map(|(name, time)| component(*name, Some(seconds(*time))));
    Report {
        format: FORMAT,
        run: &header.id,
        suite: &header.suite,
        source: header.source.as_deref(),
        images: timeline.images.as_deref(),
        host: &header.host,
        began: timeline.began,
        strategy: &header.strategy,
        wall: seconds(timeline.wall()),
        phases: phases.collect(),
        steps: &timeline.spans,
        retries: &timeline.retries,
        moments: &timeline.moments,
        breakers: &timeline.breakers,
        diagnosis: timeline.diagnosis.as_deref(),
        components: components.chain(others.map(|name| component(name, None))).collect(),
        deploy_and_ready: timeline.start_up().map(seconds),
        startup: StartupMetrics::of(timeline, header),
        critical_path: timeline
            .critical_path()
            .iter()
            .map(|span| StepName { phase: span.phase, step: &span.step })
            .collect(),
    }
}

fn states(life: &StateHistory) -> States<'_> {
    States {
        state: life.state(),
        since: life.since(),
        attempts: life.attempts(),
        last_error: life.last_error(),
        history: life.history().iter().map(|(state, since)| Past { state: *state, since: *since }).collect(),
    }
}

pub(super) fn seconds(duration: Duration) -> f64 {
    thousandths(duration.as_secs_f64())
}

pub(super) fn thousandths(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::readiness::Missed;
    use crate::report::Events;
    use crate::report::run_file::tests::header;

    #[test]
    fn every_component_has_its_state_whether_it_was_started_or_not() {
        let (events, mut stream) = Events::channel();
        ["a", "b", "c"].iter().for_each(|name| events.pending(name));
        events.step(Phase::Deploy, "a").done();
        events.step(Phase::Ready, "a").done();
        events.step(Phase::Deploy, "b").fail(Missed::Failed, "b.yaml:1: was refused");
        let mut timeline = Timeline::default();
        while let Ok(event) = stream.try_recv() {
            timeline.record(&event);
        }
        let report = to_json(&timeline, &header());
        let told = |index: usize| {
            let component = &report["components"][index];
            ["component", "state", "attempts", "lastError"].map(|key| component[key].clone())
        };
        assert_eq!(told(0), [json!("a"), json!("ready"), json!(1), Value::Null]);
        assert_eq!(told(1), [json!("b"), json!("failed"), json!(1), json!("b.yaml:1: was refused")]);
        assert_eq!(told(2), [json!("c"), json!("pending"), json!(0), Value::Null]);
        let states = report["components"][0]["history"].as_array().into_iter().flatten();
        assert_eq!(states.map(|at| at["state"].clone()).collect::<Vec<_>>(), ["pending", "starting", "ready"]);
    }

    #[test]
    fn a_script_finds_what_it_wants() {
        let mut timeline = crate::report::timeline::tests::example();
        timeline.retries.push(Retry {
            phase: Phase::Deploy,
            step: "db".into(),
            at: Duration::from_secs(14),
            attempt: 2,
            of: 5,
            cause: "timeout".into(),
            after: Duration::from_millis(1250),
        });
        let report = to_json(&timeline, &header());
        assert_eq!(report["wall"], 24.0);
        assert_eq!(report["deployAndReady"], 10.0);
        assert_eq!(
            (report["startup"]["overlap"].as_f64(), report["startup"]["total"].as_f64()),
            (Some(1.6), Some(10.0))
        );
        assert_eq!(report["phases"][1], json!({"phase": "images", "start": 1.0, "end": 9.0, "duration": 8.0}));
        assert_eq!(report["components"][0], json!({"component": "db", "startUp": 6.0}));
        let retry = json!({
            "phase": "deploy", "step": "db", "at": 14.0, "attempt": 2, "of": 5, "cause": "timeout", "after": 1.25,
        });
        assert_eq!(report["retries"], json!([retry]));
        assert_eq!(report["criticalPath"][0]["step"], "host");
    }
}
