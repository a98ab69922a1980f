//! Pods that no node takes.

use crate::finding::{Fault, Finding};
use crate::grace::{Cause, Grace};
use crate::object::ObjectRef;
use crate::trim::REVISION;
use crate::view::{Key, Lenient, View};
use crate::world::World;

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

/// What a node may lack because other pods hold it.
const HELD: [&str; 6] = [
    "Insufficient ",
    "Too many pods",
    "free ports",
    "anti-affinity",
    "already in-use by another pod",
    "max volume count",
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
    if HELD.iter().any(|held| message.contains(held))
        && let Some((holder, why)) =
            world.each("Pod").filter_map(|other| Some((&other.object, room_from(other, pod, world)?))).min()
    {
        return Some(Finding::waiting("Unschedulable", format!("{reason}; {holder} {why}")));
    }
    let mut fault = Fault::new(pod, Cause::Unschedulable, grace.of(Cause::Unschedulable), reason, hint(message));
    fault.missing = super::missing::named_in(message, pod.namespace());
    Some(super::missing::unless_there(fault, world))
}

/// Why what `holder` has on its node will be free again; nothing when it keeps it.
fn room_from(holder: &View, pod: &View, world: &World) -> Option<&'static str> {
    let has_ended = matches!(holder.json.text("/status/phase"), Some("Succeeded" | "Failed"));
    if holder.json.text("/spec/nodeName").is_none() || has_ended || holder.uid == pod.uid {
        return None;
    }
    if holder.is_deleted() {
        return Some("is being deleted");
    }
    if holder.json.text("/spec/restartPolicy").is_some_and(|policy| policy != "Always") {
        return Some("will make room when it has completed");
    }
    let mut sets = world.all("ReplicaSet", holder.namespace());
    let set = sets.find(|set| world.children(set, "Pod").any(|child| child.uid == holder.uid))?;
    let mut rollouts = world.all("Deployment", holder.namespace());
    let rollout = rollouts.find(|deployment| world.children(deployment, "ReplicaSet").any(|it| it.uid == set.uid))?;
    let current = revision(rollout);
    if current.is_none() || revision(set) == current {
        return None;
    }
    // A rollout takes an old pod away when a new one is ready, and so not for a new one that waits for its place.
    let is_new = |it: &&View| revision(it) == current;
    let mut new = world.children(rollout, "ReplicaSet").filter(is_new).flat_map(|set| world.children(set, "Pod"));
    let goes_on = |new: &View| new.json.text("/spec/nodeName").is_some();
    new.any(goes_on).then_some("is replaced by a rollout")
}

fn revision(view: &View) -> Option<&str> {
    view.json.texts("/metadata/annotations").find(|(key, _)| *key == REVISION).map(|(_, revision)| revision)
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
