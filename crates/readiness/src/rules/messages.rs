//! Parses the messages of the kubelet, the scheduler, controllers and registries: the only place that does.

use crate::object::ObjectRef;
use crate::want::Want;

/// The kinds in messages about missing objects, as they are spelled there.
const KINDS: [(&str, &str); 4] = [
    ("secret", "Secret"),
    ("configmap", "ConfigMap"),
    ("persistentvolumeclaim", "PersistentVolumeClaim"),
    ("serviceaccount", "ServiceAccount"),
];

/// Returns what an object in `namespace` needs according to `message`; `None` when it names nothing.
pub(super) fn want(message: &str, namespace: &str) -> Option<Want> {
    missing_object(message, namespace)
        .or_else(|| missing_key(message, namespace))
        .or_else(|| node(message))
        .or_else(|| quota(message, namespace))
}

/// Parses `secret "db" not found`, as a kubelet that watches says it, and `secrets "db" not found`, as the API server does.
fn missing_object(message: &str, namespace: &str) -> Option<Want> {
    KINDS.iter().find_map(|(word, kind)| {
        let after = |word: String| message.split_once(&word).map(|(_, rest)| rest);
        let rest = after(format!("{word} \"")).or_else(|| after(format!("{word}s \"")))?;
        let (name, rest) = rest.split_once('"')?;
        rest.trim_start().starts_with("not found").then(|| Want::Object(object(kind, namespace, name)))
    })
}

/// Parses `couldn't find key password in Secret shop/db`.
fn missing_key(message: &str, namespace: &str) -> Option<Want> {
    let (_, rest) = message.split_once("find key ")?;
    let (key, rest) = rest.split_once(" in ")?;
    let mut words = rest.split_whitespace();
    let (kind, place) = (words.next()?, words.next()?);
    let name = place.rsplit('/').next()?.trim_end_matches(['.', ',', ';', ':']);
    Some(Want::Key { object: object(kind, namespace, name), key: key.into() })
}

/// Parses `0/1 nodes are available: 1 Insufficient memory.`, and `untolerated taint {gpu: only}`.
fn node(message: &str) -> Option<Want> {
    if let Some((_, rest)) = message.split_once("Insufficient ") {
        let resource = rest.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';')).next()?;
        return Some(Want::NodeResource(resource.trim_end_matches('.').into()));
    }
    let (_, rest) = message.split_once("untolerated taint ")?;
    let (taint, _) = rest.split_once('}')?;
    Some(Want::Taint(taint.trim_start_matches('{').trim_end_matches(": ").trim().into()))
}

/// Parses `exceeded quota: compute, requested: …`.
fn quota(message: &str, namespace: &str) -> Option<Want> {
    let (_, rest) = message.split_once("exceeded quota: ")?;
    let name = rest.split([',', ' ']).next().filter(|name| !name.is_empty())?;
    Some(Want::Quota(object("ResourceQuota", namespace, name)))
}

fn object(kind: &str, namespace: &str, name: &str) -> ObjectRef {
    ObjectRef { api_version: "v1".into(), kind: kind.into(), namespace: Some(namespace.into()), name: name.into() }
}

/// Why an image cannot be pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pulling {
    /// It is not in the registry.
    NotFound,
    /// The registry denies access.
    Unauthorized,
    /// Anything else, possibly temporary.
    Network,
}

/// Returns why an image cannot be pulled, from a message without the image's name. Transient causes come first: a
/// proxy's `403 Forbidden` on the way is not the registry's.
pub(super) fn pulling(text: &str) -> Pulling {
    const NETWORK: [&str; 19] = [
        "dial tcp",
        "i/o timeout",
        "no such host",
        "connection refused",
        "connection reset",
        "tls:",
        "tls handshake",
        "x509",
        "proxyconnect",
        "network is unreachable",
        "server misbehaving",
        "deadline exceeded",
        "toomanyrequests",
        "too many requests",
        "unexpected eof",
        "service unavailable",
        "500 internal",
        "502 bad",
        "504 gateway",
    ];
    const UNAUTHORIZED: [&str; 7] = [
        "unauthorized",
        "authorization failed",
        "authentication required",
        "insufficient_scope",
        "access denied",
        "access to the resource is denied",
        "403 forbidden",
    ];
    const NOT_FOUND: [&str; 5] = ["not found", "notfound", "manifest unknown", "name unknown", "does not exist"];
    let text = text.to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    if says(&NETWORK) {
        Pulling::Network
    } else if says(&UNAUTHORIZED) {
        Pulling::Unauthorized
    } else if says(&NOT_FOUND) {
        Pulling::NotFound
    } else {
        Pulling::Network
    }
}

