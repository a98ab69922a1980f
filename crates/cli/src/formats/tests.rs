//! Every form of the report of one recorded run: `run.jsonl`, of the reference suite, whose services had to be compiled.

use std::path::Path;

use kind_harness::report::{Rule, StartupMetrics};
use serde_json::Value;

use super::*;

fn recorded() -> RecordedRun {
    RecordedRun::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/formats/run.jsonl")).unwrap()
}

#[test]
fn the_run_was_as_long_as_the_compilation_and_is_told_so() {
    let run = recorded();
    let metrics = StartupMetrics::of(&run.timeline(), &run.header).unwrap();
    let first = metrics.bottlenecks.first().unwrap();
    assert_eq!(first.step, "cargo", "{:?}", metrics.bottlenecks);
    assert!((125.0..130.0).contains(&first.saves), "then the cluster is what the run waits for: {}", first.saves);
    let advice = metrics.recommendations.first().unwrap();
    assert_eq!((advice.rule, advice.saves), (Rule::ImageBuild, first.saves));
    // Not 137 s: from 50 to 173 s, every component waited for its image.
    assert_eq!(format!("{:.1}", metrics.total), "14.5");
}

#[test]
fn bars_fit_into_a_hundred_columns() {
    let text = render(&recorded(), Format::Bars, &[]);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let cargo = text.lines().find(|line| line.starts_with("images   cargo")).unwrap();
    assert!(cargo.matches('█').count() > 50, "the critical path is marked: {cargo}");
    assert!(text.lines().any(|line| line.starts_with("ready    redis") && line.contains('▒')), "{text}");
}

#[test]
fn a_trace_has_every_step_once() {
    let (run, trace) = (recorded(), render(&recorded(), Format::Trace, &[]));
    let trace: Value = serde_json::from_str(&trace).unwrap();
    let slices = trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == "X").count();
    assert_eq!(slices, run.timeline().spans.len());
}

#[test]
fn a_page_is_small_needs_nothing_else_and_shows_no_text_as_tags() {
    let mut run = recorded();
    run.header.suite = "<script>alert(1)</script>&\"".into();
    let page = render(&run, Format::Html, &[]);
    assert!(page.len() < 300 << 10, "{} bytes", page.len());
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;"));
    assert!(!page.contains("src=") && !page.contains("@import") && !page.contains("url("), "a page of its own");
    for component in &run.header.components {
        assert!(page.contains(&format!("ready {}", component.name)), "{}", component.name);
    }
}

#[test]
fn summaries_and_gauges_have_every_component() {
    let (markdown, gauges) = (render(&recorded(), Format::Markdown, &[]), render(&recorded(), Format::Prometheus, &[]));
    for component in recorded().header.components {
        assert!(markdown.contains(&format!("| {} | ", component.name)), "{markdown}");
        assert!(gauges.contains(&format!("component=\"{}\"}} ", component.name)), "{gauges}");
    }
    let line = |line: &str| {
        line.starts_with("# ") || line.rsplit_once(' ').is_some_and(|(_, value)| value.parse::<f64>().is_ok())
    };
    assert!(gauges.lines().all(line), "{gauges}");
}

#[test]
fn a_run_without_events_has_reports_without_figures() {
    let mut run = recorded();
    (run.events, run.end) = (Vec::new(), None);
    assert_eq!(outcome(&run), "did not end");
    for format in Format::value_variants() {
        let text = render(&run, *format, &[]);
        assert!(text.ends_with('\n'), "{format:?}");
        assert!(!text.contains("NaN") && !text.contains("inf "), "{format:?}: {text}");
    }
}
