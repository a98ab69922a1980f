//! `test --clusters N`: one test run, shared out among several clusters.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;

use super::inspect::print;
use super::interrupts::Interrupts;
use super::selection::kept;
use super::{Cli, Exit, Failure};
use kind_harness::host::exec::{Cmd, ExecError};
use kind_harness::run::protocol::Interrupts as _;

/// Tests take as long as they take; a person ends them sooner.
const DEADLINE: Duration = Duration::from_secs(24 * 3600);

impl Cli {
    /// Runs nextest once for each cluster, each with a part of the tests. Every part brings up its own environment, which
    /// ends with it.
    pub(super) async fn test(&self, clusters: usize, gate: bool, args: &[String]) -> Result<Exit, Failure> {
        // What is wrong with the suite is better told once.
        let suite = self.plan()?.suite().suite.clone();
        let began = Timestamp::now();
        let installed = Cmd::new("cargo", ["nextest", "--version"]).succeeds().await.unwrap_or_default();
        if !installed {
            let text =
                "tests are shared out by nextest, which is not installed; `cargo install cargo-nextest --locked`";
            return Err(Failure::told(Exit::Host, text));
        }
        // Compiled once, and not by all parts at the same time.
        let compile = Cmd::new("cargo", ["nextest", "run", "--no-run"]).deadline(DEADLINE);
        let mut interrupts = Interrupts::listen();
        let parts = async {
            args.iter().fold(compile, |compile, arg| compile.arg(arg)).stream(print).await?;
            let parts = (1..=clusters).map(|part| part_of(part, clusters, args));
            Ok::<_, ExecError>(join_all(parts).await)
        };
        let ended = tokio::select! {
            ended = parts => ended.map_err(|error| Failure::new(Exit::Tests, &error))?,
            _ = interrupts.next() => return Err(Failure::told(Exit::Interrupted, "interrupted; the reapers remove the clusters")),
        };
        let failed = ended.iter().zip(1..).filter(|(ended, _)| ended.is_err()).map(|(_, part)| part.to_string());
        let failed: Vec<String> = failed.collect();
        if failed.is_empty() {
            return if gate { self.gate_tests(&suite, began) } else { Ok(Exit::Done) };
        }
        Err(Failure::told(Exit::Tests, format!("tests failed in part {} of {clusters}", failed.join(", "))))
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

/// One part. Its environment's name and ports are its own, because they are those of its nextest process.
async fn part_of(part: usize, of: usize, args: &[String]) -> Result<(), ExecError> {
    let partition = format!("hash:{part}/{of}");
    let run = Cmd::new("cargo", ["nextest", "run", "--no-tests", "pass", "--partition", &partition]);
    let run = args.iter().fold(run, |run, arg| run.arg(arg)).deadline(DEADLINE);
    let run = run.without_env(|name| matches!(name, "KIND_HARNESS_NAME" | "KIND_HARNESS_SHARE"));
    run.stream(move |line| print(&format!("{part}/{of} | {line}"))).await
}
