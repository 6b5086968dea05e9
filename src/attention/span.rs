//! Which keys a few queries see, and what positions add to their scores.

use super::dilation::QueryBlock;
use super::ring::CachedPositions;
use crate::arithmetic::softmax::Weight;
use crate::kernels::{Bounds, Kernels, MASKED, MAX_QUERIES, Tile, WeightObserver};
use crate::observe::{LayerObserver, Observer, Row};
use crate::pattern::AttentionPattern;
use core::ops::Range;

/// The keys that each of a few queries sees, under a pattern: the newest ones of a cache for several heads, or the
/// queries of one head in a full pass. `L` says which.
#[derive(Debug)]
pub(super) struct KeySpan<'p, P, L> {
    pattern: &'p P,
    /// Where queries and keys stand.
    pub layout: L,
    /// The first key of each query, as [`KeyRun::index`] counts.
    starts: Bounds,
    /// Where its keys end, likewise.
    ends: Bounds,
    /// Whether any query sees some of the tile's keys, but not all.
    masks: bool,
    /// Whether the pattern adds to the scores.
    biases: bool,
}

/// Where the queries of a tile stand, and where its keys lie in memory.
pub(super) trait KeyLayout {
    /// Whether keys that a dilation passes over lie in memory, too.
    const DENSE: bool;
    /// From the position of a key in memory to the next one's.
    fn dilation(&self) -> usize;
    /// Head and position of a query.
    fn query(&self, query: usize) -> (usize, usize);
    /// The keys in memory, in order of their positions.
    fn runs(&self) -> impl Iterator<Item = KeyRun>;
}

/// Keys side by side in memory whose positions follow one another.
#[derive(Clone, Debug)]
pub(super) struct KeyRun {
    /// Where they lie.
    pub slots: Range<usize>,
    /// What the first counts as.
    pub index: usize,
    /// The position of the first.
    pub position: usize,
}

/// Some queries of one head in a full pass. Keys count from the first that any of them sees.
#[derive(Clone, Copy, Debug)]
pub(super) struct FullPass {
    pub head: usize,
    pub block: QueryBlock,
    /// The index of the first key in the class.
    pub first_key: usize,
    /// Keys of the class from there on.
    pub keys: usize,
}

impl KeyLayout for FullPass {
    const DENSE: bool = false;

    #[inline]
    fn dilation(&self) -> usize {
        self.block.class.dilation
    }

    #[inline]
    fn query(&self, query: usize) -> (usize, usize) {
        (self.head, self.block.position(query))
    }

    #[inline]
    fn runs(&self) -> impl Iterator<Item = KeyRun> {
        core::iter::once(KeyRun { slots: 0..self.keys, index: 0, position: self.block.class.position(self.first_key) })
    }
}

/// The newest query of a few heads, with a cache of keys. Keys count by their positions.
#[derive(Clone, Copy, Debug)]
pub(super) struct CachedStep {
    pub first_head: usize,
    pub cached: CachedPositions,
}

impl KeyLayout for CachedStep {
    const DENSE: bool = true;

    #[inline]
    fn dilation(&self) -> usize {
        1
    }

    #[inline]
    fn query(&self, query: usize) -> (usize, usize) {
        (self.first_head + query, self.cached.newest())
    }

    #[inline]
    fn runs(&self) -> impl Iterator<Item = KeyRun> {
        let cached = self.cached;
        cached.in_order().into_iter().map(move |slots| {
            let position = cached.position_in(slots.start);
            KeyRun { slots, index: position, position }
        })
    }
}

