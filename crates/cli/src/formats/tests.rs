//! Every form of the report of one recorded run: `run.jsonl`, of the reference suite, whose services had to be compiled.

use std::path::Path;

use kind_harness::readiness::MomentKind;
use kind_harness::report::{Phase, Rule, StartupMetrics};
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

/// A run of the same suite on a cluster that was there, with everything that is measured.
fn measured() -> RecordedRun {
    RecordedRun::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/formats/warm.jsonl")).unwrap()
}

#[test]
fn moments_and_usage_are_in_every_form_that_has_room_for_them() {
    let run = measured();
    let page = render(&run, Format::Html, &[]);
    for text in
        ["Moments of each component", "What deploy and ready used", "cores busy on the host", "of all cores busy"]
    {
        assert!(page.contains(text), "{text}");
    }
    let trace: Value = serde_json::from_str(&render(&run, Format::Trace, &[])).unwrap();
    let count =
        |kind: &str| trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == kind).count();
    assert_eq!(count("i"), run.timeline().moments.len());
    assert!(count("C") > 20, "four samples a second");
    let gauges = render(&run, Format::Prometheus, &[]);
    assert!(
        gauges.contains("kind_harness_startup_cpu_seconds{suite=\"reference\",strategy=\"parallel\",part=\"nodes\"} ")
    );
    assert!(render(&run, Format::Table, &[]).contains("\nCPU: nodes "));
}

#[test]
fn every_moment_of_a_component_comes_in_its_order() {
    let timeline = measured().timeline();
    for component in ["postgresql", "redis", "data-storage", "holmesgpt-api", "aianalysis"] {
        let at = |kind| {
            let mut moments = timeline.moments.iter().filter(|it| it.component == component && it.moment.kind == kind);
            moments.next().unwrap_or_else(|| panic!("{component}: no {kind:?}")).moment.at
        };
        let [scheduled, created, started, ready] =
            [MomentKind::Scheduled, MomentKind::Created, MomentKind::Started, MomentKind::PodReady].map(at);
        assert!(scheduled < created && created < started && started < ready, "{component}");
        let answered = timeline.spans.iter().find(|span| span.phase == Phase::Ready && span.step == component).unwrap();
        assert!(ready <= answered.end, "{component}");
    }
}

#[test]
fn a_page_compares_with_the_median_of_earlier_runs() {
    let page = |earlier: usize| {
        let runs = std::iter::repeat_with(measured).take(earlier);
        render(&measured(), Format::Html, &crate::selection::Selected::from(runs).finished)
    };
    assert!(page(3).contains("Beside the median of 3 earlier runs") && page(3).contains("+0 %"));
    assert!(!page(2).contains("Beside the median"), "two have no median that means something");
}

#[test]
fn a_failed_run_has_its_diagnosis_on_the_page() {
    let mut run = measured();
    let mut event = run.events[0].clone();
    event.kind = kind_harness::report::EventKind::Diagnosis("root cause: <none>".into());
    run.events.push(event);
    assert!(render(&run, Format::Html, &[]).contains("<pre>root cause: &lt;none&gt;</pre>"));
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
