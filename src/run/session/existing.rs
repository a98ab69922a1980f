//! Environments in existing clusters.

use std::sync::Arc;
use std::time::Duration;

use super::{Session, UpError};
use crate::cluster::{
    Cluster, ClusterError, InventoryFile, Lease, ObjectInventory, Provider, Record, Records, identity,
};
use crate::deploy::{Applier, ComponentManifests, Expected};
use crate::host::credentials::Login;
use crate::host::resilience::Resilience;
use crate::readiness::ObjectRef;
use crate::readiness::redact::Redactor;
use crate::report::Phase;
use crate::suite::config::{ProviderKind, Switches};
use crate::teardown::{RemoveOptions, TakeOut, settle};

/// A warning that has to be confirmed before a run continues.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("context {context} looks like production: {why}")]
pub struct LooksLikeProduction {
    /// The kubeconfig context.
    pub context: String,
    /// The reason.
    pub why: String,
}

/// State of a run that works in an existing cluster.
#[derive(Clone)]
pub(super) struct Guest {
    pub(super) inventory: Arc<InventoryFile>,
    records: Arc<Records>,
    /// The environment's lease before this run; the outer `None` if this run creates the environment.
    former: Option<Option<Lease>>,
    /// Whether all of the environment is deployed, and not only some components.
    is_whole: bool,
    /// The login with which its pods pull images.
    pub(super) login: Option<Login>,
}

impl Guest {
    /// Returns the run with the login with which its pods pull images.
    pub(super) fn with(self, login: Option<Login>) -> Guest {
        Guest { login, ..self }
    }
}

impl Session {
    /// Fails if an environment of another provider has the name: its resources would be forgotten.
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

    /// Gives the plan the id of its run: that of the environment if there is one, or a new one.
    pub(super) fn settle_run(&mut self, records: &Records) -> Result<(), ClusterError> {
        if !self.plan.is_per_run() {
            return Ok(());
        }
        let known = InventoryFile::open(records)?.and_then(|inventory| inventory.content().run);
        let new = || (0..6).map(|_| fastrand::alphanumeric().to_ascii_lowercase()).collect::<String>();
        self.plan = self.plan.clone().with_run(&known.unwrap_or_else(new));
        self.plan.teach(Redactor::global());
        Ok(())
    }

    /// Asks for confirmation before the first deployment into a possible production cluster.
    pub(super) async fn confirm_context(&self, provider: &Provider, name: &str) -> Result<(), UpError> {
        let Provider::Existing(existing) = provider else { return Ok(()) };
        let Some(why) = existing.looks_like_production(name).await? else { return Ok(()) };
        let question = LooksLikeProduction { context: existing.context.clone(), why };
        if (self.confirm)(&question) { Ok(()) } else { Err(UpError::NotConfirmed(question)) }
    }

