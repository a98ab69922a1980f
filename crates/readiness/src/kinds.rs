//! Kubernetes' own kinds: their scope, and the order in which they are applied.

use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

use super::view::{Lenient, View};

/// One of Kubernetes' own kinds.
#[derive(Debug)]
pub struct Kind {
    /// Group and version, as in `apps/v1`.
    pub api_version: &'static str,
    /// The kind, such as `Deployment`.
    pub kind: &'static str,
    /// Whether its objects are namespaced.
    pub namespaced: bool,
    /// Whether its objects are pods or create pods.
    pub pods: bool,
    /// Whether its objects help to explain a failure.
    pub telling: bool,
    /// Its position in the order in which objects are applied.
    order: u8,
}

/// The position of custom resources, and of built-in kinds that nothing else depends on.
const OTHERS: u8 = 18;

/// The kinds known to the harness, in the order in which their objects are applied, so that each comes after those that
/// it refers to: namespaces and definitions first, then what pods are admitted and run with, then Services, so that
/// pods find their addresses, then workloads. Webhooks come last: one that is active before its own pods are ready
/// would reject all else.
pub static KINDS: [Kind; 48] = [
    cluster(0, "v1", "Namespace"),
    cluster(1, "apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    cluster(2, "scheduling.k8s.io/v1", "PriorityClass").silent(),
    cluster(2, "node.k8s.io/v1", "RuntimeClass").silent(),
    cluster(2, "networking.k8s.io/v1", "IngressClass").silent(),
    namespaced(3, "v1", "ResourceQuota"),
    namespaced(3, "v1", "LimitRange"),
    namespaced(3, "networking.k8s.io/v1", "NetworkPolicy"),
    namespaced(3, "policy/v1", "PodDisruptionBudget"),
    namespaced(4, "v1", "ServiceAccount"),
    cluster(5, "rbac.authorization.k8s.io/v1", "ClusterRole").silent(),
    namespaced(5, "rbac.authorization.k8s.io/v1", "Role"),
    cluster(6, "rbac.authorization.k8s.io/v1", "ClusterRoleBinding").silent(),
    namespaced(6, "rbac.authorization.k8s.io/v1", "RoleBinding"),
    namespaced(7, "v1", "Secret"),
    namespaced(7, "v1", "ConfigMap"),
    cluster(8, "storage.k8s.io/v1", "StorageClass"),
    cluster(8, "storage.k8s.io/v1", "CSIDriver").silent(),
    cluster(8, "storage.k8s.io/v1", "VolumeAttributesClass").silent(),
    cluster(9, "v1", "PersistentVolume"),
    namespaced(10, "v1", "PersistentVolumeClaim"),
    namespaced(11, "v1", "Service"),
    // Its slices have the same information.
    namespaced(12, "v1", "Endpoints").silent(),
    namespaced(12, "discovery.k8s.io/v1", "EndpointSlice"),
    namespaced(13, "apps/v1", "DaemonSet").of_pods(),
    namespaced(14, "apps/v1", "StatefulSet").of_pods(),
    namespaced(14, "apps/v1", "Deployment").of_pods(),
    namespaced(14, "apps/v1", "ReplicaSet").of_pods(),
    namespaced(14, "v1", "ReplicationController").of_pods(),
    namespaced(14, "v1", "Pod").of_pods(),
    namespaced(15, "autoscaling/v2", "HorizontalPodAutoscaler"),
    namespaced(16, "batch/v1", "Job").of_pods(),
    namespaced(16, "batch/v1", "CronJob"),
    namespaced(17, "networking.k8s.io/v1", "Ingress"),
    cluster(17, "apiregistration.k8s.io/v1", "APIService"),
    cluster(OTHERS, "v1", "Node"),
    namespaced(OTHERS, "coordination.k8s.io/v1", "Lease").silent(),
    cluster(OTHERS, "certificates.k8s.io/v1", "CertificateSigningRequest").silent(),
    cluster(OTHERS, "flowcontrol.apiserver.k8s.io/v1", "FlowSchema").silent(),
    cluster(OTHERS, "flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration").silent(),
    cluster(OTHERS, "networking.k8s.io/v1", "ServiceCIDR").silent(),
    cluster(OTHERS, "networking.k8s.io/v1", "IPAddress").silent(),
    cluster(OTHERS, "storage.k8s.io/v1", "VolumeAttachment").silent(),
    cluster(OTHERS, "resource.k8s.io/v1", "DeviceClass").silent(),
    cluster(19, "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy").silent(),
    cluster(20, "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding").silent(),
    cluster(21, "admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    cluster(22, "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
];

/// The API groups that Kubernetes itself defines. All others are custom resources or aggregated APIs, including those
/// under `k8s.io`, such as `gateway.networking.k8s.io`.
const GROUPS: [&str; 21] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

const fn namespaced(order: u8, api_version: &'static str, kind: &'static str) -> Kind {
    Kind { api_version, kind, namespaced: true, pods: false, telling: true, order }
}

const fn cluster(order: u8, api_version: &'static str, kind: &'static str) -> Kind {
    Kind { namespaced: false, ..namespaced(order, api_version, kind) }
}

impl Kind {
    const fn silent(self) -> Kind {
        Kind { telling: false, ..self }
    }

    const fn of_pods(self) -> Kind {
        Kind { pods: true, ..self }
    }
}

/// Returns the group of an `apiVersion`; empty for the core group.
#[must_use]
pub fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// Returns the entry of a built-in kind, regardless of its version.
#[must_use]
pub fn find(group: &str, kind: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|known| known.kind == kind && group_of(known.api_version) == group)
}

/// Returns whether Kubernetes itself defines `group`.
#[must_use]
pub fn is_builtin(group: &str) -> bool {
    GROUPS.contains(&group)
}

/// Returns the position of a kind in the order in which objects are applied.
#[must_use]
pub fn order_of(api_version: &str, kind: &str) -> u8 {
    find(group_of(api_version), kind).map_or(OTHERS, |known| known.order)
}

/// Returns the kind that a custom resource definition defines, in a served version.
#[must_use]
pub fn defined_by(definition: &Value) -> Option<ApiResource> {
    let version = definition.list("/spec/versions").iter().find(|version| version.flag("/served"))?.text("/name")?;
    let kind = GroupVersionKind::gvk(definition.text("/spec/group")?, version, definition.text("/spec/names/kind")?);
    Some(ApiResource::from_gvk_with_plural(&kind, definition.text("/spec/names/plural")?))
}

/// Returns the plural of `kind`, if `definition` is its definition and serves it.
pub(crate) fn plural_of<'a>(definition: &'a View, kind: &GroupVersionKind) -> Option<&'a str> {
    let json = &definition.json;
    let established = definition.condition("Established").is_some_and(|c| c.is_true());
    let defines = json.text("/spec/group") == Some(&kind.group) && json.text("/spec/names/kind") == Some(&kind.kind);
    if established && defines { json.text("/spec/names/plural") } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_kind_is_of_a_group_of_kubernetes_and_in_its_place() {
        assert!(KINDS.iter().all(|kind| is_builtin(group_of(kind.api_version))));
        assert!(KINDS.is_sorted_by_key(|kind| kind.order), "the table is in order");
        assert!(!is_builtin("gateway.networking.k8s.io") && !is_builtin("snapshot.storage.k8s.io"));
        assert!(order_of("example.com/v1", "Service") > order_of("apps/v1", "Deployment"), "a kind of Knative, say");
    }
}
