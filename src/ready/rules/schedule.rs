//! Pods that no node takes.

use crate::object::ObjectRef;
use crate::ready::finding::{Fault, Finding};
use crate::ready::grace::{Cause, Grace};
use crate::ready::view::{Key, Lenient, View};
use crate::ready::world::World;

use super::claim;

/// What a cluster that is still starting says: it passes by itself.
const PASSING: [&str; 6] = [
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/network-unavailable",
    "node.cloudprovider.kubernetes.io/uninitialized",
    "no nodes available",
    "unbound immediate PersistentVolumeClaims",
];

/// Why no node takes the pod; nothing when one has.
pub(super) fn judge(pod: &View, world: &World, grace: &Grace) -> Option<Finding> {
    let scheduled = pod.condition("PodScheduled")?;
    if scheduled.is_true() || pod.json.text("/spec/nodeName").is_some() {
        return None;
    }
    if scheduled.reason != "Unschedulable" {
        let code = if scheduled.reason.is_empty() { "Unscheduled" } else { scheduled.reason };
        return Some(Finding::waiting(code.to_owned(), format!("not scheduled yet: {}", scheduled.why())));
    }
    let message = scheduled.message;
    let reason = format!("no node takes it: {message}");
    if let Some(node) = world.all("Node", "").find(|node| !node.condition("Ready").is_some_and(|c| c.is_true())) {
        return Some(Finding::waiting("NodeNotReady", format!("{} is not ready yet: {message}", node.object)));
    }
    if PASSING.iter().any(|passing| message.contains(passing)) {
        return Some(unbound(pod, world, grace).unwrap_or_else(|| Finding::waiting("Unschedulable", reason)));
    }
    let mut fault = Fault::new(pod, Cause::Unschedulable, grace.of(Cause::Unschedulable), reason, hint(message));
    fault.missing = super::missing::named_in(message, pod.namespace());
    Some(super::missing::unless_there(fault, world))
}

/// What one of the pod's claims says of why it is not bound.
fn unbound(pod: &View, world: &World, grace: &Grace) -> Option<Finding> {
    let volumes = pod.json.list("/spec/volumes").iter();
    let mut slowest = None;
    for name in volumes.filter_map(|volume| volume.text("/persistentVolumeClaim/claimName")) {
        let claim = ObjectRef {
            api_version: "v1".into(),
            kind: "PersistentVolumeClaim".into(),
            namespace: Some(pod.namespace().to_owned()),
            name: name.to_owned(),
        };
        let found = match world.get(&Key::from(&claim)) {
            Some(view) => claim::judge(view, world, grace),
            None => Finding::waiting_for("Unschedulable", claim.clone(), format!("it waits for {claim} to be bound")),
        };
        match found {
            Finding::Failing(_) => return Some(found),
            Finding::Waiting(why) => {
                let text = format!("it waits for {claim}: {why}");
                slowest.get_or_insert(Finding::Waiting(why.say(text)));
            }
            Finding::Ready => {}
        }
    }
    slowest
}

fn hint(message: &str) -> &'static str {
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
