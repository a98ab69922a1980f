//! Which objects must be judged again because others changed.

use std::collections::HashSet;

use super::component::Component;
use crate::view::Key;

/// Marks what must be judged again because these objects changed.
pub(super) fn mark(components: &mut [Component], changed: &HashSet<Key>) {
    const FOLLOWED: [&str; 8] =
        ["Pod", "ReplicaSet", "EndpointSlice", "Service", "Deployment", "StatefulSet", "DaemonSet", "Job"];
    let is_changed = |kinds: &[&str]| changed.iter().any(|key| kinds.contains(&key.kind.as_str()));
    let pods = is_changed(&["Pod", "ReplicaSet"]);
    let scaled = pods || is_changed(&["Deployment", "StatefulSet"]);
    let served = pods || is_changed(&["Service", "EndpointSlice"]);
    // Something else that came or went may be what others wait for: a Secret, a definition, a node.
    let any = changed.iter().any(|key| !FOLLOWED.contains(&key.kind.as_str()));
    for object in components.iter_mut().flat_map(|component| &mut component.objects) {
        object.dirty |= changed.contains(&object.key)
            || (any && !object.is_ready())
            // Any pod that ends may make room.
            || (pods && object.finding.code() == "Unschedulable")
            || match object.key.kind.as_str() {
                "PersistentVolumeClaim" => pods,
                // While no pod matches, what becomes of all others tells whether one will.
                "Service" => scaled && !object.is_ready(),
                "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => served,
                _ => false,
            };
    }
}
