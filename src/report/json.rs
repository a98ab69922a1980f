//! The report for machines.

use serde_json::{Value, json};

use super::{Phase, Timeline};

/// Version of the report's form. It changes when a field is removed or changes its meaning.
const FORMAT: u32 = 1;

/// The whole timeline. Times are seconds since the beginning of the run, `began` is wall-clock time.
#[must_use]
pub fn to_json(timeline: &Timeline, strategy: &str) -> Value {
    let seconds = |duration: std::time::Duration| (duration.as_secs_f64() * 1000.0).round() / 1000.0;
    let phases = Phase::ALL.iter().filter_map(|phase| {
        let (start, end) = timeline.phase(*phase)?;
        Some(json!({"phase": phase, "start": seconds(start), "end": seconds(end), "duration": seconds(end - start)}))
    });
    let critical: Vec<Value> =
        timeline.critical_path().iter().map(|span| json!({"phase": span.phase, "step": span.step})).collect();
    let components = timeline.components();
    let components = components.iter().map(|(name, time)| json!({"component": name, "startUp": seconds(*time)}));
    json!({
        "format": FORMAT,
        "began": timeline.began,
        "strategy": strategy,
        "wall": seconds(timeline.wall()),
        "phases": phases.collect::<Vec<_>>(),
        "steps": timeline.spans,
        "retries": timeline.retries,
        "components": components.collect::<Vec<_>>(),
        "deployAndReady": timeline.start_up().map(|(start, end)| seconds(end - start)),
        "parallelEfficiency": timeline.parallel_efficiency().map(|ratio| (ratio * 1000.0).round() / 1000.0),
        "criticalPath": critical,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::Retry;

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
