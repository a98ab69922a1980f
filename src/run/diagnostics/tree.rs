//! The tree of an unready component: workloads, pods, containers.

use serde_json::Value;

use super::snapshot::name_of;
use super::{Branch, ClusterSnapshot};
use crate::readiness::{Lenient, ObjectRef, Unready, UnreadyObject};

/// Pods shown of one workload: the others rarely fail for another reason.
const PODS: usize = 3;

/// Returns all that is known of an unready component.
pub(super) fn component(unready: &Unready, scene: &ClusterSnapshot) -> Branch {
    let parts: Vec<_> = unready.objects.iter().map(|object| workload(object, scene)).collect();
    Branch {
        name: format!("component {}", unready.component),
        failed: parts.iter().any(|part| part.failed),
        parts,
        ..Branch::default()
    }
}

fn workload(object: &UnreadyObject, scene: &ClusterSnapshot) -> Branch {
    let failed = object.verdict.is_failed();
    let message = object.message().to_owned();
    let Some(applied) = &object.object else {
        return Branch { name: "probe".into(), failed, message, ..Branch::default() };
    };
    if applied.kind == "Pod" {
        return Branch { message, failed, ..pod(applied, object, scene) };
    }
    let pods = all_pods(object, scene);
    let more = pods.len().saturating_sub(PODS);
    let mut parts: Vec<_> = pods.iter().take(PODS).map(|name| pod(name, object, scene)).collect();
    if more > 0 {
        parts.push(Branch { name: format!("{more} more pods"), message: "not ready".into(), ..Branch::default() });
    }
    Branch { name: applied.to_string(), failed, message, events: scene.events(applied), parts, ..Branch::default() }
}

fn pod(name: &ObjectRef, object: &UnreadyObject, scene: &ClusterSnapshot) -> Branch {
    let blamed = object.cause.as_ref().or(object.object.as_ref()) == Some(name);
    let failed = blamed && object.verdict.is_failed();
    let seen = scene.find(name);
    let mut parts: Vec<_> = seen.iter().flat_map(|pod| containers(name, pod, scene)).collect();
    if let Some(container) = object.container.as_ref().filter(|_| blamed) {
        let title = format!("container {container}");
        // Logs fetched by readiness at the time of the failure are closer to it than ours.
        match parts.iter_mut().find(|part| part.name.ends_with(&title)) {
            Some(part) if !object.logs.is_empty() => part.logs.clone_from(&object.logs),
            Some(_) => {}
            None => parts.push(Branch { name: title, logs: object.logs.clone(), ..Branch::default() }),
        }
    }
    let message = seen.map_or_else(|| "it is gone".to_owned(), condition);
    Branch { name: name.to_string(), failed, message, events: scene.events(name), parts, ..Branch::default() }
}

/// Returns the pods that are shown of an object.
pub(super) fn pods(object: &UnreadyObject, scene: &ClusterSnapshot) -> Vec<ObjectRef> {
    let mut pods = all_pods(object, scene);
    pods.truncate(PODS);
    pods
}

fn all_pods(object: &UnreadyObject, scene: &ClusterSnapshot) -> Vec<ObjectRef> {
    let applied = object.object.iter().flat_map(|applied| scene.unready_pods(applied));
    let mut pods: Vec<_> = applied.map(name_of).collect();
    if let Some(cause) = object.cause.as_ref().filter(|cause| cause.kind == "Pod") {
        // The pod that caused the failure comes first, and is shown even if it is gone by now.
        pods.retain(|pod| pod.name != cause.name);
        pods.insert(0, cause.clone());
    }
    pods
}

/// Returns the pod's condition where its containers have no status: it is unschedulable, or was evicted.
fn condition(pod: &Value) -> String {
    let unscheduled = pod.list("/status/conditions").iter().find(|condition| {
        condition.text("/type") == Some("PodScheduled") && condition.text("/status") == Some("False")
    });
    let why = |value: &Value, pointer: [&str; 2]| {
        let texts: Vec<_> = pointer.iter().filter_map(|pointer| value.text(pointer)).collect();
        texts.join(": ")
    };
    unscheduled.map_or_else(|| why(pod, ["/status/reason", "/status/message"]), |c| why(c, ["/reason", "/message"]))
}

/// Returns the statuses of containers that are neither ready nor completed, and whether they are init containers.
fn open(pod: &Value) -> (bool, Vec<&Value>) {
    let of = |pointer: &str| {
        let statuses = pod.list(pointer).iter();
        statuses.filter(|s| !s.flag("/ready") && s.int("/state/terminated/exitCode") != Some(0)).collect::<Vec<_>>()
    };
    // Until the init containers have completed, the others have no status of interest.
    match of("/status/initContainerStatuses") {
        init if !init.is_empty() => (true, init),
        _ => (false, of("/status/containerStatuses")),
    }
}

/// Returns the names of the containers that are neither ready nor completed.
pub(super) fn open_containers(pod: &Value) -> impl Iterator<Item = &str> {
    open(pod).1.into_iter().filter_map(|status| status.text("/name"))
}

fn containers(name: &ObjectRef, pod: &Value, scene: &ClusterSnapshot) -> Vec<Branch> {
    let (is_init, open) = open(pod);
    let who = if is_init { "init container" } else { "container" };
    let branch = |status: &Value| {
        let container = status.text("/name").unwrap_or_default();
        let logs = scene.logs(name, container);
        Branch { name: format!("{who} {container}"), message: state(status), logs, ..Branch::default() }
    };
    open.into_iter().map(branch).collect()
}

/// Formats a container's state: `waiting: CrashLoopBackOff: back-off 40s; exit code 1 before, 4 restarts`.
fn state(status: &Value) -> String {
    let part = |pointer: &str| status.text(pointer).map(str::trim);
    let mut text = match (part("/state/waiting/reason"), status.int("/state/terminated/exitCode")) {
        (Some(reason), _) => {
            let message = part("/state/waiting/message").map_or(String::new(), |message| format!(": {message}"));
            format!("waiting: {reason}{message}")
        }
        (None, Some(code)) => format!("ended with exit code {code}"),
        (None, None) => "running, not ready".into(),
    };
    if let Some(code) = status.int("/lastState/terminated/exitCode") {
        let kind = part("/lastState/terminated/reason").filter(|kind| *kind != "Error");
        let kind = kind.map_or(String::new(), |kind| format!(" ({kind})"));
        text.push_str(&format!("; exit code {code}{kind} before"));
    }
    match status.int("/restartCount") {
        Some(1) => text.push_str(", 1 restart"),
        Some(count) if count > 1 => text.push_str(&format!(", {count} restarts")),
        _ => {}
    }
    text
}
