//! What is answered without a database: health, and everything that is refused before the database is asked.

use std::{path::Path, time::Duration};

use axum::{Router, body::Body, http::StatusCode};
use data_storage::{
    http::{App, router},
    metrics::Metrics,
    store::Store,
};
use serde_json::{Value, json};
use service_common::Readiness;
use support::{call, event};

mod support;

fn without_database() -> (Router, Readiness) {
    let options = sqlx::postgres::PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(1);
    let pool =
        sqlx::postgres::PgPoolOptions::new().acquire_timeout(Duration::from_millis(200)).connect_lazy_with(options);
    let readiness = Readiness::default();
    let app = App { store: Store::new(pool), readiness: readiness.clone(), metrics: Metrics::new().0 };
    (router(app), readiness)
}

#[tokio::test]
async fn health_tells_live_from_ready() {
    let (api, readiness) = without_database();
    let (database, redis) = (readiness.check("database"), readiness.check("redis"));
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
async fn bad_bodies_are_refused() {
    let (api, _) = without_database();
    let cases: Vec<(&str, Body, StatusCode)> = vec![
        ("", Body::from("{"), StatusCode::BAD_REQUEST),
        ("", Body::from("[]"), StatusCode::BAD_REQUEST),
        ("", Body::from(vec![b'"', 0xff, b'"']), StatusCode::BAD_REQUEST),
        ("", Body::from(vec![b' '; 5 << 20]), StatusCode::PAYLOAD_TOO_LARGE),
        ("/batch", Body::from("{}"), StatusCode::BAD_REQUEST),
        ("/batch", Body::from("[]"), StatusCode::BAD_REQUEST),
        ("/batch", Body::from("[7]"), StatusCode::BAD_REQUEST),
    ];
    for (path, body, expected) in cases {
        let (status, answer) = call(&api, "POST", &format!("/api/v1/audit/events{path}"), body).await;
        assert_eq!(status, expected, "{path} {answer}");
        assert_eq!(answer["status"], json!(expected.as_u16()), "{answer}");
    }
    let mut incomplete = event("rem-1", 1);
    incomplete["event_type"] = Value::Null;
    let (status, answer) = call(&api, "POST", "/api/v1/audit/events", incomplete.to_string()).await;
    assert_eq!(
        (status, &answer["errors"]),
        (StatusCode::BAD_REQUEST, &json!([{"field": "event_type", "detail": "is required"}]))
    );
    let (status, answer) = call(&api, "GET", "/api/v1/audit/events?limit=1001&x=1", "").await;
    assert_eq!((status, answer["errors"].as_array().map(Vec::len)), (StatusCode::BAD_REQUEST, Some(2)));
    assert_eq!(call(&api, "GET", "/nowhere", "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_database_that_is_away_is_503() {
    let (api, _) = without_database();
    let (status, answer) = call(&api, "POST", "/api/v1/audit/events", event("rem-1", 1).to_string()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
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
    assert_eq!(config.database.max_connections, 60);
    assert_eq!(config.redis.url(), "redis://redis:6379");
}
