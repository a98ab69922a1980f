//! What the tests share: servers of their own, instances of the service in front of them, and calls.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "a part of tests, of which each file uses a part"
)]

mod instance;
mod program;
mod redis;

use axum::{Router, body::Body, http::StatusCode};
use serde_json::{Value, json};
pub use service_common::testing::{PostgresServer, until};

pub use self::{
    instance::Instance,
    program::{PROGRAM, Program, write},
    redis::{RedisServer, drained},
};

pub const EVENTS: &str = "/api/v1/audit/events";
pub const BATCH: &str = "/api/v1/audit/events/batch";

/// One call, and its answer.
pub async fn call(router: &Router, method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
    let reply = service_common::testing::call(router, method, path, body).await;
    (reply.status, reply.body)
}

/// How many events a filter finds.
pub async fn total(router: &Router, filter: &str) -> i64 {
    let (status, body) = call(router, "GET", &format!("{EVENTS}?{filter}"), "").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body["pagination"]["total"].as_i64().expect("a page has a total")
}

/// The numbers of a correlation id's events, oldest first; at most a thousand.
pub async fn numbers(router: &Router, correlation_id: &str) -> Vec<i64> {
    let path = format!("{EVENTS}?correlation_id={correlation_id}&limit=1000");
    let (status, body) = call(router, "GET", &path, "").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let data = body["data"].as_array().unwrap();
    data.iter().rev().map(|event| event["event_data"]["number"].as_i64().unwrap()).collect()
}

/// A good event; those with greater numbers are later.
pub fn event(correlation_id: &str, number: i64) -> Value {
    let time = chrono::Utc::now() + chrono::TimeDelta::milliseconds(number);
    json!({
        "version": "1.0", "event_type": "aianalysis.phase.transition", "event_category": "analysis",
        "event_action": "transition", "event_outcome": "success", "event_timestamp": time.to_rfc3339(),
        "correlation_id": correlation_id, "event_data": {"number": number}, "severity": "info",
    })
}
