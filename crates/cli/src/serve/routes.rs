//! What `serve` answers. Every answer is made from what is known: no request waits for a component.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kind_harness::report::to_json;
use serde::Serialize;
use serde_json::json;

use super::metrics;
use crate::health::Live;
use crate::inspect::json_line;
use crate::outputs::HealthStatus;

const PATHS: &str = "/, /health, /metrics, /report and /stats";
/// The page runs its own script, and asks this server only.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static PAGE: LazyLock<String> =
    LazyLock::new(|| include_str!("board.html").replace("/* page.css */", crate::formats::STYLE));

/// Returns the paths of the server.
pub(super) fn router(live: Arc<Live>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .route("/report", get(report))
        .route("/stats", get(stats))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .with_state(live)
}

async fn page() -> Response {
    let policy = [(CONTENT_SECURITY_POLICY, POLICY)];
    (policy, text(StatusCode::OK, "text/html; charset=utf-8", PAGE.clone())).into_response()
}

async fn health(State(live): State<Arc<Live>>) -> Response {
    let health = live.health();
    let status = match health.status {
        HealthStatus::Healthy | HealthStatus::Degraded => StatusCode::OK,
        HealthStatus::Starting | HealthStatus::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
    };
    json(status, &health)
}

async fn metrics(State(live): State<Arc<Live>>) -> Response {
    text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", metrics::render(&live))
}

async fn report(State(live): State<Arc<Live>>) -> Response {
    match &live.past().last {
        Some(last) => json(StatusCode::OK, &to_json(&last.run.timeline(), &last.run.header)),
        None => {
            let error = format!("no run is kept that deployed something to cluster {}", live.cluster);
            json(StatusCode::NOT_FOUND, &json!({ "error": error }))
        }
    }
}

async fn stats(State(live): State<Arc<Live>>) -> Response {
    json(StatusCode::OK, &live.stats())
}

async fn not_found(uri: Uri) -> Response {
    let error = format!("there is no {}; there are {PATHS}", uri.path());
    json(StatusCode::NOT_FOUND, &json!({ "error": error }))
}

async fn not_allowed(method: Method, uri: Uri) -> Response {
    let error = format!("{} cannot be asked by {method}, only by GET", uri.path());
    json(StatusCode::METHOD_NOT_ALLOWED, &json!({ "error": error }))
}

/// Answers JSON, with secrets masked.
fn json(status: StatusCode, value: &impl Serialize) -> Response {
    text(status, "application/json", format!("{}\n", json_line(value)))
}

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let headers = [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, headers, body).into_response()
}
