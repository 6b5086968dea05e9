//! One position at a time: keys and values of the last positions are kept, and a new one costs as much as it looks at.

use super::ring::{Place, RewindError, Ring};
use super::{
    AttentionView, MAX_HEAD_DIM, MAX_POSITIONS, MultiHeadAttention, by_position, from, group, hide_outside, whole_rows,
};
use crate::error::require;
use crate::kernels::{
    Active, Epilogue, Kernels, MASKED, MAX_QUERIES, Portable, Rows, Tile, TileParts, WeightObserver, linear, rows,
};
use crate::observe::{Observer, Row, Unobserved};
use crate::pattern::AttentionPattern;
use crate::rope::Turns;
use crate::softmax::{Weight, Wide};
use core::ops::Range;

/// The memory of one attention, as slices.
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
    pub heads: &'s mut [i8],
}

/// Where a step stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    /// The newest position, and its slot.
    pub place: Place,
    /// Of the newest position, if queries and keys are rotated.
    pub turns: Option<&'a Turns>,
    /// The block, for an observer.
    pub layer: usize,
}

impl AttentionView<'_> {
    /// The heads' outputs for the newest position, whose row is `x`, into `step.heads`.
    #[inline]
    pub(crate) fn step<K: Kernels, W: Weight, R: AttentionPattern, O: Observer<W>>(
        &self,
        x: Rows<'_>,
        at: At<'_>,
        pattern: &R,
        cache: &mut CacheView<'_>,
        step: &mut StepView<'_, W>,
        observer: &mut O,
    ) {
        let (dim, groups) = (self.dim, self.key_heads());
        self.project_newest::<K>(x, at, cache, step);
        for (head, key) in rows(step.key, dim).enumerate().take(groups) {
            let to = from(cache.keys, (head * at.place.slots() + at.place.slot) * dim);
            for (to, &from) in to.iter_mut().zip(key) {
                *to = from;
            }
        }
        let enough = whole_rows::<K, false>(step.scores, at.place.slots());
        let most = if enough { K::QUERIES.min(MAX_QUERIES) } else { Portable::QUERIES };
        let mut head = 0;
        while let Some(&scale) = self.heads.get(head) {
            // Heads that share keys, values and scales share the pass over these.
            let key_head = group(head, self.heads.len(), groups);
            let mut count = 1;
            while count < most
                && group(head + count, self.heads.len(), groups) == key_head
                && self.heads.get(head + count) == Some(&scale)
                && !pattern.biases(head + count)
                && !pattern.biases(head)
            {
                count += 1;
            }
            let heads = head..head + count;
            if enough {
                self.attend_newest::<K, W, R, O>(at, pattern, heads, cache, step, observer);
            } else {
                self.attend_newest::<Portable, W, R, O>(at, pattern, heads, cache, step, observer);
            }
            head += count;
        }
    }

    /// Query, key and value of the newest position; the value goes to its slot.
    #[inline]
    fn project_newest<K: Kernels>(
        &self,
        x: Rows<'_>,
        at: At<'_>,
        cache: &mut CacheView<'_>,
        step: &mut StepView<'_, impl Weight>,
    ) {
        let Some(key) = self.key else { return };
        let At { place, turns, .. } = at;
        let (slot, slots) = (place.slot, place.slots());
        let (dim, heads, groups) = (self.dim, self.heads.len(), self.key_heads());
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

    /// The newest query of a few heads that share a set of keys and values.
    #[inline]
    fn attend_newest<K: Kernels, W: Weight, R: AttentionPattern, O: Observer<W>>(
        &self,
        at: At<'_>,
        pattern: &R,
        heads: Range<usize>,
        cache: &CacheView<'_>,
        step: &mut StepView<'_, W>,
        observer: &mut O,
    ) {
        let Some(scale) = self.heads.get(heads.start) else { return };
        let At { place, layer, .. } = at;
        let key_head = group(heads.start, self.heads.len(), self.key_heads());
        let slots = place.slots();
        let query = place.query();
        let mut visible = [place.filled; MAX_QUERIES];
        let mut hides = false;
        for (visible, head) in visible.iter_mut().zip(heads.clone()) {
            let range = pattern.keys(head, query, query + 1);
            let oldest = place.oldest();
            if range.start >= range.end || range.end <= oldest {
                *visible = 0;
            } else if range.start > oldest || range.end <= query || pattern.dilation(head) > 1 {
                hides = true;
            }
        }
        let first = heads.start;
        let biases = pattern.biases(first);
        let rows = (hides || biases).then_some(|lane: usize, slot: usize, row: &mut [i32]| {
            let head = first + lane;
            let (seen, dilation) = (pattern.keys(head, query, query + 1), pattern.dilation(head));
            // Keys in slots side by side follow one another.
            for slots in place.in_order() {
                let (from, end) = (slots.start.max(slot), slots.end.min(slot + row.len()));
                let Some(row) = row.get_mut(from.wrapping_sub(slot)..end.wrapping_sub(slot)) else { continue };
                let key = place.key(from);
                if biases {
                    pattern.bias_row(head, query, key, 1, row);
                }
                hide_outside(row, seen.start.saturating_sub(key)..seen.end.saturating_sub(key));
                if dilation > 1 {
                    for (key, bias) in (key..).zip(row) {
                        if query.abs_diff(key).checked_rem(dilation).unwrap_or(0) != 0 {
                            *bias = MASKED;
                        }
                    }
                }
            }
        });
        let count = heads.len();
        let mut placed = Newest { observer, layer, head: first, place };
        let mut tile = Tile::new(TileParts {
            queries: step.query.get(first * self.dim..).unwrap_or(&[]),
            keys: cache.keys.get(key_head * slots * self.dim..).unwrap_or(&[]),
            values: cache.values.get(key_head * slots * self.head_dim..).unwrap_or(&[]),
            dim: self.dim,
            value_dim: self.head_dim,
            positions: slots,
            visible: visible.get_mut(..count).unwrap_or(&mut []),
            steepness: scale.steepness,
            ratio: scale.value,
            scores: step.scores,
            weights: step.weights,
            out: from(step.heads, first * self.head_dim),
            out_stride: self.head_dim,
        });
        if let Some(tile) = &mut tile {
            tile.attend_biased::<K, _>(rows, &mut placed);
        }
    }
}

