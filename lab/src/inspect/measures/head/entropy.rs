//! How evenly a head spreads its attention, and how sure it is.

use crate::inspect::measures::Map;

/// `-Σ p ln p` of a row of weights, in nats: 0 of one key alone, `ln n` of `n` keys evenly.
#[must_use]
pub fn row_entropy(weights: &[f64]) -> f64 {
    let entropy: f64 = weights.iter().filter(|&&p| p > 0.0).map(|&p| -p * p.ln()).sum();
    // Of one key, the sum is -0.
    entropy.max(0.0)
}

/// Mean entropy of the live rows, in nats, 0 to `ln keys`; none if no row is live.
#[must_use]
pub fn entropy(map: &Map) -> Option<f64> {
    mean(map.live_rows().map(|(_, row)| row_entropy(row)))
}

/// Mean of each row's entropy over `ln` of the keys that it sees, 0 to 1.
///
/// Rows that see one key have no choice and do not count; none if no other row is live.
#[must_use]
pub fn relative_entropy(map: &Map) -> Option<f64> {
    mean(choosing_rows(map).map(|(visible, row)| (row_entropy(row) / visible.ln()).min(1.0)))
}

/// Mean of `exp(entropy)` over the keys that a row sees: which part of them it uses, above 0, to 1 of an even row.
///
/// Rows that see one key do not count; none if no other row is live.
#[must_use]
pub fn breadth(map: &Map) -> Option<f64> {
    mean(choosing_rows(map).map(|(visible, row)| (row_entropy(row).exp() / visible).min(1.0)))
}

/// Mean of the largest weight of each live row: `1/keys` of an even row, 1 of one key alone; none if no row is live.
///
/// Voita et al. 2019, section 4, call it the confidence of a head.
#[must_use]
pub fn confidence(map: &Map) -> Option<f64> {
    mean(map.live_rows().map(|(_, row)| row.iter().copied().fold(0.0, f64::max)))
}

/// Live rows that see two keys or more, with how many they see.
fn choosing_rows(map: &Map) -> impl Iterator<Item = (f64, &[f64])> {
    map.live_rows().map(|(query, row)| (map.visible(query) as f64, row)).filter(|&(visible, _)| visible > 1.0)
}

/// None of nothing.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0usize, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / count as f64)
}
