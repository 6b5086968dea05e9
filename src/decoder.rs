//! A language model that writes one token after the other: embedding, pre-norm blocks of attention and gated
//! feed-forward layers over a key-value cache, and logits from the embedding's own weights.

use crate::arithmetic::softmax::{Steepness, Weight};
use crate::attention::{AttentionView, CacheView, Newest, Ring, StepView};
use crate::feed_forward::GatedView;
use crate::kernels::{Kernels, Rows, rows_mut};
use crate::linear::LinearView;
use crate::norm::NormView;
use crate::observe::{LayerObserver, Observer};
use crate::pattern::AttentionPattern;
use crate::rope::Rope;

/// One block of a decoder.
#[derive(Clone, Copy, Debug)]
pub struct DecoderBlockView<'a> {
    /// Norm before the attention.
    pub attention_norm: NormView<'a>,
    /// Attention, added to the residual stream.
    pub attention: AttentionView<'a>,
    /// Norm before the feed-forward layers.
    pub hidden_norm: NormView<'a>,
    /// Gated feed-forward layers, added to the residual stream.
    pub feed_forward: GatedView<'a>,
}

/// Token embedding and output layer in one (Press and Wolf, "Using the Output Embedding to Improve Language Models",
/// 2016).
#[derive(Clone, Copy, Debug)]
pub struct EmbeddingView<'a> {
    /// Weights `[tokens][width]`; the scale of a row is from the normalised residual stream to the logits.
    pub layer: LinearView<'a>,
    /// From a row's scale to that of the residual stream: the scale of the logits over those of the normalised and the
    /// residual stream.
    pub factor: i32,
}

/// The largest factor of an embedding: an int8 weight times this fits an accumulator.
pub const MAX_FACTOR: u32 = 1 << 23;

impl EmbeddingView<'_> {
    /// The row of a token, in units of the residual stream; zeros if there is no such token.
    #[inline]
    pub(crate) fn embed(&self, token: usize, residual: &mut [i16]) {
        residual.fill(0);
        let Some(channel) = self.layer.channels.get(token) else { return };
        let row = self.layer.weights.data.get(token * self.layer.weights.stride..).unwrap_or(&[]);
        for (to, &weight) in residual.iter_mut().zip(row) {
            *to = channel.scale.to_i16(i32::from(weight) * self.factor);
        }
    }
}

impl EmbeddingView<'_> {
    /// Adds the row of a token; nothing if there is no such token.
    #[inline]
    pub(crate) fn add(&self, token: usize, residual: &mut [i16]) {
        let Some(channel) = self.layer.channels.get(token) else { return };
        let row = self.layer.weights.data.get(token * self.layer.weights.stride..).unwrap_or(&[]);
        for (to, &weight) in residual.iter_mut().zip(row) {
            *to = to.saturating_add(channel.scale.to_i16(i32::from(weight) * self.factor));
        }
    }
}

/// A decoder of any shape, as the `.heed` file holds it.
#[derive(Clone, Copy, Debug)]
pub struct DecoderView<'a> {
    /// Embedding and output layer.
    pub embedding: EmbeddingView<'a>,
    /// Rotation of queries and keys; without pairs, nothing is rotated.
    pub rope: Rope<'a>,
    /// Blocks, first to last.
    pub blocks: &'a [DecoderBlockView<'a>],
    /// Norm after the last block.
    pub norm: NormView<'a>,
    /// Octaves of probability per unit of a logit.
    pub logit: Steepness,
}

/// The working memory of a [`DecoderView`], as slices.
#[derive(Debug)]
pub(crate) struct DecoderStateView<'s, W> {
    /// `[width]`
    pub residual: &'s mut [i16],
    /// `[width]`
    pub normed: &'s mut [i8],
    /// Of the attention.
    pub step: StepView<'s, W>,
    /// `[hidden]`
    pub gate: &'s mut [i8],
    /// `[hidden]`
    pub up: &'s mut [i8],
    /// Keys of all layers, `[layers][key heads][slots][head_dim]`.
    pub keys: &'s mut [i8],
    /// Values of all layers, `[layers][key heads][head_dim][slots]`.
    pub values: &'s mut [i8],
}

impl DecoderView<'_> {
    /// Takes a token in; its final residual stream is left in `state`.
    #[inline]
    pub(crate) fn push<K: Kernels, W: Weight, R: AttentionPattern, O: Observer<W>>(
        &self,
        token: usize,
        ring: &mut Ring,
        pattern: &R,
        state: &mut DecoderStateView<'_, W>,
        observer: &mut O,
    ) {
        let cached = ring.push();
        let turns = (!self.rope.frequencies.is_empty()).then(|| self.rope.turns::<K>(cached.position));
        self.embedding.embed(token, state.residual);
        // All layers have caches of one size.
        let size = state.keys.len().checked_div(self.blocks.len()).unwrap_or(0);
        let caches =
            rows_mut(core::mem::take(&mut state.keys), size).zip(rows_mut(core::mem::take(&mut state.values), size));
        for ((layer, block), (keys, values)) in self.blocks.iter().enumerate().zip(caches) {
            let mut cache = CacheView { keys, values };
            let newest = Newest { cached, turns: turns.as_ref() };
            let observer = LayerObserver { layer, observer: &mut *observer };
            block.push::<K, W, R, O>(newest, pattern, &mut cache, state, observer);
        }
    }

    /// The logits of the next token after the last one taken in, `[tokens]`.
    #[inline]
    pub(crate) fn logits<K: Kernels>(&self, residual: &[i16], normed: &mut [i8], logits: &mut [i16]) {
        self.norm.forward::<K>(residual, normed);
        logits.fill(0);
        self.embedding.layer.accumulate::<K>(normed, logits);
    }
}

impl DecoderBlockView<'_> {
    // Not inlined: one copy serves all blocks.
    #[inline(never)]
    fn push<K: Kernels, W: Weight, R: AttentionPattern, O: Observer<W>>(
        &self,
        newest: Newest<'_>,
        pattern: &R,
        cache: &mut CacheView<'_>,
        state: &mut DecoderStateView<'_, W>,
        observer: LayerObserver<'_, O>,
    ) {
        let width = self.attention_norm.channels.len();
        self.attention_norm.forward::<K>(state.residual, state.normed);
        let x = Rows::new(state.normed, width);
        self.attention.step::<K, W, R, O>(x, newest, pattern, cache, &mut state.step, observer);
        self.attention.output.accumulate::<K>(state.step.outputs, state.residual);

        self.hidden_norm.forward::<K>(state.residual, state.normed);
        self.feed_forward.accumulate::<K>(state.normed, state.gate, state.up, state.residual);
    }
}
