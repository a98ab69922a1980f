//! A trace in the JSON format of Chrome and Perfetto.

use std::collections::BTreeMap;

use kind_harness::report::{Moment, Outcome, RunHeader, Timeline};
use serde_json::{Map, Value, json};

/// Returns a slice for each step, in a row for each component, image or part of a stage.
pub(super) fn render(timeline: &Timeline, header: &RunHeader) -> String {
    let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
    let micros = |duration: std::time::Duration| duration.as_secs_f64() * 1e6;
    let mut events = vec![named("process_name", 0, &super::title(header))];
    for (span, is_critical) in super::steps(timeline) {
        let next = rows.len() + 1;
        let row = *rows.entry(&span.step).or_insert_with(|| {
            events.push(named("thread_name", next, &span.step));
            next
        });
        let outcome = match span.outcome {
            Outcome::Done => "done",
            Outcome::Unchanged => "unchanged",
            Outcome::Failed => "failed",
        };
        events.push(json!({
            "name": format!("{} {}", span.phase, span.step), "cat": span.phase.to_string(), "ph": "X", "pid": 1, "tid": row,
            "ts": micros(span.start), "dur": micros(span.duration()),
            "args": {"outcome": outcome, "critical": is_critical},
        }));
    }
    for retry in &timeline.retries {
        let row = rows.get(retry.step.as_str()).copied().unwrap_or_default();
        events.push(json!({
            "name": format!("retry: {}", retry.cause), "cat": retry.phase.to_string(), "ph": "X", "pid": 1, "tid": row,
            "ts": micros(retry.at), "dur": micros(retry.after), "args": {"attempt": retry.attempt, "of": retry.of},
        }));
    }
    for Moment { component, moment } in &timeline.moments {
        let row = rows.get(component.as_str()).copied().unwrap_or_default();
        events.push(json!({
            "name": moment.kind, "cat": "moment", "ph": "i", "s": "t", "pid": 1, "tid": row, "ts": micros(moment.at),
            "args": {"object": moment.object, "container": moment.container},
        }));
    }
    for (at, usage) in &timeline.usage {
        let parts = [("nodes", usage.node), ("harness", usage.harness)];
        let memory: Map<String, Value> =
            parts.iter().filter_map(|(name, used)| Some(((*name).to_owned(), (*used)?.memory.into()))).collect();
        events.push(json!({"name": "memory", "ph": "C", "pid": 1, "ts": micros(*at), "args": memory}));
    }
    format!("{}\n", json!({"traceEvents": events, "displayTimeUnit": "ms"}))
}

fn named(what: &str, row: usize, name: &str) -> Value {
    json!({"name": what, "ph": "M", "pid": 1, "tid": row, "args": {"name": name}})
}
