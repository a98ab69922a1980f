//! Details of events: moments of components, and states of circuit breakers.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::readiness::{MomentKind, ProbeSchedule};

/// A moment in the start of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ComponentMoment {
    /// Its kind.
    pub kind: MomentKind,
    /// The pod or Service that it is about.
    pub object: String,
    /// The container, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// When it was, in seconds since the run started.
    #[serde(with = "super::nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub at: Duration,
    /// When a container is started: the schedule of its readiness probe, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeSchedule>,
}

/// The state of a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BreakerState {
    /// Calls are made.
    Closed,
    /// No calls are made.
    Open,
    /// One call tests whether the dependency has recovered.
    HalfOpen,
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half-open",
        })
    }
}
