//! Honest waiting: for a fact, until a deadline, quoting what was seen instead.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Asks `probe` until it has an answer. At the deadline the error quotes the last thing that was seen instead.
///
/// For what cannot be watched; objects can.
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
