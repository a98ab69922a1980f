//! The end of a wait in the events: who failed, who was late, who was given up.

use kind_harness::readiness::Readiness;
use kind_harness::report::{ComponentStates, Event, Events, State, StateHistory};
use rstest::rstest;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::objects::{crashes, deployment, pod, waits};
use crate::server::Server;
use crate::{in_seconds, settle};

fn lives(events: &mut UnboundedReceiver<Event>) -> ComponentStates {
    let mut lives = ComponentStates::default();
    while let Ok(event) = events.try_recv() {
        lives.record(&event).expect("a change that can be");
    }
    lives
}

#[rstest]
#[case::at_the_deadline(&waits("ContainerCreating", ""), 2, [State::Ready, State::Timeout, State::Timeout])]
#[case::as_soon_as_one_has_failed(&crashes(3), 300, [State::Ready, State::Failed, State::Starting])]
#[tokio::test(start_paused = true)]
async fn each_component_has_the_state_that_it_deserves(
    #[case] web: &str,
    #[case] seconds: u64,
    #[case] expected: [State; 3],
) {
    let server = Server::default();
    let (events, mut stream) = Events::channel();
    let readiness = Readiness::start(server.client(), "shop", events.observer());
    readiness.expect("db", server.put(&deployment("db", 1)), Vec::new());
    readiness.expect("web", server.put(&deployment("web", 0)), Vec::new());
    readiness.expect("api", server.put(&deployment("api", 0)), Vec::new());
    server.put(&(pod("web", web) + &pod("api", &waits("ContainerCreating", ""))));
    readiness.wait_for_all_ready(None, in_seconds(seconds)).await.expect_err("two are not ready");
    let lives = lives(&mut stream);
    assert_eq!(["db", "web", "api"].map(|name| lives.get(name).map(StateHistory::state)), expected.map(Some));
    let why = |name: &str| lives.get(name).and_then(StateHistory::last_error).map(str::to_owned);
    assert_eq!(why("db"), None);
    assert!(why("web").is_some_and(|why| why.starts_with("deployment/web: ")), "{:?}", why("web"));
    assert!(why("api").is_some_and(|why| why.starts_with("deployment/api: ")), "{:?}", why("api"));
}

#[tokio::test(start_paused = true)]
async fn what_was_ready_and_is_lost_is_late_in_the_end() {
    let server = Server::default();
    let (events, mut stream) = Events::channel();
    let readiness = Readiness::start(server.client(), "shop", events.observer());
    readiness.expect("web", server.put(&deployment("web", 1)), Vec::new());
    readiness.wait_for_all_ready(None, in_seconds(5)).await.expect("ready");
    server.put(&deployment("web", 0));
    settle().await;
    readiness.wait_for_all_ready(None, in_seconds(5)).await.expect_err("no longer ready");
    let lives = lives(&mut stream);
    let history = lives.get("web").into_iter().flat_map(StateHistory::history).map(|(state, _)| *state);
    let expected = [State::Pending, State::Starting, State::Ready, State::Timeout];
    assert_eq!(history.collect::<Vec<_>>(), expected);
}
