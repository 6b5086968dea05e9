//! Attention without a key projection: `x·W_Q·(x·W_K)ᵀ = x·(W_Q·W_Kᵀ)·xᵀ`, so a row of the sequence is the key of the
//! query `x·(W_Q·W_Kᵀ)` (Jung et al., "Optimizing the Deployment of Tiny Transformers on Low-Power MCUs", 2024, section
//! IV).

use super::typed::{finish, output_view, rows};
use super::{AttentionView, HeadScale, MAX_HEAD_DIM, Projection, Scratch, Sequences};
use crate::error::require;
use crate::kernels::{Active, Kernels};
use crate::observe::{Observer, Unobserved};
use crate::reach::Reach;
use crate::requantise::Channel;
use crate::softmax::{Weight, Wide};
use core::marker::PhantomData;

/// Multi-head attention with query and key weights folded into one matrix `[E][E]` per head. It pays where the head
/// dimension `P` is above the width `E`: per position `E·E` instead of `2·E·P` products, and per score `E` instead of
/// `P`.
///
/// Queries and keys have `E` values, so that biases of the queries are kept (they go to the folded ones), and those of
/// the keys, which add the same to all scores of a query, are not missed. Rotation by position ([`Rope`](crate::Rope))
/// cannot be folded, and is refused by the compiler.
#[derive(Clone, Copy, Debug)]
pub struct FusedAttention<const E: usize, const H: usize, const P: usize, W = Wide, const G: usize = H> {
    view: AttentionView<'static>,
    weight: PhantomData<W>,
}

impl<const E: usize, const H: usize, const P: usize, W: Weight, const G: usize> FusedAttention<E, H, P, W, G> {
    /// From the folded projection, that of the values, and the rest as in
    /// [`MultiHeadAttention`](crate::MultiHeadAttention).
    #[must_use]
    pub const fn new(
        query_key: Projection<E, H, E>,
        value: Projection<E, G, P>,
        output: &'static [[[i8; P]; H]; E],
        output_channels: &'static [Channel; E],
        heads: &'static [HeadScale; H],
    ) -> Self {
        const {
            require(P > 0 && P <= MAX_HEAD_DIM, "FusedAttention: the head dimension is 0 or above 256");
            require(E <= MAX_HEAD_DIM, "FusedAttention: the width, here the dimension of the keys, is above 256");
            require(G > 0 && H.is_multiple_of(G), "FusedAttention: the heads cannot share the values evenly");
        }
        let output = output_view(output, output_channels);
        let (query, value) = (query_key.view, value.view);
        Self {
            view: AttentionView { query, key: None, value, output, heads, dim: E, head_dim: P },
            weight: PhantomData,
        }
    }

    /// Attention of `S` positions over each other, as
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
    pub fn forward<'s, const S: usize>(
        &self,
        x: &[[i8; E]; S],
        reach: impl Reach,
        scratch: &'s mut Scratch<S, E, H, P, W, S, S, E>,
    ) -> &'s [[i8; E]; S] {
        self.forward_observed(x, reach, scratch, &mut Unobserved)
    }

    /// [`FusedAttention::forward`], showing each row of softmax weights to `observer`.
    #[inline]
    pub fn forward_observed<'s, const S: usize>(
        &self,
        x: &[[i8; E]; S],
        reach: impl Reach,
        scratch: &'s mut Scratch<S, E, H, P, W, S, S, E>,
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
        scratch: &'s mut Scratch<S, E, H, P, W, S, S, E>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; E]; S] {
        unrotated(&reach);
        let x = Sequences::one(rows(x), S);
        self.view.attend::<K, W, _, _, false>(x, &reach, 0..H, &mut scratch.heads.view(), 0, observer);
        finish::<K, S, E, H, P, W, S, S, E>(&self.view.output, scratch)
    }
}

/// Rows of the sequence are the keys: there is nothing to turn with the queries.
const fn unrotated<R: Reach>(_: &R) {
    const { require(!R::ROTATES, "FusedAttention: the rows that are its keys cannot be rotated by position") }
}
