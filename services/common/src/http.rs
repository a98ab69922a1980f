//! Serving HTTP: listening from the first moment, ending what is in flight at the last.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::{Router, serve::ListenerExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Serves `router` on `address` until `stop`, and returns once the requests in flight have their answers.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve(address: SocketAddr, router: Router, stop: CancellationToken) -> Result<()> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    tracing::info!(%address, "listening");
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was refused");
        }
    });
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await?;
    tracing::info!(%address, "stopped listening");
    Ok(())
}
