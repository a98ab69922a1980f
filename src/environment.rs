//! The running environment that tests use.

mod account;
mod attempt;
pub(crate) mod attribute;
mod change;
mod cleanup;
mod copies;
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
mod reports;
mod reset;
mod returned;
mod runner;
mod scope;
mod serving;
mod shared;
#[cfg(feature = "specs")]
mod specs;
#[cfg(feature = "webhook")]
mod webhook;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use account::AccountAccess;
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
#[cfg(feature = "webhook")]
pub use webhook::HostWebhook;

use tokio::sync::mpsc;

pub use crate::environment::logs::{LogError, LogLine};
use crate::run::Running;

/// Names of tests, and how long each took.
type TestTimes = Arc<Mutex<Vec<(String, Duration)>>>;

/// A cluster in which every component of a suite is ready.
#[derive(Debug, Clone)]
pub struct Environment {
    running: Running,
    /// Deletes unneeded namespaces in the background, and collects what is left of failed tests.
    janitor: Option<mpsc::WeakUnboundedSender<Chore>>,
    /// How long each test that has ended took, without its waits for other tests.
    times: TestTimes,
}

impl From<Running> for Environment {
    fn from(running: Running) -> Environment {
        Environment { running, janitor: None, times: Arc::default() }
    }
}

impl Environment {
    /// Returns the name of the cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.running.cluster.record.name
    }

    /// Returns a client for the cluster's API server. Each call creates a new one: a connection ends with the async
    /// runtime that opened it, and every test has its own runtime.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        kube::Client::try_from(self.running.cluster.config.clone())
            .unwrap_or_else(|_| self.running.cluster.client.clone())
    }

    /// Returns the namespace of the components.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.running.cluster.record.namespace
    }

    /// Returns the path of the cluster's own kubeconfig; the user's is never changed.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.running.cluster.kubeconfig
    }

    /// Returns the address on the host of `port` of `component`, both named as in `e2e.yaml`.
    #[must_use]
    pub fn endpoint(&self, component: &str, port: &str) -> Option<SocketAddr> {
        self.running.cluster.record.ports.get(component, port)
    }

    /// Returns whether everything was running already and nothing had to be done.
    #[must_use]
    pub fn was_unchanged(&self) -> bool {
        self.running.unchanged
    }

    /// Returns the folder of the cluster's own files.
    pub(crate) fn folder(&self) -> &Path {
        self.running.cluster.kubeconfig.parent().unwrap_or(Path::new("/"))
    }

    /// Returns the record of the cluster.
    #[must_use]
    pub fn record(&self) -> &crate::cluster::Record {
        &self.running.cluster.record
    }
}
