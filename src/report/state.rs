//! The states of a component, and the valid transitions.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The state of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is in the plan; none of its objects has been applied.
    Pending,
    /// It is being applied, or becoming ready.
    Starting,
    /// It was ready, and its probes succeeded.
    Ready,
    /// It will not become ready by itself.
    Failed,
    /// The deadline passed before it was ready.
    Timeout,
    /// It is being removed.
    Killing,
    /// It is removed.
    Killed,
}

impl State {
    /// Every state, in the order in which a component passes through them.
    pub const ALL: [State; 7] =
        [State::Pending, State::Starting, State::Ready, State::Failed, State::Timeout, State::Killing, State::Killed];

    /// Returns whether `next` may follow.
    ///
    /// A ready component may be started again, and may be lost: it fails, or times out, before all others are ready.
    #[must_use]
    pub fn may_become(self, next: State) -> bool {
        use State::{Failed, Killed, Killing, Pending, Ready, Starting, Timeout};
        match self {
            Pending => matches!(next, Starting | Killing),
            Starting => matches!(next, Ready | Failed | Timeout | Killing),
            Ready => matches!(next, Starting | Failed | Timeout | Killing),
            Failed | Timeout => matches!(next, Starting | Killing),
            Killing => next == Killed,
            Killed => next == Starting,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Pending => "pending",
            State::Starting => "starting",
            State::Ready => "ready",
            State::Failed => "failed",
            State::Timeout => "timeout",
            State::Killing => "killing",
            State::Killed => "killed",
        })
    }
}

/// An invalid change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a component that is {from} cannot become {to}")]
pub struct InvalidTransition {
    /// The current state.
    pub from: State,
    /// The invalid next state.
    pub to: State,
}

/// The states of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateHistory {
    state: State,
    since: Timestamp,
    attempts: u32,
    last_error: Option<String>,
    history: Vec<(State, Timestamp)>,
}

impl StateHistory {
    /// Returns the history of a component that is pending since `since`.
    #[must_use]
    pub fn new(since: Timestamp) -> StateHistory {
        let state = State::Pending;
        StateHistory { state, since, attempts: 0, last_error: None, history: vec![(state, since)] }
    }

    /// Returns its current state.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Returns since when it is in its current state.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Returns how often it was started.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Returns the last error, even if it succeeded afterwards.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Returns every state that it was in, and since when; the last is the current one.
    #[must_use]
    pub fn history(&self) -> &[(State, Timestamp)] {
        &self.history
    }

    /// Changes to another state.
    ///
    /// # Errors
    /// When that state may not follow; nothing is changed then.
    pub fn advance(&mut self, to: State, at: Timestamp) -> Result<(), InvalidTransition> {
        if !self.state.may_become(to) {
            return Err(InvalidTransition { from: self.state, to });
        }
        self.attempts += u32::from(to == State::Starting);
        (self.state, self.since) = (to, at);
        self.history.push((to, at));
        Ok(())
    }

    /// Records an error, without changing the state.
    pub fn note(&mut self, error: impl Into<String>) {
        self.last_error = Some(error.into());
    }

    /// Takes over attempts and last error of the `earlier` history if the component was not started again.
    pub(super) fn after(mut self, earlier: StateHistory) -> StateHistory {
        if self.attempts == 0 {
            self.attempts = earlier.attempts;
            self.last_error = self.last_error.or(earlier.last_error);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Repeated here, as a table.
    const LEGAL: [(State, &[State]); 7] = [
        (State::Pending, &[State::Starting, State::Killing]),
        (State::Starting, &[State::Ready, State::Failed, State::Timeout, State::Killing]),
        (State::Ready, &[State::Starting, State::Failed, State::Timeout, State::Killing]),
        (State::Failed, &[State::Starting, State::Killing]),
        (State::Timeout, &[State::Starting, State::Killing]),
        (State::Killing, &[State::Killed]),
        (State::Killed, &[State::Starting]),
    ];

    fn is_legal(from: State, to: State) -> bool {
        LEGAL.iter().any(|(state, next)| *state == from && next.contains(&to))
    }

    #[test]
    fn what_may_follow_what() {
        for from in State::ALL {
            for to in State::ALL {
                assert_eq!(from.may_become(to), is_legal(from, to), "{from} → {to}");
            }
        }
    }

    proptest! {
        /// For any sequence: valid transitions are recorded, invalid ones are rejected and change nothing.
        #[test]
        fn a_life_never_takes_a_way_that_there_is_not(walk in prop::collection::vec(0..State::ALL.len(), 0..60)) {
            let mut life = StateHistory::new(Timestamp::UNIX_EPOCH);
            let mut starts = 0;
            for (second, step) in (1..).zip(walk) {
                let (before, to) = (life.clone(), State::ALL[step]);
                let at = Timestamp::from_second(second).expect("a small number");
                match life.advance(to, at) {
                    Ok(()) => {
                        prop_assert!(is_legal(before.state(), to));
                        starts += u32::from(to == State::Starting);
                        prop_assert_eq!((life.state(), life.since()), (to, at));
                    }
                    Err(refused) => {
                        prop_assert!(!is_legal(before.state(), to));
                        prop_assert_eq!(refused, InvalidTransition { from: before.state(), to });
                        prop_assert_eq!(&life, &before);
                    }
                }
                prop_assert_eq!(life.attempts(), starts);
            }
            prop_assert_eq!(life.history().first().map(|(state, _)| *state), Some(State::Pending));
            prop_assert_eq!(life.history().last(), Some(&(life.state(), life.since())));
            prop_assert!(life.history().windows(2).all(|two| is_legal(two[0].0, two[1].0) && two[0].1 < two[1].1));
        }
    }

    #[test]
    fn a_refusal_says_what_is_wrong() {
        let refused =
            StateHistory::new(Timestamp::UNIX_EPOCH).advance(State::Ready, Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(refused.to_string(), "a component that is pending cannot become ready");
    }
}
