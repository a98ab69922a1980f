//! A summary in Markdown.

use std::borrow::Cow;

use super::{Phase, RunHeader, StartupMetrics, Timeline};

/// The longest text that is quoted. GitHub shows a step's summary up to 1 MiB, and drops a longer one.
const QUOTED: usize = 16 << 10;

/// Returns phases, components and recommendations.
#[must_use]
pub fn to_markdown(timeline: &Timeline, header: &RunHeader, outcome: &str) -> String {
    let title = escaped(&format!("{}, {}, on {}", header.suite, header.strategy, header.host));
    let mut text = format!("### {title}: {outcome}\n\n| phase | start | time |\n| --- | --- | --- |\n");
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
    if let Some(metrics) = StartupMetrics::of(timeline, header) {
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
    }
    text
}

/// Returns a section for a failure: its title, and why.
#[must_use]
pub fn failure_markdown(title: &str, why: &str) -> String {
    let why = cut(why.trim(), QUOTED);
    // Longer than any fence in the text.
    let longest = why.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(3.max(longest + 1));
    format!("\n#### {}\n\n{fence}\n{why}\n{fence}\n", escaped(title))
}

/// Returns at most `most` bytes of `text`, with a mark where it was cut.
pub(super) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return text.into();
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}\n…", &text[..end]).into()
}

/// Returns `text` with what would end a cell or begin a tag escaped.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::run_file::tests::header;

    #[test]
    fn a_summary_has_the_times_of_the_phases() {
        let text = to_markdown(&crate::report::timeline::tests::example(), &header(), "ready");
        assert!(text.contains(": ready\n") && text.contains("| cluster | 4.0 s | 10.0 s |\n"), "{text}");
        assert!(text.contains("| db | 6.0 s |\n"), "{text}");
    }

    #[test]
    fn a_failure_is_quoted_whatever_is_in_it() {
        let text = failure_markdown("a|<b>", "```\nx\n```\n");
        assert_eq!(text, "\n#### a\\|&lt;b>\n\n````\n```\nx\n```\n````\n");
        let long = failure_markdown("a", &"é".repeat(QUOTED));
        assert!(long.len() < QUOTED + 100 && long.ends_with("\n…\n```\n"), "{}", long.len());
    }
}
