//! Unschedulable pods.

use crate::finding::{Fault, Finding};
use crate::grace::{Cause, Grace};
use crate::object::ObjectRef;
use crate::trim::REVISION;
use crate::view::{Key, Lenient, View};
use crate::want::Want;
use crate::world::World;

use super::{claim, messages};

/// Returns why the pod is unschedulable; `None` when it is scheduled.
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
    let want = messages::want(message, pod.namespace());
    if messages::passes(message) {
        let passing = || Finding::waiting("Unschedulable", reason).wanting(want);
        return Some(unbound(pod, world, grace).unwrap_or_else(passing));
    }
    if messages::held_by_others(message)
        && let Some((holder, why)) =
            world.each("Pod").filter_map(|other| Some((&other.object, room_from(other, pod, world)?))).min()
    {
        return Some(Finding::waiting("Unschedulable", format!("{reason}; {holder} {why}")).wanting(want));
    }
    let hint = messages::scheduling_hint(message);
    let fault = Fault::new(pod, Cause::Unschedulable, grace.of(Cause::Unschedulable), reason, hint);
    Some(Fault { want, ..fault }.unless_there(world))
}

/// Returns why the resources of `holder` on its node will be released; `None` when it keeps them.
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
    // A rollout removes an old pod once a new one is ready, and so not for a new one that waits for its place.
    let is_new = |it: &&View| revision(it) == current;
    let mut new = world.children(rollout, "ReplicaSet").filter(is_new).flat_map(|set| world.children(set, "Pod"));
    let goes_on = |new: &View| new.json.text("/spec/nodeName").is_some();
    new.any(goes_on).then_some("is replaced by a rollout")
}

fn revision(view: &View) -> Option<&str> {
    view.json.texts("/metadata/annotations").find(|(key, _)| *key == REVISION).map(|(_, revision)| revision)
}

/// Returns why one of the pod's claims is not bound.
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
            None => Finding::waiting_for("Unschedulable", claim.clone(), "it has not been seen yet"),
        };
        match found {
            Finding::Failing(_) => return Some(found),
            Finding::Waiting(why) => {
                let text = format!("it waits for {claim}: {why}");
                slowest.get_or_insert(Finding::Waiting(why.say(text)).wanting(Some(Want::Claim(claim))));
            }
            Finding::Ready => {}
        }
    }
    slowest
}
