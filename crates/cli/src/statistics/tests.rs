use rstest::rstest;

use super::*;

/// The noise of the reference suite's deploy and ready on a virtual machine of 2 cores: docs/performance.md.
const NOISE: f64 = 0.07;

/// A sample of runs that take `middle` seconds: noise of a normal distribution in the logarithm, and now and then a run
/// that takes half as long again, as hosts have.
fn runs(random: &mut fastrand::Rng, n: usize, middle: f64, noise: f64) -> Vec<f64> {
    let normal = |random: &mut fastrand::Rng| (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
    let run = |random: &mut fastrand::Rng| {
        let late = if random.f64() < 0.02 { 1.5 } else { 1.0 };
        middle * late * (noise * normal(random)).exp()
    };
    (0..n).map(|_| run(random)).collect()
}

/// Which parts of 1,500 comparisons of ten runs a side find the new runs slower, and faster, when they take `factor` times
/// as long.
fn found(factor: f64, noise: f64) -> (f64, f64) {
    let mut random = fastrand::Rng::with_seed(7);
    let (mut slower, mut faster) = (0, 0);
    for _ in 0..1500 {
        let (base, new) = (runs(&mut random, 10, 7.0, noise), runs(&mut random, 10, 7.0 * factor, noise));
        match change(&base, &new, 0.2).0 {
            Change::Regressed => slower += 1,
            Change::Improved => faster += 1,
            Change::Same | Change::NotEnoughData => {}
        }
    }
    (f64::from(slower) / 1500.0, f64::from(faster) / 1500.0)
}

#[rstest]
#[case(0.02)]
#[case(NOISE)]
#[case(0.20)]
fn equals_are_called_slower_or_faster_less_than_once_in_a_hundred(#[case] noise: f64) {
    let (slower, faster) = found(1.0, noise);
    assert!(slower <= 0.01 && faster <= 0.01, "{slower} {faster}");
}

#[test]
fn a_fifth_more_is_found_with_ten_runs_a_side() {
    assert!(found(1.2, NOISE).0 >= 0.95, "{:?}", found(1.2, NOISE));
    assert!(found(1.0 / 1.2, NOISE).1 >= 0.95);
}

#[test]
fn a_change_that_is_real_but_small_is_none() {
    assert!(found(1.05, 0.01).0 <= 0.01);
}

#[test]
fn noise_is_that_of_the_sample() {
    let noise = |values: &[f64]| super::noise(values).map(|noise| (noise * 1000.0).round() / 1000.0);
    let usual = [1.0_f64.exp(), 1.1_f64.exp(), 0.9_f64.exp(), 1.0_f64.exp(), 1.0_f64.exp()];
    assert_eq!(noise(&usual), Some(0.071), "0.02 / 4, its root");
    assert_eq!((noise(&usual[..4]), noise(&[0.0; 5])), (None, None));
}

#[test]
fn fewer_than_five_runs_are_not_compared() {
    let five = [1.0, 1.1, 1.2, 1.3, 1.4];
    let slow = five.map(|time| time * 2.0);
    assert_eq!(compare(&five, &slow[..4], 0.2).change, Change::NotEnoughData);
    assert_eq!(compare(&five, &[], 0.2), Compared { change: Change::NotEnoughData, ratio: None, p: None });
    assert_eq!(compare(&five, &slow, 0.2).change, Change::Regressed);
    assert_eq!(compare(&slow, &five, 0.2).change, Change::Improved);
    assert_eq!(compare(&five, &five, 0.2).change, Change::Same);
}

/// The first is the example of scipy.stats.mannwhitneyu; of the second, one of 252 orders in each direction is as extreme.
#[rstest]
#[case(&[19.0, 22.0, 16.0, 29.0, 24.0], &[20.0, 11.0, 17.0, 12.0], 0.111_111)]
#[case(&[1.0, 2.0, 3.0, 4.0, 5.0], &[6.0, 7.0, 8.0, 9.0, 10.0], 0.007_937)]
#[case(&[1.0, 2.0, 3.0, 4.0, 5.0], &[1.0, 2.0, 3.0, 4.0, 5.0], 1.0)]
#[case(&[2.0, 2.0, 2.0], &[2.0, 2.0], 1.0)]
fn ranks_are_tested_exactly(#[case] one: &[f64], #[case] other: &[f64], #[case] p: f64) {
    assert!((rank_test(one, other) - p).abs() < 1e-6, "{}", rank_test(one, other));
    assert!((rank_test(other, one) - p).abs() < 1e-6, "{}", rank_test(other, one));
}

#[test]
fn an_interval_holds_the_true_median_as_often_as_it_says() {
    let mut random = fastrand::Rng::with_seed(3);
    let mut hits = 0;
    for _ in 0..300 {
        let sample: Vec<f64> = (0..21).map(|_| random.f64()).collect();
        let (low, high) = median_estimate(&sample).unwrap().interval.unwrap();
        hits += u32::from(low <= 0.5 && 0.5 <= high);
    }
    assert!((270..=298).contains(&hits), "{hits} of 300");
}

#[test]
fn medians_and_rates_of_little() {
    assert_eq!((median(&[]), median(&[3.0]), median(&[4.0, 1.0])), (None, Some(3.0), Some(2.5)));
    assert_eq!(median_estimate(&[3.0]), Some(Estimate { value: 3.0, interval: None }));
    assert_eq!(ratio_estimate(&[0.0], &[1.0]), None);
    assert_eq!(rate_interval(0, 0), None);
    let (low, high) = rate_interval(0, 100).unwrap();
    assert!(low == 0.0 && (0.03..0.04).contains(&high), "none of 100 may still be 3 in 100: {high}");
}
