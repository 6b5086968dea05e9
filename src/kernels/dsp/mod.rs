//! Cortex-M4, M7 and M33: the DSP extension, two 16-bit products per instruction (SMLAD).
//!
//! Everything is brought to one loop, in `products.rs`: four rows of 16-bit values, interleaved, against
//! rows of int8. The four rows are activations of four positions, four queries, or the softmax weights
//! of four queries; the int8 rows are weights in flash, keys, or transposed values. Four bytes are
//! loaded, split into two pairs (SXTB16) and multiplied with all four rows: 13 instructions for 16 products.
//!
//! Where there are fewer rows, as when a model takes one token after the other, four lanes would be mostly empty. Less
//! than four rows of activations go one by one (`row.rs`), one or two queries together (`few.rs`).

use super::bias::least;
use super::generic::show::show;
use super::tile::most;
use super::{
    Bounds, Gated, Kernels, MAX_QUERIES, NormView, Products, Rotation, RowScale, ScoreLayout, Tile, Turn,
    WeightObserver, portable, tiles,
};
use crate::arithmetic::requantise::Scale;
use crate::arithmetic::softmax::{Steepness, Weight};
use expand::{Expanded, UNWRITTEN};
use products::accumulate;

/// The extension is optional in Armv8-M, where the assembler must be told of a core that has it.
#[cfg(heedful_armv8m)]
macro_rules! cpu {
    () => {
        ".cpu cortex-m33"
    };
}
#[cfg(not(heedful_armv8m))]
macro_rules! cpu {
    () => {
        ""
    };
}

mod bias;
mod expand;
mod few;
mod gate;
mod hidden15;
mod linear;
mod norm;
mod pair;
mod products;
mod rotate;
mod row;
#[macro_use]
mod softmax;
mod weigh;

/// The backend for Cortex-M cores with the DSP extension.
#[derive(Clone, Copy, Debug)]
pub struct Dsp;

/// Rows that [`products`] takes at a time.
const LANES: usize = 4;
/// Inner positions that are expanded at a time: 2 KiB of stack.
const INNER: usize = 256;
/// Outputs whose sums are in memory at a time: 512 bytes of stack.
const OUTPUTS: usize = 32;
/// Words of four rows and four inner positions.
const GROUP: usize = 2 * LANES;

/// One value per row.
type Lanes = [i32; LANES];

impl Kernels for Dsp {
    const NAME: &'static str = "DSP";
    const QUERIES: usize = LANES;
    const KEYS: usize = 4;
    // Weights take the place of the scores; a row is laid out in order for a observer only.
    const WEIGHT_ROWS: usize = 1;

    #[inline]
    fn linear(products: Products<'_, '_>) {
        if products.rows < LANES { row::linear(products) } else { linear::linear(products) }
    }

    fn scores(query: &[i8], keys: &[i8], scores: &mut [i32]) -> i32 {
        few::scores(query, keys, scores)
    }

    fn exp2<W: Weight>(scores: &[i32], max: i32, steepness: Steepness, weights: &mut [W]) -> u32 {
        few::exp2(scores, max, steepness, weights)
    }

    fn weighted_total<W: Weight>(weights: &[W], values: &[i8], stride: usize, totals: &mut [i64]) {
        few::weighted_total(weights, values, stride, totals);
    }

    #[inline]
    fn tile_scores<W: Weight>(tile: &mut Tile<'_, W>) {
        if few::takes(tile) { few::tile_scores(tile) } else { tile_scores(tile) }
    }

    #[inline]
    fn score_layout<W>(tile: &Tile<'_, W>) -> ScoreLayout {
        ScoreLayout { query: 1, key: if few::takes(tile) { tile.visible.len() } else { LANES }, up: 0 }
    }

    #[inline(never)]
    fn tile_bias<W: Weight>(tile: &mut Tile<'_, W>, rows: impl FnMut(usize, usize, &mut [i32])) {
        if few::takes(tile) {
            return tile.bias_placed(Self::score_layout(tile), rows);
        }
        tile.bias_parts(rows, |scores, lane, first, row| {
            let (scores, _) = scores.as_chunks_mut();
            bias::add(scores.get_mut(first..).unwrap_or(&mut []), lane, row)
        });
    }

