//! DataStorage, as its callers see it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Result, bail, ensure};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Http, answer};

/// A client of DataStorage.
#[derive(Debug, Clone)]
pub(crate) struct DataStorage {
    http: Http,
}

/// `GET /health/ready`.
#[derive(Debug, Deserialize)]
pub(crate) struct Ready {
    pub(crate) status: String,
    /// Name of a dependency → `connected`, or why it is not.
    pub(crate) dependencies: BTreeMap<String, String>,
}

/// An event as it is answered.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AuditEvent {
    pub(crate) event_id: String,
    pub(crate) event_date: String,
    pub(crate) event_timestamp: String,
    pub(crate) version: String,
    pub(crate) event_type: String,
    pub(crate) event_category: String,
    pub(crate) event_action: String,
    pub(crate) event_outcome: String,
    pub(crate) correlation_id: String,
    pub(crate) actor_type: Option<String>,
    pub(crate) actor_id: Option<String>,
    pub(crate) resource_type: Option<String>,
    pub(crate) resource_id: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) duration_ms: Option<i64>,
    pub(crate) severity: Option<String>,
    /// A type of its own: anything but an object is refused here.
    pub(crate) event_data: Map<String, Value>,
}

/// A page of events, newest first.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) data: Vec<AuditEvent>,
    pub(crate) pagination: Pagination,
}

/// Where a page lies.
#[derive(Debug, Deserialize)]
pub(crate) struct Pagination {
    pub(crate) total: usize,
}

/// An event that a spec sends; its number tells it from the others.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct NewEvent {
    version: &'static str,
    event_type: &'static str,
    event_category: &'static str,
    event_action: &'static str,
    event_outcome: &'static str,
    event_timestamp: String,
    correlation_id: String,
    event_data: Value,
}

impl NewEvent {
    pub(crate) fn numbered(correlation: &str, number: usize) -> NewEvent {
        NewEvent {
            version: "1.0",
            event_type: "e2e.event",
            event_category: "analysis",
            event_action: "send",
            event_outcome: "success",
            event_timestamp: jiff::Timestamp::now().to_string(),
            correlation_id: correlation.to_owned(),
            event_data: json!({"number": number}),
        }
    }
}

impl AuditEvent {
    /// The number that [`NewEvent::numbered`] gave it.
    pub(crate) fn number(&self) -> Option<u64> {
        self.event_data.get("number")?.as_u64()
    }
}

/// What DataStorage says of an event that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// 201: it is in PostgreSQL.
    Stored,
    /// 202: it is in the dead-letter stream.
    Accepted,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "that they are there is what counts")]
struct Stored {
    event_id: String,
    event_timestamp: String,
    message: String,
}

#[derive(Deserialize)]
struct Accepted {
    status: String,
}

impl DataStorage {
    pub(super) fn at(address: SocketAddr) -> DataStorage {
        DataStorage { http: Http::at(address) }
    }

    /// A copy, whose pod stays as long as the spec.
    pub(super) fn forwarded(address: SocketAddr) -> DataStorage {
        DataStorage { http: Http::forwarded(address) }
    }

    pub(crate) async fn health(&self) -> Result<Answer> {
        self.http.get("/health").await
    }

    /// What it says of its readiness, and the status that it says it with.
    pub(crate) async fn ready(&self) -> Result<(u16, Ready)> {
        let answer = self.http.get("/health/ready").await?;
        Ok((answer.status, answer.json(answer.status)?))
    }

    /// Sends one event.
    pub(crate) async fn send(&self, event: &NewEvent) -> Result<Taken> {
        let answer = self.send_json(event).await?;
        match answer.status {
            201 => answer.json::<Stored>(201).map(|_| Taken::Stored),
            202 => {
                let Accepted { status } = answer.json(202)?;
                ensure!(status == "accepted", "202 with status {status:?}");
                Ok(Taken::Accepted)
            }
            _ => bail!("an event was answered with {}: {}", answer.status, answer.body),
        }
    }

    /// Sends anything as one event.
    pub(crate) async fn send_json(&self, event: &impl Serialize) -> Result<Answer> {
        answer(self.http.request(Method::POST, "/api/v1/audit/events").json(event)).await
    }

    /// The thousand newest events with this correlation id.
    pub(crate) async fn events(&self, correlation: &str) -> Result<Page> {
        let request = self.http.request(Method::GET, "/api/v1/audit/events");
        answer(request.query(&[("correlation_id", correlation), ("limit", "1000")])).await?.json(200)
    }
}
