//! Questions about events: filters and a page, from the query string.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use service_common::{Problem, problem::FieldError};

use crate::{
    event::{OUTCOMES, SEVERITIES},
    store::Page,
};

/// Most events in one answer.
pub const MAX_LIMIT: i64 = 1000;
/// Most events to pass over: PostgreSQL reads all of them. Who wants to go further asks `until` the last one's time.
pub const MAX_OFFSET: i64 = 100_000;
const DEFAULT_LIMIT: i64 = 100;

/// Which events are asked for, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Column → the value it must have.
    pub equal: BTreeMap<&'static str, String>,
    /// Not before.
    pub since: Option<DateTime<Utc>>,
    /// Before.
    pub until: Option<DateTime<Utc>>,
    /// Most events in the answer.
    pub limit: i64,
    /// Events to pass over.
    pub offset: i64,
}

/// Where a page lies in the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pagination {
    /// Most events on this page.
    pub limit: i64,
    /// Events before this page.
    pub offset: i64,
    /// Events in all.
    pub total: i64,
    /// There are events after this page.
    pub has_more: bool,
    /// There are at least `total` events; more than [`crate::store::EXACT_TOTAL`] are not counted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub total_is_lower_bound: bool,
}

impl Query {
    /// Reads a query from a URL's query string.
    ///
    /// # Errors
    /// A problem that names every parameter that is wrong, unknown or given twice.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        let mut query = Self { equal: BTreeMap::new(), since: None, until: None, limit: DEFAULT_LIMIT, offset: 0 };
        let mut seen = Vec::new();
        for parameter in text.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let result = if seen.contains(&name) {
                Err("is given twice".to_owned())
            } else {
                decode(value).and_then(|value| query.set(name, value))
            };
            if let Err(detail) = result {
                errors.push(FieldError::new(name, detail));
            }
            seen.push(name);
        }
        if let (Some(since), Some(until)) = (query.since, query.until)
            && since > until
        {
            errors.push(FieldError::new("until", "is before since"));
        }
        if errors.is_empty() { Ok(query) } else { Err(Problem::invalid_fields(errors)) }
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "correlation_id" => self.equals("correlation_id", value, &[])?,
            "event_type" => self.equals("event_type", value, &[])?,
            "event_category" => self.equals("event_category", value, &[])?,
            "event_outcome" => self.equals("event_outcome", value, OUTCOMES)?,
            "severity" => self.equals("severity", value, SEVERITIES)?,
            "since" => self.since = Some(time(&value)?),
            "until" => self.until = Some(time(&value)?),
            "limit" => self.limit = number(&value, 1, MAX_LIMIT)?,
            "offset" => self.offset = number(&value, 0, MAX_OFFSET)?,
            _ => return Err("is not a known parameter".to_owned()),
        }
        Ok(())
    }

    fn equals(&mut self, column: &'static str, value: String, words: &[&str]) -> Result<(), String> {
        if value.is_empty() || value.contains('\0') {
            return Err("must not be empty, nor contain NUL".to_owned());
        }
        if !words.is_empty() && !words.contains(&value.as_str()) {
            return Err(format!("must be one of {}", words.join(", ")));
        }
        self.equal.insert(column, value);
        Ok(())
    }

    /// Where this query's page lies.
    pub fn pagination(&self, page: &Page) -> Pagination {
        let Page { total, total_is_lower_bound, has_more, .. } = *page;
        Pagination { limit: self.limit, offset: self.offset, total, has_more, total_is_lower_bound }
    }
}

/// Strictly: what is not UTF-8 would otherwise be looked for with other characters in its place, and not be found.
fn decode(text: &str) -> Result<String, String> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| "is not UTF-8".to_owned())?;
    Ok(decoded.into_owned())
}

fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let time = DateTime::parse_from_rfc3339(text).map_err(|_| "must be an RFC 3339 timestamp".to_owned())?;
    Ok(time.to_utc())
}

fn number(text: &str, low: i64, high: i64) -> Result<i64, String> {
    let number = text.parse().ok().filter(|number| (low..=high).contains(number));
    number.ok_or_else(|| format!("must be a whole number between {low} and {high}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_everything() {
        let query = Query::parse("").unwrap();
        assert_eq!((query.limit, query.offset), (100, 0));
        let query =
            Query::parse("event_outcome=failure&since=2025-01-01T00:00:00Z&limit=7&correlation_id=a+b%2Bc%3D%C3%BC%27")
                .unwrap();
        assert_eq!(query.equal["event_outcome"], "failure");
        assert_eq!(query.equal["correlation_id"], "a b+c=ü'");
        assert!(query.since.is_some());
        assert_eq!(query.limit, 7);
    }

    #[test]
    fn each_wrong_parameter_is_named() {
        let cases = [
            "limit=0",
            "limit=1001",
            "limit=ten",
            "limit=1.5",
            "limit=",
            "offset=-1",
            "offset=100001",
            "offset=99999999999999999999",
            "since=yesterday",
            "until=2025-02-30T00:00:00Z",
            "severity=terrible",
            "event_outcome=Success",
            "correlation_id=",
            "correlation_id",
            "correlation_id=%00",
            "correlation_id=%FF",
            "corelation_id=x",
        ];
        for case in cases {
            let problem = Query::parse(case).expect_err(&format!("{case} must be refused"));
            assert_eq!(Some(problem.errors()[0].field.as_str()), case.split('=').next(), "{case}");
        }
        assert_eq!(Query::parse("limit=1&limit=2").unwrap_err().errors().len(), 1);
        let backwards = "since=2025-01-02T00:00:00Z&until=2025-01-01T00:00:00Z";
        assert_eq!(Query::parse(backwards).unwrap_err().errors()[0].field, "until");
    }
}
