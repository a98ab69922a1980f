//! The investigations in PostgreSQL.

use std::time::Duration;

use serde_json::Value;
use sqlx::{PgPool, types::Json};
use uuid::Uuid;

/// Whether the table is there.
pub const IS_MIGRATED: &str = "SELECT to_regclass('investigations') IS NOT NULL";

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
    pub request: &'a Value,
    /// What was answered.
    pub answer: &'a Value,
    /// How long it took.
    pub duration: Duration,
}

/// The table of investigations.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
}

impl Store {
    /// The table behind this pool.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Keeps an investigation.
    ///
    /// # Errors
    /// When PostgreSQL is away or refuses.
    pub async fn keep(&self, investigation: Investigation<'_>) -> sqlx::Result<()> {
        let statement = "INSERT INTO investigations (id, kind, incident_id, remediation_id, signal_type, request, answer, \
             duration_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        sqlx::query(statement)
            .bind(investigation.id)
            .bind(investigation.kind)
            .bind(investigation.incident_id)
            .bind(investigation.remediation_id)
            .bind(investigation.signal_type)
            .bind(Json(investigation.request))
            .bind(Json(investigation.answer))
            .bind(i64::try_from(investigation.duration.as_millis()).unwrap_or(i64::MAX))
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
