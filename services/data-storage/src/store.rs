//! The events in PostgreSQL.

mod error;
mod find;
mod rows;

use std::time::Duration;

use chrono::NaiveDate;
use sqlx::{PgPool, PgTransaction};
use tokio::time::timeout;

pub use self::{
    error::StoreError,
    find::{EXACT_TOTAL, Page},
};
use crate::event::Event;

/// Months after this one that have their partition made ahead of time.
const MONTHS_AHEAD: i32 = 3;

/// A request that waits longer for PostgreSQL is answered from elsewhere: by the dead-letter stream.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// Nobody waits for what comes back from the dead-letter stream.
const PUT_BACK_TIMEOUT: Duration = Duration::from_secs(30);
/// No question takes longer.
pub const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// One instance puts back at a time; any number that no other program uses.
const PUT_BACK_LOCK: i64 = 0x6461_7461_0001;

/// Whether the table is there, and the partitions of this month and the three ahead.
pub const IS_PREPARED: &str = "SELECT count(to_regclass('audit_events_' || to_char(month, 'YYYY_MM'))) = 4 \
     FROM generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'), \
     date_trunc('month', now() AT TIME ZONE 'UTC') + interval '3 months', '1 month') AS month";

/// The table of events.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
}

impl Store {
    /// The table behind this pool.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// The connections that it works with.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Keeps all of these events, or none. Those that are there already count as kept.
    ///
    /// # Errors
    /// When PostgreSQL is away or refuses, and when an id is another event's. If it is away, they may be kept all the
    /// same: the answer was lost.
    pub async fn insert(&self, events: &[Event]) -> Result<(), StoreError> {
        within(WRITE_TIMEOUT, async {
            match self.insert_once(events).await {
                Err(error) if error.lacks_partition() => {
                    self.make_months_of(events).await?;
                    self.insert_once(events).await
                }
                result => result,
            }
        })
        .await
    }

    /// Keeps all of these events, or none, unless another instance is doing so: then `false`.
    ///
    /// The lock only saves the work of doing it twice: events that are there already are passed over.
    ///
    /// # Errors
    /// When PostgreSQL is away or refuses, and when an id is another event's; then none of them is kept.
    pub async fn put_back(&self, events: &[Event]) -> Result<bool, StoreError> {
        within(PUT_BACK_TIMEOUT, async {
            self.make_months_of(events).await?;
            let mut transaction = self.pool.begin().await?;
            let is_ours: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
                .bind(PUT_BACK_LOCK)
                .fetch_one(&mut *transaction)
                .await?;
            if is_ours {
                insert_and_commit(transaction, events).await?;
            }
            Ok(is_ours)
        })
        .await
    }

    async fn insert_once(&self, events: &[Event]) -> Result<(), StoreError> {
        insert_and_commit(self.pool.begin().await?, events).await
    }

    /// Makes the partitions of this month and those ahead, unless they are there.
    ///
    /// # Errors
    /// When PostgreSQL is away or refuses.
    pub async fn make_months_ahead(&self) -> sqlx::Result<()> {
        let statement = "SELECT audit_events_ensure_month(((now() AT TIME ZONE 'UTC')::date + make_interval(months => n))::date) \
             FROM generate_series(0, $1) AS n";
        sqlx::query(statement).bind(MONTHS_AHEAD).execute(&self.pool).await?;
        Ok(())
    }

    /// An event may be older than the first partition; what [`Event::parse`] takes bounds how many there can be.
    async fn make_months_of(&self, events: &[Event]) -> sqlx::Result<()> {
        let mut days: Vec<NaiveDate> = events.iter().map(|event| event.event_date).collect();
        days.sort_unstable();
        days.dedup();
        let statement = "SELECT audit_events_ensure_month(day) FROM unnest($1) AS day";
        sqlx::query(statement).bind(days).execute(&self.pool).await?;
        Ok(())
    }
}

/// A transaction that is dropped is rolled back.
async fn insert_and_commit(mut transaction: PgTransaction<'_>, events: &[Event]) -> Result<(), StoreError> {
    let conflicting = rows::insert(&mut transaction, events).await?;
    if !conflicting.is_empty() {
        return Err(StoreError::Conflict(conflicting));
    }
    Ok(transaction.commit().await?)
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(limit, work).await.unwrap_or(Err(StoreError::Silent(limit)))
}
