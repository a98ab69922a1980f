//! `test`: one test run, or a shard of it, shared out among several clusters.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use futures::future::join_all;
use jiff::Timestamp;
use kind_harness::cluster::Owner;
use kind_harness::host::exec::{Cmd, ExecError};
use kind_harness::host::folders::append_output;
use kind_harness::report::console::write;
use kind_harness::report::junit::{self, Counts};
use kind_harness::report::{GitHub, SuiteResults};
use kind_harness::run::junit_file::{JUNIT, JUNIT_RUN, JunitFile};
use kind_harness::run::protocol::Interrupts as _;

use super::inspect::print;
use super::interrupts::Interrupts;
use super::selection::kept;
use super::shard::{Division, Shard, Times, without_filtersets};
use super::{Cli, Exit, Failure};

/// Tests take as long as they take; a person ends them sooner.
const DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// What `test` is told.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// How many clusters; each runs a part of the tests
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    clusters: u8,
    /// Run only this share of the tests, such as 2/5; a test is always in the same one, by its name
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Divide the tests by how long they took, as this JUnit report (.xml) or these runs (as `compare` takes them) say
    ///
    /// Every shard must be given the same times. Tests that have none are in the shard that takes least.
    #[arg(long, value_name = "TIMES")]
    times: Option<String>,
    /// Write the results of all specs to FILE, as JUnit XML
    #[arg(long, env = "KIND_HARNESS_JUNIT", value_name = "FILE")]
    junit: Option<PathBuf>,
    /// End with exit code 11 when deploy and ready take longer than in the runs of before the suite changed, as `compare`
    /// finds
    #[arg(long)]
    gate: bool,
    /// What else nextest is told, such as `-- --test e2e`
    #[arg(last = true)]
    args: Vec<String>,
}

impl Test {
    /// Begins the JUnit report, if there is to be one: that of an earlier run is not taken for it.
    fn junit(&self) -> Result<Option<JunitFile>, Failure> {
        let Some(path) = &self.junit else { return Ok(None) };
        let owner = Owner::current().map_err(|error| Failure::new(Exit::Host, &error))?;
        let junit = JunitFile::of(path, &owner);
        let begun = junit.update(&SuiteResults::default());
        begun.map(|()| Some(junit)).map_err(|why| Failure::told(Exit::Internal, why))
    }

    /// Says how many specs passed, also in the summary of the step in GitHub Actions: each process of nextest knows only
    /// its own.
    fn tell_counts(&self, suite: &str, junit: &JunitFile) {
        let report = fs_err::read_to_string(&junit.path).ok();
        let Some(Ok(counts)) = report.map(|report| junit::counts(&report, true)) else { return };
        let Counts { cases, failed, skipped } = counts;
        let shard = self.shard.map(|Shard { number, of }| format!(", shard {number}/{of}")).unwrap_or_default();
        let passed = cases - failed - skipped;
        let text = format!("{suite}{shard}: {passed} specs passed, {failed} failed");
        write(&format!("{text}; {}\n", junit.path.display()));
        let Some(summary) = GitHub::of_environment().and_then(|github| github.summary) else { return };
        if let Err(error) = append_output(&summary, &format!("\n### {text}\n")) {
            write(&format!("warning: the summary of the step could not be written: {error}\n"));
        }
    }
}

