//! Multi-head attention ("Attention Is All You Need", Vaswani et al. 2017, section 3.2).
//!
//! Heads run one after the other, and within a head a few queries at a time: what is alive are
//! the queries, keys and values of one head and a few rows of scores, so memory grows with the
//! number of positions, never with its square.

use crate::error::require;
use crate::kernels::{Active, Kernels, MAX_QUERIES, Matrix, Rows, Sink, Tile, Witness};
use crate::linear::{LinearView, MAX_INPUTS};
use crate::mask::Mask;
use crate::observe::{Observer, Row, Unobserved};
use crate::requantise::{Channel, Scale};
use crate::softmax::{Steepness, Weight, Wide};
use bytemuck::{Pod, Zeroable};

/// The largest head dimension: scores of one row stay less than 2^23 apart.
pub const MAX_HEAD_DIM: usize = 256;
/// The most positions: weights of one row sum to less than 2^31.
pub const MAX_POSITIONS: usize = 1 << 16;

/// How one head weighs and scales.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct HeadScale {
    /// Of the softmax: octaves per unit of the score.
    pub steepness: Steepness,
    /// Scale of the values over the scale of the head's output, over 256.
    pub value: Scale,
}

impl HeadScale {
    /// From the octaves per unit of the score (`log2(e) / sqrt(head dim) · query scale · key scale`), and from the scale of the
    /// values over the scale of the head's output, 2^-8 to 32. `None` if either is out of range.
    ///
    /// ```
    /// use heedful::HeadScale;
    /// assert!(HeadScale::from_real(0.001, 1.5).is_some());
    /// assert!(HeadScale::from_real(0.001, 40.0).is_none());
    /// ```
    #[must_use]
    pub const fn from_real(steepness: f64, ratio: f64) -> Option<Self> {
        match (Steepness::from_real(steepness), Scale::from_real(ratio / 256.0)) {
            (Some(steepness), Some(value)) => {
                let scale = Self { steepness, value };
                if scale.is_valid() { Some(scale) } else { None }
            }
            _ => None,
        }
    }

    /// Whether both are within the bounds of [`HeadScale::from_real`].
    #[must_use]
    pub const fn is_valid(self) -> bool {
        let shift = self.value.shift();
        self.steepness.is_valid() && self.value.is_valid() && shift >= 2 && shift <= 14
    }
}

/// Multi-head attention of any shape, as the `.heed` file holds it.
#[derive(Clone, Copy, Debug)]
pub struct AttentionView<'a> {
    /// Query projection `[heads * head_dim][width]`.
    pub query: LinearView<'a>,
    /// Key projection, of the same shape.
    pub key: LinearView<'a>,
    /// Value projection, of the same shape.
    pub value: LinearView<'a>,
    /// Output projection `[width][heads * head_dim]`.
    pub output: LinearView<'a>,
    /// One per head.
    pub heads: &'a [HeadScale],
    /// Values per query, key and value of a head.
    pub head_dim: usize,
}

/// The working memory of [`AttentionView`], as slices.
#[derive(Debug)]
pub(crate) struct ScratchView<'s, W> {
    /// `[positions][head_dim]`, of one head.
    pub query: &'s mut [i8],
    /// `[positions][head_dim]`, of one head.
    pub key: &'s mut [i8],
    /// `[head_dim][positions]`, of one head: transposed, so that a weighted sum runs along memory.
    pub value: &'s mut [i8],
    /// Rows of scores of a few queries, `[queries][positions]`.
    pub scores: &'s mut [i32],
    /// Rows of weights, as many.
    pub weights: &'s mut [W],
    /// Outputs of all heads, `[positions][heads * head_dim]`.
    pub heads: &'s mut [i8],
}

impl AttentionView<'_> {
    /// All heads of `x` `[positions][width]` into `scratch.heads`.
    #[inline]
    pub(crate) fn attend<K: Kernels, W: Weight, O: Observer<W>>(
        &self,
        x: &[i8],
        positions: usize,
        mask: Mask,
        scratch: &mut ScratchView<'_, W>,
        layer: usize,
        observer: &mut O,
    ) {
        let dim = self.head_dim;
        for (head, scale) in self.heads.iter().enumerate() {
            let first = head * dim;
            let rows = Rows { data: x, width: self.query.weights.inputs };
            let by_position = |out| Sink::Store { out, row_stride: dim, output_stride: 1 };
            let transposed = |out| Sink::Store { out, row_stride: 1, output_stride: positions };
            K::linear(
                rows,
                &mut [
                    self.query.outputs(first, dim).to(by_position(scratch.query)),
                    self.key.outputs(first, dim).to(by_position(scratch.key)),
                    self.value.outputs(first, dim).to(transposed(scratch.value)),
                ],
            );

            let out_stride = self.heads.len() * dim;
            let mut position = 0;
            while position < positions {
                let mut visible = [0; MAX_QUERIES];
                for (i, visible) in visible.iter_mut().enumerate() {
                    *visible = mask.visible(position + i, positions);
                }
                let count = K::QUERIES.min(MAX_QUERIES).min(positions - position).max(1);
                let mut tile = Tile {
                    queries: scratch.query.get(position * dim..).unwrap_or(&[]),
                    keys: scratch.key,
                    values: scratch.value,
                    dim,
                    positions,
                    visible: visible.get(..count).unwrap_or(&[]),
                    steepness: scale.steepness,
                    ratio: scale.value,
                    scores: scratch.scores,
                    weights: scratch.weights,
                    max: [0; MAX_QUERIES],
                    sums: [0; MAX_QUERIES],
                    out: scratch.heads.get_mut(position * out_stride + first..).unwrap_or(&mut []),
                    out_stride,
                };
                tile.attend::<K, _>(&mut Placed { observer: &mut *observer, layer, head, position });
                position += count;
            }
        }
    }
}

