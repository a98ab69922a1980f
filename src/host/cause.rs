//! Why calls to the host and the cluster fail, as values.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::suite::config::duration;

/// What a call depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dependency {
    /// A container registry, and the network that leads to it.
    Registry,
    /// The container engine, and kind, which works by it.
    Engine,
    /// The cluster's API server.
    ApiServer,
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Dependency::Registry => "the registry",
            Dependency::Engine => "the container engine",
            Dependency::ApiServer => "the API server",
        })
    }
}

/// Why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// Who is to blame.
    pub dependency: Dependency,
    /// In a few words, such as `connection refused`; the same ones each time.
    pub what: &'static str,
    /// Whether the same call may succeed a moment later.
    pub transient: bool,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.what)
    }
}

impl Cause {
    /// Of a call to `dependency` that passes by itself.
    #[must_use]
    pub const fn transient(dependency: Dependency, what: &'static str) -> Cause {
        Cause { dependency, what, transient: true }
    }

    /// Of a call to `dependency` that would only fail again.
    #[must_use]
    pub const fn permanent(dependency: Dependency, what: &'static str) -> Cause {
        Cause { dependency, what, transient: false }
    }
}

/// So many calls in a row that are given up for the same cause open the circuit.
pub const THRESHOLD: u32 = 3;

/// A call was not made, because the last ones came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct Open {
    /// Who was not asked.
    pub dependency: Dependency,
    /// Why the last calls came to nothing.
    pub cause: Cause,
    /// How long until one call may try again; nothing while one is trying.
    pub wait: Duration,
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Open { dependency, cause, wait } = self;
        write!(f, "{dependency} is not asked, because {THRESHOLD} calls in a row came to nothing: {cause}; ")?;
        match wait.is_zero() {
            true => f.write_str("one call is just finding out whether it is back"),
            // Whole seconds, rounded up: who waits so long is let through.
            false => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                write!(f, "the next try is possible in {}", duration::to_text(Duration::from_secs(seconds)))
            }
        }
    }
}
