//! `/healthz` and `/readyz`, in plain text as Kubernetes' own components have them.

use axum::{
    Router,
    extract::{RawQuery, State},
    http::StatusCode,
    response::IntoResponse,
    routing::get,
};
use service_common::Readiness;

/// Serves `/healthz` and `/readyz`; `/readyz?verbose=true` lists each check.
pub fn router(readiness: Readiness) -> Router {
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(readyz)).with_state(readiness)
}

async fn readyz(State(readiness): State<Readiness>, RawQuery(query): RawQuery) -> impl IntoResponse {
    let report = readiness.report();
    let verbose = query.is_some_and(|query| query.split('&').any(|part| part == "verbose" || part == "verbose=true"));
    match (report.ready, verbose) {
        (true, false) => (StatusCode::OK, "ok".to_owned()),
        (true, true) => (StatusCode::OK, format!("{report}readyz check passed\n")),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, format!("{report}readyz check failed\n")),
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, to_bytes},
        http::Request,
    };
    use tower::ServiceExt;

    use super::*;

    async fn get_text(readiness: &Readiness, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(readiness.clone()).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn readyz_names_what_is_away_and_lists_each_check_when_asked() {
        let readiness = Readiness::default();
        let check = readiness.check("data-storage");
        check.down("connection refused");
        assert_eq!(get_text(&readiness, "/healthz").await, (200, "ok".to_owned()));
        let (status, text) = get_text(&readiness, "/readyz").await;
        assert_eq!((status, text.contains("[-]data-storage failed: connection refused")), (503, true), "{text}");
        check.up();
        assert_eq!(get_text(&readiness, "/readyz").await, (200, "ok".to_owned()));
        let (_, text) = get_text(&readiness, "/readyz?verbose=true").await;
        assert_eq!(text, "[+]data-storage ok\nreadyz check passed\n");
        readiness.drain();
        assert_eq!(get_text(&readiness, "/readyz").await.0, 503);
    }
}
