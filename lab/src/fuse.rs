//! Query and key weights of a head folded into one matrix: `x·W_Q·(y·W_K)ᵀ = x·(W_Q·W_Kᵀ)·yᵀ` (Jung et al., "Optimizing
//! the Deployment of Tiny Transformers on Low-Power MCUs", 2024), so that the normalised rows themselves are the keys.
//!
//! The bias of the queries is folded, too. That of the keys adds the same to all scores of a query, which the softmax
//! does not see.

use crate::weights::{Array, Weights};
use crate::{Config, Error};

/// The site of the folded queries' scale in a block, see [`crate::ranges`].
pub const SITE: &str = "query_key";

/// Whether query and key weights are folded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Fuse {
    /// Where it saves products, and the folded queries have been calibrated.
    #[default]
    Auto,
    /// Nowhere.
    Never,
    /// In all blocks.
    Always,
}

/// Whether the format allows it: folded queries take the place of the others.
#[must_use]
pub fn fits(config: &Config) -> bool {
    config.width <= config.head_width
}

/// Whether it saves products. Per position and head there are `E·E` instead of `2·E·P` in the projections and `S·E`
/// instead of `S·P` in the scores.
#[must_use]
pub fn pays(config: &Config) -> bool {
    let Config { tokens, width, head_width, .. } = *config;
    fits(config) && width * width + tokens * width <= 2 * width * head_width + tokens * head_width
}

/// The folded weights `[heads * width, width]` and biases of a block.
///
/// # Errors
/// If a tensor is absent.
pub fn query_key(weights: &Weights, block: usize) -> Result<(Array, Array), Error> {
    let Config { heads, head_width, width, .. } = weights.config;
    let tensor = |part: &str| weights.get(&format!("blocks.{block}.attention.{part}"));
    let (query, bias, key) = (tensor("query.weight")?, tensor("query.bias")?, tensor("key.weight")?);
    let mut folded = Array { shape: vec![heads * width, width], data: Vec::new() };
    let mut biases = Array { shape: vec![heads * width], data: Vec::new() };
    for head in 0..heads {
        let rows = head * head_width..(head + 1) * head_width;
        // Column `i` of a matrix [out, in], the part of this head.
        let column = |matrix: &Array, i: usize| -> Vec<f64> {
            rows.clone().map(|row| f64::from(matrix.data[row * width + i])).collect()
        };
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() as f32;
        let own: Vec<f64> = bias.data[rows.clone()].iter().map(|&b| f64::from(b)).collect();
        for i in 0..width {
            let key = column(key, i);
            folded.data.extend((0..width).map(|j| dot(&key, &column(query, j))));
            biases.data.push(dot(&key, &own));
        }
    }
    Ok((folded, biases))
}
