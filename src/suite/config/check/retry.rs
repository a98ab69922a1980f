//! Checks retries: growing pauses, and a limit.

use std::ops::RangeInclusive;

use super::Checker;
use crate::suite::config::duration;

/// With more attempts a call would seem to hang.
const ATTEMPTS: RangeInclusive<u32> = 1..=20;

/// With less, pauses would shrink; with more, the second one would already be the longest.
const FACTORS: RangeInclusive<f32> = 1.0..=10.0;

impl Checker<'_> {
    pub(super) fn retry(&mut self) {
        let (spec, place) = (self.suite.retry, self.tree.at("retry"));
        if !ATTEMPTS.contains(&spec.attempts) {
            let message = format!("`{}` is no number of attempts: they are 1 to 20", spec.attempts);
            self.refuse(place.at("attempts").span, message, "`attempts: 1` never tries again; 5 when left out");
        }
        if !FACTORS.contains(&spec.factor) {
            let message = format!("`{}` is not a factor that pauses grow by", spec.factor);
            self.refuse(place.at("factor").span, message, "it is 1 to 10; 2 when left out");
        }
        if spec.base > spec.ceiling {
            let (base, ceiling) = (duration::to_text(spec.base), duration::to_text(spec.ceiling));
            let key = if place.get("base").is_some() { "base" } else { "ceiling" };
            let message = format!("the first pause, {base}, is longer than the longest, {ceiling}");
            self.refuse(place.at(key).span, message, "make `base` shorter, or `ceiling` longer");
        }
    }
}
