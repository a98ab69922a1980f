//! The components of a cluster, and how one of them is asked.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use kind_harness::cluster::Cluster;
use kind_harness::readiness::errors::innermost;
use kind_harness::readiness::{self, AskError, Expectation, Settings};
use kind_harness::run::diagnostics;
use kind_harness::suite::plan::Plan;

use crate::outputs::ServiceState;

/// What must be ready in a cluster, by component.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) expectations: BTreeMap<String, Expectation>,
    pub(crate) settings: Settings,
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
        let expected = diagnostics::expected(plan, cluster);
        Target {
            client: Client(cluster.client.clone()),
            namespace: cluster.record.namespace.clone(),
            expectations: expected.into_iter().map(|expected| (expected.component.clone(), expected)).collect(),
            settings: Settings::from(&plan.suite().ready),
        }
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
        let Some(expectation) = self.expectations.get(component) else {
            return unknown("NotInSuite", "the suite has no such component".into());
        };
        match readiness::ask(&self.client.0, &self.namespace, expectation, &self.settings, limit).await {
            Ok(answer) => {
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
            Err(error @ AskError::Late(_)) => unknown("ApiServerLate", format!("the API server {error}")),
            Err(AskError::Api(error @ kube::Error::Api(_))) => {
                unknown("ApiServerRefused", format!("the API server denies the request: {}", innermost(&error)))
            }
            Err(AskError::Api(error)) => {
                unknown("ApiServerUnreachable", format!("the API server does not answer: {}", innermost(&error)))
            }
        }
    }
}
