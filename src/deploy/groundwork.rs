//! What is applied before the components of a stage, since objects of any of them may need it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ApplyError, ComponentManifests, Deployer, kind, pull_secrets};
use crate::readiness::Applied;
use crate::suite::manifests::{self, Manifest};

impl Deployer {
    /// Applies namespaces, definitions and Secrets for pulling images, namespaces first. An error here is reported by the
    /// object's own component later.
    pub(super) async fn groundwork(
        &self,
        stage: &[ComponentManifests],
    ) -> BTreeMap<String, Result<Applied, Arc<ApplyError>>> {
        let mut done = BTreeMap::new();
        let ground = stage.iter().flat_map(|parcel| parcel.manifests.iter().map(move |manifest| (parcel, manifest)));
        let mut ground: Vec<_> = ground.filter(|(_, manifest)| is_ground(manifest)).collect();
        ground.sort_by_key(|(_, manifest)| kind(manifest) != "Namespace");
        for (parcel, manifest) in ground {
            let mut manifest = manifest.clone();
            manifests::label(&mut manifest.object, &parcel.component.name);
            let applier = self.applier_of(&parcel.component.name);
            let applied = applier.apply(&manifest, &self.events).await;
            done.insert(manifest.source.to_string(), applied.map_err(Arc::new));
        }
        for (place, applied) in &mut done {
            if let Ok(object) = applied
                && object.object.kind == "CustomResourceDefinition"
                && let Err(error) = self.applier.served(place, &object.object).await
            {
                *applied = Err(Arc::new(error));
            }
        }
        done
    }
}

/// Returns whether a manifest is applied before the components.
pub(super) fn is_ground(manifest: &Manifest) -> bool {
    matches!(kind(manifest), "Namespace" | "CustomResourceDefinition") || pull_secrets::is_pull_secret(manifest)
}