    #[inline(never)]
    fn tile_floor<W: Weight>(tile: &mut Tile<'_, W>) {
        if few::takes(tile) {
            return tile.floor_placed(Self::score_layout(tile));
        }
        let [a, b, c, d, ..] = tile.max;
        let (scores, _) = tile.scores.as_chunks_mut();
        let keys = most(&*tile.visible).min(scores.len());
        bias::raise(scores.get_mut(..keys).unwrap_or(&mut []), &[a, b, c, d].map(least));
    }

    #[inline(never)]
    fn tile_scores_between<W: Weight>(tile: &mut Tile<'_, W>, starts: &Bounds, ends: &Bounds) {
        Self::tile_scores(tile);
        let step = Self::score_layout(tile).key;
        let queries = tile.max.iter_mut().zip(&*tile.visible).zip(starts.iter().zip(ends));
        for (query, ((max, &visible), (&start, &end))) in queries.enumerate() {
            bias::hide(tile.scores, query, step, [start, end, visible], max);
        }
    }

    /// Weights take the place of their scores: those of the keys that all queries see in the layout of
    /// [`Expanded`], in the first half of their scores; those of the other keys each in the place of its score.
    #[inline(never)]
    fn tile_softmax<W: Weight>(tile: &mut Tile<'_, W>) {
        if few::takes(tile) {
            return few::tile_softmax(tile);
        }
        let (scores, _) = tile.scores.as_chunks_mut::<LANES>();
        let Tile { visible, max, sums, steepness, .. } = tile;
        softmax::weigh_rows::<W>(scores, visible, max, sums, *steepness);
    }

    #[inline]
    fn tile_weighted_sum<W: Weight>(tile: &mut Tile<'_, W>) {
        if few::takes(tile) { few::tile_weighted_sum(tile) } else { tile_weighted_sum(tile) }
    }

    fn tile_weighted_total<W: Weight>(tile: &mut Tile<'_, W>, totals: &mut [i64]) {
        if few::takes(tile) {
            Self::tile_show(tile, &mut portable::totals(tile, totals, Self::weighted_total::<W>));
        } else {
            tile_weighted_total(tile, totals);
        }
    }

    fn tile_show<W: Weight>(tile: &mut Tile<'_, W>, observer: &mut impl WeightObserver<W>) {
        if few::takes(tile) {
            return few::tile_show(tile, observer);
        }
        let shared = shared(&*tile.visible);
        show(tile, observer, |scores, lane| {
            let (scores, _) = scores.as_chunks::<LANES>();
            let (shared, rest) = scores.split_at(shared.min(scores.len()));
            let words: &[u32] = bytemuck::must_cast_slice(shared.as_flattened());
            let rest = rest.iter().filter_map(move |weights| weights.get(lane)).copied();
            (0..shared.len()).map(move |key| lane_of(words, key, lane)).chain(rest)
        });
    }

    fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
        norm::layer_norm(x, norm, out);
    }

    fn turns(frequencies: &[u32], first: u32, step: u32, turns: &mut [Turn]) {
        rotate::turns(frequencies, first, step, turns);
    }

    fn rotate(rotation: Rotation<'_>, x: &[i16], out: &mut [i8]) {
        rotate::rotate(rotation, x, out);
    }

    fn gate(table: &[i16; 256], product: Scale, gate: &mut [i8], up: &[i8]) {
        gate::gate(table, product, gate, up);
    }

    fn linear_hidden15(hidden: Gated<'_, '_>) {
        hidden15::linear(hidden);
    }
}

