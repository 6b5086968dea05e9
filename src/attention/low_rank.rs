//! Attention whose projections are products of two matrices of low rank: `W = A·B`, with `A` from the width to the rank
//! and `B` from the rank to the heads.

use super::typed::{finish, output_view};
use super::{AttentionView, HeadScale, MAX_HEAD_DIM, Projection, Scratch, Sequences};
use crate::error::require;
use crate::kernels::{Active, Kernels, Matrix, Rows};
use crate::linear::{LinearView, MAX_INPUTS};
use crate::observe::{Observer, Unobserved};
use crate::reach::Reach;
use crate::requantise::Channel;
use crate::softmax::{Weight, Wide};
use core::marker::PhantomData;

/// Multi-head attention of projections of rank `N`: `N·(E + H·P)` weights each instead of `E·H·P`. It pays where
/// `N < E·H·P / (E + H·P)`.
#[derive(Clone, Copy, Debug)]
pub struct LowRankAttention<
    const E: usize,
    const N: usize,
    const H: usize,
    const P: usize,
    W = Wide,
    const G: usize = H,
> {
    reduce: LinearView<'static>,
    view: AttentionView<'static>,
    weight: PhantomData<W>,
}

impl<const E: usize, const N: usize, const H: usize, const P: usize, W: Weight, const G: usize>
    LowRankAttention<E, N, H, P, W, G>
{
    /// From the weights `[query, key, value][N][E]` and channels of the reduction, the projections from the rank to the
    /// heads, and the rest as in [`MultiHeadAttention`](crate::MultiHeadAttention).
    #[must_use]
    #[allow(clippy::too_many_arguments)] // What the attention is made of.
    pub const fn new(
        reduce: &'static [[[i8; E]; N]; 3],
        reduce_channels: &'static [[Channel; N]; 3],
        query: Projection<N, H, P>,
        key: Projection<N, G, P>,
        value: Projection<N, G, P>,
        output: &'static [[[i8; P]; H]; E],
        output_channels: &'static [Channel; E],
        heads: &'static [HeadScale; H],
    ) -> Self {
        const {
            require(E > 0 && E <= MAX_INPUTS, "LowRankAttention: the width is 0 or so large that sums may overflow");
            require(P > 0 && P <= MAX_HEAD_DIM, "LowRankAttention: the head dimension is 0 or above 256");
            require(
                G > 0 && H.is_multiple_of(G),
                "LowRankAttention: the heads cannot share the keys and values evenly",
            );
        }
        let weights = Matrix { data: reduce.as_flattened().as_flattened(), inputs: E, stride: E };
        let reduce = LinearView { weights, channels: reduce_channels.as_flattened() };
        let output = output_view(output, output_channels);
        // Each projection reads its own third of a reduced row.
        let (query, key, value) = (query.view, Some(key.view.reading_from(N)), value.view.reading_from(2 * N));
        let view = AttentionView { query, key, value, output, heads, dim: P, head_dim: P };
        Self { reduce, view, weight: PhantomData }
    }

    /// Attention of `S` positions over each other, as
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
    pub fn forward<'s, const S: usize>(
        &self,
        x: &[[i8; E]; S],
        reach: impl Reach,
        scratch: &'s mut LowRankScratch<S, E, N, H, P, W>,
    ) -> &'s [[i8; E]; S] {
        self.forward_observed(x, reach, scratch, &mut Unobserved)
    }

    /// [`LowRankAttention::forward`], showing each row of softmax weights to `observer`.
    #[inline]
    pub fn forward_observed<'s, const S: usize>(
        &self,
        x: &[[i8; E]; S],
        reach: impl Reach,
        scratch: &'s mut LowRankScratch<S, E, N, H, P, W>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; E]; S] {
        self.forward_on::<Active, S>(x, reach, scratch, observer)
    }

    /// [`Self::forward_observed`] with the kernels of one's choice.
    #[inline]
    #[doc(hidden)]
    pub fn forward_on<'s, K: Kernels, const S: usize>(
        &self,
        x: &[[i8; E]; S],
        reach: impl Reach,
        scratch: &'s mut LowRankScratch<S, E, N, H, P, W>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; E]; S] {
        let LowRankScratch { reduced, scratch } = scratch;
        self.reduce.store::<K>(x.as_flattened(), reduced.as_flattened_mut().as_flattened_mut());
        let rows = Rows::new(reduced.as_flattened().as_flattened(), 3 * N);
        let x = Sequences::one(rows, S);
        self.view.attend::<K, W, _, _, false>(x, &reach, 0..H, &mut scratch.heads.view(), 0, observer);
        finish::<K, S, E, H, P, W, S, S, P>(&self.view.output, scratch)
    }
}

/// The working memory of a [`LowRankAttention`] of `S` positions.
#[derive(Debug)]
pub struct LowRankScratch<const S: usize, const E: usize, const N: usize, const H: usize, const P: usize, W = Wide> {
    reduced: [[[i8; N]; 3]; S],
    scratch: Scratch<S, E, H, P, W>,
}

impl<const S: usize, const E: usize, const N: usize, const H: usize, const P: usize, W: Weight>
    LowRankScratch<S, E, N, H, P, W>
{
    /// Working memory; `const`, so that it can be a static.
    #[must_use]
    pub const fn new() -> Self {
        Self { reduced: [[[0; N]; 3]; S], scratch: Scratch::new() }
    }
}

impl<const S: usize, const E: usize, const N: usize, const H: usize, const P: usize, W: Weight> Default
    for LowRankScratch<S, E, N, H, P, W>
{
    fn default() -> Self {
        Self::new()
    }
}
