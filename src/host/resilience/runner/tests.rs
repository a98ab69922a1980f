//! Calls under a paused clock.

use std::cell::Cell;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::advance;

use super::*;
use crate::host::resilience::COOL_DOWN;
use crate::report::{Event, EventKind, Events};

const REFUSED: Cause = Cause::transient(Dependency::Registry, "connection refused");
const UNKNOWN: Cause = Cause::permanent(Dependency::Registry, "no such image");

/// The error of a call.
#[derive(Debug, PartialEq)]
enum Trouble {
    Of(Cause),
    NotMade(Open),
}

impl From<Open> for Trouble {
    fn from(open: Open) -> Trouble {
        Trouble::NotMade(open)
    }
}

fn classify(trouble: &Trouble) -> Cause {
    match trouble {
        Trouble::Of(cause) => *cause,
        Trouble::NotMade(open) => Cause { transient: false, ..open.cause },
    }
}

fn resilience() -> (Resilience, UnboundedReceiver<Event>) {
    let (events, said) = Events::channel();
    let step = events.handle(Phase::Images, "redis:7");
    (Resilience::with_random(&RetrySpec::default(), step, || 0.25), said)
}

/// Calls the registry; the attempts end with `ends`, and then succeed. Returns the result and the number of attempts.
async fn call(resilience: &Resilience, ends: &[Cause]) -> (Result<(), Trouble>, usize) {
    let made = Cell::new(0);
    let result = resilience.call(Dependency::Registry, "pull", classify, || {
        let end = ends.get(made.replace(made.get() + 1)).copied();
        async move { end.map_or(Ok(()), |cause| Err(Trouble::Of(cause))) }
    });
    (result.await, made.get())
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_five_times_and_each_retry_is_told() {
    let (resilience, mut said) = resilience();
    let began = Instant::now();
    assert_eq!(call(&resilience, &[REFUSED; 9]).await, (Err(Trouble::Of(REFUSED)), 5));
    assert_eq!(began.elapsed(), Duration::from_secs(1 + 2 + 4 + 8 + 1), "four pauses, each with a quarter of a second");
    drop(resilience);
    let mut pauses = Vec::new();
    while let Some(event) = said.recv().await {
        assert_eq!((event.phase, event.step.as_str()), (Phase::Images, "redis:7"));
        let EventKind::Retry { attempt, of: 5, cause, after } = event.kind else { panic!("{event:?}") };
        assert_eq!(cause, "connection refused (pull)");
        pauses.push((attempt, after.as_millis()));
    }
    assert_eq!(pauses, [(2, 1250), (3, 2250), (4, 4250), (5, 8250)]);
}

#[tokio::test(start_paused = true)]
async fn what_heals_is_a_success() {
    let (resilience, _said) = resilience();
    assert_eq!(call(&resilience, &[REFUSED, REFUSED]).await, (Ok(()), 3));
}

#[tokio::test(start_paused = true)]
async fn what_stays_is_final_at_once_and_nothing_is_told() {
    let (resilience, mut said) = resilience();
    assert_eq!(call(&resilience, &[UNKNOWN]).await, (Err(Trouble::Of(UNKNOWN)), 1));
    assert_eq!(call(&resilience, &[REFUSED, UNKNOWN]).await, (Err(Trouble::Of(UNKNOWN)), 2));
    drop(resilience);
    assert!(matches!(said.recv().await.unwrap().kind, EventKind::Retry { attempt: 2, .. }));
    assert_eq!(said.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn settings_are_followed() {
    let (events, _said) = Events::channel();
    let second = Duration::from_secs(1);
    let spec = RetrySpec { base: 3 * second, factor: 3.0, ceiling: 10 * second, jitter: Duration::ZERO, attempts: 4 };
    let resilience = Resilience::new(&spec, events.handle(Phase::Images, "a"));
    let began = Instant::now();
    assert_eq!(call(&resilience, &[REFUSED; 9]).await.1, 4);
    assert_eq!(began.elapsed(), Duration::from_secs(3 + 9 + 10));
}

#[tokio::test(start_paused = true)]
async fn three_calls_given_up_open_the_circuit_until_a_probe_succeeds() {
    let (resilience, _said) = resilience();
    for _ in 0..3 {
        assert_eq!(call(&resilience, &[REFUSED; 9]).await.1, 5, "every call has all its attempts");
    }
    advance(Duration::from_secs(20)).await;
    assert_eq!(call(&resilience.afresh(), &[]).await.1, 1);
    let (result, made) = call(&resilience.clone(), &[]).await;
    let open = Open { dependency: Dependency::Registry, cause: REFUSED, wait: Duration::from_secs(40) };
    assert_eq!((result, made), (Err(Trouble::NotMade(open)), 0));

    advance(Duration::from_secs(40)).await;
    assert_eq!(call(&resilience, &[REFUSED; 9]).await.1, 1, "a probe is made once");
    assert_eq!(call(&resilience, &[]).await.1, 0);
    advance(Duration::from_secs(60)).await;
    assert_eq!(call(&resilience, &[]).await, (Ok(()), 1));
    assert_eq!(call(&resilience, &[REFUSED; 2]).await, (Ok(()), 3), "closed, with retries again");
}

#[tokio::test(start_paused = true)]
async fn a_short_trouble_that_many_meet_at_once_opens_nothing() {
    let (resilience, _said) = resilience();
    let calls = futures::future::join_all((0..20).map(|_| call(&resilience, &[REFUSED; 4]))).await;
    assert!(calls.iter().all(|(result, made)| result.is_ok() && *made == 5));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_nobody_waits_for_any_more_blocks_no_other() {
    let (resilience, _said) = resilience();
    for _ in 0..3 {
        let _ = call(&resilience, &[REFUSED; 9]).await;
    }
    advance(COOL_DOWN).await;
    {
        let endless = || std::future::pending::<Result<(), Trouble>>();
        let probe = resilience.call(Dependency::Registry, "pull", classify, endless);
        assert!(timeout(Duration::from_millis(1), probe).await.is_err());
    }
    assert_eq!(call(&resilience, &[]).await, (Ok(()), 1));
}

#[tokio::test(start_paused = true)]
async fn each_dependency_has_a_circuit_and_who_fails_is_left_alone() {
    let (resilience, _said) = resilience();
    let engine = Cause::transient(Dependency::Engine, "engine not reachable");
    for _ in 0..3 {
        assert_eq!(call(&resilience, &[engine; 9]).await.1, 5);
    }
    assert_eq!(call(&resilience, &[]).await, (Ok(()), 1), "the registry has done nothing");
    let list = resilience.engine("listing images", async || Ok::<(), ExecError>(())).await;
    assert!(matches!(list, Err(ExecError::NotRun(open)) if open.cause == engine));
}

#[tokio::test(start_paused = true)]
async fn what_hangs_is_tried_twice() {
    let (resilience, mut said) = resilience();
    let began = Instant::now();
    let endless = || std::future::pending::<Result<(), kube::Error>>();
    let error = resilience.api("applying configmap/app", endless).await.unwrap_err();
    assert!(error.to_string().contains("applying configmap/app hung"), "{error}");
    assert_eq!(began.elapsed(), 2 * API_DEADLINE + Duration::from_millis(1250));
    let EventKind::Retry { attempt: 2, of: 2, cause, .. } = said.recv().await.unwrap().kind else { panic!() };
    assert_eq!(cause, "hung (applying configmap/app)");
}
