//! Working memory, owned by the caller: `size_of` tells the bytes.

use super::MAX_POSITIONS;
use crate::error::require;
use crate::kernels::{Active, Kernels};
use crate::softmax::{Weight, Wide};

/// The working memory of attention, as slices.
#[derive(Debug)]
pub(crate) struct ScratchView<'s, W> {
    /// `[positions][dim]`, of one head.
    pub query: &'s mut [i8],
    /// `[keys][dim]`, of one head.
    pub key: &'s mut [i8],
    /// `[head_dim][keys]`, of one head: transposed, so that a weighted sum runs along memory.
    pub value: &'s mut [i8],
    /// Rows of scores of a few queries, `[queries][keys]`; with fewer, rows are worked off in parts.
    pub scores: &'s mut [i32],
    /// Rows of weights, as many.
    pub weights: &'s mut [W],
    /// Sums of values of as many queries, `[queries][head_dim]`; empty where rows are never worked off in parts.
    pub totals: &'s mut [i64],
    /// Outputs of all heads, `[positions][heads * head_dim]`.
    pub heads: &'s mut [i8],
}

/// Working memory of the heads: queries, keys and values of one head, a few rows of scores and
/// weights, and the output of all heads. The parameters are those of [`Scratch`].
#[derive(Debug)]
#[repr(C, align(4))]
pub struct Heads<
    const S: usize,
    const H: usize,
    const P: usize,
    W = Wide,
    const T: usize = S,
    const R: usize = T,
    const D: usize = P,
> {
    scores: [[i32; R]; <Active as Kernels>::QUERIES],
    weights: [[W; R]; <Active as Kernels>::WEIGHT_ROWS],
    query: [[i8; D]; S],
    key: [[i8; D]; T],
    value: [[i8; T]; P],
    outputs: [[[i8; P]; H]; S],
}

impl<const S: usize, const H: usize, const P: usize, W: Weight, const T: usize, const R: usize, const D: usize>
    Heads<S, H, P, W, T, R, D>
{
    /// Working memory; `const`, so that it can be a static.
    #[must_use]
    pub const fn new() -> Self {
        const {
            require(S <= MAX_POSITIONS && T <= MAX_POSITIONS, "attention: more than 65,536 positions");
            require(R > 0 || T == 0, "attention: no room for a score");
        }
        Self {
            scores: [[0; R]; <Active as Kernels>::QUERIES],
            weights: [[W::ZERO; R]; <Active as Kernels>::WEIGHT_ROWS],
            query: [[0; D]; S],
            key: [[0; D]; T],
            value: [[0; T]; P],
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
            totals: &mut [],
            heads: self.outputs.as_flattened_mut().as_flattened_mut(),
        }
    }

    #[inline]
    pub(crate) const fn outputs(&self) -> &[[[i8; P]; H]; S] {
        &self.outputs
    }

    #[inline]
    pub(crate) const fn outputs_mut(&mut self) -> &mut [[[i8; P]; H]; S] {
        &mut self.outputs
    }
}

impl<const S: usize, const H: usize, const P: usize, W: Weight, const T: usize, const R: usize, const D: usize> Default
    for Heads<S, H, P, W, T, R, D>
{
    fn default() -> Self {
        Self::new()
    }
}

/// The working memory of a [`MultiHeadAttention`](crate::MultiHeadAttention) of `S` queries, owned by the caller:
/// `size_of` tells the bytes, about `S · (6 + 3·P + H·P + E)`.
///
/// `T` is the number of keys, where it is not that of the queries (cross-attention). `R` is how many scores of a query
/// are in memory at a time: with fewer than `T`, rows are worked off in parts of `R`, in less memory and more time, to
/// the same bits. `D` is the dimension of queries and keys, where it is not that of the values
/// ([`FusedAttention`](crate::FusedAttention)).
#[derive(Debug)]
pub struct Scratch<
    const S: usize,
    const E: usize,
    const H: usize,
    const P: usize,
    W = Wide,
    const T: usize = S,
    const R: usize = T,
    const D: usize = P,
> {
    pub(crate) heads: Heads<S, H, P, W, T, R, D>,
    pub(crate) output: [[i8; E]; S],
}

impl<
    const S: usize,
    const E: usize,
    const H: usize,
    const P: usize,
    W: Weight,
    const T: usize,
    const R: usize,
    const D: usize,
> Scratch<S, E, H, P, W, T, R, D>
{
    /// Working memory; `const`, so that it can be a static.
    #[must_use]
    pub const fn new() -> Self {
        Self { heads: Heads::new(), output: [[0; E]; S] }
    }
}

impl<
    const S: usize,
    const E: usize,
    const H: usize,
    const P: usize,
    W: Weight,
    const T: usize,
    const R: usize,
    const D: usize,
> Default for Scratch<S, E, H, P, W, T, R, D>
{
    fn default() -> Self {
        Self::new()
    }
}
