//! The run beside the median of earlier ones.

use std::fmt::Write;

use kind_harness::report::Timeline;

use super::{Column, escaped, open_table};
use crate::selection::Finished;
use crate::statistics::median;

/// Adds a row for deploy and ready together, and one for each component. Fewer than three earlier runs have no median
/// that means something.
pub(super) fn add(page: &mut String, timeline: &Timeline, total: Option<f64>, earlier: &[Finished]) {
    const FEWEST: usize = 3;
    let Some(total) = total.filter(|_| earlier.len() >= FEWEST) else { return };
    let title = format!("Beside the median of {} earlier runs", earlier.len());
    open_table(
        page,
        &title,
        &[Column::Text(""), Column::Number("this run"), Column::Number("median"), Column::Number("difference")],
    );
    let all: Vec<f64> = earlier.iter().map(|run| run.startup).collect();
    row(page, "deploy + ready", total, &all);
    for (name, time) in timeline.components() {
        let of_run = |run: &Finished| {
            let components = run.timeline.components();
            components.iter().find(|(it, _)| *it == name).map(|(_, time)| time.as_secs_f64())
        };
        let times: Vec<f64> = earlier.iter().filter_map(of_run).collect();
        row(page, name, time.as_secs_f64(), &times);
    }
    page.push_str("</table>\n");
}

fn row(page: &mut String, name: &str, this: f64, earlier: &[f64]) {
    let Some(median) = median(earlier) else { return };
    let difference = if median > 0.0 { format!("{:+.0} %", 100.0 * (this / median - 1.0)) } else { String::new() };
    let name = escaped(name);
    let _ = writeln!(
        page,
        "<tr><td>{name}<td class=\"n\">{this:.1} s<td class=\"n\">{median:.1} s<td class=\"n\">{difference}</tr>"
    );
}
