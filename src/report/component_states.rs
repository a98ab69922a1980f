//! States of the components: a fold over the events of a run, stored in the cluster's folder for later commands.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Event, EventKind, InvalidTransition, Outcome, Phase, State, StateHistory};
use crate::readiness::Missed;
use crate::readiness::redact::Redactor;

/// The states of each component.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ComponentStates(BTreeMap<String, StateHistory>);

impl ComponentStates {
    /// The file in the cluster's folder.
    pub const FILE: &str = "states.json";

    /// Records `event`. Steps of deploy and ready are named after components; so are steps of teardown, and one with
    /// another name removes all components.
    ///
    /// # Errors
    /// When the event is an invalid transition; the state is unchanged then.
    pub fn record(&mut self, event: &Event) -> Result<(), InvalidTransition> {
        let (name, at) = (&event.step, event.wall);
        match (event.phase, &event.kind) {
            (_, EventKind::Pending) => drop(self.0.entry(name.clone()).or_insert_with(|| StateHistory::new(at))),
            (Phase::Deploy | Phase::Ready, EventKind::Started) => {
                return start(self.0.entry(name.clone()).or_insert_with(|| StateHistory::new(at)), event);
            }
            (Phase::Deploy | Phase::Ready, _) => {
                return self.0.get_mut(name).map_or(Ok(()), |life| go_on(life, event));
            }
            (Phase::Teardown, EventKind::Started | EventKind::Finished(_)) if !self.0.contains_key(name) => {
                let left = self.0.values_mut().filter(|life| life.state() != State::Killed);
                return left.map(|life| end(life, event)).fold(Ok(()), Result::and);
            }
            (Phase::Teardown, _) => return self.0.get_mut(name).map_or(Ok(()), |life| end(life, event)),
            _ => {}
        }
        Ok(())
    }

    /// Returns the states of a component.
    #[must_use]
    pub fn get(&self, component: &str) -> Option<&StateHistory> {
        self.0.get(component)
    }

    /// Returns all of them, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &StateHistory)> {
        self.0.iter().map(|(name, life)| (name.as_str(), life))
    }

    /// Merges these states over those of earlier runs. Components without events are unchanged.
    #[must_use]
    pub fn over(self, mut earlier: ComponentStates) -> ComponentStates {
        for (name, life) in self.0 {
            match earlier.0.remove(&name) {
                Some(known) if life.state() == State::Pending => drop(earlier.0.insert(name, known)),
                Some(known) => drop(earlier.0.insert(name, life.after(known))),
                None => drop(earlier.0.insert(name, life)),
            }
        }
        earlier
    }

    /// Returns the text of [`ComponentStates::FILE`]: these states, merged over those in the file of a cluster's folder.
    /// `None` when there is nothing to write, or the cluster's folder has been removed.
    #[must_use]
    pub fn to_write(self, folder: &Path) -> Option<String> {
        if self.0.is_empty() || !folder.exists() {
            return None;
        }
        let mut states = serde_json::to_value(self.over(ComponentStates::read(folder))).ok()?;
        Redactor::global().strings(&mut states);
        Some(states.to_string())
    }

    /// Returns the states that the last runs wrote to a cluster's folder. Unreadable ones count as none.
    #[must_use]
    pub fn read(folder: &Path) -> ComponentStates {
        let text = fs_err::read_to_string(folder.join(Self::FILE)).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// Records that a step of deploy or ready starts.
fn start(life: &mut StateHistory, event: &Event) -> Result<(), InvalidTransition> {
    // One start has two steps: the component is applied, then it becomes ready.
    if event.phase == Phase::Ready && life.state() == State::Starting {
        return Ok(());
    }
    life.advance(State::Starting, event.wall)
}

/// Records any other event of deploy or ready.
fn go_on(life: &mut StateHistory, event: &Event) -> Result<(), InvalidTransition> {
    match (event.phase, &event.kind) {
        (Phase::Ready, EventKind::Finished(Outcome::Done)) => life.advance(State::Ready, event.wall),
        (Phase::Deploy, EventKind::Retry { cause, .. }) => {
            life.note(cause);
            life.advance(State::Failed, event.wall)?;
            life.advance(State::Starting, event.wall)
        }
        (_, EventKind::Trouble { how, why }) => {
            life.note(why);
            match how {
                Missed::Failed => life.advance(State::Failed, event.wall),
                Missed::Late => life.advance(State::Timeout, event.wall),
                Missed::Abandoned => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Records an event of teardown.
fn end(life: &mut StateHistory, event: &Event) -> Result<(), InvalidTransition> {
    match &event.kind {
        EventKind::Started => life.advance(State::Killing, event.wall),
        EventKind::Finished(Outcome::Done | Outcome::Unchanged) => life.advance(State::Killed, event.wall),
        EventKind::Trouble { why, .. } => {
            life.note(why);
            Ok(())
        }
        _ => Ok(()),
    }
}
