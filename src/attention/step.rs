//! Attention of the newest position alone, over the keys and values of a cache.

use super::projection::{by_position, from};
use super::ring::CachedPositions;
use super::span::KeySpan;
use super::view::{AttentionView, group};
use crate::arithmetic::head_scale::HeadScale;
use crate::arithmetic::softmax::Weight;
use crate::kernels::{Active, Bounds, Epilogue, Kernels, MAX_QUERIES, Portable, Rows, Tile, TileParts, linear, rows};
use crate::observe::{LayerObserver, Observer};
use crate::pattern::AttentionPattern;
use crate::rope::Turns;
use core::ops::Range;

/// The cached keys and values of one attention, as slices.
#[derive(Debug)]
pub(crate) struct CacheView<'s> {
    /// `[key heads][slots][dim]`
    pub keys: &'s mut [i8],
    /// `[key heads][head_dim][slots]`
    pub values: &'s mut [i8],
}

/// The working memory of a step, as slices; attentions of one shape can share it.
#[derive(Debug)]
pub(crate) struct StepView<'s, W> {
    /// `[heads * dim]`
    pub query: &'s mut [i8],
    /// `[key heads * dim]`
    pub key: &'s mut [i8],
    /// `[queries][slots]`
    pub scores: &'s mut [i32],
    /// As many.
    pub weights: &'s mut [W],
    /// `[heads * head_dim]`
    pub outputs: &'s mut [i8],
}

/// The newest position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newest<'a> {
    /// Which positions the cache holds, this one included.
    pub cached: CachedPositions,
    /// How queries and keys are rotated, if they are.
    pub turns: Option<&'a Turns>,
}

