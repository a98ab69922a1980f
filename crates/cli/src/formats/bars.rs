//! Steps as bars.

use kind_harness::report::{Outcome, RunHeader, Timeline, startup_text};

/// Width of the whole, in columns.
const WIDTH: usize = 100;
/// Width of the names, and of the seconds at the end.
const NAME: usize = 28;
const TIME: usize = 8;

/// Returns a bar for each step that took time; `█` is the critical path, `▒` everything else.
pub(super) fn render(timeline: &Timeline, header: &RunHeader) -> String {
    let (bar, wall) = (WIDTH - NAME - TIME, timeline.wall().as_secs_f64());
    let Some(first) = timeline.spans.iter().map(|span| span.start).min() else {
        return "the run has no steps\n".into();
    };
    let column = |at: std::time::Duration| {
        let part = if wall > 0.0 { at.saturating_sub(first).as_secs_f64() / wall } else { 0.0 };
        // Both are small and not negative.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "columns"
        )]
        let column = (part * bar as f64).round() as usize;
        column.min(bar)
    };
    let mut text = String::new();
    for (span, is_critical) in super::steps(timeline) {
        if span.outcome == Outcome::Unchanged {
            continue;
        }
        let (start, end) = (column(span.start), column(span.end));
        let (start, end) = if end > start { (start, end) } else { (start.min(bar - 1), start.min(bar - 1) + 1) };
        let block = if is_critical { "█" } else { "▒" };
        let name: String = format!("{:<8} {}", span.phase, span.step).chars().take(NAME - 1).collect();
        let seconds = span.duration().as_secs_f64();
        text.push_str(&format!(
            "{name:<NAME$}{}{}{}{seconds:>6.1} s{}\n",
            " ".repeat(start),
            block.repeat(end - start),
            " ".repeat(bar - end),
            if span.outcome == Outcome::Failed { " failed" } else { "" },
        ));
    }
    let end = format!("{wall:.1} s");
    text.push_str(&format!("{:NAME$}0 s{end:>width$}\n█ on the critical path, ▒ beside it\n\n", "", width = bar - 3));
    text.push_str(&startup_text(timeline, header));
    text
}
