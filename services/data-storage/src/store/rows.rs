//! Events as columns: one statement inserts one event or ten thousand, prepared once.

use sqlx::{PgConnection, types::Json};

use crate::event::Event;

/// The columns of an event, in one place: what is inserted, and what is selected.
macro_rules! columns {
    () => {
        "event_id, event_date, event_timestamp, version, event_type, event_category, event_action, event_outcome, \
         correlation_id, actor_type, actor_id, resource_type, resource_id, namespace, duration_ms, severity, event_data"
    };
}
pub(super) use columns;

/// An event that is there already is left as it is: that makes sending an event again harmless.
const INSERT: &str = concat!(
    "INSERT INTO audit_events (",
    columns!(),
    ") SELECT * FROM unnest($1::uuid[], $2::date[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], \
     $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::bigint[], \
     $16::text[], $17::jsonb[]) ON CONFLICT DO NOTHING"
);

/// Inserts all of these events, or none.
pub(super) async fn insert(connection: &mut PgConnection, events: &[Event]) -> sqlx::Result<()> {
    fn column<'a, T>(events: &'a [Event], value: impl Fn(&'a Event) -> T) -> Vec<T> {
        events.iter().map(value).collect()
    }
    sqlx::query(INSERT)
        .bind(column(events, |event| event.event_id))
        .bind(column(events, |event| event.event_date))
        .bind(column(events, |event| event.event_timestamp))
        .bind(column(events, |event| event.version.as_str()))
        .bind(column(events, |event| event.event_type.as_str()))
        .bind(column(events, |event| event.event_category.as_str()))
        .bind(column(events, |event| event.event_action.as_str()))
        .bind(column(events, |event| event.event_outcome.as_str()))
        .bind(column(events, |event| event.correlation_id.as_str()))
        .bind(column(events, |event| event.actor_type.as_deref()))
        .bind(column(events, |event| event.actor_id.as_deref()))
        .bind(column(events, |event| event.resource_type.as_deref()))
        .bind(column(events, |event| event.resource_id.as_deref()))
        .bind(column(events, |event| event.namespace.as_deref()))
        .bind(column(events, |event| event.duration_ms))
        .bind(column(events, |event| event.severity.as_deref()))
        .bind(column(events, |event| Json(&event.event_data)))
        .execute(connection)
        .await?;
    Ok(())
}
