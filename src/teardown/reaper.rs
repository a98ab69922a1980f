//! The detached process that removes a cluster when its owner has exited, also by SIGKILL; from an existing cluster it
//! removes the environment's objects.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::detached::{self, ReaperError, Task};
use super::{UnfinishedReports, existing};
use crate::cluster::{Claim, ClusterError, Labelled, Lease, Owned, Record, Records, labelled};
use crate::host::exec::ExecError;
use crate::host::folders::Folders;
use crate::host::resilience::Resilience;
use crate::host::setup::Engine;
use crate::host::system::Watched;
use crate::suite::config::ProviderKind;
use crate::suite::name::ClusterName;

/// Retries of an unreachable engine, for just over half an hour. The cluster is not locked meanwhile.
const PATIENCE: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(500))
    .with_max_delay(Duration::from_secs(30))
    .with_max_times(64);

/// The reapers that this process has started: `dev` and `bench` bring one cluster up again and again.
static STARTED: Mutex<Vec<Reaper>> = Mutex::new(Vec::new());

/// How often the reaper of a kept cluster checks that the cluster is still there: it exits this soon after `down`.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The task of a reaper. It waits on the owner's pidfd, without polling.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reaper {
    /// The folders that hold the cluster's record.
    pub folders: Folders,
    /// The engine that runs the cluster; `None` for an existing one.
    pub engine: Option<Engine>,
    /// The cluster.
    pub name: ClusterName,
    /// The lease whose end allows the removal. If the cluster has another lease by then, it belongs to another run.
    pub lease: Lease,
    /// The reports to finish if the run was killed.
    #[serde(default)]
    pub reports: UnfinishedReports,
}

impl Reaper {
    /// Starts the reaper, unless one that this process has started before does the same. It exits on its own: with the
    /// owner, once the cluster is gone or turns out to be kept.
    ///
    /// # Errors
    /// When this system does not support it.
    pub fn start(&self) -> Result<(), ReaperError> {
        let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        if started.iter().any(|other| other.does_the_work_of(self)) {
            return Ok(());
        }
        detached::start(self)?;
        started.push(self.clone());
        Ok(())
    }

    /// Whether this one ends the programs, removes the cluster and finishes the reports that `other` would. Leases of
    /// one run and owner are one to a reaper, which reads the cluster's record when its owner has exited.
    fn does_the_work_of(&self, other: &Reaper) -> bool {
        let has_reports = other.reports.junit.is_some() || other.reports.summary.is_some();
        (&self.folders, &self.engine, &self.name) == (&other.folders, &other.engine, &other.name)
            && (&self.lease.run, &self.lease.owner) == (&other.lease.run, &other.lease.owner)
            && (!has_reports || self.reports == other.reports)
    }

    async fn reap(&self) -> Result<(), ClusterError> {
        (|| self.attempt()).retry(PATIENCE).when(may_pass).await
    }

