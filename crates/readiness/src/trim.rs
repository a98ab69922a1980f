//! Trims objects to the parts that rules read.
//!
//! A pod as sent by the API server takes some 30 KiB once parsed; trimmed it takes a few.

use kube::api::DynamicObject;
use kube::core::ApiResource;
use serde_json::{Map, Value, json};

use super::view::{Lenient, View};
use crate::redact::Redactor;

/// Annotation with the revision: the ReplicaSet with the Deployment's revision is the current one.
pub(crate) const REVISION: &str = "deployment.kubernetes.io/revision";
/// Annotation of the class of claims that name none.
pub(crate) const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
/// Annotation with the node for which a claim is bound: a pod needs it.
pub(crate) const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// The annotations that a rule reads. Others may hold whole objects, including Secrets.
const ANNOTATIONS: [&str; 3] = [REVISION, DEFAULT_CLASS, SELECTED_NODE];

/// Trims `object` to what rules read; the redactor learns the secrets in the rest. List items lack their type, which
/// `resource` supplies.
pub(crate) fn trim(object: DynamicObject, resource: &ApiResource) -> View {
    let meta = object.metadata;
    let owners: Vec<_> = meta.owner_references.iter().flatten().map(|owner| json!({ "uid": owner.uid })).collect();
    let kept = meta.annotations.iter().flatten().filter(|(key, _)| ANNOTATIONS.contains(&key.as_str()));
    let annotations: Map<String, Value> = kept.map(|(key, value)| (key.clone(), value.clone().into())).collect();
    let mut metadata = json!({
        "name": meta.name,
        "namespace": meta.namespace,
        "uid": meta.uid,
        "generation": meta.generation,
        "creationTimestamp": meta.creation_timestamp,
        "deletionTimestamp": meta.deletion_timestamp,
        "labels": meta.labels,
        "ownerReferences": if owners.is_empty() { Value::Null } else { owners.into() },
        "annotations": if annotations.is_empty() { Value::Null } else { annotations.into() },
    });
    if let Some(fields) = metadata.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    let mut data = object.data;
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Secret") => Redactor::global().learn_secret(&data),
        // Every container's variables end up in a pod.
        ("", "Pod") => Redactor::global().learn_object(&data),
        _ => {}
    }
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Secret" | "ConfigMap") => data = Value::Null,
        ("", "Pod") => keep_pod(&mut data),
        ("", "Event") => {
            keep_fields(&mut data, &["involvedObject", "reason", "message", "type", "lastTimestamp", "eventTime"])
        }
        ("", "ReplicationController") | ("apps", _) => keep_template_labels(&mut data),
        ("batch", _) => ["/spec/template", "/spec/jobTemplate"].iter().for_each(|at| drop_at(&mut data, at)),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => keep_definition(&mut data),
        _ => {}
    }
    let mut json = match data {
        Value::Object(data) => data,
        _ => Map::new(),
    };
    json.insert("apiVersion".into(), resource.api_version.clone().into());
    json.insert("kind".into(), resource.kind.clone().into());
    json.insert("metadata".into(), metadata);
    View::new(json.into())
}

fn keep_fields(value: &mut Value, fields: &[&str]) {
    if let Some(map) = value.as_object_mut() {
        map.retain(|key, _| fields.contains(&key.as_str()));
    }
}

fn drop_at(value: &mut Value, pointer: &str) {
    if let Some(value) = value.pointer_mut(pointer) {
        *value = Value::Null;
    }
}

/// Trims a pod template, which is large, to its labels: they show which Services select its pods.
fn keep_template_labels(workload: &mut Value) {
    if let Some(template) = workload.pointer_mut("/spec/template") {
        let labels = template.pointer("/metadata/labels").cloned();
        *template = labels.map_or(Value::Null, |labels| json!({ "metadata": { "labels": labels } }));
    }
}

fn each(value: &mut Value, pointer: &str, mut change: impl FnMut(&mut Value)) {
    value.pointer_mut(pointer).and_then(Value::as_array_mut).into_iter().flatten().for_each(&mut change);
}

const STATUSES: [&str; 2] = ["/status/containerStatuses", "/status/initContainerStatuses"];

fn keep_pod(pod: &mut Value) {
    keep_fields(pod, &["spec", "status"]);
    let is_ready =
        |condition: &Value| condition.text("/type") == Some("Ready") && condition.text("/status") == Some("True");
    let ready = pod.list("/status/conditions").iter().any(is_ready);
    let containers: &[&str] = if ready { &[] } else { &["containers", "initContainers"] };
    if let Some(spec) = pod.pointer_mut("/spec") {
        keep_fields(spec, &[&["nodeName", "restartPolicy", "volumes"], containers].concat());
        for containers in ["/containers", "/initContainers"] {
            each(spec, containers, |container| {
                keep_fields(container, &["name", "resources", "restartPolicy", "readinessProbe"]);
                if let Some(probe) = container.get_mut("readinessProbe") {
                    keep_fields(probe, &["initialDelaySeconds", "periodSeconds"]);
                }
            });
        }
        only(spec, "/volumes", |volume| volume.get("persistentVolumeClaim").is_some());
        each(spec, "/volumes", |volume| keep_fields(volume, &["persistentVolumeClaim"]));
    }
    if let Some(status) = pod.pointer_mut("/status") {
        keep_fields(
            status,
            &["phase", "reason", "message", "conditions", "containerStatuses", "initContainerStatuses"],
        );
        each(status, "/conditions", |condition| {
            keep_fields(
                condition,
                &["type", "status", "reason", "message", "observedGeneration", "lastTransitionTime"],
            );
            drop_nulls(condition);
        });
    }
    if ready {
        // Only restarts matter, not the history of becoming ready.
        only(pod, "/status/conditions", is_ready);
        for statuses in STATUSES {
            only(pod, statuses, |status| status.int("/restartCount") != Some(0));
            each(pod, statuses, |status| keep_fields(status, &["name", "ready", "restartCount"]));
        }
        return;
    }
    for statuses in STATUSES {
        let fields = ["name", "image", "state", "lastState", "ready", "started", "restartCount"];
        each(pod, statuses, |status| keep_fields(status, &fields));
    }
}

/// Trims a list to the items for which `wanted` returns true; an empty list is removed.
fn only(value: &mut Value, pointer: &str, wanted: impl Fn(&Value) -> bool) {
    let Some(Value::Array(items)) = value.pointer_mut(pointer) else { return };
    let kept: Vec<Value> = std::mem::take(items).into_iter().filter(wanted).collect();
    *items = kept;
}

fn drop_nulls(value: &mut Value) {
    if let Some(map) = value.as_object_mut() {
        map.retain(|_, value| !value.is_null() && *value != "");
    }
}

/// Trims a definition's schemas, which are large, to whether they declare conditions.
fn keep_definition(definition: &mut Value) {
    const CONDITIONS: &str = "/schema/openAPIV3Schema/properties/status/properties/conditions";
    keep_fields(definition, &["spec", "status"]);
    if let Some(spec) = definition.pointer_mut("/spec") {
        keep_fields(spec, &["group", "names", "scope", "versions"]);
        each(spec, "/versions", |version| {
            let promises = version.pointer(CONDITIONS).is_some();
            keep_fields(version, &["name", "served"]);
            if let Some(version) = version.as_object_mut() {
                version.insert("promisesConditions".into(), promises.into());
            }
        });
    }
}
