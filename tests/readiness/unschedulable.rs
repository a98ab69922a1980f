//! Pods that wait for the place of others.

use std::time::Duration;

use kind_harness::readiness::ObjectRef;
use tokio::time::{Instant, timeout};

use crate::objects::{deployment, pod};
use crate::server::Server;
use crate::{in_seconds, start};

#[tokio::test(start_paused = true)]
async fn a_pod_is_unschedulable_only_once_no_other_makes_room() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    readiness.expect("web", server.put(&deployment("web", 0)), Vec::new());
    let message = "0/1 nodes are available: 1 Insufficient cpu.";
    let lacks =
        format!("conditions: [{{type: PodScheduled, status: 'False', reason: Unschedulable, message: '{message}'}}]");
    server.put(&pod("web", &lacks));
    let going = "- {apiVersion: v1, kind: Pod, metadata: {name: old, namespace: shop, uid: o, deletionTimestamp: '2026-01-01T00:00:00Z'}, spec: {nodeName: n1}, status: {phase: Running}}";
    server.put(going);
    let early = timeout(Duration::from_secs(25), readiness.wait_for_all_ready(None, in_seconds(60))).await;
    assert!(early.is_err(), "it ends within its grace period: {early:?}");
    let old =
        ObjectRef { api_version: "v1".into(), kind: "Pod".into(), namespace: Some("shop".into()), name: "old".into() };
    server.delete(&old);
    let began = Instant::now();
    let error = readiness.wait_for_all_ready(None, in_seconds(60)).await.expect_err("no room").to_string();
    assert!(error.contains("Insufficient cpu"), "{error}");
    assert!((10..11).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}
