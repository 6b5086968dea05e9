//! What attention hands to the kernels: a few queries of one head.

use super::Kernels;
use crate::requantise::Scale;
use crate::softmax::{Steepness, Weight};

/// The most queries that a backend takes at a time.
pub const MAX_QUERIES: usize = 8;

/// Where the keys of each query start, or where they end.
pub type Bounds = [usize; MAX_QUERIES];

/// A few queries of one head, and all that they look at.
#[derive(Debug)]
pub struct Tile<'a, W> {
    /// Queries `[visible.len()][dim]`, at most [`Kernels::QUERIES`].
    pub queries: &'a [i8],
    /// Keys `[positions][dim]`.
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
    /// Working memory, at least [`Kernels::QUERIES`]` * positions`; its layout is the backend's own.
    pub scores: &'a mut [i32],
    /// Working memory, at least [`Kernels::WEIGHT_ROWS`]` * positions`.
    pub weights: &'a mut [W],
    /// Largest score of each query, from [`Kernels::tile_scores`] on.
    pub max: [i32; MAX_QUERIES],
    /// Sum of each query's weights, from [`Kernels::tile_softmax`] on; 0 where it sees no key.
    pub sums: [u32; MAX_QUERIES],
    /// Output of the first query.
    pub out: &'a mut [i8],
    /// From a query's output to the next one's.
    pub out_stride: usize,
}

impl<W: Weight> Tile<'_, W> {
    /// Softmax attention of all queries, shown to `witness`.
    #[inline]
    pub fn attend<K: Kernels, V: Witness<W>>(&mut self, witness: &mut V) {
        self.attend_biased::<K, V>(None::<fn(usize, usize, &mut [i32])>, witness);
    }

    /// [`Tile::attend`], where each query sees only the keys from a start to an end: at least one, or none are visible to it.
    #[inline]
    pub fn attend_between<K: Kernels, V: Witness<W>>(&mut self, starts: &Bounds, ends: &Bounds, witness: &mut V) {
        K::tile_scores_between(self, starts, ends);
        self.attend_scores::<K, V>(witness);
    }

    /// [`Tile::attend`], with rows of biases added to the scores: `rows(query, key, row)` adds those of a query, from a key on, to a row
    /// of zeros, and sets them to [`HIDDEN`](super::HIDDEN) for keys that shall weigh exactly 0.
    ///
    /// A bias should be at most 2^29 either way. Scores 2^23 or more below the maximum count as 2^23 - 1 below it: they weigh 0, as does any
    /// key that lies 17 octaves below, for no steepness is less than 2^-18. A query all of whose keys are hidden gets 0.
    #[inline]
    pub fn attend_biased<K: Kernels, V: Witness<W>>(
        &mut self,
        rows: Option<impl FnMut(usize, usize, &mut [i32])>,
        witness: &mut V,
    ) {
        K::tile_scores(self);
        if let Some(rows) = rows {
            K::tile_bias(self, rows);
            self.floor::<K>();
        }
        self.attend_scores::<K, V>(witness);
    }

    /// What follows when scores and maxima are known.
    #[inline]
    fn attend_scores<K: Kernels, V: Witness<W>>(&mut self, witness: &mut V) {
        K::tile_softmax(self);
        K::tile_weighted_sum(self);
        if V::WATCHES {
            K::tile_show(self, witness);
        }
    }
}

impl<W> Tile<'_, W> {
    /// Rows of values that hold `keys` values, at most [`Tile::value_dim`].
    #[inline]
    #[allow(dead_code)] // For backends in assembly.
    pub(crate) fn value_rows(&self, keys: usize) -> usize {
        let after = self.values.len().checked_sub(keys).and_then(|rest| rest.checked_div(self.positions));
        after.map_or(0, |rows| rows + 1).min(self.value_dim)
    }
}

/// Sees the softmax weights of each query of a [`Tile`].
pub trait Witness<W> {
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
