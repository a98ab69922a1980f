//! Medians with intervals, and the test that tells a slower suite from a noisy host.

use serde::Serialize;

/// Fewer runs a side are not compared: with five, the smallest p-value that ranks can have is 0.8 %.
pub(super) const ENOUGH: usize = 5;
/// The greatest p-value that counts, of two sides: at most 0.5 % of comparisons of equals are called slower.
const SIGNIFICANT: f64 = 0.01;
/// How often a sample is drawn again for an interval.
const DRAWS: usize = 4000;

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Estimate {
    /// The figure.
    pub(super) value: f64,
    /// The interval, by bootstrap; null with fewer than five values.
    pub(super) interval: Option<(f64, f64)>,
}

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) enum Change {
    /// The new runs take longer.
    Regressed,
    /// The new runs take less.
    Improved,
    /// No difference of that size is shown.
    Same,
    /// There are fewer than five runs on a side.
    NotEnoughData,
}

impl Change {
    /// Returns it in words.
    pub(super) fn text(self) -> &'static str {
        match self {
            Change::Regressed => "regressed",
            Change::Improved => "improved",
            Change::Same => "same",
            Change::NotEnoughData => "not enough data",
        }
    }
}

/// Two samples, compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Compared {
    /// What was found.
    pub(super) change: Change,
    /// New median ÷ base median; null when a side has no runs.
    pub(super) ratio: Option<Estimate>,
    /// Probability of ranks as different as these, were both the same (Mann-Whitney U, of two sides).
    pub(super) p: Option<f64>,
}

/// Returns the median; `None` of nothing.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len().is_multiple_of(2) { (sorted[middle - 1] + upper) / 2.0 } else { upper })
}

/// Returns the median with its interval; `None` of nothing.
pub(super) fn median_estimate(values: &[f64]) -> Option<Estimate> {
    let interval = interval(values.len(), |random| median(&drawn(values, random)));
    Some(Estimate { value: median(values)?, interval })
}

/// Returns the ratio of the medians with its interval; `None` when a side is empty, or the base takes no time.
pub(super) fn ratio_estimate(base: &[f64], new: &[f64]) -> Option<Estimate> {
    let ratio = |base: &[f64], new: &[f64]| Some(median(new)? / median(base).filter(|median| *median > 0.0)?);
    let interval = interval(base.len().min(new.len()), |random| ratio(&drawn(base, random), &drawn(new, random)));
    Some(Estimate { value: ratio(base, new)?, interval })
}

/// Returns the noise of a sample: the standard deviation of the logarithms, 0.07 for 7 %. `None` of fewer than five.
pub(super) fn noise(values: &[f64]) -> Option<f64> {
    if values.len() < ENOUGH || values.iter().any(|value| *value <= 0.0) {
        return None;
    }
    let logarithms: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    let n = logarithms.len() as f64;
    let mean = logarithms.iter().sum::<f64>() / n;
    let squares: f64 = logarithms.iter().map(|it| (it - mean).powi(2)).sum();
    Some((squares / (n - 1.0)).sqrt())
}

/// Compares two samples. A change counts when their ranks differ significantly, and the medians by at least half of
/// `threshold`: so a change of the whole threshold is found too when it is measured a little too small.
pub(super) fn compare(base: &[f64], new: &[f64], threshold: f64) -> Compared {
    let (change, p) = change(base, new, threshold);
    Compared { change, ratio: ratio_estimate(base, new), p }
}

/// Returns what is found, and the p-value that it was found with.
fn change(base: &[f64], new: &[f64], threshold: f64) -> (Change, Option<f64>) {
    if base.len().min(new.len()) < ENOUGH {
        return (Change::NotEnoughData, None);
    }
    let ratio = median(new).zip(median(base).filter(|median| *median > 0.0)).map(|(new, base)| new / base);
    let p = rank_test(base, new);
    let is_significant = p <= SIGNIFICANT;
    let change = match ratio {
        Some(ratio) if is_significant && ratio >= 1.0 + threshold / 2.0 => Change::Regressed,
        Some(ratio) if is_significant && 1.0 / ratio >= 1.0 + threshold / 2.0 => Change::Improved,
        _ => Change::Same,
    };
    (change, Some(p))
}

/// Returns the probability, were both samples alike, of ranks that differ as much as these or more in either direction:
/// the Mann-Whitney test, exact, with mean ranks for equal values.
///
/// Counts the ways to choose the ranks of one sample among all, by their sum: for 40 values a side some 25 million
/// additions.
fn rank_test(one: &[f64], other: &[f64]) -> f64 {
    let mut all: Vec<f64> = one.iter().chain(other).copied().collect();
    all.sort_by(f64::total_cmp);
    // Twice the mean rank, which is a whole number.
    let rank = |value: &f64| all.partition_point(|it| it < value) + all.partition_point(|it| it <= value) + 1;
    let sum: usize = one.iter().map(rank).sum();
    let most: usize = all.iter().map(rank).sum();
    // ways[chosen][sum]
    let mut ways = vec![vec![0.0_f64; most + 1]; one.len() + 1];
    ways[0][0] = 1.0;
    let mut so_far = 0;
    for rank in all.iter().map(rank) {
        so_far += rank;
        for chosen in (1..=one.len()).rev() {
            for total in (rank..=so_far).rev() {
                ways[chosen][total] += ways[chosen - 1][total - rank];
            }
        }
    }
    let of_size = &ways[one.len()];
    let (whole, below, above) =
        (of_size.iter().sum::<f64>(), of_size[..=sum].iter().sum::<f64>(), of_size[sum..].iter().sum::<f64>());
    (2.0 * below.min(above) / whole).min(1.0)
}

/// Returns the 95 % interval (Wilson) of a rate that was seen `times` out of `of`; `None` of nothing.
pub(super) fn rate_interval(times: usize, of: usize) -> Option<(f64, f64)> {
    const Z: f64 = 1.959_964;
    #[expect(clippy::cast_precision_loss, reason = "counts of runs")]
    let (times, n) = (times as f64, of as f64);
    let rate = (of > 0).then(|| times / n)?;
    let middle = rate + Z * Z / (2.0 * n);
    let half = Z * (rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    Some((((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0)))
}

/// Returns the middle 95 % of `statistic` over samples drawn again; the same each time it is asked.
fn interval(size: usize, statistic: impl Fn(&mut fastrand::Rng) -> Option<f64>) -> Option<(f64, f64)> {
    if size < ENOUGH {
        return None;
    }
    let mut random = fastrand::Rng::with_seed(1);
    let mut found: Vec<f64> = (0..DRAWS).filter_map(|_| statistic(&mut random)).collect();
    found.sort_by(f64::total_cmp);
    let at = |part: usize| found.get(found.len() * part / 1000).copied();
    at(25).zip(at(975))
}

fn drawn(values: &[f64], random: &mut fastrand::Rng) -> Vec<f64> {
    values.iter().map(|_| values[random.usize(..values.len())]).collect()
}

#[cfg(test)]
mod tests;
