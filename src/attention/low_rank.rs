//! Attention whose projections are products of two matrices of low rank: `W = A·B`, with `A` from the width to the rank
//! and `B` from the rank to the heads.

use super::typed::{finish, output_view};
use super::{AttentionView, HeadScale, MAX_HEAD_DIM, Projection, Scratch, Sequences, WholeRows};
use crate::arithmetic::requantise::Channel;
use crate::arithmetic::softmax::{Weight, Wide};
use crate::error::require;
use crate::kernels::{Active, Kernels, Matrix, Rows};
use crate::linear::{LinearView, MAX_INPUTS};
use crate::observe::{LayerObserver, Observer, Unobserved};
use crate::pattern::AttentionPattern;
use core::marker::PhantomData;

/// Multi-head attention of projections of rank `RANK`: `RANK·(WIDTH + HEADS·HEAD_DIM)` weights each instead of
/// `WIDTH·HEADS·HEAD_DIM`. It pays where `RANK < WIDTH·HEADS·HEAD_DIM / (WIDTH + HEADS·HEAD_DIM)`.
#[derive(Clone, Copy, Debug)]
pub struct LowRankAttention<
    const WIDTH: usize,
    const RANK: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W = Wide,
    const KV_HEADS: usize = HEADS,
> {
    reduce: LinearView<'static>,
    view: AttentionView<'static>,
    weight: PhantomData<W>,
}

