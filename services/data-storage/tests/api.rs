//! What is answered without a database: health, and everything that is refused before the database is asked.
#![allow(clippy::unwrap_used, reason = "tests, which fail by panicking")]

use std::{path::Path, time::Duration};

use axum::{Router, body::Body, http::StatusCode};
use data_storage::{
    config::{DeadLetterConfig, RedisConfig},
    dead_letter::DeadLetter,
    group::Groups,
    http::{App, EVENT_LIMIT, router},
    intake::{Checks, Intake},
    metrics::Metrics,
    redis_link::Redis,
    store::Store,
};
use serde_json::json;
use service_common::{Limits, Readiness};
use support::{BATCH, EVENTS, call, event};

mod support;

fn without_servers() -> (Router, Readiness, Checks) {
    without_servers_and_with(|_| {})
}

fn without_servers_and_with(change: impl FnOnce(&mut App)) -> (Router, Readiness, Checks) {
    let options = sqlx::postgres::PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(1);
    let pool =
        sqlx::postgres::PgPoolOptions::new().acquire_timeout(Duration::from_millis(200)).connect_lazy_with(options);
    let redis: RedisConfig = serde_json::from_value(json!({"host": "127.0.0.1", "port": 1})).unwrap();
    let dead_letter = DeadLetter::new(Redis::new(&redis).unwrap(), DeadLetterConfig::default());
    let readiness = Readiness::default();
    let checks = Checks::new(&readiness);
    let (metrics, _) = Metrics::new(pool.clone());
    let intake = Intake { store: Store::new(pool), dead_letter, checks: checks.clone(), metrics };
    let mut app = App::new(Groups::start(intake.clone()), intake, readiness.clone());
    change(&mut app);
    (router(app), readiness, checks)
}

#[tokio::test]
async fn health_tells_live_from_ready() {
    let (api, readiness, Checks { database, redis }) = without_servers();
    assert_eq!(call(&api, "GET", "/health/live", "").await.0, StatusCode::OK);
    let (status, body) = call(&api, "GET", "/health", "").await;
    assert_eq!((status, &body["status"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unhealthy")));

    database.up();
    redis.down("connection refused");
    assert_eq!(
        call(&api, "GET", "/health", "").await,
        (StatusCode::OK, json!({"status": "healthy", "database": "connected"}))
    );
    let (status, body) = call(&api, "GET", "/health/ready", "").await;
    assert_eq!((status, &body["status"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("not_ready")));
    assert_eq!(body["dependencies"], json!({"database": "connected", "redis": "connection refused"}));

    redis.up();
    assert_eq!(call(&api, "GET", "/health/ready", "").await.0, StatusCode::OK);
    readiness.drain();
    let (status, body) = call(&api, "GET", "/health/ready", "").await;
    assert_eq!((status, &body["shutting_down"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(true)));
    assert_eq!(call(&api, "GET", "/health/live", "").await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_nobody_can_keep_is_503() {
    let (api, _, checks) = without_servers();
    for is_up in [false, true] {
        // Known to be away, or believed to be there.
        if is_up {
            checks.database.up();
            checks.redis.up();
        }
        let (status, answer) = call(&api, "POST", EVENTS, event("rem-1", 1).to_string()).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
        let (status, answer) = call(&api, "POST", BATCH, json!([event("rem-1", 1)]).to_string()).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
        assert_eq!(call(&api, "GET", EVENTS, "").await.0, StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[tokio::test(start_paused = true)]
async fn what_goes_beyond_the_bound_is_refused_and_health_answers() {
    let limits = Limits::new(EVENT_LIMIT, Duration::from_secs(60));
    let (api, _, checks) = without_servers_and_with(|app| app.limits = limits);
    checks.database.up();
    // It does not say how long it is, so it may become as long as an event may be.
    let endless = Body::from_stream(futures::stream::pending::<std::io::Result<String>>());
    let in_work = call(&api, "POST", EVENTS, endless);
    tokio::pin!(in_work);
    assert!(futures::poll!(&mut in_work).is_pending());
    for (method, path) in [("POST", EVENTS), ("GET", EVENTS), ("POST", BATCH)] {
        let reply = service_common::testing::call(&api, method, path, "[]").await;
        assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (503, "1"), "{method} {path}");
        assert_eq!(reply.body["type"], "urn:kubernaut:problem:overloaded");
    }
    for path in ["/health", "/health/live"] {
        assert_eq!(call(&api, "GET", path, "").await.0, StatusCode::OK, "{path}");
    }
    assert_eq!(call(&api, "GET", "/health/ready", "").await.1["dependencies"]["database"], "connected");
    assert_eq!(in_work.await.0, StatusCode::REQUEST_TIMEOUT, "its body never came");
    assert_eq!(call(&api, "POST", EVENTS, "[]").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn paths_and_methods_that_are_not_served() {
    let (api, _, _) = without_servers();
    for (method, path, expected) in
        [("GET", "/nowhere", 404), ("DELETE", EVENTS, 405), ("GET", BATCH, 405), ("POST", "/health", 405)]
    {
        let (status, answer) = call(&api, method, path, "").await;
        assert_eq!((status.as_u16(), &answer["status"]), (expected, &json!(expected)), "{method} {path}");
    }
}

#[test]
fn the_deployed_configuration_is_valid() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests/data-storage/base/configmap.yaml");
    let text = std::fs::read_to_string(manifest).unwrap();
    let (_, config) = text.split_once("config.yaml: |\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, config).unwrap();
    let config: data_storage::config::Config = service_common::config::load(&path, "NOT_SET").unwrap();
    config.validate().unwrap();
    assert_eq!((config.database.min_connections, config.database.max_connections), (20, 60));
    assert_eq!((config.redis.url().as_str(), config.redis.pool_size), ("redis://redis:6379", 50));
}
