//! Biases added to the scores of a tile, and keys hidden, whatever the layout of the scores.

use super::{Bounds, Tile};

/// The bias of a key that is hidden; whatever lies below half of it hides, too.
pub const HIDDEN: i32 = i32::MIN;
/// The farthest that a score lies below its row's maximum: with the least steepness, 32 octaves.
pub(super) const LOWEST: i32 = (1 << 23) - 1;

/// The least score that counts beside a maximum.
#[inline]
pub(crate) const fn least(max: i32) -> i32 {
    max.saturating_sub(LOWEST)
}

/// Biases in memory at a time.
pub(super) const PART: usize = 64;

/// Where the scores of a query lie.
pub(crate) trait Places {
    /// Calls `each` with `count` scores of a query, from a key on, in order.
    fn walk(&self, scores: &mut [i32], query: usize, first: usize, count: usize, each: impl FnMut(&mut i32));
}

/// Every so manieth score belongs to a query: `place(query, key)` grows by the same with each key.
pub(crate) struct Regular<F>(pub F);

impl<F: Fn(usize, usize) -> usize> Places for Regular<F> {
    #[inline]
    fn walk(&self, scores: &mut [i32], query: usize, first: usize, count: usize, each: impl FnMut(&mut i32)) {
        let place = (self.0)(query, first);
        let step = (self.0)(query, first + 1).wrapping_sub(place).max(1);
        scores.get_mut(place..).unwrap_or(&mut []).iter_mut().step_by(step).take(count).for_each(each);
    }
}

/// The largest of `count` scores of a query, from a key on.
#[inline]
pub(super) fn largest(places: &impl Places) -> impl Fn(&mut [i32], usize, usize, usize) -> i32 {
    move |scores, query, first, count| {
        let mut max = HIDDEN;
        places.walk(scores, query, first, count, |score| max = max.max(*score));
        max
    }
}

impl<W> Tile<'_, W> {
    /// What [`Kernels::tile_bias`](super::Kernels::tile_bias) does, part by part: `add` takes a query, the first key of a part and
    /// its biases, adds these to the scores, and gives their maximum.
    #[inline]
    pub(crate) fn bias_parts(
        &mut self,
        mut rows: impl FnMut(usize, usize, &mut [i32]),
        mut add: impl FnMut(&mut [i32], usize, usize, &[i32]) -> i32,
    ) {
        for (query, (&visible, max)) in self.visible.iter().zip(&mut self.max).enumerate() {
            *max = HIDDEN;
            let mut first = 0;
            while first < visible {
                let mut memory = [0; PART];
                let Some(row) = memory.get_mut(..PART.min(visible - first)) else { return };
                rows(query, first, row);
                *max = (*max).max(add(self.scores, query, first, row));
                first += PART;
            }
        }
    }

    /// [`Kernels::tile_bias`](super::Kernels::tile_bias) for scores in any layout, shifted left by `up` bits, which are lost.
    #[inline]
    pub(crate) fn bias_placed(&mut self, up: u32, places: &impl Places, rows: impl FnMut(usize, usize, &mut [i32])) {
        self.bias_parts(rows, |scores, query, first, row| {
            let (mut max, mut biases) = (HIDDEN, row.iter());
            places.walk(scores, query, first, row.len(), |score| {
                *score = (*score >> up).saturating_add(biases.next().copied().unwrap_or(0));
                max = max.max(*score);
            });
            max
        });
    }

    /// What [`Kernels::tile_scores_between`](super::Kernels::tile_scores_between) does once there are scores, in any layout, shifted left by `up`
    /// bits. `largest` finds the maximum of some of a query's scores, one at least: it takes the query, the first key and their number.
    #[inline]
    pub(crate) fn hide_placed(
        &mut self,
        up: u32,
        places: &impl Places,
        [starts, ends]: [&Bounds; 2],
        largest: impl Fn(&mut [i32], usize, usize, usize) -> i32,
    ) {
        let ranges = starts.iter().zip(ends);
        for (query, ((&visible, max), (&start, &end))) in self.visible.iter().zip(&mut self.max).zip(ranges).enumerate()
        {
            let end = end.min(visible);
            if start >= end {
                continue;
            }
            *max = largest(self.scores, query, start, end - start);
            let hidden = max.wrapping_sub(LOWEST << up);
            for keys in [0..start, end..visible] {
                places.walk(self.scores, query, keys.start, keys.len(), |score| *score = hidden);
            }
        }
    }

    /// After [`Kernels::tile_bias`](super::Kernels::tile_bias): where a query's keys are all hidden, their scores are to lie far below a maximum of 0.
    #[inline]
    pub(crate) fn rest_where_hidden(&mut self) {
        for (max, _) in self.max.iter_mut().zip(&*self.visible) {
            if *max < HIDDEN / 2 {
                *max = 0;
            }
        }
    }

    /// [`Kernels::tile_floor`](super::Kernels::tile_floor) likewise. With a shift, scores become relative to their maxima, and these 0.
    #[inline]
    pub(crate) fn floor_placed(&mut self, up: u32, places: &impl Places) {
        for (query, (&visible, max)) in self.visible.iter().zip(&mut self.max).enumerate() {
            let least = least(*max);
            let from = if up > 0 { core::mem::take(max) } else { 0 };
            places
                .walk(self.scores, query, 0, visible, |score| *score = ((*score).max(least).wrapping_sub(from)) << up);
        }
    }
}
