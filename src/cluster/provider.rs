//! The providers of clusters, kind and an existing cluster, behind one interface.

use std::path::PathBuf;

use futures::future::join;
use jiff::Timestamp;

use super::{
    CacheRequest, Claim, ClusterError, Existing, InventoryFile, Kind, Labelled, Lease, Node, Owned, Record, Records,
    labelled,
};
use crate::host::resilience::Resilience;
use crate::host::setup::Host;
use crate::images::{NodeImage, Nodes, NodesSignal};
use crate::report::{Events, Phase, Step};
use crate::suite::config::ProviderKind;
use crate::suite::name::ClusterName;
use crate::suite::plan::Plan;

/// Provider of a cluster.
#[derive(Debug, Clone)]
pub enum Provider {
    /// Creates clusters with kind.
    Kind(Kind),
    /// Uses an existing cluster.
    Existing(Existing),
}

/// Parameters of a cluster to create.
#[derive(Debug)]
pub struct CreateRequest<'a> {
    /// Its name.
    pub name: &'a ClusterName,
    /// The plan: its ports and kind's configuration.
    pub plan: &'a Plan,
    /// The node image, if it is not the provider's default.
    pub image: Option<&'a NodeImage>,
    /// The cache for what its nodes pull, if it has one.
    pub cache: Option<&'a CacheRequest>,
    /// The engine's folder of layers, if its nodes use images from there.
    pub layers: Option<PathBuf>,
    /// Where its record is written.
    pub records: &'a Records,
    /// Its lease.
    pub lease: &'a Lease,
    /// Notified once its nodes accept images, which is long before its API server responds.
    pub nodes_up: NodesSignal,
    /// Receives progress.
    pub step: &'a Step,
    /// Receives what else is worth a line.
    pub events: &'a Events,
}

impl Provider {
    /// Returns the provider that `plan` requests. kind needs a `host`.
    #[must_use]
    pub fn of(plan: &Plan, host: Option<&Host>, resilience: &Resilience) -> Provider {
        let cluster = &plan.suite().cluster;
        match (cluster.provider, host) {
            (ProviderKind::Kind, Some(host)) => Provider::Kind(Kind::new(host.clone(), resilience.clone())),
            _ => Provider::Existing(Existing { context: cluster.context.clone().unwrap_or_default() }),
        }
    }

    /// Returns the engine's folder of layers, if nodes are to use images from there.
    ///
    /// # Errors
    /// When the suite requests it, and they cannot.
    pub async fn layers(&self, plan: &Plan, events: &Events) -> Result<Option<PathBuf>, ClusterError> {
        match self {
            Provider::Kind(kind) => kind.layers(plan, events).await,
            Provider::Existing(_) => Ok(None),
        }
    }

    /// Returns our cluster of that name if it runs and still has the shape that `plan` requests. Otherwise removes what
    /// is left of it.
    ///
    /// # Errors
    /// [`ClusterError::NotOurs`] when another cluster has the name.
    pub async fn find(
        &self,
        plan: &Plan,
        name: &ClusterName,
        records: &Records,
        events: &Events,
    ) -> Result<Option<Record>, ClusterError> {
        let kind = match self {
            Provider::Kind(kind) => kind,
            Provider::Existing(existing) => return existing.find(plan, name, records).await,
        };
        let record = records.read()?;
        let lost = async {
            match record {
                Some(_) => Ok(None),
                None => lost(kind, name).await,
            }
        };
        let (nodes, lost) = join(kind.find(name), lost).await;
        let (nodes, running) = nodes?;
        let elsewhere = record.as_ref().and_then(|record| records.owned(record));
        if let Some(owned) = elsewhere.filter(|owned| *owned.engine() != kind.host.engine) {
            leave_engine(owned, kind, records, events).await?;
            return Box::pin(self.find(plan, name, records, events)).await;
        }
        let owned = match &record {
            Some(record) => records.owned(record),
            None => lost?,
        };
        let is_ours = |node: &&Node| owned.as_ref().is_some_and(|owned| owned.has(node));
        if let Some(foreign) = nodes.iter().find(|node| !is_ours(node)) {
            return Err(ClusterError::NotOurs { name: name.to_string(), nodes: foreign.name.clone() });
        }
        let why = match &record {
            None if nodes.is_empty() => return Ok(None),
            None => "what was remembered of it is lost",
            Some(record) if nodes.is_empty() || record.nodes.is_empty() => "only remains of it were found",
            Some(_) if !running => "it was stopped",
            Some(record) if record.shape != super::shape(plan)? => {
                "its ports, its version or kind's configuration changed"
            }
            Some(_) => return Ok(record),
        };
        events.note(Phase::Cluster, format!("cluster {name} is made anew: {why}"));
        // Its run may have been killed a moment ago, with kind still running.
        if let Some(lease) = record.and_then(|record| record.lease) {
            lease.end_programs();
        }
        if let Some(owned) = owned {
            kind.delete(&owned).await?;
        }
        records.forget()?;
        Ok(None)
    }

