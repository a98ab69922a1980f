//! The finding about one prerequisite.

use std::fmt;

use serde::Serialize;

use super::Remedy;

/// The finding about one prerequisite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The prerequisite, in a word or two.
    pub name: &'static str,
    /// Whether it is met.
    pub state: State,
}

/// Whether a prerequisite is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is met; contains what was found.
    Met(String),
    /// It is barely met.
    Advice {
        /// The current state.
        found: String,
        /// The recommended state, as a command where there is one.
        better: String,
    },
    /// It is not met.
    Missing {
        /// The current state.
        found: String,
        /// The remedy.
        remedy: Remedy,
    },
}

impl Finding {
    pub(super) fn met(name: &'static str, found: impl Into<String>) -> Finding {
        Finding { name, state: State::Met(found.into()) }
    }

    pub(super) fn advice(name: &'static str, found: impl Into<String>, better: impl Into<String>) -> Finding {
        Finding { name, state: State::Advice { found: found.into(), better: better.into() } }
    }

    pub(super) fn missing(name: &'static str, found: impl Into<String>, remedy: Remedy) -> Finding {
        Finding { name, state: State::Missing { found: found.into(), remedy } }
    }

    pub(super) fn needs_a_person(&self) -> bool {
        matches!(&self.state, State::Missing { remedy: Remedy::ByHand(_), .. })
    }

    /// Returns what was found, without the recommendation.
    #[must_use]
    pub fn found(&self) -> &str {
        match &self.state {
            State::Met(found) | State::Advice { found, .. } | State::Missing { found, .. } => found,
        }
    }

    /// Returns the remedy, if it is not met.
    #[must_use]
    pub fn remedy(&self) -> Option<&Remedy> {
        match &self.state {
            State::Missing { remedy, .. } => Some(remedy),
            _ => None,
        }
    }

    /// Returns the remedy as a person would type it; empty when nothing is missing.
    #[must_use]
    pub fn remedy_text(&self) -> String {
        self.remedy().map(Remedy::to_string).unwrap_or_default()
    }
}

/// A finding in JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Fields<'a> {
    /// The prerequisite, in a word or two.
    name: &'a str,
    /// Whether it is met.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["met", "advice", "missing"])))]
    state: &'a str,
    /// What was found.
    found: &'a str,
    /// The remedy or recommendation; null when it is met.
    remedy: Option<String>,
}

/// `{name, state, found, remedy}`.
impl Serialize for Finding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (state, remedy) = match &self.state {
            State::Met(_) => ("met", None),
            State::Advice { better, .. } => ("advice", Some(better.clone())),
            State::Missing { remedy, .. } => ("missing", Some(remedy.to_string())),
        };
        Fields { name: self.name, state, found: self.found(), remedy }.serialize(serializer)
    }
}

/// The schema of the serialized form.
#[cfg(feature = "schema")]
impl schemars::JsonSchema for Finding {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Finding".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Fields::json_schema(generator)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Met(found) => write!(f, "ok       {:<8} {found}", self.name),
            State::Advice { found, better } => write!(f, "advice   {:<8} {found}; better: {better}", self.name),
            State::Missing { found, remedy } => write!(f, "missing  {:<8} {found}; remedy: {remedy}", self.name),
        }
    }
}
