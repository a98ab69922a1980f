//! Checks grades and alerts: their limits grow.

use super::Checker;
use crate::suite::config::duration::to_text;

impl Checker<'_> {
    pub(super) fn timing(&mut self) {
        let (grade, alert) = (self.suite.grade, self.suite.alert);
        let grades = [("a", grade.a), ("b", grade.b), ("c", grade.c), ("d", grade.d)];
        let alerts = [("warn", alert.warn), ("critical", alert.critical)];
        for (place, limits) in [("grade", &grades[..]), ("alert", &alerts[..])] {
            for pair in limits.windows(2) {
                let [(lower, less), (upper, more)] = *pair else { continue };
                if less <= more {
                    continue;
                }
                let place = self.tree.at(place);
                let key = if place.get(upper).is_some() { upper } else { lower };
                let message = format!("`{lower}`, {}, is longer than `{upper}`, {}", to_text(less), to_text(more));
                self.refuse(place.at(key).span, message, format!("make `{lower}` shorter, or `{upper}` longer"));
            }
        }
    }
}
