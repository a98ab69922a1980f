//! `runs` and `report`: past runs.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use kind_harness::host::folders::write_output;
use kind_harness::report::junit::{self, Counts};
use kind_harness::report::{RecordedRun, StartupMetrics};
use kind_harness::run::past_runs;

use super::formats::{self, Format, outcome};
use super::inspect::{lines_of, print, print_json};
use super::selection::earlier;
use super::shard::unreadable;
use super::{Cli, Exit, Failure, Output, outputs};

/// What `report` is told.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_precedence_over_arg = true)]
pub(super) struct Report {
    #[command(subcommand)]
    command: Option<ReportCommand>,
    /// The run: its name, the beginning of it, or its file; the last one when left out
    run: Option<String>,
    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write it to FILE instead of standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// A command about reports of tests.
#[derive(Debug, Subcommand)]
enum ReportCommand {
    /// Merge JUnit reports, such as those of shards, into one
    Merge {
        /// The reports
        #[arg(required = true, value_name = "REPORT")]
        reports: Vec<PathBuf>,
        /// Write the merged report to FILE instead of standard output
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}

impl Cli {
    /// Prints a line for each run that is kept, the last one last.
    pub(super) fn runs(&self) -> Result<Exit, Failure> {
        let folders = self.folders()?;
        let runs = past_runs::all(&folders).map_err(|error| Failure::new(Exit::Host, &error))?;
        let (mut found, mut unread) = (Vec::new(), Vec::new());
        for run in runs {
            match run {
                Ok(run) => found.push(summary(&run)),
                Err(error) => unread.push(error.to_string()),
            }
        }
        if self.output == Output::Json {
            print_json(&outputs::Runs { runs: &found, errors: &unread });
            return Ok(Exit::Done);
        }
        if found.is_empty() && unread.is_empty() {
            print("no run is kept yet; `kind-harness up` makes one");
        }
        if !found.is_empty() {
            let mut table = comfy_table::Table::new();
            table.load_style(comfy_table::presets::NOTHING);
            table.set_header(["RUN", "STRATEGY", "ENDED", "WALL", "DEPLOY + READY", "GRADE"]);
            let time = |seconds: Option<f64>| seconds.map(|seconds| format!("{seconds:.1} s")).unwrap_or_default();
            for run in &found {
                let grade = run.grade.map(|grade| grade.to_string()).unwrap_or_default();
                table.add_row([
                    &run.run,
                    &run.strategy,
                    run.outcome,
                    &time(Some(run.wall)),
                    &time(run.deploy_and_ready),
                    &grade,
                ]);
            }
            print(&lines_of(&table));
        }
        unread.iter().for_each(|error| kind_harness::report::console::write(&format!("warning: {error}\n")));
        Ok(Exit::Done)
    }

    /// Prints the report of a past run, made again from its events.
    pub(super) fn report(&self, report: &Report) -> Result<Exit, Failure> {
        if let Some(ReportCommand::Merge { reports, to }) = &report.command {
            return merge(reports, to.as_deref());
        }
        let path = past_runs::find(&self.folders()?, report.run.as_deref())
            .map_err(|error| Failure::new(Exit::Usage, &error))?;
        let run = RecordedRun::read(&path).map_err(|error| Failure::new(Exit::Usage, &error))?;
        warn_of_damage(&run);
        let format = if self.output == Output::Json { Format::Json } else { report.format };
        let earlier = if format == Format::Html { earlier(&self.folders()?, &run)? } else { Vec::new() };
        let text = formats::render(&run, format, &earlier);
        write_or_print(report.to.as_deref(), &text)?;
        Ok(Exit::Done)
    }
}

/// Merges JUnit reports, and says how many tests they have.
fn merge(reports: &[PathBuf], to: Option<&Path>) -> Result<Exit, Failure> {
    let texts: Result<Vec<_>, _> = reports.iter().map(fs_err::read_to_string).collect();
    let texts = texts.map_err(|error| Failure::new(Exit::Usage, &error))?;
    let merged = junit::merge(&texts).map_err(|(index, error)| unreadable(&reports[index], &error))?;
    let counts = junit::counts(&merged, false).map_err(|error| Failure::new(Exit::Internal, &error))?;
    write_or_print(to, &merged)?;
    if let Some(to) = to {
        let (to, Counts { cases, failed, skipped }) = (to.display(), counts);
        kind_harness::report::console::write(&format!("{to}: {cases} cases, {failed} failed, {skipped} skipped\n"));
    }
    Ok(Exit::Done)
}

/// Writes a report to a file, or prints it.
fn write_or_print(to: Option<&Path>, text: &str) -> Result<(), Failure> {
    match to {
        Some(file) => write_output(file, text).map_err(|error| Failure::new(Exit::Internal, &error)),
        None => {
            print(text.trim_end_matches('\n'));
            Ok(())
        }
    }
}

/// Says what a report cannot tell.
fn warn_of_damage(run: &RecordedRun) {
    let warn = |text: String| kind_harness::report::console::write(&format!("warning: {text}\n"));
    match (&run.damage, run.end) {
        (Some(damage), _) => warn(format!("the run's file is damaged, and read up to there: {damage}")),
        (None, None) => warn("the run was killed, or has not ended yet: steps without an end count as failed".into()),
        (None, Some(end)) if end.left_out > 0 => warn(format!("{} events were too many to be kept", end.left_out)),
        (None, Some(_)) => {}
    }
}

fn summary(run: &RecordedRun) -> outputs::RunSummary {
    let timeline = run.timeline();
    let metrics = StartupMetrics::of(&timeline, &run.header);
    let ended = run.end.is_some();
    outputs::RunSummary {
        run: run.header.id.clone(),
        suite: run.header.suite.clone(),
        strategy: run.header.strategy.clone(),
        source: run.header.source.clone(),
        host: run.header.host.clone(),
        began: run.header.began,
        outcome: outcome(run),
        wall: timeline.wall().as_secs_f64(),
        deploy_and_ready: metrics.as_ref().filter(|_| ended).map(|metrics| metrics.total),
        grade: metrics.filter(|_| ended).and_then(|metrics| metrics.grade),
        damage: run.damage.clone(),
    }
}
