//! `history`: how start-ups went over time, and which tests fail now and then.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use kind_harness::host::folders::write_output;
use kind_harness::report::{Outcome, Phase, RecordedRun};

use super::inspect::{print, print_json};
use super::selection::{Finished, Selected, kept, select};
use super::statistics::{Estimate, median_estimate, rate_interval};
use super::{Cli, Exit, Failure, Output, outputs};

/// What `history` is told.
#[derive(Debug, Args)]
pub(super) struct History {
    /// The runs, as `compare` takes them; all that are kept when left out
    runs: Option<String>,
    /// Draw the start-ups into FILE, as SVG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

/// Runs that can be put in one row: of one suite, strategy, class of host, with or without a new cluster.
struct Series {
    name: String,
    runs: Vec<Finished>,
}

impl Cli {
    pub(super) fn history(&self, history: &History) -> Result<Exit, Failure> {
        let folders = self.folders()?;
        let runs = history.runs.as_deref().map_or_else(|| kept(&folders), |text| select(&folders, text))?;
        let tests = failing_tests(&runs);
        let selected = Selected::from(runs);
        let others = selected.others;
        let series = series(selected.finished);
        if self.output == Output::Json {
            let series = series.iter().map(told).collect();
            print_json(&outputs::History { series, not_ready: others, tests });
        } else {
            print(text(&series, others, &tests).trim_end());
        }
        if let Some(file) = &history.plot {
            write_output(file, &plot(&series)).map_err(|error| Failure::new(Exit::Internal, &error))?;
        }
        Ok(Exit::Done)
    }
}

fn series(runs: Vec<Finished>) -> Vec<Series> {
    let mut all: BTreeMap<String, Vec<Finished>> = BTreeMap::new();
    for run in runs {
        let header = &run.header;
        let kind = if run.is_fresh { "with a new cluster" } else { "on a cluster that was there" };
        let name = format!("{}, {}, {kind}, on {}", header.suite, header.strategy, header.host);
        all.entry(name).or_default().push(run);
    }
    all.into_iter().map(|(name, runs)| Series { name, runs }).collect()
}

/// Returns what changed from the run before.
fn changed(runs: &[Finished], at: usize) -> Option<&'static str> {
    let (this, before) = (runs.get(at)?, runs.get(at.checked_sub(1)?)?);
    let images = (&this.timeline.images, &before.timeline.images);
    if this.header.source != before.header.source {
        Some("the suite changed")
    } else if matches!(images, (Some(this), Some(before)) if this != before) {
        Some("images changed")
    } else if this.header.version != before.header.version {
        Some("another version of kind-harness")
    } else {
        None
    }
}

fn times(series: &Series) -> Vec<f64> {
    series.runs.iter().map(|run| run.startup).collect()
}

fn told(series: &Series) -> outputs::Series {
    let run = |(at, run): (usize, &Finished)| outputs::PastRun {
        run: run.header.id.clone(),
        began: run.header.began,
        deploy_and_ready: run.startup,
        wall: run.timeline.wall().as_secs_f64(),
        changed: changed(&series.runs, at),
    };
    outputs::Series {
        name: series.name.clone(),
        median: median_estimate(&times(series)),
        runs: series.runs.iter().enumerate().map(run).collect(),
    }
}

fn text(series: &[Series], others: usize, tests: &[outputs::FailingTest]) -> String {
    let mut text = String::new();
    if series.is_empty() {
        text.push_str("no run brought a suite up yet\n");
    }
    for series in series {
        let times = times(series);
        let (least, most) =
            times.iter().fold((f64::MAX, 0.0_f64), |(least, most), time| (least.min(*time), most.max(*time)));
        let _ = writeln!(text, "{}\n", series.name);
        for (at, run) in series.runs.iter().enumerate() {
            let note = changed(&series.runs, at).map(|what| format!("  <- {what}")).unwrap_or_default();
            let began = run.header.began.strftime("%Y-%m-%d %H:%M:%S");
            let _ = writeln!(text, "  {began}  {:6.2} s  {}{note}", run.startup, bar(run.startup, most));
        }
        let Some(Estimate { value, interval }) = median_estimate(&times) else { continue };
        let interval =
            interval.map(|(low, high)| format!(", 95 % interval {low:.2} to {high:.2} s")).unwrap_or_default();
        let n = times.len();
        let _ =
            writeln!(text, "\n  deploy + ready: median {value:.2} s{interval}, {least:.2} to {most:.2} s, n = {n}\n");
    }
    if others > 0 {
        let _ = writeln!(text, "{others} more did not bring a suite up, or had nothing to do");
    }
    for test in tests {
        let (low, high) = test.interval;
        let _ = writeln!(
            text,
            "test {} failed in {} of {} runs: {:.0} %, 95 % interval {:.0} to {:.0} %",
            test.test,
            test.failed,
            test.runs,
            100.0 * test.rate,
            100.0 * low,
            100.0 * high
        );
    }
    text
}