/// An observer that knows where in the model a tile lies.
struct Placed<'o, O> {
    observer: &'o mut O,
    layer: usize,
    head: usize,
    position: usize,
}

impl<W, O: Observer<W>> Witness<W> for Placed<'_, O> {
    const WATCHES: bool = O::WATCHES;

    #[inline]
    fn row(&mut self, query: usize, weights: &[W]) {
        let Self { layer, head, position, .. } = *self;
        self.observer.row(Row { layer, head, query: position + query, weights });
    }
}

/// The projection of a model of width `E` to `H` heads of `P`, for queries, keys or values.
#[derive(Clone, Copy, Debug)]
pub struct Projection<const E: usize, const H: usize, const P: usize> {
    view: LinearView<'static>,
}

impl<const E: usize, const H: usize, const P: usize> Projection<E, H, P> {
    /// From weights `[H][P][E]` and a bias and scale per output.
    #[must_use]
    pub const fn new(weights: &'static [[[i8; E]; P]; H], channels: &'static [[Channel; P]; H]) -> Self {
        const {
            require(
                E > 0 && E <= MAX_INPUTS,
                "Projection: the width is 0 or so large that the accumulator may overflow",
            )
        }
        let weights = Matrix { data: weights.as_flattened().as_flattened(), inputs: E, stride: E };
        Self { view: LinearView { weights, channels: channels.as_flattened() } }
    }
}

/// Multi-head attention in a model of width `E`: `H` heads of dimension `P`, with softmax weights
/// of type `W` ([`Wide`] or [`Narrow`](crate::Narrow)).
///
/// The weights are borrowed for good: on a microcontroller they stay in flash.
///
/// ```
/// use heedful::{Channel, HeadScale, Mask, MultiHeadAttention, Projection, Scale, Scratch};
///
/// const UNIT: Channel = Channel { bias: 0, scale: Scale::from_real(1.0 / 64.0).unwrap() };
/// // Two heads of 4 in a model of width 8. Here each head looks at its own half of the input.
/// static SELECT: [[[i8; 8]; 4]; 2] = {
///     let mut w = [[[0; 8]; 4]; 2];
///     let mut i = 0;
///     while i < 8 {
///         w[i / 4][i % 4][i] = 64;
///         i += 1;
///     }
///     w
/// };
/// static IDENTITY: [[[i8; 4]; 2]; 8] = {
///     let mut w = [[[0; 4]; 2]; 8];
///     let mut i = 0;
///     while i < 8 {
///         w[i][i / 4][i % 4] = 64;
///         i += 1;
///     }
///     w
/// };
/// static CHANNELS: [[Channel; 4]; 2] = [[UNIT; 4]; 2];
/// static OUTPUT: [Channel; 8] = [UNIT; 8];
/// // A steepness of 0.01 octaves, and outputs at the scale of the values.
/// static HEADS: [HeadScale; 2] = [HeadScale::from_real(0.01, 1.0).unwrap(); 2];
/// static ATTENTION: MultiHeadAttention<8, 2, 4> = MultiHeadAttention::new(
///     Projection::new(&SELECT, &CHANNELS),
///     Projection::new(&SELECT, &CHANNELS),
///     Projection::new(&SELECT, &CHANNELS),
///     &IDENTITY,
///     &OUTPUT,
///     &HEADS,
/// );
///
/// let mut scratch = Scratch::new();
/// let x = [[90, 0, 0, 0, 0, 80, 0, 0], [0, 90, 0, 0, 0, 80, 0, 0], [0, 90, 0, 0, 0, 0, 80, 0]];
/// let y = ATTENTION.forward(&x, Mask::None, &mut scratch);
/// assert_eq!(y[0], [90, 0, 0, 0, 0, 80, 0, 0]); // head 0: itself; head 1: the two alike
/// assert_eq!(y[2], [0, 90, 0, 0, 0, 0, 80, 0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MultiHeadAttention<const E: usize, const H: usize, const P: usize, W = Wide> {
    view: AttentionView<'static>,
    weight: core::marker::PhantomData<W>,
}

