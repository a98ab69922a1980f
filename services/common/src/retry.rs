//! Dependencies are met at run time: asked for from the start, with backoff and jitter, and never given up.

use std::{fmt::Display, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::Check;

/// Connecting may take no longer than this. An address that no node routes yet swallows packets instead of refusing
/// them, and goes on doing so for that connection: a new one is the only way to notice that somebody is there now.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// No attempt may hang longer than this, whatever it consists of: migrating a database on a busy host takes its time.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);

/// Fast at first, because a dependency's arrival decides when the whole environment is ready; then at most five attempts a
/// second (the jitter adds up to the delay itself, so 0.2 s means 0.2 to 0.4 s).
fn patience() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_factor(1.6)
        .with_max_delay(Duration::from_millis(200))
        .with_jitter()
        .without_max_times()
}

/// Tries until it works, telling `check` why it does not yet.
pub async fn until_ok<T, E: Display, F: Future<Output = Result<T, E>>>(
    check: &Check,
    mut attempt: impl FnMut() -> F,
) -> T {
    loop {
        let once = || {
            let future = attempt();
            async move {
                match timeout(ATTEMPT_TIMEOUT, future).await {
                    Ok(Ok(value)) => Ok(value),
                    Ok(Err(error)) => Err(format!("{error:#}")),
                    Err(_) => Err(format!("no answer within {} s", ATTEMPT_TIMEOUT.as_secs())),
                }
            }
        };
        if let Ok(value) = once.retry(patience()).notify(|reason, _| check.down(reason)).await {
            check.up();
            return value;
        }
    }
}

/// Asks a dependency now and then every `period` for ever; while it is away, as often as [`until_ok`] does.
pub async fn keep_checking<E: Display, F: Future<Output = Result<(), E>>>(
    check: Check,
    period: Duration,
    mut attempt: impl FnMut() -> F,
) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        until_ok(&check, &mut attempt).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::Readiness;

    #[tokio::test(start_paused = true)]
    async fn tries_again_until_it_works_and_says_why_it_does_not() {
        let readiness = Readiness::default();
        let check = readiness.check("db");
        let tries = Cell::new(0);
        let started = tokio::time::Instant::now();
        let value = until_ok(&check, || async {
            tries.set(tries.get() + 1);
            if tries.get() < 6 {
                return Err("connection refused");
            }
            assert_eq!(readiness.report().checks["db"].as_deref(), Some("connection refused"));
            Ok(7)
        })
        .await;
        assert_eq!((value, tries.get()), (7, 6));
        assert!(readiness.report().ready);
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_hangs_is_given_up_and_made_again() {
        let check = Readiness::default().check("db");
        let tries = Cell::new(0);
        until_ok(&check, || async {
            tries.set(tries.get() + 1);
            if tries.get() == 1 {
                std::future::pending::<()>().await;
            }
            Ok::<_, String>(())
        })
        .await;
        assert_eq!(tries.get(), 2);
    }
}
