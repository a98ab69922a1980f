//! `soak`: the tests again and again, to find those that fail now and then. It goes on where it was interrupted.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;
use kind_harness::host::exec::Cmd;
use kind_harness::host::folders::publish;
use kind_harness::report::RecordedRun;
use kind_harness::report::console::write;
use kind_harness::run::past_runs;
use kind_harness::run::protocol::Interrupts as _;
use serde::{Deserialize, Serialize};

use super::history::failing_tests;
use super::inspect::{print, print_json};
use super::interrupts::Interrupts;
use super::selection::kept;
use super::statistics::rate_interval;
use super::{Cli, Exit, Failure, Output, outputs};

/// Tests take as long as they take; a person ends them sooner.
const DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// What `soak` is told.
#[derive(Debug, Args)]
pub(super) struct Soak {
    /// How often the tests are run
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
    /// Begin anew, and forget the rounds of an interrupted soak
    #[arg(long)]
    restart: bool,
    /// The command that runs the tests; `cargo test` when left out
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// A soak, as it is kept between rounds.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    command: Vec<String>,
    /// Hash of the suite: rounds of another one say nothing about this one.
    source: Option<String>,
    began: Timestamp,
    rounds: Vec<Round>,
}

/// A round that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Round {
    began: Timestamp,
    seconds: f64,
    /// The first line of the error; null when it passed.
    error: Option<String>,
}

impl Progress {
    fn failed(&self) -> usize {
        self.rounds.iter().filter(|round| round.error.is_some()).count()
    }
}

impl Cli {
    pub(super) async fn soak(&self, soak: &Soak) -> Result<Exit, Failure> {
        let plan = self.plan()?;
        let folder = past_runs::make_folder(&self.folders()?).map_err(|error| Failure::new(Exit::Host, &error))?;
        let file = folder.join(format!("soak-{}.json", plan.suite().suite));
        let mut progress = self.begun(soak, &file, plan.source().ok());
        let [program, args @ ..] = progress.command.as_slice() else {
            return Err(Failure::told(Exit::Usage, "there is no command to run"));
        };
        let command = args.iter().fold(Cmd::new(program, [""; 0]), |command, arg| command.arg(arg)).deadline(DEADLINE);
        let mut interrupts = Interrupts::listen();
        while progress.rounds.len() < soak.runs as usize {
            let (began, started) = (Timestamp::now(), Instant::now());
            let ended = tokio::select! {
                ended = command.stream(|_| {}) => ended,
                _ = interrupts.next() => {
                    let done = progress.rounds.len();
                    write(&format!("interrupted after {done} of {} rounds; the same command goes on from there\n", soak.runs));
                    self.tell_soak(&plan.suite().suite, &progress, soak.runs)?;
                    return Ok(Exit::Interrupted);
                }
            };
            let seconds = started.elapsed().as_secs_f64();
            let error = ended.err().map(|error| error.to_string());
            let told = error.as_ref().map_or_else(
                || format!("passed in {seconds:.1} s"),
                |error| format!("FAILED after {seconds:.1} s: {error}"),
            );
            let error = error.and_then(|error| error.lines().next().map(str::to_owned));
            progress.rounds.push(Round { began, seconds, error });
            write(&format!("round {} of {}: {told}\n", progress.rounds.len(), soak.runs));
            let text = serde_json::to_string(&progress).map_err(|error| Failure::new(Exit::Internal, &error))?;
            publish(&file, &text).map_err(|error| Failure::new(Exit::Host, &error))?;
        }
        self.tell_soak(&plan.suite().suite, &progress, soak.runs)?;
        // A finished soak is not gone on with.
        let _ = fs_err::remove_file(&file);
        Ok(if progress.failed() > 0 { Exit::Tests } else { Exit::Done })
    }

    /// Returns the interrupted soak of this command and suite, or a new one.
    fn begun(&self, soak: &Soak, file: &PathBuf, source: Option<String>) -> Progress {
        let command = if soak.command.is_empty() { vec!["cargo".into(), "test".into()] } else { soak.command.clone() };
        let new = Progress { command, source, began: Timestamp::now(), rounds: Vec::new() };
        let known = fs_err::read_to_string(file).ok().and_then(|text| serde_json::from_str::<Progress>(&text).ok());
        match known {
            Some(known) if !soak.restart && (&known.command, &known.source) == (&new.command, &new.source) => {
                write(&format!(
                    "going on after round {} of {}; `--restart` begins anew\n",
                    known.rounds.len(),
                    soak.runs
                ));
                known
            }
            Some(known) if !soak.restart => {
                let what = if known.command == new.command {
                    "the suite has changed since"
                } else {
                    "it was of another command"
                };
                write(&format!("an interrupted soak of {} rounds is not gone on with: {what}\n", known.rounds.len()));
                new
            }
            _ => new,
        }
    }

    /// Prints how many rounds failed, and which tests in which of the runs that were kept meanwhile.
    fn tell_soak(&self, suite: &str, progress: &Progress, of: u32) -> Result<(), Failure> {
        let is_of_soak = |run: &RecordedRun| run.header.suite == suite && run.header.began >= progress.began;
        let runs: Vec<_> = kept(&self.folders()?)?.into_iter().filter(is_of_soak).collect();
        let tests = failing_tests(&runs);
        let (failed, rounds) = (progress.failed(), progress.rounds.len());
        let interval = rate_interval(failed, rounds);
        if self.output == Output::Json {
            print_json(&outputs::Soak { rounds, of, failed, interval, tests });
            return Ok(());
        }
        let interval = interval
            .map(|(low, high)| format!("; 95 % interval of the rate: {:.1} to {:.1} %", 100.0 * low, 100.0 * high));
        let mut text = format!("{failed} of {rounds} rounds failed{}", interval.unwrap_or_default());
        for test in &tests {
            let (failed, runs, rate) = (test.failed, test.runs, 100.0 * test.rate);
            text.push_str(&format!(
                "\ntest {} failed in {failed} of {runs} runs ({rate:.0} %): {}",
                test.test,
                test.failed_in.join(", ")
            ));
        }
        print(&text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soak_is_read_as_it_was_kept() {
        let round = Round { began: Timestamp::UNIX_EPOCH, seconds: 1.5, error: Some("`x` exited with 101".into()) };
        let passed = Round { error: None, ..round.clone() };
        let progress = Progress { command: vec!["x".into()], rounds: vec![round, passed], ..Progress::default() };
        let text = serde_json::to_string(&progress).unwrap();
        assert_eq!(serde_json::from_str::<Progress>(&text).unwrap(), progress);
        assert_eq!(progress.failed(), 1);
    }
}