/// [`Kernels::tile_scores`] of up to four queries.
// Not inlined, as nothing that has buffers: each copy would have its own on the stack.
#[inline(never)]
fn tile_scores<W: Weight>(tile: &mut Tile<'_, W>) {
    let (scores, _) = tile.scores.as_chunks_mut::<LANES>();
    let (least, most) = bounds(&*tile.visible);
    let Some(scores) = scores.get_mut(..most) else { return };
    let mut memory = UNWRITTEN;
    let mut expanded = Expanded::new(&mut memory);
    expanded.fill(tile.queries, tile.dim, 0, tile.dim);
    let queries = expanded.words();

    let (shared, rest) = scores.split_at_mut((least & !3).min(scores.len()));
    let mut max = [i32::MIN; LANES];
    // SAFETY: the tile has all keys that any of its queries sees, and the scores are not more.
    if unsafe { !products::scores(queries, tile.keys, tile.dim, shared, &mut max) } {
        shared.fill([0; LANES]);
        // SAFETY: as above.
        unsafe { accumulate(queries, tile.keys, tile.dim, tile.dim, shared) };
        for scores in &*shared {
            for (max, &score) in max.iter_mut().zip(scores) {
                *max = (*max).max(score);
            }
        }
    }
    rest.fill([0; LANES]);
    let keys = tile.keys.get(shared.len() * tile.dim..).unwrap_or(&[]);
    // SAFETY: as above, from the key on that follows the shared ones.
    unsafe { accumulate(queries, keys, tile.dim, tile.dim, rest) };
    for (lane, (max, &visible)) in max.iter_mut().zip(&*tile.visible).enumerate() {
        let seen = rest.iter().take(visible - shared.len()).filter_map(|scores| scores.get(lane));
        *max = seen.fold(*max, |max, &score| max.max(score));
    }
    for (to, max) in tile.max.iter_mut().zip(max) {
        *to = max;
    }
}

/// [`Kernels::tile_weighted_sum`] of up to four queries.
#[inline(never)]
fn tile_weighted_sum<W: Weight>(tile: &mut Tile<'_, W>) {
    let (scores, _) = tile.scores.as_chunks::<LANES>();
    let Some(weights) = Weights::of(scores, &*tile.visible) else { return };
    let scales: [RowScale; LANES] =
        core::array::from_fn(|lane| RowScale::new(tile.sums.get(lane).copied().unwrap_or(0), tile.ratio));
    // Up to 512 positions the sums have 32 bits, and no row drops any.
    let short = weights.keys + weights.rest.len() <= portable::CHUNK && tile.visible.len() == LANES;
    let mut first = 0;
    while first < tile.value_dim {
        let count = (tile.value_dim - first).min(OUTPUTS);
        let values = tile.values.get(first * tile.positions..).unwrap_or(&[]);
        let out = tile.out.get_mut(first..).unwrap_or(&mut []);
        // SAFETY: the tile has the values of all keys that any query sees, at least so far apart, and places for
        // four queries' outputs.
        let done = short && unsafe { weights.outputs(values, tile.positions, count, &scales, out, tile.out_stride) };
        if !done {
            // SAFETY: as above.
            let totals = unsafe { weights.totals(values, tile.positions, count) };
            for (dim, totals) in totals.iter().take(count).enumerate() {
                for (lane, ((scale, &total), _)) in scales.iter().zip(totals).zip(&*tile.visible).enumerate() {
                    if let Some(out) = out.get_mut(lane * tile.out_stride + dim) {
                        *out = scale.to_i8(total);
                    }
                }
            }
        }
        first += count;
    }
}

/// [`Kernels::tile_weighted_total`] of up to four queries.
#[inline(never)]
fn tile_weighted_total<W>(tile: &Tile<'_, W>, totals: &mut [i64]) {
    let Tile { values, value_stride: stride, .. } = *tile;
    let (scores, _) = tile.scores.as_chunks::<LANES>();
    let Some(weights) = Weights::of(scores, &*tile.visible) else { return };
    let mut first = 0;
    while first < tile.value_dim {
        let count = (tile.value_dim - first).min(OUTPUTS);
        // SAFETY: the tile has the values of all keys that any query sees, so far apart.
        let sums = unsafe { weights.totals(values.get(first * stride..).unwrap_or(&[]), stride, count) };
        for (lane, _) in tile.visible.iter().enumerate() {
            let totals = totals.get_mut(lane * tile.value_dim + first..).unwrap_or(&mut []);
            for (total, sums) in totals.iter_mut().zip(&sums).take(count) {
                *total += sums.get(lane).copied().unwrap_or(0);
            }
        }
        first += count;
    }
}

/// Keys that all queries see, in whole groups.
#[inline]
fn shared(visible: &[usize]) -> usize {
    visible.iter().copied().min().unwrap_or(0) & !3
}

