//! Common rules of workloads: replicas, and the pods that keep them from being ready.

use crate::finding::{Fault, Finding, Why};
use crate::grace::{Cause, Grace};
use crate::view::{Lenient, View};
use crate::world::World;

use super::{messages, pod};

/// Returns the desired replicas of a workload.
pub(crate) fn desired(view: &View) -> i64 {
    view.json.int("/spec/replicas").unwrap_or(1)
}

/// Returns a count in the status; 0 if absent.
pub(super) fn count(view: &View, field: &str) -> i64 {
    view.json.int(&format!("/status/{field}")).unwrap_or_default()
}

/// Returns `1 of 3 replicas ready`, if that is too few.
pub(super) fn short(have: i64, want: i64, what: &str) -> Option<String> {
    (have < want).then(|| format!("{have} of {want} {what}"))
}

/// Returns the finding of a workload that is behind, as in `summary`; one of its pods may have the reason.
pub(super) fn behind<'a>(
    summary: &str,
    pods: impl IntoIterator<Item = &'a View>,
    world: &World,
    grace: &Grace,
) -> Finding {
    let mut worst: Option<Box<Fault>> = None;
    let mut slowest: Option<Why> = None;
    for pod in pods.into_iter().filter(|pod| counts(pod)) {
        match pod::judge(pod, world, grace) {
            Finding::Ready => {}
            Finding::Waiting(why) if slowest.is_none() => {
                let text = format!("{summary}: {}: {why}", pod.object);
                slowest = Some(why.say(text));
            }
            Finding::Waiting(_) => {}
            Finding::Failing(fault) if worst.as_ref().is_none_or(|worst| fault.grace < worst.grace) => {
                worst = Some(fault);
            }
            Finding::Failing(_) => {}
        }
    }
    match (worst, slowest) {
        (Some(fault), _) => Finding::Failing(fault),
        (None, Some(why)) => Finding::Waiting(why),
        (None, None) => Finding::waiting("Progressing", summary),
    }
}

/// Returns whether a pod counts for its workload: one that is terminating, or was evicted, is replaced.
fn counts(pod: &View) -> bool {
    !pod.is_deleted() && pod.json.text("/status/phase") != Some("Failed")
}

/// Returns a finding if the workload's controller may not create pods, according to a condition or the newest event.
pub(super) fn creation_refused(view: &View, world: &World, grace: &Grace) -> Option<Finding> {
    let condition = view.condition("ReplicaFailure").filter(|c| c.is_true()).map(|c| c.why());
    let refused = || {
        let newest = world.newest(view, &["FailedCreate", "SuccessfulCreate"])?;
        (newest.reason == "FailedCreate").then(|| newest.message.clone())
    };
    let why = condition.or_else(refused)?;
    let (reason, hint) = (format!("pods cannot be created: {why}"), messages::creation_hint(&why));
    let fault = Fault::new(view, Cause::PodCreation, grace.of(Cause::PodCreation), reason, hint);
    Some(Fault { want: messages::want(&why, view.namespace()), ..fault }.unless_there(world))
}