/// To `[dims][slots]`, one slot.
#[inline]
fn to_slot(out: &mut [i8], slot: usize, slots: usize) -> Epilogue<'_> {
    Epilogue::Store { out: from(out, slot), row_stride: 0, output_stride: slots }
}

/// An observer of the newest query of a few heads.
struct Newest<'o, O> {
    observer: &'o mut O,
    layer: usize,
    /// The first head.
    head: usize,
    place: Place,
}

impl<W, O: Observer<W>> WeightObserver<W> for Newest<'_, O> {
    const WATCHES: bool = O::WATCHES;

    /// Weights lie in the order of the slots; they are shown in that of the keys, in parts where these are not side by
    /// side.
    #[inline]
    fn row(&mut self, lane: usize, weights: &[W]) {
        let Self { layer, head, place, .. } = *self;
        for slots in place.in_order() {
            let first = place.key(slots.start);
            if let Some(weights) = weights.get(slots).filter(|weights| !weights.is_empty()) {
                self.observer.row(Row { layer, head: head + lane, query: place.query(), first, step: 1, weights });
            }
        }
    }
}

/// Keys and values of the last positions of an attention: `SLOTS` slots, of which the first `SINKS` keep their
/// positions for good (attention sinks: Xiao et al., "Efficient Streaming Language Models with Attention Sinks", 2023)
/// and the others are a ring. `KV_HEADS` and `HEAD_DIM` are those of the [`MultiHeadAttention`]: key heads, and their
/// dimension.
///
/// Positions go on without end. A full cache forgets its oldest position that is not a sink with each new one: the
/// outputs are those, to the bit, of a pass over all positions under
/// `(Mask::Causal, Window::back(SLOTS - SINKS - 1).with_sinks(SINKS))`.
#[derive(Clone, Debug)]
#[repr(C, align(4))]
pub struct KvCache<const SLOTS: usize, const KV_HEADS: usize, const HEAD_DIM: usize, const SINKS: usize = 0> {
    keys: [[[i8; HEAD_DIM]; SLOTS]; KV_HEADS],
    values: [[[i8; SLOTS]; HEAD_DIM]; KV_HEADS],
    ring: Ring,
}

