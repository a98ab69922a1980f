//! PersistentVolumeClaims.

use crate::finding::Finding;
use crate::grace::{Cause, Grace};
use crate::trim::{DEFAULT_CLASS, SELECTED_NODE};
use crate::view::{Lenient, View};
use crate::world::World;

pub(super) fn judge(view: &View, world: &World, grace: &Grace) -> Finding {
    match view.json.text("/status/phase") {
        Some("Bound") => return Finding::Ready,
        Some("Lost") => {
            return Finding::failed(view, "Lost", "its volume is lost", "delete the claim, and create it again");
        }
        _ => {}
    }
    const REASONS: [&str; 4] = ["ProvisioningFailed", "WaitForFirstConsumer", "ExternalProvisioning", "Provisioning"];
    match world.newest(view, &REASONS) {
        Some(note) if note.reason == "ProvisioningFailed" => Finding::failing(
            view,
            Cause::Claim,
            grace.of(Cause::Claim),
            format!("no volume can be provisioned: {}", note.message),
            "correct storageClassName; `kubectl get storageclass` lists what the cluster has",
        ),
        Some(note) if note.reason == "WaitForFirstConsumer" && !is_wanted(view, world) => Finding::Ready,
        _ if waits_for_consumer(view, world) && !is_wanted(view, world) => Finding::Ready,
        Some(note) => Finding::waiting("Unbound", format!("not bound: {}", note.message)),
        None => Finding::waiting("Unbound", "not bound yet"),
    }
}

/// Returns whether the claim's class, if known, binds volumes only when a pod uses them.
fn waits_for_consumer(view: &View, world: &World) -> bool {
    let name = view.json.text("/spec/storageClassName");
    let is_its = |class: &&View| match name {
        Some(name) => class.object.name == name,
        None => class.json.texts("/metadata/annotations").any(|it| it == (DEFAULT_CLASS, "true")),
    };
    let class = world.all("StorageClass", "").find(is_its);
    class.is_some_and(|class| class.json.text("/volumeBindingMode") == Some("WaitForFirstConsumer"))
}

/// Returns whether a pod mounts the claim.
fn is_wanted(view: &View, world: &World) -> bool {
    let name = Some(view.object.name.as_str());
    let is_scheduled = view.json.texts("/metadata/annotations").any(|(key, _)| key == SELECTED_NODE);
    is_scheduled
        || world.all("Pod", view.namespace()).any(|pod| {
            let volumes = pod.json.list("/spec/volumes");
            volumes.iter().any(|volume| volume.text("/persistentVolumeClaim/claimName") == name)
        })
}
