//! Attention flow.

use super::FlowError;
use super::rollout::{check, layer};
use crate::inspect::measures::Map;
use petgraph::algo::dinics;
use petgraph::graph::{DiGraph, NodeIndex};

/// Capacities are integers of this unit, so that the algorithm ends and its sums are exact; a weight is off by half of
/// it.
const UNIT: f64 = (1u64 << 40) as f64;

/// Attention flow: the maximum flow from an output position to each input position through the layers, whose weights
/// (with the residual path, as in [`rollout`](super::rollout())) are capacities. Abnar & Zuidema 2020, section 3. Each
/// flow is 0 to 1; they need not sum to 1, as each input is asked for alone.
///
/// # Errors
/// As [`rollout`](super::rollout()), or if there is no such output position.
pub fn attention_flow(layers: &[&Map], residual: f64, output: usize) -> Result<Vec<f64>, FlowError> {
    let positions = check(layers, residual)?;
    if output >= positions {
        return Err(FlowError::Position { position: output, positions });
    }
    let shares: Vec<f64> = (0..positions).map(|position| f64::from(u8::from(position == output))).collect();
    pooled_flow(layers, residual, &shares)
}

/// The same from a mean of output positions: `shares` are their parts of it, and the capacities of the ways to them.
///
/// # Errors
/// As [`rollout`](super::rollout()), or if there are not as many shares as positions.
pub fn pooled_flow(layers: &[&Map], residual: f64, shares: &[f64]) -> Result<Vec<f64>, FlowError> {
    let positions = check(layers, residual)?;
    if shares.len() != positions {
        return Err(FlowError::Position { position: shares.len(), positions });
    }
    // Node `level·positions + position`, inputs at level 0, and the mean behind them all.
    let count = (layers.len() + 1) * positions;
    let mut graph = DiGraph::<(), u64>::with_capacity(count + 1, layers.len() * positions);
    let nodes: Vec<NodeIndex> = (0..=count).map(|_| graph.add_node(())).collect();
    let mut add = |from: usize, to: usize, weight: f64| {
        let capacity = (weight * UNIT).round() as u64;
        if capacity > 0 {
            graph.add_edge(nodes[from], nodes[to], capacity);
        }
    };
    for (level, map) in layers.iter().enumerate() {
        let weights = layer(map, residual);
        for (query, key) in (0..positions).flat_map(|query| (0..positions).map(move |key| (query, key))) {
            add((level + 1) * positions + query, level * positions + key, weights[(query, key)]);
        }
    }
    shares.iter().enumerate().for_each(|(output, &share)| add(count, layers.len() * positions + output, share));
    // The rounded weights of a row may sum to a little more than 1.
    let flow = |&input: &NodeIndex| (dinics(&graph, nodes[count], input).0 as f64 / UNIT).min(1.0);
    Ok(nodes[..positions].iter().map(flow).collect())
}
