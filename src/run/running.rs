//! The result of a run: a cluster in which every component is ready.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::cluster::{Cluster, Records};
use crate::host::folders::Lock;
use crate::readiness::{Settings, errors};
use crate::report::{Events, Phase};
use crate::suite::plan::Plan;

/// A cluster in which every component of a suite is ready.
#[derive(Debug, Clone)]
pub struct Running {
    /// The cluster.
    pub cluster: Cluster,
    /// Whether everything was running already and nothing had to be done.
    pub unchanged: bool,
    /// Receives progress.
    pub events: Events,
    /// The settings of readiness.
    pub settings: Settings,
    /// How long a component may take to become ready.
    pub deadline: Duration,
    /// The plan by which it came up.
    pub plan: Arc<Plan>,
    /// Prevents removal at the end of the time to live while this process uses the cluster.
    pub(crate) used: Option<Arc<Lock>>,
    /// The lock of the cluster's folder, which this process holds as long as it may have to remove the cluster.
    pub(crate) records: Weak<Records>,
}

impl Running {
    /// Marks the cluster as in use by this process until the last clone is dropped.
    pub(super) async fn using(mut self, records: &Arc<Records>) -> Running {
        self.records = Arc::downgrade(records);
        match records.use_it().await {
            Ok(lock) => self.used = Some(Arc::new(lock)),
            Err(error) => {
                let text =
                    format!("a time to live may end while this process uses the cluster: {}", errors::chain(&error));
                self.events.warn(Phase::Cluster, text);
            }
        }
        self
    }
}