/// Returns whether the scheduler waits for something transient: a cluster that is still starting, a volume that is
/// being provisioned.
pub(super) fn passes(message: &str) -> bool {
    const PASSING: [&str; 6] = [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
        "node.kubernetes.io/network-unavailable",
        "node.cloudprovider.kubernetes.io/uninitialized",
        "no nodes available",
        "unbound immediate PersistentVolumeClaims",
    ];
    PASSING.iter().any(|passing| message.contains(passing))
}

/// Returns whether the nodes lack something that other pods use.
pub(super) fn held_by_others(message: &str) -> bool {
    const HELD: [&str; 6] = [
        "Insufficient ",
        "Too many pods",
        "free ports",
        "anti-affinity",
        "already in-use by another pod",
        "max volume count",
    ];
    HELD.iter().any(|held| message.contains(held))
}

/// Returns a suggested fix for an unschedulable pod.
pub(super) fn scheduling_hint(message: &str) -> &'static str {
    if message.contains("Insufficient") {
        "ask for less in resources.requests, or give the cluster more"
    } else if message.contains("taint") {
        "tolerate the taint, or remove it from the node"
    } else if message.contains("selector") || message.contains("affinity") {
        "label a node so that it matches, or correct nodeSelector and affinity"
    } else if message.contains("persistentvolumeclaim") {
        "create the claim, or correct its name"
    } else if message.contains("free ports") {
        "another pod has the same hostPort: choose another"
    } else {
        "the scheduler's message says what every node lacks"
    }
}

/// Returns a suggested fix when pods may not be created.
pub(super) fn creation_hint(message: &str) -> &'static str {
    if message.contains("exceeded quota") {
        "raise the namespace's ResourceQuota, or ask for less"
    } else if message.contains("violates PodSecurity") {
        "make the pod meet the namespace's pod-security level, or change the namespace's label"
    } else if message.contains("serviceaccount") || message.contains("service account") {
        "create the ServiceAccount, or correct serviceAccountName"
    } else {
        "the API server's answer says what the pod lacks"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_read_from_the_sentences_of_others() {
        let named = |kind: &str, name: &str| object(kind, "shop", name);
        let cases = [
            ("secret \"db\" not found", Some(Want::Object(named("Secret", "db")))),
            ("secrets \"db\" not found", Some(Want::Object(named("Secret", "db")))),
            (
                "MountVolume.SetUp failed for volume \"secret\" : configmaps \"conf\" not found",
                Some(Want::Object(named("ConfigMap", "conf"))),
            ),
            (
                "MountVolume.SetUp failed for volume \"c\" : configmap \"conf\" not found",
                Some(Want::Object(named("ConfigMap", "conf"))),
            ),
            (
                "error looking up service account shop/bot: serviceaccount \"bot\" not found",
                Some(Want::Object(named("ServiceAccount", "bot"))),
            ),
            (
                "0/1 nodes are available: persistentvolumeclaim \"data\" not found.",
                Some(Want::Object(named("PersistentVolumeClaim", "data"))),
            ),
            (
                "couldn't find key password in Secret shop/db",
                Some(Want::Key { object: named("Secret", "db"), key: "password".into() }),
            ),
            ("couldn't find key password in", None),
            (
                "0/1 nodes are available: 1 Insufficient memory. preemption: none",
                Some(Want::NodeResource("memory".into())),
            ),
            (
                "0/1 nodes are available: 1 node(s) had untolerated taint {gpu: only}.",
                Some(Want::Taint("gpu: only".into())),
            ),
            (
                "1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }.",
                Some(Want::Taint("node-role.kubernetes.io/control-plane".into())),
            ),
            (
                "pods \"a\" is forbidden: exceeded quota: compute, requested: pods=1",
                Some(Want::Quota(named("ResourceQuota", "compute"))),
            ),
            ("exceeded quota: ", None),
            ("secret \"db\" is forbidden", None),
            ("no such subpath", None),
        ];
        for (message, expected) in cases {
            assert_eq!(want(message, "shop"), expected, "{message}");
        }
    }
}
