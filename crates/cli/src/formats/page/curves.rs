//! What was used over time, as curves.

use std::fmt::Write;
use std::time::Duration;

use kind_harness::report::{PartUsage, StartupUsage, Timeline, Usage};

use super::{Column, open_table};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 90.0;
const LEFT: f64 = 70.0;

/// A value at each time, in seconds.
type Curve = Vec<(f64, f64)>;

/// Adds the curves, and a table with their sums. The table says all that the curves say.
pub(super) fn add(page: &mut String, timeline: &Timeline, usage: Option<&StartupUsage>) {
    let Some(usage) = usage else { return };
    open_table(
        page,
        "What deploy and ready used",
        &[
            Column::Text("of"),
            Column::Number("CPU time"),
            Column::Number("most memory"),
            Column::Number("disk"),
            Column::Number("network"),
        ],
    );
    for (name, part) in [("nodes", usage.node), ("harness", usage.harness)] {
        let Some(PartUsage { cpu, memory_high_water, disk, network }) = part else { continue };
        let [memory, disk, network] = [memory_high_water, disk, network].map(|bytes| format!("{} MiB", bytes >> 20));
        let _ = writeln!(
            page,
            "<tr><td>{name}<td class=\"n\">{cpu:.1} s<td class=\"n\">{memory}<td class=\"n\">{disk}\
             <td class=\"n\">{network}</tr>"
        );
    }
    page.push_str("</table>\n<div class=\"wide\">\n");
    let cpu = rate(&timeline.usage, |usage| usage.host_cpu);
    draw(page, "cores busy on the host", &cpu, Some(usage.cores as f64), |value| format!("{value:.0}"));
    let memory = timeline.usage.iter().filter_map(|(at, usage)| Some((at.as_secs_f64(), usage.node?.memory as f64)));
    draw(page, "memory of the nodes", &memory.collect(), None, |value| format!("{:.0} MiB", value / 1024.0 / 1024.0));
    page.push_str("</div>\n");
}

/// Returns how much was used per second, between every two samples.
fn rate(samples: &[(Duration, Usage)], of: impl Fn(&Usage) -> Option<f64>) -> Curve {
    let rates = samples.windows(2).filter_map(|pair| {
        let [(began, before), (ended, after)] = pair else { return None };
        let time = ended.saturating_sub(*began).as_secs_f64();
        (time > 0.0).then_some((ended.as_secs_f64(), (of(after)? - of(before)?) / time))
    });
    rates.collect()
}

fn draw(page: &mut String, name: &str, curve: &Curve, most: Option<f64>, text: impl Fn(f64) -> String) {
    let (Some((start, _)), Some((end, _))) = (curve.first(), curve.last()) else { return };
    let most = most.unwrap_or_else(|| curve.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max));
    let x = |at: f64| LEFT + (WIDTH - LEFT) * (at - start) / (end - start).max(f64::MIN_POSITIVE);
    let y = |value: f64| 20.0 + HEIGHT * (1.0 - (value / most).clamp(0.0, 1.0));
    let points: Vec<_> = curve.iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
    let floor = y(0.0);
    let _ = writeln!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{name}, from {start:.1} s to {end:.1} s of the run, at \
         most {}\">\n<text x=\"{LEFT}\" y=\"12\">{name}</text>\n\
         <text class=\"soft\" x=\"0\" y=\"30\">{}</text><text class=\"soft\" x=\"{LEFT}\" y=\"{}\">{start:.1} s</text>\
         <text class=\"soft\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{end:.1} s</text>\n\
         <path class=\"axis\" d=\"M{LEFT} 20V{floor}H{WIDTH}\"/>\n<polyline class=\"curve\" points=\"{}\"/>\n</svg>",
        HEIGHT + 40.0,
        text(most),
        text(most),
        floor + 16.0,
        WIDTH,
        floor + 16.0,
        points.join(" ")
    );
}
