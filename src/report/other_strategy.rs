//! Earlier start-ups by the other strategy, which a run's speed-up is calculated from.

use serde::{Deserialize, Serialize};

/// What a run with this strategy is compared with; `waves` is compared with neither.
const OTHERS: [(&str, &str); 2] = [("parallel", "sequential"), ("sequential", "parallel")];

/// How long start-ups of the same suite on the same class of host took by the other strategy, when the run began. Times
/// are medians, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OtherStrategy {
    /// `sequential` for a run in parallel, `parallel` for a sequential one.
    pub strategy: String,
    /// Of runs that created their cluster; null when there were none.
    pub with_new_cluster: Option<f64>,
    /// Of runs in a cluster that was there; null when there were none.
    pub in_kept_cluster: Option<f64>,
}

impl OtherStrategy {
    /// Returns the name of the strategy that a run with `strategy` is compared with.
    pub(crate) fn of(strategy: &str) -> Option<&'static str> {
        OTHERS.into_iter().find_map(|(one, other)| (one == strategy).then_some(other))
    }

    /// Returns the medians of `start_ups`, each in seconds, and with whether it created its cluster.
    pub(crate) fn from_start_ups(strategy: &str, start_ups: &[(f64, bool)]) -> OtherStrategy {
        let of = |is_fresh: bool| median(start_ups.iter().filter(|it| it.1 == is_fresh).map(|it| it.0).collect());
        OtherStrategy { strategy: strategy.into(), with_new_cluster: of(true), in_kept_cluster: of(false) }
    }

    /// Returns sequential ÷ parallel, for a run of the other strategy that took `seconds`.
    pub(super) fn speed_up(&self, seconds: f64, created_cluster: bool) -> Option<f64> {
        let other = if created_cluster { self.with_new_cluster } else { self.in_kept_cluster }?;
        let (sequential, parallel) = if self.strategy == "sequential" { (other, seconds) } else { (seconds, other) };
        (parallel > 0.0).then(|| sequential / parallel)
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len().is_multiple_of(2) { f64::midpoint(values[middle - 1], upper) } else { upper })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("sequential", 10.0, true, Some(3.0))]
    #[case("sequential", 10.0, false, Some(1.5))]
    #[case("parallel", 60.0, true, Some(2.0))]
    #[case("parallel", 60.0, false, Some(4.0))]
    #[case("sequential", 0.0, true, None)]
    fn it_is_sequential_by_parallel(
        #[case] other: &str,
        #[case] seconds: f64,
        #[case] created_cluster: bool,
        #[case] expected: Option<f64>,
    ) {
        let start_ups = [(30.0, true), (90.0, true), (29.0, true), (10.0, false), (20.0, false)];
        let other = OtherStrategy::from_start_ups(other, &start_ups);
        assert_eq!(other.speed_up(seconds, created_cluster), expected);
    }

    #[test]
    fn without_runs_of_the_same_kind_it_is_not_known() {
        let other = OtherStrategy::from_start_ups("sequential", &[(30.0, true)]);
        assert_eq!((other.speed_up(10.0, false), other.speed_up(10.0, true)), (None, Some(3.0)));
    }

    #[test]
    fn waves_are_compared_with_no_other_strategy() {
        let others = ["parallel", "sequential", "waves"].map(OtherStrategy::of);
        assert_eq!(others, [Some("sequential"), Some("parallel"), None]);
    }
}
