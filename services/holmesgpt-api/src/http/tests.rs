use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use serde_json::{Value, json};
use service_common::{config::load, postgres::Postgres};
use tower::ServiceExt;

use super::*;
use crate::{config::Config, incident::tests::sample, llm::mock::Mock};

/// HAPI without its database: what is refused before the database is asked, and what is said when it is away.
fn hapi() -> (Router, Readiness) {
    let folder = std::env::temp_dir().join(format!("hapi-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("password"), "x").unwrap();
    let config = json!({"database": {
        "host": "127.0.0.1", "port": 1, "database": "d", "user": "u", "password_file": folder.join("password"),
    }});
    std::fs::write(folder.join("config.yaml"), config.to_string()).unwrap();
    let config: Config = load(&folder.join("config.yaml"), "HAPI_TEST").unwrap();
    let readiness = Readiness::default();
    let (metrics, registry) = Metrics::new();
    let store = Store::new(Postgres::new(&config.database, "test").unwrap().pool().clone());
    std::fs::remove_dir_all(&folder).unwrap();
    let llm = Arc::new(Mock::new(Duration::ZERO));
    let app = App { store, llm, readiness: readiness.clone(), metrics, config: config.public() };
    (router(app, Arc::new(registry)), readiness)
}

async fn call(router: &Router, method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, String, Value) {
    let request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let media_type = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, media_type, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_bad_request_is_answered_with_every_bad_field() {
    let (router, _) = hapi();
    let mut request = sample("OOMKilled");
    request["severity"] = json!("terrible");
    request["priority"] = Value::Null;
    let (status, media_type, body) = call(&router, "POST", "/api/v1/incident/analyze", request.to_string()).await;
    assert_eq!((status, media_type.as_str()), (StatusCode::BAD_REQUEST, "application/problem+json"));
    let fields: Vec<_> =
        body["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["severity", "priority"]);
}

#[tokio::test]
async fn what_is_not_an_object_is_refused() {
    let (router, _) = hapi();
    for body in ["", "{", "[]", "7", "\"\u{0}\""] {
        for path in ["/api/v1/incident/analyze", "/api/v1/recovery/analyze"] {
            let (status, _, answer) = call(&router, "POST", path, body).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body:?}: {answer}");
        }
    }
    let (status, ..) = call(&router, "POST", "/api/v1/incident/analyze", vec![0x22, 0xff, 0x22]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn faults_have_their_status_and_a_lost_database_is_503() {
    let (router, _) = hapi();
    let cases = [
        ("MOCK_HTTP_500", StatusCode::INTERNAL_SERVER_ERROR),
        ("MOCK_HTTP_429", StatusCode::TOO_MANY_REQUESTS),
        ("OOMKilled", StatusCode::SERVICE_UNAVAILABLE),
    ];
    for (signal, expected) in cases {
        let (status, ..) = call(&router, "POST", "/api/v1/incident/analyze", sample(signal).to_string()).await;
        assert_eq!(status, expected, "{signal}");
    }
}

#[tokio::test]
async fn readiness_names_what_is_away_and_health_does_not_depend_on_it() {
    let (router, readiness) = hapi();
    let check = readiness.check("postgres");
    check.down("connection refused");
    let (status, _, body) = call(&router, "GET", "/ready", "").await;
    assert_eq!(
        (status, &body["dependencies"]["postgres"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("connection refused"))
    );
    let (status, _, body) = call(&router, "GET", "/health", "").await;
    assert_eq!((status, &body["service"]), (StatusCode::OK, &json!("holmesgpt-api")));
    check.up();
    assert_eq!(call(&router, "GET", "/ready", "").await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_configuration_shows_no_secret() {
    let (router, _) = hapi();
    let (status, _, body) = call(&router, "GET", "/config", "").await;
    assert_eq!((status, &body["llm"]), (StatusCode::OK, &json!("mock")));
    assert!(!body.to_string().contains("password"), "{body}");
}
