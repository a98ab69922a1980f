//! A page of HTML that needs no other file and no script: it works offline, on a phone and by screen reader.

mod curves;
mod earlier;
mod moments;

use std::fmt::Write;

use Column::{Number, Text};
use kind_harness::report::{Outcome, Phase, RunHeader, Span, StartupMetrics, Timeline};

use crate::selection::Finished;

/// Width of the picture, and of the names in it, in its own units; the page scales it.
const WIDTH: f64 = 960.0;
const NAMES: f64 = 230.0;
/// Height of a row.
const ROW: f64 = 22.0;

/// The style of every page.
pub(crate) const STYLE: &str = include_str!("page.css");

/// Returns the page; `earlier` are runs of the same kind to compare with.
pub(super) fn render(timeline: &Timeline, header: &RunHeader, outcome: &str, earlier: &[Finished]) -> String {
    let title = escaped(&super::title(header));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}\n</style></head>\n<body><main>\n\
         <h1>{title}</h1>\n<p class=\"soft\">{} · {} · kind-harness {}</p>\n",
        escaped(outcome),
        escaped(&header.id),
        escaped(&header.version),
    );
    let metrics = StartupMetrics::of(timeline, header);
    figures(&mut page, timeline, metrics.as_ref());
    if timeline.spans.is_empty() {
        page.push_str("<p>The run has no steps.</p>\n");
    } else {
        page.push_str("<h2>Where the time went</h2>\n<div class=\"wide\">\n");
        picture(&mut page, timeline);
        page.push_str(
            "</div>\n<p class=\"soft\">Orange is the critical path: the steps that the run waited for.</p>\n",
        );
    }
    if let Some(metrics) = &metrics {
        advice(&mut page, metrics);
    }
    diagnosis(&mut page, timeline);
    earlier::add(&mut page, timeline, metrics.as_ref().map(|metrics| metrics.total), earlier);
    components(&mut page, timeline);
    moments::add(&mut page, timeline);
    curves::add(&mut page, timeline, metrics.as_ref().and_then(|metrics| metrics.usage.as_ref()));
    retries(&mut page, timeline);
    steps(&mut page, timeline);
    page.push_str("</main></body></html>\n");
    page
}

fn figures(page: &mut String, timeline: &Timeline, metrics: Option<&StartupMetrics>) {
    let mut figures = vec![(format!("{:.1} s", timeline.wall().as_secs_f64()), "the whole run")];
    if let Some(metrics) = metrics {
        figures.push((format!("{:.1} s", metrics.total), "deploy + ready"));
        figures.extend(metrics.grade.map(|grade| (grade.to_string(), "grade")));
        figures.extend(metrics.speed_up.map(|speed_up| (format!("{speed_up:.2}"), "sequential ÷ parallel")));
        figures.push((format!("{:.1} s", metrics.lower_bound), "longest chain of needs"));
        let busy = metrics.usage.as_ref().and_then(|usage| usage.busy_efficiency);
        figures.extend(busy.map(|busy| (format!("{:.0} %", 100.0 * busy), "of all cores busy")));
        figures.push((metrics.components.to_string(), "components"));
    }
    page.push_str("<div class=\"figures\">");
    for (value, what) in figures {
        let _ = write!(page, "<p><b>{value}</b> <span class=\"soft\">{what}</span></p>");
    }
    page.push_str("</div>\n");
}

/// The steps as bars.
fn picture(page: &mut String, timeline: &Timeline) {
    let steps: Vec<_> =
        super::steps(timeline).into_iter().filter(|(span, _)| span.outcome != Outcome::Unchanged).collect();
    let wall = timeline.wall().as_secs_f64().max(0.001);
    let first = timeline.spans.iter().map(|span| span.start).min().unwrap_or_default();
    let x = |at: std::time::Duration| NAMES + at.saturating_sub(first).as_secs_f64() / wall * (WIDTH - NAMES - 60.0);
    let height = ROW * (steps.len() as f64 + 1.5);
    let _ = writeln!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"The steps of the run as bars; the table below has the same figures\">"
    );
    let every = interval(wall);
    let mut at = 0.0;
    while at <= wall {
        let x = NAMES + at / wall * (WIDTH - NAMES - 60.0);
        let _ = writeln!(
            page,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"16\" y2=\"{height}\"/>\
             <text class=\"soft\" x=\"{x:.1}\" y=\"12\">{at} s</text>"
        );
        at += every;
    }
    for ((span, is_critical), row) in steps.iter().zip(1_u32..) {
        let y = ROW * f64::from(row);
        let (start, end) = (x(span.start), x(span.end));
        let class = match (&span.outcome, is_critical) {
            (Outcome::Failed, _) => "failed",
            (_, true) => "critical",
            (_, false) => "bar",
        };
        let seconds = span.duration().as_secs_f64();
        let name: String = format!("{} {}", span.phase, span.step).chars().take(34).collect();
        let _ = writeln!(
            page,
            "<text x=\"0\" y=\"{:.1}\">{}</text>\
             <rect class=\"{class}\" x=\"{start:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"2\">\
             <title>{}</title></rect><text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\">{seconds:.1} s</text>",
            y + 14.0,
            escaped(&name),
            y + 3.0,
            (end - start).max(1.0),
            ROW - 6.0,
            escaped(&described(span)),
            end.max(start + 1.0) + 4.0,
            y + 14.0,
        );
    }
    page.push_str("</svg>\n");
}

