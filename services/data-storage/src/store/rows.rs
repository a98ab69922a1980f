//! Events as columns: one statement inserts one event or ten thousand, prepared once.

use sqlx::{Arguments, PgConnection, error::BoxDynError, postgres::PgArguments, types::Json};
use uuid::Uuid;

use crate::event::Event;

/// The columns of an event, in one place: what is inserted, and what is selected.
macro_rules! columns {
    () => {
        "event_id, event_date, event_timestamp, version, event_type, event_category, event_action, event_outcome, \
         correlation_id, actor_type, actor_id, resource_type, resource_id, namespace, duration_ms, severity, event_data"
    };
}
pub(super) use columns;

/// What is sent, as rows.
macro_rules! sent {
    () => {
        concat!(
            "unnest($1::uuid[], $2::date[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], \
             $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::bigint[], \
             $16::text[], $17::jsonb[]) AS sent (",
            columns!(),
            ")"
        )
    };
}

/// An id that is there already is left as it is. Ids are taken in order, so that two statements that have some in common
/// wait for each other on one side only.
const INSERT: &str = concat!(
    "WITH taken AS (INSERT INTO audit_event_ids \
     SELECT * FROM unnest($1::uuid[], $2::date[]) AS sent (event_id, event_date) \
     ORDER BY event_id ON CONFLICT DO NOTHING RETURNING event_id, event_date) INSERT INTO audit_events (",
    columns!(),
    ") SELECT ",
    columns!(),
    " FROM ",
    sent!(),
    " JOIN taken USING (event_id, event_date) ON CONFLICT DO NOTHING"
);

/// The ids of those events that are not stored as they were sent. PostgreSQL compares: it knows that 1 and 1.0 are one.
const CONFLICTING: &str = concat!(
    "SELECT event_id FROM (SELECT ",
    columns!(),
    " FROM ",
    sent!(),
    " EXCEPT SELECT ",
    columns!(),
    " FROM audit_events JOIN audit_event_ids USING (event_id, event_date) WHERE event_id = ANY ($1)) AS conflicting"
);

/// Inserts all of these events that are not there yet, and answers with the ids that other events have.
pub(super) async fn insert(connection: &mut PgConnection, events: &[Event]) -> sqlx::Result<Vec<Uuid>> {
    let inserted = sqlx::query_with(INSERT, arguments(events)?).execute(&mut *connection).await?.rows_affected();
    if inserted == events.len() as u64 {
        return Ok(Vec::new());
    }
    sqlx::query_scalar_with(CONFLICTING, arguments(events)?).fetch_all(connection).await
}

/// The events, column by column.
fn arguments(events: &[Event]) -> sqlx::Result<PgArguments> {
    fn column<'a, T>(events: &'a [Event], value: impl Fn(&'a Event) -> T) -> Vec<T> {
        events.iter().map(value).collect()
    }
    let mut arguments = PgArguments::default();
    let mut add = || -> Result<(), BoxDynError> {
        arguments.add(column(events, |event| event.event_id))?;
        arguments.add(column(events, |event| event.event_date))?;
        arguments.add(column(events, |event| event.event_timestamp))?;
        arguments.add(column(events, |event| event.version.as_str()))?;
        arguments.add(column(events, |event| event.event_type.as_str()))?;
        arguments.add(column(events, |event| event.event_category.as_str()))?;
        arguments.add(column(events, |event| event.event_action.as_str()))?;
        arguments.add(column(events, |event| event.event_outcome.as_str()))?;
        arguments.add(column(events, |event| event.correlation_id.as_str()))?;
        arguments.add(column(events, |event| event.actor_type.as_deref()))?;
        arguments.add(column(events, |event| event.actor_id.as_deref()))?;
        arguments.add(column(events, |event| event.resource_type.as_deref()))?;
        arguments.add(column(events, |event| event.resource_id.as_deref()))?;
        arguments.add(column(events, |event| event.namespace.as_deref()))?;
        arguments.add(column(events, |event| event.duration_ms))?;
        arguments.add(column(events, |event| event.severity.as_deref()))?;
        arguments.add(column(events, |event| Json(&event.event_data)))
    };
    add().map_err(sqlx::Error::Encode)?;
    Ok(arguments)
}
