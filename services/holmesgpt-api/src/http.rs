//! The HTTP API.

mod analyze;
mod health;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};
use prometheus_client::registry::Registry;
use serde_json::Value;
use service_common::{Problem, Readiness};

use crate::{llm::Llm, metrics::Metrics, store::Store};

/// What the handlers share.
#[derive(Clone)]
pub struct App {
    /// The investigations.
    pub store: Store,
    /// Who investigates.
    pub llm: Arc<dyn Llm>,
    /// What the health endpoints say.
    pub readiness: Readiness,
    /// What is counted.
    pub metrics: Metrics,
    /// What `/config` shows.
    pub config: Value,
}

/// Everything that HAPI answers.
pub fn router(app: App, registry: Arc<Registry>) -> Router {
    Router::new()
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/config", get(health::config))
        .route("/api/v1/incident/analyze", post(analyze::incident))
        .route("/api/v1/recovery/analyze", post(analyze::recovery))
        .with_state(app)
        .merge(service_common::metrics::router(registry))
        .fallback(Problem::no_such_path)
}

#[cfg(test)]
mod tests;
