use proptest::prelude::*;

use super::*;
use crate::report::Events;

/// Returns the states that result from `act`, and the rejected transitions.
fn lives(act: impl FnOnce(&Events)) -> (ComponentStates, Vec<InvalidTransition>) {
    let (events, mut stream) = Events::channel();
    act(&events);
    drop(events);
    let (mut lives, mut refused) = (ComponentStates::default(), Vec::new());
    while let Ok(event) = stream.try_recv() {
        refused.extend(lives.record(&event).err());
    }
    (lives, refused)
}

fn told(lives: &ComponentStates) -> Vec<String> {
    let tell = |(name, life): (&str, &StateHistory)| {
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
        let ends = [Some(Missed::Failed), Some(Missed::Late), Some(Missed::Abandoned), None];
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
    let states: Vec<_> = lives.get("b").into_iter().flat_map(StateHistory::history).map(|(state, _)| *state).collect();
    assert_eq!(states, [State::Pending, State::Starting, State::Ready, State::Killing, State::Killed]);
}

#[test]
fn what_could_not_be_removed_is_still_being_killed() {
    let (lives, _) = lives(|events| {
        events.pending("a");
        events.step(Phase::Teardown, "a").fail(Missed::Failed, "widget/w is kept by finalizers");
    });
    assert_eq!(told(&lives), ["a killing 0 widget/w is kept by finalizers"]);
}

#[test]
fn what_is_kept_is_read_and_only_what_moved_is_put_over_it() {
    let folder = tempfile::tempdir().unwrap();
    let run = |act: fn(&Events)| {
        let states = lives(act).0.to_write(folder.path()).unwrap();
        fs_err::write(folder.path().join(ComponentStates::FILE), states).unwrap();
    };
    run(|events| {
        ["a", "b"].iter().for_each(|name| events.pending(name));
        events.step(Phase::Deploy, "a").done();
        events.step(Phase::Ready, "a").done();
        events.step(Phase::Deploy, "b").fail(Missed::Failed, "refused");
    });
    // A later run removes one, and does not touch the other.
    run(|events| {
        ["a", "b"].iter().for_each(|name| events.pending(name));
        events.step(Phase::Teardown, "a").done();
    });
    assert_eq!(told(&ComponentStates::read(folder.path())), ["a killed 1 -", "b failed 1 refused"]);
    let gone = folder.path().join("gone");
    assert_eq!(lives(|events| events.pending("a")).0.to_write(&gone), None, "a cluster that is gone has no folder");
}

proptest! {
    /// For any order of events: no panic, and no history with an invalid transition.
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
                    4 => events.step(phase, name).fail(Missed::Failed, "it failed"),
                    5 => events.step(phase, name).fail(Missed::Late, "it is late"),
                    _ => events.trouble(phase, name, Missed::Failed, "it was lost"),
                }
            }
        });
        for (_, life) in lives.iter() {
            let legal = life.history().windows(2).all(|two| two[0].0.may_become(two[1].0));
            prop_assert!(legal, "{:?}", life.history());
        }
    }
}
