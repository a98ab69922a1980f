//! What the components of a stage share while they are deployed.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::ComponentManifests;
use super::progress::Progress;
use super::webhooks::Webhooks;
use crate::suite::config::Until;

/// What the components of a stage share while they are deployed.
pub(super) struct Shared {
    pub(super) progress: Progress,
    /// Cancelled when another component has failed: what has not begun does not begin any more.
    pub(super) given_up: CancellationToken,
    /// Components that others wait for until they are ready.
    pub(super) awaited: BTreeSet<String>,
    /// Whether names in the cluster have been awaited.
    pub(super) resolved: OnceCell<()>,
    /// The components that hold each one back.
    pub(super) needs: BTreeMap<String, BTreeSet<String>>,
}

impl Shared {
    /// Returns what the components of a stage share.
    pub(super) fn of(stage: &[ComponentManifests], webhooks: &Webhooks) -> Shared {
        let awaited = stage.iter().flat_map(|parcel| &parcel.component.needs);
        let awaited = awaited.filter(|need| need.until == Some(Until::Ready)).map(|need| need.component.clone());
        Shared {
            progress: Progress::new(stage.iter().map(|parcel| parcel.component.name.as_str())),
            awaited: awaited.collect(),
            needs: held_back(stage, webhooks),
            resolved: OnceCell::new(),
            given_up: CancellationToken::new(),
        }
    }
}

/// Returns the components that hold each component of `stage` back, directly or through others: by `until`, or by a
/// webhook that admits one of its objects.
fn held_back(stage: &[ComponentManifests], webhooks: &Webhooks) -> BTreeMap<String, BTreeSet<String>> {
    let direct = |parcel: &ComponentManifests| {
        let name = &parcel.component.name;
        let needs = parcel.component.needs.iter().filter(|need| need.until.is_some());
        let objects = parcel.manifests.iter().map(|manifest| &manifest.object);
        let admitting = objects.flat_map(|object| webhooks.admitting(object, name));
        let holders = needs.map(|need| &need.component).chain(admitting.map(|webhook| &webhook.component));
        (name.clone(), holders.cloned().collect())
    };
    let mut all: BTreeMap<String, BTreeSet<String>> = stage.iter().map(direct).collect();
    // A chain has at most as many links as there are components.
    for _ in 0..stage.len() {
        let before = all.clone();
        for needs in all.values_mut() {
            let further: Vec<String> = needs.iter().filter_map(|need| before.get(need)).flatten().cloned().collect();
            needs.extend(further);
        }
    }
    all
}