impl<const WIDTH: usize, const RANK: usize, const HEADS: usize, const HEAD_DIM: usize, W: Weight, const KV_HEADS: usize>
    LowRankAttention<WIDTH, RANK, HEADS, HEAD_DIM, W, KV_HEADS>
{
    /// From the weights `[query, key, value][RANK][WIDTH]` and channels of the reduction, the projections from the rank
    /// to the heads, and the rest as in [`MultiHeadAttention`](crate::MultiHeadAttention).
    #[must_use]
    #[allow(clippy::too_many_arguments)] // What the attention is made of.
    pub const fn new(
        reduce: &'static [[[i8; WIDTH]; RANK]; 3],
        reduce_channels: &'static [[Channel; RANK]; 3],
        query: Projection<RANK, HEADS, HEAD_DIM>,
        key: Projection<RANK, KV_HEADS, HEAD_DIM>,
        value: Projection<RANK, KV_HEADS, HEAD_DIM>,
        output: &'static [[[i8; HEAD_DIM]; HEADS]; WIDTH],
        output_channels: &'static [Channel; WIDTH],
        head_scales: &'static [HeadScale; HEADS],
    ) -> Self {
        const {
            require(
                WIDTH > 0 && WIDTH <= MAX_INPUTS,
                "LowRankAttention: the width is 0 or so large that sums may overflow",
            );
            require(HEAD_DIM > 0 && HEAD_DIM <= MAX_HEAD_DIM, "LowRankAttention: the head dimension is 0 or above 256");
            require(
                KV_HEADS > 0 && HEADS.is_multiple_of(KV_HEADS),
                "LowRankAttention: the heads cannot share the keys and values evenly",
            );
        }
        let weights = Matrix { data: reduce.as_flattened().as_flattened(), inputs: WIDTH, stride: WIDTH };
        let reduce = LinearView { weights, channels: reduce_channels.as_flattened() };
        let output = output_view(output, output_channels);
        // Each projection reads its own third of a reduced row.
        let (query, key, value) = (query.view, Some(key.view.reading_from(RANK)), value.view.reading_from(2 * RANK));
        let view = AttentionView { query, key, value, output, head_scales, dim: HEAD_DIM, head_dim: HEAD_DIM };
        Self { reduce, view, weight: PhantomData }
    }

    /// Attention of `POSITIONS` positions over each other, as
    /// [`MultiHeadAttention::forward`](crate::MultiHeadAttention::forward).
    ///
    /// ```
    /// # use heedful::{Channel, HeadScale, LowRankAttention, LowRankScratch, Mask, Projection, Scale};
    /// # const UNIT: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };
    /// # static A: [[[i8; 16]; 3]; 3] = [[[1; 16]; 3]; 3];
    /// # static AC: [[Channel; 3]; 3] = [[UNIT; 3]; 3];
    /// # static B: [[[i8; 3]; 8]; 2] = [[[1; 3]; 8]; 2];
    /// # static BC: [[Channel; 8]; 2] = [[UNIT; 8]; 2];
    /// # static O: [[[i8; 8]; 2]; 16] = [[[1; 8]; 2]; 16];
    /// # static OC: [Channel; 16] = [UNIT; 16];
    /// # static HEADS: [HeadScale; 2] = [HeadScale::from_real(0.01, 1.0).unwrap(); 2];
    /// // Rank 3 in a model of width 16.
    /// static ATTENTION: LowRankAttention<16, 3, 2, 8> = LowRankAttention::new(
    ///     &A, &AC, Projection::new(&B, &BC), Projection::new(&B, &BC), Projection::new(&B, &BC), &O, &OC, &HEADS);
    /// let mut scratch = LowRankScratch::new();
    /// let y = ATTENTION.forward(&[[1; 16]; 5], Mask::None, &mut scratch);
    /// # assert_eq!(y.len(), 5);
    /// ```
    #[inline]
    pub fn forward<'s, const POSITIONS: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        pattern: impl AttentionPattern,
        scratch: &'s mut LowRankScratch<POSITIONS, WIDTH, RANK, HEADS, HEAD_DIM, W>,
    ) -> &'s [[i8; WIDTH]; POSITIONS] {
        self.forward_observed(x, pattern, scratch, &mut Unobserved)
    }

    /// [`LowRankAttention::forward`], showing each row of softmax weights to `observer`.
    #[inline]
    pub fn forward_observed<'s, const POSITIONS: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        pattern: impl AttentionPattern,
        scratch: &'s mut LowRankScratch<POSITIONS, WIDTH, RANK, HEADS, HEAD_DIM, W>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; WIDTH]; POSITIONS] {
        self.forward_on::<Active, POSITIONS>(x, pattern, scratch, observer)
    }

    /// [`Self::forward_observed`] with the kernels of one's choice.
    #[inline]
    #[doc(hidden)]
    pub fn forward_on<'s, K: Kernels, const POSITIONS: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        pattern: impl AttentionPattern,
        scratch: &'s mut LowRankScratch<POSITIONS, WIDTH, RANK, HEADS, HEAD_DIM, W>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; WIDTH]; POSITIONS] {
        let LowRankScratch { reduced, scratch } = scratch;
        self.reduce.store::<K>(x.as_flattened(), reduced.as_flattened_mut().as_flattened_mut());
        let rows = Rows::new(reduced.as_flattened().as_flattened(), 3 * RANK);
        let x = Sequences::one(rows, POSITIONS);
        let observer = LayerObserver { layer: 0, observer };
        self.view.attend::<K, _, _, _, _>(x, &pattern, 0..HEADS, &mut scratch.heads.view(), WholeRows, observer);
        finish::<K, POSITIONS, WIDTH, HEADS, HEAD_DIM, W, POSITIONS, POSITIONS, HEAD_DIM>(&self.view.output, scratch)
    }
}

/// The working memory of a [`LowRankAttention`] of `POSITIONS` positions.
#[derive(Debug)]
pub struct LowRankScratch<
    const POSITIONS: usize,
    const WIDTH: usize,
    const RANK: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W = Wide,
> {
    reduced: [[[i8; RANK]; 3]; POSITIONS],
    scratch: Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W>,
}

impl<
    const POSITIONS: usize,
    const WIDTH: usize,
    const RANK: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W: Weight,
> LowRankScratch<POSITIONS, WIDTH, RANK, HEADS, HEAD_DIM, W>
{
    /// Working memory; `const`, so that it can be a static.
    #[must_use]
    pub const fn new() -> Self {
        Self { reduced: [[[0; RANK]; 3]; POSITIONS], scratch: Scratch::new() }
    }
}

impl<
    const POSITIONS: usize,
    const WIDTH: usize,
    const RANK: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W: Weight,
> Default for LowRankScratch<POSITIONS, WIDTH, RANK, HEADS, HEAD_DIM, W>
{
    fn default() -> Self {
        Self::new()
    }
}
