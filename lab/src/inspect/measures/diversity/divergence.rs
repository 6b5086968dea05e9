//! Jensen-Shannon divergence between maps (Lin 1991): between two heads, or a float model's head and the integer one.

use crate::inspect::measures::{Map, head::row_entropy};

/// `H((p + q)/2) - (H(p) + H(q))/2` of two rows of weights that sum to 1, in nats: 0 of equal rows, `ln 2` of rows that
/// share no key. Keys that one row lacks weigh 0 there.
#[must_use]
pub fn row_divergence(p: &[f64], q: &[f64]) -> f64 {
    let at = |row: &[f64], key: usize| row.get(key).copied().unwrap_or(0.0);
    let middle: Vec<f64> = (0..p.len().max(q.len())).map(|key| (at(p, key) + at(q, key)) / 2.0).collect();
    let divergence = row_entropy(&middle) - (row_entropy(p) + row_entropy(q)) / 2.0;
    divergence.clamp(0.0, std::f64::consts::LN_2)
}

/// Mean of the rows' divergences, in nats, 0 to `ln 2`, over queries that are live in both; none if there is no such
/// query.
#[must_use]
pub fn divergence(a: &Map, b: &Map) -> Option<f64> {
    let others = |query: usize| (query < b.queries()).then(|| b.row(query)).filter(|row| row.iter().any(|&w| w > 0.0));
    let rows = a.live_rows().filter_map(|(query, row)| Some(row_divergence(row, others(query)?)));
    let (count, sum) = rows.fold((0usize, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / count as f64)
}
