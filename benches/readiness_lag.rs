//! How long after the last event a wait returns, and what watching many pods takes.
//!
//! `cargo bench --bench readiness_lag [-- ROUNDS]` prints percentiles, and fails when a target is missed.

#![allow(clippy::print_stdout, reason = "figures are what a bench is for")]

#[path = "../tests/readiness/objects.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod objects;
#[path = "../tests/readiness/server.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod server;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use kind_harness::readiness::Readiness;

use objects::{deployment, endpoints, pod, service};
use server::Server;

/// Objects that are waited for: as many Deployments as Services.
const OBJECTS: usize = 500;
/// From the event that makes the last of them ready to the wait's return.
const LAG: Duration = Duration::from_millis(20);
/// Pods that are watched, and what they may take.
const PODS: usize = 5000;
const MEMORY: usize = 64 << 20;

fn main() -> ExitCode {
    // `cargo bench` passes flags of its own.
    let rounds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(100).max(20);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let before = resident();
    let readiness = runtime.block_on(many_pods());
    let memory = resident().saturating_sub(before);
    drop(readiness);
    let mut lags = runtime.block_on(async {
        let mut lags = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            lags.push(lag().await);
        }
        lags
    });
    lags.sort();
    let at = |percent: usize| lags[(lags.len() * percent).div_ceil(100).saturating_sub(1)];
    println!("lag from the last event to the wait's return, {OBJECTS} objects, n = {rounds}:");
    println!(
        "  p50 {:.2?}  p90 {:.2?}  p99 {:.2?}  max {:.2?}  (target: p99 <= {LAG:?})",
        at(50),
        at(90),
        at(99),
        at(100)
    );
    println!(
        "memory for {PODS} watched pods, n = 1: {:.1} MiB  (target: <= {} MiB)",
        memory as f64 / 1048576.0,
        MEMORY >> 20
    );
    if at(99) <= LAG && memory <= MEMORY { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Waits for all objects; all but one are ready when the wait begins.
async fn lag() -> Duration {
    let server = Server::default();
    let readiness = Readiness::start(server.client(), "shop", ());
    let name = |at: usize| format!("web-{at}");
    for at in 0..OBJECTS / 2 {
        let name = name(at);
        let ready = u8::from(at > 0);
        let mut applied = server.put(&deployment(&name, ready));
        applied.extend(server.put(&service(&name)));
        server.put(&(pod(&name, "conditions: [{type: Ready, status: 'True'}]") + &endpoints(&name, true)));
        readiness.expect(&name, applied, Vec::new());
    }
    let others: Vec<String> = (1..OBJECTS / 2).map(name).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let deadline = || tokio::time::Instant::now() + Duration::from_secs(60);
    readiness.wait_for_all_ready(Some(&others), deadline()).await.expect("the others are ready");
    let waiter = readiness.clone();
    let wait = tokio::spawn(async move {
        waiter.wait_for_all_ready(None, deadline()).await.expect("all are ready");
        Instant::now()
    });
    tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_millis(20)).await;
    let last = deployment(&name(0), 1);
    let sent = Instant::now();
    server.put(&last);
    wait.await.expect("the wait").saturating_duration_since(sent)
}

/// Watches pods as large as a cluster's own are.
async fn many_pods() -> Readiness {
    let server = Server::default();
    server.generate("/api/v1/namespaces/shop/pods", PODS, full_pod);
    let readiness = Readiness::start(server.client(), "shop", ());
    let applied = server.put(&deployment("web", 1));
    readiness.expect("web", applied, Vec::new());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
    readiness.wait_for_all_ready(None, deadline).await.expect("ready");
    while server.requests().iter().filter(|request| request.starts_with("watch ")).count() < 5 {
        tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_millis(20)).await;
    }
    tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_millis(500)).await;
    readiness
}

/// A pod as an API server sends it, some 6 KiB of JSON.
fn full_pod(at: usize) -> serde_json::Value {
    let env: Vec<_> = (0..20)
        .map(|n| serde_json::json!({"name": format!("VARIABLE_{n}"), "value": "a value of some length"}))
        .collect();
    let mounts: Vec<_> = (0..4).map(|n| serde_json::json!({"name": format!("volume-{n}"), "mountPath": format!("/var/run/volume-{n}"), "readOnly": true})).collect();
    let volumes: Vec<_> = (0..4).map(|n| serde_json::json!({"name": format!("volume-{n}"), "configMap": {"name": format!("settings-{n}"), "defaultMode": 420}})).collect();
    let condition = |kind: &str| serde_json::json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let managed: Vec<_> = (0..3).map(|n| serde_json::json!({"manager": format!("manager-{n}"), "operation": "Update", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {".": {}, "f:image": {}, "f:env": {}}}}}})).collect();
    serde_json::json!({
        "metadata": {"name": format!("web-7d9c5b6f4-{at:05}"), "namespace": "shop", "uid": format!("0b6f3a52-4d1c-4f0e-9a53-{at:012}"),
            "resourceVersion": "1", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": managed,
            "labels": {"app": "web", "pod-template-hash": "7d9c5b6f4", "team": "shop"}, "annotations": {"checksum/config": "0123456789abcdef0123456789abcdef"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d9c5b6f4", "uid": "r", "controller": true, "blockOwnerDeletion": true}]},
        "spec": {"nodeName": "node-1", "restartPolicy": "Always", "serviceAccountName": "default", "schedulerName": "default-scheduler", "volumes": volumes,
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
            "containers": [{"name": "app", "image": "registry.example.com/shop/web:1.2.3", "env": env, "volumeMounts": mounts, "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                "resources": {"limits": {"memory": "128Mi", "cpu": "500m"}, "requests": {"memory": "64Mi", "cpu": "100m"}}, "terminationMessagePath": "/dev/termination-log"}]},
        "status": {"phase": "Running", "hostIP": "10.0.0.1", "podIP": "10.1.0.1", "podIPs": [{"ip": "10.1.0.1"}], "startTime": "2026-01-01T00:00:00Z", "qosClass": "Burstable",
            "conditions": [condition("Initialized"), condition("Ready"), condition("ContainersReady"), condition("PodScheduled")],
            "containerStatuses": [{"name": "app", "image": "registry.example.com/shop/web:1.2.3", "imageID": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                "containerID": "containerd://0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "ready": true, "started": true, "restartCount": 0, "lastState": {}, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]},
    })
}

/// What the process has in memory now.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").trim().parse::<usize>().expect("a number") << 10
}
