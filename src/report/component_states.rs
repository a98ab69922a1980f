//! What became of each component: a fold over the events of a run, kept in the cluster's folder for those who ask later.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Event, EventKind, InvalidTransition, Outcome, Phase, State, StateHistory};
use crate::readiness::Missed;
use crate::readiness::redact::Redactor;

/// The file in the cluster's folder.
const FILE: &str = "states.json";

/// What became of each component.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ComponentStates(BTreeMap<String, StateHistory>);

impl ComponentStates {
    /// Takes note of `event`. Steps of deploy and ready are named like components; so are steps of teardown, and one
    /// that is named otherwise takes all of them away.
    ///
    /// # Errors
    /// When the event tells of a change that cannot be; the state stays as it was.
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

    /// What became of a component.
    #[must_use]
    pub fn get(&self, component: &str) -> Option<&StateHistory> {
        self.0.get(component)
    }

    /// All of them, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &StateHistory)> {
        self.0.iter().map(|(name, life)| (name.as_str(), life))
    }

    /// Puts what happened over what is known from earlier runs. Components that nothing happened to stay as they were.
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

    /// Keeps them in a cluster's folder, over what is there. The folder of a cluster that is gone is not made again.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn keep(self, folder: &Path) -> std::io::Result<()> {
        if self.0.is_empty() || !folder.exists() {
            return Ok(());
        }
        let mut states = serde_json::to_value(self.over(ComponentStates::read(folder)))?;
        Redactor::global().strings(&mut states);
        let text = states.to_string();
        crate::host::folders::publish(&folder.join(FILE), &text)
    }

    /// What the last runs left in a cluster's folder. What cannot be read is not known.
    #[must_use]
    pub fn read(folder: &Path) -> ComponentStates {
        let text = fs_err::read_to_string(folder.join(FILE)).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// A step of deploy or ready begins.
fn start(life: &mut StateHistory, event: &Event) -> Result<(), InvalidTransition> {
    // One start has two steps: it is applied, then it becomes ready.
    if event.phase == Phase::Ready && life.state() == State::Starting {
        return Ok(());
    }
    life.advance(State::Starting, event.wall)
}

/// Any other event of deploy or ready.
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

/// An event of teardown.
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
