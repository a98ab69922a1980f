//! `sequential` and `waves`, on a cluster: a component is applied when what it needs is ready.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use duct::cmd;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use serde_json::Value;

use crate::host::Host;
use crate::{SUITE, TURN};

const PROGRAM: &str = env!("CARGO_BIN_EXE_kind-harness");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn components_start_after_what_they_need_where_the_strategy_says_so() -> Result<()> {
    let _turn = TURN.lock().await;
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
        agree(&report, &host.kubeconfig()).with_context(|| format!("{strategy}: moments"))?;
        run(&["down", "--keep-cluster"])?;
    }
    Ok(())
}

/// The moments of the report are those that the pods themselves tell, in whole seconds.
fn agree(report: &Value, kubeconfig: &Path) -> Result<()> {
    let pods = tokio::runtime::Handle::current().block_on(async {
        let options = kube::config::KubeConfigOptions::default();
        let config =
            kube::Config::from_custom_kubeconfig(kube::config::Kubeconfig::read_from(kubeconfig)?, &options).await?;
        let pods: Api<Pod> = Api::all(kube::Client::try_from(config)?);
        Ok::<_, anyhow::Error>(pods.list(&ListParams::default()).await?.items)
    })?;
    let began: Timestamp = report["began"].as_str().context("when the run began")?.parse()?;
    let moments = report["moments"].as_array().context("moments")?;
    let mut compared = 0;
    for (kind, condition) in [("scheduled", "PodScheduled"), ("podReady", "Ready")] {
        for moment in moments.iter().filter(|moment| moment["kind"] == kind) {
            let pod = pods.iter().find(|pod| Some(pod.name_any().as_str()) == moment["object"].as_str());
            let conditions = pod.and_then(|pod| pod.status.as_ref()?.conditions.as_ref()).into_iter().flatten();
            let transition =
                conditions.filter(|it| it.type_ == condition).find_map(|it| it.last_transition_time.clone());
            let transition = transition.with_context(|| format!("{moment} is of no pod"))?.0;
            let at = began + Duration::try_from_secs_f64(moment["at"].as_f64().context("a time")?)?;
            // How late the watch is, beyond the second that the pod's time has for its own.
            let late = at.duration_since(transition).as_secs_f64();
            println!("{kind} {}: {late:.2} s after the pod's own time", moment["object"]);
            ensure!((-0.1..2.0).contains(&late), "{moment} is {late} s after the pod's own time");
            compared += 1;
        }
    }
    ensure!(compared >= 4, "two pods, scheduled and ready: {compared}");
    Ok(())
}
