//! The HTTP API.

mod events;
mod health;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use service_common::{Problem, Readiness};

use crate::{metrics::Metrics, store::Store};

/// Largest body that is read, in bytes: a thousand events of four kilobytes.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// What the handlers share.
#[derive(Clone)]
pub struct App {
    /// The events.
    pub store: Store,
    /// What the health endpoints say.
    pub readiness: Readiness,
    /// What is counted.
    pub metrics: Metrics,
}

/// Everything that DataStorage answers on its API port.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/health", get(health::health))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/api/v1/audit/events", post(events::create).get(events::find))
        .route("/api/v1/audit/events/batch", post(events::create_batch))
        .fallback(Problem::no_such_path)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(app)
}
