//! Biases added to the scores of a tile, and keys hidden, whatever the layout of the scores.

use super::tile::{Bounds, Tile};

/// The bias of a key that is hidden; whatever lies below half of it hides, too.
pub const MASKED: i32 = i32::MIN;
/// The farthest that a score lies below its row's maximum: with the least steepness, 32 octaves.
pub(super) const LOWEST: i32 = (1 << 23) - 1;

/// The least score that counts beside a maximum.
#[inline]
pub(crate) const fn least(max: i32) -> i32 {
    max.saturating_sub(LOWEST)
}

/// Biases in memory at a time.
pub(super) const PART: usize = 64;

/// Where the scores of a tile lie.
#[derive(Clone, Copy, Debug)]
pub struct ScoreLayout {
    /// From a score to that of the next query and the same key.
    pub query: usize,
    /// From a score to that of the next key and the same query.
    pub key: usize,
    /// Bits that scores are shifted left.
    pub up: u32,
}

impl ScoreLayout {
    /// The scores of a query, from a key on.
    #[inline]
    fn of(self, scores: &mut [i32], query: usize, first: usize) -> impl Iterator<Item = &mut i32> {
        let scores = scores.get_mut(query * self.query + first * self.key..).unwrap_or(&mut []);
        scores.iter_mut().step_by(self.key.max(1))
    }
}

impl<W> Tile<'_, W> {
    /// What [`Kernels::tile_bias`](super::Kernels::tile_bias) does, part by part: `add` takes a query, the first key of
    /// a part and its biases, adds these to the scores, and gives their maximum.
    #[inline]
    pub(crate) fn bias_parts(
        &mut self,
        mut rows: impl FnMut(usize, usize, &mut [i32]),
        mut add: impl FnMut(&mut [i32], usize, usize, &[i32]) -> i32,
    ) {
        for (query, (&visible, max)) in self.visible.iter().zip(&mut self.max).enumerate() {
            *max = MASKED;
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

    /// [`Kernels::tile_bias`](super::Kernels::tile_bias) by default; bits that scores are shifted left by are lost.
    #[inline]
    pub(crate) fn bias_placed(&mut self, score_layout: ScoreLayout, rows: impl FnMut(usize, usize, &mut [i32])) {
        self.bias_parts(rows, |scores, query, first, row| {
            let mut max = MASKED;
            for (score, &bias) in score_layout.of(scores, query, first).zip(row) {
                *score = (*score >> score_layout.up).saturating_add(bias);
                max = max.max(*score);
            }
            max
        });
    }

    /// What [`Kernels::tile_scores_between`](super::Kernels::tile_scores_between) does by default, once there are
    /// scores.
    #[inline]
    pub(crate) fn hide_placed(
        &mut self,
        score_layout: ScoreLayout,
        starts: &Bounds,
        ends: &Bounds,
        largest: impl Fn(&[i32], usize) -> i32,
    ) {
        let ranges = starts.iter().zip(ends);
        for (query, ((&visible, max), (&start, &end))) in self.visible.iter().zip(&mut self.max).zip(ranges).enumerate()
        {
            let end = end.min(visible);
            if start >= end {
                continue;
            }
            let first = query * score_layout.query + start * score_layout.key;
            let seen = self.scores.get(first..=first + (end - start - 1) * score_layout.key).unwrap_or(&[]);
            *max = largest(seen, score_layout.key);
            let hidden = max.wrapping_sub(LOWEST << score_layout.up);
            for keys in [0..start, end..visible] {
                score_layout.of(self.scores, query, keys.start).take(keys.len()).for_each(|score| *score = hidden);
            }
        }
    }

    /// [`Kernels::tile_floor`](super::Kernels::tile_floor) by default. With a shift, scores become relative to their
    /// maxima, and these 0.
    #[inline]
    pub(crate) fn floor_placed(&mut self, score_layout: ScoreLayout) {
        for (query, (&visible, max)) in self.visible.iter().zip(&mut self.max).enumerate() {
            let least = least(*max);
            let from = if score_layout.up > 0 { core::mem::take(max) } else { 0 };
            for score in score_layout.of(self.scores, query, 0).take(visible) {
                *score = (*score).max(least).wrapping_sub(from) << score_layout.up;
            }
        }
    }
}
