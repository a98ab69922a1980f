//! An audit event: what a client may send, and what is kept.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service_common::{fields::Fields, problem::FieldError};
use uuid::Uuid;

use crate::json::{self, Shallow};

/// How an event can have ended.
pub const OUTCOMES: &[&str] = &["success", "failure", "pending"];
/// How grave an event can be.
pub const SEVERITIES: &[&str] = &["critical", "high", "medium", "low", "warning", "info", "error"];
/// Days that an event is kept; older ones are not taken either.
pub const RETENTION_DAYS: i64 = 2555;

/// An audit event as it is kept and answered.
#[derive(Debug, Clone, Serialize, Deserialize, sqlx::FromRow)]
pub struct Event {
    /// Names the event. A client that may have to send an event twice gives it, and the event is kept once.
    pub event_id: Uuid,
    /// The day of `event_timestamp` in UTC: the partition key.
    pub event_date: NaiveDate,
    /// When it happened.
    pub event_timestamp: DateTime<Utc>,
    /// Version of the event's format.
    pub version: String,
    /// What happened: `aianalysis.phase.transition`.
    pub event_type: String,
    /// The part of the system: `analysis`.
    pub event_category: String,
    /// The verb: `transition`.
    pub event_action: String,
    /// One of [`OUTCOMES`].
    pub event_outcome: String,
    /// What belongs together: the remediation's id.
    pub correlation_id: String,
    /// Kind of who did it.
    pub actor_type: Option<String>,
    /// Who did it.
    pub actor_id: Option<String>,
    /// Kind of what it was done to.
    pub resource_type: Option<String>,
    /// What it was done to.
    pub resource_id: Option<String>,
    /// Kubernetes namespace of the resource.
    pub namespace: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<i64>,
    /// One of [`SEVERITIES`].
    pub severity: Option<String>,
    /// Everything else, by type of event: the text of an object.
    #[sqlx(json)]
    pub event_data: Box<RawValue>,
}

impl Event {
    /// Reads an event from what is known to be JSON. `prefix` goes before field names in errors; `now` bounds the timestamp.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn parse(json: &RawValue, prefix: &str, now: DateTime<Utc>) -> Result<Self, Vec<FieldError>> {
        let Shallow { value, text } =
            Shallow::read(json, "event_data").map_err(|error| vec![FieldError::new(prefix, error.to_string())])?;
        let mut fields = Fields::new(value, prefix).map_err(|error| vec![error])?;
        let event_id = event_id(&mut fields);
        let event_timestamp = timestamp(&mut fields, now);
        let event = Self {
            event_id,
            event_date: event_timestamp.date_naive(),
            event_timestamp,
            version: fields.text_up_to("version", 16),
            event_type: fields.text("event_type"),
            event_category: fields.text("event_category"),
            event_action: fields.text("event_action"),
            event_outcome: fields.word("event_outcome", OUTCOMES),
            correlation_id: fields.text("correlation_id"),
            actor_type: fields.optional_text("actor_type"),
            actor_id: fields.optional_text("actor_id"),
            resource_type: fields.optional_text("resource_type"),
            resource_id: fields.optional_text("resource_id"),
            namespace: fields.optional_text_up_to("namespace", 63),
            duration_ms: fields.optional_integer("duration_ms", 0, i64::MAX),
            severity: fields.optional_word("severity", SEVERITIES),
            event_data: event_data(&mut fields, text),
        };
        fields.finish(event)
    }
}

fn event_id(fields: &mut Fields) -> Uuid {
    let Some(text) = fields.optional_text("event_id") else { return Uuid::now_v7() };
    Uuid::parse_str(&text).unwrap_or_else(|_| {
        fields.reject("event_id", "must be a UUID");
        Uuid::nil()
    })
}

/// `null` stands in for what is wrong.
fn event_data(fields: &mut Fields, text: Option<&RawValue>) -> Box<RawValue> {
    let wrong = match text.map(RawValue::get) {
        None | Some("null") => "is required",
        Some(text) if !text.starts_with('{') => "must be an object",
        Some(text) if json::has_nul(text.as_bytes()).unwrap_or(true) => "must not contain NUL",
        Some(_) => return text.map(RawValue::to_owned).unwrap_or_default(),
    };
    fields.reject("event_data", wrong);
    Box::default()
}

/// PostgreSQL keeps microseconds; what is answered is what is kept.
fn timestamp(fields: &mut Fields, now: DateTime<Utc>) -> DateTime<Utc> {
    let Some(time) = fields.timestamp("event_timestamp") else { return now };
    if time > now + TimeDelta::days(1) || time < now - TimeDelta::days(RETENTION_DAYS) {
        fields
            .reject("event_timestamp", format!("must be within the last {RETENTION_DAYS} days, and not in the future"));
    }
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json, value::to_raw_value};

    use super::*;

    pub(crate) fn sample() -> Value {
        json!({
            "version": "1.0", "event_type": "aianalysis.phase.transition", "event_category": "analysis",
            "event_action": "transition", "event_outcome": "success", "event_timestamp": Utc::now().to_rfc3339(),
            "correlation_id": "rem-1", "event_data": {"old_phase": "Pending", "new_phase": "Investigating"},
        })
    }

    fn with(name: &str, value: Value) -> Result<Event, Vec<FieldError>> {
        let mut event = sample();
        event[name] = value;
        Event::parse(&to_raw_value(&event).unwrap(), "", Utc::now())
    }

    #[test]
    fn a_good_event_is_taken_and_gets_an_id_and_a_date() {
        let event = with("duration_ms", json!(12)).unwrap();
        assert_eq!(event.event_date, event.event_timestamp.date_naive());
        assert_eq!(event.event_id.get_version_num(), 7);
        assert_eq!(event.duration_ms, Some(12));
    }

    #[test]
    fn a_client_may_name_its_event() {
        let id = Uuid::now_v7();
        assert_eq!(with("event_id", json!(id)).unwrap().event_id, id);
    }

    #[test]
    fn each_wrong_field_is_named() {
        let cases = [
            ("event_outcome", json!("maybe")),
            ("event_timestamp", json!("2025-13-01T00:00:00Z")),
            ("event_timestamp", json!("2999-01-01T00:00:00Z")),
            ("event_timestamp", json!("1999-01-01T00:00:00Z")),
            ("event_timestamp", json!("1970-01-01T00:00:00Z")),
            ("event_type", json!(7)),
            ("correlation_id", json!("")),
            ("duration_ms", json!(-1)),
            ("duration_ms", json!(1.5)),
            ("severity", json!("terrible")),
            ("event_data", json!([])),
            ("event_data", json!({"a": {"b": "\u{0}"}})),
            ("event_id", json!("7")),
            ("event_tpye", json!("x")),
            ("namespace", json!("n".repeat(64))),
        ];
        for (name, value) in cases {
            let errors = with(name, value.clone()).expect_err(&format!("{name}={value} must be refused"));
            assert_eq!(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), [name], "{value}");
        }
    }
}
