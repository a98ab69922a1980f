//! How watches are taken up again when they break.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use kube::runtime::utils::Backoff;

/// As quick as the retries of every other dependency; kube's own default goes up to half a minute.
pub fn backoff() -> impl Backoff + 'static {
    Quick::default()
}

#[derive(Debug)]
struct Quick(ExponentialBackoff);

impl Default for Quick {
    fn default() -> Self {
        let builder = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_factor(1.6)
            .with_max_delay(Duration::from_secs(1))
            .with_jitter()
            .without_max_times();
        Self(builder.build())
    }
}

impl Iterator for Quick {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next()
    }
}

impl Backoff for Quick {
    fn reset(&mut self) {
        *self = Self::default();
    }
}
