//! Reading a JSON object field by field, gathering everything that is wrong instead of stopping at the first.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use tokio::time::timeout;

use crate::{
    limits::BODY_TIMEOUT,
    problem::{FieldError, Problem},
};

/// The longest text a field may have when nothing else is said, in characters.
pub const TEXT_LIMIT: usize = 255;

/// A request body as it came; one that is too large, too slow or breaks off is answered with a [`Problem`].
pub struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Ok(read) = timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await else {
            let detail = format!("the body has not arrived within {} s", BODY_TIMEOUT.as_secs());
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body-timeout", detail));
        };
        let bytes = read.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the body is too large")
            }
            _ => Problem::bad_request(rejection.body_text()),
        })?;
        Ok(Self(bytes))
    }
}

/// A request body that is JSON; anything else is answered with a [`Problem`].
pub struct JsonBody(pub Value);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let RawBody(bytes) = RawBody::from_request(request, state).await?;
        let value =
            serde_json::from_slice(&bytes).map_err(|error| Problem::bad_request(format!("not valid JSON: {error}")))?;
        Ok(Self(value))
    }
}

/// A JSON object being read. Every getter takes its field out; [`Fields::finish`] complains about what was left over.
pub struct Fields {
    prefix: String,
    object: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Starts reading. `prefix` goes before each field's name in errors: empty, or `[3].` for an element of an array.
    ///
    /// # Errors
    /// When the value is not an object.
    pub fn new(value: Value, prefix: impl Into<String>) -> Result<Self, FieldError> {
        let prefix = prefix.into();
        match value {
            Value::Object(object) => Ok(Self { prefix, object, errors: Vec::new() }),
            // What it is instead is left out: it may be megabytes.
            _ => Err(FieldError::new(prefix.trim_end_matches('.'), "an object is expected")),
        }
    }

    /// Notes that a field is wrong.
    pub fn reject(&mut self, name: &str, detail: impl Into<String>) {
        self.errors.push(FieldError::new(format!("{}{name}", self.prefix), detail));
    }

    /// A field of any type; `null` counts as absent.
    pub fn any(&mut self, name: &str) -> Option<Value> {
        self.object.remove(name).filter(|value| !value.is_null())
    }

    fn required<T>(&mut self, name: &str, value: Option<T>) -> Option<T> {
        let is_wrong = self.errors.iter().any(|error| error.field == format!("{}{name}", self.prefix));
        if value.is_none() && !is_wrong {
            self.reject(name, "is required");
        }
        value
    }

    /// A text that may be absent, at most [`TEXT_LIMIT`] characters long.
    pub fn optional_text(&mut self, name: &str) -> Option<String> {
        self.optional_text_up_to(name, TEXT_LIMIT)
    }

    /// A text that may be absent, at most `limit` characters long. Neither empty nor with NUL, which PostgreSQL refuses.
    pub fn optional_text_up_to(&mut self, name: &str, limit: usize) -> Option<String> {
        let text = match self.any(name)? {
            Value::String(text) => text,
            _ => return self.wrong(name, "must be a string"),
        };
        if text.trim().is_empty() {
            return self.wrong(name, "must not be empty");
        }
        if text.contains('\0') {
            return self.wrong(name, "must not contain NUL");
        }
        if text.chars().count() > limit {
            return self.wrong(name, &format!("must be at most {limit} characters long"));
        }
        Some(text)
    }

    /// A text that must be there. The empty string stands in for one that is wrong; [`Fields::finish`] reports it.
    pub fn text(&mut self, name: &str) -> String {
        self.text_up_to(name, TEXT_LIMIT)
    }

    /// A text that must be there, at most `limit` characters long.
    pub fn text_up_to(&mut self, name: &str, limit: usize) -> String {
        let value = self.optional_text_up_to(name, limit);
        self.required(name, value).unwrap_or_default()
    }

    /// One of a few words, which may be absent.
    pub fn optional_word(&mut self, name: &str, words: &[&str]) -> Option<String> {
        let text = self.optional_text(name)?;
        if words.contains(&text.as_str()) {
            return Some(text);
        }
        self.wrong(name, &format!("must be one of {}", words.join(", ")))
    }

    /// One of a few words, which must be there.
    pub fn word(&mut self, name: &str, words: &[&str]) -> String {
        let value = self.optional_word(name, words);
        self.required(name, value).unwrap_or_default()
    }