    /// Takes the lease of the environment in an existing cluster: from here on this run's reaper removes it. `None` for
    /// a kind cluster.
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
                let (name, namespace) = (&cluster.record.name, &cluster.record.namespace);
                let id = identity(&cluster.client, name, namespace, None).await?;
                let inventory = ObjectInventory::new(name, namespace, id);
                let run = self.plan.run().map(str::to_owned);
                InventoryFile::create(records, ObjectInventory { run, ..inventory })?
            }
        };
        let record = &mut cluster.record;
        record.lease = Some(lease.clone());
        // While it is being changed it matches no plan.
        record.deployment.iter_mut().for_each(|deployment| deployment.plan.clear());
        records.write(record)?;
        Ok(Some(Guest {
            inventory: Arc::new(inventory),
            records: records.clone(),
            former,
            is_whole: true,
            login: None,
        }))
    }

    /// Returns the state of a run that changes components of an environment, without creating it or taking its lease.
    pub(super) fn visit(&self, cluster: &Cluster, records: &Arc<Records>) -> Result<Option<Guest>, ClusterError> {
        if cluster.record.provider != ProviderKind::Existing {
            return Ok(None);
        }
        let inventory = InventoryFile::open(records)?;
        let inventory = inventory.ok_or_else(|| ClusterError::Missing { name: cluster.record.name.to_string() })?;
        let former = Some(cluster.record.lease.clone());
        Ok(Some(Guest {
            inventory: Arc::new(inventory),
            records: records.clone(),
            former,
            is_whole: false,
            login: None,
        }))
    }

    /// Marks the environment as kept in its current state, if it existed before or this run keeps clusters.
    pub(super) fn leave(&self, cluster: &mut Cluster, guest: &Guest) -> Result<(), ClusterError> {
        let stays = self.terms.keep == crate::suite::config::Keep::Always || guest.former.is_some();
        if stays {
            guest.inventory.change(|inventory| inventory.keep(true))?;
            self.undo.keep();
        }
        if let Some(former) = &guest.former {
            let ours = cluster.record.lease.take().map(Lease::released);
            // An environment that existed before goes back to its earlier owner, if that still runs.
            let former = former.clone().filter(|lease| lease.owner.as_ref().is_some_and(is_alive));
            cluster.record.lease = former.or(ours);
        }
        Ok(())
    }

    /// Records which objects exist, and registers how this run's part is removed: objects deployed before are kept,
    /// with this run's changes.
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
            // The remaining objects stay recorded; errors are returned.
            let settled = settle(&guest.records, &guest.inventory, guest.former.flatten());
            removed.map_err(UpError::from).and(settled.map_err(UpError::from))
        });
        applier.look(expected, &self.events).await.map_err(|error| UpError::Adopt(Box::new(error)))
    }

    /// Removes objects deployed before that are no longer in the manifests, of this plan's components and of components
    /// no longer in it.
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

    /// Removes an environment from an existing cluster, and its record.
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
        let known = inventory.content().cluster;
        if identity(&cluster.client, &name, &record.namespace, Some(&known)).await? != known {
            let context = record.context.unwrap_or_default();
            let text = format!(
                "context {context} leads to another cluster than before, in which nothing is ours; {name} is forgotten"
            );
            self.events.warn(Phase::Teardown, text);
            return Ok(records.forget()?);
        }
        // From here on the reaper completes the removal if this process is killed.
        record.lease = Some(self.lease(&name, None)?);
        records.write(&record)?;
        inventory.change(|inventory| inventory.keep(false))?;
        let resilience = self.resilience(Phase::Teardown, "cluster");
        let (inventory, events) = (&inventory, &self.events);
        let take_out = TakeOut { inventory, waves: self.wave_names(), kill: *kill, events, resilience: &resilience };
        take_out.run(&cluster.client, |_| true).await?;
        Ok(records.forget()?)
    }

    /// Returns the names of the plan's components, wave by wave.
    pub(super) fn wave_names(&self) -> Vec<Vec<String>> {
        let names = |wave: &Vec<&crate::suite::config::Component>| wave.iter().map(|it| it.name.clone()).collect();
        self.plan.waves().iter().map(names).collect()
    }

    /// Returns everything to apply. The suite's namespace is created by us unless a manifest defines it.
    pub(super) fn expected(&self, parcels: &[Vec<ComponentManifests>]) -> Vec<Expected> {
        let mut expected: Vec<_> = parcels.iter().flatten().flat_map(ComponentManifests::expected).collect();
        for name in self.plan.namespaces() {
            let namespace =
                ObjectRef { api_version: "v1".into(), kind: "Namespace".into(), namespace: None, name: name.into() };
            if !expected.iter().any(|it| it.object == namespace) {
                let place = "the suite's namespace".into();
                expected.insert(0, Expected { place, component: None, object: namespace });
            }
        }
        expected
    }
}

fn is_alive(owner: &crate::cluster::Owner) -> bool {
    owner.presence() == crate::cluster::Presence::Alive
}
