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
pub struct HeadScratch<
    const POSITIONS: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W = Wide,
    const KEYS: usize = POSITIONS,
    const SCORES: usize = KEYS,
    const KEY_DIM: usize = HEAD_DIM,
> {
    scores: [[i32; SCORES]; <Active as Kernels>::QUERIES],
    weights: [[W; SCORES]; <Active as Kernels>::WEIGHT_ROWS],
    query: [[i8; KEY_DIM]; POSITIONS],
    key: [[i8; KEY_DIM]; KEYS],
    value: [[i8; KEYS]; HEAD_DIM],
    outputs: [[[i8; HEAD_DIM]; HEADS]; POSITIONS],
}

impl<
    const POSITIONS: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W: Weight,
    const KEYS: usize,
    const SCORES: usize,
    const KEY_DIM: usize,
> HeadScratch<POSITIONS, HEADS, HEAD_DIM, W, KEYS, SCORES, KEY_DIM>
{
    /// Working memory; `const`, so that it can be a static.
    #[must_use]
    pub const fn new() -> Self {
        const {
            require(POSITIONS <= MAX_POSITIONS && KEYS <= MAX_POSITIONS, "attention: more than 65,536 positions");
            require(SCORES > 0 || KEYS == 0, "attention: no room for a score");
        }
        Self {
            scores: [[0; SCORES]; <Active as Kernels>::QUERIES],
            weights: [[W::ZERO; SCORES]; <Active as Kernels>::WEIGHT_ROWS],
            query: [[0; KEY_DIM]; POSITIONS],
            key: [[0; KEY_DIM]; KEYS],
            value: [[0; KEYS]; HEAD_DIM],
            outputs: [[[0; HEAD_DIM]; HEADS]; POSITIONS],
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
    pub(crate) const fn outputs(&self) -> &[[[i8; HEAD_DIM]; HEADS]; POSITIONS] {
        &self.outputs
    }

    #[inline]
    pub(crate) const fn outputs_mut(&mut self) -> &mut [[[i8; HEAD_DIM]; HEADS]; POSITIONS] {
        &mut self.outputs
    }
}

impl<
    const POSITIONS: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W: Weight,
    const KEYS: usize,
    const SCORES: usize,
    const KEY_DIM: usize,
> Default for HeadScratch<POSITIONS, HEADS, HEAD_DIM, W, KEYS, SCORES, KEY_DIM>
{
    fn default() -> Self {
        Self::new()
    }
}

/// The working memory of a [`MultiHeadAttention`](crate::MultiHeadAttention) of `POSITIONS` queries, owned by the
/// caller: `size_of` tells the bytes, about `POSITIONS · (6 + 3·HEAD_DIM + HEADS·HEAD_DIM + WIDTH)`.
///
/// `KEYS` is the number of keys, where it is not that of the queries (cross-attention). `SCORES` is how many scores of
/// a query are in memory at a time: with fewer than `KEYS`, rows are worked off in parts of `SCORES`, in less memory
/// and more time, to the same bits. `KEY_DIM` is the dimension of queries and keys, where it is not that of the values
/// ([`FusedAttention`](crate::FusedAttention)).
#[derive(Debug)]
pub struct Scratch<
    const POSITIONS: usize,
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W = Wide,
    const KEYS: usize = POSITIONS,
    const SCORES: usize = KEYS,
    const KEY_DIM: usize = HEAD_DIM,
> {
    pub(crate) heads: HeadScratch<POSITIONS, HEADS, HEAD_DIM, W, KEYS, SCORES, KEY_DIM>,
    pub(crate) output: [[i8; WIDTH]; POSITIONS],
}

impl<
    const POSITIONS: usize,
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W: Weight,
    const KEYS: usize,
    const SCORES: usize,
    const KEY_DIM: usize,
> Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W, KEYS, SCORES, KEY_DIM>
{
    /// Working memory; `const`, so that it can be a static.
    #[must_use]
    pub const fn new() -> Self {
        Self { heads: HeadScratch::new(), output: [[0; WIDTH]; POSITIONS] }
    }
}

impl<
    const POSITIONS: usize,
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W: Weight,
    const KEYS: usize,
    const SCORES: usize,
    const KEY_DIM: usize,
> Default for Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W, KEYS, SCORES, KEY_DIM>
{
    fn default() -> Self {
        Self::new()
    }
}
