//! The forms in which a run is reported. All are made from the run's file alone.

mod bars;
mod page;
pub(crate) mod prometheus;
mod trace;

pub(crate) use page::STYLE;

use clap::ValueEnum;
use kind_harness::report::{RecordedRun, RunHeader, Timeline, to_json, to_markdown, to_table};

use super::selection::Finished;

/// A form of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Phases and steps in a table, as `up` prints it
    #[default]
    Table,
    /// Every step as a bar, at most 100 columns wide; the critical path is marked
    Bars,
    /// As `up --report` writes it
    Json,
    /// For a summary in CI
    Markdown,
    /// A page that needs nothing else: bars, components, retries
    Html,
    /// For ui.perfetto.dev
    Trace,
    /// For Prometheus' textfile collector
    Prometheus,
}

/// Returns the report of a run, with a line break at its end. The page compares it with `earlier` runs; every other form
/// is made from the run alone.
pub(super) fn render(run: &RecordedRun, format: Format, earlier: &[Finished]) -> String {
    let (timeline, header) = (run.timeline(), &run.header);
    match format {
        Format::Table => to_table(&timeline, header),
        Format::Bars => bars::render(&timeline, header),
        Format::Json => format!("{}\n", to_json(&timeline, header)),
        Format::Markdown => to_markdown(&timeline, header, outcome(run)),
        Format::Html => page::render(&timeline, header, outcome(run), earlier),
        Format::Trace => trace::render(&timeline, header),
        Format::Prometheus => prometheus::run_metrics(&timeline, header),
    }
}

/// Returns how a run ended, in a word or two.
pub(super) fn outcome(run: &RecordedRun) -> &'static str {
    match (run.end, run.outcome()) {
        (_, Some(outcome)) => outcome.name(),
        (Some(_), None) => "ended early",
        (None, _) => "did not end",
    }
}

/// Returns the steps of a run in the order of their phases and starts, each with whether it is on the critical path.
pub(super) fn steps(timeline: &Timeline) -> Vec<(&kind_harness::report::Span, bool)> {
    let critical = timeline.critical_path();
    let mut steps: Vec<_> = timeline.spans.iter().map(|span| (span, critical.contains(&span))).collect();
    steps.sort_by_key(|(span, _)| (span.phase, span.start, span.end));
    steps
}

/// Returns the run in one line: `shop, parallel, on 2 cores, 24 GiB, x86_64`.
fn title(header: &RunHeader) -> String {
    format!("{}, {}, on {}", header.suite, header.strategy, header.host)
}

#[cfg(test)]
mod tests;
