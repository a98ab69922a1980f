//! StatefulSets.

use crate::finding::Finding;
use crate::grace::Grace;
use crate::view::{Lenient, View};
use crate::world::World;

use super::workload::{behind, count, creation_refused, desired, short};

pub(super) fn judge(view: &View, world: &World, grace: &Grace) -> Finding {
    let Some(summary) = lag(view) else { return Finding::Ready };
    if let Some(refused) = creation_refused(view, world, grace) {
        return refused;
    }
    let found = behind(&summary, world.children(view, "Pod"), world, grace);
    match found {
        // The new revision may fix a pod of an older one.
        Finding::Failing(fault) if is_old(view, &fault.object.name, world) => Finding::waiting(
            fault.code.clone(),
            format!("{summary}: {} of an older revision: {}", fault.object, fault.message),
        ),
        found => found,
    }
}

fn lag(view: &View) -> Option<String> {
    let want = desired(view);
    let have = count(view, "replicas");
    let partition = view.json.int("/spec/updateStrategy/rollingUpdate/partition").unwrap_or_default();
    let by_hand = view.json.text("/spec/updateStrategy/type") == Some("OnDelete");
    let available = view.json.int("/status/availableReplicas");
    let revisions = view.json.text("/status/currentRevision").zip(view.json.text("/status/updateRevision"));
    short(have, want, "replicas created")
        .or_else(|| (have > want).then(|| format!("{} surplus replicas are still there", have - want)))
        .or_else(|| short(count(view, "readyReplicas"), want, "replicas ready"))
        .or_else(|| available.and_then(|available| short(available, want, "replicas available")))
        .or_else(|| if by_hand { None } else { updates(view, (want - partition).max(0), partition, revisions) })
}

fn updates(view: &View, want: i64, partition: i64, revisions: Option<(&str, &str)>) -> Option<String> {
    let lag = short(count(view, "updatedReplicas"), want, "replicas updated");
    match revisions {
        // Once it is rolled out, the count of updated replicas may be missing.
        Some((current, update)) if current == update => None,
        Some(_) => lag.or_else(|| (partition == 0).then(|| "its new revision is not the current one yet".into())),
        None => lag,
    }
}

fn is_old(view: &View, pod: &str, world: &World) -> bool {
    let pod = world.children(view, "Pod").find(|child| child.object.name == pod);
    let hash = pod.and_then(|pod| pod.json.text("/metadata/labels/controller-revision-hash"));
    hash.zip(view.json.text("/status/updateRevision")).is_some_and(|(pod, update)| pod != update)
}
