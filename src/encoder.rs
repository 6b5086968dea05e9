//! A pre-norm encoder with a classifier: embedding, positions, blocks of attention and feed-forward,
//! mean over the positions.

use crate::arithmetic::requantise::{Channel, Scale};
use crate::arithmetic::softmax::Weight;
use crate::attention::{AttentionView, ScratchView, Sequences, WholeRows};
use crate::feed_forward::PlainView;
use crate::kernels::{Kernels, Rows, rows, rows_mut, tiles, tiles_mut};
use crate::linear::LinearView;
use crate::norm::NormView;
use crate::observe::{LayerObserver, Observer};
use crate::pattern::AttentionPattern;

/// One encoder block (pre-norm: Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020).
#[derive(Clone, Copy, Debug)]
pub struct BlockView<'a> {
    /// Norm before the attention.
    pub attention_norm: NormView<'a>,
    /// What the projections of low rank read instead of the normalised rows: three parts, for queries, keys and values.
    pub reduce: Option<LinearView<'a>>,
    /// Attention, added to the residual stream.
    pub attention: AttentionView<'a>,
    /// Norm before the feed-forward layers.
    pub hidden_norm: NormView<'a>,
    /// Feed-forward layers, added to the residual stream.
    pub feed_forward: PlainView<'a>,
}

/// An encoder of any shape, as the `.heed` file holds it.
#[derive(Clone, Copy, Debug)]
pub struct EncoderView<'a> {
    /// From the input to the width of the model.
    pub embedding: LinearView<'a>,
    /// Added to the embedded input, `[positions][width]`, int16.
    pub positions: &'a [i16],
    /// Blocks, first to last.
    pub blocks: &'a [BlockView<'a>],
    /// Norm after the last block.
    pub norm: NormView<'a>,
    /// From the sum of the normalised positions to their mean.
    pub pool: Scale,
    /// From the mean to the logits.
    pub classifier: LinearView<'a>,
}

/// The working memory of an [`EncoderView`], as slices.
#[derive(Debug)]
pub(crate) struct StateView<'s, W> {
    /// The residual stream, `[positions][width]`.
    pub residual: &'s mut [i16],
    /// A normalised residual stream, `[positions][width]`.
    pub normed: &'s mut [i8],
    /// Reduced rows of blocks of low rank, `[positions][reduced]`, where they are wider than the model; else they take
    /// the place of `normed`.
    pub reduced: &'s mut [i8],
    /// Of the attention.
    pub attention: ScratchView<'s, W>,
    /// Some rows of `[inputs]`.
    pub input: &'s mut [i8],
    /// Some rows of `[hidden]`.
    pub hidden: &'s mut [i8],
    /// `[width]`.
    pub pooled: &'s mut [i8],
    /// `[classes]`.
    pub logits: &'s mut [i16],
}

impl EncoderView<'_> {
    /// Runs the encoder: `fill(position, input)` gives the int8 input of one position, each
    /// position once and in order, `pattern(layer)` what the heads of a block look at. The logits are left in `state`.
    /// `LOW_RANK` says whether there may be blocks of low rank.
    #[inline]
    pub(crate) fn forward<K: Kernels, W: Weight, R: AttentionPattern, O: Observer<W>, const LOW_RANK: bool>(
        &self,
        mut fill: impl FnMut(usize, &mut [i8]),
        state: &mut StateView<'_, W>,
        pattern: impl Fn(usize) -> R,
        observer: &mut O,
    ) {
        let width = self.norm.channels.len();
        for (to, &from) in state.residual.iter_mut().zip(self.positions) {
            *to = from;
        }
        let inputs = self.embedding.weights.inputs;
        let mut position = 0;
        let most = state.input.len().checked_div(inputs).unwrap_or(0).max(1);
        for residual in tiles_mut(state.residual, width * most) {
            let tile = residual.len().checked_div(width).unwrap_or(0);
            for input in rows_mut(state.input, inputs).take(tile) {
                fill(position, input);
                position += 1;
            }
            self.embedding.accumulate::<K>(head(state.input, tile * inputs), residual);
        }
        for (layer, block) in self.blocks.iter().enumerate() {
            block.forward::<K, W, R, O, LOW_RANK>(state, position, pattern(layer), layer, observer);
        }
        self.norm.forward::<K>(state.residual, state.normed);
        for (channel, mean) in state.pooled.iter_mut().enumerate() {
            let values = rows(state.normed, width).filter_map(|row| row.get(channel));
            *mean = self.pool.to_i8(values.map(|&x| i32::from(x)).sum());
        }
        state.logits.fill(0);
        self.classifier.accumulate::<K>(state.pooled, state.logits);
    }
}

