//! Removes an environment from an existing cluster: deletes objects that it created, and restores those that it
//! adopted.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;

use super::components::{RemovalTarget, answer, remove};
use super::objects::Objects;
use super::{KillError, KillErrors, RemoveOptions};
use crate::cluster::{
    Cluster, ClusterError, InventoryFile, InventoryObject, Lease, ObjectInventory, Ownership, Record, Records, Target,
};
use crate::host::resilience::Resilience;
use crate::readiness::ObjectRef;
use crate::readiness::errors::chain;
use crate::report::{Events, Phase};

/// How long background removal of an environment waits for an API server to respond. It holds the environment's lock
/// meanwhile.
const ANSWERS: Duration = Duration::from_secs(10);

/// Removes objects of an inventory from their cluster.
#[derive(Debug)]
pub struct TakeOut<'a> {
    /// The inventory.
    pub inventory: &'a InventoryFile,
    /// The names of the components in the order in which they were deployed; components not listed are removed with the
    /// last wave.
    pub waves: Vec<Vec<String>>,
    /// Options of the removal.
    pub kill: RemoveOptions,
    /// Receives progress.
    pub events: &'a Events,
    /// How calls are retried.
    pub resilience: &'a Resilience,
}

impl TakeOut<'_> {
    /// Removes the objects selected by `which`, and their inventory entries.
    ///
    /// # Errors
    /// The objects that remain; their entries are kept.
    pub async fn run(&self, client: &kube::Client, which: impl Fn(&InventoryObject) -> bool) -> Result<(), KillErrors> {
        let inventory = self.inventory.content();
        let chosen: Vec<&InventoryObject> = inventory.objects.iter().filter(|entry| which(entry)).collect();
        let removed = remove(
            client,
            &inventory.namespace,
            self.waves(&inventory, &chosen),
            &self.kill,
            self.events,
            self.resilience,
        );
        let mut errors = removed.await.map_or_else(|KillErrors(errors)| errors, |()| Vec::new());
        let objects = Objects::new(client.clone(), &inventory.namespace, self.resilience.clone());
        for entry in &chosen {
            let target = inventory.target(entry);
            // A request in flight when the run ended may have been served since.
            let is_late = matches!(target.ownership, Ownership::Mark(_));
            if entry.component.is_none() || is_late {
                errors.extend(ask_to_go(&objects, &target).await.map(|error| (component(entry), error)));
            }
        }
        let is_left = |entry: &InventoryObject| errors.iter().any(|(name, _)| *name == component(entry));
        let gone = chosen.iter().filter(|entry| !is_left(entry)).map(|entry| &entry.object).collect::<Vec<_>>();
        self.forget(&gone);
        if self.inventory.content().objects.is_empty() {
            let left = objects.delete_namespaces_of_tests(&inventory.environment).await;
            errors.extend(left.into_iter().map(|error| ("a test's namespace".into(), error)));
        }
        if errors.is_empty() { Ok(()) } else { Err(KillErrors(errors)) }
    }

    /// Deletes the objects selected by `which`, which the manifests no longer name, without waiting and without
    /// changing their component's state.
    ///
    /// # Errors
    /// The objects that could not be deleted; their entries are kept.
    pub async fn prune(
        &self,
        client: &kube::Client,
        which: impl Fn(&InventoryObject) -> bool,
    ) -> Result<(), KillErrors> {
        let inventory = self.inventory.content();
        let objects = Objects::new(client.clone(), &inventory.namespace, self.resilience.clone());
        let (mut errors, mut gone) = (Vec::new(), Vec::new());
        for entry in inventory.objects.iter().filter(|entry| which(entry)) {
            let target = inventory.target(entry);
            let asked = match &target.ownership {
                Ownership::Adopted(adopted) => {
                    answer(&entry.object, objects.give_back(&entry.object, adopted)).await.err()
                }
                _ => ask_to_go(&objects, &target).await,
            };
            match asked {
                Some(error) => errors.push((component(entry), error)),
                None => gone.push(&entry.object),
            }
        }
        self.forget(&gone);
        if errors.is_empty() { Ok(()) } else { Err(KillErrors(errors)) }
    }

    /// Removes the entries of deleted objects from the inventory.
    fn forget(&self, gone: &[&ObjectRef]) {
        let written = self.inventory.change(|inventory| gone.iter().for_each(|object| inventory.forget(object)));
        if let Err(error) = written {
            // Harmless: the next removal finds the object absent too.
            self.events.warn(Phase::Teardown, chain(&error));
        }
    }

    /// Returns the components of the chosen objects, in waves.
    fn waves(&self, inventory: &ObjectInventory, chosen: &[&InventoryObject]) -> Vec<Vec<RemovalTarget>> {
        let mut components: BTreeMap<&str, Vec<Target>> = BTreeMap::new();
        for entry in chosen {
            if let Some(component) = &entry.component {
                components.entry(component).or_default().push(inventory.target(entry));
            }
        }
        let mut doomed = |component: &str| {
            components.remove_entry(component).map(|(name, objects)| RemovalTarget { component: name.into(), objects })
        };
        let planned = self.waves.iter().map(|wave| wave.iter().filter_map(|name| doomed(name)).collect());
        let mut waves: Vec<Vec<_>> = planned.collect();
        let others = components.into_iter().map(|(name, objects)| RemovalTarget { component: name.into(), objects });
        waves.push(others.collect());
        waves
    }
}

