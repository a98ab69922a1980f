//! The audit trail's way to DataStorage: a bounded buffer, sent in batches each second and at shutdown.
//!
//! The buffer may be lost at any time. What waits in it is also in the objects that it tells of, until DataStorage has
//! it: see [`crate::trail`] and [`crate::reconcile`].

mod buffer;
mod event;
mod sender;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub use buffer::Handover;
pub use event::AuditEvent;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use self::{
    buffer::Buffer,
    sender::{Sender, Sent},
};
use crate::{
    api::{AIAnalysis, AuditNote},
    metrics::{AuditOutcome, Metrics},
};

/// Most events in one request.
const BATCH: usize = 500;
/// How often what waits is sent; while DataStorage is away, twice as long each time.
const PERIOD: Duration = Duration::from_secs(1);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// How long sending what is left may take at shutdown.
const LAST_CHANCE: Duration = Duration::from_secs(5);

/// The buffer and who empties it; clones share both.
#[derive(Clone)]
pub struct Audit {
    buffer: Arc<Mutex<Buffer>>,
    sender: Sender,
    metrics: Metrics,
}

impl Audit {
    /// A buffer in front of the DataStorage at `url`.
    pub fn new(client: reqwest::Client, url: &str, metrics: Metrics) -> Self {
        Self { buffer: Arc::default(), sender: Sender::new(client, url), metrics }
    }

    /// Takes over what an object has to tell, as far as there is room, and says how that stands. Never waits. Handing
    /// over the same again changes nothing.
    pub fn hand_over(&self, object: &AIAnalysis, notes: &[AuditNote]) -> Handover {
        let mut buffer = self.buffer();
        let handover = buffer.hand_over(object, notes);
        self.metrics.audit_waiting(buffer.waiting());
        handover
    }

    /// These notes will not be handed over again: their object has let go of them, or is gone. How many of them are lost
    /// with that: there was no room for them.
    pub fn forget(&self, notes: &[AuditNote]) -> usize {
        let lost = self.buffer().forget(notes);
        self.metrics.audit(AuditOutcome::Dropped, lost);
        lost
    }

    /// Sends what waits each second until `stop`, and then what is left.
    pub async fn run(self, stop: CancellationToken) {
        let mut pause = PERIOD;
        while timeout(pause, stop.cancelled()).await.is_err() {
            pause = if self.flush().await { PERIOD } else { (pause * 2).min(LONGEST_PAUSE) };
        }
        let deadline = Instant::now() + LAST_CHANCE;
        let last = async {
            while !self.flush().await {
                // Elapses; nothing else can happen any more.
                let _elapsed = timeout(PERIOD / 5, std::future::pending::<()>()).await;
            }
        };
        if timeout_at(deadline, last).await.is_ok() {
            return;
        }
        let (kept, lost) = self.buffer().left_over();
        self.metrics.audit(AuditOutcome::Deferred, kept);
        self.metrics.audit(AuditOutcome::Dropped, lost);
        tracing::error!(
            kept,
            lost,
            "DataStorage is away at shutdown; events that objects keep are sent at the next start"
        );
    }

    /// Sends everything that waits, in order. False when DataStorage is away; what it has not taken goes on waiting.
    pub(crate) async fn flush(&self) -> bool {
        loop {
            let batch = self.buffer().first(BATCH);
            if batch.is_empty() {
                return true;
            }
            let taken = self.deliver(&batch).await;
            let mut buffer = self.buffer();
            buffer.settle_first(taken);
            self.metrics.audit_waiting(buffer.waiting());
            if taken < batch.len() {
                return false;
            }
        }
    }

    /// Sends a batch and says how many of its first events need not wait any more. A refused batch is halved until the bad
    /// event is found: it must not take the others with it.
    async fn deliver(&self, batch: &[AuditEvent]) -> usize {
        let mut ranges: Vec<_> = std::iter::once(0..batch.len()).collect();
        while let Some(range) = ranges.pop() {
            match self.sender.send(&batch[range.clone()]).await {
                Sent::Stored => self.metrics.audit(AuditOutcome::Sent, range.len()),
                Sent::Refused(why) if range.len() == 1 => {
                    let event = &batch[range.start];
                    tracing::error!(event_type = event.event_type, id = %event.event_id, why, "an audit event is refused");
                    self.metrics.audit(AuditOutcome::Rejected, 1);
                }
                Sent::Refused(_) => {
                    let middle = range.start + range.len() / 2;
                    ranges.push(middle..range.end);
                    ranges.push(range.start..middle);
                }
                Sent::Away(why) => {
                    tracing::warn!(why, waiting = self.buffer().waiting(), "audit events wait for DataStorage");
                    return range.start;
                }
            }
        }
        batch.len()
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Audit {
    /// Types of the events that wait, in order.
    pub(crate) fn waiting_types(&self) -> Vec<&'static str> {
        self.buffer().first(usize::MAX).iter().map(|event| event.event_type).collect()
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