/// Returns the distance of the lines in the picture, in seconds: at most ten of them.
fn interval(wall: f64) -> f64 {
    [0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0]
        .into_iter()
        .find(|every| wall / every <= 10.0)
        .unwrap_or(3600.0)
}

fn described(span: &Span) -> String {
    let (start, end) = (span.start.as_secs_f64(), span.end.as_secs_f64());
    format!("{} {}: {start:.2} s to {end:.2} s", span.phase, span.step)
}

/// A column of a table, with its head.
enum Column {
    Text(&'static str),
    Number(&'static str),
}

fn open_table(page: &mut String, title: &str, columns: &[Column]) {
    let _ = write!(page, "<h2>{title}</h2>\n<table><tr>");
    for column in columns {
        let _ = match column {
            Text(head) => write!(page, "<th>{head}"),
            Number(head) => write!(page, "<th class=\"n\">{head}"),
        };
    }
    page.push_str("</tr>\n");
}

fn advice(page: &mut String, metrics: &StartupMetrics) {
    if !metrics.bottlenecks.is_empty() {
        open_table(
            page,
            "Without it, the run would have been shorter",
            &[Text("step"), Number("its own time"), Number("saved without it"), Number("saved if 20 % faster")],
        );
        for found in &metrics.bottlenecks {
            let step = escaped(&found.step);
            let (phase, own, saves, faster) = (found.phase, found.own, found.saves, found.saves_when_faster);
            let _ = writeln!(
                page,
                "<tr><td>{phase} {step}<td class=\"n\">{own:.1} s<td class=\"n\">{saves:.1} s\
                 <td class=\"n\">{faster:.1} s</tr>"
            );
        }
        page.push_str("</table>\n");
    }
    if !metrics.recommendations.is_empty() {
        page.push_str("<h2>What would make it shorter</h2>\n<ul>\n");
        for advice in &metrics.recommendations {
            let (what, why) = (escaped(&advice.advice), escaped(&advice.evidence));
            let _ = writeln!(page, "<li>up to {:.1} s: {what} <span class=\"soft\">({why})</span></li>", advice.saves);
        }
        page.push_str("</ul>\n");
    }
}

/// Why the run failed, with the last lines of logs.
fn diagnosis(page: &mut String, timeline: &Timeline) {
    if let Some(text) = &timeline.diagnosis {
        let _ = write!(page, "<h2>Why it failed</h2>\n<pre>{}</pre>\n", escaped(text));
    }
}

fn components(page: &mut String, timeline: &Timeline) {
    let times = timeline.components();
    if times.is_empty() && timeline.lives.iter().next().is_none() {
        return;
    }
    open_table(page, "Components", &[Text("component"), Number("applied to ready"), Text("state"), Text("last error")]);
    for (name, life) in timeline.lives.iter() {
        let time = times.iter().find(|(it, _)| it == &name).map(|(_, time)| format!("{:.1} s", time.as_secs_f64()));
        let error = life.last_error().unwrap_or_default();
        let (name, error) = (escaped(name), escaped(error));
        let _ = writeln!(
            page,
            "<tr><td>{name}<td class=\"n\">{}<td>{}<td>{error}</tr>",
            time.unwrap_or_default(),
            life.state()
        );
    }
    page.push_str("</table>\n");
}

fn retries(page: &mut String, timeline: &Timeline) {
    if timeline.retries.is_empty() {
        return;
    }
    open_table(
        page,
        "Retries",
        &[Number("at"), Text("step"), Text("attempt"), Number("after a pause of"), Text("cause")],
    );
    for retry in &timeline.retries {
        let (at, after) = (retry.at.as_secs_f64(), retry.after.as_secs_f64());
        let (step, cause) = (escaped(&retry.step), escaped(&retry.cause));
        let _ = writeln!(
            page,
            "<tr><td class=\"n\">{at:.1} s<td>{} {step}<td>{} of {}<td class=\"n\">{after:.1} s<td>{cause}</tr>",
            retry.phase, retry.attempt, retry.of
        );
    }
    page.push_str("</table>\n");
}

/// Every phase and step, with the figures of the picture.
fn steps(page: &mut String, timeline: &Timeline) {
    open_table(
        page,
        "Every step",
        &[Text("phase"), Text("step"), Number("start"), Number("time"), Text("on the critical path")],
    );
    for phase in Phase::ALL {
        for (span, is_critical) in super::steps(timeline).into_iter().filter(|(span, _)| span.phase == phase) {
            let (start, time) = (span.start.as_secs_f64(), span.duration().as_secs_f64());
            let mark = match (&span.outcome, is_critical) {
                (Outcome::Failed, _) => "failed",
                (_, true) => "yes",
                (_, false) => "",
            };
            let _ = writeln!(
                page,
                "<tr><td>{phase}<td>{}<td class=\"n\">{start:.1} s<td class=\"n\">{time:.1} s<td>{mark}</tr>",
                escaped(&span.step)
            );
        }
    }
    page.push_str("</table>\n");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
