//! Selects the objects that must be judged again because others changed.

use std::collections::HashSet;

use super::component::Component;
use crate::view::Key;

/// Marks the objects that must be judged again because these changed.
pub(super) fn mark(components: &mut [Component], changed: &HashSet<Key>) {
    const FOLLOWED: [&str; 8] =
        ["Pod", "ReplicaSet", "EndpointSlice", "Service", "Deployment", "StatefulSet", "DaemonSet", "Job"];
    let is_changed = |kinds: &[&str]| changed.iter().any(|key| kinds.contains(&key.kind.as_str()));
    let pods = is_changed(&["Pod", "ReplicaSet"]);
    let scaled = pods || is_changed(&["Deployment", "StatefulSet"]);
    let served = pods || is_changed(&["Service", "EndpointSlice"]);
    // An object of another kind that was created or deleted may be what others wait for: a Secret, a definition, a
    // node.
    let any = changed.iter().any(|key| !FOLLOWED.contains(&key.kind.as_str()));
    for object in components.iter_mut().flat_map(|component| &mut component.objects) {
        object.dirty |= changed.contains(&object.key)
            || (any && !object.is_ready())
            // Any pod that terminates may make room.
            || (pods && object.finding.code() == "Unschedulable")
            || match object.key.kind.as_str() {
                "PersistentVolumeClaim" => pods,
                // While no pod matches, the state of all others determines whether one will.
                "Service" => scaled && !object.is_ready(),
                "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => served,
                _ => false,
            };
    }
}
