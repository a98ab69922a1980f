//! Lists our clusters on this host, and removes the abandoned ones.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::cluster::{Claim, ClusterError, Expiry, Labelled, Lease, Record, Records, labelled};
use crate::host::folders::Folders;
use crate::host::resilience::Resilience;
use crate::host::setup::{Engine, known_engines};
use crate::suite::config::ProviderKind;
use crate::suite::name::ClusterName;

/// What is there of a cluster of ours.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its name.
    pub name: ClusterName,
    /// What is remembered of it.
    pub record: Option<Record>,
    /// Its containers, and the engine that has them.
    pub containers: Option<(Engine, Labelled)>,
    /// Whether it may have containers all the same, because their engine did not answer.
    pub unseen: bool,
    /// Whether containers of an earlier run of that name are on an engine that did not answer then.
    pub remains: bool,
    /// Whether its record is in another state folder: its containers are known by their labels only.
    pub foreign: bool,
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
    fn new(name: ClusterName, record: Option<Record>) -> Found {
        Found { name, record, containers: None, unseen: false, remains: false, foreign: false }
    }

    /// Who has it; what is remembered counts more than labels, which cannot be changed.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        let remembered = self.record.as_ref().and_then(|record| record.lease.as_ref());
        remembered.or_else(|| Some(&self.containers.as_ref()?.1.lease))
    }

    /// Whether it is still needed. In doubt it stays, and so does what another state folder has a record of.
    #[must_use]
    pub fn claim(&self, now: Timestamp) -> Claim {
        match (&self.record, &self.containers) {
            (_, Some((_, cluster))) if self.foreign && !cluster.is_forgotten() => Claim::Elsewhere,
            // Nothing but files that say nothing.
            (None, None) if !self.unseen => Claim::Expired(Expiry::OnlyRemains),
            _ => self.lease().map_or(Claim::Kept(None), |lease| lease.claim(now)),
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
    for name in Records::names(folders)? {
        let record = Records::peek(folders, &name)?;
        engines.extend(record.as_ref().and_then(|record| record.engine.clone()).filter(|it| !engines.contains(it)));
        let remains = Records::has_remains(folders, &name);
        found.insert(name.clone(), Found { remains, ..Found::new(name, record) });
    }
    let (mut silent, mut foreign) = (Vec::new(), Vec::new());
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
            if cluster.state == folders.state {
                let entry = found.entry(name.clone()).or_insert_with(|| Found::new(name, None));
                entry.containers = Some((engine.clone(), cluster));
            } else {
                let containers = Some((engine.clone(), cluster));
                foreign.push(Found { containers, foreign: true, ..Found::new(name, None) });
            }
        }
    }
    Ok(Inventory { clusters: found.into_values().chain(foreign).collect(), silent })
}

/// Removes `cluster` if it is abandoned, and returns why; none when it is in use or locked.
///
/// # Errors
/// When something of it remains.
pub async fn collect(folders: &Folders, cluster: &Found) -> Result<Option<Expiry>, ClusterError> {
    let records = match Records::lock(folders, &cluster.name) {
        Err(ClusterError::Busy { .. }) => return Ok(None),
        records => records?,
    };
    let resilience = Resilience::default();
    if cluster.remains
        && let Some(error) = records.remove_remains(&resilience).await?.into_iter().next()
    {
        return Err(error);
    }
    // Checked again: it may have been taken over or removed before this process had the lock.
    let record = if cluster.foreign { None } else { records.read()? };
    if record.is_none() && cluster.record.is_some() {
        return Ok(None);
    }
    let now = Found { record, ..cluster.clone() };
    let Claim::Expired(why) = now.claim(Timestamp::now()) else { return Ok(None) };
    if records.wait_for_users(why).is_some() {
        return Ok(None);
    }
    if let Some(lease) = now.lease() {
        lease.end_programs();
    }
    if let Some(record) = now.record.as_ref().filter(|record| record.provider == ProviderKind::Existing) {
        return super::existing::collect(&records, record.clone()).await.map(|()| Some(why));
    }
    let owned = match (&now.record, &now.containers) {
        (Some(record), _) => records.owned(record),
        (None, Some((engine, cluster))) => Some(cluster.owned(engine).await?),
        (None, None) => None,
    };
    if let Some(owned) = owned {
        // One that hangs must not keep others waiting for as long as a removal may take.
        owned.is_reachable().await?;
        owned.remove(folders, &resilience).await?;
    }
    if !cluster.foreign {
        records.forget()?;
    }
    Ok(Some(why))
}
