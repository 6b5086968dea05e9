//! Blocks of encoders and decoders, whose shape is in their type.
//!
//! A pre-norm block works on a residual stream of int16, a post-norm block on int8 that its last norm made.

use crate::arithmetic::requantise::{Channel, saturate_i16};
use crate::arithmetic::softmax::{Weight, Wide};
use crate::attention::{MultiHeadAttention, Scratch, Sequences, WholeRows, rows_of};
use crate::embedding::{EmbeddingView, MAX_FACTOR};
use crate::error::require;
use crate::feed_forward::FeedForward;
use crate::kernels::{Active, Kernels, Matrix};
use crate::linear::{LinearView, MAX_INPUTS};
use crate::norm::Norm;
use crate::observe::{LayerObserver, Unobserved};
use crate::pattern::AttentionPattern;
use crate::real::FromReal;

/// From int8 at the scale of a norm's output to the residual stream of a post-norm block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResidualScale(u16);

impl ResidualScale {
    /// From the scale of the norm's output over that of the residual stream, 2^-8 to 255.
    pub const fn from_real(ratio: f64) -> FromReal<Self> {
        let units = ratio * 256.0 + 0.5;
        if units >= 1.0 && units < 65_281.0 {
            FromReal::new(Self(units as u16))
        } else {
            FromReal::refuse("scale of a norm's output over that of the residual stream", ratio, "2^-8 to 255")
        }
    }

    /// The ratio in 256ths, as a `.heed` file holds it: 1 up to 65,280.
    #[must_use]
    pub const fn to_word(self) -> u32 {
        self.0 as u32
    }

    /// What a word stands for; `None` unless [`ResidualScale::from_real`] can give it.
    #[must_use]
    pub const fn from_word(word: u32) -> Option<Self> {
        if word >= 1 && word <= 65_280 { Some(Self(word as u16)) } else { None }
    }

    #[inline]
    pub(crate) fn apply(self, x: &[i8], residual: &mut [i16]) {
        for (to, &x) in residual.iter_mut().zip(x) {
            *to = saturate_i16((i32::from(x) * i32::from(self.0) + 128) >> 8);
        }
    }
}

/// A block of attention and feed-forward layers in a model of width `WIDTH`: `N` is [`LayerNorm`](crate::LayerNorm) or
/// [`RmsNorm`](crate::RmsNorm), `F` is [`PlainFeedForward`](crate::PlainFeedForward) or
/// [`GatedFeedForward`](crate::GatedFeedForward). A causal pattern makes it a block of a decoder without an encoder.
#[derive(Clone, Copy, Debug)]
pub struct EncoderBlock<
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    N,
    F,
    W = Wide,
    const KV_HEADS: usize = HEADS,
> {
    /// Norm before the attention, or after it.
    pub attention_norm: N,
    /// Attention; its output projection is to the residual stream.
    pub attention: MultiHeadAttention<WIDTH, HEADS, HEAD_DIM, W, KV_HEADS>,
    /// Norm before the feed-forward layers, or after them.
    pub hidden_norm: N,
    /// Feed-forward layers, to the residual stream.
    pub feed_forward: F,
}

impl<
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    N: Norm<WIDTH>,
    F: FeedForward<WIDTH>,
    W: Weight,
    const KV_HEADS: usize,