    /// A whole number between `low` and `high`, which may be absent.
    pub fn optional_integer(&mut self, name: &str, low: i64, high: i64) -> Option<i64> {
        match self.any(name)?.as_i64() {
            Some(number) if (low..=high).contains(&number) => Some(number),
            _ => self.wrong(name, &format!("must be a whole number between {low} and {high}")),
        }
    }

    /// A boolean, `false` when absent.
    pub fn flag(&mut self, name: &str) -> bool {
        match self.any(name) {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(_) => self.wrong::<bool>(name, "must be true or false").unwrap_or_default(),
        }
    }

    /// An RFC 3339 timestamp that must be there.
    pub fn timestamp(&mut self, name: &str) -> Option<DateTime<Utc>> {
        let text = self.text(name);
        if text.is_empty() {
            return None;
        }
        match DateTime::parse_from_rfc3339(&text) {
            Ok(time) => Some(time.to_utc()),
            Err(_) => self.wrong(name, "must be an RFC 3339 timestamp"),
        }
    }

    /// An object that may be absent.
    pub fn optional_object(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.any(name)? {
            Value::Object(object) if has_nul(&object) => self.wrong(name, "must not contain NUL"),
            Value::Object(object) => Some(object),
            _ => self.wrong(name, "must be an object"),
        }
    }

    /// An object that must be there. The empty object stands in for one that is wrong.
    pub fn object(&mut self, name: &str) -> Map<String, Value> {
        let value = self.optional_object(name);
        self.required(name, value).unwrap_or_default()
    }

    /// Ends reading; fields that nobody asked for are left alone.
    ///
    /// # Errors
    /// Everything that was wrong.
    pub fn finish_lenient<T>(self, value: T) -> Result<T, Vec<FieldError>> {
        if self.errors.is_empty() { Ok(value) } else { Err(self.errors) }
    }

    /// Ends reading; fields that nobody asked for are errors: a misspelt name must not lose data silently.
    ///
    /// # Errors
    /// Everything that was wrong.
    pub fn finish<T>(mut self, value: T) -> Result<T, Vec<FieldError>> {
        let unknown: Vec<String> = self.object.keys().cloned().collect();
        for name in unknown {
            self.reject(&name, "is not a known field");
        }
        self.finish_lenient(value)
    }

    fn wrong<T>(&mut self, name: &str, detail: &str) -> Option<T> {
        self.reject(name, detail);
        None
    }
}

fn has_nul(object: &Map<String, Value>) -> bool {
    fn value_has_nul(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(value_has_nul),
            Value::Object(object) => has_nul(object),
            _ => false,
        }
    }
    object.iter().any(|(key, value)| key.contains('\0') || value_has_nul(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors_of(value: Value) -> Vec<(String, String)> {
        let mut fields = Fields::new(value, "[2].").unwrap();
        fields.text("name");
        fields.word("outcome", &["success", "failure"]);
        fields.timestamp("at");
        fields.optional_integer("ms", 0, 10);
        fields.object("data");
        let errors = fields.finish(()).err().unwrap_or_default();
        errors.into_iter().map(|error| (error.field, error.detail)).collect()
    }

    #[test]
    fn a_good_object_has_no_errors() {
        let good = json!({"name": "a", "outcome": "success", "at": "2025-01-31T10:00:00+02:00", "ms": 3, "data": {}});
        assert_eq!(errors_of(good), []);
    }

    #[test]
    fn everything_wrong_is_named_once() {
        let bad =
            json!({"name": " ", "outcome": "maybe", "at": "yesterday", "ms": -1, "data": {"k": ["\0"]}, "nmae": 1});
        let expected = [
            ("[2].name", "must not be empty"),
            ("[2].outcome", "must be one of success, failure"),
            ("[2].at", "must be an RFC 3339 timestamp"),
            ("[2].ms", "must be a whole number between 0 and 10"),
            ("[2].data", "must not contain NUL"),
            ("[2].nmae", "is not a known field"),
        ];
        assert_eq!(errors_of(bad), expected.map(|(field, detail)| (field.to_owned(), detail.to_owned())));
    }

    #[test]
    fn what_is_missing_is_required() {
        let names: Vec<_> =
            errors_of(json!({})).into_iter().map(|(field, detail)| format!("{field} {detail}")).collect();
        assert_eq!(names, ["[2].name", "[2].outcome", "[2].at", "[2].data"].map(|name| format!("{name} is required")));
    }
}
