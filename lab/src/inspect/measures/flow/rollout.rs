//! Attention rollout.

use crate::inspect::measures::Map;
use nalgebra::DMatrix;

/// Maps that cannot be stacked.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// There is no layer, or no head of a layer.
    #[error("no attention map to follow")]
    Empty,
    /// All maps have as many queries as keys, and all the same number.
    #[error("map {index} has {queries} queries and {keys} keys, not {positions} of both")]
    Shape {
        /// Place of the map, counted from 0.
        index: usize,
        /// Its queries.
        queries: usize,
        /// Its keys.
        keys: usize,
        /// Positions of the first map.
        positions: usize,
    },
    /// The share of the residual path is at least 0 and at most 1.
    #[error("a residual path cannot have a share of {share}, only 0 to 1")]
    Residual {
        /// The share.
        share: f64,
    },
    /// There is no such output.
    #[error("there is no position {position} of {positions}")]
    Position {
        /// Asked for.
        position: usize,
        /// That there are.
        positions: usize,
    },
}

/// The mean of a layer's heads. A query that no key is visible to in any head has a row of 0.
///
/// # Errors
/// If there is no head, or the shapes differ.
pub fn mean_map(heads: &[&Map]) -> Result<Map, FlowError> {
    let first = *heads.first().ok_or(FlowError::Empty)?;
    let (queries, keys) = (first.queries(), first.keys());
    let mut weights = vec![0.0; queries * keys];
    for (index, map) in heads.iter().enumerate() {
        if !map.same_shape(first) {
            return Err(FlowError::Shape { index, queries: map.queries(), keys: map.keys(), positions: queries });
        }
        weights.iter_mut().zip(map.weights()).for_each(|(sum, weight)| *sum += weight);
    }
    let sees = |query: usize, key: usize| heads.iter().any(|map| map.sees(query, key));
    // Means of weights are weights.
    Map::masked(queries, keys, &weights, sees).map_err(|_| FlowError::Empty)
}

/// Attention rollout: the product `A_L ... A_1` of the layers' maps (means over heads, first layer first), each with the
/// residual path as `A = residual·I + (1 - residual)·W`, rows divided by their sum. Abnar & Zuidema 2020, section 3,
/// take a residual of 0.5. Cell (output, input) is the share of that input in that output, 0 to 1; rows sum to 1.
///
/// # Errors
/// If there is no layer, a map is not square or of another size, or the residual is not 0 to 1.
pub fn rollout(layers: &[&Map], residual: f64) -> Result<Map, FlowError> {
    let positions = check(layers, residual)?;
    let mut product = DMatrix::identity(positions, positions);
    for map in layers {
        product = layer(map, residual) * product;
    }
    let weights: Vec<f64> = product.transpose().iter().copied().collect();
    // Products of weights are weights.
    Map::new(positions, positions, &weights).map_err(|_| FlowError::Empty)
}

/// A layer with its residual path; a query that sees nothing has that alone.
pub(super) fn layer(map: &Map, residual: f64) -> DMatrix<f64> {
    let positions = map.queries();
    let mut layer = DMatrix::from_row_slice(positions, positions, map.weights()) * (1.0 - residual)
        + DMatrix::identity(positions, positions) * residual;
    for mut row in layer.row_iter_mut() {
        let sum = row.sum();
        if sum > 0.0 {
            row /= sum;
        }
    }
    layer
}

/// The positions of all maps.
pub(super) fn check(layers: &[&Map], residual: f64) -> Result<usize, FlowError> {
    if !(0.0..=1.0).contains(&residual) {
        return Err(FlowError::Residual { share: residual });
    }
    let positions = layers.first().ok_or(FlowError::Empty)?.queries();
    match layers.iter().enumerate().find(|(_, map)| (map.queries(), map.keys()) != (positions, positions)) {
        Some((index, map)) => Err(FlowError::Shape { index, queries: map.queries(), keys: map.keys(), positions }),
        None => Ok(positions),
    }
}
