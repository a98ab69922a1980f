//! The circuit breaker: who is not asked for a while, because asking has failed too often.

use std::time::Duration;

use crate::host::cause::{Cause, Dependency, Open, THRESHOLD};

/// So long after that one call may find out whether it is over.
pub const COOL_DOWN: Duration = Duration::from_mins(1);

/// The circuit breaker of one dependency. It is told the time, which counts from any fixed moment.
///
/// What counts is a call with all its attempts, so that a short trouble that several calls meet at once is left to their
/// retries. A refusal closes the circuit like any other answer: the dependency is reachable.
#[derive(Debug)]
pub struct Breaker {
    dependency: Dependency,
    state: State,
}

#[derive(Debug, PartialEq)]
enum State {
    /// Calls are made. The last of them, so many, were given up for this cause.
    Closed { failed: Option<(Cause, u32)> },
    /// No calls are made.
    Open { cause: Cause, until: Duration },
    /// One call is made, and what becomes of it decides.
    HalfOpen { cause: Cause },
}

/// The right to make one call. It is handed back with what became of the call.
#[derive(Debug)]
#[must_use]
pub struct Pass {
    probe: bool,
}

impl Pass {
    /// Whether this is the one call that finds out whether the trouble is over.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.probe
    }
}

impl Breaker {
    /// A closed circuit.
    #[must_use]
    pub fn new(dependency: Dependency) -> Breaker {
        Breaker { dependency, state: State::Closed { failed: None } }
    }

    /// Asks to make a call.
    ///
    /// # Errors
    /// Why it is better not made, and when one may be.
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

    /// The call was answered.
    pub fn succeeded(&mut self, pass: Pass) {
        if pass.probe || matches!(self.state, State::Closed { .. }) {
            self.state = State::Closed { failed: None };
        }
    }

    /// The call was given up.
    pub fn failed(&mut self, pass: Pass, cause: Cause, now: Duration) {
        match &self.state {
            _ if !cause.transient => self.succeeded(pass),
            State::HalfOpen { .. } if pass.probe => self.state = State::Open { cause, until: now + COOL_DOWN },
            _ => self.count(cause, now),
        }
    }

    /// The call was dropped, and its outcome is unknown.
    pub fn abandoned(&mut self, pass: Pass, now: Duration) {
        if let State::HalfOpen { cause } = &self.state
            && pass.probe
        {
            self.state = State::Open { cause: *cause, until: now };
        }
    }

    /// A call without a pass, or with one from before the circuit opened, failed for a passing reason.
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
            THRESHOLD.. => State::Open { cause, until: now + COOL_DOWN },
            _ => State::Closed { failed: Some((cause, times)) },
        };
    }
}

#[cfg(test)]
mod tests;
