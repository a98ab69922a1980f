//! What must be there before what.

use crate::suite::manifests::Manifest;

/// Sorts by kind, so that each object finds what it refers to; among equals the order stays.
///
/// Namespaces and custom resource definitions come first, then what pods are admitted and run with, then Services,
/// so that pods find their addresses, then workloads, then custom resources. Webhooks come last: one that is in force
/// before its own pods answer would refuse everything else.
pub fn order(manifests: &mut [Manifest]) {
    manifests.sort_by_key(|manifest| {
        manifest.object.types.as_ref().map_or(OTHERS, |types| rank(&types.api_version, &types.kind))
    });
}

/// Kinds of Kubernetes itself, in order. What is not here, and not of Kubernetes, comes after all of them.
const KINDS: &[&[&str]] = &[
    &["Namespace"],
    &["CustomResourceDefinition"],
    &["PriorityClass", "RuntimeClass", "IngressClass"],
    &["ResourceQuota", "LimitRange", "NetworkPolicy", "PodDisruptionBudget"],
    &["ServiceAccount"],
    &["ClusterRole", "Role"],
    &["ClusterRoleBinding", "RoleBinding"],
    &["Secret", "ConfigMap"],
    &["StorageClass", "CSIDriver", "VolumeAttributesClass"],
    &["PersistentVolume"],
    &["PersistentVolumeClaim"],
    &["Service"],
    &["Endpoints", "EndpointSlice"],
    &["DaemonSet"],
    &["StatefulSet", "Deployment", "ReplicaSet", "ReplicationController", "Pod"],
    &["HorizontalPodAutoscaler"],
    &["Job", "CronJob"],
    &["Ingress", "APIService"],
];

/// Custom resources, and kinds of Kubernetes that nothing else waits for.
const OTHERS: usize = KINDS.len();

const LAST: [&str; 4] = [
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// Whether the kinds of this API group and version are custom resources. One may have the name of a kind of Kubernetes,
/// as Knative's `Service` does.
pub(in crate::suite::manifests) fn is_custom(api_version: &str) -> bool {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    group.contains('.') && !group.ends_with(".k8s.io")
}

fn rank(api_version: &str, kind: &str) -> usize {
    if is_custom(api_version) {
        return OTHERS;
    }
    if let Some(index) = LAST.iter().position(|last| *last == kind) {
        return OTHERS + 1 + index;
    }
    KINDS.iter().position(|kinds| kinds.contains(&kind)).unwrap_or(OTHERS)
}
