//! The moments of a report, beside those that an observer sees who is no part of the run: a watch of its own, and a client
//! that asks the component's port.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use duct::cmd;
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kind_harness::readiness::conditions::is_ready;
use kube::api::Api;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::wait::Condition;
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::Value;

use crate::host::Host;

const OBSERVED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lifecycle/observed.yaml");
const PROGRAM: &str = env!("CARGO_BIN_EXE_kind-harness");
const ROUNDS: usize = 10;
/// The largest difference that half of the moments may have.
const AGREEMENT: f64 = 0.1;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a cluster, 10 deployments, and nothing beside it: just bench-moments"]
async fn moments_are_those_that_an_observer_sees() -> Result<()> {
    let host = Host::look().await?;
    let compared = compare(&host).await;
    let down = host.at_home(cmd!(PROGRAM, "down", "--file", OBSERVED)).run()?;
    let differences = compared?;
    ensure!(down.status.success(), "{}", std::fs::read_to_string(host.said())?);
    for (what, mut late) in [("pod ready", differences.0), ("answered", differences.1)] {
        late.sort_by(f64::total_cmp);
        let (median, last) = (late[late.len() / 2], late[late.len() - 1]);
        println!(
            "{what}: report later than the observer by {:.3} to {last:.3} s, median {median:.3} s, n = {}",
            late[0],
            late.len()
        );
        ensure!(median.abs() <= AGREEMENT, "{what}: {late:?}");
    }
    Ok(())
}

/// Returns how much later the report has the pod ready, and its port answered, than the observer, for each round.
async fn compare(host: &Host) -> Result<(Vec<f64>, Vec<f64>)> {
    let run = |args: &[&str]| -> Result<()> {
        let ended = host.at_home(cmd(PROGRAM, args.iter().chain(&["--file", OBSERVED]))).run()?;
        ensure!(ended.status.success(), "{args:?}: {}", std::fs::read_to_string(host.said())?);
        Ok(())
    };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("report.json");
    let path = file.to_str().context("a path of ours")?;
    tokio::task::block_in_place(|| run(&["up"]))?;
    let (mut ready, mut answered) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        tokio::task::block_in_place(|| run(&["down", "--keep-cluster"]))?;
        let record: Value = serde_json::from_slice(&std::fs::read(host.kubeconfig().with_file_name("cluster.json"))?)?;
        let port: SocketAddr = record["ports"]["registry"]["http"].as_str().context("a port")?.parse()?;
        let pod = tokio::spawn(first_ready(host.kubeconfig()));
        let ended = AtomicBool::new(false);
        let seen = std::thread::scope(|scope| {
            let answer = scope.spawn(|| first_answer(port, &ended));
            let up = tokio::task::block_in_place(|| run(&["up", "--report", path]));
            ended.store(true, Ordering::Relaxed);
            up?;
            answer.join().map_err(|_| anyhow::anyhow!("the client panicked"))?.context("the port never answered")
        })?;
        let report: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
        let began: Timestamp = report["began"].as_str().context("when the run began")?.parse()?;
        let later = |at: &Value, seen: Timestamp| -> Result<f64> {
            let at = began + Duration::try_from_secs_f64(at.as_f64().context("a time")?)?;
            Ok(at.duration_since(seen).as_secs_f64())
        };
        let find = |list: &str, key: &str, value: &str| {
            let mut found = report[list].as_array().into_iter().flatten();
            found.find(|it| it[key] == value).cloned().with_context(|| format!("no {value} in {list}"))
        };
        ready.push(later(&find("moments", "kind", "podReady")?["at"], pod.await??)?);
        answered.push(later(&find("steps", "phase", "ready")?["end"], seen)?);
    }
    Ok((ready, answered))
}

/// Returns when a watch first shows a ready pod that was not there when it began.
async fn first_ready(kubeconfig: std::path::PathBuf) -> Result<Timestamp> {
    let pods: Api<Pod> = Api::namespaced(client(&kubeconfig).await?, "observed");
    let mut events = pin!(watcher(pods, watcher::Config::default()).default_backoff());
    while let Some(event) = events.next().await {
        if let watcher::Event::Apply(pod) = event?
            && pod.metadata.deletion_timestamp.is_none()
            && is_ready().matches_object(Some(&pod))
        {
            return Ok(Timestamp::now());
        }
    }
    anyhow::bail!("the watch ended")
}

async fn client(kubeconfig: &Path) -> Result<kube::Client> {
    let read = Kubeconfig::read_from(kubeconfig)?;
    let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await?;
    Ok(kube::Client::try_from(config)?)
}

/// Returns when a request to `port` is first answered, unless the run has `ended` before.
fn first_answer(port: SocketAddr, ended: &AtomicBool) -> Option<Timestamp> {
    while !ended.load(Ordering::Relaxed) {
        if asked(port).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            return Some(Timestamp::now());
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    None
}

fn asked(port: SocketAddr) -> std::io::Result<String> {
    // A packet to a pod that is gone is not answered at all.
    let mut stream = TcpStream::connect_timeout(&port, Duration::from_millis(30))?;
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
