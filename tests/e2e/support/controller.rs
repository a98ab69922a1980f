//! The controller, as Kubernetes and Prometheus see it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::answer::{Answer, Http};
use super::{Exposition, eventually};

/// How long a metric may take to tell what a status tells already.
const COUNTING: Duration = Duration::from_secs(5);

/// The controller's two ports.
#[derive(Debug)]
pub(crate) struct Controller {
    health: Http,
    metrics: Http,
}

impl Controller {
    pub(super) fn at(health: SocketAddr, metrics: SocketAddr) -> Controller {
        Controller { health: Http::at(health), metrics: Http::at(metrics) }
    }

    pub(crate) async fn healthz(&self) -> Result<Answer> {
        self.health.get("/healthz").await
    }

    pub(crate) async fn readyz(&self) -> Result<Answer> {
        self.health.get("/readyz").await
    }

    pub(crate) async fn readyz_verbose(&self) -> Result<Answer> {
        self.health.get("/readyz?verbose=true").await
    }

    /// `/metrics` as it is written.
    pub(crate) async fn exposition(&self) -> Result<Answer> {
        self.metrics.get("/metrics").await
    }

    /// `/metrics` as it is meant.
    pub(crate) async fn metrics(&self) -> Result<Exposition> {
        let answer = self.exposition().await?;
        ensure!(answer.status == 200, "{answer:?}");
        Exposition::parse(&answer.body).with_context(|| format!("what is no exposition:\n{}", answer.body))
    }

    /// Waits until the sample `name` with these labels is as `wanted`; a sample that is not there is 0.
    ///
    /// A status is written before it is counted, so the count comes a moment later.
    pub(crate) async fn counts(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        wanted: impl Fn(f64) -> bool,
    ) -> Result<f64> {
        eventually(&format!("another {name}{labels:?}"), COUNTING, async || {
            let value = self.metrics().await?.value(name, labels).unwrap_or(0.0);
            Ok(if wanted(value) { Ok(value) } else { Err(value) })
        })
        .await
    }
}
