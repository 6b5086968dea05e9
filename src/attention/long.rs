//! Rows longer than the memory for their scores, in parts.
//!
//! Two passes over the keys: the first finds the row's maximum, the second weighs and sums up. The scores are computed
//! twice, but nothing is rescaled, so the bits are those of the whole row, whatever the length of a part. (The single pass with a running
//! maximum of Milakov and Gimelshein, 2018, rounds with each rescaling.)

use super::MAX_HEAD_DIM;
use crate::kernels::{Kernels, LOWEST, RowScale, Tile, Witness, portable::CHUNK};
use crate::softmax::Weight;

/// The attention of a tile's first query, as [`Tile::attend_biased`] gives it.
// Not inlined: it has a head's sums on its stack, and few need it.
#[inline(never)]
pub(super) fn attend<K: Kernels, W: Weight, V: Witness<W>>(
    tile: &mut Tile<'_, W>,
    mut bias: Option<impl FnMut(usize, usize) -> Option<i32>>,
    witness: &mut V,
) {
    let part = tile.scores.len().min(tile.weights.len()).min(CHUNK);
    let keys = tile.visible.first().copied().unwrap_or(0);
    let query = tile.queries.get(..tile.dim).unwrap_or(&[]);

    let mut max = i32::MIN;
    let mut start = 0;
    while part > 0 && start < keys {
        let length = part.min(keys - start);
        let scores = tile.scores.get_mut(..length).unwrap_or(&mut []);
        max = max.max(scores_of::<K>(query, tile.keys, start, scores, &mut bias));
        start += length;
    }

    let mut sum = 0u32;
    let mut totals = [0i64; MAX_HEAD_DIM];
    let Some(totals) = totals.get_mut(..tile.value_dim) else { return };
    let mut start = 0;
    while max > i32::MIN && start < keys {
        let length = part.min(keys - start);
        let (Some(scores), Some(weights)) = (tile.scores.get_mut(..length), tile.weights.get_mut(..length)) else {
            return;
        };
        scores_of::<K>(query, tile.keys, start, scores, &mut bias);
        if bias.is_some() {
            for score in &mut *scores {
                *score = (*score).max(max - LOWEST);
            }
        }
        sum += K::exp2(scores, max, tile.steepness, weights);
        K::weighted_total(weights, tile.values.get(start..).unwrap_or(&[]), tile.positions, totals);
        if V::WATCHES {
            witness.part(0, start, weights);
        }
        start += length;
    }
    if V::WATCHES && max == i32::MIN {
        witness.row(0, &[]);
    }
    let scale = RowScale::new(sum, tile.ratio);
    for (out, &total) in tile.out.iter_mut().zip(&*totals) {
        *out = scale.to_i8(total);
    }
}

/// Scores of the keys from `start` on, biased; hidden ones are `i32::MIN`. Gives their maximum.
#[inline]
fn scores_of<K: Kernels>(
    query: &[i8],
    keys: &[i8],
    start: usize,
    scores: &mut [i32],
    bias: &mut Option<impl FnMut(usize, usize) -> Option<i32>>,
) -> i32 {
    let max = K::scores(query, keys.get(start * query.len()..).unwrap_or(&[]), scores);
    let Some(bias) = bias else { return max };
    let mut max = i32::MIN;
    for (key, score) in (start..).zip(scores) {
        *score = bias(0, key).map_or(i32::MIN, |bias| *score + bias.clamp(-(1 << 22), 1 << 22));
        max = max.max(*score);
    }
    max
}