/// Returns a bar of at most 40 columns.
fn bar(time: f64, most: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 40")]
    let columns = (40.0 * time / most.max(f64::MIN_POSITIVE)).round() as usize;
    "▒".repeat(columns)
}

/// Returns the tests that failed in some run, with how often; the most frequent first.
pub(super) fn failing_tests(runs: &[RecordedRun]) -> Vec<outputs::FailingTest> {
    let mut seen: BTreeMap<String, (Vec<String>, usize)> = BTreeMap::new();
    for run in runs {
        let timeline = run.timeline();
        let mut of_run: BTreeMap<&str, bool> = BTreeMap::new();
        for span in timeline.spans.iter().filter(|span| span.phase == Phase::Specs) {
            *of_run.entry(&span.step).or_default() |= span.outcome == Outcome::Failed;
        }
        for (test, has_failed) in of_run {
            let (failed, runs) = seen.entry(test.to_owned()).or_default();
            *runs += 1;
            failed.extend(has_failed.then(|| run.header.id.clone()));
        }
    }
    let failing = seen.into_iter().filter_map(|(test, (failed_in, runs))| {
        let failed = Some(failed_in.len()).filter(|failed| *failed > 0)?;
        let interval = rate_interval(failed, runs)?;
        #[expect(clippy::cast_precision_loss, reason = "counts of runs")]
        let rate = failed as f64 / runs as f64;
        Some(outputs::FailingTest { test, failed, runs, rate, interval, failed_in })
    });
    let mut failing: Vec<_> = failing.collect();
    failing.sort_by(|a, b| b.rate.total_cmp(&a.rate));
    failing
}

/// Returns each series as dots in the order of time, with its median as a line, and a tick where the suite changed.
fn plot(series: &[Series]) -> String {
    const WIDTH: f64 = 760.0;
    const HEIGHT: f64 = 160.0;
    #[expect(clippy::cast_precision_loss, reason = "a handful of series, hundreds of runs")]
    let number = |count: usize| count as f64;
    let height = (HEIGHT + 40.0) * number(series.len().max(1));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Seconds of deploy and ready, by run</title>\n",
        WIDTH + 60.0
    );
    for (series, row) in series.iter().zip(0_u32..) {
        let top = (HEIGHT + 40.0) * f64::from(row) + 20.0;
        let times = times(series);
        let most = times.iter().copied().fold(0.1, f64::max);
        let (x, y) = (
            |at: usize| 40.0 + WIDTH * (number(at) + 0.5) / number(times.len()),
            |time: f64| top + HEIGHT * (1.0 - time / most),
        );
        let _ = writeln!(svg, "<text x=\"0\" y=\"{:.1}\" fill=\"gray\">{}</text>", top - 6.0, series.name);
        let (floor, left) = (top + HEIGHT, 40.0);
        let _ = writeln!(
            svg,
            "<path d=\"M{left} {top:.1}V{floor:.1}H{:.1}\" fill=\"none\" stroke=\"gray\"/>",
            left + WIDTH
        );
        let _ = writeln!(svg, "<text x=\"0\" y=\"{:.1}\" fill=\"gray\">{most:.1} s</text>", top + 10.0);
        if let Some(median) = median_estimate(&times) {
            let y = y(median.value);
            let _ = writeln!(
                svg,
                "<path d=\"M{left} {y:.1}H{:.1}\" stroke=\"#d1601f\" stroke-dasharray=\"4\"/>",
                left + WIDTH
            );
        }
        for (at, time) in times.iter().enumerate() {
            let (x, y) = (x(at), y(*time));
            if changed(&series.runs, at).is_some() {
                let _ =
                    writeln!(svg, "<path d=\"M{x:.1} {top:.1}V{floor:.1}\" stroke=\"gray\" stroke-dasharray=\"1 3\"/>");
            }
            let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"#3f74b8\"/>");
        }
    }
    svg.push_str("</svg>\n");
    svg
}
