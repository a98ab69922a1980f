//! What tests get: a running environment.

mod attempt;
pub(crate) mod attribute;
mod change;
mod cleanup;
mod current;
mod error;
mod failed;
mod forward;
mod lock;
#[doc(hidden)]
pub mod logs;
mod namespace;
mod pods;
mod registry;
mod returned;
mod runner;
mod shared;
#[cfg(feature = "specs")]
mod specs;

use std::net::SocketAddr;
use std::path::Path;

pub(crate) use cleanup::Chore;
pub use current::{CurrentTest, current_test};
pub use error::EnvironmentError;
pub use forward::Forward;
pub use lock::EnvironmentLock;
pub use namespace::{NamespaceError, TestNamespace};
pub use pods::Output;
pub use returned::TestResult;
pub use shared::shared;
#[cfg(feature = "specs")]
pub use specs::Specs;

use tokio::sync::mpsc;

pub use crate::environment::logs::{LogError, LogLine};
use crate::run::Running;

/// A cluster in which every component of a suite is ready.
#[derive(Debug, Clone)]
pub struct Environment {
    running: Running,
    /// Removes namespaces that are no longer needed, and looks at what is left of tests that failed.
    janitor: Option<mpsc::WeakUnboundedSender<Chore>>,
}

impl From<Running> for Environment {
    fn from(running: Running) -> Environment {
        Environment { running, janitor: None }
    }
}

impl Environment {
    /// Name of the cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.running.cluster.record.name
    }

    /// Talks to the cluster's API server. Each call makes a client of its own, since a connection ends with the async
    /// runtime that opened it, and every test has its own runtime.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        kube::Client::try_from(self.running.cluster.config.clone())
            .unwrap_or_else(|_| self.running.cluster.client.clone())
    }

    /// Namespace of the components.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.running.cluster.record.namespace
    }

    /// The cluster's own kubeconfig file; the user's is never touched.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.running.cluster.kubeconfig
    }

    /// Where the host reaches `port` of `component`, both as `e2e.yaml` names them.
    #[must_use]
    pub fn endpoint(&self, component: &str, port: &str) -> Option<SocketAddr> {
        self.running.cluster.record.ports.get(component, port)
    }

    /// Whether everything ran already and nothing had to be done.
    #[must_use]
    pub fn was_unchanged(&self) -> bool {
        self.running.unchanged
    }

    /// Where the cluster's own files are.
    pub(crate) fn folder(&self) -> &Path {
        self.running.cluster.kubeconfig.parent().unwrap_or(Path::new("/"))
    }

    /// What is remembered of the cluster.
    #[must_use]
    pub fn record(&self) -> &crate::cluster::Record {
        &self.running.cluster.record
    }
}