> EncoderBlock<WIDTH, HEADS, HEAD_DIM, N, F, W, KV_HEADS>
{
    /// Pre-norm (Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020), in place on the
    /// residual stream: `x += attention(norm(x))`, `x += feed_forward(norm(x))`.
    #[inline]
    pub fn forward<const POSITIONS: usize>(
        &self,
        residual: &mut [[i16; WIDTH]; POSITIONS],
        pattern: impl AttentionPattern,
        scratch: &mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W>,
    ) {
        self.forward_on::<Active, POSITIONS>(residual, pattern, scratch);
    }

    /// [`EncoderBlock::forward`] with the kernels of one's choice.
    #[inline]
    #[doc(hidden)]
    pub fn forward_on<K: Kernels, const POSITIONS: usize>(
        &self,
        residual: &mut [[i16; WIDTH]; POSITIONS],
        pattern: impl AttentionPattern,
        scratch: &mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W>,
    ) {
        self.attention_norm.normalise_on::<K, POSITIONS>(residual, &mut scratch.output);
        attend::<K, WIDTH, HEADS, HEAD_DIM, W, KV_HEADS, POSITIONS>(&self.attention, residual, pattern, scratch);
        self.hidden_norm.normalise_on::<K, POSITIONS>(residual, &mut scratch.output);
        self.feed_forward.accumulate_on::<K, POSITIONS>(&scratch.output, residual);
    }

    /// Post-norm (Vaswani et al. 2017), in place on int8: `x = norm(x + attention(x))`,
    /// `x = norm(x + feed_forward(x))`. What is in `residual` before does not matter.
    #[inline]
    pub fn forward_post<const POSITIONS: usize>(
        &self,
        x: &mut [[i8; WIDTH]; POSITIONS],
        residual_scale: ResidualScale,
        pattern: impl AttentionPattern,
        scratch: &mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W>,
        residual: &mut [[i16; WIDTH]; POSITIONS],
    ) {
        self.forward_post_on::<Active, POSITIONS>(x, residual_scale, pattern, scratch, residual);
    }

    /// [`EncoderBlock::forward_post`] with the kernels of one's choice.
    #[inline]
    #[doc(hidden)]
    pub fn forward_post_on<K: Kernels, const POSITIONS: usize>(
        &self,
        x: &mut [[i8; WIDTH]; POSITIONS],
        residual_scale: ResidualScale,
        pattern: impl AttentionPattern,
        scratch: &mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W>,
        residual: &mut [[i16; WIDTH]; POSITIONS],
    ) {
        scratch.output = *x;
        residual_scale.apply(x.as_flattened(), residual.as_flattened_mut());
        attend::<K, WIDTH, HEADS, HEAD_DIM, W, KV_HEADS, POSITIONS>(&self.attention, residual, pattern, scratch);
        self.attention_norm.normalise_on::<K, POSITIONS>(residual, x);
        residual_scale.apply(x.as_flattened(), residual.as_flattened_mut());
        self.feed_forward.accumulate_on::<K, POSITIONS>(x, residual);
        self.hidden_norm.normalise_on::<K, POSITIONS>(residual, x);
    }
}

/// Attention of the rows in `scratch.output`, added to the residual stream.
#[inline]
fn attend<
    K: Kernels,
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W: Weight,
    const KV_HEADS: usize,
    const POSITIONS: usize,
>(
    attention: &MultiHeadAttention<WIDTH, HEADS, HEAD_DIM, W, KV_HEADS>,
    residual: &mut [[i16; WIDTH]; POSITIONS],
    pattern: impl AttentionPattern,
    scratch: &mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W>,
) {
    let x = Sequences::one(rows_of(&scratch.output), POSITIONS);
    let unobserved = LayerObserver { layer: 0, observer: &mut Unobserved };
    attention.view.attend::<K, _, _, _, _>(x, &pattern, 0..HEADS, &mut scratch.heads.view(), WholeRows, unobserved);
    let heads = scratch.heads.outputs().as_flattened().as_flattened();
    attention.view.output.accumulate::<K>(heads, residual.as_flattened_mut());
}

/// A pre-norm block of a decoder that looks at its own past and at an encoder's output of width `MEMORY_WIDTH`.
#[derive(Clone, Copy, Debug)]
pub struct DecoderBlock<
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    N,
    F,
    W = Wide,
    const KV_HEADS: usize = HEADS,
    const MEMORY_WIDTH: usize = WIDTH,
> {
    /// Norm before the attention.
    pub attention_norm: N,
    /// Attention over the decoder's own positions, to the residual stream.
    pub attention: MultiHeadAttention<WIDTH, HEADS, HEAD_DIM, W, KV_HEADS>,
    /// Norm before the cross-attention.
    pub cross_norm: N,
    /// Attention over the encoder's output, to the residual stream.
    pub cross: MultiHeadAttention<WIDTH, HEADS, HEAD_DIM, W, KV_HEADS, MEMORY_WIDTH>,
    /// Norm before the feed-forward layers.
    pub hidden_norm: N,
    /// Feed-forward layers, to the residual stream.
    pub feed_forward: F,
}

impl<
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    N: Norm<WIDTH>,
    F: FeedForward<WIDTH>,
    W: Weight,
    const KV_HEADS: usize,
    const MEMORY_WIDTH: usize,
