//! The pipeline. Its stages and their order are only in this file.

mod cluster;
mod components;
mod deployment;
mod error;
mod existing;
mod host;
mod isolation;
mod lease;
mod ports;
mod usage;

use std::sync::{Arc, Mutex, Weak};

pub use error::UpError;
pub use existing::LooksLikeProduction;
pub use lease::LeaseOptions;

use futures::future::{join, try_join};

use super::Running;
use crate::cluster::{Cluster, ClusterError, Kind, Lease, Provider, Record, Records};
use crate::deploy::ComponentManifests;
use crate::host::folders::{self, Folders};
use crate::host::setup::{Consent, Finding, Host};
use crate::images::ImageBuilds;
use crate::readiness::redact::Redactor;
use crate::readiness::{Recorder, Settings};
use crate::report::{ComponentStates, Events, Phase};
use crate::sources;
use crate::suite::config::{ImageSource, Keep, ProviderKind};
use crate::suite::plan::Plan;
use crate::teardown::{RemoveOptions, Undo, UndoErrors, UnfinishedReports};

/// One run of a plan.
pub struct Session {
    /// The plan.
    pub plan: Plan,
    /// The folders of the harness.
    pub folders: Folders,
    /// Receives progress.
    pub events: Events,
    /// The actions to undo if the run fails.
    pub undo: Undo,
    /// Options of the cluster's lease.
    pub terms: LeaseOptions,
    /// Records what the watches receive, for a replay.
    pub record: Mutex<Option<Recorder>>,
    /// The reports that the reaper finishes if the run is killed.
    pub reports: UnfinishedReports,
    /// Called before anything is installed on the host.
    pub agree: fn(&[Finding]) -> Consent,
    /// Called before anything is deployed into a cluster that may be a production cluster.
    pub confirm: fn(&LooksLikeProduction) -> bool,
}

