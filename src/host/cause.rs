//! Causes of failed calls to the host and the cluster, as values.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::suite::config::duration;

/// The dependency of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dependency {
    /// A container registry, and the network to it.
    Registry,
    /// The container engine, and kind, which uses it.
    Engine,
    /// The cluster's API server.
    ApiServer,
    /// A component of the suite.
    Component,
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Dependency::Registry => "the registry",
            Dependency::Engine => "the container engine",
            Dependency::ApiServer => "the API server",
            Dependency::Component => "the component",
        })
    }
}

/// The cause of a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// The dependency that failed.
    pub dependency: Dependency,
    /// A fixed short text, such as `connection refused`.
    pub what: &'static str,
    /// Whether a retry may succeed.
    pub transient: bool,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.what)
    }
}

impl Cause {
    /// Returns the cause of a failure of `dependency` that a retry may fix.
    #[must_use]
    pub const fn transient(dependency: Dependency, what: &'static str) -> Cause {
        Cause { dependency, what, transient: true }
    }

    /// Returns the cause of a failure of `dependency` that a retry would repeat.
    #[must_use]
    pub const fn permanent(dependency: Dependency, what: &'static str) -> Cause {
        Cause { dependency, what, transient: false }
    }
}

/// The circuit opens after this many consecutive calls given up for the same cause.
pub const THRESHOLD: u32 = 3;

/// A call was not made, because the circuit of its dependency is open.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct Open {
    /// The dependency that was not called.
    pub dependency: Dependency,
    /// The cause for which the last calls were given up.
    pub cause: Cause,
    /// Time until one call may be made; zero while one is in progress.
    pub wait: Duration,
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Open { dependency, cause, wait } = self;
        write!(f, "{dependency} is not asked, because {THRESHOLD} calls in a row came to nothing: {cause}; ")?;
        match wait.is_zero() {
            true => f.write_str("one call is just finding out whether it is back"),
            // Whole seconds, rounded up: a caller that waits this long is admitted.
            false => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                write!(f, "the next try is possible in {}", duration::to_text(Duration::from_secs(seconds)))
            }
        }
    }
}
