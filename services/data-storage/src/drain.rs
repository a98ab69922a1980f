//! Puts what waits in the dead-letter stream into PostgreSQL, oldest first.
//!
//! Several instances may do so at once. Each round reads from the head of the stream, inserts in one transaction, and
//! takes the entries out after the commit; so what PostgreSQL has is at every moment a beginning of the stream, whoever
//! put it there. Two that read the same entries insert them once, because of their ids. A lock keeps the second from
//! doing it all the same, but nothing depends on it.
//!
//! An entry that PostgreSQL will never take is parked, with the reason, so that it does not block those behind it. Of an
//! entry in which some ids are other events', only these are parked: the others were acknowledged, and are stored.

use std::{collections::HashSet, time::Duration};

use redis::RedisError;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    dead_letter::{AddError, DeadLetter, Entry},
    event::Event,
    intake::Checks,
    metrics::Metrics,
    store::{Store, StoreError},
};

/// How often the stream is looked at.
const PERIOD: Duration = Duration::from_millis(250);
/// The same, after it could not be drained.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why events are parked whose ids are stored already, with other content.
const OTHER_EVENT: &str = "the id is another event's";

/// The worker.
pub struct Drain {
    /// Where events go.
    pub store: Store,
    /// Where they come from.
    pub dead_letter: DeadLetter,
    /// Which of the two is there.
    pub checks: Checks,
    /// What is counted.
    pub metrics: Metrics,
}

/// Why a round ended before its end.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error("Redis is away")]
    Redis(#[from] RedisError),
    #[error("PostgreSQL does not take events")]
    Postgres(#[source] StoreError),
    #[error("events cannot be parked")]
    Parking(#[from] AddError),
}

/// What one round did.
#[derive(PartialEq, Eq)]
enum Round {
    /// Something was moved, and there may be more.
    Moved,
    /// There is nothing, or another instance is at it.
    Idle,
}

impl Drain {
    /// Works until it is asked to stop; a round that has begun is ended.
    pub async fn run(self, stop: CancellationToken) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            if !self.checks.redis.is_up() {
                continue;
            }
            while !stop.is_cancelled() {
                match self.round().await {
                    Ok(Round::Moved) => {}
                    Ok(Round::Idle) => break,
                    Err(error) => {
                        let cause = std::error::Error::source(&error).map(ToString::to_string);
                        tracing::warn!(%error, cause, "the dead-letter stream is not drained now");
                        ticks.reset_after(PATIENCE);
                        break;
                    }
                }
            }
        }
    }

    async fn round(&self) -> Result<Round, Interrupted> {
        let entries = self.dead_letter.look().await?;
        self.metrics.dead_letter_entries.set(i64::try_from(entries).unwrap_or(i64::MAX));
        if entries == 0 || !self.checks.database.is_up() {
            return Ok(Round::Idle);
        }
        let mut readable = Vec::new();
        for Entry { id, events } in self.dead_letter.head().await? {
            match events {
                Ok(events) => readable.push((id, events)),
                Err(reason) => self.park(&id, &reason).await?,
            }
        }
        if readable.is_empty() {
            return Ok(Round::Moved);
        }
        let events: Vec<Event> = readable.iter().flat_map(|(_, events)| events.iter().cloned()).collect();
        match self.store.put_back(&events).await {
            Ok(false) => Ok(Round::Idle),
            Ok(true) => {
                let ids: Vec<&str> = readable.iter().map(|(id, _)| id.as_str()).collect();
                self.done(&ids, events.len()).await?;
                Ok(Round::Moved)
            }
            Err(StoreError::Content(_) | StoreError::Conflict(_)) => self.one_by_one(readable).await,
            Err(error) => Err(Interrupted::Postgres(error)),
        }
    }

    /// One entry is refused; this finds which.
    async fn one_by_one(&self, entries: Vec<(String, Vec<Event>)>) -> Result<Round, Interrupted> {
        for (id, events) in entries {
            match self.store.put_back(&events).await {
                Ok(false) => return Ok(Round::Idle),
                Ok(true) => self.done(&[&id], events.len()).await?,
                Err(StoreError::Content(cause)) => self.park(&id, &cause.to_string()).await?,
                Err(StoreError::Conflict(ids)) => {
                    if self.without(&ids, &id, events).await? == Round::Idle {
                        return Ok(Round::Idle);
                    }
                }
                Err(error) => return Err(Interrupted::Postgres(error)),
            }
        }
        Ok(Round::Moved)
    }

    /// Stores those events of an entry whose ids are not in conflict, and parks the others. Ended in between, it is done
    /// again.
    async fn without(&self, conflicting: &[Uuid], id: &str, events: Vec<Event>) -> Result<Round, Interrupted> {
        let ids: HashSet<&Uuid> = conflicting.iter().collect();
        let (parked, stored): (Vec<_>, Vec<_>) = events.into_iter().partition(|event| ids.contains(&event.event_id));
        match self.store.put_back(&stored).await {
            Ok(false) => return Ok(Round::Idle),
            Ok(true) => {
                self.dead_letter.park_these(id, OTHER_EVENT, &parked).await?;
                self.metrics.dead_letter_drained.inc_by(stored.len() as u64);
                self.note_parked(id, OTHER_EVENT);
            }
            Err(StoreError::Content(cause)) => self.park(id, &cause.to_string()).await?,
            // Somebody has just stored another event with one of the ids: the next round sees it.
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(Interrupted::Postgres(error)),
        }
        Ok(Round::Moved)
    }

    async fn done(&self, ids: &[&str], events: usize) -> Result<(), RedisError> {
        self.dead_letter.remove(ids).await?;
        self.metrics.dead_letter_drained.inc_by(events as u64);
        tracing::info!(entries = ids.len(), events, "drained from the dead-letter stream");
        Ok(())
    }

    async fn park(&self, id: &str, reason: &str) -> Result<(), RedisError> {
        self.dead_letter.park(id, reason).await?;
        self.note_parked(id, reason);
        Ok(())
    }

    fn note_parked(&self, id: &str, reason: &str) {
        self.metrics.dead_letter_parked.inc();
        tracing::error!(entry = id, reason, stream = crate::dead_letter::PARKED, "parked what nobody can store");
    }
}
