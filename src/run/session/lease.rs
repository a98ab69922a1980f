//! The lease of a session's cluster: taken, shared, kept.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Session, UpError};
use crate::cluster::{Cluster, ClusterError, InventoryFile, Lease, Owned, Owner, PortMap, Record, Records};
use crate::host::setup::Host;
use crate::readiness::errors;
use crate::report::Phase;
use crate::suite::config::{Keep, ProviderKind};
use crate::suite::name::ClusterName;
use crate::teardown::Reaper;
use crate::teardown::gc::{self, Inventory};

/// How long a run waits for another one on the same cluster, such as the reaper of a killed run.
const PATIENCE: Duration = Duration::from_secs(20);

/// Options of a run's lease on its cluster.
#[derive(Debug, Clone, Default)]
pub struct LeaseOptions {
    /// The test runner whose processes share the cluster; `None` when it belongs to this process alone.
    pub runner: Option<Owner>,
    /// The file of tests that this process runs, for suites that keep files apart.
    pub test_file: Option<PathBuf>,
    /// Whether the cluster is kept.
    pub keep: Keep,
    /// Time to live of a kept cluster.
    pub ttl: Option<Duration>,
}

impl Session {
    /// Keeps the cluster after a failed run: clears the undo stack and releases the lease.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub async fn keep(&self) -> Result<(), ClusterError> {
        self.undo.keep();
        let records = self.records(self.plan.cluster_name()).await?;
        let Some(mut record) = records.read()? else { return Ok(()) };
        if let Some(inventory) = InventoryFile::open(&records)? {
            inventory.change(|inventory| inventory.keep(true))?;
        }
        record.lease = record.lease.map(Lease::released);
        records.write(&record)
    }

    /// Locks the folder of this session's own cluster, like [`Session::records`].
    pub(super) async fn own_records(&self) -> Result<Arc<Records>, ClusterError> {
        self.records(self.plan.cluster_name()).await.map(Arc::new)
    }

    /// Locks the cluster's folder. Waits for another run that holds it: without limit if runs share a cluster,
    /// otherwise as long as removing a killed run takes.
    pub(super) async fn records(&self, name: &ClusterName) -> Result<Records, ClusterError> {
        match Records::lock(&self.folders, name) {
            Err(ClusterError::Busy { .. }) => {}
            records => return records,
        }
        let step = self.events.step(Phase::Cluster, name.as_str());
        step.progress("waiting for another run that works on it");
        let freed = Records::wait(&self.folders, name);
        let freed = match self.terms.runner {
            Some(_) => freed.await?,
            None => tokio::time::timeout(PATIENCE, freed).await.ok().transpose()?.flatten(),
        };
        let records = freed.ok_or_else(|| ClusterError::Busy { name: name.to_string() });
        step.done();
        records
    }

    /// Returns the cluster that another process of the same test runner has brought up.
    pub(super) async fn joined(&self, records: &Records) -> Result<Option<Cluster>, ClusterError> {
        let Some(runner) = &self.terms.runner else { return Ok(None) };
        let Some(record) = records.read()? else { return Ok(None) };
        let is_shared = record.lease.as_ref().is_some_and(|lease| lease.owner.as_ref() == Some(runner));
        if !is_shared || record.deployment.is_none() {
            return Ok(None);
        }
        let cluster = Cluster::attach(record, records.kubeconfig()).await?;
        // It may have been removed meanwhile.
        Ok(cluster.client.apiserver_version().await.is_ok().then_some(cluster))
    }

    /// Takes a lease on the cluster for this run. When the owner exits, a reaper ends the run's programs and removes
    /// the cluster; from an existing cluster, which needs no host, it removes the environment's objects.
    pub(super) fn lease(&self, name: &ClusterName, host: Option<&Host>) -> Result<Lease, UpError> {
        let lease = Lease::take(self.owner()?, self.terms.keep, self.terms.ttl);
        let engine = host.map(|host| host.engine.clone());
        let reports = self.reports.clone();
        Reaper { folders: self.folders.clone(), engine, name: name.clone(), lease: lease.clone(), reports }.start()?;
        Ok(lease)
    }

    fn owner(&self) -> Result<Owner, ClusterError> {
        let failed = |source| ClusterError::File { what: "looking at this process".into(), source };
        self.terms.runner.clone().map_or_else(Owner::current, Ok).map_err(failed)
    }

    /// Returns the cluster's record, or else one from its containers' labels; and the containers that are proved to be
    /// ours.
    pub(super) async fn remembered(
        &self,
        name: &ClusterName,
        records: &Records,
    ) -> Result<Option<(Record, Option<Owned>)>, ClusterError> {
        if let Some(record) = records.read()? {
            let owned = records.owned(&record);
            return Ok(Some((record, owned)));
        }
        let Inventory { clusters, silent } = gc::list(&self.folders).await?;
        let found = clusters.into_iter().find(|cluster| cluster.name == *name && !cluster.foreign);
        if let (None, Some(error)) = (&found, silent.into_iter().next()) {
            return Err(error);
        }
        let Some((engine, cluster)) = found.and_then(|cluster| cluster.containers) else { return Ok(None) };
        let owned = cluster.owned(&engine).await?;
        let record = Record {
            name: name.clone(),
            suite: self.plan.path().into(),
            namespace: self.plan.suite().namespace.clone(),
            provider: ProviderKind::Kind,
            context: None,
            engine: Some(engine),
            nodes: cluster.nodes,
            layers: None,
            images: None,
            ports: PortMap::default(),
            shape: String::new(),
            created: Timestamp::now(),
            lease: Some(cluster.lease),
            deployment: None,
        };
        Ok(Some((record, Some(owned))))
    }

    /// Removes clusters whose owners have exited. Failures are reported and do not stop the run.
    pub(super) async fn collect(&self, own: &ClusterName) {
        let not_looked_for = |error: &ClusterError| {
            self.events.warn(Phase::Cluster, format!("not all leaked clusters were found: {}", errors::chain(error)));
        };
        let found = match gc::list(&self.folders).await {
            Ok(found) => found,
            Err(error) => return not_looked_for(&error),
        };
        found.silent.iter().for_each(not_looked_for);
        for cluster in found.clusters.iter().filter(|cluster| cluster.name != *own || cluster.foreign) {
            match gc::collect(&self.folders, cluster).await {
                Ok(None) => {}
                Ok(Some(why)) => {
                    self.events.note(Phase::Cluster, format!("cluster {} was removed: {why}", cluster.name))
                }
                Err(error) => self.events.warn(Phase::Cluster, format!("cluster {} remains: {error}", cluster.name)),
            }
        }
    }
}
