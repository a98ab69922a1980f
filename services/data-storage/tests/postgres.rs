//! The events against a real PostgreSQL, which the tests start themselves. On a host without one they are listed as
//! ignored, with the reason: never passed without having run.

mod support;

use axum::http::StatusCode;
use chrono::{Datelike, TimeDelta, Utc};
use data_storage::{dependencies::Dependencies, store::Store};
use serde_json::{Value, json};
use service_common::Readiness;
use support::{Server, call, event, until};

const EVENTS: &str = "/api/v1/audit/events";
const BATCH: &str = "/api/v1/audit/events/batch";

async fn total(router: &axum::Router, filter: &str) -> i64 {
    let (status, body) = call(router, "GET", &format!("{EVENTS}?{filter}"), "").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body["pagination"]["total"].as_i64().expect("a page has a total")
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(postgresql_on_host), ignore = "needs PostgreSQL on this host: apt-get install postgresql")]
async fn what_is_stored_is_answered() {
    let server = Server::start();
    let api = server.api().await;

    let mut sent = event("rem-1", 1);
    sent["event_id"] = json!("018f0000-0000-7000-8000-000000000001");
    sent["event_data"] = json!({"text": "'; DROP TABLE audit_events; --", "deep": {"list": [1, 2.5, null, "ü"]}});
    let (status, body) = call(&api, "POST", EVENTS, sent.to_string()).await;
    assert_eq!((status, &body["event_id"]), (StatusCode::CREATED, &sent["event_id"]), "{body}");

    // Sent again, it is stored once: a client that has lost the answer may repeat itself.
    assert_eq!(call(&api, "POST", EVENTS, sent.to_string()).await.0, StatusCode::CREATED);
    let (_, body) = call(&api, "GET", &format!("{EVENTS}?correlation_id=rem-1"), "").await;
    assert_eq!(body["pagination"], json!({"limit": 100, "offset": 0, "total": 1, "has_more": false}));
    let stored = &body["data"][0];
    for name in ["event_id", "version", "event_type", "event_action", "event_outcome", "correlation_id", "event_data"] {
        assert_eq!(stored[name], sent[name], "{name}");
    }
    assert_eq!(stored["actor_id"], Value::Null);
    assert_eq!(stored["event_date"], json!(Utc::now().date_naive().to_string()));
    assert!(total(&api, "correlation_id=%27%20OR%201%3D1%20--").await == 0);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(postgresql_on_host), ignore = "needs PostgreSQL on this host: apt-get install postgresql")]
async fn a_batch_is_stored_whole_or_not_at_all() {
    let server = Server::start();
    let api = server.api().await;
    let batch: Vec<Value> = (0..250).map(|number| event("rem-2", number)).collect();
    let (status, body) = call(&api, "POST", BATCH, json!(batch).to_string()).await;
    assert_eq!((status, body["event_ids"].as_array().map(Vec::len)), (StatusCode::CREATED, Some(250)), "{body}");

    // Newest first, page by page, nothing twice and nothing left out.
    let mut numbers = Vec::new();
    for offset in [0, 100, 200] {
        let (_, page) = call(&api, "GET", &format!("{EVENTS}?correlation_id=rem-2&offset={offset}"), "").await;
        assert_eq!(page["pagination"]["has_more"], json!(offset < 200));
        numbers.extend(
            page["data"].as_array().unwrap().iter().map(|event| event["event_data"]["number"].as_i64().unwrap()),
        );
    }
    assert_eq!(numbers, (0..250).rev().collect::<Vec<_>>());

    let mut bad = json!([event("rem-3", 1), event("rem-3", 2), event("rem-3", 3)]);
    bad[1]["event_outcome"] = json!("maybe");
    let (status, body) = call(&api, "POST", BATCH, bad.to_string()).await;
    assert_eq!((status, &body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("[1].event_outcome")));
    assert_eq!(total(&api, "correlation_id=rem-3").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(postgresql_on_host), ignore = "needs PostgreSQL on this host: apt-get install postgresql")]
async fn filters_months_and_restarts() {
    let mut server = Server::start();
    // Two instances that start together take turns.
    let (api, other) = tokio::join!(server.api(), server.api());

    // An event of a month that has no partition yet.
    let old_time = Utc::now() - TimeDelta::days(400);
    let mut old = event("rem-4", 0);
    old["event_timestamp"] = json!(old_time.to_rfc3339());
    old["event_outcome"] = json!("failure");
    let (a, b) =
        tokio::join!(call(&api, "POST", EVENTS, old.to_string()), call(&other, "POST", EVENTS, old.to_string()));
    assert_eq!((a.0, b.0), (StatusCode::CREATED, StatusCode::CREATED), "{} {}", a.1, b.1);
    assert_eq!(call(&api, "POST", EVENTS, event("rem-4", 1).to_string()).await.0, StatusCode::CREATED);
    assert_eq!(total(&api, "event_outcome=failure").await, 2);
    let since = format!("{}-01-01T00:00:00Z", old_time.year() + 1);
    assert_eq!(total(&api, &format!("correlation_id=rem-4&since={since}")).await, 1);
    assert_eq!(total(&api, &format!("correlation_id=rem-4&until={since}")).await, 2);
    assert_eq!(total(&api, "correlation_id=rem-4&severity=critical").await, 0);

    // The database goes, and comes back empty: it is noticed, and migrated again.
    let readiness = Readiness::default();
    let (postgres, redis) = (server.postgres(), redis::Client::open("redis://127.0.0.1:1").unwrap());
    let store = Store::new(postgres.pool().clone());
    let keeping = tokio::spawn(Dependencies { postgres, store, redis }.keep(readiness.clone()));
    until("the database is up", || readiness.report().is_up("database")).await;
    server.stop();
    until("the database is down", || !readiness.report().is_up("database")).await;
    assert_eq!(call(&api, "POST", EVENTS, event("rem-5", 1).to_string()).await.0, StatusCode::SERVICE_UNAVAILABLE);
    server.restart_empty();
    until("the database is up again", || readiness.report().is_up("database")).await;
    assert_eq!(call(&api, "POST", EVENTS, event("rem-5", 1).to_string()).await.0, StatusCode::CREATED);
    assert!(!readiness.report().is_up("redis"), "nobody is there");
    keeping.abort();
}
