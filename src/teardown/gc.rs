//! Lists our clusters on this host, and removes abandoned ones.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::cluster::{Claim, ClusterError, Expiry, Labelled, Lease, Record, Records, labelled};
use crate::host::folders::Folders;
use crate::host::resilience::Resilience;
use crate::host::setup::{Engine, known_engines};
use crate::suite::config::ProviderKind;
use crate::suite::name::ClusterName;

/// One of our clusters, and what is left of it.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its name.
    pub name: ClusterName,
    /// Its record.
    pub record: Option<Record>,
    /// Its containers, and the engine that runs them.
    pub containers: Option<(Engine, Labelled)>,
    /// Whether it may have containers although none were listed, because their engine was unreachable.
    pub unseen: bool,
    /// Whether containers of an earlier run of that name are on an engine that was unreachable then.
    pub remains: bool,
    /// Whether its record is in another state folder, so that only its containers' labels are known.
    pub foreign: bool,
}

/// Our clusters on this host.
#[derive(Debug)]
pub struct Inventory {
    /// By name: clusters with a record, and clusters whose container labels are ours.
    pub clusters: Vec<Found>,
    /// The errors of unreachable engines. Clusters on them are listed from their records only.
    pub silent: Vec<ClusterError>,
}

impl Found {
    fn new(name: ClusterName, record: Option<Record>) -> Found {
        Found { name, record, containers: None, unseen: false, remains: false, foreign: false }
    }

    /// Returns its lease; the record takes precedence over labels, which cannot be changed.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        let remembered = self.record.as_ref().and_then(|record| record.lease.as_ref());
        remembered.or_else(|| Some(&self.containers.as_ref()?.1.lease))
    }

    /// Returns whether it is still needed. It is kept if unsure, or if another state folder has a record of it.
    #[must_use]
    pub fn claim(&self, now: Timestamp) -> Claim {
        match (&self.record, &self.containers) {
            (_, Some((_, cluster))) if self.foreign && !cluster.is_forgotten() => Claim::Elsewhere,
            // Only files without content are left.
            (None, None) if !self.unseen => Claim::Expired(Expiry::OnlyRemains),
            _ => self.lease().map_or(Claim::Kept(None), |lease| lease.claim(now)),
        }
    }

    /// Returns its state as one word.
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

/// Lists our clusters. An unreachable engine hides only its own.
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

/// Removes `cluster` if it is abandoned, and returns why it was; `None` when it is in use or locked.
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
    // Checked again: another process may have taken over or removed it before the lock was taken.
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
        // A hung engine must not block other runs for as long as a removal may take.
        owned.is_reachable().await?;
        owned.remove(folders, &resilience).await?;
    }
    if !cluster.foreign {
        records.forget()?;
    }
    Ok(Some(why))
}
