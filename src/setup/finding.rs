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

    pub(super) fn is_met(&self) -> bool {
        !matches!(self.state, State::Missing { .. })
    }

    pub(super) fn needs_a_person(&self) -> bool {
        matches!(&self.state, State::Missing { remedy: Remedy::ByHand(_), .. })
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
        match &self.state {
            State::Missing { remedy, .. } => remedy.to_string(),
            _ => String::new(),
        }
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
