//! A snapshot of the cluster: objects as returned by the API server, and last log lines.

use serde_json::Value;

use crate::readiness::{Lenient, LogTail, ObjectRef};

/// Events shown of one object: the newest describe the current problem.
const EVENTS: usize = 5;

/// A snapshot of the cluster.
#[derive(Debug, Clone, Default)]
pub struct ClusterSnapshot {
    /// Objects of any kind, including events. Any field may be missing.
    pub objects: Vec<Value>,
    /// The last log lines of containers.
    pub logs: Vec<Log>,
}

/// The last log lines of a container.
#[derive(Debug, Clone)]
pub struct Log {
    /// Namespace of its pod.
    pub namespace: String,
    /// Its pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// Its last lines, the previous run first.
    pub tails: Vec<LogTail>,
}

impl ClusterSnapshot {
    /// Returns the object of that name, regardless of its API version.
    pub(super) fn find(&self, object: &ObjectRef) -> Option<&Value> {
        self.of_kind(&object.kind).find(|value| {
            value.text("/metadata/name") == Some(&object.name)
                && value.text("/metadata/namespace") == object.namespace.as_deref()
        })
    }

    pub(super) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |value| value.text("/kind") == Some(kind))
    }

    /// Returns the unready pods of an object, or the object itself if it is one, ordered by name.
    pub(super) fn unready_pods(&self, object: &ObjectRef) -> Vec<&Value> {
        let Some(root) = self.find(object) else { return Vec::new() };
        if object.kind == "Pod" {
            return vec![root];
        }
        let mut owners: Vec<&str> = root.text("/metadata/uid").into_iter().collect();
        for owner in ["ReplicaSet", "Job"] {
            let owned = self.of_kind(owner).filter(|value| is_owned(value, &owners));
            let owned: Vec<_> = owned.filter_map(|value| value.text("/metadata/uid")).collect();
            owners.extend(owned);
        }
        let pods = self.of_kind("Pod").filter(|pod| is_owned(pod, &owners) && !is_ready(pod));
        let mut pods: Vec<_> = pods.collect();
        pods.sort_by_key(|pod| pod.text("/metadata/name"));
        pods
    }

    /// Returns the last events about an object, oldest first, each as a line.
    pub(super) fn events(&self, object: &ObjectRef) -> Vec<String> {
        let about = |event: &&Value| {
            event.text("/involvedObject/kind") == Some(&object.kind)
                && event.text("/involvedObject/name") == Some(&object.name)
                && event.text("/involvedObject/namespace") == object.namespace.as_deref()
        };
        let mut events: Vec<_> = self.of_kind("Event").filter(about).map(|event| (when(event), line(event))).collect();
        events.sort();
        let first = events.len().saturating_sub(EVENTS);
        events.drain(first..).map(|(_, line)| line).collect()
    }

    /// Returns the last log lines of a container.
    pub(super) fn logs(&self, pod: &ObjectRef, container: &str) -> Vec<LogTail> {
        let namespace = pod.namespace.as_deref().unwrap_or_default();
        let is_it = |log: &&Log| log.namespace == namespace && log.pod == pod.name && log.container == container;
        self.logs.iter().find(is_it).map(|log| log.tails.clone()).unwrap_or_default()
    }
}

/// Returns the reference of an object as returned by the API server.
pub(super) fn name_of(value: &Value) -> ObjectRef {
    let text = |pointer: &str| value.text(pointer).unwrap_or_default().to_owned();
    ObjectRef {
        api_version: text("/apiVersion"),
        kind: text("/kind"),
        namespace: value.text("/metadata/namespace").map(str::to_owned),
        name: text("/metadata/name"),
    }
}

/// Returns when an event was last seen, in the API server's format; empty if it has no time.
pub(super) fn when(event: &Value) -> &str {
    let places = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"];
    places.into_iter().find_map(|place| event.text(place)).unwrap_or_default()
}

/// Formats an event: `08:15:30 Warning FailedMount (3 times): secret "db" not found`.
pub(super) fn line(event: &Value) -> String {
    let time = when(event).split(['T', '.', 'Z']).nth(1).map_or(String::new(), |time| format!("{time} "));
    let count = event.int("/count").or_else(|| event.int("/series/count")).unwrap_or(1);
    let count = if count > 1 { format!(" ({count} times)") } else { String::new() };
    let text = |pointer: &str| event.text(pointer).unwrap_or_default().trim();
    format!("{time}{} {}{count}: {}", text("/type"), text("/reason"), text("/message")).trim().to_owned()
}

fn is_owned(value: &Value, owners: &[&str]) -> bool {
    let uids = value.list("/metadata/ownerReferences").iter().filter_map(|owner| owner.text("/uid"));
    uids.into_iter().any(|uid| owners.contains(&uid))
}

pub(super) fn is_ready(pod: &Value) -> bool {
    let ready =
        |condition: &Value| condition.text("/type") == Some("Ready") && condition.text("/status") == Some("True");
    pod.text("/status/phase") == Some("Succeeded") || pod.list("/status/conditions").iter().any(ready)
}
