//! Rows longer than the memory for their scores, in parts.
//!
//! Two passes over the keys: the first finds the rows' maxima, the second weighs and sums up. The scores are computed
//! twice, but nothing is rescaled, so the bits are those of whole rows, whatever the length of a part. (The single pass
//! with a running maximum of Milakov and Gimelshein, 2018, rounds with each rescaling.)

use super::portable::CHUNK;
use super::{Kernels, MASKED, MAX_QUERIES, Portable, RowScale, Tile, WeightObserver, rows, tiles_mut};
use crate::arithmetic::softmax::Weight;

/// Keys that there is memory for, for all queries that the kernels take at a time.
fn part<K: Kernels, W>(scores: &[i32], weights: &[W]) -> usize {
    let scores = scores.len().checked_div(K::QUERIES).unwrap_or(0);
    let part = weights.len().checked_div(K::WEIGHT_ROWS).unwrap_or(0).min(scores).min(CHUNK);
    // In steps that suit all backends.
    if part < 8 { part } else { part & !7 }
}

/// How many queries [`Tile::attend_in_parts`] takes at a time, with so much memory.
pub(crate) fn queries_in_parts<K: Kernels, W>(
    scores: &[i32],
    weights: &[W],
    totals: &[i64],
    value_dim: usize,
) -> usize {
    if part::<K, W>(scores, weights) == 0 {
        return 1;
    }
    totals.len().checked_div(value_dim).unwrap_or(0).min(K::QUERIES)
}

impl<W: Weight> Tile<'_, W> {
    /// Softmax attention of all queries, with rows of biases and working memory for parts of rows only; `totals` is
    /// memory for `[queries][value_dim]`.
    // Not inlined: few need it.
    #[inline(never)]
    pub(crate) fn attend_in_parts<K: Kernels, V: WeightObserver<W>>(
        &mut self,
        biases: Option<impl FnMut(usize, usize, &mut [i32])>,
        totals: &mut [i64],
        observer: &mut V,
    ) {
        // Memory that is too little for some kernels is enough for one query and key.
        match part::<K, W>(self.scores, self.weights) {
            0 => {
                let part = part::<Portable, W>(self.scores, self.weights);
                attend::<Portable, W, V>(self, part, biases, totals, observer);
            }
            part => attend::<K, W, V>(self, part, biases, totals, observer),
        }
    }
}

#[inline]
fn attend<'a, K: Kernels, W: Weight, V: WeightObserver<W>>(
    tile: &mut Tile<'a, W>,
    part: usize,
    mut biases: Option<impl FnMut(usize, usize, &mut [i32])>,
    totals: &mut [i64],
    observer: &mut V,
) {
    let whole = tile.in_parts(part);
    let most = whole.most();
    let biased = biases.is_some();
    // The scores of the keys from `start` on, of which each query sees some.
    let mut score = |tile: &mut Tile<'a, W>, start: usize| {
        tile.look_from(&whole, start);
        K::tile_scores(tile);
        if let Some(biases) = &mut biases {
            K::tile_bias(tile, |query, key, row| biases(query, start + key, row));
        }
    };

    let mut max = [MASKED; MAX_QUERIES];
    for start in (0..most).step_by(part.max(1)) {
        score(tile, start);
        for ((max, &new), &visible) in max.iter_mut().zip(&tile.max).zip(&*tile.visible) {
            if visible > 0 {
                *max = new.max(*max);
            }
        }
    }

    let mut sums = [0u32; MAX_QUERIES];
    totals.fill(0);
    for start in (0..most).step_by(part.max(1)) {
        score(tile, start);
        tile.max = max;
        if biased {
            tile.floor::<K>();
        }
        K::tile_softmax(tile);
        for ((sum, new), _) in sums.iter_mut().zip(tile.sums).zip(&*tile.visible) {
            *sum += new;
        }
        K::tile_weighted_total(tile, totals);
        if V::WATCHES {
            K::tile_show(tile, &mut Part { observer, start });
        }
    }

    let outputs = tiles_mut(tile.out, tile.out_stride).zip(rows(totals, tile.value_dim));
    for ((out, totals), (&sum, _)) in outputs.zip(sums.iter().zip(&*tile.visible)) {
        let scale = RowScale::new(sum, tile.ratio);
        for (out, &total) in out.iter_mut().zip(totals) {
            *out = scale.to_i8(total);
        }
    }
}

/// Shows the rows of a part as such.
struct Part<'v, V> {
    observer: &'v mut V,
    start: usize,
}

impl<W, V: WeightObserver<W>> WeightObserver<W> for Part<'_, V> {
    const WATCHES: bool = V::WATCHES;

    #[inline]
    fn row(&mut self, query: usize, weights: &[W]) {
        self.observer.part(query, self.start, weights);
    }
}