impl BlockView<'_> {
    /// One block, in place on the residual stream. Not inlined: one copy serves all blocks.
    #[inline(never)]
    fn forward<K: Kernels, W: Weight, R: AttentionPattern, O: Observer<W>, const LOW_RANK: bool>(
        &self,
        state: &mut StateView<'_, W>,
        positions: usize,
        pattern: R,
        layer: usize,
        observer: &mut O,
    ) {
        let output = self.attention.output;
        let heads = self.attention.heads();
        if heads == 0 {
            add_biases(output.channels, state.residual);
        } else {
            let x = match self.reduce {
                Some(layer) if LOW_RANK => {
                    // Memory that is free until the heads have outputs, a row at least.
                    let room = state.attention.outputs.len() >= self.attention_norm.channels.len();
                    let free = if room { &mut *state.attention.outputs } else { &mut *state.pooled };
                    reduced::<K>(&self.attention_norm, layer, state.residual, state.normed, state.reduced, free)
                }
                _ => {
                    self.attention_norm.forward::<K>(state.residual, state.normed);
                    Rows::new(state.normed, self.attention_norm.channels.len())
                }
            };
            let x = Sequences::one(x, positions);
            let observer = LayerObserver { layer, observer };
            self.attention.attend::<K, W, R, O, _>(x, &pattern, 0..heads, &mut state.attention, WholeRows, observer);
            // Blocks may have fewer heads than there is room for.
            output.accumulate::<K>(head(state.attention.outputs, positions * output.weights.inputs), state.residual);
        }

        self.hidden_norm.forward::<K>(state.residual, state.normed);
        self.feed_forward.accumulate::<K>(state.normed, state.hidden, state.residual);
    }
}

/// Normalised rows through the layer of a block of low rank. Where that makes them wider, there is memory for both;
/// else reduced rows take the place of the normalised ones, which then are in `free`, some at a time.
fn reduced<'s, K: Kernels>(
    norm: &NormView<'_>,
    layer: LinearView<'_>,
    residual: &[i16],
    normed: &'s mut [i8],
    reduced: &'s mut [i8],
    free: &mut [i8],
) -> Rows<'s> {
    let (width, length) = (norm.channels.len(), layer.channels.len());
    let (normed, reduced) = if length > width { (normed, reduced) } else { (free, normed) };
    let most = normed.len().checked_div(width).unwrap_or(0).max(1);
    let most = if most > K::ROWS { most - most % K::ROWS } else { most };
    for (residual, reduced) in tiles(residual, width * most).zip(tiles_mut(reduced, length * most)) {
        let Some(normed) = normed.get_mut(..residual.len()) else { break };
        norm.forward::<K>(residual, normed);
        layer.store::<K>(normed, reduced);
    }
    Rows::new(reduced, length)
}

/// What attention without heads adds to the residual stream: the biases of its output, as rows of no values would. Not
/// inlined: few models need it.
#[inline(never)]
fn add_biases(channels: &[Channel], residual: &mut [i16]) {
    for (i, channel) in channels.iter().enumerate() {
        let bias = channel.scale.to_i16(channel.bias);
        for to in rows_mut(residual, channels.len()).filter_map(|row| row.get_mut(i)) {
            *to = to.saturating_add(bias);
        }
    }
}

/// The first `length` values, or all.
fn head(x: &[i8], length: usize) -> &[i8] {
    x.get(..length).unwrap_or(x)
}
