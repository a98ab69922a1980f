//! `sequential` and `waves`, on a cluster: a component is applied when what it needs is ready.

use anyhow::{Context, Result, ensure};
use duct::cmd;
use serde_json::Value;

use crate::SUITE;
use crate::host::Host;

const PROGRAM: &str = env!("CARGO_BIN_EXE_kind-harness");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn components_start_after_what_they_need_where_the_strategy_says_so() -> Result<()> {
    let host = Host::look().await?;
    let ended = tokio::task::block_in_place(|| all(&host));
    let down = host.at_home(cmd!(PROGRAM, "down", "--file", SUITE)).run()?;
    ended?;
    ensure!(down.status.success(), "{}", std::fs::read_to_string(host.said())?);
    let (_, left) = host.until_clean().await?;
    ensure!(left.is_empty(), "left {left}");
    Ok(())
}

fn all(host: &Host) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("report.json");
    let run = |args: &[&str]| -> Result<()> {
        let command = host.at_home(cmd(PROGRAM, args.iter().chain(&["--file", SUITE])));
        let ended = command.run()?;
        ensure!(ended.status.success(), "{args:?}: {}", std::fs::read_to_string(host.said())?);
        Ok(())
    };
    for strategy in ["sequential", "waves", "parallel"] {
        run(&["up", "--strategy", strategy])?;
        run(&["report", "--format", "json", "--to", file.to_str().context("a path of ours")?])?;
        let report: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
        ensure!(report["strategy"] == strategy, "the report of the last run: {}", report["strategy"]);
        let step = |phase: &str, name: &str, time: &str| {
            let mut steps = report["steps"].as_array().into_iter().flatten();
            let step = steps.find(|step| step["phase"] == phase && step["step"] == name);
            step.and_then(|step| step[time].as_f64()).with_context(|| format!("{strategy}: no {phase} of {name}"))
        };
        let (needed, needing) = (step("ready", "database", "end")?, step("deploy", "api", "start")?);
        ensure!((needing >= needed) == (strategy != "parallel"), "{strategy}: ready {needed}, applied {needing}");
        run(&["down", "--keep-cluster"])?;
    }
    Ok(())
}
