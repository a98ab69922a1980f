//! The state of an object that came nearest to what was wanted.

use std::fmt;
use std::time::Duration;

/// A field, a condition or an expression that was not as wanted. Values are JSON, masked, and cut to a readable length.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The field's path, the condition's name, or the expression.
    pub path: String,
    /// What was wanted there.
    pub wanted: String,
    /// What was there.
    pub was: String,
}

impl Difference {
    /// Something that was to be true.
    pub(super) fn untrue(what: &str, was: String) -> Difference {
        Difference { path: what.into(), wanted: "true".into(), was }
    }

    /// The object that does not exist.
    pub(super) fn absent() -> Difference {
        Difference { path: "the object".into(), wanted: "to exist".into(), was: "absent".into() }
    }
}

/// `status.readyReplicas: wanted 3, was 2`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: wanted {}, was {}", self.path, self.wanted, self.was)
    }
}

/// The state of an object with the fewest differences from what was wanted, and the latest of several such states.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NearestMiss {
    /// When the object was seen in that state, since the assertion began.
    pub after: Duration,
    /// How it differed from what was wanted.
    pub differences: Vec<Difference>,
    /// The object's status, or the object if it has none, as lines of YAML, masked. Empty unless a condition or an
    /// expression was not met, which say little of the object themselves.
    pub state: Vec<String>,
}
