//! What became of each component: a fold over the events of a run, kept in the cluster's folder for those who ask later.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Event, EventKind, Illegal, Life, Outcome, Phase, State, Trouble};

/// The file in the cluster's folder.
const FILE: &str = "states.json";

/// What became of each component.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lives(BTreeMap<String, Life>);

impl Lives {
    /// Takes note of `event`. Steps of deploy and ready are named like components; so are steps of teardown, and one
    /// that is named otherwise takes all of them away.
    ///
    /// # Errors
    /// When the event tells of a change that cannot be; it changes nothing then.
    pub fn record(&mut self, event: &Event) -> Result<(), Illegal> {
        let (name, at) = (&event.step, event.wall);
        match (event.phase, &event.kind) {
            (_, EventKind::Pending) => drop(self.0.entry(name.clone()).or_insert_with(|| Life::new(at))),
            (Phase::Deploy | Phase::Ready, kind) => {
                let starts = matches!(kind, EventKind::Started);
                if let Some(life) = self.life(name, starts.then_some(at)) {
                    return started(life, event);
                }
            }
            (Phase::Teardown, _) if self.0.contains_key(name) => {
                if let Some(life) = self.life(name, None) {
                    return ending(life, event);
                }
            }
            (Phase::Teardown, EventKind::Started | EventKind::Finished(_)) => {
                let left = self.0.values_mut().filter(|life| life.state() != State::Killed);
                return left.map(|life| ending(life, event)).fold(Ok(()), Result::and);
            }
            _ => {}
        }
        Ok(())
    }

    /// The life of a component; a new one, if it is not known but begins.
    fn life(&mut self, name: &str, begins: Option<jiff::Timestamp>) -> Option<&mut Life> {
        if let Some(at) = begins {
            self.0.entry(name.to_owned()).or_insert_with(|| Life::new(at));
        }
        self.0.get_mut(name)
    }

    /// What became of a component.
    #[must_use]
    pub fn get(&self, component: &str) -> Option<&Life> {
        self.0.get(component)
    }

