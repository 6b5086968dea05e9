//! From the outputs of a stack of layers back to its inputs (Abnar & Zuidema 2020).

mod max_flow;
mod rollout;

pub use max_flow::{attention_flow, pooled_flow};
pub use rollout::{FlowError, mean_map, rollout};
