//! Biases added to the scores of a tile, and keys hidden, whatever the layout of the scores.

use super::Tile;

/// The farthest that a score lies below its row's maximum: with the least steepness, 32 octaves.
pub(crate) const LOWEST: i32 = (1 << 23) - 1;
/// The largest bias, in either direction.
const MOST: i32 = 1 << 22;

/// Where the scores of a query lie.
pub(crate) trait Places {
    /// Calls `each` with the first `visible` keys of a query and their scores, in order.
    fn walk(&self, scores: &mut [i32], query: usize, visible: usize, each: impl FnMut(usize, &mut i32));
}

/// Every so manieth score belongs to a query: `place(query, key)` grows by the same with each key.
struct Regular<F>(F);

impl<F: Fn(usize, usize) -> usize> Places for Regular<F> {
    #[inline]
    fn walk(&self, scores: &mut [i32], query: usize, visible: usize, mut each: impl FnMut(usize, &mut i32)) {
        let first = (self.0)(query, 0);
        let step = (self.0)(query, 1).wrapping_sub(first).max(1);
        let scores = scores.get_mut(first..).unwrap_or(&mut []);
        for (key, score) in scores.iter_mut().step_by(step).take(visible).enumerate() {
            each(key, score);
        }
    }
}

impl<W> Tile<'_, W> {
    /// What [`Kernels::tile_bias`](super::Kernels::tile_bias) does, for scores at `place(query, key)`, which grows by the same with
    /// each key, shifted left by `up` bits. The scores are left relative to their maxima, which become 0.
    #[inline]
    pub(crate) fn bias_scores(
        &mut self,
        up: u32,
        place: impl Fn(usize, usize) -> usize,
        bias: impl FnMut(usize, usize) -> Option<i32>,
    ) {
        self.bias_placed(up, &Regular(place), bias);
    }

    /// [`Tile::bias_scores`] for scores in any layout.
    #[inline]
    pub(crate) fn bias_placed(
        &mut self,
        up: u32,
        places: &impl Places,
        mut bias: impl FnMut(usize, usize) -> Option<i32>,
    ) {
        for (query, (visible, max)) in self.visible.iter_mut().zip(&mut self.max).enumerate() {
            let mut largest = i32::MIN;
            places.walk(self.scores, query, *visible, |key, score| {
                *score = bias(query, key).map_or(i32::MIN, |bias| (*score >> up) + bias.clamp(-MOST, MOST));
                largest = largest.max(*score);
            });
            *max = 0;
            if largest == i32::MIN {
                *visible = 0;
            }
            places.walk(self.scores, query, *visible, |_, score| {
                *score = score.saturating_sub(largest).max(-LOWEST) << up;
            });
        }
    }
}
