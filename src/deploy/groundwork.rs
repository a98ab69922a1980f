//! What is applied before the components of a stage, since objects of any of them may need it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, join_all};

use super::{ApplyError, ComponentManifests, Deployer, kind, pull_secrets};
use crate::readiness::kinds;
use crate::readiness::{Applied, ObjectRef};
use crate::suite::manifests::{self, Manifest};

/// What was applied before the components of a stage, by the place of its manifest.
#[derive(Default)]
pub(super) struct Groundwork {
    applied: BTreeMap<String, Result<Applied, Arc<ApplyError>>>,
    /// Of each definition, when its kinds are served: a moment later, in which objects of other kinds are applied.
    served: BTreeMap<String, Served>,
}

type Served = Shared<BoxFuture<'static, Result<(), Arc<ApplyError>>>>;

impl Groundwork {
    /// Returns the object of the manifest at `place`, if it is applied before the components; a definition once it is served.
    pub(super) async fn object(&self, place: &str) -> Option<Result<Applied, Arc<ApplyError>>> {
        let applied = self.applied.get(place)?.clone();
        Some(match (applied, self.served.get(place)) {
            (Ok(applied), Some(served)) => served.clone().await.map(|()| applied),
            (applied, _) => applied,
        })
    }

    /// Waits until every definition is served, if `object` may be of one of them. Errors are those of the definition's own
    /// component.
    pub(super) async fn serves(&self, object: &ObjectRef) {
        if !kinds::is_builtin(kinds::group_of(&object.api_version)) {
            self.serves_all().await;
        }
    }

    /// Waits until every definition is served.
    pub(super) async fn serves_all(&self) {
        join_all(self.served.values().cloned()).await;
    }
}

impl Deployer {
    /// Applies namespaces, definitions and Secrets for pulling images, namespaces first. An error here is reported by the
    /// object's own component later.
    pub(super) async fn groundwork(&self, stage: &[ComponentManifests]) -> Groundwork {
        let mut done = Groundwork::default();
        let ground = stage.iter().flat_map(|parcel| parcel.manifests.iter().map(move |manifest| (parcel, manifest)));
        let mut ground: Vec<_> = ground.filter(|(_, manifest)| is_ground(manifest)).collect();
        ground.sort_by_key(|(_, manifest)| kind(manifest) != "Namespace");
        for (parcel, manifest) in ground {
            let mut manifest = manifest.clone();
            manifests::label(&mut manifest.object, &parcel.component.name);
            let applier = self.applier_of(&parcel.component.name);
            let place = manifest.source.to_string();
            let applied = applier.apply(&manifest, &self.events).await.map_err(Arc::new);
            if let Ok(definition) = &applied
                && definition.object.kind == "CustomResourceDefinition"
            {
                let (at, definition) = (place.clone(), definition.object.clone());
                let served = async move { applier.served(&at, &definition).await.map_err(Arc::new) };
                done.served.insert(place.clone(), served.boxed().shared());
            }
            done.applied.insert(place, applied);
        }
        done
    }
}

/// Returns whether a manifest is applied before the components.
pub(super) fn is_ground(manifest: &Manifest) -> bool {
    matches!(kind(manifest), "Namespace" | "CustomResourceDefinition") || pull_secrets::is_pull_secret(manifest)
}
