//! Confidence intervals.

use crate::augment::draw;
use rand::RngExt;
use std::collections::BTreeMap;

/// An interval that holds the true value in 95 of 100 cases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// Quantile of the normal distribution for 95 %, two-sided.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's score interval (1927) of a share, 0 to 1; of nothing tried, all of it. It takes trials to be independent.
#[must_use]
pub fn wilson(successes: usize, trials: usize) -> Interval {
    if trials == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (n, square) = (trials as f64, Z * Z);
    let share = successes as f64 / n;
    let centre = share + square / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + square / (4.0 * n * n)).sqrt();
    let whole = 1.0 + square / n;
    // Rounding may pass the ends.
    let end = |value: f64| (value / whole).clamp(0.0, 1.0);
    Interval { low: end(centre - half).min(share), high: end(centre + half).max(share) }
}

/// Percentile bootstrap (Efron 1979) of the share of successes, drawing whole groups (recordings, speakers), as items of
/// one group are not independent. Equal seeds give equal intervals; without items, all of 0 to 1.
///
/// # Panics
/// If there are not as many groups as items.
#[must_use]
pub fn bootstrap_by_group(correct: &[bool], groups: &[usize], resamples: usize, seed: u64) -> Interval {
    assert_eq!(correct.len(), groups.len(), "a group of each item");
    let mut sums = BTreeMap::<usize, (usize, usize)>::new();
    for (&correct, &group) in correct.iter().zip(groups) {
        let (successes, items) = sums.entry(group).or_default();
        (*successes, *items) = (*successes + usize::from(correct), *items + 1);
    }
    let sums: Vec<_> = sums.into_values().collect();
    if sums.is_empty() || resamples == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let mut random = draw(seed, 2, 0);
    let mut shares: Vec<f64> = (0..resamples)
        .map(|_| {
            let drawn = (0..sums.len()).map(|_| sums[random.random_range(0..sums.len())]);
            let (successes, items) = drawn.fold((0, 0), |all, group| (all.0 + group.0, all.1 + group.1));
            successes as f64 / items as f64
        })
        .collect();
    shares.sort_by(f64::total_cmp);
    let at = |quantile: f64| shares[((resamples - 1) as f64 * quantile).round() as usize];
    Interval { low: at(0.025), high: at(0.975) }
}
