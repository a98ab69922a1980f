//! Objects of every kind that a cluster has before a guest comes, and what the guest brings.

use serde_json::{Value, json};

/// The namespace of the furniture.
pub(super) fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("{name}-house"), "labels": {"mine": "yes"}}})
}

/// Objects that somebody else has made, in the order in which they can be made.
pub(super) fn furniture(name: &str) -> Vec<Value> {
    let house = format!("{name}-house");
    let (group, plural) = (format!("{name}.example.com"), "chairs");
    let inside = json!({"name": name, "namespace": house});
    let everywhere = json!({"name": name});
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    vec![
        namespace(name),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": inside, "data": {"a": "b"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": inside, "stringData": {"password": "precious"}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": inside}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": inside, "spec": {"clusterIP": "None", "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}]}}),
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": inside, "spec": {
            "storageClassName": name, "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": inside, "spec": {"replicas": 0,
            "selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "c", "image": "nonexistent.invalid/c:1"}]}}}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": inside,
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": everywhere,
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": everywhere,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": house}]}),
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": everywhere,
            "provisioner": "none.example.com", "volumeBindingMode": "WaitForFirstConsumer", "reclaimPolicy": "Retain"}),
        json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": everywhere, "value": 7}),
        json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": everywhere, "webhooks": [{"name": "none.example.com", "failurePolicy": "Ignore",
            "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": "https://none.invalid/"},
            "rules": [{"apiGroups": ["none.example.com"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["nones"], "scope": "*"}]}]}),
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{group}")}, "spec": {"group": group, "scope": "Namespaced",
            "names": {"plural": plural, "singular": "chair", "kind": "Chair"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]}}),
        json!({"apiVersion": format!("{group}/v1"), "kind": "Chair", "metadata": inside, "spec": {"legs": 4}}),
        json!({"apiVersion": format!("{group}/v1"), "kind": "Chair", "metadata": {"name": "second", "namespace": house}}),
    ]
}

/// The furniture again, as the guest's manifests have it: the same, and a label more. One of the custom objects is not in
/// them, and one kind is left out that a readiness rule would wait for.
pub(super) fn also_by_us(name: &str) -> Vec<Value> {
    let mut objects = furniture(name);
    objects.retain(|object| object["metadata"]["name"] != "second" && object["kind"] != "PersistentVolumeClaim");
    for object in &mut objects {
        object["metadata"]["labels"]["guest"] = json!("yes");
    }
    objects
}

/// What the guest brings that nobody had before: in its own namespace, in the house's, and in none.
pub(super) fn new(name: &str) -> Vec<Value> {
    vec![
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new", "namespace": format!("{name}-house")}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new", "namespace": format!("{name}-guest")}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "new", "namespace": format!("{name}-guest")}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": format!("{name}-new")},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]}),
        json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": format!("{name}-new")}, "value": 8}),
    ]
}

/// A pod that never becomes ready.
pub(super) fn pod_that_fails(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "fails", "namespace": format!("{name}-guest")},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": "nonexistent.invalid/c:1"}]}})
}
