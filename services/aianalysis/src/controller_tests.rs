use std::time::Instant;

use super::*;
use crate::{
    api::Phase,
    samples::analysis,
    stand_in::{World, lock},
};

/// So many analyses, each with a name and uid of its own.
fn analyses(count: u128) -> Vec<AIAnalysis> {
    let one = |number: u128| {
        let mut object = analysis("OOMKilled", "staging");
        object.metadata.name = Some(format!("a-{number}"));
        object.metadata.uid = Some(uuid::Uuid::from_u128(number + 1).to_string());
        object
    };
    (0..count).map(one).collect()
}

/// Looks again and again, for ten seconds at most.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let waiting = async {
        while !holds() {
            ticks.tick().await;
        }
    };
    timeout(Duration::from_secs(10), waiting).await.unwrap_or_else(|_| panic!("in vain: {what}"));
}

fn all_over(world: &World) -> bool {
    let is_over = |it: &AIAnalysis| it.status.as_ref().is_some_and(|status| status.phase == Some(Phase::Completed));
    world.objects().iter().all(is_over)
}

#[tokio::test(flavor = "multi_thread")]
async fn seventy_analyses_at_once_complete_and_every_event_is_stored_once() {
    let world = World::new(&analyses(70), Vec::new());
    let context = world.context().await;
    let (stop, trail_complete) = (CancellationToken::new(), CancellationToken::new());
    let trail = tokio::spawn(context.audit.clone().run(trail_complete.clone()));
    let running = tokio::spawn(run(context, WatchConfig::default(), stop.clone()));
    until("every analysis completes", || all_over(&world)).await;
    let tidy = |it: &AIAnalysis| it.status.as_ref().is_some_and(|status| status.pending_audit_events.is_empty());
    until("every trail is stored", || world.objects().iter().all(tidy)).await;
    assert_eq!((*lock(&world.calls), lock(&world.stored).len(), *lock(&world.sent)), (70, 490, 490));

    let asked = Instant::now();
    stop.cancel();
    running.await.unwrap();
    trail_complete.cancel();
    trail.await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_middle_flushes_and_the_next_controller_goes_on() {
    let world = World::new(&analyses(30), Vec::new());
    let first = world.context().await;
    let stop = CancellationToken::new();
    let trail_complete = CancellationToken::new();
    let trail = tokio::spawn(first.audit.clone().run(trail_complete.clone()));
    let running = tokio::spawn(run(first, WatchConfig::default(), stop.clone()));
    until("some analyses have got somewhere", || world.phases().len() > 30).await;
    stop.cancel();
    running.await.unwrap();
    trail_complete.cancel();
    trail.await.unwrap();
    // All that was decided until now is known to DataStorage, although nobody had the time to note that.
    let pending: usize =
        world.objects().iter().filter_map(|it| Some(it.status.as_ref()?.pending_audit_events.len())).sum();
    assert_eq!(lock(&world.stored).len(), pending);

    let second = world.context().await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(run(second.clone(), WatchConfig::default(), stop.clone()));
    until("every analysis completes", || all_over(&world)).await;
    assert!(second.audit.flush().await);
    assert_eq!((*lock(&world.calls), lock(&world.stored).len()), (30, 210));
    stop.cancel();
    running.await.unwrap();
}
