//! `/health`, `/health/live` and `/health/ready`.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde_json::json;

use super::App;

/// Whether the service can do its main work: 503 while PostgreSQL is away.
pub(super) async fn health(State(app): State<App>) -> impl IntoResponse {
    let report = app.readiness.report();
    if report.is_up("database") {
        (StatusCode::OK, Json(json!({"status": "healthy", "database": "connected"})))
    } else {
        let reason = report.states().get("database").copied().unwrap_or_default();
        let body = json!({"status": "unhealthy", "database": "disconnected", "reason": reason});
        (StatusCode::SERVICE_UNAVAILABLE, Json(body))
    }
}

/// The process answers; nothing else is asked.
pub(super) async fn live() -> impl IntoResponse {
    Json(json!({"status": "alive"}))
}

/// Whether requests should come here: 503 with the reason while a dependency is away and while shutting down.
pub(super) async fn ready(State(app): State<App>) -> impl IntoResponse {
    let report = app.readiness.report();
    let (code, status) =
        if report.ready { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not_ready") };
    (code, Json(json!({"status": status, "shutting_down": report.draining, "dependencies": report.states()})))
}
