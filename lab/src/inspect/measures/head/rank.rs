//! How many patterns of attention a map is made of.

use crate::inspect::measures::Map;
use nalgebra::DMatrix;

/// `exp(-Σ p ln p)` of the singular values over their sum (Roy & Vetterli 2007): 1 where all queries attend alike, the
/// number of queries where each looks elsewhere; 0 where no row is live.
#[must_use]
pub fn effective_rank(map: &Map) -> f64 {
    if map.live_rows().next().is_none() {
        return 0.0;
    }
    let singular = DMatrix::from_row_slice(map.queries(), map.keys(), map.weights()).singular_values();
    spectrum_size(singular.as_slice())
}

/// `exp` of the entropy of non-negative values over their sum; rounding below 0 counts as 0.
pub(crate) fn spectrum_size(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().filter(|&&v| v > 0.0).sum();
    let shares: Vec<f64> = values.iter().map(|&v| v.max(0.0) / sum).collect();
    if sum > 0.0 { super::row_entropy(&shares).exp() } else { 0.0 }
}
