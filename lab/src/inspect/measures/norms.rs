//! Weights by what they move: norm-based attention (Kobayashi et al. 2020).

use super::{Map, MapError};

/// Why values or a projection do not fit a map.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NormError {
    /// A value vector of each key is needed.
    #[error("{found} values are no {keys} rows of {width}")]
    Values {
        /// Keys of the map.
        keys: usize,
        /// Head dimension.
        width: usize,
        /// Values given.
        found: usize,
    },
    /// The projection has a row of each output, as wide as the values.
    #[error("{found} weights are no rows of {width}")]
    Projection {
        /// Head dimension.
        width: usize,
        /// Weights given.
        found: usize,
    },
    /// A norm is not finite.
    #[error(transparent)]
    Map(#[from] MapError),
}

/// `‖α·f(x)‖` of each cell: the weight times the norm of the key's value after the head's part of the output
/// projection, at least 0. It shows what a weight moves: heads often put large weights on keys whose values are small.
/// Rows do not sum to 1; divided by their sum ([`norm_map`]), they are a map again.
///
/// `values` is `keys x width` (biases of the value projection included), `projection` `outputs x width`: the head's
/// columns of the output projection, without its bias, which belongs to no key.
///
/// # Errors
/// If the shapes do not fit.
pub fn norm_weights(map: &Map, values: &[f64], projection: &[f64], width: usize) -> Result<Vec<f64>, NormError> {
    Ok(norm_weights_of(map, &norms_of(map, values, projection, width)?))
}

/// The norm of each key's value behind the projection.
fn norms_of(map: &Map, values: &[f64], projection: &[f64], width: usize) -> Result<Vec<f64>, NormError> {
    if map.keys().checked_mul(width) != Some(values.len()) || width == 0 {
        return Err(NormError::Values { keys: map.keys(), width, found: values.len() });
    }
    if !projection.len().is_multiple_of(width) {
        return Err(NormError::Projection { width, found: projection.len() });
    }
    let norm = |value: &[f64]| {
        let output = |row: &[f64]| row.iter().zip(value).map(|(w, v)| w * v).sum::<f64>();
        projection.chunks_exact(width).map(|row| output(row).powi(2)).sum::<f64>().sqrt()
    };
    Ok(values.chunks_exact(width).map(norm).collect())
}

/// [`norm_weights`] of norms that are known, one for each key.
#[must_use]
pub fn norm_weights_of(map: &Map, norms: &[f64]) -> Vec<f64> {
    let rows = (0..map.queries()).flat_map(|query| map.row(query).iter().zip(norms));
    rows.map(|(weight, norm)| weight * norm).collect()
}

/// [`norm_map`] of norms that are known, one for each key.
///
/// # Errors
/// If a norm is not finite, or there is not one for each key.
pub fn norm_map_of(map: &Map, norms: &[f64]) -> Result<Map, MapError> {
    Map::masked(map.queries(), map.keys(), &norm_weights_of(map, norms), |query, key| map.sees(query, key))
}

/// [`norm_weights`] as a map with the same mask: each row divided by its sum.
///
/// # Errors
/// If the shapes do not fit, or a norm is not finite.
pub fn norm_map(map: &Map, values: &[f64], projection: &[f64], width: usize) -> Result<Map, NormError> {
    Ok(norm_map_of(map, &norms_of(map, values, projection, width)?)?)
}
