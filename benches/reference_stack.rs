//! What the services of the reference stack take, in the environment that `e2e.yaml` describes: time to readiness,
//! memory, image size, and seventy analyses at once.
//!
//! `cargo bench --bench reference_stack` brings the environment up and takes it down again. It reads the services'
//! processes from this host's /proc, so the cluster's nodes must run on it.

#![allow(clippy::print_stdout, reason = "figures are what a bench is for")]

#[path = "../tests/e2e/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the specs need more of it")]
mod support;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{Node, Pod};
use kind_harness::readiness::conditions::is_ready;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use kube::runtime::wait::await_condition;
use tokio::time::Instant;

use support::{CYCLE, Spec, analysis, eventually};

const SERVICES: [&str; 3] = ["data-storage", "holmesgpt-api", "aianalysis"];
/// How often each service is restarted.
const RESTARTS: usize = 10;
/// How often many analyses are made at once, and how many.
const ROUNDS: usize = 3;
const ANALYSES: usize = 70;

fn main() -> Result<()> {
    // The environment is shared through threads of its own, as in tests.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let spec = support::spec().await;
        images(&spec).await?;
        for service in SERVICES {
            start_up(&spec, service).await?;
        }
        for round in 1..=ROUNDS {
            many_analyses(&spec, round).await?;
        }
        for service in SERVICES {
            println!("{service}: {} MiB resident after that", resident(process(&spec.pod(service).await?)?)?);
        }
        Ok(())
    })
}

/// Sizes of images, as the node has them.
async fn images(spec: &Spec) -> Result<()> {
    let deployment = spec.record().deployment.as_ref().context("what is up is recorded")?;
    let nodes = Api::<Node>::all(spec.client()).list(&ListParams::default()).await?;
    let there: Vec<_> = nodes
        .into_iter()
        .filter_map(|node| node.status?.images)
        .flatten()
        .map(|it| (it.names, it.size_bytes))
        .collect();
    for (component, images) in &deployment.images {
        for reference in images.values() {
            let is_it = |names: &Option<Vec<String>>| names.iter().flatten().any(|name| name == reference);
            let size = there.iter().find(|(names, _)| is_it(names)).and_then(|(_, size)| *size);
            let size = size.map_or("not told".to_owned(), |size| format!("{:.1} MiB", size as f64 / 1048576.0));
            println!("{component}: image {size}");
        }
    }
    Ok(())
}

/// From the start of a service's process until the API server tells that its pod is ready, everything that it needs being
/// there already.
async fn start_up(spec: &Spec, service: &str) -> Result<()> {
    let pods = spec.objects::<Pod>();
    let mut times = Vec::new();
    for _ in 0..RESTARTS {
        let old = spec.pod(service).await?;
        spec.kill(&old).await?;
        let new = eventually(&format!("a new {service}"), Duration::from_secs(30), async || {
            let pods = spec.pods(service).await?;
            let new = pods.into_iter().find(|pod| pod.uid() != old.uid());
            Ok(new.ok_or("none"))
        })
        .await?;
        let name = new.name_any();
        let ready = await_condition(pods.clone(), &name, is_ready());
        let pod = tokio::time::timeout(Duration::from_secs(30), ready).await??.context("it is there")?;
        times.push(age(process(&pod)?)?);
    }
    let idle = resident(process(&spec.pod(service).await?)?)?;
    times.sort();
    let at = |percent: usize| times[(times.len() * percent).div_ceil(100).saturating_sub(1)].as_secs_f64();
    println!(
        "{service}: ready {:.2} s after its start (median), {:.2} s at most, n = {RESTARTS}; {idle} MiB resident",
        at(50),
        at(100)
    );
    Ok(())
}

/// Many analyses created at once: all completed, and each of their events stored once.
async fn many_analyses(spec: &Spec, round: usize) -> Result<()> {
    let begun = Instant::now();
    let created = try_join_all(
        (0..ANALYSES).map(|number| spec.create(analysis("OOMKilled").named(format!("n{round}-{number}")))),
    );
    let analyses = created.await?;
    let created = begun.elapsed();
    try_join_all(analyses.iter().map(|analysis| analysis.completed())).await?;
    let completed = begun.elapsed();
    let mut expected = CYCLE;
    expected.sort_unstable();
    for analysis in &analyses {
        let trail = analysis.trail().await?;
        ensure!(trail.sorted_types() == expected, "not each event once: {trail:#?}");
    }
    println!(
        "{ANALYSES} analyses at once, round {round}: created in {:.1} s, all completed after {:.1} s, each of {} events stored once",
        created.as_secs_f64(),
        completed.as_secs_f64(),
        ANALYSES * CYCLE.len()
    );
    Ok(())
}

/// The process of a service's pod, by the control group that it is in.
fn process(pod: &Pod) -> Result<u32> {
    let uid = pod.uid().context("a pod that was read has a uid")?;
    let groups = [format!("pod{uid}"), format!("pod{}", uid.replace('-', "_"))];
    for entry in fs_err::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let read = |file: &str| std::fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        let group = read("cgroup");
        if read("comm").trim() == "service" && groups.iter().any(|it| group.contains(it)) {
            return Ok(pid);
        }
    }
    anyhow::bail!("no process of {} on this host", pod.name_any())
}

/// Memory, in MiB.
fn resident(process: u32) -> Result<u64> {
    let status = fs_err::read_to_string(format!("/proc/{process}/status"))?;
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.context("every process of a program has memory")? >> 10)
}

/// For how long a process has run, to a hundredth of a second.
fn age(process: u32) -> Result<Duration> {
    let uptime = fs_err::read_to_string("/proc/uptime")?;
    let uptime: f64 = uptime.split_whitespace().next().context("uptime")?.parse()?;
    let stat = fs_err::read_to_string(format!("/proc/{process}/stat"))?;
    // The 22nd field, in hundredths of a second; the second one is in brackets and may hold blanks.
    let fields = stat.rsplit(')').next().context("a name in brackets")?;
    let started: f64 = fields.split_whitespace().nth(19).context("field 22")?.parse()?;
    Ok(Duration::from_secs_f64((uptime - started / 100.0).max(0.0)))
}