    /// Creates the cluster, or attaches to the existing one.
    ///
    /// # Errors
    /// When creating or attaching fails; the caller removes what was created so far.
    pub async fn create(&self, wanted: CreateRequest<'_>) -> Result<Record, ClusterError> {
        match self {
            Provider::Kind(kind) => kind.create(wanted).await,
            Provider::Existing(existing) => {
                let record = existing.attach(wanted.plan, wanted.name, wanted.records).await?;
                wanted.nodes_up.certain();
                Ok(Record { lease: Some(wanted.lease.clone()), ..record })
            }
        }
    }

    /// Returns the nodes to load images into; `None` for an existing cluster.
    ///
    /// # Errors
    /// When the engine does not list them.
    pub async fn nodes(&self, name: &ClusterName) -> Result<Option<Nodes>, ClusterError> {
        match self {
            Provider::Kind(kind) => kind.nodes(name).await.map(Some),
            Provider::Existing(_) => Ok(None),
        }
    }

    /// Removes the cluster if kind created it, and its record. The record of an existing cluster is kept while its
    /// inventory lists objects.
    ///
    /// # Errors
    /// When something of it remains.
    pub async fn delete(&self, records: &Records, owned: Option<&Owned>) -> Result<(), ClusterError> {
        match (self, owned) {
            (Provider::Kind(kind), Some(owned)) => kind.delete(owned).await?,
            (Provider::Kind(_), None) => {}
            (Provider::Existing(_), _) => {
                let inventory = InventoryFile::open(records)?;
                if inventory.is_some_and(|inventory| !inventory.content().objects.is_empty()) {
                    return Ok(());
                }
            }
        }
        records.forget()
    }
}

/// Returns the containers of cluster `name` whose record is lost, if their labels prove that they are ours and unused.
async fn lost(kind: &Kind, name: &ClusterName) -> Result<Option<Owned>, ClusterError> {
    let (engine, state) = (&kind.host.engine, &kind.host.folders.state);
    let found = labelled(engine).await?.into_iter().find(|cluster| cluster.name == *name);
    let unused = |cluster: &Labelled| match cluster.lease.claim(Timestamp::now()) {
        Claim::Expired(_) => cluster.state == *state || cluster.is_forgotten(),
        Claim::Kept(_) => cluster.state == *state,
        Claim::InUse | Claim::Elsewhere => false,
    };
    match found.filter(unused) {
        Some(cluster) => cluster.owned(engine).await.map(Some),
        None => Ok(None),
    }
}

/// Removes a cluster of this name from the engine that an earlier run used. If that engine is unreachable, the cluster
/// is recorded for `down` and `gc`, and does not block this run.
async fn leave_engine(owned: Owned, kind: &Kind, records: &Records, events: &Events) -> Result<(), ClusterError> {
    let (name, engine) = (owned.name().clone(), owned.engine().kind.name());
    match owned.is_reachable().await {
        Ok(()) => {
            kind.delete(&owned).await?;
            events.note(Phase::Cluster, format!("cluster {name} was on {engine}, and was removed there"));
            records.forget()
        }
        Err(error) => {
            let why = crate::readiness::errors::innermost(&error);
            let text = format!("cluster {name} was on {engine}, which does not answer ({why}); `gc` removes it later");
            events.warn(Phase::Cluster, text);
            records.forget_but(owned)
        }
    }
}
