//! Changes to objects, each on an object as in a manifest.

use kube::core::DynamicObject;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::suite::manifests::{ImageMap, Manifest, ManifestSource};

fn object(json: Value) -> DynamicObject {
    serde_json::from_value(json).unwrap()
}

fn pod_spec() -> Value {
    json!({
        "containers": [{"name": "a", "image": "old/a"}, {"name": "b", "image": "other/b"}],
        "initContainers": [{"name": "i", "image": "old/i"}],
        "ephemeralContainers": [{"name": "e", "image": "old/a"}],
    })
}

fn map() -> ImageMap {
    [("old/a", "new/a:1"), ("old/i", "new/i:1")].map(|(from, to)| (from.to_owned(), to.to_owned())).into()
}

#[rstest]
#[case("redis:7", "docker.io/library/redis:7")]
#[case("docker.io/library/redis:7", "redis:7")]
#[case("shop/api", "docker.io/shop/api:latest")]
fn the_same_image_may_be_written_in_another_form(#[case] suite: &str, #[case] manifest: &str) {
    let mut pod = object(json!({"kind": "Pod", "spec": {"containers": [{"name": "a", "image": manifest}]}}));
    let map = [(suite.to_owned(), "loaded:1".to_owned())].into();
    assert_eq!(images(&mut pod, &map), [] as [&str; 0]);
    assert_eq!(pod.data["spec"]["containers"][0]["image"], "loaded:1");
}

/// A workload of each kind, and the path of its pod spec.
#[rstest]
#[case("Pod", "/spec", json!({"spec": pod_spec()}))]
#[case("Deployment", "/spec/template/spec", json!({"spec": {"template": {"spec": pod_spec()}}}))]
#[case("StatefulSet", "/spec/template/spec", json!({"spec": {"template": {"spec": pod_spec()}}}))]
#[case("Job", "/spec/template/spec", json!({"spec": {"template": {"spec": pod_spec()}}}))]
#[case("CronJob", "/spec/jobTemplate/spec/template/spec", json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": pod_spec()}}}}}))]
#[case("PodTemplate", "/template/spec", json!({"template": {"spec": pod_spec()}}))]
#[case("Custom", "/spec/sets/0/podTemplate/spec", json!({"spec": {"sets": [{"podTemplate": {"spec": pod_spec()}}]}}))]
fn workloads(#[case] kind: &str, #[case] place: &str, #[case] data: Value) {
    let mut workload = data;
    workload["apiVersion"] = json!("v1");
    workload["kind"] = json!(kind);
    workload["metadata"] = json!({"name": "w"});
    let mut workload = object(workload);

    assert_eq!(images(&mut workload, &map()), ["other/b"]);
    let spec = workload.data.pointer(place).unwrap();
    assert_eq!(spec["containers"][0]["image"], "new/a:1");
    assert_eq!(spec["containers"][1]["image"], "other/b");
    assert_eq!(spec["initContainers"][0]["image"], "new/i:1");
    assert_eq!(spec["ephemeralContainers"][0]["image"], "new/a:1");
    let once = workload.clone();
    assert_eq!(images(&mut workload, &map()), ["other/b"]);
    assert_eq!(workload, once);

    label(&mut workload, "shop");
    assert_eq!(workload.metadata.labels.as_ref().unwrap()[COMPONENT_LABEL], "shop");
    if kind != "Pod" {
        let template = workload.data.pointer(place.trim_end_matches("/spec")).unwrap();
        assert_eq!(template["metadata"]["labels"][COMPONENT_LABEL], "shop");
        assert_eq!(template["metadata"]["labels"][MANAGED_BY_LABEL], MANAGED_BY);
    }
    let once = workload.clone();
    label(&mut workload, "shop");
    assert_eq!(workload, once);
}

#[test]
fn what_only_looks_like_a_container_stays() {
    let mut crd = object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "x"},
        "spec": {"names": {"plural": "x"}, "containers": {"type": "array"}, "template": {"spec": {"containers": {}}}},
    }));
    let before = crd.data.clone();
    assert!(images(&mut crd, &map()).is_empty());
    label(&mut crd, "shop");
    assert_eq!(crd.data, before);
}

#[test]
fn labels_leave_selectors_and_what_is_selected_alone() {
    let labels = json!({"app": "a", MANAGED_BY_LABEL: "someone"});
    let mut deployment = object(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": []}},
        },
    }));
    label(&mut deployment, "shop");
    assert_eq!(deployment.data["spec"]["selector"]["matchLabels"], labels);
    let expected = json!({"app": "a", MANAGED_BY_LABEL: "someone", COMPONENT_LABEL: "shop"});
    assert_eq!(deployment.data["spec"]["template"]["metadata"]["labels"], expected);
    assert_eq!(serde_json::to_value(deployment.metadata.labels).unwrap(), expected);
}

#[test]
fn order_puts_first_what_others_refer_to() {
    let manifest = |(line, (api_version, kind)): (usize, &(&str, &str))| Manifest {
        source: ManifestSource { file: "a.yaml".into(), line },
        object: object(json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}})),
    };
    let kinds = [
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
        ("shop.example/v1", "Order"),
        ("serving.example.dev/v1", "Service"),
        ("apps/v1", "Deployment"),
        ("v1", "Service"),
        ("batch/v1", "Job"),
        ("v1", "ConfigMap"),
        ("rbac.authorization.k8s.io/v1", "RoleBinding"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("v1", "ServiceAccount"),
        ("v1", "Secret"),
        ("v1", "PersistentVolumeClaim"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("v1", "Namespace"),
        ("apps/v1", "StatefulSet"),
    ];
    let mut manifests: Vec<Manifest> = kinds.iter().enumerate().map(manifest).collect();
    order(&mut manifests);
    let sorted: Vec<&str> = manifests.iter().map(|manifest| kinds[manifest.source.line].1).collect();
    let expected = [
        "Namespace",
        "CustomResourceDefinition",
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "ConfigMap",
        "Secret",
        "PersistentVolumeClaim",
        "Service",
        "Deployment",
        "StatefulSet",
        "Job",
        "Order",
        "Service",
        "ValidatingWebhookConfiguration",
    ];
    assert_eq!(sorted, expected);
}
