//! The events in PostgreSQL.

use sqlx::{PgPool, Postgres, QueryBuilder};

use crate::{event::Event, query::Query};

/// Months after this one that have their partition made ahead of time.
const MONTHS_AHEAD: i32 = 3;

/// Whether the table is there, and the partitions of this month and the three ahead.
pub const IS_PREPARED: &str = "SELECT count(to_regclass('audit_events_' || to_char(month, 'YYYY_MM'))) = 4 \
     FROM generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'), \
     date_trunc('month', now() AT TIME ZONE 'UTC') + interval '3 months', '1 month') AS month";

/// The columns of an event, in one place: what is inserted, and what is selected.
const COLUMNS: &str = "event_id, event_date, event_timestamp, version, event_type, event_category, event_action, \
     event_outcome, correlation_id, actor_type, actor_id, resource_type, resource_id, namespace, duration_ms, severity, \
     event_data";

/// One statement for one event and for a thousand, prepared once. An event that is there already is left as it is: that
/// makes sending an event again harmless.
const INSERT: &str = "INSERT INTO audit_events (event_id, event_date, event_timestamp, version, event_type, \
     event_category, event_action, event_outcome, correlation_id, actor_type, actor_id, resource_type, resource_id, \
     namespace, duration_ms, severity, event_data) \
     SELECT * FROM jsonb_to_recordset($1) AS e(event_id uuid, event_date date, event_timestamp timestamptz, version text, \
     event_type text, event_category text, event_action text, event_outcome text, correlation_id text, actor_type text, \
     actor_id text, resource_type text, resource_id text, namespace text, duration_ms bigint, severity text, \
     event_data jsonb) ON CONFLICT DO NOTHING";

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

    /// Keeps all of these events, or none.
    ///
    /// # Errors
    /// When PostgreSQL is away or refuses.
    pub async fn insert(&self, events: &[Event]) -> sqlx::Result<()> {
        match self.insert_once(events).await {
            Err(sqlx::Error::Database(error)) if error.message().starts_with("no partition of relation") => {
                self.make_months_of(events).await?;
                self.insert_once(events).await
            }
            result => result,
        }
    }

    async fn insert_once(&self, events: &[Event]) -> sqlx::Result<()> {
        sqlx::query(INSERT).bind(sqlx::types::Json(events)).execute(&self.pool).await?;
        Ok(())
    }

    /// An event may be older than the first partition.
    async fn make_months_of(&self, events: &[Event]) -> sqlx::Result<()> {
        let mut days: Vec<_> = events.iter().map(|event| event.event_date).collect();
        days.sort_unstable();
        days.dedup();
        let statement = "SELECT audit_events_ensure_month(day) FROM unnest($1) AS day";
        sqlx::query(statement).bind(days).execute(&self.pool).await?;
        Ok(())
    }

    /// The events that a query asks for, newest first, and how many there are in all.
    ///
    /// # Errors
    /// When PostgreSQL is away or refuses.
    pub async fn find(&self, query: &Query) -> sqlx::Result<(Vec<Event>, i64)> {
        let mut count = QueryBuilder::new("SELECT count(*) FROM audit_events");
        conditions(&mut count, query);
        let total: i64 = count.build_query_scalar().fetch_one(&self.pool).await?;
        if total <= query.offset {
            return Ok((Vec::new(), total));
        }
        let mut select = QueryBuilder::new("SELECT ");
        select.push(COLUMNS).push(" FROM audit_events");
        conditions(&mut select, query);
        select.push(" ORDER BY event_timestamp DESC, event_id DESC LIMIT ").push_bind(query.limit);
        select.push(" OFFSET ").push_bind(query.offset);
        Ok((select.build_query_as().fetch_all(&self.pool).await?, total))
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
}

fn conditions(builder: &mut QueryBuilder<Postgres>, query: &Query) {
    builder.push(" WHERE true");
    for (column, value) in &query.equal {
        builder.push(" AND ").push(*column).push(" = ").push_bind(value.clone());
    }
    if let Some(since) = query.since {
        builder.push(" AND event_timestamp >= ").push_bind(since);
        builder.push(" AND event_date >= ").push_bind(since.date_naive());
    }
    if let Some(until) = query.until {
        builder.push(" AND event_timestamp < ").push_bind(until);
        builder.push(" AND event_date <= ").push_bind(until.date_naive());
    }
}
