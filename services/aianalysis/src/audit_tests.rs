use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use serde_json::{Value, json};

use super::*;
use crate::{api::Phase, samples::analysis};

/// A DataStorage on loopback: answers with `status`, and refuses batches that have an event about `poison`.
#[derive(Clone, Default)]
struct StandIn {
    status: Arc<AtomicU16>,
    stored: Arc<Mutex<Vec<Value>>>,
    requests: Arc<AtomicUsize>,
}

impl StandIn {
    async fn audit(&self) -> (Audit, Metrics) {
        let router = Router::new().route("/api/v1/audit/events/batch", post(Self::take)).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let (metrics, _) = Metrics::new();
        (Audit::new(reqwest::Client::new(), &url, metrics.clone()), metrics)
    }

    async fn take(State(this): State<Self>, Json(batch): Json<Vec<Value>>) -> StatusCode {
        this.requests.fetch_add(1, Ordering::SeqCst);
        let status = this.status.load(Ordering::SeqCst);
        if status != 0 {
            return StatusCode::from_u16(status).unwrap();
        }
        if batch.iter().any(|event| event["event_data"]["error"] == json!("poison")) {
            return StatusCode::BAD_REQUEST;
        }
        this.stored.lock().unwrap().extend(batch);
        StatusCode::CREATED
    }

    fn keys(&self) -> Vec<String> {
        let stored = self.stored.lock().unwrap();
        stored.iter().map(|event| event["event_data"]["error"].as_str().unwrap().to_owned()).collect()
    }
}

fn event(message: &str) -> AuditEvent {
    AuditEvent::error(&analysis("OOMKilled", "staging"), Phase::Investigating, message, message)
}

#[tokio::test]
async fn events_survive_an_outage_in_order_and_arrive_once() {
    let storage = StandIn::default();
    let (audit, _) = storage.audit().await;
    storage.status.store(503, Ordering::SeqCst);
    for number in 0..1200 {
        audit.record(event(&number.to_string()));
    }
    assert!(!audit.flush().await);
    storage.status.store(0, Ordering::SeqCst);
    assert!(audit.flush().await);
    let expected: Vec<_> = (0..1200).map(|number| number.to_string()).collect();
    assert_eq!(storage.keys(), expected);
    assert_eq!(storage.requests.load(Ordering::SeqCst), 4, "one that failed, three batches");
}

#[tokio::test]
async fn a_bad_event_does_not_take_the_others_with_it() {
    let storage = StandIn::default();
    let (audit, _) = storage.audit().await;
    for message in ["a", "poison", "b"] {
        audit.record(event(message));
    }
    assert!(audit.flush().await);
    assert_eq!(storage.keys(), ["a", "b"]);
    assert!(audit.waiting().is_empty());
}

#[tokio::test]
async fn what_waits_is_sent_at_shutdown() {
    let storage = StandIn::default();
    let (audit, _) = storage.audit().await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(audit.clone().run(stop.clone()));
    audit.record(event("last"));
    stop.cancel();
    running.await.unwrap();
    assert_eq!(storage.keys(), ["last"]);
}

#[tokio::test]
async fn the_buffer_is_bounded() {
    let (audit, _) = StandIn::default().audit().await;
    for number in 0..=CAPACITY {
        audit.record(event(&number.to_string()));
    }
    assert_eq!(audit.waiting().len(), CAPACITY);
}

#[test]
fn noting_the_same_thing_again_makes_the_same_event() {
    let object = analysis("OOMKilled", "staging");
    let id = |event: AuditEvent| serde_json::to_value(event).unwrap()["event_id"].clone();
    let first = id(AuditEvent::transition(&object, Phase::Pending, Phase::Investigating));
    assert_eq!(first, id(AuditEvent::transition(&object, Phase::Pending, Phase::Investigating)));
    assert_ne!(first, id(AuditEvent::transition(&object, Phase::Investigating, Phase::Analyzing)));
}
