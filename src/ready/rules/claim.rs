//! PersistentVolumeClaims.

use crate::ready::finding::Finding;
use crate::ready::grace::{Cause, Grace};
use crate::ready::view::{Lenient, View};
use crate::ready::world::World;

pub(super) fn judge(view: &View, world: &World, grace: &Grace) -> Finding {
    match view.json.text("/status/phase") {
        Some("Bound") => return Finding::Ready,
        Some("Lost") => {
            return Finding::failed(view, "its volume is lost", "delete the claim, and create it again");
        }
        _ => {}
    }
    const REASONS: [&str; 4] = ["ProvisioningFailed", "WaitForFirstConsumer", "ExternalProvisioning", "Provisioning"];
    match world.newest(view, &REASONS) {
        Some(note) if note.reason == "ProvisioningFailed" => Finding::failing(
            view,
            Cause::Volume,
            grace.of(Cause::Volume),
            format!("no volume can be provisioned: {}", note.message),
            "correct storageClassName; `kubectl get storageclass` lists what the cluster has",
        ),
        Some(note) if note.reason == "WaitForFirstConsumer" && !is_wanted(view, world) => Finding::Ready,
        Some(note) => Finding::waiting(format!("not bound: {}", note.message)),
        None => Finding::waiting("not bound yet"),
    }
}

/// Whether a pod mounts the claim.
fn is_wanted(view: &View, world: &World) -> bool {
    let name = Some(view.object.name.as_str());
    world.all("Pod", view.namespace()).any(|pod| {
        let volumes = pod.json.list("/spec/volumes");
        volumes.iter().any(|volume| volume.text("/persistentVolumeClaim/claimName") == name)
    })
}
