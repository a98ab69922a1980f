//! What tests get: a running environment.

mod attempt;
pub(crate) mod attribute;
mod change;
mod current;
mod error;
mod failed;
mod forward;
mod janitor;
pub mod logs;
mod namespace;
mod pods;
mod returned;
mod runner;
mod shared;
#[cfg(feature = "specs")]
mod specs;
mod turn;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use current::{CurrentTest, current_test};
pub use error::EnvironmentError;
pub use forward::Forward;
pub(crate) use janitor::Chore;
pub use namespace::{NamespaceError, TestNamespace};
pub use pods::Output;
pub use returned::TestResult;
pub use shared::shared;
#[cfg(feature = "specs")]
pub use specs::Specs;
pub use turn::Turn;

use tokio::sync::mpsc;

use crate::cluster::{Cluster, Records};
pub use crate::environment::logs::{LogError, LogLine};
use crate::host::folders::Lock;
use crate::readiness::Settings;
use crate::readiness::errors;
use crate::report::{Events, Phase};

/// A cluster in which every component of a suite is ready.
#[derive(Clone)]
pub struct Environment {
    pub(crate) cluster: Cluster,
    pub(crate) unchanged: bool,
    pub(crate) events: Events,
    /// What counts as ready.
    pub(crate) settings: Settings,
    /// How long a component may take to become ready.
    pub(crate) deadline: Duration,
    /// Removes namespaces that are no longer needed, and looks at what is left of tests that failed.
    pub(crate) janitor: Option<mpsc::WeakUnboundedSender<Chore>>,
    /// Keeps the end of a time to live from removing the cluster while this process uses it.
    pub(crate) used: Option<Arc<Lock>>,
}

impl Environment {
    /// Name of the cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.cluster.record.name
    }

    /// Talks to the cluster's API server. Each call makes a client of its own, since a connection ends with the async
    /// runtime that opened it, and every test has its own runtime.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        kube::Client::try_from(self.cluster.config.clone()).unwrap_or_else(|_| self.cluster.client.clone())
    }

    /// Namespace of the components.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.cluster.record.namespace
    }

    /// The cluster's own kubeconfig file; the user's is never touched.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.cluster.kubeconfig
    }

    /// Where the host reaches `port` of `component`, both as `e2e.yaml` names them.
    #[must_use]
    pub fn endpoint(&self, component: &str, port: &str) -> Option<SocketAddr> {
        self.cluster.record.ports.get(component, port)
    }

    /// Whether everything ran already and nothing had to be done.
    #[must_use]
    pub fn was_unchanged(&self) -> bool {
        self.unchanged
    }

    /// The same, in use by this process until the last clone is dropped.
    pub(crate) async fn using(mut self, records: &Records) -> Environment {
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

    /// Where the cluster's own files are.
    pub(crate) fn folder(&self) -> &Path {
        self.cluster.kubeconfig.parent().unwrap_or(Path::new("/"))
    }

    /// What is remembered of the cluster.
    #[must_use]
    pub fn record(&self) -> &crate::cluster::Record {
        &self.cluster.record
    }
}