/// The state of a cluster in which a run finds it, or puts it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    AsFound,
    Reset,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("plan", &self.plan)
            .field("folders", &self.folders)
            .field("terms", &self.terms)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Brings the environment up: plan → host → images → cluster → deploy → ready. Images are built while the cluster
    /// boots, and a component is applied once its images are on the nodes. If everything is running and nothing
    /// changed, it does nothing.
    ///
    /// # Errors
    /// The error of the stage that failed.
    ///
    /// In either case what was created still exists and will be undone, unless [`Undo::keep`] is called.
    pub async fn up(&mut self) -> Result<Running, UpError> {
        let records = self.own_records().await?;
        let running = self.bring_up(Start::AsFound, records.clone()).await?;
        self.isolated(running, records).await
    }

    /// Brings the environment up like [`Session::up`], after its cluster was returned to the state in which it booted.
    /// `held` is the lock of the cluster's folder, if this process has it already.
    ///
    /// # Errors
    /// Also when there is no cluster of ours, or it cannot be reset.
    pub async fn reset(&mut self, held: Option<Arc<Records>>) -> Result<Running, UpError> {
        let records = match held {
            Some(records) => records,
            None => self.own_records().await?,
        };
        self.bring_up(Start::Reset, records).await
    }

    async fn bring_up(&mut self, start: Start, records: Arc<Records>) -> Result<Running, UpError> {
        self.announce();
        let name = &self.plan.cluster_name().clone();
        if start == Start::Reset && records.read()?.is_none() {
            return Err(ClusterError::Missing { name: name.to_string() }.into());
        }
        self.settle_run(&records)?;
        if start == Start::AsFound
            && let Some(cluster) = self.joined(&records).await?
        {
            return Ok(self.running(cluster, true));
        }
        self.of_same_provider(&records)?;
        self.render().await?;
        let parcels = self.parcels()?;
        // Before a new cluster, which may need the room; otherwise beside the deployment, if there is one.
        let is_new = start == Start::AsFound && self.needs_host() && records.read()?.is_none();
        let collected = async {
            if is_new {
                self.collect(name).await;
            }
        };
        let (host, ()) = join(self.host(&records), collected).await;
        let (host, source) = host?;
        self.prefetch(&parcels, source);
        let login = self.login(host.as_ref()).await?;
        let resilience = self.resilience(Phase::Cluster, name);
        let provider = Provider::of(&self.plan, host.as_ref(), &resilience);
        let mut found = provider.find(&self.plan, name, &records, &self.events).await?;
        if found.is_none() {
            self.confirm_context(&provider, name).await?;
        }
        let lease = match (start, &found) {
            (Start::Reset, Some(Record { lease: Some(lease), .. })) => lease.clone(),
            _ => self.lease(name, host.as_ref())?,
        };
        let builds = Arc::new(match &host {
            Some(host) => ImageBuilds::begin(host, &self.plan, source, found.is_none(), &self.events, &resilience),
            None => ImageBuilds::none(),
        });
        if start == Start::Reset
            && let Some(record) = found.take()
        {
            found = Some(self.emptied(record, &provider, &records).await?);
        }
        if let Some(record) = &found {
            let mut cluster = Cluster::attach(record.clone(), records.kubeconfig()).await?;
            if self.is_unchanged(&cluster, &builds).await? {
                self.reach_ports(&mut cluster).await?;
                self.renew(&mut cluster.record, &lease, &records)?;
                return Ok(self.running(cluster, true).using(&records).await);
            }
        }
        let collects = host.is_some() && start == Start::AsFound && !is_new;
        if collects && found.is_none() {
            self.collect(name).await;
        }
        let (nodes_up, loads) = self.loads(name, &provider, &builds, &resilience);
        let is_found = found.is_some();
        let mut cluster = match found {
            Some(record) => {
                nodes_up.certain();
                Cluster::attach(record, records.kubeconfig()).await?
            }
            None => self.cluster(name, &provider, &builds, &records, &lease, nodes_up).await?,
        };
        let guest = self.enter(&mut cluster, &records, &lease, is_found).await?.map(|guest| guest.with(login));
        let previous = cluster.record.deployment.take().unwrap_or_default();
        let deploy = self.deploy(&cluster, guest.as_ref(), loads.clone(), parcels, &previous, &resilience);
        let collected = async {
            if collects && is_found {
                self.collect_after(&loads).await;
            }
            Ok(())
        };
        let deployed = try_join(deploy, collected).await;
        builds.remove_old();
        let (deployed, ()) = deployed?;
        self.reach_ports(&mut cluster).await?;
        cluster.record.deployment = Some(deployed);
        cluster.record.images = (self.plan.suite().images == ImageSource::Auto).then_some(source);
        if let Some(guest) = &guest {
            self.leave(&mut cluster, guest)?;
        }
        records.write(&cluster.record)?;
        self.renew(&mut cluster.record, &lease, &records)?;
        Ok(self.running(cluster, false).using(&records).await)
    }

    /// Renders the sources of the plan that are not plain files.
    async fn render(&mut self) -> Result<(), UpError> {
        let rendered = sources::render(&self.plan, &self.folders, self.agree, &self.events).await?;
        if !rendered.is_empty() {
            self.plan = self.plan.clone().with_rendered(rendered);
            self.plan.teach(Redactor::global());
        }
        Ok(())
    }

    /// Adds the images that manifests name and the suite does not list, so that they are pulled once, on the host, and
    /// kept. Without a registry there is nothing to pull them from.
    fn prefetch(&mut self, parcels: &[Vec<ComponentManifests>], source: ImageSource) {
        let suite = self.plan.suite();
        if source == ImageSource::Registry && suite.prefetch && suite.cluster.provider == ProviderKind::Kind {
            let images = parcels.iter().flatten().map(|parcel| (parcel.component.name.clone(), parcel.images()));
            self.plan = self.plan.clone().with_images(images.collect());
        }
    }

    /// Applies this run's lease to a reused cluster, if it keeps clusters. Otherwise the cluster's lease is unchanged.
    fn renew(&self, record: &mut Record, lease: &Lease, records: &Records) -> Result<(), ClusterError> {
        if self.terms.keep != Keep::Always {
            return Ok(());
        }
        record.lease = Some(lease.clone().released());
        records.write(record)
    }

    /// Removes the cluster and everything created with it. Components are removed one by one only from an existing
    /// cluster, which is kept.
    ///
    /// # Errors
    /// When something of it remains, or when a cluster of that name is not ours.
    pub async fn down(&self, kill: &RemoveOptions) -> Result<bool, UpError> {
        let name = self.plan.cluster_name();
        let records = self.records(name).await?;
        let resilience = self.resilience(Phase::Teardown, "cluster");
        let remembered = self.remembered(name, &records).await?;
        let has_remains = !records.remains().is_empty();
        if remembered.is_none() && !has_remains {
            return Ok(false);
        }
        let step = self.events.step(Phase::Teardown, "cluster");
        // Reported after the rest is removed: an unreachable engine must not block removal from another.
        let left = records.remove_remains(&resilience).await?.into_iter().next();
        let Some((mut record, owned)) = remembered else {
            return left.map_or(Ok(true), |error| Err(error.into()));
        };
        if record.provider == ProviderKind::Existing {
            self.down_existing(record, &records, kill).await?;
            step.done();
            return Ok(true);
        }
        let host = record.engine.as_ref().map(|engine| Host {
            engine: engine.clone(),
            kind: "kind".into(),
            folders: self.folders.clone(),
        });
        if let Some(host) = &host {
            // From here on the reaper completes the removal if this process is killed.
            record.lease = Some(self.lease(name, Some(host))?);
            records.write(&record)?;
            // The provider in the record, even if the suite names another by now.
            Provider::Kind(Kind::new(host.clone(), resilience)).delete(&records, owned.as_ref()).await?;
        } else {
            records.forget()?;
        }
        if let Some(error) = left {
            return Err(error.into());
        }
        step.done();
        Ok(true)
    }

    /// Undoes what this session did.
    ///
    /// # Errors
    /// The actions that could not be undone.
    pub async fn undo(&self) -> Result<(), UndoErrors> {
        let step = self.events.step(Phase::Teardown, "cluster");
        self.undo.run().await?;
        step.done();
        Ok(())
    }

    fn running(&self, cluster: Cluster, unchanged: bool) -> Running {
        let (settings, deadline) = (Settings::from(&self.plan.suite().ready), self.plan.suite().deadline);
        let plan = Arc::new(self.plan.clone());
        Running {
            cluster,
            unchanged,
            events: self.events.clone(),
            settings,
            deadline,
            plan,
            used: None,
            records: Weak::new(),
        }
    }

    /// Writes the components' states to the cluster's folder, for `status`, which works without them too.
    pub fn keep_states(&self, states: ComponentStates) {
        let folder = self.folders.cluster(self.plan.cluster_name());
        if let Some(text) = states.to_write(&folder) {
            let _ = folders::publish(&folder.join(ComponentStates::FILE), &text);
        }
    }
}
