//! SIGTERM drains: readiness goes false at once, the listeners close a moment later, buffers are flushed last.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::Readiness;

/// How long a service goes on answering after it was asked to stop. New requests still arrive until every node has
/// taken its address out of the Service, which a busy one does late; refusing them would make a rolling update visible
/// to clients.
pub const LAME_DUCK: Duration = Duration::from_secs(3);

/// The two moments of a shutdown.
#[derive(Clone, Default)]
pub struct Shutdown {
    /// The service was asked to stop: take no new work.
    pub requested: CancellationToken,
    /// Stop listening, end what is in flight.
    pub stop: CancellationToken,
}

impl Shutdown {
    /// Waits for SIGTERM or SIGINT in the background.
    ///
    /// # Errors
    /// When the process may not handle signals.
    pub fn install(readiness: &Readiness) -> Result<Self> {
        let shutdown = Self::default();
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?;
        let (readiness, moments) = (readiness.clone(), shutdown.clone());
        tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            tracing::info!("asked to stop, draining");
            readiness.drain();
            moments.requested.cancel();
            lame_duck().await;
            moments.stop.cancel();
        });
        Ok(shutdown)
    }
}

#[expect(clippy::disallowed_methods, reason = "no fact tells when the last node has stopped routing to this pod")]
async fn lame_duck() {
    tokio::time::sleep(LAME_DUCK).await;
}