impl AttentionView<'_> {
    /// The heads' outputs for the newest position, whose row is `x`, into `step.outputs`.
    #[inline]
    pub(crate) fn step<K: Kernels, W: Weight, P: AttentionPattern, O: Observer<W>>(
        &self,
        x: Rows<'_>,
        newest: Newest<'_>,
        pattern: &P,
        cache: &mut CacheView<'_>,
        step: &mut StepView<'_, W>,
        mut observer: LayerObserver<'_, O>,
    ) {
        let cached = newest.cached;
        self.project_newest::<K>(x, newest, cache, step);
        for (head, key) in rows(step.key, self.dim).enumerate().take(self.key_heads()) {
            let to = from(cache.keys, (head * cached.slots() + cached.slot) * self.dim);
            for (to, &from) in to.iter_mut().zip(key) {
                *to = from;
            }
        }
        if K::QUERIES > <Active as Kernels>::QUERIES && step.scores.len() < K::QUERIES * cached.slots() {
            // The memory was made for kernels that take fewer queries at a time.
            self.attend_newest::<Portable, W, P, O>(cached, pattern, cache, step, &mut observer);
        } else {
            self.attend_newest::<K, W, P, O>(cached, pattern, cache, step, &mut observer);
        }
    }

    /// Softmax attention of the newest query of all heads.
    #[inline]
    fn attend_newest<K: Kernels, W: Weight, P: AttentionPattern, O: Observer<W>>(
        &self,
        cached: CachedPositions,
        pattern: &P,
        cache: &CacheView<'_>,
        step: &mut StepView<'_, W>,
        observer: &mut LayerObserver<'_, O>,
    ) {
        let mut next = 0;
        while let Some(&scale) = self.head_scales.get(next) {
            let heads = self.heads_together(next, pattern, K::QUERIES.min(MAX_QUERIES));
            next = heads.end;
            let (span, mut visible) = KeySpan::of_newest(pattern, heads.clone(), cached);
            let mut tile = self.newest_tile(heads, scale, cached.slots(), &mut visible, cache, step);
            // In place: to move it costs as much as to make it.
            let Some(tile) = &mut tile else { return };
            span.scores::<K, W>(tile); // S = Q·Kᵀ, with masks and biases
            tile.softmax::<K>(); // P = 2^(c·(S - max S))
            tile.weigh_values::<K>(); // O = P·V / ΣP
            span.show::<K, W, O>(tile, observer);
        }
    }

    /// Heads from one on that share keys, values and scales, and have no biases of their own: these share the pass over
    /// keys and values.
    #[inline]
    fn heads_together<P: AttentionPattern>(&self, first: usize, pattern: &P, most: usize) -> Range<usize> {
        let key_head = |head| group(head, self.heads(), self.key_heads());
        let mut end = first + 1;
        while end - first < most
            && key_head(end) == key_head(first)
            && self.head_scales.get(end) == self.head_scales.get(first)
            && !pattern.biases(end)
            && !pattern.biases(first)
        {
            end += 1;
        }
        first..end
    }

    /// The tile of the newest query of a few heads, if its parts fit together.
    #[inline(always)] // Not to copy the tile.
    fn newest_tile<'t, W: Weight>(
        &self,
        heads: Range<usize>,
        scale: HeadScale,
        slots: usize,
        visible: &'t mut Bounds,
        cache: &'t CacheView<'_>,
        step: &'t mut StepView<'_, W>,
    ) -> Option<Tile<'t, W>> {
        let key_head = group(heads.start, self.heads(), self.key_heads());
        Tile::new(TileParts {
            queries: step.query.get(heads.start * self.dim..).unwrap_or(&[]),
            keys: cache.keys.get(key_head * slots * self.dim..).unwrap_or(&[]),
            values: cache.values.get(key_head * slots * self.head_dim..).unwrap_or(&[]),
            dim: self.dim,
            value_dim: self.head_dim,
            positions: slots,
            visible: visible.get_mut(..heads.len()).unwrap_or(&mut []),
            steepness: scale.steepness(),
            ratio: scale.value(),
            scores: step.scores,
            weights: step.weights,
            out: from(step.outputs, heads.start * self.head_dim),
            out_stride: self.head_dim,
        })
    }

    /// Query, key and value of the newest position; the value goes to its slot.
    #[inline]
    fn project_newest<K: Kernels>(
        &self,
        x: Rows<'_>,
        newest: Newest<'_>,
        cache: &mut CacheView<'_>,
        step: &mut StepView<'_, impl Weight>,
    ) {
        let Some(key) = self.key else { return };
        let Newest { cached, turns } = newest;
        let (slot, slots) = (cached.slot, cached.slots());
        let (dim, heads, groups) = (self.dim, self.heads(), self.key_heads());
        if turns.is_none()
            && let (Some(query), Some(key), Some(value)) =
                (self.query.all(heads), key.all(groups), self.value.all(groups))
            && x.width() == query.weights.inputs
        {
            // All three share the row.
            let to_slot = to_slot(cache.values, slot, slots);
            let (query, key) = (query.to(by_position(step.query, dim)), key.to(by_position(step.key, dim)));
            return linear::<K>(x, &mut [query, key, value.to(to_slot)]);
        }
        for (projection, heads, out) in [(self.query, heads, &mut *step.query), (key, groups, &mut *step.key)] {
            projection.parts(heads, dim, |layer, first| {
                let (x, out) = (projection.input(x), from(out, first * dim));
                match turns {
                    Some(turns) => turns.project::<K>(x, layer, dim, out),
                    None => linear::<K>(x, &mut [layer.to(by_position(out, dim))]),
                }
            });
        }
        self.value.parts(groups, self.head_dim, |layer, first| {
            let out = to_slot(cache.values, first * self.head_dim * slots + slot, slots);
            linear::<K>(self.value.input(x), &mut [layer.to(out)]);
        });
    }
}

/// To `[dims][slots]`, one slot.
#[inline]
fn to_slot(out: &mut [i8], slot: usize, slots: usize) -> Epilogue<'_> {
    Epilogue::Store { out: from(out, slot), row_stride: 0, output_stride: slots }
}
