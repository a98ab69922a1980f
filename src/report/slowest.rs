//! The tests of a run that took longest.

use std::time::Duration;

/// How many tests are listed.
const LISTED: usize = 10;
/// Of fewer tests none is listed: their times are on one screen anyway.
const LEAST: usize = 10;

/// Returns a line for each of the slowest tests; nothing for a run of few tests.
///
/// ```text
/// the slowest 10 of 62 tests:
///   15.9 s  errors::a_loop_of_retries_leaves_a_complete_trail
/// ```
#[must_use]
pub fn slowest(times: &[(String, Duration)]) -> String {
    if times.len() < LEAST {
        return String::new();
    }
    let mut times: Vec<_> = times.iter().collect();
    times.sort_by(|(a_name, a), (b_name, b)| b.cmp(a).then_with(|| a_name.cmp(b_name)));
    let lines = times.iter().take(LISTED).map(|(name, time)| format!("{:>7.1} s  {name}\n", time.as_secs_f64()));
    format!("the slowest {} of {} tests:\n{}", LISTED.min(times.len()), times.len(), lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(count: u64) -> Vec<(String, Duration)> {
        (0..count).map(|number| (format!("t{number:02}"), Duration::from_millis(number * 600))).collect()
    }

    #[test]
    fn ten_of_many_are_listed_the_slowest_first() {
        let text = slowest(&times(12));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 11);
        assert_eq!(lines[..3], ["the slowest 10 of 12 tests:", "    6.6 s  t11", "    6.0 s  t10"]);
        assert_eq!(lines[10], "    1.2 s  t02");
    }

    #[test]
    fn of_few_none_is_listed() {
        assert_eq!(slowest(&times(9)), "");
        assert_eq!(slowest(&times(10)).lines().count(), 11);
    }

    #[test]
    fn those_that_took_as_long_are_sorted_by_name() {
        let same = |name: &str| (name.to_owned(), Duration::from_secs(1));
        let text = slowest(&["k", "b", "a", "c", "d", "e", "f", "g", "h", "i", "j"].map(same));
        assert!(text.contains("  a\n") && text.find("  a\n") < text.find("  b\n") && !text.contains("  k\n"), "{text}");
    }
}
