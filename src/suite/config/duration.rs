//! Durations as written by people: `90s`, `2m`, `1m30s`.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, fmt::friendly::SpanPrinter};
use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

/// Parses `90s`, `2m`, `1m 30s`.
///
/// # Errors
/// The problem: the text is not a duration, or not a positive one.
pub fn parse(text: &str) -> Result<Duration, String> {
    let signed: SignedDuration =
        text.parse().map_err(|_| format!("{text:?} is not a duration; write it like `90s` or `2m`"))?;
    Duration::try_from(signed)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| format!("{text:?} is not a positive duration"))
}

/// Formats a duration as `1m 30s`.
pub(crate) fn to_text(duration: Duration) -> String {
    SpanPrinter::new().unsigned_duration_to_string(&duration)
}

pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&to_text(*duration))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_str(Text { may_be_nothing: false })
}

/// Durations that may be zero: `0s`.
pub(crate) mod or_nothing {
    use super::*;

    pub(crate) use super::serialize;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        deserializer.deserialize_str(Text { may_be_nothing: true })
    }
}

struct Text {
    may_be_nothing: bool,
}

impl Visitor<'_> for Text {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.may_be_nothing {
            false => "a duration such as `90s` or `2m`",
            true => "a duration such as `10s`, or `0s` for none",
        })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        if self.may_be_nothing && text.trim() == "0s" {
            return Ok(Duration::ZERO);
        }
        parse(text).map_err(E::custom)
    }
}