impl Cli {
    /// Runs nextest once for each cluster, each with a part of the tests. Every part brings up its own environment, which
    /// ends with it.
    pub(super) async fn test(&self, test: &Test) -> Result<Exit, Failure> {
        // What is wrong with the suite is better told once.
        let suite = self.plan()?.suite().suite.clone();
        let junit = test.junit()?;
        let parts = self.parts(test, junit.as_ref())?;
        let began = Timestamp::now();
        let installed = Cmd::new("cargo", ["nextest", "--version"]).succeeds().await.unwrap_or_default();
        if !installed {
            let text =
                "tests are shared out by nextest, which is not installed; `cargo install cargo-nextest --locked`";
            return Err(Failure::told(Exit::Host, text));
        }
        // Compiled once, and not by all parts at the same time. What is in an archive is compiled already.
        let is_compiled = test
            .args
            .iter()
            .any(|arg| ["--archive-file", "--binaries-metadata"].contains(&arg.split('=').next().unwrap_or_default()));
        let compile = Cmd::new("cargo", ["nextest", "run", "--no-run"]).deadline(DEADLINE);
        let mut interrupts = Interrupts::listen();
        let clusters = parts.len();
        let ended = async {
            if !is_compiled {
                test.args.iter().fold(compile, |compile, arg| compile.arg(arg)).stream(print).await?;
            }
            let parts = parts.into_iter().zip(1..).map(|(part, number)| run(part, number, clusters));
            Ok::<_, ExecError>(join_all(parts).await)
        };
        let ended = tokio::select! {
            ended = ended => ended.map_err(|error| Failure::new(Exit::Tests, &error))?,
            _ = interrupts.next() => return Err(Failure::told(Exit::Interrupted, "interrupted; the reapers remove the clusters")),
        };
        if let Some(junit) = &junit {
            test.tell_counts(&suite, junit);
        }
        let failed = ended.iter().zip(1..).filter(|(ended, _)| ended.is_err()).map(|(_, part)| part.to_string());
        let failed: Vec<String> = failed.collect();
        if failed.is_empty() {
            return if test.gate { self.gate_tests(&suite, began) } else { Ok(Exit::Done) };
        }
        Err(Failure::told(Exit::Tests, format!("tests failed in part {} of {clusters}", failed.join(", "))))
    }

    /// Returns the command of each part.
    fn parts(&self, test: &Test, junit: Option<&JunitFile>) -> Result<Vec<Cmd>, Failure> {
        let clusters = usize::from(test.clusters);
        let shard = test.shard.unwrap_or(Shard { number: 1, of: 1 });
        let of = shard.of * clusters;
        let division = match &test.times {
            Some(times) => Some(Times::read(&self.folders()?, times)?.divide(of)),
            None => None,
        };
        let part = |part: usize| {
            let command = command(part, of, division.as_ref(), &test.args);
            let command = if self.flags.pull { command.env("KIND_HARNESS_PULL", "true") } else { command };
            match junit {
                Some(junit) => command.env(JUNIT, &junit.path).env(JUNIT_RUN, &junit.run),
                None => command,
            }
        };
        let first = (shard.number - 1) * clusters;
        Ok((first..first + clusters).map(part).collect())
    }

    /// Compares the environments that the tests brought up with those of before the suite changed.
    fn gate_tests(&self, suite: &str, began: Timestamp) -> Result<Exit, Failure> {
        let mut runs = kept(&self.folders()?)?.into_iter().rev().map(|run| run.header);
        let Some(last) = runs.find(|header| header.suite == suite && header.began >= began) else {
            let text = format!("no run of suite {suite} was kept: the tests used an environment that was there");
            return Err(Failure::told(Exit::NotEnoughRuns, text));
        };
        self.gate(&last)
    }
}

/// Returns the command of a part, counted from 0. Its environment's name and ports are its own, because they are those of its
/// nextest process.
fn command(part: usize, of: usize, division: Option<&Division>, args: &[String]) -> Cmd {
    let run = Cmd::new("cargo", ["nextest", "run", "--no-tests", "pass"]);
    let run = match division {
        // By a hash of the test's name.
        None => {
            let run = run.arg("--partition").arg(format!("hash:{}/{of}", part + 1));
            args.iter().fold(run, |run, arg| run.arg(arg))
        }
        // Several filtersets would select what any of them does.
        Some(division) => {
            let (args, filtersets) = without_filtersets(args);
            let selected = filtersets.iter().map(|filterset| format!("({filterset})")).collect::<Vec<_>>().join(" | ");
            let part = division.filterset(part);
            let filterset = if selected.is_empty() { part } else { format!("({selected}) & ({part})") };
            args.iter().fold(run.arg("-E").arg(filterset), |run, arg| run.arg(arg))
        }
    };
    run.deadline(DEADLINE).without_env(|name| matches!(name, "KIND_HARNESS_NAME" | "KIND_HARNESS_SHARE"))
}

/// Runs a part, counted from 1.
async fn run(command: Cmd, part: usize, of: usize) -> Result<(), ExecError> {
    command.stream(move |line| print(&format!("{part}/{of} | {line}"))).await
}
