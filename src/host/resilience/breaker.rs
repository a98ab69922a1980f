//! The circuit breaker: stops calls to a dependency for a while after repeated failures.

use std::time::Duration;

use crate::host::cause::{Cause, Dependency, Open, THRESHOLD};
use crate::report::BreakerState;

/// After this time, one call may test whether the dependency has recovered.
pub const COOL_DOWN: Duration = Duration::from_secs(60);

/// The circuit breaker of one dependency. Time is a parameter, counted from any fixed moment.
///
/// It counts calls including all their attempts, so that a short failure of several calls at once is left to their
/// retries. A refusal closes the circuit like any other response: the dependency is reachable.
#[derive(Debug)]
pub struct Breaker {
    dependency: Dependency,
    cool_down: Duration,
    state: State,
}

#[derive(Debug, PartialEq)]
enum State {
    /// Calls are made. `failed` counts the last consecutive calls given up for the same cause.
    Closed { failed: Option<(Cause, u32)> },
    /// No calls are made.
    Open { cause: Cause, until: Duration },
    /// One call is made, and its result decides.
    HalfOpen { cause: Cause },
}

/// Permission to make one call. It is returned with the call's result.
#[derive(Debug)]
#[must_use]
pub struct Pass {
    probe: bool,
}

impl Pass {
    /// Returns whether this is the call that tests whether the dependency has recovered.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.probe
    }
}

impl Breaker {
    /// Returns a breaker with a closed circuit.
    #[must_use]
    pub fn new(dependency: Dependency) -> Breaker {
        Breaker::with_cool_down(dependency, COOL_DOWN)
    }

    /// Returns a breaker like [`Breaker::new`], with another cool-down than [`COOL_DOWN`].
    #[must_use]
    pub fn with_cool_down(dependency: Dependency, cool_down: Duration) -> Breaker {
        Breaker { dependency, cool_down, state: State::Closed { failed: None } }
    }

    /// Returns its state.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Requests permission to make a call.
    ///
    /// # Errors
    /// Why the call is not made, and when one may be.
    pub fn admit(&mut self, now: Duration) -> Result<Pass, Open> {
        let (cause, wait) = match &self.state {
            State::Closed { .. } => return Ok(Pass { probe: false }),
            State::Open { cause, until } if *until <= now => {
                self.state = State::HalfOpen { cause: *cause };
                return Ok(Pass { probe: true });
            }
            State::Open { cause, until } => (cause, *until - now),
            State::HalfOpen { cause } => (cause, Duration::ZERO),
        };
        Err(Open { dependency: self.dependency, cause: *cause, wait })
    }

    /// Records that the call got a response.
    pub fn succeeded(&mut self, pass: Pass) {
        if pass.probe || matches!(self.state, State::Closed { .. }) {
            self.state = State::Closed { failed: None };
        }
    }

    /// Records that the call was given up.
    pub fn failed(&mut self, pass: Pass, cause: Cause, now: Duration) {
        match &self.state {
            _ if !cause.transient => self.succeeded(pass),
            State::HalfOpen { .. } if pass.probe => self.state = State::Open { cause, until: now + self.cool_down },
            _ => self.count(cause, now),
        }
    }

    /// Records that the call was dropped with unknown outcome.
    pub fn abandoned(&mut self, pass: Pass, now: Duration) {
        if let State::HalfOpen { cause } = &self.state
            && pass.probe
        {
            self.state = State::Open { cause: *cause, until: now };
        }
    }

    /// Counts a transient failure of a call without a pass, or with a pass from before the circuit opened.
    pub(super) fn count(&mut self, cause: Cause, now: Duration) {
        let State::Closed { failed } = &mut self.state else { return };
        if !cause.transient {
            return;
        }
        let times = match failed {
            Some((last, times)) if *last == cause => *times + 1,
            _ => 1,
        };
        self.state = match times {
            THRESHOLD.. => State::Open { cause, until: now + self.cool_down },
            _ => State::Closed { failed: Some((cause, times)) },
        };
    }
}

#[cfg(test)]
mod tests;
