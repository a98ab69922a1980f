//! ReplicaSets and ReplicationControllers.

use crate::finding::Finding;
use crate::grace::Grace;
use crate::view::View;
use crate::world::World;

use super::workload::{behind, count, creation_refused, desired, short};

pub(super) fn judge(view: &View, world: &World, grace: &Grace) -> Finding {
    let want = desired(view);
    let have = count(view, "replicas");
    let lag = short(have, want, "replicas created")
        .or_else(|| (have > want).then(|| format!("{} surplus replicas are still there", have.saturating_sub(want))))
        .or_else(|| short(count(view, "readyReplicas"), want, "replicas ready"))
        .or_else(|| short(count(view, "availableReplicas"), want, "replicas available"));
    let Some(summary) = lag else { return Finding::Ready };
    creation_refused(view, world, grace).unwrap_or_else(|| behind(&summary, world.children(view, "Pod"), world, grace))
}
