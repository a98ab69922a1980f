//! The current state of one component, with its response time.

use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::time::timeout;

use super::survey::{list, status_within};
use super::{ComponentStatus, Expectation, Settings, masked};
use crate::redact::Redactor;

/// The answer of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its state.
    pub status: ComponentStatus,
    /// Time until the last of its probes had succeeded or failed; of a component without probes, the time in which its
    /// objects were listed. `None` when its probes were not run because its objects are not ready.
    pub response_time: Option<Duration>,
}

/// Why the state of a component is unknown.
#[derive(Debug, Error)]
pub enum AskError {
    /// The API server did not list the component's objects in time.
    #[error("does not list the component's objects within {0:?}")]
    Late(Duration),
    /// The API server is unreachable, or denies a list that the result depends on.
    #[error(transparent)]
    Api(#[from] kube::Error),
}

/// Asks one component for its state: lists its objects once, and runs its probes once if they are ready. Takes at most
/// `limit`; each probe also has its own deadline of 2 s.
///
/// # Errors
/// When the API server does not answer within `limit`, is unreachable, or denies a list that the result depends on.
pub async fn ask(
    client: &kube::Client,
    namespace: &str,
    expectation: &Expectation,
    settings: &Settings,
    limit: Duration,
) -> Result<Answer, AskError> {
    let began = Instant::now();
    let listed = timeout(limit, list(client, namespace, std::slice::from_ref(expectation))).await;
    let world = listed.map_err(|_| AskError::Late(limit))??;
    let listing = began.elapsed();
    let (status, probed) = status_within(client, &world, expectation, settings, limit.saturating_sub(listing)).await;
    // Scaled to zero, a component is ready without a probe.
    let without_probes = expectation.probes.is_empty() || status.verdict.is_ready();
    let response_time = probed.or_else(|| without_probes.then_some(listing));
    Ok(Answer { status: masked::status(Redactor::global(), status), response_time })
}
