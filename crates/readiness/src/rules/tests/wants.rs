//! What is wanted for pods to be scheduled, created and mounted, as values.

use super::*;
use crate::Want;

fn object(kind: &str, name: &str) -> crate::object::ObjectRef {
    let object = serde_json::json!({"apiVersion": "v1", "kind": kind, "namespace": "shop", "name": name});
    serde_json::from_value(object).expect("a reference")
}

/// Returns a pod whose container is being created, with a mount that fails.
fn unmounted(message: &str) -> String {
    format!(
        "- {{apiVersion: v1, kind: Pod, metadata: {{name: web, namespace: shop, uid: p}}, status: {{containerStatuses: [{{name: app, state: {{waiting: {{reason: ContainerCreating}}}}}}]}}}}\n\
         - {{apiVersion: v1, kind: Event, metadata: {{name: e}}, involvedObject: {{uid: p}}, reason: FailedMount, message: '{message}'}}\n"
    )
}

fn unschedulable(message: &str) -> String {
    format!(
        "- {{apiVersion: v1, kind: Pod, metadata: {{name: web, namespace: shop}}, status: {{conditions: [{{type: PodScheduled, status: 'False', reason: Unschedulable, message: '{message}'}}]}}}}\n"
    )
}

fn refused(message: &str) -> String {
    format!(
        "- {{apiVersion: v1, kind: ReplicationController, metadata: {{name: r, namespace: shop}}, status: {{conditions: [{{type: ReplicaFailure, status: 'True', message: '{message}'}}]}}}}\n"
    )
}

#[test]
fn what_is_wanted_for_pods() {
    let cases = [
        (unmounted("configmap \"conf\" not found"), Some(Want::Object(object("ConfigMap", "conf")))),
        (unmounted("references non-existent secret key: tls.crt"), None),
        (unschedulable("0/1 nodes are available: 1 Insufficient memory."), Some(Want::NodeResource("memory".into()))),
        (unschedulable("1 node(s) had untolerated taint {gpu: only}"), Some(Want::Taint("gpu: only".into()))),
        (
            unschedulable("persistentvolumeclaim \"data\" not found"),
            Some(Want::Object(object("PersistentVolumeClaim", "data"))),
        ),
        (unschedulable("1 node(s) did not match Pod node selector"), None),
        (refused("exceeded quota: compute, requested: pods=1"), Some(Want::Quota(object("ResourceQuota", "compute")))),
        (refused("serviceaccount \"bot\" not found"), Some(Want::Object(object("ServiceAccount", "bot")))),
    ];
    for (yaml, want) in cases {
        let found = found(&yaml);
        assert!(found.fault().is_some(), "{yaml}: {found:?}");
        assert_eq!(found.want(), want.as_ref(), "{yaml}");
    }
}

#[test]
fn what_has_come_is_tried_again() {
    let there = |kind: &str, name: &str| {
        format!(
            "- {{apiVersion: v1, kind: {kind}, metadata: {{name: {name}, namespace: shop}}, status: {{phase: Bound}}}}\n"
        )
    };
    let (claim, account) = (there("PersistentVolumeClaim", "data"), there("ServiceAccount", "bot"));
    check(&[
        (
            "a config map",
            &(unmounted("configmap \"conf\" not found") + &there("ConfigMap", "conf")),
            Is::Waiting("configmap/conf is there now"),
        ),
        (
            "a claim",
            &(unschedulable("persistentvolumeclaim \"data\" not found") + &claim),
            Is::Waiting("persistentvolumeclaim/data is there now"),
        ),
        (
            "a service account",
            &(refused("serviceaccount \"bot\" not found") + &account),
            Is::Waiting("serviceaccount/bot is there now"),
        ),
    ]);
}

#[test]
fn suggestions() {
    let cases = [
        (unschedulable("0/1 nodes are available: 1 Insufficient memory."), "ask for less in resources.requests"),
        (unschedulable("1 node(s) had untolerated taint {gpu: only}"), "tolerate the taint"),
        (unschedulable("1 node(s) did not match Pod node selector"), "label a node so that it matches"),
        (unschedulable("1 node(s) did not match pod anti-affinity rules"), "label a node so that it matches"),
        (unschedulable("persistentvolumeclaim \"data\" not found"), "create the claim"),
        (unschedulable("1 node(s) did not have free ports for the requested pod ports"), "choose another"),
        (unschedulable("1 node(s) were unschedulable"), "the scheduler's message says what every node lacks"),
        (refused("exceeded quota: compute, requested: pods=1"), "raise the namespace's ResourceQuota"),
        (refused("violates PodSecurity \"restricted:latest\""), "meet the namespace's pod-security level"),
        (refused("serviceaccount \"bot\" not found"), "create the ServiceAccount"),
        (refused("error looking up service account shop/bot"), "create the ServiceAccount"),
        (refused("denied by a policy"), "the API server's answer says what the pod lacks"),
    ];
    for (yaml, part) in cases {
        let found = found(&yaml);
        let hint = found.fault().map(|fault| fault.hint.as_str());
        assert!(hint.is_some_and(|hint| hint.contains(part)), "{yaml}: wanted {part}, found {hint:?}");
    }
}
