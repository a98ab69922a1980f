//! `/health`, `/ready` and `/config`.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde_json::json;

use super::App;

/// The process answers; dependencies are `/ready`'s business.
pub(super) async fn health() -> impl IntoResponse {
    Json(json!({
        "status": "healthy",
        "service": "holmesgpt-api",
        "endpoints": ["/api/v1/incident/analyze", "/api/v1/recovery/analyze", "/health", "/ready", "/metrics", "/config"],
        "features": {"incident_analysis": true, "recovery_analysis": true},
    }))
}

/// Whether requests should come here: 503 with the reason while PostgreSQL is away and while shutting down.
pub(super) async fn ready(State(app): State<App>) -> impl IntoResponse {
    let report = app.readiness.report();
    let (code, status) =
        if report.ready { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not_ready") };
    (code, Json(json!({"status": status, "shutting_down": report.draining, "dependencies": report.states()})))
}

/// The configuration, without secrets.
pub(super) async fn config(State(app): State<App>) -> impl IntoResponse {
    Json(app.config)
}
