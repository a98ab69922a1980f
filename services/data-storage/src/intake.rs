//! Taking events in: into PostgreSQL, or behind those that wait in the dead-letter stream.
//!
//! What is promised, with any number of instances:
//! - **Nothing lost.** An event is acknowledged when PostgreSQL has committed it (201) or Redis has it (202), and an entry
//!   leaves the stream after its commit. Full, or both away: 503, and the client still has it.
//! - **Nothing twice.** An event has its id before it is written anywhere; writing it again changes nothing. So a lost
//!   answer of PostgreSQL, after which nobody knows whether it was committed, is no dilemma: it goes into the stream.
//!   Another event with the same id is refused (409), on whatever day; while PostgreSQL cannot be asked, that is only
//!   found when the stream is drained, and the event is parked.
//! - **In order by correlation id:** who sees an event sees all those that were acknowledged before it was sent. An
//!   event whose correlation id still waits goes behind what waits, even if PostgreSQL would take it. Being acknowledged
//!   as waiting and being noted as pending are one step in Redis, so it makes no difference which instance is asked.
//!
//! While Redis is away nobody can say what waits in it. Events of correlation ids that this instance knows to wait are
//! refused (503) until Redis is back; all others are kept at once. An instance that was started, or missed what another
//! put there in the last quarter of a second before Redis went, keeps them too: kept is better than ordered.

use std::collections::{BTreeSet, HashSet};

use futures::future::join_all;
use service_common::{Check, Readiness};
use uuid::Uuid;

use crate::{
    dead_letter::{AddError, DeadLetter, Durability},
    event::Event,
    metrics::{Metrics, Outcome},
    store::{Store, StoreError},
};

/// The events of one request: kept together or refused together.
pub type Unit = Vec<Event>;

/// Where a unit is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// In PostgreSQL.
    Stored,
    /// In the dead-letter stream, where it survives so much.
    Accepted(Durability),
}

/// Why a unit is nowhere.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// PostgreSQL cannot take it, nor can the dead-letter stream.
    #[error("neither PostgreSQL nor the dead-letter stream can take events")]
    DeadLetter(#[from] AddError),
    /// These ids are other events': 409.
    #[error("the id is another event's")]
    Conflict(Vec<Uuid>),
    /// PostgreSQL refuses the values themselves; that should have been a 400.
    #[error("PostgreSQL refuses the event")]
    Refused(#[source] StoreError),
}

/// The two dependencies, as the readiness knows them.
#[derive(Clone)]
pub struct Checks {
    /// PostgreSQL.
    pub database: Check,
    /// Redis.
    pub redis: Check,
}

impl Checks {
    /// Both count as away until they are looked after.
    pub fn new(readiness: &Readiness) -> Self {
        Self { database: readiness.check("database"), redis: readiness.check("redis") }
    }
}

/// The way in; clones share everything.
#[derive(Clone)]
pub struct Intake {
    /// PostgreSQL.
    pub store: Store,
    /// What waits in Redis.
    pub dead_letter: DeadLetter,
    /// Which of the two is there. One that is known to be away is not asked: nobody waits for its timeout.
    pub checks: Checks,
    /// What is counted.
    pub metrics: Metrics,
}

impl Intake {
    /// Takes one unit.
    ///
    /// # Errors
    /// When it is nowhere.
    pub async fn take(&self, unit: &Unit) -> Result<Kept, NotKept> {
        match self.take_all(std::slice::from_ref(unit)).await.pop() {
            Some(result) => result,
            None => unreachable!("one unit has one result"),
        }
    }

    /// Takes several units at once, each for itself.
    pub async fn take_all(&self, units: &[Unit]) -> Vec<Result<Kept, NotKept>> {
        let is_behind: Vec<bool> = if self.checks.database.is_up() {
            let waiting = self.waiting(units).await;
            units.iter().map(|unit| unit.iter().any(|event| waiting.contains(&event.correlation_id))).collect()
        } else {
            vec![true; units.len()]
        };
        let pick = |which: bool| {
            units
                .iter()
                .zip(&is_behind)
                .filter(|(_, behind)| **behind == which)
                .map(|(unit, _)| unit)
                .collect::<Vec<_>>()
        };
        let (behind, free) = (pick(true), pick(false));
        let (behind, free) = tokio::join!(self.set_all_aside(&behind), self.store_together(&free));
        let (mut behind, mut free) = (behind.into_iter(), free.into_iter());
        let results = is_behind.iter().map_while(|is_behind| if *is_behind { behind.next() } else { free.next() });
        let results: Vec<_> = results.collect();
        for (unit, result) in units.iter().zip(&results) {
            let outcome = match result {
                Ok(Kept::Stored) => Outcome::Stored,
                Ok(Kept::Accepted(_)) => Outcome::Accepted,
                Err(NotKept::Conflict(_)) => Outcome::Conflict,
                Err(_) => Outcome::Failed,
            };
            self.metrics.count(outcome, unit.len());
        }
        results
    }

    /// Those correlation ids that have events in the stream.
    async fn waiting(&self, units: &[Unit]) -> HashSet<String> {
        let ids: BTreeSet<&str> = units.iter().flatten().map(|event| event.correlation_id.as_str()).collect();
        if self.checks.redis.is_up() {
            match self.dead_letter.pending(&ids).await {
                Ok(waiting) => return waiting,
                Err(error) => tracing::warn!(%error, "cannot ask Redis what waits"),
            }
        }
        self.dead_letter.pending_when_last_seen(&ids)
    }

    /// In one statement, unless one of them spoils it for the others.
    async fn store_together(&self, units: &[&Unit]) -> Vec<Result<Kept, NotKept>> {
        match units {
            [] => Vec::new(),
            [unit] => vec![self.store_or_set_aside(unit).await],
            _ => {
                let events: Vec<Event> = units.iter().flat_map(|unit| unit.iter().cloned()).collect();
                match self.store(&events).await {
                    Ok(()) => units.iter().map(|_| Ok(Kept::Stored)).collect(),
                    Err(StoreError::Content(_) | StoreError::Conflict(_)) => {
                        join_all(units.iter().map(|unit| self.store_or_set_aside(unit))).await
                    }
                    Err(error) => {
                        note(&error);
                        self.set_all_aside(units).await
                    }
                }
            }
        }
    }

    async fn store_or_set_aside(&self, unit: &Unit) -> Result<Kept, NotKept> {
        match self.store(unit).await {
            Ok(()) => Ok(Kept::Stored),
            Err(StoreError::Conflict(ids)) => Err(NotKept::Conflict(ids)),
            Err(error @ StoreError::Content(_)) => Err(NotKept::Refused(error)),
            Err(error) => {
                note(&error);
                self.set_aside(unit).await
            }
        }
    }

    async fn store(&self, events: &[Event]) -> Result<(), StoreError> {
        let started = std::time::Instant::now();
        let result = self.store.insert(events).await;
        self.metrics.write_seconds.observe(started.elapsed().as_secs_f64());
        result
    }

    async fn set_all_aside(&self, units: &[&Unit]) -> Vec<Result<Kept, NotKept>> {
        join_all(units.iter().map(|unit| self.set_aside(unit))).await
    }

    async fn set_aside(&self, unit: &Unit) -> Result<Kept, NotKept> {
        Ok(Kept::Accepted(self.dead_letter.add(unit).await?))
    }
}

fn note(error: &StoreError) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(%error, cause, "PostgreSQL did not take events, they go into the dead-letter stream");
}
