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
use service_common::{Limits, Problem, Readiness};

use crate::{incident::Incident, llm::Llm, metrics::Metrics, recovery::Recovery, store::Store};

/// Largest body that is read, in bytes: an incident with all that is known of its surroundings has some kilobytes.
const BODY_LIMIT: usize = 1024 * 1024;
/// Bytes of bodies in work at a time: eight of the largest, or 512 of those that are usual.
pub const BYTES_IN_WORK: usize = 8 << 20;

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
    /// The bounds of the analyses.
    pub limits: Limits,
}

/// Everything that HAPI answers.
pub fn router(app: App, registry: Arc<Registry>) -> Router {
    let bound = |route| app.limits.bound(route, BODY_LIMIT);
    let (incident, recovery) = (bound(post(analyze::analyze::<Incident>)), bound(post(analyze::analyze::<Recovery>)));
    Router::new()
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/config", get(health::config))
        .route("/api/v1/incident/analyze", incident)
        .route("/api/v1/recovery/analyze", recovery)
        .with_state(app)
        .merge(service_common::metrics::router(registry))
        .fallback(Problem::no_such_path)
        .method_not_allowed_fallback(Problem::no_such_method)
}
