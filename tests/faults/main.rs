//! The corpus of faults: each folder of `cases` is one fault, with what must be said of it.
//!
//! Without a cluster, recordings are replayed. `just faults` makes the faults in a cluster, and records them.

#![expect(clippy::print_stdout, reason = "making the faults takes minutes, and is watched")]

mod case;
mod expect;
mod stage;

use std::io::BufReader;

use anyhow::ensure;
use futures::{StreamExt, stream};
use kind_harness::readiness::replay;

use case::{chosen, corpus};
use expect::Verdict;
use stage::{Round, Stage};

/// How many faults are made at the same time.
const AT_ONCE: usize = 6;

/// How often a fault that heals is made.
const ROUNDS: usize = 20;

#[test]
fn every_fault_has_an_expectation_and_what_it_needs_to_be_checked() {
    for case in corpus() {
        assert!(!case.manifests.is_empty(), "{}: no manifest", case.name);
        match case.expect.verdict {
            Verdict::Refused => assert!(!case.expect.says.is_empty(), "{}: `says` is missing", case.name),
            _ => assert!(case.recording().exists(), "{}: no recording; `just faults` makes it", case.name),
        }
    }
}

#[test]
fn recordings_come_to_what_is_expected() {
    for case in corpus().into_iter().filter(|case| case.expect.verdict != Verdict::Refused) {
        let file = fs_err::File::open(case.recording()).unwrap_or_else(|error| panic!("{error}"));
        let replayed = replay(BufReader::new(file)).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        case.expect.check(&replayed).unwrap_or_else(|error| panic!("{}: {error:#}", case.name));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes faults for minutes in a cluster of its own: `just faults`"]
async fn every_fault_is_found_in_a_cluster() -> anyhow::Result<()> {
    let rounds =
        chosen().into_iter().map(|case| Round { namespace: format!("fault-{}", case.name), record: true, case });
    make_all(rounds.collect()).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes faults for minutes in a cluster of its own: `just faults`"]
async fn what_heals_is_never_called_failed() -> anyhow::Result<()> {
    let healing = chosen().into_iter().filter(|case| case.expect.heals);
    let rounds = healing.flat_map(|case| {
        let round = move |i| Round { namespace: format!("fault-{}-{i}", case.name), record: false, case: case.clone() };
        (1..=ROUNDS).map(round)
    });
    make_all(rounds.collect()).await
}

/// Makes them all, and tells of each how it went.
async fn make_all(rounds: Vec<Round>) -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    let (alone, together): (Vec<_>, Vec<_>) = rounds.into_iter().partition(|round| round.case.expect.alone);
    let mut wrong = Vec::new();
    for (rounds, at_once) in [(together, AT_ONCE), (alone, 1)] {
        let mut made = stream::iter(rounds).map(|round| stage.make(round)).buffer_unordered(at_once);
        while let Some((namespace, found)) = made.next().await {
            match found {
                Ok(after) => println!("{namespace}: as expected, after {:.1} s", after.as_secs_f64()),
                Err(error) => {
                    println!("{namespace}: WRONG");
                    wrong.push(format!("{namespace}: {error:#}"));
                }
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