impl<const E: usize, const H: usize, const P: usize, W: Weight> MultiHeadAttention<E, H, P, W> {
    /// From the projections, the weights `[E][H][P]` of the output projection with a bias and scale per output, and a scale per head.
    #[must_use]
    pub const fn new(
        query: Projection<E, H, P>,
        key: Projection<E, H, P>,
        value: Projection<E, H, P>,
        output: &'static [[[i8; P]; H]; E],
        output_channels: &'static [Channel; E],
        heads: &'static [HeadScale; H],
    ) -> Self {
        const {
            require(P > 0 && P <= MAX_HEAD_DIM, "MultiHeadAttention: the head dimension is 0 or above 256");
            require(
                H > 0 && H * P <= MAX_INPUTS,
                "MultiHeadAttention: no heads, or so many that the accumulator may overflow",
            );
        }
        let mut i = 0;
        while i < H {
            require(heads[i].is_valid(), "MultiHeadAttention: a head's scale is out of range");
            i += 1;
        }
        let weights = Matrix { data: output.as_flattened().as_flattened(), inputs: H * P, stride: H * P };
        let output = LinearView { weights, channels: output_channels };
        let view = AttentionView { query: query.view, key: key.view, value: value.view, output, heads, head_dim: P };
        Self { view, weight: core::marker::PhantomData }
    }

    /// Attention of `S` positions over each other.
    ///
    /// `x` and the result are int8, `[S][E]`; the result lies in `scratch`.
    #[inline]
    pub fn forward<'s, const S: usize>(
        &self,
        x: &[[i8; E]; S],
        mask: Mask,
        scratch: &'s mut Scratch<S, E, H, P, W>,
    ) -> &'s [[i8; E]; S] {
        self.forward_observed(x, mask, scratch, &mut Unobserved)
    }

    /// [`MultiHeadAttention::forward`], showing each row of softmax weights to `observer`.
    #[inline]
    pub fn forward_observed<'s, const S: usize>(
        &self,
        x: &[[i8; E]; S],
        mask: Mask,
        scratch: &'s mut Scratch<S, E, H, P, W>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; E]; S] {
        self.forward_on::<Active, S>(x, mask, scratch, observer)
    }

    /// [`MultiHeadAttention::forward_observed`] with the kernels of one's choice.
    #[inline]
    pub fn forward_on<'s, K: Kernels, const S: usize>(
        &self,
        x: &[[i8; E]; S],
        mask: Mask,
        scratch: &'s mut Scratch<S, E, H, P, W>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; E]; S] {
        self.view.attend::<K, W, _>(x.as_flattened(), S, mask, &mut scratch.heads.view(), 0, observer);
        self.view.output.store::<K>(scratch.heads.outputs(), scratch.output.as_flattened_mut());
        &scratch.output
    }
}

/// Working memory of the heads: query, key and value of one head, one row of scores and
/// weights, and the output of all heads.
#[derive(Debug)]
#[repr(C, align(4))]
pub struct Heads<const S: usize, const H: usize, const P: usize, W = Wide> {
    scores: [[i32; S]; <Active as Kernels>::QUERIES],
    weights: [[W; S]; <Active as Kernels>::WEIGHT_ROWS],
    query: [[i8; P]; S],
    key: [[i8; P]; S],
    value: [[i8; S]; P],
    outputs: [[[i8; P]; H]; S],
}

impl<const S: usize, const H: usize, const P: usize, W: Weight> Heads<S, H, P, W> {
    pub(crate) const fn new() -> Self {
        const { require(S <= MAX_POSITIONS, "attention: more than 65,536 positions") }
        Self {
            scores: [[0; S]; <Active as Kernels>::QUERIES],
            weights: [[W::ZERO; S]; <Active as Kernels>::WEIGHT_ROWS],
            query: [[0; P]; S],
            key: [[0; P]; S],
            value: [[0; S]; P],
            outputs: [[[0; P]; H]; S],
        }
    }

    #[inline]
    pub(crate) fn view(&mut self) -> ScratchView<'_, W> {
        ScratchView {
            query: self.query.as_flattened_mut(),
            key: self.key.as_flattened_mut(),
            value: self.value.as_flattened_mut(),
            scores: self.scores.as_flattened_mut(),
            weights: self.weights.as_flattened_mut(),
            heads: self.outputs.as_flattened_mut().as_flattened_mut(),
        }
    }

    #[inline]
    pub(crate) fn outputs(&self) -> &[i8] {
        self.outputs.as_flattened().as_flattened()
    }
}

/// The working memory of a [`MultiHeadAttention`], owned by the caller: `size_of` tells the
/// bytes, about `S · (6 + 3·P + H·P + E)`.
#[derive(Debug)]
pub struct Scratch<const S: usize, const E: usize, const H: usize, const P: usize, W = Wide> {
    heads: Heads<S, H, P, W>,
    output: [[i8; E]; S],
}

impl<const S: usize, const E: usize, const H: usize, const P: usize, W: Weight> Scratch<S, E, H, P, W> {
    /// Working memory for `S` positions; `const`, so that it can be a static.
    #[must_use]
    pub const fn new() -> Self {
        Self { heads: Heads::new(), output: [[0; E]; S] }
    }
}

impl<const S: usize, const E: usize, const H: usize, const P: usize, W: Weight> Default for Scratch<S, E, H, P, W> {
    fn default() -> Self {
        Self::new()
    }
}
