//! What is answered without a database: health, and everything that is refused before the database is asked.

use axum::{body::Body, http::StatusCode};
use serde_json::{Value, json};
use service_common::testing::call;
use support::{Hapi, INCIDENT, RECOVERY, incident, recovery};

mod support;

/// A request, and what becomes of it.
type Case = (&'static str, Value, &'static [&'static str]);

fn with(mut request: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().expect("an object") {
        request[name] = value.clone();
    }
    request
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let hapi = Hapi::without_database();
    let cases: Vec<Case> = vec![
        (INCIDENT, with(incident("x"), json!({"severity": "terrible", "priority": null})), &["severity", "priority"]),
        (
            INCIDENT,
            with(incident("x"), json!({"incident_id": 7, "signal_type": [], "cluster_name": {}})),
            &["incident_id", "signal_type", "cluster_name"],
        ),
        (INCIDENT, with(incident(" "), json!({"resource_name": "\0"})), &["signal_type", "resource_name"]),
        (INCIDENT, with(incident("x"), json!({"incident_id": "i".repeat(256)})), &["incident_id"]),
        (INCIDENT, with(incident("x"), json!({"error_message": "e".repeat(16 * 1024 + 1)})), &["error_message"]),
        (INCIDENT, with(incident("x"), json!({"enrichment_results": "none"})), &["enrichment_results"]),
        (INCIDENT, with(incident("x"), json!({"enrichment_results": {"a": ["\0"]}})), &["enrichment_results"]),
        (
            INCIDENT,
            with(incident("x"), json!({"enrichment_results": {"ownerChain": [{"kind": "Pod"}]}})),
            &["enrichment_results.ownerChain[0].name"],
        ),
        (RECOVERY, json!({}), &["incident_id", "remediation_id"]),
        (
            RECOVERY,
            with(recovery("x"), json!({"recovery_attempt_number": 1e9, "is_recovery_attempt": 1})),
            &["is_recovery_attempt", "recovery_attempt_number"],
        ),
        (RECOVERY, with(recovery("x"), json!({"recovery_attempt_number": -1})), &["recovery_attempt_number"]),
        (
            RECOVERY,
            with(recovery("x"), json!({"previous_execution": "w", "severity": "x"})),
            &["previous_execution", "severity"],
        ),
    ];
    for (path, request, fields) in cases {
        let reply = call(&hapi.api, "POST", path, request.to_string()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{request}");
        assert_eq!(reply.header("content-type"), "application/problem+json");
        assert_eq!(reply.body["type"], "urn:kubernaut:problem:validation-error");
        assert_eq!(reply.bad_fields(), fields, "{request}");
    }
}

#[tokio::test]
async fn what_is_no_object_of_reasonable_size_is_refused() {
    let hapi = Hapi::without_database();
    let deep = format!("{{\"incident_id\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let cases: Vec<(Vec<u8>, StatusCode)> = vec![
        (b"".to_vec(), StatusCode::BAD_REQUEST),
        (b"{".to_vec(), StatusCode::BAD_REQUEST),
        (b"[]".to_vec(), StatusCode::BAD_REQUEST),
        (b"7".to_vec(), StatusCode::BAD_REQUEST),
        (b"null".to_vec(), StatusCode::BAD_REQUEST),
        (b"{\"incident_id\": \"\xff\xfe\"}".to_vec(), StatusCode::BAD_REQUEST),
        (br#"{"incident_id": "\ud800"}"#.to_vec(), StatusCode::BAD_REQUEST),
        (br#"{"recovery_attempt_number": 1e999}"#.to_vec(), StatusCode::BAD_REQUEST),
        (deep.into_bytes(), StatusCode::BAD_REQUEST),
        (vec![b' '; (1 << 20) + 1], StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for path in [INCIDENT, RECOVERY] {
        for (body, expected) in &cases {
            let reply = call(&hapi.api, "POST", path, Body::from(body.clone())).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            assert_eq!(reply.status, *expected, "{path} {shown}");
            assert_eq!(reply.header("content-type"), "application/problem+json", "{path} {shown}");
            assert_eq!(reply.body["status"], expected.as_u16(), "{path} {shown}");
            assert!(reply.body.to_string().len() < 2000, "a big request has no big answer: {shown}");
        }
    }
}

#[tokio::test]
async fn without_its_database_hapi_answers_503_and_says_when_to_come_again() {
    let hapi = Hapi::without_database();
    for signal in ["OOMKilled", "MOCK_HTTP_500", "MOCK_SLOW"] {
        let reply = call(&hapi.api, "POST", INCIDENT, incident(signal).to_string()).await;
        assert_eq!((reply.status, reply.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"), "{signal}");
        assert_eq!(reply.body["type"], "urn:kubernaut:problem:dependency-unavailable");
    }
    // It has gone since it was last asked.
    hapi.check.up();
    let reply = call(&hapi.api, "POST", RECOVERY, recovery("MOCK_HTTP_500_ONCE").to_string()).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn readiness_names_what_is_away_and_health_does_not_depend_on_it() {
    let hapi = Hapi::without_database();
    hapi.check.down("connection refused");
    let reply = call(&hapi.api, "GET", "/ready", "").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (&reply.body["status"], &reply.body["dependencies"]["postgres"]),
        (&json!("not_ready"), &json!("connection refused"))
    );
    let reply = call(&hapi.api, "GET", "/health", "").await;
    assert_eq!((reply.status, &reply.body["status"]), (StatusCode::OK, &json!("healthy")));
    for name in ["service", "endpoints", "features"] {
        assert!(!reply.body[name].is_null(), "{name}");
    }
    hapi.check.up();
    let reply = call(&hapi.api, "GET", "/ready", "").await;
    assert_eq!((reply.status, &reply.body["dependencies"]), (StatusCode::OK, &json!({"postgres": "connected"})));
    hapi.readiness.drain();
    let reply = call(&hapi.api, "GET", "/ready", "").await;
    assert_eq!((reply.status, &reply.body["shutting_down"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(true)));
}

#[tokio::test]
async fn other_paths_and_methods_are_problems_too() {
    let hapi = Hapi::without_database();
    let cases = [
        ("GET", "/nowhere", StatusCode::NOT_FOUND),
        ("GET", INCIDENT, StatusCode::METHOD_NOT_ALLOWED),
        ("DELETE", "/health", StatusCode::METHOD_NOT_ALLOWED),
    ];
    for (method, path, expected) in cases {
        let reply = call(&hapi.api, method, path, "").await;
        assert_eq!((reply.status, reply.header("content-type")), (expected, "application/problem+json"), "{path}");
    }
    assert_eq!(call(&hapi.api, "GET", "/metrics", "").await.status, StatusCode::OK);
    assert_eq!(call(&hapi.api, "GET", "/config", "").await.body, json!({"llm": "mock"}));
}

#[tokio::test(start_paused = true)]
async fn what_goes_beyond_its_bound_is_refused_and_health_and_metrics_answer() {
    let hapi = Hapi::that_bears(1);
    let endless = || Body::from_stream(futures::stream::pending::<std::io::Result<String>>());
    for path in [INCIDENT, RECOVERY] {
        let in_work = call(&hapi.api, "POST", INCIDENT, endless());
        tokio::pin!(in_work);
        assert!(futures::poll!(&mut in_work).is_pending());
        let reply = call(&hapi.api, "POST", path, "{}").await;
        assert_eq!((reply.status, reply.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"), "{path}");
        assert_eq!(reply.body["type"], "urn:kubernaut:problem:overloaded");
        for path in ["/health", "/metrics", "/config"] {
            assert_eq!(call(&hapi.api, "GET", path, "").await.status, StatusCode::OK, "{path}");
        }
        assert_eq!(in_work.await.status, StatusCode::REQUEST_TIMEOUT, "it never had its body");
        assert_eq!(call(&hapi.api, "POST", path, "{}").await.status, StatusCode::BAD_REQUEST, "{path}");
    }
}
