//! A summary in Markdown.

use kind_harness::report::{Phase, RunHeader, StartupMetrics, Timeline};

/// Returns phases, components and recommendations.
pub(super) fn render(timeline: &Timeline, header: &RunHeader, outcome: &str) -> String {
    let mut text =
        format!("### {}: {outcome}\n\n| phase | start | time |\n| --- | --- | --- |\n", escaped(&super::title(header)));
    for phase in Phase::ALL {
        if let Some((start, end)) = timeline.phase(phase) {
            let (start, time) = (start.as_secs_f64(), end.saturating_sub(start).as_secs_f64());
            text.push_str(&format!("| {phase} | {start:.1} s | {time:.1} s |\n"));
        }
    }
    let components = timeline.components();
    if !components.is_empty() {
        text.push_str("\n| component | applied to ready |\n| --- | --- |\n");
        for (name, time) in components {
            text.push_str(&format!("| {} | {:.1} s |\n", escaped(name), time.as_secs_f64()));
        }
    }
    let Some(metrics) = StartupMetrics::of(timeline, header) else { return text };
    let grade = metrics.grade.map(|grade| format!(", grade {grade}")).unwrap_or_default();
    let bound = metrics.lower_bound;
    text.push_str(&format!(
        "\nDeploy + ready {:.1} s{grade}; the longest chain of needs {bound:.1} s.\n",
        metrics.total
    ));
    for advice in metrics.recommendations {
        let (what, why) = (escaped(&advice.advice), escaped(&advice.evidence));
        text.push_str(&format!("- up to {:.1} s: {what} ({why})\n", advice.saves));
    }
    text
}

/// Returns `text` with what would end a cell or begin a tag escaped.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace(char::is_control, " ")
}
