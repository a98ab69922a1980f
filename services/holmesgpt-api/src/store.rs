//! The investigations in PostgreSQL.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use serde_json::Value;
use service_common::database::is_passing;
use sqlx::{PgPool, types::Json};
use tokio::time::timeout;
use uuid::Uuid;

/// Whether the tables are there.
pub const IS_MIGRATED: &str = "SELECT to_regclass('investigations') IS NOT NULL \
     AND to_regclass('mock_failures') IS NOT NULL";

/// An answer waits no longer than this for a database that has just gone: whoever asked has his patience, too.
pub const KEEP_TIMEOUT: Duration = Duration::from_secs(5);

/// An investigation to be kept.
#[derive(Debug)]
pub struct Investigation<'a> {
    /// Names it.
    pub id: Uuid,
    /// `incident` or `recovery`.
    pub kind: &'static str,
    /// Names the incident.
    pub incident_id: &'a str,
    /// Names the remediation that asked.
    pub remediation_id: &'a str,
    /// Type of signal, if it was given.
    pub signal_type: Option<&'a str>,
    /// What was asked.
    pub request: Value,
    /// What was answered.
    pub answer: &'a Value,
    /// How long it took.
    pub duration: Duration,
}

/// The service's tables.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
}

impl Store {
    /// The tables behind this pool.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Keeps an investigation; while PostgreSQL is away, tries again for a few seconds.
    ///
    /// # Errors
    /// When PostgreSQL stays away, or refuses.
    pub async fn keep(&self, investigation: Investigation<'_>) -> sqlx::Result<()> {
        let patience = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_millis(500))
            .with_jitter()
            .without_max_times();
        let keeping = (|| self.insert(&investigation))
            .retry(patience)
            .when(is_passing)
            .notify(|error, after| tracing::warn!(%error, ?after, "an investigation cannot be kept yet"));
        timeout(KEEP_TIMEOUT, keeping).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// An investigation that is there already is left as it is: the answer to the first try may have been lost.
    async fn insert(&self, investigation: &Investigation<'_>) -> sqlx::Result<()> {
        let statement = "INSERT INTO investigations (id, kind, incident_id, remediation_id, signal_type, request, answer, \
             duration_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
        sqlx::query(statement)
            .bind(investigation.id)
            .bind(investigation.kind)
            .bind(investigation.incident_id)
            .bind(investigation.remediation_id)
            .bind(investigation.signal_type)
            .bind(Json(&investigation.request))
            .bind(Json(investigation.answer))
            .bind(i64::try_from(investigation.duration.as_millis()).unwrap_or(i64::MAX))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Remembers that the mock has failed an incident, and says whether this was the first time. One statement, so that
    /// of two replicas asked at once exactly one is the first.
    ///
    /// # Errors
    /// When PostgreSQL is away or refuses.
    pub async fn remember_failure(&self, remediation_id: &str, incident_id: &str) -> sqlx::Result<bool> {
        let statement =
            "INSERT INTO mock_failures (remediation_id, incident_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let done = sqlx::query(statement).bind(remediation_id).bind(incident_id).execute(&self.pool).await?;
        Ok(done.rows_affected() == 1)
    }
}