/// Keys that all queries see, and keys that any of them sees.
#[inline]
fn bounds(visible: &[usize]) -> (usize, usize) {
    // Without a loop, which on short rows takes as long as a few keys.
    let (a, b, c, d) = match *visible {
        [] => (0, 0, 0, 0),
        [a] => (a, a, a, a),
        [a, b] => (a, b, b, b),
        [a, b, c] => (a, b, c, c),
        [a, b, c, d, ..] => (a, b, c, d),
    };
    (a.min(b).min(c.min(d)), a.max(b).max(c.max(d)))
}

/// The value of one row at one inner position.
#[inline]
fn lane_of(words: &[u32], inner: usize, lane: usize) -> i32 {
    let word = words.get(inner / 4 * GROUP + inner % 2 * LANES + lane).copied().unwrap_or(0);
    i32::from((word >> (inner % 4 / 2 * 16)) as i16)
}

/// The weights of four queries, as [`Dsp::tile_softmax`] leaves them.
struct Weights<'a> {
    /// Of the keys that all see, expanded.
    shared: &'a [u32],
    /// How many keys these are.
    keys: usize,
    /// Of the keys after them.
    rest: &'a [Lanes],
}

impl<'a> Weights<'a> {
    /// Those that lie in the place of `scores`; `None` if there are more keys than these.
    #[inline]
    fn of(scores: &'a [Lanes], visible: &[usize]) -> Option<Self> {
        let scores = scores.get(..most(visible))?;
        let (shared, rest) = scores.split_at(shared(visible).min(scores.len()));
        Some(Self { shared: bytemuck::must_cast_slice(shared.as_flattened()), keys: shared.len(), rest })
    }

    /// `Σ w·v` of some keys that are not shared, at most 512, for their values.
    #[inline]
    fn sums(rest: &[Lanes], values: &[i8]) -> Lanes {
        let mut sums = [0; LANES];
        for (weights, &value) in rest.iter().zip(values) {
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                *sum += weight * i32::from(value);
            }
        }
        sums
    }

    /// The outputs of four queries for `count` dimensions of `values`, `stride` bytes apart; false if the
    /// shape does not allow it.
    ///
    /// # Safety
    /// `values` has a row of values of all keys for each dimension, and `out` a place for each output of four queries.
    #[inline]
    unsafe fn outputs(
        &self,
        values: &[i8],
        stride: usize,
        count: usize,
        scales: &[RowScale; LANES],
        out: &mut [i8],
        out_stride: usize,
    ) -> bool {
        let mut sums = [[0; LANES]; OUTPUTS];
        let Some(sums) = sums.get_mut(..count) else { return false };
        if !self.rest.is_empty() {
            for (sums, values) in sums.iter_mut().zip(tiles(values, stride)) {
                *sums = Self::sums(self.rest, values.get(self.keys..).unwrap_or(&[]));
            }
        }
        // SAFETY: as the caller promises, for there are as many sums.
        unsafe { products::weighted(self.shared, values, stride, self.keys, sums, scales, out, out_stride) }
    }

    /// `Σ w·v` of four queries for `count` dimensions of `values`, for rows of any length.
    ///
    /// # Safety
    /// `values` has a row of values of all keys for each dimension.
    #[inline]
    unsafe fn totals(&self, values: &[i8], stride: usize, count: usize) -> [[i64; LANES]; OUTPUTS] {
        let mut totals = [[0i64; LANES]; OUTPUTS];
        let mut start = 0;
        while start < self.keys {
            let length = (self.keys - start).min(portable::CHUNK);
            let mut sums = [[0; LANES]; OUTPUTS];
            let weights = self.shared.get(start / 4 * GROUP..).unwrap_or(&[]);
            let sums = sums.get_mut(..count).unwrap_or(&mut []);
            // SAFETY: as the caller promises, of some keys.
            unsafe { accumulate(weights, values.get(start..).unwrap_or(&[]), stride, length, sums) };
            for (total, sum) in totals.iter_mut().zip(&*sums) {
                for (total, &sum) in total.iter_mut().zip(sum) {
                    *total += i64::from(sum);
                }
            }
            start += length;
        }
        for rest in tiles(self.rest, portable::CHUNK) {
            for (total, values) in totals.iter_mut().zip(tiles(values, stride)) {
                for (total, sum) in total.iter_mut().zip(Self::sums(rest, values.get(start..).unwrap_or(&[]))) {
                    *total += i64::from(sum);
                }
            }
            start += rest.len();
        }
        totals
    }
}
