//! The report for machines.

use serde_json::{Value, json};

use super::{Phase, StateHistory, Timeline};
use crate::readiness::redact::Redactor;

/// Version of the report's form. It changes when a field is removed or changes its meaning.
const FORMAT: u32 = 1;

/// The whole timeline, with secrets masked. Times are seconds since the beginning of the run, `began` is wall-clock time.
#[must_use]
pub fn to_json(timeline: &Timeline, strategy: &str) -> Value {
    let seconds = |duration: std::time::Duration| (duration.as_secs_f64() * 1000.0).round() / 1000.0;
    let phases = Phase::ALL.iter().filter_map(|phase| {
        let (start, end) = timeline.phase(*phase)?;
        Some(json!({"phase": phase, "start": seconds(start), "end": seconds(end), "duration": seconds(end - start)}))
    });
    let critical: Vec<Value> =
        timeline.critical_path().iter().map(|span| json!({"phase": span.phase, "step": span.step})).collect();
    let started = timeline.components();
    let mut components: Vec<Value> =
        started.iter().map(|(name, time)| json!({"component": name, "startUp": seconds(*time)})).collect();
    let others = timeline.lives.iter().filter(|(name, _)| !started.iter().any(|(started, _)| started == name));
    components.extend(others.map(|(name, _)| json!({"component": name})));
    for component in &mut components {
        let life = component["component"].as_str().and_then(|name| timeline.lives.get(name));
        if let (Some(life), Some(fields)) = (life, component.as_object_mut()) {
            fields.extend(life_fields(life));
        }
    }
    let mut report = json!({
        "format": FORMAT,
        "began": timeline.began,
        "strategy": strategy,
        "wall": seconds(timeline.wall()),
        "phases": phases.collect::<Vec<_>>(),
        "steps": timeline.spans,
        "retries": timeline.retries,
        "components": components,
        "deployAndReady": timeline.start_up().map(|(start, end)| seconds(end - start)),
        "parallelEfficiency": timeline.parallel_efficiency().map(|ratio| (ratio * 1000.0).round() / 1000.0),
        "criticalPath": critical,
    });
    // Values that became known since the events were sent.
    Redactor::global().strings(&mut report);
    report
}

/// `state`, `since`, `attempts`, `lastError`, and `history`: every state that it was in, and since when.
fn life_fields(life: &StateHistory) -> serde_json::Map<String, Value> {
    let history = life.history().iter().map(|(state, since)| json!({"state": state, "since": since}));
    let fields = json!({
        "state": life.state(),
        "since": life.since(),
        "attempts": life.attempts(),
        "lastError": life.last_error(),
        "history": history.collect::<Vec<_>>(),
    });
    match fields {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::readiness::Missed;
    use crate::report::{Events, Retry};

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
        let report = to_json(&timeline, "parallel");
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
        let report = to_json(&timeline, "parallel");
        assert_eq!(report["wall"], 24.0);
        assert_eq!(report["deployAndReady"], 10.0);
        assert_eq!(report["parallelEfficiency"], 1.6);
        assert_eq!(report["phases"][1], json!({"phase": "images", "start": 1.0, "end": 9.0, "duration": 8.0}));
        assert_eq!(report["components"][0], json!({"component": "db", "startUp": 6.0}));
        let retry = json!({
            "phase": "deploy", "step": "db", "at": 14.0, "attempt": 2, "of": 5, "cause": "timeout", "after": 1.25,
        });
        assert_eq!(report["retries"], json!([retry]));
        assert_eq!(report["criticalPath"][0]["step"], "host");
    }
}
