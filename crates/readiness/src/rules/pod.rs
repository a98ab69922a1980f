//! Pods.

use crate::finding::{Fault, Finding};
use crate::grace::{Cause, Grace};
use crate::view::{Lenient, View};
use crate::world::World;

use super::{container, messages, schedule};

pub(super) fn judge(pod: &View, world: &World, grace: &Grace) -> Finding {
    match pod.json.text("/status/phase") {
        Some("Succeeded") if pod.json.text("/spec/restartPolicy") == Some("Always") => {
            return Finding::waiting("Completed", "it has ended, though it should keep running");
        }
        Some("Succeeded") => return Finding::Ready,
        Some("Failed") => return ended(pod),
        _ if pod.condition("Ready").is_some_and(|ready| ready.is_true()) => return Finding::Ready,
        _ => {}
    }
    if let Some(found) = schedule::judge(pod, world, grace) {
        return found;
    }
    let mut found = None;
    for status in container::statuses(pod) {
        match container::judge(pod, &status, world, grace) {
            Some(failing @ Finding::Failing(_)) => return failing,
            other => found = found.or(other),
        }
    }
    if let Some(failing) = unmounted(pod, world, grace) {
        return failing;
    }
    if let Some(found) = found {
        return found;
    }
    let not_ready = pod.condition("Ready").filter(|ready| !ready.reason.is_empty());
    match (not_ready, pod.json.text("/spec/nodeName")) {
        (Some(ready), _) => Finding::waiting(ready.reason.to_owned(), ready.why()),
        (None, Some(node)) => Finding::waiting("Starting", format!("it is starting on node {node}")),
        (None, None) => Finding::waiting("Unscheduled", "it is not scheduled yet"),
    }
}

/// Judges a pod whose phase is Failed.
fn ended(pod: &View) -> Finding {
    if let Some(fault) = container::statuses(pod).into_iter().find_map(|status| container::ended(pod, &status)) {
        return fault.into();
    }
    let reason = pod.json.text("/status/reason").unwrap_or("its phase is Failed");
    let why = pod.json.text("/status/message").map_or_else(|| reason.to_owned(), |text| format!("{reason}: {text}"));
    let code = pod.json.text("/status/reason").unwrap_or("PodFailed").to_owned();
    Finding::failed(pod, code, why, "a failed pod never runs again: delete it once the cause is mended")
}

/// Returns a volume that cannot be mounted, while containers wait for it.
fn unmounted(pod: &View, world: &World, grace: &Grace) -> Option<Finding> {
    const CREATING: [&str; 2] = ["ContainerCreating", "PodInitializing"];
    let creating = |status: &container::Status<'_>| {
        status.json.text("/state/waiting/reason").is_some_and(|reason| CREATING.contains(&reason))
    };
    if !container::statuses(pod).iter().any(creating) {
        return None;
    }
    let note = world.newest(pod, &["FailedMount", "FailedAttachVolume"])?;
    let reason = format!("a volume cannot be mounted: {}", note.message);
    let want = messages::want(&note.message, pod.namespace());
    if want.is_none() && !note.message.contains("references non-existent") {
        return Some(Finding::waiting("FailedMount", reason));
    }
    let hint = "create what is missing, or correct its name in the pod's volumes";
    let fault = Fault::new(pod, Cause::Volume, grace.of(Cause::Volume), reason, hint);
    Some(Fault { want, ..fault }.unless_there(world))
}
