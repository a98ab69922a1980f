//! What specs have in common: the environment, a namespace for each, and honest waiting.

use std::fmt::Debug;
use std::ops::Deref;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kind_harness::environment::{Environment, TestNamespace, shared};
use rstest::fixture;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Specs that disturb what others use run while no other does.
static PEACE: RwLock<()> = RwLock::const_new(());

/// A spec's view of the world: the shared environment, and a namespace of its own.
pub(crate) struct Spec {
    environment: &'static Environment,
    pub(crate) namespace: TestNamespace,
    _peace: RwLockReadGuard<'static, ()>,
}

impl Deref for Spec {
    type Target = Environment;

    fn deref(&self) -> &Environment {
        self.environment
    }
}

impl Spec {
    /// Address of a port of a component, for use in URLs.
    pub(crate) fn url(&self, component: &str, port: &str, path: &str) -> String {
        let address = self.endpoint(component, port).expect("e2e.yaml maps this port");
        format!("http://{address}{path}")
    }
}

/// The view of a spec that has the environment for itself, and leaves it healthy.
pub(crate) struct ExclusiveSpec {
    environment: &'static Environment,
    _namespace: TestNamespace,
    _peace: RwLockWriteGuard<'static, ()>,
}

impl Deref for ExclusiveSpec {
    type Target = Environment;

    fn deref(&self) -> &Environment {
        self.environment
    }
}

async fn the_environment() -> &'static Environment {
    // Bringing it up blocks, and other specs' timers must not wait for it.
    tokio::task::spawn_blocking(|| shared("e2e.yaml")).await.expect("the environment is up")
}

async fn own_namespace(environment: &Environment) -> TestNamespace {
    // libtest names a test's thread after the test.
    let name = std::thread::current().name().unwrap_or("spec").to_owned();
    environment.test_namespace(&name).await.expect("a namespace for the spec")
}

#[fixture]
pub(crate) async fn spec() -> Spec {
    let environment = the_environment().await;
    let peace = PEACE.read().await;
    Spec { environment, namespace: own_namespace(environment).await, _peace: peace }
}

#[fixture]
pub(crate) async fn exclusive() -> ExclusiveSpec {
    let environment = the_environment().await;
    let peace = PEACE.write().await;
    ExclusiveSpec { environment, _namespace: own_namespace(environment).await, _peace: peace }
}

/// Asks `probe` until it has an answer. At the deadline the error quotes the last thing that was seen instead.
pub(crate) async fn eventually<T, S: Debug>(
    what: &str,
    deadline: Duration,
    mut probe: impl AsyncFnMut() -> Result<std::result::Result<T, S>>,
) -> Result<T> {
    let end = Instant::now() + deadline;
    let mut tick = interval(Duration::from_millis(100));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        match probe().await.with_context(|| format!("while waiting for {what}"))? {
            Ok(answer) => return Ok(answer),
            Err(seen) if Instant::now() >= end => {
                bail!("{what} did not come within {deadline:?}; last seen: {seen:?}")
            }
            Err(_) => {}
        }
    }
}

/// GETs `url` and returns status and body.
pub(crate) async fn get(url: &str) -> Result<(u16, String)> {
    let response = reqwest::get(url).await.with_context(|| format!("GET {url}"))?;
    Ok((response.status().as_u16(), response.text().await?))
}
