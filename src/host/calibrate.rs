//! How fast this host is at the moment: the time of a fixed piece of work.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::report::Calibration;

/// How often the work is done. The quickest counts: the others were interrupted.
const ROUNDS: usize = 5;
/// Steps of a round: a millisecond or two, with and without optimisation.
const STEPS: u64 = if OPTIMISED { 1_000_000 } else { 100_000 };
const OPTIMISED: bool = !cfg!(debug_assertions);

/// Measures the host: 3 to 6 ms on a virtual machine of 2 cores, without optimisation.
pub(crate) fn calibrate() -> Calibration {
    let quickest = (0..ROUNDS).map(|_| round()).min().unwrap_or_default();
    Calibration { seconds: quickest.as_secs_f64(), optimised: OPTIMISED }
}

/// A chain of dependent multiplications, which no compiler shortens: it measures one core, and no memory.
fn round() -> Duration {
    let began = Instant::now();
    let mut value = black_box(1_u64);
    for step in 0..STEPS {
        value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step) ^ (value >> 29);
    }
    black_box(value);
    began.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_a_short_time_and_says_how_it_was_compiled() {
        let began = Instant::now();
        let calibration = calibrate();
        assert!(calibration.seconds > 0.000_01 && calibration.seconds < 1.0, "{calibration:?}");
        assert!(began.elapsed().as_secs_f64() >= calibration.seconds * ROUNDS as f64);
        assert_eq!(calibration.optimised, !cfg!(debug_assertions));
    }
}
