//! The current state of single components, with their response times.

use std::time::{Duration, Instant};

use super::survey::{list, status_within};
use super::world::World;
use super::{ComponentStatus, Expectation, Settings, masked};
use crate::redact::Redactor;

/// The objects of several components, listed once. Each component is then asked by itself, so that one that hangs does
/// not delay another.
#[derive(Debug)]
pub struct Listing {
    world: World,
    took: Duration,
}

/// The answer of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its state.
    pub status: ComponentStatus,
    /// Time until the last of its probes had succeeded or failed; of a component without probes, the time in which the
    /// objects were listed. `None` when its probes were not run because its objects are not ready.
    pub response_time: Option<Duration>,
}

impl Listing {
    /// Lists the objects of `expectations`.
    ///
    /// # Errors
    /// When the API server is unreachable, or denies a list that the result depends on.
    pub async fn new(
        client: &kube::Client,
        namespace: &str,
        expectations: &[Expectation],
    ) -> Result<Listing, kube::Error> {
        let began = Instant::now();
        let world = list(client, namespace, expectations).await?;
        Ok(Listing { world, took: began.elapsed() })
    }

    /// Judges the objects of one of the components, and runs its probes once if they are ready. Each probe has a deadline
    /// of 2 s or `limit`, whichever is shorter.
    pub async fn ask(
        &self,
        client: &kube::Client,
        expectation: &Expectation,
        settings: &Settings,
        limit: Duration,
    ) -> Answer {
        let (status, probed) = status_within(client, &self.world, expectation, settings, limit).await;
        // Scaled to zero, a component is ready without a probe.
        let is_judged_by_list = expectation.probes.is_empty() || status.verdict.is_ready();
        let response_time = probed.or_else(|| is_judged_by_list.then_some(self.took));
        Answer { status: masked::status(Redactor::global(), status), response_time }
    }
}
