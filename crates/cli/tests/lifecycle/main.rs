//! What is left of a run, however it ends. `just kill-matrix` and `just soak` run these, on clusters of their own.

#![allow(clippy::print_stdout, reason = "figures are what these are for")]

mod attach;
mod ending;
mod host;
mod isolation;
mod matrix;
mod moments;
mod resets;
mod several;
mod soak;
mod strategies;
#[expect(dead_code, reason = "shared with the target `hostile`")]
#[path = "../world/mod.rs"]
mod world;

use std::time::Duration;

use kind_harness::environment::shared;

/// The suite that is brought up and taken down here.
const SUITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lifecycle/e2e.yaml");

/// Held by the test that has the cluster: all use the same name, and look at what is left on the host.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What the other tests start and kill: a test binary's only test, which ends as it is told.
#[test]
#[ignore = "started by the other tests"]
fn specimen() {
    let environment = shared(SUITE);
    assert!(environment.kubeconfig().exists());
    host::tell("up");
    match std::env::var(ending::VARIABLE).as_deref() {
        Ok("panic") => panic!("as told"),
        Ok("exit") => std::process::exit(4),
        Ok("hang") => loop {
            std::thread::park();
        },
        other => assert_eq!(other, Ok("pass"), "a test that fails"),
    }
}

/// Lets time pass: here it is what is being tested.
async fn pause(duration: Duration) {
    tokio::time::sleep_until(tokio::time::Instant::now() + duration).await;
}