impl<'p, P: AttentionPattern> KeySpan<'p, P, FullPass> {
    /// The keys of a block of queries, of `keys` there are, and how many of the tile's keys the kernels compute for
    /// each query.
    #[inline(always)] // Not to copy the bounds.
    pub fn of_block<K: Kernels>(pattern: &'p P, head: usize, block: QueryBlock, keys: usize) -> (Self, Bounds) {
        let (mut starts, mut ends) = ([0; MAX_QUERIES], [0; MAX_QUERIES]);
        let mut first_key = if P::FROM_FIRST { 0 } else { usize::MAX };
        for (query, (start, end)) in starts.iter_mut().zip(&mut ends).enumerate().take(block.count) {
            let seen = pattern.keys(head, block.position(query), keys);
            *end = block.class.index(seen.end.min(keys));
            if !P::FROM_FIRST {
                *start = block.class.index(seen.start);
                if *start < *end {
                    first_key = first_key.min(*start);
                } else {
                    *end = 0;
                }
            }
        }
        let mut masks = false;
        if !P::FROM_FIRST {
            // From a whole word of values on; if no query sees anything, from anywhere.
            first_key = first_key.min(keys) & !3;
            for (start, end) in starts.iter_mut().zip(&mut ends).take(block.count) {
                *start = start.saturating_sub(first_key);
                *end = end.saturating_sub(first_key);
                // Tiles know no other start than the first key: what lies before is masked.
                masks |= *start > 0 && *end > 0;
            }
        }
        let biases = pattern.biases(head);
        let keys = block.class.count(keys).saturating_sub(first_key);
        let mut computed = ends;
        if masks || biases {
            // Where keys are masked anyway, all queries look as far as the farthest, in steps that suit the kernels.
            let most = ends.iter().take(block.count).fold(0, |most, &end| end.max(most));
            let most = most.next_multiple_of(K::KEYS).min(keys);
            for computed in computed.iter_mut().take(block.count).filter(|end| **end > 0) {
                *computed = most;
            }
        }
        let layout = FullPass { head, block, first_key, keys };
        (Self { pattern, layout, starts, ends, masks, biases }, computed)
    }
}

impl<'p, P: AttentionPattern> KeySpan<'p, P, CachedStep> {
    /// The keys in a cache of the newest query in a few heads, and how many slots the kernels compute for each head:
    /// all in use, or none.
    #[inline(always)] // Not to copy the bounds.
    pub fn of_newest(pattern: &'p P, heads: Range<usize>, cached: CachedPositions) -> (Self, Bounds) {
        let (newest, oldest) = (cached.newest(), cached.oldest());
        let (mut starts, mut ends, mut computed) = ([0; MAX_QUERIES], [0; MAX_QUERIES], [0; MAX_QUERIES]);
        let mut masks = false;
        for (((start, end), computed), head) in starts.iter_mut().zip(&mut ends).zip(&mut computed).zip(heads.clone()) {
            let seen = pattern.keys(head, newest, newest + 1);
            if seen.start < seen.end && seen.end > oldest {
                (*start, *end, *computed) = (seen.start, seen.end, cached.filled);
                masks |= seen.start > oldest || seen.end <= newest || pattern.dilation(head) > 1;
            }
        }
        let (biases, layout) = (pattern.biases(heads.start), CachedStep { first_head: heads.start, cached });
        (Self { pattern, layout, starts, ends, masks, biases }, computed)
    }
}