> DecoderBlock<WIDTH, HEADS, HEAD_DIM, N, F, W, KV_HEADS, MEMORY_WIDTH>
{
    /// In place on the residual stream of the `POSITIONS` positions. `pattern` is that over these (causal, as a rule),
    /// `memory_pattern` that over the `KEYS` positions of the encoder's output.
    #[inline]
    pub fn forward<const POSITIONS: usize, const KEYS: usize>(
        &self,
        residual: &mut [[i16; WIDTH]; POSITIONS],
        memory: &[[i8; MEMORY_WIDTH]; KEYS],
        pattern: impl AttentionPattern,
        memory_pattern: impl AttentionPattern,
        scratch: &mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W>,
        cross_scratch: &mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W, KEYS>,
    ) {
        self.forward_on::<Active, POSITIONS, KEYS>(residual, memory, pattern, memory_pattern, scratch, cross_scratch);
    }

    /// [`DecoderBlock::forward`] with the kernels of one's choice.
    #[inline]
    #[doc(hidden)]
    pub fn forward_on<K: Kernels, const POSITIONS: usize, const KEYS: usize>(
        &self,
        residual: &mut [[i16; WIDTH]; POSITIONS],
        memory: &[[i8; MEMORY_WIDTH]; KEYS],
        pattern: impl AttentionPattern,
        memory_pattern: impl AttentionPattern,
        scratch: &mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W>,
        cross_scratch: &mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W, KEYS>,
    ) {
        self.attention_norm.normalise_on::<K, POSITIONS>(residual, &mut scratch.output);
        attend::<K, WIDTH, HEADS, HEAD_DIM, W, KV_HEADS, POSITIONS>(&self.attention, residual, pattern, scratch);

        let Scratch { heads, output } = cross_scratch;
        self.cross_norm.normalise_on::<K, POSITIONS>(residual, output);
        let (queries, memory) = (rows_of(output), Some(rows_of(memory)));
        let x = Sequences { queries, positions: POSITIONS, memory, keys: KEYS };
        let unobserved = LayerObserver { layer: 0, observer: &mut Unobserved };
        self.cross.view.attend::<K, _, _, _, _>(x, &memory_pattern, 0..HEADS, &mut heads.view(), WholeRows, unobserved);
        let heads = heads.outputs().as_flattened().as_flattened();
        self.cross.view.output.accumulate::<K>(heads, residual.as_flattened_mut());

        self.hidden_norm.normalise_on::<K, POSITIONS>(residual, &mut scratch.output);
        self.feed_forward.accumulate_on::<K, POSITIONS>(&scratch.output, residual);
    }
}

/// Embedding of `VOCABULARY` tokens to a width of `WIDTH`, and the output layer back, with the same weights (Press and
/// Wolf, "Using the Output Embedding to Improve Language Models", 2016).
///
/// ```
/// # use heedful::{Channel, Scale, TiedEmbedding};
/// // Logits are a quarter of a row's product; embedded, a row counts 64 times as much: 16 per step.
/// static ROWS: [[i8; 2]; 3] = [[10, 0], [0, 10], [-7, 7]];
/// static CHANNELS: [Channel; 3] = [Channel { bias: 0, scale: Scale::from_real(0.2499999999).unwrap() }; 3];
/// static EMBEDDING: TiedEmbedding<3, 2> = TiedEmbedding::new(&ROWS, &CHANNELS, 64).unwrap();
/// let mut residual = [[0; 2]; 2];
/// EMBEDDING.embed(&[0, 2], &mut residual);
/// assert_eq!(residual, [[160, 0], [-112, 112]]);
/// let mut logits = [[0; 3]; 1];
/// EMBEDDING.logits(&[[100, -20]], &mut logits);
/// assert_eq!(logits, [[250, -50, -210]]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TiedEmbedding<const VOCABULARY: usize, const WIDTH: usize> {
    view: EmbeddingView<'static>,
}

impl<const VOCABULARY: usize, const WIDTH: usize> TiedEmbedding<VOCABULARY, WIDTH> {
    /// From the weights `[VOCABULARY][WIDTH]`, their channels to the logits, and the scale of the logits over those of
    /// the output layer's input and of the residual stream: a token's row in the residual stream is its weights times
    /// this factor times its channel's scale. `None` unless the factor is 1 to 2^23.
    #[must_use]
    pub const fn new(
        weights: &'static [[i8; WIDTH]; VOCABULARY],
        channels: &'static [Channel; VOCABULARY],
        factor: u32,
    ) -> Option<Self> {
        const {
            require(
                WIDTH > 0 && WIDTH <= MAX_INPUTS,
                "TiedEmbedding: the width is 0 or so large that sums may overflow",
            )
        }
        if factor == 0 || factor > MAX_FACTOR {
            return None;
        }
        let layer =
            LinearView { weights: Matrix { data: weights.as_flattened(), inputs: WIDTH, stride: WIDTH }, channels };
        Some(Self { view: EmbeddingView { layer, factor: factor as i32 } })
    }

    /// The rows of some tokens as a residual stream; zeros for a token that there is not.
    #[inline]
    pub fn embed<const POSITIONS: usize>(&self, tokens: &[u16; POSITIONS], residual: &mut [[i16; WIDTH]; POSITIONS]) {
        for (&token, residual) in tokens.iter().zip(residual) {
            residual.fill(0);
            self.view.add(usize::from(token), residual);
        }
    }

    /// Logits of each row of `x`.
    #[inline]
    pub fn logits<const POSITIONS: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        logits: &mut [[i16; VOCABULARY]; POSITIONS],
    ) {
        logits.as_flattened_mut().fill(0);
        self.view.layer.accumulate::<Active>(x.as_flattened(), logits.as_flattened_mut());
    }
}