    /// Removes the cluster if its lease is still the one that this reaper watches. If the engine does not respond
    /// within seconds, the lock is released: another run may take the name, and `gc` removes the rest.
    async fn attempt(&self) -> Result<(), ClusterError> {
        loop {
            // A run that is using the cluster may take it over.
            let records = Records::wait(&self.folders, &self.name).await?;
            let record = records.as_ref().map(Records::read).transpose()?.flatten();
            let lease = match &record {
                Some(record) => record.lease.clone(),
                // Either only kind's configuration was written so far, or everything was removed.
                None if records.as_ref().is_some_and(|it| it.folder().exists()) => Some(self.lease.clone()),
                // The folder may have been deleted by hand while the cluster still runs.
                None => self.labelled().await?.map(|cluster| cluster.lease),
            };
            match lease.filter(|lease| lease.run == self.lease.run).map(|lease| lease.claim(Timestamp::now())) {
                Some(Claim::Expired(why)) => {
                    let Some(unused) = records.as_ref().and_then(|records| records.wait_for_users(why)) else {
                        return self.remove(records.as_ref(), record.as_ref()).await;
                    };
                    // Tests may use a kept cluster beyond its time to live.
                    drop(records);
                    unused.await?;
                }
                Some(Claim::Kept(Some(until))) => {
                    drop(records);
                    let left = Timestamp::now().duration_until(until);
                    let left = Duration::try_from(left).unwrap_or_default().min(LOOK_AGAIN);
                    let _ = tokio::time::timeout(left, std::future::pending::<()>()).await;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Returns the cluster described by its containers' labels, if there are containers.
    async fn labelled(&self) -> Result<Option<Labelled>, ClusterError> {
        let Some(engine) = &self.engine else { return Ok(None) };
        let is_ours = |it: &Labelled| it.name == self.name && it.state == self.folders.state;
        Ok(labelled(engine).await?.into_iter().find(is_ours))
    }

    async fn remove(&self, records: Option<&Records>, record: Option<&Record>) -> Result<(), ClusterError> {
        if let Some((records, record)) = records.zip(record)
            && record.provider == ProviderKind::Existing
        {
            return existing::collect(records, record.clone()).await;
        }
        let recorded = records.zip(record).and_then(|(records, record)| records.owned(record));
        let owned: Option<Owned> = match (recorded, &self.engine) {
            (None, Some(engine)) => match self.labelled().await? {
                Some(cluster) => Some(cluster.owned(engine).await?),
                None => None,
            },
            (recorded, _) => recorded,
        };
        if let Some(owned) = owned {
            owned.is_reachable().await?;
            owned.remove(&self.folders, &Resilience::default()).await?;
        }
        records.map_or(Ok(()), Records::forget)
    }
}

impl Task for Reaper {
    const VARIABLE: &str = "KIND_HARNESS_REAPER";
    const NAME: &str = "reaper-of";

    fn subject(&self) -> String {
        self.name.to_string()
    }

    fn watch(&self) -> io::Result<Option<Watched>> {
        self.lease.watch()
    }

    fn run(&self) -> bool {
        // Before anything that takes time: CI collects reports as soon as the run is gone.
        self.reports.finish();
        self.lease.end_programs();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.is_ok_and(|runtime| runtime.block_on(self.reap()).is_ok())
    }
}

/// Returns whether a retry may succeed: not when the engine's program no longer exists. An existing cluster may need
/// credentials that only a person can renew, so its errors are not retried.
fn may_pass(error: &ClusterError) -> bool {
    matches!(error, ClusterError::Command { source, .. } if !matches!(source, ExecError::Start { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Owner;
    use crate::suite::config::Keep;

    #[test]
    fn a_second_reaper_is_one_for_another_cluster_owner_or_report() {
        let first = Reaper {
            folders: Folders { cache: "/c".into(), state: "/s".into() },
            engine: None,
            name: ClusterName::new("shop").unwrap(),
            lease: Lease::take(Owner::current().unwrap(), Keep::Always, None),
            reports: UnfinishedReports { run: Some("/s/.runs/1.jsonl".into()), ..UnfinishedReports::default() },
        };
        let changed = |change: fn(&mut Reaper)| {
            let mut other = first.clone();
            change(&mut other);
            first.does_the_work_of(&other)
        };
        assert!(changed(|_| ()));
        assert!(changed(|it| it.reports.run = Some("/s/.runs/2.jsonl".into())), "nobody but a summary reads it");
        assert!(changed(|it| it.lease = Lease::take(Owner::current().unwrap(), Keep::Never, None)), "of the same run");
        assert!(!changed(|it| it.name = ClusterName::new("bar").unwrap()));
        assert!(!changed(|it| it.folders.state = "/other".into()));
        assert!(!changed(|it| it.lease.owner = None));
        assert!(!changed(|it| it.lease.run = "another".into()));
        assert!(!changed(|it| it.reports.summary = Some("/summary".into())));
        assert!(!changed(|it| it.reports.junit = Some(("/junit".into(), "1".into()))));
    }
}