impl<P: AttentionPattern, L: KeyLayout> KeySpan<'_, P, L> {
    /// The scores `Q·Kᵀ` of a tile, with biases added and masked keys so low that they weigh 0.
    #[inline]
    pub fn scores<K: Kernels, W: Weight>(&self, tile: &mut Tile<'_, W>) {
        if self.masks && !self.biases && !L::DENSE {
            tile.scores_between::<K>(&self.starts, &self.ends);
        } else {
            tile.scores::<K>();
            if let Some(rows) = self.bias_rows() {
                tile.add_biases::<K>(rows);
            }
        }
    }

    /// What gives the biases of a query's keys, from one of the tile's keys on; `None` if there is nothing to add.
    #[inline]
    pub fn bias_rows(&self) -> Option<impl FnMut(usize, usize, &mut [i32])> {
        (self.masks || self.biases).then_some(|query: usize, slot: usize, row: &mut [i32]| {
            let (Some(&start), Some(&end)) = (self.starts.get(query), self.ends.get(query)) else { return };
            let (head, position) = self.layout.query(query);
            // Of keys that a dilation passes over, those in memory are masked.
            let passes_over = if L::DENSE { self.pattern.dilation(head) } else { 1 };
            for run in self.layout.runs() {
                let slots = run.slots.start.max(slot)..run.slots.end.min(slot + row.len());
                let row = row.get_mut(slots.start.wrapping_sub(slot)..slots.end.wrapping_sub(slot));
                let Some(row) = row else { continue };
                let skipped = slots.start - run.slots.start;
                let (index, dilation) = (run.index + skipped, self.layout.dilation());
                let key = run.position.wrapping_add(skipped.wrapping_mul(dilation));
                if self.biases {
                    self.pattern.bias_row(head, position, key, dilation, row);
                }
                mask_outside(row, start.saturating_sub(index)..end.saturating_sub(index));
                if passes_over > 1 {
                    for (key, bias) in (key..).zip(row) {
                        if position.abs_diff(key).checked_rem(passes_over).unwrap_or(0) != 0 {
                            *bias = MASKED;
                        }
                    }
                }
            }
        })
    }

    /// Shows the weights of a tile to an observer.
    #[inline]
    pub fn show<K: Kernels, W: Weight, O: Observer<W>>(
        &self,
        tile: &mut Tile<'_, W>,
        observer: &mut LayerObserver<'_, O>,
    ) {
        if O::WATCHES {
            tile.show::<K>(&mut self.observed(observer));
        }
    }

    /// What shows the rows of a tile to an observer.
    #[inline]
    pub fn observed<'o, O>(&'o self, observer: &'o mut LayerObserver<'_, O>) -> SpanObserver<'o, O, P, L> {
        SpanObserver { observer: observer.observer, layer: observer.layer, span: self }
    }
}

/// Masks the keys of a row of biases that are not in a range.
#[inline(never)]
fn mask_outside(row: &mut [i32], seen: Range<usize>) {
    for masked in [0..seen.start.min(row.len()), seen.end..row.len()] {
        row.get_mut(masked).unwrap_or(&mut []).fill(MASKED);
    }
}

/// An observer that knows where in the model the rows of a tile stand.
pub(super) struct SpanObserver<'o, O, P, L> {
    observer: &'o mut O,
    layer: usize,
    span: &'o KeySpan<'o, P, L>,
}

impl<P, L: KeyLayout, O> SpanObserver<'_, O, P, L> {
    /// Shows the weights of a query, of which the first is that of slot `slot`, in order of the keys and without the
    /// masked keys before and after its own; says whether there were any.
    #[inline]
    fn show<W>(&mut self, query: usize, slot: usize, weights: &[W]) -> bool
    where
        O: Observer<W>,
    {
        let KeySpan { layout, starts, ends, .. } = self.span;
        let (Some(&start), Some(&end)) = (starts.get(query), ends.get(query)) else { return false };
        let (head, position) = layout.query(query);
        let (mut any, dilation) = (false, layout.dilation());
        for run in layout.runs() {
            // From the indices of the query's keys to slots.
            let to_slot = |index: usize| run.slots.start + index.saturating_sub(run.index);
            let slots = to_slot(start).max(slot)..to_slot(end).min(run.slots.end).min(slot + weights.len());
            let shown = weights.get(slots.start.wrapping_sub(slot)..slots.end.wrapping_sub(slot)).unwrap_or(&[]);
            if !shown.is_empty() {
                any = true;
                let first = run.position.wrapping_add((slots.start - run.slots.start).wrapping_mul(dilation));
                let layer = self.layer;
                self.observer.row(Row { layer, head, query: position, first, dilation, weights: shown });
            }
        }
        any
    }
}

impl<W, P, L: KeyLayout, O: Observer<W>> WeightObserver<W> for SpanObserver<'_, O, P, L> {
    const WATCHES: bool = O::WATCHES;

    #[inline]
    fn row(&mut self, query: usize, weights: &[W]) {
        if !self.show(query, 0, weights) {
            let (head, position) = self.span.layout.query(query);
            let layer = self.layer;
            self.observer.row(Row { layer, head, query: position, first: 0, dilation: 1, weights: &[] });
        }
    }

    /// A part without any of the query's keys is not shown.
    #[inline]
    fn part(&mut self, query: usize, slot: usize, weights: &[W]) {
        self.show(query, slot, weights);
    }
}
