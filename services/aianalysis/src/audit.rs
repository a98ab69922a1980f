//! The audit trail: events are put into a bounded buffer, and go to DataStorage in batches each second and at shutdown.

mod events;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub use events::AuditEvent;
use reqwest::StatusCode;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::metrics::{AuditOutcome, Metrics};

/// Most events that wait for DataStorage; about 10 MB.
const CAPACITY: usize = 10_000;
/// Most events in one request.
const BATCH: usize = 500;
/// How often what waits is sent.
const PERIOD: Duration = Duration::from_secs(1);
/// How long DataStorage may take over one request.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long sending what is left may take at shutdown.
const LAST_CHANCE: Duration = Duration::from_secs(5);

/// The buffer; clones share it.
#[derive(Clone)]
pub struct Audit {
    waiting: Arc<Mutex<VecDeque<AuditEvent>>>,
    client: reqwest::Client,
    url: String,
    metrics: Metrics,
}

/// What became of a batch.
enum Sent {
    Stored,
    /// DataStorage has refused it: sending it again would change nothing.
    Refused(String),
    /// DataStorage is away.
    Away(String),
}

impl Audit {
    /// A buffer in front of the DataStorage at `url`.
    pub fn new(client: reqwest::Client, url: &str, metrics: Metrics) -> Self {
        let url = format!("{}/api/v1/audit/events/batch", url.trim_end_matches('/'));
        Self { waiting: Arc::default(), client, url, metrics }
    }

    /// Notes an event. Never waits; when the buffer is full the event is counted as dropped.
    pub fn record(&self, event: AuditEvent) {
        let mut waiting = self.waiting();
        if waiting.len() >= CAPACITY {
            drop(waiting);
            tracing::error!(event_type = event.event_type, "the audit buffer is full, an event is dropped");
            self.metrics.audit(AuditOutcome::Dropped, 1);
            return;
        }
        waiting.push_back(event);
    }

    /// Sends what waits each second until `stop`, and then what is left.
    pub async fn run(self, stop: CancellationToken) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.flush().await;
        }
        let deadline = Instant::now() + LAST_CHANCE;
        let mut ticks = interval(Duration::from_millis(200));
        while !self.flush().await {
            if timeout_at(deadline, ticks.tick()).await.is_err() || Instant::now() >= deadline {
                break;
            }
        }
        let lost = self.waiting().len();
        if lost > 0 {
            tracing::error!(lost, "DataStorage is away at shutdown, audit events are lost");
            self.metrics.audit(AuditOutcome::Dropped, lost);
        }
    }

    /// Sends everything that waits, in order. False when DataStorage is away; what it has not taken goes on waiting.
    async fn flush(&self) -> bool {
        loop {
            let batch: Vec<_> = self.waiting().iter().take(BATCH).cloned().collect();
            if batch.is_empty() {
                return true;
            }
            let taken = match self.send(&batch).await {
                Sent::Stored => {
                    self.metrics.audit(AuditOutcome::Sent, batch.len());
                    batch.len()
                }
                // One bad event must not take the others with it.
                Sent::Refused(_) if batch.len() > 1 => self.send_one_by_one(&batch).await,
                Sent::Refused(why) => {
                    self.refused(&batch[0], &why);
                    1
                }
                Sent::Away(why) => {
                    tracing::warn!(why, waiting = self.waiting().len(), "audit events wait for DataStorage");
                    return false;
                }
            };
            self.waiting().drain(..taken);
            if taken < batch.len() {
                return false;
            }
        }
    }

    /// Sends one event after the other, and says how many need not wait any more.
    async fn send_one_by_one(&self, batch: &[AuditEvent]) -> usize {
        for (index, event) in batch.iter().enumerate() {
            match self.send(std::slice::from_ref(event)).await {
                Sent::Stored => self.metrics.audit(AuditOutcome::Sent, 1),
                Sent::Refused(why) => self.refused(event, &why),
                Sent::Away(_) => return index,
            }
        }
        batch.len()
    }

    fn refused(&self, event: &AuditEvent, why: &str) {
        tracing::error!(event_type = event.event_type, why, "DataStorage has refused an audit event");
        self.metrics.audit(AuditOutcome::Rejected, 1);
    }

    async fn send(&self, batch: &[AuditEvent]) -> Sent {
        let response = match self.client.post(&self.url).timeout(TIMEOUT).json(batch).send().await {
            Ok(response) => response,
            Err(error) => return Sent::Away(error.to_string()),
        };
        let status = response.status();
        if status.is_success() {
            return Sent::Stored;
        }
        let why = format!("{status}: {}", response.text().await.unwrap_or_default());
        let passing = status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT;
        if status.is_client_error() && !passing { Sent::Refused(why) } else { Sent::Away(why) }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<AuditEvent>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Audit {
    /// Types of the events that wait, in order.
    pub(crate) fn waiting_types(&self) -> Vec<&'static str> {
        self.waiting().iter().map(|event| event.event_type).collect()
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
