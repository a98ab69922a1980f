//! What was found of one prerequisite.

use std::fmt;

use super::Remedy;

/// What was found of one prerequisite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The prerequisite, in a word or two.
    pub name: &'static str,
    /// What was found.
    pub state: State,
}

/// Whether a prerequisite is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is; this is what was found.
    Met(String),
    /// It is, barely: this is what was found, and what would be better.
    Advice {
        /// What was found.
        found: String,
        /// What would be better, as a command where there is one.
        better: String,
    },
    /// It is not.
    Missing {
        /// What was found instead.
        found: String,
        /// What mends it.
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

    /// What was found, without what would be better.
    #[must_use]
    pub fn found(&self) -> &str {
        match &self.state {
            State::Met(found) | State::Advice { found, .. } | State::Missing { found, .. } => found,
        }
    }

    /// What mends it, when it is missing.
    #[must_use]
    pub fn remedy(&self) -> Option<&Remedy> {
        match &self.state {
            State::Missing { remedy, .. } => Some(remedy),
            _ => None,
        }
    }

    /// For scripts: `name`, `state` (met, advice or missing), `found`, and `remedy` where there is one.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let (state, found, remedy) = match &self.state {
            State::Met(found) => ("met", found, None),
            State::Advice { found, better } => ("advice", found, Some(better.clone())),
            State::Missing { found, remedy } => ("missing", found, Some(remedy.to_string())),
        };
        serde_json::json!({"name": self.name, "state": state, "found": found, "remedy": remedy})
    }

    /// What mends it, as a person would type it; empty when nothing is missing.
    #[must_use]
    pub fn remedy_text(&self) -> String {
        self.remedy().map(Remedy::to_string).unwrap_or_default()
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
