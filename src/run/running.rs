//! What a run comes to: a cluster in which every component is ready.

use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{Cluster, Records};
use crate::host::folders::Lock;
use crate::readiness::{Settings, errors};
use crate::report::{Events, Phase};

/// A cluster in which every component of a suite is ready.
#[derive(Debug, Clone)]
pub struct Running {
    /// The cluster.
    pub cluster: Cluster,
    /// Whether everything ran already and nothing had to be done.
    pub unchanged: bool,
    /// Where progress goes.
    pub events: Events,
    /// What counts as ready.
    pub settings: Settings,
    /// How long a component may take to become ready.
    pub deadline: Duration,
    /// Keeps the end of a time to live from removing the cluster while this process uses it.
    pub(crate) used: Option<Arc<Lock>>,
}

impl Running {
    /// Marks the cluster as in use by this process until the last clone is dropped.
    pub(super) async fn using(mut self, records: &Records) -> Running {
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
