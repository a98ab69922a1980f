//! The components of a cluster, and how one of them is asked.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kind_harness::cluster::Cluster;
use kind_harness::readiness::errors::innermost;
use kind_harness::readiness::{Expectation, Listing, Settings};
use kind_harness::run::diagnostics;
use kind_harness::suite::plan::Plan;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::outputs::ServiceState;

/// How old a list of the objects may be. Components that are asked at the same time share one.
const FRESH: Duration = Duration::from_secs(1);

/// What must be ready in a cluster.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    expectations: Vec<Expectation>,
    settings: Settings,
    /// The last list, and when it was begun.
    listed: Mutex<Option<(Instant, Arc<Listing>)>>,
}

/// A client of the API server; `kube::Client` has no `Debug`.
#[derive(Clone)]
pub(crate) struct Client(pub(crate) kube::Client);

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

/// The result of asking a component.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) state: ServiceState,
    /// Why it is not up, as a word.
    pub(crate) reason: Option<String>,
    /// Why it is not up, as a sentence.
    pub(crate) message: Option<String>,
    pub(crate) hint: Option<String>,
    pub(crate) response_time: Option<Duration>,
    pub(crate) asked: Timestamp,
}

impl Target {
    /// Returns the components of `plan` in `cluster`.
    pub(crate) fn new(plan: &Plan, cluster: &Cluster) -> Target {
        let namespace = cluster.record.namespace.clone();
        let settings = Settings::from(&plan.suite().ready);
        Target::of(&cluster.client, namespace, diagnostics::expected(plan, cluster), settings)
    }

    /// Returns these components.
    pub(crate) fn of(
        client: &kube::Client,
        namespace: String,
        expectations: Vec<Expectation>,
        settings: Settings,
    ) -> Target {
        Target { client: Client(client.clone()), namespace, expectations, settings, listed: Mutex::default() }
    }

    /// Asks a component, for at most `limit`.
    pub(crate) async fn ask(&self, component: &str, limit: Duration) -> Reply {
        let asked = Timestamp::now();
        let unknown = |reason: &str, message: String| Reply {
            state: ServiceState::Unknown,
            reason: Some(reason.into()),
            message: Some(message),
            hint: None,
            response_time: None,
            asked,
        };
        let expectation = self.expectations.iter().find(|expectation| expectation.component == component);
        let Some(expectation) = expectation else {
            return unknown("NotInSuite", "the suite has no such component".into());
        };
        let began = Instant::now();
        let listing = match timeout(limit, self.listing()).await {
            Ok(Ok(listing)) => listing,
            Ok(Err(error @ kube::Error::Api(_))) => {
                let why = innermost(&error);
                return unknown("ApiServerRefused", format!("the API server denies the request: {why}"));
            }
            Ok(Err(error)) => {
                let why = innermost(&error);
                return unknown("ApiServerUnreachable", format!("the API server does not answer: {why}"));
            }
            Err(_) => {
                return unknown("ApiServerLate", format!("the API server does not list the objects within {limit:?}"));
            }
        };
        let rest = limit.saturating_sub(began.elapsed());
        let answer = listing.ask(&self.client.0, expectation, &self.settings, rest).await;
        let verdict = &answer.status.verdict;
        let is_up = verdict.is_ready();
        Reply {
            state: if is_up { ServiceState::Up } else { ServiceState::Down },
            reason: (!is_up).then(|| verdict.reason().to_owned()),
            message: verdict.message().map(str::to_owned),
            hint: verdict.hint().filter(|hint| !hint.is_empty()).map(str::to_owned),
            response_time: answer.response_time,
            asked,
        }
    }

    /// Returns the objects of all components. Of several calls at the same time, one lists them and the others wait for it;
    /// after an error, the next one tries again.
    async fn listing(&self) -> Result<Arc<Listing>, kube::Error> {
        let mut listed = self.listed.lock().await;
        if let Some((began, listing)) = &*listed
            && began.elapsed() < FRESH
        {
            return Ok(listing.clone());
        }
        let began = Instant::now();
        let listing = Arc::new(Listing::new(&self.client.0, &self.namespace, &self.expectations).await?);
        *listed = Some((began, listing.clone()));
        Ok(listing)
    }
}