impl<const SLOTS: usize, const KV_HEADS: usize, const HEAD_DIM: usize, const SINKS: usize>
    KvCache<SLOTS, KV_HEADS, HEAD_DIM, SINKS>
{
    /// An empty cache; `const`, so that it can be a static.
    #[must_use]
    pub const fn new() -> Self {
        const {
            require(SINKS < SLOTS, "KvCache: no slot is left beside the sinks");
            require(SLOTS <= MAX_POSITIONS, "KvCache: more than 65,536 positions");
            require(HEAD_DIM <= MAX_HEAD_DIM, "KvCache: the head dimension is above 256");
        }
        Self {
            keys: [[[0; HEAD_DIM]; SLOTS]; KV_HEADS],
            values: [[[0; SLOTS]; HEAD_DIM]; KV_HEADS],
            ring: Ring::new(SLOTS, SINKS),
        }
    }

    /// Positions seen since the start or the last reset, forgotten ones included.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.ring.seen()
    }

    /// Forgets all positions.
    pub const fn reset(&mut self) {
        self.ring.reset();
    }

    /// Goes back to the time when `length` positions had been seen.
    ///
    /// # Errors
    /// [`RewindError::Ahead`] if these have not been seen yet; [`RewindError::Forgotten`] if the cache has been full
    /// since, and more than the newest position would be taken back. Lengths of up to `SINKS` can always be gone back
    /// to. After an error the cache is left as it is.
    pub const fn rewind(&mut self, length: u64) -> Result<(), RewindError> {
        self.ring.rewind(length)
    }
}

impl<const SLOTS: usize, const KV_HEADS: usize, const HEAD_DIM: usize, const SINKS: usize> Default
    for KvCache<SLOTS, KV_HEADS, HEAD_DIM, SINKS>
{
    fn default() -> Self {
        Self::new()
    }
}

/// The working memory of [`MultiHeadAttention::step`]; attentions of one shape can share it.
#[derive(Debug)]
#[repr(C, align(4))]
pub struct StepScratch<
    const SLOTS: usize,
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W = Wide,
    const KV_HEADS: usize = HEADS,
> {
    scores: [[i32; SLOTS]; <Active as Kernels>::QUERIES],
    weights: [[W; SLOTS]; <Active as Kernels>::WEIGHT_ROWS],
    query: [[i8; HEAD_DIM]; HEADS],
    key: [[i8; HEAD_DIM]; KV_HEADS],
    heads: [[i8; HEAD_DIM]; HEADS],
    output: [i8; WIDTH],
}

impl<
    const SLOTS: usize,
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W: Weight,
    const KV_HEADS: usize,
> StepScratch<SLOTS, WIDTH, HEADS, HEAD_DIM, W, KV_HEADS>
{
    /// Working memory; `const`, so that it can be a static.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            scores: [[0; SLOTS]; <Active as Kernels>::QUERIES],
            weights: [[W::ZERO; SLOTS]; <Active as Kernels>::WEIGHT_ROWS],
            query: [[0; HEAD_DIM]; HEADS],
            key: [[0; HEAD_DIM]; KV_HEADS],
            heads: [[0; HEAD_DIM]; HEADS],
            output: [0; WIDTH],
        }
    }
}

impl<
    const SLOTS: usize,
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W: Weight,
    const KV_HEADS: usize,
