use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use serde_json::{Value, json};

use super::{buffer::CAPACITY, *};
use crate::{api::AuditKind, samples::analysis};

/// A DataStorage on loopback: answers with `status`, and refuses batches that have an event about `poison`, or one whose id
/// is another event's.
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
        if batch.iter().any(|event| event["event_data"]["error"] == json!("another's id")) {
            return StatusCode::CONFLICT;
        }
        this.stored.lock().unwrap().extend(batch);
        StatusCode::CREATED
    }

    fn keys(&self) -> Vec<String> {
        let stored = self.stored.lock().unwrap();
        stored.iter().map(|event| event["event_data"]["error"].as_str().unwrap().to_owned()).collect()
    }
}

fn note(message: &str) -> AuditNote {
    let data = json!({"error": message});
    AuditNote {
        id: uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, message.as_bytes()).to_string(),
        kind: AuditKind::Error,
        timestamp: "2025-01-01T00:00:00.000000Z".to_owned(),
        success: false,
        duration_ms: None,
        data: data.as_object().cloned().unwrap(),
    }
}

fn notes(count: usize) -> Vec<AuditNote> {
    (0..count).map(|number| note(&number.to_string())).collect()
}

fn hand_over(audit: &Audit, notes: &[AuditNote]) -> Handover {
    audit.hand_over(&analysis("OOMKilled", "staging"), notes)
}

#[tokio::test]
async fn events_survive_an_outage_in_order_and_arrive_once() {
    let storage = StandIn::default();
    let (audit, _) = storage.audit().await;
    storage.status.store(503, Ordering::SeqCst);
    let notes = notes(1200);
    assert_eq!(hand_over(&audit, &notes), Handover::Waiting);
    assert!(!audit.flush().await);
    assert_eq!(hand_over(&audit, &notes), Handover::Waiting, "handing over again changes nothing");
    storage.status.store(0, Ordering::SeqCst);
    assert!(audit.flush().await);
    let expected: Vec<_> = (0..1200).map(|number| number.to_string()).collect();
    assert_eq!(storage.keys(), expected);
    assert_eq!(storage.requests.load(Ordering::SeqCst), 4, "one that failed, three batches");
    assert_eq!(hand_over(&audit, &notes), Handover::Settled);
    assert_eq!(audit.forget(&notes), 0);
    assert!(audit.buffer().left_over() == (0, 0));
}

#[tokio::test]
async fn a_bad_event_does_not_take_the_others_with_it_and_is_found_quickly() {
    let storage = StandIn::default();
    let (audit, _) = storage.audit().await;
    let mut notes = notes(400);
    notes.insert(300, note("poison"));
    notes.insert(100, note("another's id"));
    hand_over(&audit, &notes);
    assert!(audit.flush().await);
    let expected: Vec<_> = (0..400).map(|number| number.to_string()).collect();
    assert_eq!(storage.keys(), expected, "all the others, in order");
    assert!(storage.requests.load(Ordering::SeqCst) < 45, "{:?}", storage.requests);
    assert_eq!(hand_over(&audit, &notes), Handover::Settled, "sending the bad one again would change nothing");
}

/// 202 says that DataStorage will keep them when its database is back.
#[tokio::test]
async fn accepted_is_as_good_as_stored_and_other_statuses_lose_nothing() {
    let storage = StandIn::default();
    let (audit, _) = storage.audit().await;
    hand_over(&audit, &notes(3));
    for status in [404, 408, 429, 500, 503] {
        storage.status.store(status, Ordering::SeqCst);
        assert!(!audit.flush().await, "{status}");
        assert_eq!(audit.waiting_types().len(), 3, "{status}");
    }
    storage.status.store(202, Ordering::SeqCst);
    assert!(audit.flush().await);
}

#[tokio::test]
async fn what_waits_is_sent_at_shutdown() {
    let storage = StandIn::default();
    let (audit, _) = storage.audit().await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(audit.clone().run(stop.clone()));
    hand_over(&audit, &[note("last")]);
    stop.cancel();
    running.await.unwrap();
    assert_eq!(storage.keys(), ["last"]);
}

#[tokio::test]
async fn a_full_buffer_leaves_events_where_they_are() {
    let storage = StandIn::default();
    let (audit, _) = storage.audit().await;
    let notes = notes(CAPACITY + 1);
    assert_eq!(hand_over(&audit, &notes), Handover::Full);
    assert_eq!(audit.buffer().waiting(), CAPACITY);
    assert!(audit.flush().await);
    assert_eq!(hand_over(&audit, &notes), Handover::Waiting, "now there is room");
    assert!(audit.flush().await);
    assert_eq!((hand_over(&audit, &notes), storage.keys().len()), (Handover::Settled, CAPACITY + 1));
}

#[tokio::test]
async fn only_what_had_no_room_is_lost_with_its_object() {
    let (audit, _) = StandIn::default().audit().await;
    hand_over(&audit, &notes(2));
    assert_eq!(audit.forget(&notes(3)), 1);
    assert_eq!(audit.buffer().left_over(), (0, 2), "the two are on their way");
}
