//! The circuit breaker under any sequence of calls.

use proptest::prelude::*;

use super::*;

const CAUSES: [Cause; 3] = [
    Cause::transient(Dependency::Engine, "connection refused"),
    Cause::transient(Dependency::Engine, "timeout"),
    Cause::permanent(Dependency::Engine, "disk full"),
];

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns a circuit that opened at 10 s because of refused connections.
fn opened() -> Breaker {
    let mut breaker = Breaker::new(Dependency::Engine);
    for _ in 0..THRESHOLD {
        let pass = breaker.admit(at(10)).expect("closed");
        breaker.failed(pass, CAUSES[0], at(10));
    }
    breaker
}

#[test]
fn an_open_circuit_says_why_and_for_how_long() {
    let mut breaker = opened();
    let open = breaker.admit(at(22)).expect_err("open");
    assert_eq!((open.cause, open.wait), (CAUSES[0], at(48)));
    assert_eq!(
        open.to_string(),
        "the container engine is not asked, because 3 calls in a row came to nothing: connection refused; \
         the next try is possible in 48s"
    );
    let _probe = breaker.admit(at(70)).expect("one probe");
    assert_eq!(
        breaker.admit(at(70)).expect_err("one only").to_string(),
        "the container engine is not asked, because 3 calls in a row came to nothing: connection refused; \
         one call is just finding out whether it is back"
    );
}

#[test]
fn other_causes_and_answers_begin_the_count_again() {
    let mut breaker = Breaker::new(Dependency::Engine);
    for cause in [0, 0, 1, 1, 0, 0, 2, 0, 0] {
        let pass = breaker.admit(at(0)).expect("never three of one passing cause in a row");
        breaker.failed(pass, CAUSES[cause], at(0));
    }
    let pass = breaker.admit(at(0)).expect("closed");
    breaker.succeeded(pass);
    assert_eq!(breaker.state, State::Closed { failed: None });
}

#[test]
fn the_probe_decides() {
    let mut breaker = opened();
    let probe = breaker.admit(at(70)).expect("the time is over");
    breaker.failed(probe, CAUSES[1], at(75));
    let open = breaker.admit(at(76)).expect_err("open again");
    assert_eq!((open.cause, open.wait), (CAUSES[1], at(59)));
    let probe = breaker.admit(at(135)).expect("a second probe");
    breaker.succeeded(probe);
    assert!(breaker.admit(at(135)).is_ok_and(|pass| !pass.is_probe()));

    // A refusal is a response.
    let mut breaker = opened();
    let probe = breaker.admit(at(70)).expect("the time is over");
    breaker.failed(probe, CAUSES[2], at(71));
    assert_eq!(breaker.state, State::Closed { failed: None });
}

#[test]
fn the_state_is_shown_and_another_cool_down_is_kept() {
    let mut breaker = Breaker::with_cool_down(Dependency::Component, at(15));
    assert_eq!(breaker.state(), BreakerState::Closed);
    for _ in 0..THRESHOLD {
        let pass = breaker.admit(at(10)).expect("closed");
        breaker.failed(pass, CAUSES[0], at(10));
    }
    assert_eq!(breaker.state(), BreakerState::Open);
    assert_eq!(breaker.admit(at(24)).expect_err("open").wait, at(1));
    let probe = breaker.admit(at(25)).expect("the time is over");
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    breaker.failed(probe, CAUSES[0], at(26));
    assert_eq!(breaker.admit(at(26)).expect_err("open again").wait, at(15));
}

#[test]
fn a_probe_that_is_abandoned_leaves_its_place_to_the_next_call() {
    let mut breaker = opened();
    let probe = breaker.admit(at(70)).expect("the time is over");
    breaker.abandoned(probe, at(71));
    assert!(breaker.admit(at(71)).is_ok_and(|pass| pass.is_probe()));
}

#[test]
fn calls_from_before_do_not_decide_for_the_probe() {
    let mut breaker = Breaker::new(Dependency::Engine);
    let [early, late] = [(); 2].map(|()| breaker.admit(at(0)).expect("closed"));
    for _ in 0..THRESHOLD {
        let pass = breaker.admit(at(10)).expect("closed");
        breaker.failed(pass, CAUSES[0], at(10));
    }
    breaker.succeeded(early);
    assert_eq!(breaker.admit(at(20)).expect_err("still open").wait, at(50));
    let _probe = breaker.admit(at(70)).expect("the time is over");
    breaker.failed(late, CAUSES[0], at(71));
    assert_eq!(breaker.state, State::HalfOpen { cause: CAUSES[0] });
}

#[derive(Debug, Clone)]
enum Step {
    Admit,
    Succeed(usize),
    Fail(usize, usize),
    Abandon(usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Admit),
        1 => (0..8_usize).prop_map(Step::Succeed),
        4 => (0..8_usize, 0..CAUSES.len()).prop_map(|(call, cause)| Step::Fail(call, cause)),
        1 => (0..8_usize).prop_map(Step::Abandon),
        2 => (1..90_u64).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn whatever_happens(steps in steps()) {
        let mut breaker = Breaker::new(Dependency::Engine);
        let (mut now, mut calls, mut opened) = (Duration::ZERO, Vec::new(), Duration::ZERO);
        // Results of calls, in order, since the circuit was last closed.
        let mut ends: Vec<Option<Cause>> = Vec::new();
        for step in steps {
            let was_closed = matches!(breaker.state, State::Closed { .. });
            match step {
                Step::Pass(seconds) => now += at(seconds),
                Step::Admit => match breaker.admit(now) {
                    Ok(pass) => {
                        prop_assert_eq!(pass.is_probe(), !was_closed);
                        prop_assert!(was_closed || now >= opened + COOL_DOWN, "a probe came early");
                        calls.push(pass);
                    }
                    Err(open) => {
                        prop_assert!(!was_closed, "a closed circuit lets everybody through");
                        prop_assert!(open.cause.transient);
                        prop_assert!(open.wait <= COOL_DOWN);
                        prop_assert_eq!(open.wait.is_zero(), calls.iter().any(Pass::is_probe));
                    }
                },
                Step::Succeed(call) if call < calls.len() => {
                    breaker.succeeded(calls.remove(call));
                    ends.push(None);
                }
                Step::Fail(call, cause) if call < calls.len() => {
                    let probed = calls[call].is_probe();
                    breaker.failed(calls.remove(call), CAUSES[cause], now);
                    ends.push(Some(CAUSES[cause]).filter(|cause| cause.transient));
                    let is_open = matches!(breaker.state, State::Open { .. });
                    if was_closed && is_open {
                        let last: Vec<_> = ends.iter().rev().take(THRESHOLD as usize).collect();
                        prop_assert!(last.len() == 3 && last.iter().all(|end| **end == Some(CAUSES[cause])), "{:?}", ends);
                    }
                    prop_assert!(!probed || is_open == CAUSES[cause].transient);
                    if is_open && (was_closed || probed) {
                        opened = now;
                    }
                }
                Step::Abandon(call) if call < calls.len() => {
                    // The next probe need not wait: nothing was learned.
                    breaker.abandoned(calls.remove(call), now);
                }
                Step::Succeed(_) | Step::Fail(..) | Step::Abandon(_) => {}
            }
            prop_assert!(calls.iter().filter(|call| call.is_probe()).count() <= 1, "two probes");
            if !was_closed && matches!(breaker.state, State::Closed { .. }) {
                ends.clear();
            }
        }
    }
}
