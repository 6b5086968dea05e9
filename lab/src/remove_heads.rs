//! Heads removed from a model for good.
//!
//! `cargo xtask readme` includes this file, too, so it needs the library alone: all of the lab takes long to build.

use heedful::format::write::{BlockModel, EncoderModel, LinearModel};

/// The model without the heads that `removed` names by their block and their place in it. It gives the logits of the
/// whole model with these heads switched off, to the bit.
#[must_use]
pub fn remove_heads(model: &EncoderModel, removed: impl Fn(usize, usize) -> bool) -> EncoderModel {
    let mut model = model.clone();
    for (index, block) in model.blocks.iter_mut().enumerate() {
        let kept: Vec<usize> = (0..block.heads.len()).filter(|&head| !removed(index, head)).collect();
        keep(block, &kept);
    }
    // A model has room for as many heads as its widest block, and for one at least.
    model.config.heads = model.blocks.iter().map(|block| block.heads.len()).fold(1, usize::max);
    model
}

fn keep(block: &mut BlockModel, kept: &[usize]) {
    let heads = block.heads.len();
    if kept.len() == heads {
        return;
    }
    for layer in [Some(&mut block.query), block.key.as_mut(), Some(&mut block.value)].into_iter().flatten() {
        *layer =
            LinearModel { weights: parts(&layer.weights, heads, kept), channels: parts(&layer.channels, heads, kept) };
    }
    let rows = block.output.weights.chunks_exact(block.output.weights.len() / block.output.channels.len());
    block.output.weights = rows.flat_map(|row| parts(row, heads, kept)).collect();
    if kept.is_empty() {
        // Nothing is left to reduce for.
        block.reduce = None;
    }
    block.heads = parts(&block.heads, heads, kept);
}

/// Some of the `count` equal parts of a list.
fn parts<T: Copy>(list: &[T], count: usize, kept: &[usize]) -> Vec<T> {
    let length = list.len() / count;
    kept.iter().flat_map(|part| &list[part * length..][..length]).copied().collect()
}
