//! The reference suite up and down again and again: nothing may fail, and nothing may grow.

use std::time::Instant;

use anyhow::{Result, ensure};
use duct::cmd;

use crate::host::Host;

const ROUNDS: usize = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "30 clusters, 15 minutes: just soak"]
async fn soak() -> Result<()> {
    let host = Host::look().await?;
    let (mut ups, mut downs) = (Vec::new(), Vec::new());
    let mut first: Option<Vec<_>> = None;
    for round in 1..=ROUNDS {
        for (command, times) in [("up", &mut ups), ("down", &mut downs)] {
            let began = Instant::now();
            let suite = concat!(env!("CARGO_MANIFEST_DIR"), "/../../e2e.yaml");
            let command = host.at_home(cmd!(env!("CARGO_BIN_EXE_kind-harness"), command, "--file", suite));
            let ended = tokio::task::spawn_blocking(move || command.run()).await??;
            let said = std::fs::read_to_string(host.said())?;
            ensure!(ended.status.success(), "round {round}: {}:\n{said}", ended.status);
            times.push(began.elapsed().as_secs_f64());
        }
        let (_, left) = host.until_clean().await?;
        ensure!(left.is_empty(), "round {round} left {left}");
        let figures = host.figures().await?;
        // The first round may still fill caches.
        first.get_or_insert(figures.clone());
        println!("round {round}: up {:.1} s, down {:.1} s, {figures:?}", ups[round - 1], downs[round - 1]);
    }
    for (what, mut times) in [("up", ups), ("down", downs)] {
        times.sort_by(f64::total_cmp);
        println!("{what}: p50 {:.1} s, max {:.1} s, n = {ROUNDS}", times[ROUNDS / 2], times[ROUNDS - 1]);
    }
    let (first, last) = (first.unwrap_or_default(), host.figures().await?);
    for ((what, before), (_, after)) in first.into_iter().zip(last) {
        println!("{what}: {before} after the first round, {after} after the last");
        // Other programs open files too.
        let slack = if what == "open files" { before / 2 } else { 0 };
        ensure!(after <= before + slack, "{what} grew");
    }
    Ok(())
}
