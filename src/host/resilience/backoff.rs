//! Pauses between attempts.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::suite::config::RetrySpec;

/// The pauses between the attempts of one call, each longer than the last; the iterator ends when no attempt is left.
///
/// ```
/// use kind_harness::suite::config::RetrySpec;
/// use kind_harness::host::resilience::Backoff;
///
/// let pauses: Vec<u64> = Backoff::new(&RetrySpec::default(), || 0.0).map(|pause| pause.as_secs()).collect();
/// assert_eq!(pauses, [1, 2, 4, 8]);
/// ```
#[derive(Debug)]
pub struct Backoff {
    growing: ExponentialBackoff,
    jitter: Duration,
    random: fn() -> f64,
}

impl Backoff {
    /// Returns the pauses of `spec`. `random` returns the fraction of the jitter for each pause, from 0 to 1.
    #[must_use]
    pub fn new(spec: &RetrySpec, random: fn() -> f64) -> Backoff {
        let retries = usize::try_from(spec.attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        let growing = ExponentialBuilder::new()
            .with_min_delay(spec.base.min(spec.ceiling))
            .with_factor(spec.factor)
            .with_max_delay(spec.ceiling)
            .with_max_times(retries);
        Backoff { growing: growing.build(), jitter: spec.jitter, random }
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        // Not backon's own jitter, which is as long as the pause itself and would double the maximum.
        let jitter = self.jitter.mul_f64((self.random)().clamp(0.0, 1.0));
        Some(self.growing.next()?.saturating_add(jitter))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(spec: &RetrySpec, random: fn() -> f64) -> Vec<f64> {
        Backoff::new(spec, random).map(|pause| pause.as_secs_f64()).collect()
    }

    #[test]
    fn pauses_double_up_to_the_ceiling_and_jitter_comes_on_top() {
        let spec = RetrySpec { attempts: 8, ..RetrySpec::default() };
        assert_eq!(seconds(&spec, || 0.0), [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
        assert_eq!(seconds(&spec, || 0.5), [1.5, 2.5, 4.5, 8.5, 16.5, 30.5, 30.5]);
        assert_eq!(seconds(&RetrySpec { attempts: 1, ..spec }, || 0.0), [0.0; 0]);
    }

    proptest! {
        #[test]
        fn any_settings_keep_their_bounds(
            base in 1..100_000_u64, factor in 1.0..10.0_f32, longer in 0..100_000_u64, jitter in 0..10_000_u64,
            attempts in 1..=20_u32,
        ) {
            let millis = Duration::from_millis;
            let (base, ceiling, jitter) = (millis(base), millis(base + longer), millis(jitter));
            let spec = RetrySpec { base, factor, ceiling, jitter, attempts };
            let pauses: Vec<_> = Backoff::new(&spec, fastrand::f64).collect();
            prop_assert_eq!(pauses.len() + 1, attempts as usize);
            prop_assert!(pauses.iter().all(|pause| (base..=ceiling + jitter).contains(pause)), "{:?}", pauses);
            let even: Vec<_> = Backoff::new(&spec, || 0.0).collect();
            prop_assert!(even.is_sorted(), "{:?}", even);
        }
    }
}
