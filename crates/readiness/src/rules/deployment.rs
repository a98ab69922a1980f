//! Deployments.

use std::time::Duration;

use crate::finding::Finding;
use crate::grace::Grace;
use crate::trim::REVISION;
use crate::view::{Condition, Lenient, View};
use crate::world::World;

use super::workload::{behind, count, creation_refused, desired, short};

pub(super) fn judge(view: &View, world: &World, grace: &Grace) -> Finding {
    let Some(summary) = lag(view) else { return Finding::Ready };
    let found =
        creation_refused(view, world, grace).unwrap_or_else(|| behind(&summary, pods(view, world), world, grace));
    let gave_up = |c: &Condition<'_>| c.is_false() && c.reason == "ProgressDeadlineExceeded";
    match (found, view.condition("Progressing").filter(gave_up)) {
        (Finding::Failing(mut fault), Some(_)) => {
            fault.grace = Duration::ZERO;
            Finding::Failing(fault)
        }
        (Finding::Waiting(reason), Some(condition)) => Finding::failed(
            view,
            "ProgressDeadlineExceeded",
            format!("{}; {reason}", condition.why()),
            "its pods did not become ready within spec.progressDeadlineSeconds: see why they do not",
        ),
        (Finding::Waiting(why), None) if view.json.flag("/spec/paused") => {
            let text = format!("{why}; its rollout is paused (spec.paused)");
            Finding::Waiting(why.say(text))
        }
        (found, _) => found,
    }
}

/// Returns what the rollout still lacks.
fn lag(view: &View) -> Option<String> {
    let want = desired(view);
    let updated = count(view, "updatedReplicas");
    let old = count(view, "replicas") - updated;
    short(updated, want, "replicas updated")
        .or_else(|| short(count(view, "readyReplicas"), want, "replicas ready"))
        .or_else(|| short(count(view, "availableReplicas"), want, "replicas available"))
        .or_else(|| (old > 0).then(|| format!("{old} old replicas are still there")))
        .or_else(|| (updated > want).then(|| format!("{} surplus replicas are still there", updated - want)))
        .or_else(|| {
            view.condition("Available").filter(|c| !c.is_true()).map(|c| format!("it is not available: {}", c.why()))
        })
}

/// Returns the pods of its current revision: those of older ones are being replaced, whatever their problems.
fn pods<'a>(view: &'a View, world: &'a World) -> impl Iterator<Item = &'a View> {
    let revision = |view: &View| {
        let annotations = view.json.pointer("/metadata/annotations")?;
        annotations.get(REVISION)?.as_str().map(str::to_owned)
    };
    let current = revision(view);
    world
        .children(view, "ReplicaSet")
        .filter(move |set| current.is_none() || revision(set) == current)
        .flat_map(|set| world.children(set, "Pod"))
}
