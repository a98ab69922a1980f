//! Counts of asks, and response times.

use std::collections::VecDeque;
use std::time::Duration;

use crate::outputs::{ComponentStats, Quantiles};

/// How many response times are kept.
const KEPT: usize = 1000;

/// How a component was asked, and how it answered.
#[derive(Debug, Default)]
pub(super) struct Tally {
    asks: u64,
    failures: u64,
    skipped: u64,
    times: VecDeque<Duration>,
}

impl Tally {
    /// Counts an ask.
    pub(super) fn asked(&mut self, is_up: bool, response_time: Option<Duration>) {
        self.asks += 1;
        self.failures += u64::from(!is_up);
        self.times.extend(response_time);
        if self.times.len() > KEPT {
            self.times.pop_front();
        }
    }

    /// Counts an ask that the circuit breaker did not allow.
    pub(super) fn skipped(&mut self) {
        self.skipped += 1;
    }

    /// Returns the figures.
    pub(super) fn stats(&self) -> ComponentStats {
        let mut sorted: Vec<Duration> = self.times.iter().copied().collect();
        sorted.sort_unstable();
        let quantile = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100);
            Some(milliseconds(*sorted.get(rank.checked_sub(1)?)?))
        };
        let quantiles =
            || Some(Quantiles { p50: quantile(50)?, p90: quantile(90)?, p99: quantile(99)?, max: quantile(100)? });
        ComponentStats {
            asks: self.asks,
            failures: self.failures,
            skipped: self.skipped,
            response_time_ms: quantiles(),
        }
    }
}

/// Returns a time in milliseconds, with a tenth.
pub(super) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_that_were_measured() {
        let mut tally = Tally::default();
        assert_eq!(tally.stats().response_time_ms, None);
        tally.asked(false, None);
        tally.skipped();
        (1..=200).rev().for_each(|time| tally.asked(true, Some(Duration::from_millis(time))));
        let stats = tally.stats();
        assert_eq!((stats.asks, stats.failures, stats.skipped), (201, 1, 1));
        let quantiles = Quantiles { p50: 100.0, p90: 180.0, p99: 198.0, max: 200.0 };
        assert_eq!(stats.response_time_ms, Some(quantiles));
    }

    #[test]
    fn only_the_last_times_are_kept() {
        let mut tally = Tally::default();
        tally.asked(true, Some(Duration::from_secs(9)));
        (0..KEPT).for_each(|_| tally.asked(true, Some(Duration::from_micros(1249))));
        assert_eq!(tally.times.len(), KEPT);
        assert_eq!(tally.stats().response_time_ms.map(|times| times.max), Some(1.2));
    }
}
