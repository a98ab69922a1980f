//! `/healthz` and `/readyz`, in plain text as Kubernetes' own components have them.

use axum::{
    Router,
    extract::{RawQuery, State},
    http::StatusCode,
    response::IntoResponse,
    routing::get,
};
use service_common::Readiness;

use crate::policy::Policy;

/// Serves `/healthz` and `/readyz`; `/readyz?verbose=true` lists each check, and says when the policy is degraded.
pub fn router(readiness: Readiness, policy: Policy) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(readyz))
        .with_state((readiness, policy))
}

async fn readyz(
    State((readiness, policy)): State<(Readiness, Policy)>,
    RawQuery(query): RawQuery,
) -> impl IntoResponse {
    let report = readiness.report();
    // Worth a look, but no reason to be taken out of service.
    let degraded =
        policy.degraded().map(|why| format!("[!]policy degraded: {}\n", why.replace('\n', " "))).unwrap_or_default();
    let verbose = query.is_some_and(|query| query.split('&').any(|part| part == "verbose" || part == "verbose=true"));
    match (report.ready, verbose) {
        (true, false) => (StatusCode::OK, "ok".to_owned()),
        (true, true) => (StatusCode::OK, format!("{report}{degraded}readyz check passed\n")),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, format!("{report}{degraded}readyz check failed\n")),
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
        get_with(readiness, &Policy::default(), path).await
    }

    async fn get_with(readiness: &Readiness, policy: &Policy, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(readiness.clone(), policy.clone()).oneshot(request).await.unwrap();
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
    #[tokio::test]
    async fn a_degraded_policy_shows_and_does_not_take_the_service_away() {
        let (readiness, policy) = (Readiness::default(), Policy::default());
        readiness.check("policy").up();
        policy.refuse("the policy does not compile:\nline 1".to_owned());
        assert_eq!(get_with(&readiness, &policy, "/readyz").await, (200, "ok".to_owned()));
        let (status, text) = get_with(&readiness, &policy, "/readyz?verbose=true").await;
        let expected = "[+]policy ok\n[!]policy degraded: the policy does not compile: line 1\nreadyz check passed\n";
        assert_eq!((status, text.as_str()), (200, expected));
    }
}
