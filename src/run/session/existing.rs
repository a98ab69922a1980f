//! Environments in clusters that are not ours.

use std::sync::Arc;
use std::time::Duration;

use super::{Session, UpError};
use crate::cluster::{
    Cluster, ClusterError, InventoryFile, Lease, ObjectInventory, Provider, Record, Records, identity,
};
use crate::deploy::{Applier, ComponentManifests, Expected};
use crate::host::resilience::Resilience;
use crate::readiness::ObjectRef;
use crate::report::Phase;
use crate::suite::config::{ProviderKind, Switches};
use crate::teardown::{RemoveOptions, TakeOut, settle};

/// Something that a person has to answer before a run goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("context {context} looks like production: {why}")]
pub struct LooksLikeProduction {
    /// The kubeconfig context.
    pub context: String,
    /// What looks like it.
    pub why: String,
}

/// What a run has to know to work in a cluster that is not ours.
#[derive(Clone)]
pub(super) struct Guest {
    pub(super) inventory: Arc<InventoryFile>,
    records: Arc<Records>,
    /// Whose the environment was before this run; none when this run begins it.
    former: Option<Option<Lease>>,
    /// Whether all of the environment is deployed, and not only some components.
    is_whole: bool,
}

impl Session {
    /// Refuses to go on when an environment of another provider has the name: what it made would be forgotten.
    pub(super) fn of_same_provider(&self, records: &Records) -> Result<(), ClusterError> {
        let word = |provider| match provider {
            ProviderKind::Kind => "kind",
            ProviderKind::Existing => "existing",
        };
        let now = self.plan.suite().cluster.provider;
        match records.read()? {
            Some(Record { provider: was, name, .. }) if was != now => {
                Err(ClusterError::OtherProvider { name: name.to_string(), was: word(was), now: word(now) })
            }
            _ => Ok(()),
        }
    }

    /// Asks before something is deployed for the first time into a cluster that people may depend on.
    pub(super) async fn confirm_context(&self, provider: &Provider, name: &str) -> Result<(), UpError> {
        let Provider::Existing(existing) = provider else { return Ok(()) };
        let Some(why) = existing.looks_like_production(name).await? else { return Ok(()) };
        let question = LooksLikeProduction { context: existing.context.clone(), why };
        if (self.confirm)(&question) { Ok(()) } else { Err(UpError::NotConfirmed(question)) }
    }

    /// Takes the environment in a cluster that is not ours for this run: from here on its reaper knows of it. None when the
    /// cluster is ours.
    pub(super) async fn enter(
        &self,
        cluster: &mut Cluster,
        records: &Arc<Records>,
        lease: &Lease,
        is_found: bool,
    ) -> Result<Option<Guest>, UpError> {
        if cluster.record.provider != ProviderKind::Existing {
            return Ok(None);
        }
        let former = is_found.then(|| cluster.record.lease.clone());
        let inventory = match InventoryFile::open(records)? {
            Some(inventory) => inventory,
            None => {
                let id = identity(&cluster.client, &cluster.record.name).await?;
                let (name, namespace) = (&cluster.record.name, &cluster.record.namespace);
                InventoryFile::create(records, ObjectInventory::new(name, namespace, id))?
            }
        };
        let record = &mut cluster.record;
        record.lease = Some(lease.clone());
        // While it is being changed it is as no plan says.
        record.deployment.iter_mut().for_each(|deployment| deployment.plan.clear());
        records.write(record)?;
        Ok(Some(Guest { inventory: Arc::new(inventory), records: records.clone(), former, is_whole: true }))
    }

    /// What a run has to know that changes components of an environment, and neither begins nor takes it.
    pub(super) fn visit(&self, cluster: &Cluster, records: &Arc<Records>) -> Result<Option<Guest>, ClusterError> {
        if cluster.record.provider != ProviderKind::Existing {
            return Ok(None);
        }
        let inventory = InventoryFile::open(records)?;
        let inventory = inventory.ok_or_else(|| ClusterError::Missing { name: cluster.record.name.to_string() })?;
        let former = Some(cluster.record.lease.clone());
        Ok(Some(Guest { inventory: Arc::new(inventory), records: records.clone(), former, is_whole: false }))
    }

    /// Lets the environment stay as it is now, if it is one that stays.
    pub(super) fn leave(&self, cluster: &mut Cluster, guest: &Guest) -> Result<(), ClusterError> {
        let stays = self.terms.keep == crate::suite::config::Keep::Always || guest.former.is_some();
        if stays {
            guest.inventory.change(|inventory| inventory.keep(true))?;
            self.undo.keep();
        }
        if let Some(former) = &guest.former {
            let ours = cluster.record.lease.take().map(Lease::released);
            // One that was there before belongs to whom it belonged to, if to anybody.
            let former = former.clone().filter(|lease| lease.owner.as_ref().is_some_and(is_alive));
            cluster.record.lease = former.or(ours);
        }
        Ok(())
    }

