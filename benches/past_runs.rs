//! What keeping a run costs, and how long the report of a large one takes.
//!
//! `cargo bench --bench past_runs` prints both, and fails when a target is missed.

#![allow(clippy::print_stdout, reason = "figures are what a bench is for")]

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;
use kind_harness::report::console::QuietConsole;
use kind_harness::report::{
    Event, EventKind, FORMAT, HostClass, Limits, Outcome, Phase, PlannedComponent, RecordedRun, Reporter, RunHeader,
    RunLine, RunOutcome, RunRecorder, to_json,
};

/// Components of the large run.
const COMPONENTS: usize = 1000;
/// What its report may take.
const TIME: Duration = Duration::from_secs(1);
const MEMORY: u64 = 100 << 20;
/// The shortest start-up of the reference suite that was measured, and the part of it that recording may take.
const START_UP: Duration = Duration::from_secs(6);
const PART: f64 = 0.01;
/// A run of the reference suite, whose events are sent again.
const RUN: &str = "crates/cli/src/formats/warm.jsonl";

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let folder = tempfile::tempdir()?;
    let run = RecordedRun::read(Path::new(RUN))?;
    let mut costs = Vec::new();
    for round in 0..20 {
        costs.push(recording(&run, &folder.path().join(format!("{round}.jsonl"))).await?);
    }
    costs.sort();
    let cost = costs[costs.len() / 2];
    let part = cost.as_secs_f64() / START_UP.as_secs_f64();
    let events = run.events.len();
    println!(
        "keeping {events} events, n = 20: median {cost:.2?}, {:.2} % of {START_UP:?} (target: <= 1 %)",
        100.0 * part
    );
    let file = folder.path().join("large.jsonl");
    large(&file)?;
    let before = peak()?;
    let began = Instant::now();
    let large = RecordedRun::read(&file)?;
    let report = to_json(&large.timeline(), &large.header).to_string();
    let (took, memory) = (began.elapsed(), peak()?.saturating_sub(before));
    println!(
        "report of {COMPONENTS} components, {} KiB, n = 1: {took:.2?}, {:.1} MiB (target: <= {TIME:?}, 100 MiB)",
        report.len() >> 10,
        memory as f64 / 1048576.0
    );
    let is_met = part <= PART && took <= TIME && memory <= MEMORY;
    Ok(if is_met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns how much longer the events of a run take when they are kept.
async fn recording(run: &RecordedRun, file: &Path) -> Result<Duration> {
    let mut times = Vec::new();
    for recorder in [None, Some(RunRecorder::create(file, run.header.clone())?)] {
        let (events, reporter) = Reporter::start(QuietConsole);
        if let Some(recorder) = recorder {
            reporter.record(recorder);
        }
        let began = Instant::now();
        run.events.iter().for_each(|event| send(&events, event));
        reporter.finish_as(Some(RunOutcome::Ready)).await;
        times.push(began.elapsed());
    }
    Ok(times[1].saturating_sub(times[0]))
}

/// Sends an event like this one: of the same size, whatever its kind.
fn send(events: &kind_harness::report::Events, event: &Event) {
    let text = serde_json::to_string(&event.kind).unwrap_or_default();
    events.handle(event.phase, &event.step).progress(text);
}

/// Writes a run in which each component needs two others.
fn large(file: &Path) -> Result<()> {
    let name = |number: usize| format!("component-{number}");
    let component = |number: usize| PlannedComponent {
        name: name(number),
        until: Vec::new(),
        needs: [number / 2, number / 3].into_iter().filter(|need| *need < number).map(name).collect(),
        image_steps: Vec::new(),
    };
    let header = RunHeader {
        format: FORMAT,
        id: "large".into(),
        began: Timestamp::now(),
        version: "0.1.0".into(),
        suite: "large".into(),
        cluster: "large".into(),
        strategy: "parallel".into(),
        source: None,
        host: HostClass { cores: 2, memory_gib: 24, arch: "x86_64".into() },
        calibration: None,
        limits: Limits { a: 15.0, b: 25.0, c: 40.0, d: 60.0, warn: 30.0, critical: 60.0 },
        components: (0..COMPONENTS).map(component).collect(),
    };
    let mut lines = vec![RunLine::Run(Box::new(header))];
    // Four loads a second, and what needs more is ready later.
    let starts = [(Phase::Load, 0, 240), (Phase::Deploy, 250, 300), (Phase::Ready, 550, 4000)];
    for (phase, after, takes) in starts {
        for number in 0..COMPONENTS {
            let start = Duration::from_millis(250 * number as u64 + after);
            let kinds =
                [EventKind::Started, EventKind::Progress("on its way".into()), EventKind::Finished(Outcome::Done)];
            for (kind, part) in kinds.into_iter().zip(0..) {
                let at = start + Duration::from_millis(takes) * part / 2;
                lines.push(RunLine::Event(Event { at, wall: Timestamp::now(), phase, step: name(number), kind }));
            }
        }
    }
    let mut text = String::new();
    for line in lines {
        text.push_str(&format!("{}\n", serde_json::to_string(&line)?));
    }
    fs_err::write(file, text)?;
    Ok(())
}

/// Returns the most memory that this process has had, in bytes.
fn peak() -> Result<u64> {
    let status = procfs::process::Process::myself()?.status()?;
    Ok(1024 * status.vmhwm.context("the kernel tells it")?)
}
