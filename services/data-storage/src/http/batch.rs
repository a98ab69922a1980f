//! Reading events from a body, a batch element by element: four megabytes may have two million elements, which must
//! neither be held as JSON all at once nor be complained about one by one.

use std::{collections::HashSet, fmt};

use chrono::{DateTime, Utc};
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;
use service_common::{Problem, problem::FieldError};

use crate::{event::Event, json};

/// Most events in a batch.
pub(super) const MOST: usize = 10_000;
/// After so many complaints reading ends.
pub(super) const ENOUGH_ERRORS: usize = 50;

/// Reads one event.
///
/// # Errors
/// A problem that names the fields that are wrong.
pub(super) fn parse_one(body: &[u8], now: DateTime<Utc>) -> Result<Event, Problem> {
    check(body)?;
    let json = serde_json::from_slice(body).map_err(not_json)?;
    Event::parse(json, "", now).map_err(Problem::invalid_fields)
}

fn check(body: &[u8]) -> Result<(), Problem> {
    json::has_nul(body).map(drop).map_err(not_json)
}

fn not_json(error: serde_json::Error) -> Problem {
    Problem::bad_request(format!("not valid JSON: {error}"))
}

/// Reads a batch.
///
/// # Errors
/// A problem that names elements by index, at most the first fifty complaints.
pub(super) fn parse(body: &[u8], now: DateTime<Utc>) -> Result<Vec<Event>, Problem> {
    check(body)?;
    let mut batch = Batch { now, events: Vec::new(), ids: HashSet::new(), errors: Vec::new() };
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = batch.deserialize(&mut json).and_then(|()| json.end());
    if !batch.errors.is_empty() {
        return Err(Problem::invalid_fields(batch.errors));
    }
    read.map_err(|error| Problem::bad_request(error.to_string()))?;
    if batch.events.is_empty() {
        return Err(Problem::bad_request("the array of events is empty"));
    }
    Ok(batch.events)
}

struct Batch {
    now: DateTime<Utc>,
    events: Vec<Event>,
    ids: HashSet<uuid::Uuid>,
    errors: Vec<FieldError>,
}

impl Batch {
    fn element(&mut self, index: usize, json: &RawValue) {
        match Event::parse(json, &format!("[{index}]."), self.now) {
            // The second would be passed over as the first one sent again, and be lost.
            Ok(event) if !self.ids.insert(event.event_id) => {
                self.errors.push(FieldError::new(format!("[{index}].event_id"), "is another event's in this batch"));
            }
            Ok(event) => self.events.push(event),
            Err(errors) => self.errors.extend(errors),
        }
    }
}

impl<'de> DeserializeSeed<'de> for &mut Batch {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Batch {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(json) = elements.next_element()? {
            if index == MOST {
                return Err(A::Error::custom(format!("more than {MOST} events in a batch")));
            }
            self.element(index, json);
            if self.errors.len() >= ENOUGH_ERRORS {
                self.errors.truncate(ENOUGH_ERRORS);
                return Err(A::Error::custom("too many errors"));
            }
            index += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::tests::sample;

    fn refused(body: &str) -> Problem {
        parse(body.as_bytes(), Utc::now()).expect_err("must be refused")
    }

    #[test]
    fn elements_are_named_by_index_and_complaints_end() {
        let mut bad = sample();
        bad["event_outcome"] = json!("maybe");
        let problem = refused(&json!([sample(), bad, 7]).to_string());
        let fields: Vec<_> = problem.errors().iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["[1].event_outcome", "[2]"]);

        let sevens = format!("[{}7]", "7,".repeat(2_000_000));
        assert_eq!(refused(&sevens).errors().len(), ENOUGH_ERRORS);
    }

    #[test]
    fn an_id_is_one_events() {
        let mut event = sample();
        event["event_id"] = json!("018f0000-0000-7000-8000-000000000001");
        assert_eq!(refused(&json!([event, event]).to_string()).errors()[0].field, "[1].event_id");
    }

    #[test]
    fn what_is_no_array_of_events_is_refused() {
        for body in ["{}", "7", "[]", "[", "[{}", "", "null", "[] []"] {
            assert!(refused(body).errors().is_empty(), "{body}");
        }
        let many = format!("[{}]", vec![sample().to_string(); MOST + 1].join(","));
        assert!(parse(many.as_bytes(), Utc::now()).is_err());
    }
}