> Default for StepScratch<SLOTS, WIDTH, HEADS, HEAD_DIM, W, KV_HEADS>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<const WIDTH: usize, const HEADS: usize, const HEAD_DIM: usize, W: Weight, const KV_HEADS: usize>
    MultiHeadAttention<WIDTH, HEADS, HEAD_DIM, W, KV_HEADS>
{
    /// Attention of one new position over the last ones: `x` is int8, `[WIDTH]`, and so is the result, which lies in
    /// `scratch`.
    ///
    /// The order of the positions is a mask: nothing lies ahead. A `pattern` narrows it, or counts positions.
    ///
    /// ```
    /// # use heedful::{Channel, HeadScale, KvCache, Mask, MultiHeadAttention, Projection, Scale, Scratch, StepScratch, Window};
    /// # const UNIT: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };
    /// # static W: [[[i8; 8]; 4]; 2] = [[[1; 8]; 4]; 2];
    /// # static O: [[[i8; 4]; 2]; 8] = [[[1; 4]; 2]; 8];
    /// # static C: [[Channel; 4]; 2] = [[UNIT; 4]; 2];
    /// # static OC: [Channel; 8] = [UNIT; 8];
    /// # static HEADS: [HeadScale; 2] = [HeadScale::from_real(0.01, 1.0).unwrap(); 2];
    /// # static ATTENTION: MultiHeadAttention<8, 2, 4> = MultiHeadAttention::new(
    /// #     Projection::new(&W, &C), Projection::new(&W, &C), Projection::new(&W, &C), &O, &OC, &HEADS);
    /// # let x: [[i8; 8]; 100] = std::array::from_fn(|i| [i as i8; 8]);
    /// // The last 16 positions of a stream without end.
    /// let (mut cache, mut scratch) = (KvCache::<16, 2, 4>::new(), StepScratch::new());
    /// let last = x.iter().map(|x| *ATTENTION.step(x, Mask::None, &mut cache, &mut scratch)).last();
    /// // The same bits as all at once.
    /// let mut whole = Scratch::new();
    /// let y = ATTENTION.forward(&x, (Mask::Causal, Window::back(15)), &mut whole);
    /// assert_eq!(last, y.last().copied());
    /// ```
    #[inline]
    pub fn step<'s, const SLOTS: usize, const SINKS: usize>(
        &self,
        x: &[i8; WIDTH],
        pattern: impl AttentionPattern,
        cache: &mut KvCache<SLOTS, KV_HEADS, HEAD_DIM, SINKS>,
        scratch: &'s mut StepScratch<SLOTS, WIDTH, HEADS, HEAD_DIM, W, KV_HEADS>,
    ) -> &'s [i8; WIDTH] {
        self.step_observed(x, pattern, cache, scratch, &mut Unobserved)
    }

    /// [`MultiHeadAttention::step`], showing the rows of softmax weights to `observer`.
    #[inline]
    pub fn step_observed<'s, const SLOTS: usize, const SINKS: usize>(
        &self,
        x: &[i8; WIDTH],
        pattern: impl AttentionPattern,
        cache: &mut KvCache<SLOTS, KV_HEADS, HEAD_DIM, SINKS>,
        scratch: &'s mut StepScratch<SLOTS, WIDTH, HEADS, HEAD_DIM, W, KV_HEADS>,
        observer: &mut impl Observer<W>,
    ) -> &'s [i8; WIDTH] {
        self.step_on::<Active, SLOTS, SINKS>(x, pattern, cache, scratch, observer)
    }

    /// [`Self::step_observed`] with the kernels of one's choice.
    #[inline]
    #[doc(hidden)]
    pub fn step_on<'s, K: Kernels, const SLOTS: usize, const SINKS: usize>(
        &self,
        x: &[i8; WIDTH],
        pattern: impl AttentionPattern,
        cache: &mut KvCache<SLOTS, KV_HEADS, HEAD_DIM, SINKS>,
        scratch: &'s mut StepScratch<SLOTS, WIDTH, HEADS, HEAD_DIM, W, KV_HEADS>,
        observer: &mut impl Observer<W>,
    ) -> &'s [i8; WIDTH] {
        let KvCache { keys, values, ring } = cache;
        let place = ring.push();
        let mut cache = CacheView {
            keys: keys.as_flattened_mut().as_flattened_mut(),
            values: values.as_flattened_mut().as_flattened_mut(),
        };
        let StepScratch { scores, weights, query, key, heads, output } = scratch;
        let mut step = StepView {
            query: query.as_flattened_mut(),
            key: key.as_flattened_mut(),
            scores: scores.as_flattened_mut(),
            weights: weights.as_flattened_mut(),
            heads: heads.as_flattened_mut(),
        };
        let turns = pattern.rope().map(|rope| rope.turns::<K>(place.position));
        let (x, at) = (Rows::new(x, WIDTH), At { place, turns: turns.as_ref(), layer: 0 });
        self.view.step::<K, W, _, _>(x, at, &pattern, &mut cache, &mut step, observer);
        self.view.output.store::<K>(step.heads, output);
        output
    }
}

#[cfg(test)]
mod tests;