/// Deletes an object without waiting.
async fn ask_to_go(objects: &Objects, target: &Target) -> Option<KillError> {
    match &target.ownership {
        // The suite's namespace, in which no field was set.
        Ownership::Adopted(_) => None,
        _ => answer(&target.object, objects.delete(target)).await.err(),
    }
}

/// Returns the component that is reported when an object remains.
fn component(entry: &InventoryObject) -> String {
    entry.component.clone().unwrap_or_else(|| "the suite's namespace".into())
}

/// Removes what is no longer needed, with its part of the record: everything when the time to live is over; otherwise,
/// when the run that used the environment has ended, what that run added to a kept environment.
pub(super) async fn collect(records: &Records, record: Record) -> Result<(), ClusterError> {
    let Some(inventory) = InventoryFile::open(records)? else { return records.forget() };
    let name = record.name.to_string();
    let cluster = Cluster::attach(record, records.kubeconfig()).await?;
    let silent = || ClusterError::Silent { name: name.clone() };
    let known = inventory.content().cluster;
    let identity = crate::cluster::identity(&cluster.client, &name, &cluster.record.namespace, Some(&known));
    if timeout(ANSWERS, identity).await.map_err(|_| silent())?? != known {
        // Another cluster has this address: nothing in it is ours.
        return records.forget();
    }
    let is_over = cluster.record.lease.as_ref().is_none_or(|lease| lease.owner.is_none());
    let (events, resilience) = (Events::discard(), Resilience::default());
    let kill = RemoveOptions { deadline: ANSWERS, ..RemoveOptions::default() };
    let take_out = TakeOut { inventory: &inventory, waves: Vec::new(), kill, events: &events, resilience: &resilience };
    let taken = take_out.run(&cluster.client, |entry| is_over || !entry.kept).await;
    taken.map_err(|source| ClusterError::NotTakenOut { name, source: Box::new(source) })?;
    settle(records, &inventory, None)
}

/// Deletes the record of an environment without objects; of any other, writes its new lease.
pub(crate) fn settle(records: &Records, inventory: &InventoryFile, lease: Option<Lease>) -> Result<(), ClusterError> {
    if inventory.content().objects.is_empty() {
        return records.forget();
    }
    let Some(mut record) = records.read()? else { return Ok(()) };
    record.lease = lease.or_else(|| record.lease.map(Lease::released));
    records.write(&record)
}
