//! Clusters of ours on this host, and the end of those that nobody needs any more.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::cluster::{Claim, ClusterError, Kind, Labelled, Lease, Record, Records, labelled};
use crate::config::ProviderKind;
use crate::folders::Folders;
use crate::resilience::Resilience;
use crate::setup::{Engine, Host, known_engines};

/// What is there of a cluster of ours.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// What is remembered of it.
    pub record: Option<Record>,
    /// Its containers, and the engine that has them.
    pub containers: Option<(Engine, Labelled)>,
    /// Whether it may have containers all the same, because their engine did not answer.
    pub unseen: bool,
}

/// The clusters of ours on this host.
#[derive(Debug)]
pub struct Inventory {
    /// By name: those that are remembered, and those whose containers say so.
    pub clusters: Vec<Found>,
    /// Why engines did not answer. Of clusters on them only what is remembered is known.
    pub silent: Vec<ClusterError>,
}

impl Found {
    /// Who has it; what is remembered counts more than labels, which cannot be changed.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        let remembered = self.record.as_ref().and_then(|record| record.lease.as_ref());
        remembered.or_else(|| self.containers.as_ref()?.1.lease.as_ref())
    }

    /// Whether anybody still needs it. What nobody can tell stays.
    #[must_use]
    pub fn claim(&self, now: Timestamp) -> Claim {
        match (&self.record, self.lease()) {
            // Nothing but files that say nothing.
            (None, None) if self.containers.is_none() && !self.unseen => Claim::Over("only remains of it were found"),
            (_, Some(lease)) => lease.claim(now),
            (_, None) => Claim::Kept(None),
        }
    }

    /// A word for what it is doing.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match (&self.record, &self.containers) {
            (Some(record), _) if record.provider == ProviderKind::Existing => "adopted",
            (_, None) if self.unseen => "unknown",
            (_, None) => "remains",
            (_, Some((_, cluster))) if !cluster.running => "stopped",
            (Some(record), Some(_)) if record.deployment.is_some() => "ready",
            (Some(_), Some(_)) => "not ready",
            (None, Some(_)) => "running",
        }
    }
}

/// Looks for every cluster of ours. An engine that does not answer hides only its own.
///
/// # Errors
/// When the state folder cannot be read.
pub async fn list(folders: &Folders) -> Result<Inventory, ClusterError> {
    let mut found = BTreeMap::new();
    let mut engines = known_engines(folders);
    let unknown = |name: String, record| Found { name, record, containers: None, unseen: false };
    for name in Records::names(folders)? {
        let record = Records::peek(folders, &name)?;
        engines.extend(record.as_ref().and_then(|record| record.engine.clone()).filter(|it| !engines.contains(it)));
        found.insert(name.clone(), unknown(name, record));
    }
    let mut silent = Vec::new();
    for engine in engines {
        let clusters = match labelled(&engine).await {
            Ok(clusters) => clusters,
            Err(error) => {
                silent.push(error);
                let may_have = |record: &Record| record.engine.as_ref().is_some_and(|other| *other == engine);
                let hidden = found.values_mut().filter(|it: &&mut Found| it.record.as_ref().is_none_or(may_have));
                hidden.for_each(|cluster| cluster.unseen = true);
                continue;
            }
        };
        for cluster in clusters {
            let name = cluster.name.clone();
            let entry = found.entry(name.clone()).or_insert_with(|| unknown(name, None));
            entry.containers = Some((engine.clone(), cluster));
        }
    }
    Ok(Inventory { clusters: found.into_values().collect(), silent })
}

/// Removes `cluster` if nobody needs it any more, and returns why; none when somebody does, or works on it just now.
///
/// # Errors
/// When something of it remains.
pub async fn collect(folders: &Folders, cluster: &Found) -> Result<Option<&'static str>, ClusterError> {
    let records = match Records::lock(folders, &cluster.name) {
        Err(ClusterError::Busy { .. }) => return Ok(None),
        records => records?,
    };
    // Asked again: somebody may have taken it over, or removed it, before the lock was ours.
    let record = records.read()?;
    if record.is_none() && cluster.record.is_some() {
        return Ok(None);
    }
    let now = Found { record, ..cluster.clone() };
    let Claim::Over(why) = now.claim(Timestamp::now()) else { return Ok(None) };
    if let Some(lease) = now.lease() {
        lease.end_programs();
    }
    remove(folders, &now).await?;
    records.forget()?;
    Ok(Some(why))
}

async fn remove(folders: &Folders, cluster: &Found) -> Result<(), ClusterError> {
    let remembered = cluster.record.as_ref().and_then(|record| record.engine.clone());
    let engine = cluster.containers.as_ref().map(|(engine, _)| engine.clone()).or(remembered);
    let Some(engine) = engine else { return Ok(()) };
    let host = Host { engine, kind: "kind".into(), folders: folders.clone() };
    Kind::new(host, Resilience::default()).delete(&cluster.name).await
}
