//! What attention hands to the kernels: a few queries of one head.

use super::layer::holds;
use crate::arithmetic::requantise::Scale;
use crate::arithmetic::softmax::Steepness;

/// The most queries that a backend takes at a time.
pub const MAX_QUERIES: usize = 8;

/// Where the keys of each query start, or where they end.
pub type Bounds = [usize; MAX_QUERIES];

/// A few queries of one head, what they look at, and where their outputs go.
#[derive(Debug)]
pub struct TileParts<'a, W> {
    /// Queries `[visible.len()][dim]`.
    pub queries: &'a [i8],
    /// Keys `[keys][dim]`.
    pub keys: &'a [i8],
    /// Values, transposed: `[value_dim][positions]`, of which the last row may end with the last key that is looked at.
    pub values: &'a [i8],
    /// Dimension of queries and keys.
    pub dim: usize,
    /// Dimension of values and outputs.
    pub value_dim: usize,
    /// Positions of a row of values, and of a row of scores and weights.
    pub positions: usize,
    /// How many keys, always the first ones, each query looks at.
    pub visible: &'a mut [usize],
    /// Of the softmax.
    pub steepness: Steepness,
    /// Scale of the values over the scale of the output, over 256.
    pub ratio: Scale,
    /// Working memory, at least [`Kernels::QUERIES`](super::Kernels::QUERIES)` * positions`; its layout is the
    /// backend's own.
    pub scores: &'a mut [i32],
    /// Working memory, at least [`Kernels::WEIGHT_ROWS`](super::Kernels::WEIGHT_ROWS)` * positions`.
    pub weights: &'a mut [W],
    /// Output of the first query.
    pub out: &'a mut [i8],
    /// From a query's output to the next one's, at least `value_dim`.
    pub out_stride: usize,
}

/// [`TileParts`] that fit together:
///
/// - there are 1 to [`MAX_QUERIES`] queries of `dim` values, `dim` at least 1, and none sees more keys than there are,
///   nor more than `positions`;
/// - `value_dim` rows of values, `value_stride` apart, hold the values of all keys that any query sees;
/// - the outputs of all queries lie inside `out`, and none in the place of another;
/// - `MAX_QUERIES * positions` does not overflow.
///
/// How much working memory there is depends on the backend, which takes what it needs by a checked slice, once.
#[derive(Debug)]
pub struct Tile<'a, W> {
    pub(super) queries: &'a [i8],
    pub(super) keys: &'a [i8],
    pub(super) values: &'a [i8],
    pub(super) dim: usize,
    pub(super) value_dim: usize,
    pub(super) positions: usize,
    /// From a row of values to the next: `positions`, but for a part of the keys.
    pub(super) value_stride: usize,
    pub(super) visible: &'a mut [usize],
    pub(super) steepness: Steepness,
    pub(super) ratio: Scale,
    pub(super) scores: &'a mut [i32],
    pub(super) weights: &'a mut [W],
    /// Largest score of each query, from [`Kernels::tile_scores`](super::Kernels::tile_scores) on.
    pub(super) max: [i32; MAX_QUERIES],
    /// Sum of each query's weights, from [`Kernels::tile_softmax`](super::Kernels::tile_softmax) on; 0 where it sees no
    /// key.
    pub(super) sums: [u32; MAX_QUERIES],
    pub(super) out: &'a mut [i8],
    pub(super) out_stride: usize,
}

/// All keys and values of a [`Tile`] that looks at them part by part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole<'a> {
    keys: &'a [i8],
    values: &'a [i8],
    /// How many keys each query sees.
    ends: Bounds,
}

impl<'a> Whole<'a> {
    /// Keys that any of the queries sees.
    #[inline]
    pub(crate) fn most(&self) -> usize {
        self.ends.iter().fold(0, |most, &end| end.max(most))
    }
}

impl<'a, W> Tile<'a, W> {
    /// The tile, if its parts fit together.
    #[inline(always)] // Not to copy the parts.
    #[must_use]
    pub fn new(parts: TileParts<'a, W>) -> Option<Self> {
        let TileParts { queries, keys, values, dim, value_dim, positions, visible, .. } = parts;
        let TileParts { steepness, ratio, scores, weights, out, out_stride, .. } = parts;
        let (queries_in, most) = (visible.len(), most(visible));
        let usual = (dim | value_dim | positions | out_stride) >> (usize::BITS / 2) == 0;
        let fits = dim > 0
            && matches!(queries_in, 1..=MAX_QUERIES)
            && most <= positions
            && out_stride >= value_dim
            && if usual {
                // No product of two halves of a word leaves the word: this is done for each tile.
                queries_in * dim <= queries.len()
                    && most * dim <= keys.len()
                    && (value_dim == 0 || (value_dim - 1) * positions + most <= values.len())
                    && (queries_in - 1) * out_stride + value_dim <= out.len()
            } else {
                positions <= usize::MAX / MAX_QUERIES
                    && holds(queries, queries_in, dim, dim)
                    && holds(keys, most, dim, dim)
                    && holds(values, value_dim, positions, most)
                    && holds(out, queries_in, out_stride, value_dim)
            };
        if !fits {
            return None;
        }
        Some(Self {
            queries,
            keys,
            values,
            dim,
            value_dim,
            positions,
            value_stride: positions,
            visible,
            steepness,
            ratio,
            scores,
            weights,
            max: [0; MAX_QUERIES],
            sums: [0; MAX_QUERIES],
            out,
            out_stride,
        })
    }

    /// Makes it look at parts of at most `length` keys from now on, by [`Tile::look_from`].
    #[inline]
    pub(crate) fn in_parts(&mut self, length: usize) -> Whole<'a> {
        let mut whole = Whole { keys: self.keys, values: self.values, ends: [0; MAX_QUERIES] };
        for (to, &end) in whole.ends.iter_mut().zip(&*self.visible) {
            *to = end;
        }
        self.positions = self.positions.min(length);
        self.look_from(&whole, 0);
        whole
    }

    /// Looks at the part of the keys that begins with `start`.
    #[inline]
    pub(crate) fn look_from(&mut self, whole: &Whole<'a>, start: usize) {
        // All keys up to there exist, and values of theirs in each row.
        let start = start.min(whole.most());
        self.keys = whole.keys.get(start * self.dim..).unwrap_or(&[]);
        self.values = whole.values.get(start..).unwrap_or(&[]);
        for (visible, end) in self.visible.iter_mut().zip(whole.ends) {
            *visible = end.saturating_sub(start).min(self.positions);
        }
    }
}

/// Keys that any of the queries sees.
#[inline]
pub(super) fn most(visible: &[usize]) -> usize {
    match *visible {
        // Without a loop, which on short rows takes as long as a few keys.
        [a, b, c, d] => a.max(b).max(c.max(d)),
        _ => visible.iter().fold(0, |most, &visible| visible.max(most)),
    }
}

/// Sees the softmax weights of each query of a [`Tile`].
pub trait WeightObserver<W> {
    /// Whether it looks at all: a backend need not lay out weights that nobody sees.
    const WATCHES: bool;
    /// The weights of the `query`th query of the tile, one per key that it looks at.
    fn row(&mut self, query: usize, weights: &[W]);
    /// The same of a row too long to be shown at once: the weights from the tile's key `start` on.
    #[inline]
    fn part(&mut self, query: usize, start: usize, weights: &[W]) {
        let _ = start;
        self.row(query, weights);
    }
}
