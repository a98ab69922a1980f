//! The investigations against a real PostgreSQL, which the tests start themselves. On a host without one they are listed
//! as ignored, with the reason: never passed without having run.

use axum::http::StatusCode;
use serde_json::{Value, json};
use service_common::testing::{PostgresServer, call, until};
use support::{Hapi, INCIDENT, RECOVERY, incident, recovery};

mod support;

/// The database's own answer, which is one number.
async fn count(server: &PostgresServer, question: &'static str) -> i64 {
    sqlx::query_scalar(question).fetch_one(server.postgres("holmesgpt").pool()).await.expect("a number")
}

const ALL: &str = "SELECT count(*) FROM investigations";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_is_kept_and_what_is_refused_is_not() {
    let server = PostgresServer::start();
    let hapi = Hapi::with(server.postgres("holmesgpt")).await;
    let mut request = incident("OOMKilled");
    request["error_message"] = json!("'; DROP TABLE investigations; --");
    request["nobody_knows"] = json!("\0");
    let reply = call(&hapi.api, "POST", INCIDENT, request.to_string()).await;
    assert_eq!((reply.status, &reply.body["confidence"]), (StatusCode::OK, &json!(0.92)), "{}", reply.body);
    for name in ["analysis", "timestamp", "target_in_owner_chain", "warnings", "needs_human_review"] {
        assert!(!reply.body[name].is_null(), "{name} in {}", reply.body);
    }
    assert!(chrono::DateTime::parse_from_rfc3339(reply.body["timestamp"].as_str().unwrap()).is_ok());

    let (id, kept_request, kept_answer): (uuid::Uuid, Value, Value) =
        sqlx::query_as("SELECT id, request, answer FROM investigations WHERE remediation_id = 'rem-1'")
            .fetch_one(server.postgres("holmesgpt").pool())
            .await
            .unwrap();
    assert_eq!((json!(id), kept_answer), (reply.body["investigation_id"].clone(), reply.body));
    request.as_object_mut().unwrap().remove("nobody_knows");
    assert_eq!(kept_request, request, "what was understood, and nothing else");

    assert_eq!(call(&hapi.api, "POST", RECOVERY, recovery("OOMKilled").to_string()).await.status, StatusCode::OK);
    assert_eq!(count(&server, "SELECT count(*) FROM investigations WHERE kind = 'recovery'").await, 1);
    request["severity"] = json!("terrible");
    for (path, body) in [(INCIDENT, request.to_string()), (RECOVERY, "{}".to_owned()), (INCIDENT, " ".repeat(2 << 20))]
    {
        assert!(call(&hapi.api, "POST", path, body).await.status.is_client_error());
    }
    assert_eq!(count(&server, ALL).await, 2, "nothing more is stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_fail_as_they_say_and_once_is_once_for_all_replicas() {
    let server = PostgresServer::start();
    let (one, other) = tokio::join!(Hapi::with(server.postgres("holmesgpt")), Hapi::with(server.postgres("holmesgpt")));
    for (path, of) in [(INCIDENT, incident as fn(&str) -> Value), (RECOVERY, recovery)] {
        for _ in 0..3 {
            let reply = call(&one.api, "POST", path, of("mock_http_500").to_string()).await;
            assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
            let reply = call(&one.api, "POST", path, of("MOCK_HTTP_429").to_string()).await;
            assert_eq!((reply.status, reply.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "1"), "{path}");
        }
        assert_eq!(call(&one.api, "POST", path, of("MOCK_SLOW").to_string()).await.status, StatusCode::OK);
    }
    assert_eq!(count(&server, ALL).await, 2, "only what was answered is kept");

    // Asked of both at once: one of them fails, and then nobody any more, not even after a restart.
    let once = incident("MOCK_HTTP_500_ONCE").to_string();
    let (a, b) =
        tokio::join!(call(&one.api, "POST", INCIDENT, once.clone()), call(&other.api, "POST", INCIDENT, once.clone()));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::INTERNAL_SERVER_ERROR]);
    drop((one, other));
    let again = Hapi::with(server.postgres("holmesgpt")).await;
    assert_eq!(call(&again.api, "POST", INCIDENT, once).await.status, StatusCode::OK);

    // Another incident fails once, too.
    let mut another = recovery("MOCK_HTTP_500_ONCE");
    another["incident_id"] = json!("inc-2");
    for expected in [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::OK, StatusCode::OK] {
        assert_eq!(call(&again.api, "POST", RECOVERY, another.to_string()).await.status, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_goes_and_comes_back() {
    let mut server = PostgresServer::start();
    let hapi = Hapi::with(server.postgres("holmesgpt")).await;
    let request = incident("MOCK_SLOW").to_string();

    // Away for a moment while the model thinks: the answer waits for it.
    let thinking = tokio::spawn({
        let (api, request) = (hapi.api.clone(), request.clone());
        async move { call(&api, "POST", INCIDENT, request).await }
    });
    until("the model thinks", async || hapi.metrics.in_flight.get() == 1).await;
    server.restart();
    let reply = thinking.await.unwrap();
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);

    server.stop();
    until("that it is away is noticed", async || !hapi.is_up()).await;
    let reply = call(&hapi.api, "GET", "/ready", "").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.body);
    let reply = call(&hapi.api, "POST", INCIDENT, request.clone()).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.body);

    // It comes back empty, and is migrated again.
    server.restart_empty();
    until("it is up again", async || hapi.is_up()).await;
    assert_eq!(call(&hapi.api, "POST", INCIDENT, request).await.status, StatusCode::OK);
    assert_eq!(count(&server, ALL).await, 1);
}
