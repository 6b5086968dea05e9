//! Working memory, owned by the caller: `size_of` tells the bytes.

use super::span::{FullPass, KeySpan};
use super::view::{AttentionView, Sequences};
use crate::arithmetic::head_scale::HeadScale;
use crate::arithmetic::softmax::{MAX_POSITIONS, Weight, Wide};
use crate::error::require;
use crate::kernels::{Active, Bounds, Kernels, Tile, TileParts, queries_in_parts, tiles_mut};
use crate::observe::{LayerObserver, Observer, Row};

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
    /// Outputs of the heads.
    pub outputs: &'s mut [i8],
    /// How these lie.
    pub layout: OutputLayout,
}

/// How the outputs of heads lie in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OutputLayout {
    /// `[positions][heads][head_dim]`: a row for the output projection.
    Joined,
    /// `[heads][positions][head_dim]`
    Apart,
}

/// Where the outputs of one head lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadOutput {
    /// That of the first position.
    first: usize,
    /// From a position's to the next one's.
    stride: usize,
}

impl OutputLayout {
    /// The outputs of the `place`th of `heads` heads.
    #[inline]
    pub(super) const fn head(self, place: usize, heads: usize, positions: usize, head_dim: usize) -> HeadOutput {
        match self {
            Self::Joined => HeadOutput { first: place * head_dim, stride: heads * head_dim },
            Self::Apart => HeadOutput { first: place * positions * head_dim, stride: head_dim },
        }
    }
}

/// Whether rows of scores may be worked off in parts, and the memory for that.
pub(crate) trait PartSums {
    /// Whether they may.
    const IN_PARTS: bool;
    /// Sums of values, `[queries][head_dim]`.
    fn sums(&mut self) -> &mut [i64];
}

/// Rows of scores are always whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WholeRows;

impl PartSums for WholeRows {
    const IN_PARTS: bool = false;

    #[inline]
    fn sums(&mut self) -> &mut [i64] {
        &mut []
    }
}

impl PartSums for &mut [i64] {
    const IN_PARTS: bool = true;

    #[inline]
    fn sums(&mut self) -> &mut [i64] {
        self
    }
}

impl<W: Weight> ScratchView<'_, W> {
    /// A tile of queries, keys and values, if they fit together.
    #[inline(always)] // Not to copy the tile.
    pub(super) fn tile<'t, P>(
        &'t mut self,
        attention: &AttentionView<'_>,
        x: Sequences<'t>,
        scale: HeadScale,
        span: &KeySpan<'_, P, FullPass>,
        visible: &'t mut Bounds,
        output: HeadOutput,
    ) -> Option<Tile<'t, W>> {
        let FullPass { block, first_key, .. } = span.layout;
        let keys = match attention.key {
            None if block.class.dilation == 1 => x.memory.unwrap_or(x.queries).data(),
            _ => &*self.key,
        };
        let out = output.first + block.position(0) * output.stride;
        Tile::new(TileParts {
            queries: self.query.get(block.index * attention.dim..).unwrap_or(&[]),
            keys: keys.get(first_key * attention.dim..).unwrap_or(&[]),
            values: self.value.get(first_key..).unwrap_or(&[]),
            dim: attention.dim,
            value_dim: attention.head_dim,
            positions: x.keys,
            visible: visible.get_mut(..block.count).unwrap_or(&mut []),
            steepness: scale.steepness(),
            ratio: scale.value(),
            scores: self.scores,
            weights: self.weights,
            out: self.outputs.get_mut(out..).unwrap_or(&mut []),
            out_stride: output.stride * block.class.dilation,
        })
    }

    /// How many queries the kernels take at a time where rows are worked off in parts.
    #[inline]
    pub(super) fn queries_in_parts<K: Kernels>(&self, sums: &[i64], head_dim: usize) -> usize {
        queries_in_parts::<K, W>(self.scores, self.weights, sums, head_dim)
    }

    /// The outputs of a head that looks at nothing: 0.
    #[inline]
    pub(super) fn zero<O: Observer<W>>(
        &mut self,
        output: HeadOutput,
        positions: usize,
        head: usize,
        head_dim: usize,
        observer: &mut LayerObserver<'_, O>,
    ) {
        let outputs = self.outputs.get_mut(output.first..).unwrap_or(&mut []);
        for (query, out) in tiles_mut(outputs, output.stride).take(positions).enumerate() {
            out.iter_mut().take(head_dim).for_each(|out| *out = 0);
            if O::WATCHES {
                let layer = observer.layer;
                observer.observer.row(Row { layer, head, query, first: 0, dilation: 1, weights: &[] });
            }
        }
    }
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
            outputs: self.outputs.as_flattened_mut().as_flattened_mut(),
            layout: OutputLayout::Joined,
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
/// caller. `size_of` tells the bytes:
///
/// `POSITIONS · (rows + 3·HEAD_DIM + HEADS·HEAD_DIM + WIDTH)`
///
/// for queries, keys and values of one head, the outputs of all heads, and the result. `rows` is what rows of scores
/// and softmax weights take for each key. It depends on how many queries the backend takes at a time:
///
/// | backend | queries | rows, wide weights | narrow |
/// |---|---|---|---|
/// | portable, wide | 1 | 6 | 5 |
/// | Thumb on Armv6-M | 3 | 14 | 13 |
/// | Thumb on Armv7-M | 6 | 26 | 25 |
/// | DSP, Helium | 4 | 18 | 17 |
/// | RV32 | 6 | 26 | 25 |
/// | RVV | 3 | 18 | 15 |
/// | NEON | 4 | 24 | 20 |
/// | x86 | 8 | 48 | 40 |
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::softmax::Narrow;

    /// What the documentation of [`Scratch`] says of this backend.
    #[test]
    fn size() {
        let [wide, narrow] = match Active::NAME {
            "portable" | "wide" => [6, 5],
            "NEON" => [24, 20],
            _ => [48, 40],
        };
        assert_eq!(size_of::<Scratch<64, 48, 3, 16>>(), 64 * (wide + 3 * 16 + 3 * 16 + 48));
        assert_eq!(size_of::<Scratch<64, 48, 3, 16, Narrow>>(), 64 * (narrow + 3 * 16 + 3 * 16 + 48));
    }
}
