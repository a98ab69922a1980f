//! Questions about events: filters and a page, from the query string.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use service_common::{Problem, problem::FieldError};

use crate::event::{OUTCOMES, SEVERITIES};

/// Most events in one answer.
pub const MAX_LIMIT: i64 = 1000;
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
}

impl Query {
    /// Reads a query from its parameters.
    ///
    /// # Errors
    /// A problem that names every parameter that is wrong, unknown or given twice.
    pub fn parse(parameters: Vec<(String, String)>) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        let mut query = Self { equal: BTreeMap::new(), since: None, until: None, limit: DEFAULT_LIMIT, offset: 0 };
        let mut seen = Vec::new();
        for (name, value) in parameters {
            let result = if seen.contains(&name) { Err("is given twice".to_owned()) } else { query.set(&name, value) };
            if let Err(detail) = result {
                errors.push(FieldError::new(name.clone(), detail));
            }
            seen.push(name);
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
            "offset" => self.offset = number(&value, 0, i64::from(i32::MAX))?,
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

    /// Where this query's page lies among `total` events.
    pub fn pagination(&self, total: i64) -> Pagination {
        let has_more = self.offset.saturating_add(self.limit) < total;
        Pagination { limit: self.limit, offset: self.offset, total, has_more }
    }
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

    fn parse(pairs: &[(&str, &str)]) -> Result<Query, Problem> {
        Query::parse(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn defaults_and_everything() {
        assert_eq!(parse(&[]).unwrap().limit, 100);
        let query = parse(&[("event_outcome", "failure"), ("since", "2025-01-01T00:00:00Z"), ("limit", "7")]).unwrap();
        assert_eq!(query.equal["event_outcome"], "failure");
        assert!(query.since.is_some());
        assert_eq!(query.pagination(8), Pagination { limit: 7, offset: 0, total: 8, has_more: true });
        assert!(!query.pagination(7).has_more);
    }

    #[test]
    fn each_wrong_parameter_is_named() {
        let cases = [
            ("limit", "0"),
            ("limit", "1001"),
            ("limit", "ten"),
            ("offset", "-1"),
            ("offset", "99999999999999999999"),
            ("since", "yesterday"),
            ("severity", "terrible"),
            ("correlation_id", ""),
            ("corelation_id", "x"),
        ];
        for (name, value) in cases {
            let problem = parse(&[(name, value)]).expect_err(&format!("{name}={value} must be refused"));
            assert_eq!(problem.errors()[0].field, name);
        }
        assert_eq!(parse(&[("limit", "1"), ("limit", "2")]).unwrap_err().errors().len(), 1);
    }
}
