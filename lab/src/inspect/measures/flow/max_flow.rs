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
    // Node `level·positions + position`, inputs at level 0.
    let mut graph = DiGraph::<(), u64>::with_capacity((layers.len() + 1) * positions, layers.len() * positions);
    let nodes: Vec<NodeIndex> = (0..(layers.len() + 1) * positions).map(|_| graph.add_node(())).collect();
    for (level, map) in layers.iter().enumerate() {
        let weights = layer(map, residual);
        for (query, key) in (0..positions).flat_map(|query| (0..positions).map(move |key| (query, key))) {
            let capacity = (weights[(query, key)] * UNIT).round() as u64;
            if capacity > 0 {
                graph.add_edge(nodes[(level + 1) * positions + query], nodes[level * positions + key], capacity);
            }
        }
    }
    let source = nodes[layers.len() * positions + output];
    Ok(nodes[..positions].iter().map(|&input| dinics(&graph, source, input).0 as f64 / UNIT).collect())
}
