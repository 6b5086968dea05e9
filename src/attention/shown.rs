//! Showing the rows of a tile to an observer.

use super::Grid;
use crate::kernels::{MAX_QUERIES, WeightObserver};
use crate::observe::{Observer, Row};

/// An observer that knows where in the model a tile lies.
pub(super) struct Placed<'o, O> {
    pub observer: &'o mut O,
    pub layer: usize,
    pub head: usize,
    pub grid: Grid,
    /// Of the tile's first query on the grid.
    pub index: usize,
    /// Of the tile's first key on the grid.
    pub start: usize,
    /// The first key of each of the tile's queries, counted from the tile's first one.
    pub starts: &'o [usize; MAX_QUERIES],
    /// The end of its keys, likewise.
    pub ends: &'o [usize; MAX_QUERIES],
}

impl<O> Placed<'_, O> {
    /// The row of a query, of which `weights` begin at the tile's key `from`; without the hidden keys before and after
    /// its own.
    #[inline]
    fn shown<'w, W>(&self, query: usize, from: usize, weights: &'w [W]) -> Row<'w, W> {
        let Self { layer, head, grid, index, start, .. } = *self;
        let first = self.starts.get(query).map_or(from, |&first| first.max(from));
        let end = self.ends.get(query).map_or(0, |end| end.saturating_sub(from)).min(weights.len());
        let weights = weights.get(first - from..end).unwrap_or(&[]);
        let (query, first) = (grid.position(index + query), grid.position(start + first));
        Row { layer, head, query, first, step: grid.step, weights }
    }
}

impl<W, O: Observer<W>> WeightObserver<W> for Placed<'_, O> {
    const WATCHES: bool = O::WATCHES;

    #[inline]
    fn row(&mut self, query: usize, weights: &[W]) {
        let row = self.shown(query, 0, weights);
        self.observer.row(row);
    }

    #[inline]
    fn part(&mut self, query: usize, start: usize, weights: &[W]) {
        let row = self.shown(query, start, weights);
        // A part without any of the query's keys is not shown.
        if !row.weights.is_empty() {
            self.observer.row(row);
        }
    }
}
