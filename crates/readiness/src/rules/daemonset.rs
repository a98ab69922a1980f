//! DaemonSets.

use crate::finding::Finding;
use crate::grace::Grace;
use crate::view::{Lenient, View};
use crate::world::World;

use super::workload::{behind, count, creation_refused, short};

pub(super) fn judge(view: &View, world: &World, grace: &Grace) -> Finding {
    if view.json.int("/status/desiredNumberScheduled").is_none() {
        return Finding::waiting("Unobserved", "its controller has not looked at it yet");
    }
    let want = count(view, "desiredNumberScheduled");
    let by_hand = view.json.text("/spec/updateStrategy/type") == Some("OnDelete");
    let updated = count(view, "updatedNumberScheduled");
    let lag = short(count(view, "currentNumberScheduled"), want, "pods scheduled")
        .or_else(|| if by_hand { None } else { short(updated, want, "pods updated") })
        .or_else(|| short(count(view, "numberReady"), want, "pods ready"))
        .or_else(|| short(count(view, "numberAvailable"), want, "pods available"));
    let Some(summary) = lag else { return Finding::Ready };
    if let Some(refused) = creation_refused(view, world, grace) {
        return refused;
    }
    behind(&summary, newest(view, world, updated, by_hand), world, grace)
}

/// Returns the pods of its newest template: older ones are being replaced, whatever their problems.
fn newest<'a>(view: &'a View, world: &'a World, updated: i64, by_hand: bool) -> impl Iterator<Item = &'a View> {
    let generation = |pod: &View| pod.json.int("/metadata/labels/pod-template-generation");
    let last = world.children(view, "Pod").filter_map(generation).max();
    let any = by_hand || updated > 0 || last.is_none();
    world.children(view, "Pod").filter(move |pod| any && (by_hand || generation(pod) == last))
}