    /// All of them, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Life)> {
        self.0.iter().map(|(name, life)| (name.as_str(), life))
    }

    /// Puts what happened over what is known from earlier runs. Components that nothing happened to stay as they were.
    #[must_use]
    pub fn over(self, mut earlier: Lives) -> Lives {
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
        let text = serde_json::to_string(&self.over(Lives::read(folder)))?;
        crate::folders::publish(&folder.join(FILE), &text)
    }

    /// What the last runs left in a cluster's folder. What cannot be read is not known.
    #[must_use]
    pub fn read(folder: &Path) -> Lives {
        let text = fs_err::read_to_string(folder.join(FILE)).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// An event of deploy or ready.
fn started(life: &mut Life, event: &Event) -> Result<(), Illegal> {
    match (event.phase, &event.kind) {
        // One start has two steps: it is applied, then it becomes ready.
        (Phase::Ready, EventKind::Started) if life.state() == State::Starting => Ok(()),
        (_, EventKind::Started) => life.advance(State::Starting, event.wall),
        (Phase::Ready, EventKind::Finished(Outcome::Done)) => life.advance(State::Ready, event.wall),
        (_, EventKind::Trouble { how, why }) => {
            life.note(why);
            match how {
                Trouble::Failed => life.advance(State::Failed, event.wall),
                Trouble::Late => life.advance(State::Timeout, event.wall),
                Trouble::Abandoned => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// An event of teardown.
fn ending(life: &mut Life, event: &Event) -> Result<(), Illegal> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::Events;

    /// The states that `act` leads to, as `name state attempts error`.
    fn lives(act: impl FnOnce(&Events)) -> (Lives, Vec<Illegal>) {
        let (events, mut stream) = Events::channel();
        act(&events);
        drop(events);
        let (mut lives, mut refused) = (Lives::default(), Vec::new());
        while let Ok(event) = stream.try_recv() {
            refused.extend(lives.record(&event).err());
        }
        (lives, refused)
    }

    fn told(lives: &Lives) -> Vec<String> {
        let tell = |(name, life): (&str, &Life)| {
            format!("{name} {} {} {}", life.state(), life.attempts(), life.last_error().unwrap_or("-"))
        };
        lives.iter().map(tell).collect()
    }

    #[test]
    fn a_run_in_which_one_fails_one_is_late_and_one_is_given_up() {
        let (lives, refused) = lives(|events| {
            ["failed", "late", "given-up", "never", "ready"].iter().for_each(|name| events.pending(name));
            let steps: Vec<_> = ["failed", "late", "given-up", "ready"]
                .map(|name| {
                    events.step(Phase::Deploy, name).done();
                    events.step(Phase::Ready, name)
                })
                .into();
            let ends = [Some(Trouble::Failed), Some(Trouble::Late), Some(Trouble::Abandoned), None];
            for (step, end) in steps.into_iter().zip(ends) {
                match end {
                    Some(how) => step.fail(how, "a reason"),
                    None => step.done(),
                }
            }
        });
        assert_eq!(refused, []);
        let expected = [
            "failed failed 1 a reason",
            "given-up starting 1 a reason",
            "late timeout 1 a reason",
            "never pending 0 -",
            "ready ready 1 -",
        ];
        assert_eq!(told(&lives), expected);
    }

    #[test]
    fn one_is_taken_away_and_started_again_then_all_go_with_the_cluster() {
        let (lives, refused) = lives(|events| {
            ["a", "b"].iter().for_each(|name| events.pending(name));
            for name in ["a", "b"] {
                events.step(Phase::Deploy, name).done();
                events.step(Phase::Ready, name).done();
            }
            events.step(Phase::Teardown, "a").done();
            events.step(Phase::Deploy, "a").done();
            events.step(Phase::Ready, "a").done();
            events.step(Phase::Teardown, "cluster").done();
        });
        assert_eq!(refused, []);
        assert_eq!(told(&lives), ["a killed 2 -", "b killed 1 -"]);
        let states: Vec<_> = lives.get("b").into_iter().flat_map(Life::history).map(|(state, _)| *state).collect();
        assert_eq!(states, [State::Pending, State::Starting, State::Ready, State::Killing, State::Killed]);
    }

    #[test]
    fn what_could_not_be_removed_is_still_being_killed() {
        let (lives, _) = lives(|events| {
            events.pending("a");
            events.step(Phase::Teardown, "a").fail(Trouble::Failed, "widget/w is kept by finalizers");
        });
        assert_eq!(told(&lives), ["a killing 0 widget/w is kept by finalizers"]);
    }

    #[test]
    fn what_is_kept_is_read_and_only_what_moved_is_put_over_it() {
        let folder = tempfile::tempdir().unwrap();
        let run = |act: fn(&Events)| lives(act).0.keep(folder.path()).unwrap();
        run(|events| {
            ["a", "b"].iter().for_each(|name| events.pending(name));
            events.step(Phase::Deploy, "a").done();
            events.step(Phase::Ready, "a").done();
            events.step(Phase::Deploy, "b").fail(Trouble::Failed, "refused");
        });
        // A later run takes one away, and does nothing to the other.
        run(|events| {
            ["a", "b"].iter().for_each(|name| events.pending(name));
            events.step(Phase::Teardown, "a").done();
        });
        assert_eq!(told(&Lives::read(folder.path())), ["a killed 1 -", "b failed 1 refused"]);
        let gone = folder.path().join("gone");
        lives(|events| events.pending("a")).0.keep(&gone).unwrap();
        assert!(!gone.exists(), "a cluster that is gone has no folder");
    }

    proptest! {
        /// Whatever is told in whatever order: no panic, and no history with a step that there is not.
        #[test]
        fn any_stream_leads_to_lives_that_can_be(walk in prop::collection::vec((0..3_usize, 0..7_usize, 0..3_usize), 0..80)) {
            let (lives, _) = lives(|events| {
                for (phase, kind, name) in walk {
                    let phase = [Phase::Deploy, Phase::Ready, Phase::Teardown][phase];
                    let name = ["a", "b", "cluster"][name];
                    match kind {
                        0 => events.pending(name),
                        1 => events.step(phase, name).done(),
                        2 => events.step(phase, name).unchanged(),
                        3 => drop(events.step(phase, name)),
                        4 => events.step(phase, name).fail(Trouble::Failed, "it failed"),
                        5 => events.step(phase, name).fail(Trouble::Late, "it is late"),
                        _ => events.trouble(phase, name, Trouble::Failed, "it was lost"),
                    }
                }
            });
            for (_, life) in lives.iter() {
                let legal = life.history().windows(2).all(|two| two[0].0.may_become(two[1].0));
                prop_assert!(legal, "{:?}", life.history());
            }
        }
    }
}