    /// Looks for what is there already, and registers how this run's part is taken out again: what was deployed before
    /// stays, and what this run changed of it stays changed.
    pub(super) async fn adopt(
        &self,
        cluster: &Cluster,
        guest: &Guest,
        applier: &Applier,
        expected: &[Expected],
        resilience: &Resilience,
    ) -> Result<(), UpError> {
        let (client, events, resilience) = (cluster.client.clone(), self.events.clone(), resilience.afresh());
        let (waves, hurried, guest) = (self.wave_names(), self.undo.hurried(), guest.clone());
        self.undo.register("deployed objects", async move {
            let kill = Switches::from_env().map(RemoveOptions::from).unwrap_or_default();
            let remove = async |kill| {
                let (inventory, waves) = (&guest.inventory, waves.clone());
                let take_out = TakeOut { inventory, waves, kill, events: &events, resilience: &resilience };
                take_out.run(&client, |entry| !entry.kept).await
            };
            let removed = tokio::select! {
                removed = remove(kill) => removed,
                () = hurried.cancelled() => remove(RemoveOptions { deadline: Duration::ZERO, ..kill }).await,
            };
            // What is left stays known; an error is told.
            let settled = settle(&guest.records, &guest.inventory, guest.former.flatten());
            removed.map_err(UpError::from).and(settled.map_err(UpError::from))
        });
        applier.look(expected, &self.events).await.map_err(|error| UpError::Adopt(Box::new(error)))
    }

    /// Takes out what was deployed before and is no longer in the manifests, of the components of this plan and of none.
    pub(super) async fn prune(
        &self,
        cluster: &Cluster,
        guest: &Guest,
        expected: &[Expected],
        resilience: &Resilience,
    ) -> Result<(), UpError> {
        let inventory = guest.inventory.content();
        let wanted: Vec<ObjectRef> =
            expected.iter().filter_map(|it| inventory.find(&it.object).map(|entry| entry.object.clone())).collect();
        let kill = Switches::from_env().map(RemoveOptions::from).unwrap_or_default();
        let (events, inventory) = (&self.events, &guest.inventory);
        let take_out = TakeOut { inventory, waves: self.wave_names(), kill, events, resilience };
        let pruned = take_out.prune(&cluster.client, |entry| {
            let component = entry.component.as_deref();
            let concerns = guest.is_whole || component.is_some_and(|name| self.plan.component(name).is_some());
            concerns && !wanted.contains(&entry.object)
        });
        Ok(pruned.await?)
    }

    /// Takes an environment out of a cluster that is not ours, and forgets it.
    pub(super) async fn down_existing(
        &self,
        mut record: Record,
        records: &Records,
        kill: &RemoveOptions,
    ) -> Result<(), UpError> {
        let name = record.name.clone();
        let Some(inventory) = InventoryFile::open(records)? else {
            let text = "which objects it has is not known: none is removed";
            self.events.warn(Phase::Teardown, format!("environment {name}: {text}"));
            return Ok(records.forget()?);
        };
        let cluster = Cluster::attach(record.clone(), records.kubeconfig()).await?;
        if identity(&cluster.client, &name).await? != inventory.content().cluster {
            let context = record.context.unwrap_or_default();
            let text = format!(
                "context {context} leads to another cluster than before, in which nothing is ours; {name} is forgotten"
            );
            self.events.warn(Phase::Teardown, text);
            return Ok(records.forget()?);
        }
        // From here on its end is sure, also should this process be killed.
        record.lease = Some(self.lease(&name, None)?);
        records.write(&record)?;
        inventory.change(|inventory| inventory.keep(false))?;
        let resilience = self.resilience(Phase::Teardown, "cluster");
        let (inventory, events) = (&inventory, &self.events);
        let take_out = TakeOut { inventory, waves: self.wave_names(), kill: *kill, events, resilience: &resilience };
        take_out.run(&cluster.client, |_| true).await?;
        Ok(records.forget()?)
    }

    /// The names of the plan's components, wave by wave.
    pub(super) fn wave_names(&self) -> Vec<Vec<String>> {
        let names = |wave: &Vec<&crate::suite::config::Component>| wave.iter().map(|it| it.name.clone()).collect();
        self.plan.waves().iter().map(names).collect()
    }

    /// Everything that is to be applied. The suite's namespace is made by us unless a manifest says what it is.
    pub(super) fn expected(&self, parcels: &[Vec<ComponentManifests>]) -> Vec<Expected> {
        let namespace = ObjectRef {
            api_version: "v1".into(),
            kind: "Namespace".into(),
            namespace: None,
            name: self.plan.suite().namespace.clone(),
        };
        let mut expected: Vec<_> = parcels.iter().flatten().flat_map(ComponentManifests::expected).collect();
        if !expected.iter().any(|it| it.object == namespace) {
            expected.insert(0, Expected { place: "the suite's namespace".into(), component: None, object: namespace });
        }
        expected
    }
}

fn is_alive(owner: &crate::cluster::Owner) -> bool {
    owner.presence() == crate::cluster::Presence::Alive
}
