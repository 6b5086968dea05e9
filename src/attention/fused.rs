//! Attention without a key projection: `x·W_Q·(x·W_K)ᵀ = x·(W_Q·W_Kᵀ)·xᵀ`, so a row of the sequence is the key of the
//! query `x·(W_Q·W_Kᵀ)` (Jung et al., "Optimizing the Deployment of Tiny Transformers on Low-Power MCUs", 2024, section
//! IV).

use super::typed::{finish, output_view, rows};
use super::{AttentionView, HeadScale, MAX_HEAD_DIM, Projection, Scratch, Sequences, WholeRows};
use crate::arithmetic::requantise::Channel;
use crate::arithmetic::softmax::{Weight, Wide};
use crate::error::require;
use crate::kernels::{Active, Kernels};
use crate::observe::{LayerObserver, Observer, Unobserved};
use crate::pattern::AttentionPattern;
use core::marker::PhantomData;

/// Multi-head attention with query and key weights folded into one matrix `[WIDTH][WIDTH]` per head. It pays where the
/// head dimension `HEAD_DIM` is above the width `WIDTH`: per position `WIDTH·WIDTH` instead of `2·WIDTH·HEAD_DIM`
/// products, and per score `WIDTH` instead of `HEAD_DIM`.
///
/// Queries and keys have `WIDTH` values, so that biases of the queries are kept (they go to the folded ones), and those
/// of the keys, which add the same to all scores of a query, are not missed. Rotation by position
/// ([`Rope`](crate::Rope)) cannot be folded, and is refused by the compiler.
#[derive(Clone, Copy, Debug)]
pub struct FusedAttention<
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W = Wide,
    const KV_HEADS: usize = HEADS,
> {
    view: AttentionView<'static>,
    weight: PhantomData<W>,
}

impl<const WIDTH: usize, const HEADS: usize, const HEAD_DIM: usize, W: Weight, const KV_HEADS: usize>
    FusedAttention<WIDTH, HEADS, HEAD_DIM, W, KV_HEADS>
{
    /// From the folded projection, that of the values, and the rest as in
    /// [`MultiHeadAttention`](crate::MultiHeadAttention).
    #[must_use]
    pub const fn new(
        query_key: Projection<WIDTH, HEADS, WIDTH>,
        value: Projection<WIDTH, KV_HEADS, HEAD_DIM>,
        output: &'static [[[i8; HEAD_DIM]; HEADS]; WIDTH],
        output_channels: &'static [Channel; WIDTH],
        head_scales: &'static [HeadScale; HEADS],
    ) -> Self {
        const {
            require(HEAD_DIM > 0 && HEAD_DIM <= MAX_HEAD_DIM, "FusedAttention: the head dimension is 0 or above 256");
            require(WIDTH <= MAX_HEAD_DIM, "FusedAttention: the width, here the dimension of the keys, is above 256");
            require(
                KV_HEADS > 0 && HEADS.is_multiple_of(KV_HEADS),
                "FusedAttention: the heads cannot share the values evenly",
            );
        }
        let output = output_view(output, output_channels);
        let (query, value) = (query_key.view, value.view);
        Self {
            view: AttentionView { query, key: None, value, output, head_scales, dim: WIDTH, head_dim: HEAD_DIM },
            weight: PhantomData,
        }
    }

    /// Attention of `POSITIONS` positions over each other, as
    /// [`MultiHeadAttention::forward`](crate::MultiHeadAttention::forward).
    ///
    /// ```
    /// # use heedful::{Channel, FusedAttention, HeadScale, Mask, Projection, Scale, Scratch, Wide};
    /// # const UNIT: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };
    /// # static QK: [[[i8; 4]; 4]; 2] = [[[1; 4]; 4]; 2];
    /// # static V: [[[i8; 4]; 16]; 2] = [[[1; 4]; 16]; 2];
    /// # static O: [[[i8; 16]; 2]; 4] = [[[1; 16]; 2]; 4];
    /// # static QKC: [[Channel; 4]; 2] = [[UNIT; 4]; 2];
    /// # static VC: [[Channel; 16]; 2] = [[UNIT; 16]; 2];
    /// # static OC: [Channel; 4] = [UNIT; 4];
    /// # static HEADS: [HeadScale; 2] = [HeadScale::from_real(0.01, 1.0).unwrap(); 2];
    /// // Heads of 16 in a model of width 4: queries and keys have 4 values.
    /// static ATTENTION: FusedAttention<4, 2, 16> =
    ///     FusedAttention::new(Projection::new(&QK, &QKC), Projection::new(&V, &VC), &O, &OC, &HEADS);
    /// let mut scratch = Scratch::new();
    /// let y = ATTENTION.forward(&[[1; 4]; 3], Mask::Causal, &mut scratch);
    /// # assert_eq!(y.len(), 3);
    /// ```
    #[inline]
    pub fn forward<'s, const POSITIONS: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        pattern: impl AttentionPattern,
        scratch: &'s mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W, POSITIONS, POSITIONS, WIDTH>,
    ) -> &'s [[i8; WIDTH]; POSITIONS] {
        self.forward_observed(x, pattern, scratch, &mut Unobserved)
    }

    /// [`FusedAttention::forward`], showing each row of softmax weights to `observer`.
    #[inline]
    pub fn forward_observed<'s, const POSITIONS: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        pattern: impl AttentionPattern,
        scratch: &'s mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W, POSITIONS, POSITIONS, WIDTH>,
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
        scratch: &'s mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W, POSITIONS, POSITIONS, WIDTH>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; WIDTH]; POSITIONS] {
        unrotated(&pattern);
        let x = Sequences::one(rows(x), POSITIONS);
        let observer = LayerObserver { layer: 0, observer };
        self.view.attend::<K, _, _, _, _>(x, &pattern, 0..HEADS, &mut scratch.heads.view(), WholeRows, observer);
        finish::<K, POSITIONS, WIDTH, HEADS, HEAD_DIM, W, POSITIONS, POSITIONS, WIDTH>(&self.view.output, scratch)
    }
}

/// Rows of the sequence are the keys: there is nothing to turn with the queries.
const fn unrotated<P: AttentionPattern>(_: &P) {
    const { require(!P::ROTATES, "FusedAttention: the rows that are its keys cannot be rotated by position") }
}
