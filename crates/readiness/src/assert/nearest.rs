//! The state of an object that was nearest to the requirements.

use std::fmt;
use std::time::Duration;

/// A field, a condition or an expression that did not meet a requirement. Values are JSON, masked, and truncated to a
/// readable length.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The field's path, the condition's name, or the expression.
    pub path: String,
    /// The wanted value.
    pub wanted: String,
    /// The actual value.
    pub was: String,
}

impl Difference {
    /// Returns a difference for a predicate that was not true.
    pub(super) fn untrue(what: &str, was: String) -> Difference {
        Difference { path: what.into(), wanted: "true".into(), was }
    }

    /// Returns a difference for an object that does not exist.
    pub(super) fn absent() -> Difference {
        Difference { path: "the object".into(), wanted: "to exist".into(), was: "absent".into() }
    }
}

/// Formats a difference: `status.readyReplicas: wanted 3, was 2`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: wanted {}, was {}", self.path, self.wanted, self.was)
    }
}

/// The state of an object with the fewest differences from the requirements, and the latest of several such states.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NearestMiss {
    /// When the state was observed, since the assertion started.
    pub after: Duration,
    /// The differences from the requirements.
    pub differences: Vec<Difference>,
    /// The object's status, or the object if it has none, as lines of YAML, masked. Empty unless a condition or an
    /// expression was not met, whose differences have no details of the object.
    pub state: Vec<String>,
}
