//! How far two rankings agree.

/// Ranks from 1 of the smallest; equals share the mean of their ranks.
///
/// `values` must not hold NaN.
#[must_use]
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = before as f64 + (equal.len() + 1) as f64 / 2.0;
        equal.iter().for_each(|&item| ranks[item] = rank);
        before += equal.len();
    }
    ranks
}

/// Spearman's rank correlation (1904): Pearson correlation of the [`ranks`], -1 to 1.
///
/// None if the lengths differ, a value is NaN, or all values of one side are equal.
#[must_use]
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    if !comparable(a, b) {
        return None;
    }
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() + 1) as f64 / 2.0;
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>();
    let power = product(&a, &a) * product(&b, &b);
    (power > 0.0).then(|| (product(&a, &b) / power.sqrt()).clamp(-1.0, 1.0))
}

/// Kendall's tau-b (1945): pairs in the same order minus pairs in opposite order, over
/// `sqrt((pairs - ties in a)(pairs - ties in b))`, -1 to 1.
///
/// None if the lengths differ, a value is NaN, or all values of one side are equal.
#[must_use]
pub fn kendall(a: &[f64], b: &[f64]) -> Option<f64> {
    if !comparable(a, b) {
        return None;
    }
    let order = |x: f64, y: f64| f64::from(i8::from(x > y) - i8::from(x < y));
    let (mut agreement, mut untied) = (0.0, [0.0; 2]);
    for (i, j) in (0..a.len()).flat_map(|i| (0..i).map(move |j| (i, j))) {
        let (x, y) = (order(a[i], a[j]), order(b[i], b[j]));
        agreement += x * y;
        untied = [untied[0] + x * x, untied[1] + y * y];
    }
    let power: f64 = untied[0] * untied[1];
    (power > 0.0).then(|| agreement / power.sqrt())
}

fn comparable(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && !a.iter().chain(b).any(|value| value.is_nan())
}
