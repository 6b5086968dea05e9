//! Attention of one or two queries: a token at a time, whose heads may share keys.
//!
//! Scores lie `[keys][queries]`, and behind them the weights as rows of 16-bit pairs, as `row.rs` and `pair.rs` take
//! them. Both are filled up to a multiple of 8 keys, with keys that weigh nothing.

use super::expand::pair;
use super::pair::{EIGHT, PAIR};
use super::softmax::Constants;
use super::weigh::weigh;
use super::{pair as pairs, row};
use crate::arithmetic::requantise::Scale;
use crate::arithmetic::softmax::{Steepness, Weight};
use crate::kernels::bias::least;
use crate::kernels::generic::show::show;
use crate::kernels::portable::{self, CHUNK};
use crate::kernels::{RowScale, Tile, WeightObserver, holds, rows_mut, tiles, tiles_mut};
use core::mem::MaybeUninit;

/// Words of the queries: of two of 256 values.
const WORDS: usize = 256;

/// Whether a tile is served here: it has few queries, and memory for scores and weights of all positions.
#[inline]
pub(super) fn takes<W>(tile: &Tile<'_, W>) -> bool {
    let queries = tile.visible.len();
    matches!(queries, 1 | PAIR) && tile.scores.len() / 3 >= queries * tile.positions.div_ceil(EIGHT) * (EIGHT / 2)
}

/// [`Kernels::tile_scores`](crate::kernels::Kernels::tile_scores)
#[inline(never)]
pub(super) fn tile_scores<W>(tile: &mut Tile<'_, W>) {
    let Shape { queries, least, most } = Shape::of(tile.visible);
    let Some(scores) = tile.scores.get_mut(..queries * most) else { return };
    let (max, shared) = scores_of(queries, tile.queries, tile.dim, tile.keys, scores, queries * least);
    for (query, ((to, &max), &visible)) in tile.max.iter_mut().zip(&max).zip(&*tile.visible).enumerate() {
        *to = max;
        let mut place = shared + query;
        while place < visible * queries {
            *to = scores.get(place).map_or(*to, |&score| score.max(*to));
            place += queries;
        }
    }
}

/// Writes scores `[keys][queries]`; gives each query's largest among the first few, and how many these are: at most
/// `most`, which is all of them where there is one query.
#[inline(never)]
fn scores_of(
    queries: usize,
    rows: &[i8],
    dim: usize,
    keys: &[i8],
    scores: &mut [i32],
    most: usize,
) -> ([i32; PAIR], usize) {
    let mut max = [i32::MIN; PAIR];
    let mut memory = [MaybeUninit::uninit(); WORDS];
    let Some(words) = expand(queries, rows, dim, &mut memory) else { return (max, 0) };
    let mut done = false;
    if dim == EIGHT
        && queries == PAIR
        && let Ok(words) = words.try_into()
    {
        let (scores, _) = scores.as_chunks_mut::<PAIR>();
        done = pairs::sums_of_eight(words, keys, scores) == scores.len();
    } else if dim == EIGHT
        && let (Ok(words), Some(scores), [largest, _]) = (words.try_into(), scores.get_mut(..most), &mut max)
    {
        let done = pairs::single_sums_of_eight(words, keys, scores, largest);
        if done > 0 {
            return (max, done);
        }
    }
    if !done {
        products(queries, words, dim, keys, dim, scores);
    }
    let shared = pairs::raise(scores.get(..most).unwrap_or(&[]), &mut max);
    if queries == 1 {
        let [even, odd] = max;
        max = [even.max(odd); PAIR];
    }
    (max, shared)
}

/// [`Kernels::scores`](crate::kernels::Kernels::scores)
pub(super) fn scores(query: &[i8], keys: &[i8], scores: &mut [i32]) -> i32 {
    let (count, dim) = (scores.len(), query.len());
    if dim > 2 * WORDS || dim == 0 || !holds(keys, count, dim, dim) {
        return portable::scores(query, keys, scores);
    }
    let ([max, _], done) = scores_of(1, query, dim, keys, scores, count);
    scores.get(done..).unwrap_or(&[]).iter().fold(max, |max, &score| max.max(score))
}

/// [`Kernels::exp2`](crate::kernels::Kernels::exp2)
#[inline(never)]
pub(super) fn exp2<W: Weight>(scores: &[i32], max: i32, steepness: Steepness, weights: &mut [W]) -> u32 {
    let constants = const { &Constants::of::<W>() };
    let mut words = [[0u32; 2]; 16];
    let mut sum = 0;
    for (scores, weights) in tiles(scores, 64).zip(tiles_mut(weights, 64)) {
        let whole = scores.len().min(weights.len()) / EIGHT * EIGHT;
        let (scores, rest) = scores.split_at_checked(whole).unwrap_or((scores, &[]));
        sum += weigh::<1>(scores, words.as_flattened_mut(), 0, max, steepness.bits(), constants);
        let (fours, _) = weights.as_chunks_mut::<4>();
        for (to, &[even, odd]) in fours.iter_mut().zip(&words).take(whole / 4) {
            *to = [even & 0xffff, odd & 0xffff, even >> 16, odd >> 16].map(|weight| W::from_int(weight as i32));
        }
        sum += portable::exp2(rest, max, steepness, weights.get_mut(whole..).unwrap_or(&mut []));
    }
    sum
}

/// [`Kernels::weighted_total`](crate::kernels::Kernels::weighted_total)
#[inline(never)]
pub(super) fn weighted_total<W: Weight>(weights: &[W], values: &[i8], stride: usize, totals: &mut [i64]) {
    if !holds(values, totals.len(), stride, weights.len()) {
        return;
    }
    let weights = weights.get(..weights.len().min(CHUNK)).unwrap_or(weights);
    // Filled up with zeros.
    let mut words = [[0u32; 2]; CHUNK / 4];
    for (words, weights) in words.iter_mut().zip(tiles(weights, 4)) {
        let mut four = [0; 4];
        for (to, weight) in four.iter_mut().zip(weights) {
            *to = weight.to_int() as u32;
        }
        let [a, b, c, d] = four;
        *words = [a | c << 16, b | d << 16];
    }
    for (block, totals) in tiles_mut(totals, 16).enumerate() {
        let mut sums = [0; 16];
        let sums = sums.get_mut(..totals.len()).unwrap_or(&mut []);
        let values = values.get(16 * block * stride..).unwrap_or(&[]);
        products(1, words.as_flattened(), weights.len(), values, stride, sums);
        for (total, &sum) in totals.iter_mut().zip(&*sums) {
            *total += i64::from(sum);
        }
    }
}

/// [`Kernels::tile_softmax`](crate::kernels::Kernels::tile_softmax)
#[inline(never)]
pub(super) fn tile_softmax<W: Weight>(tile: &mut Tile<'_, W>) {
    let shape @ Shape { queries, .. } = Shape::of(tile.visible);
    let Some((scores, words)) = shape.split_mut(tile.scores) else { return };
    let (steepness, constants) = (tile.steepness.bits(), const { &Constants::of::<W>() });
    for (query, ((&visible, &max), sum)) in tile.visible.iter().zip(&tile.max).zip(&mut tile.sums).enumerate() {
        let max = if visible == 0 { 0 } else { max };
        let mut place = visible * queries + query;
        while let Some(score) = scores.get_mut(place) {
            *score = least(max);
            place += queries;
        }
        *sum = if queries == PAIR {
            weigh::<PAIR>(scores, words, query, max, steepness, constants)
        } else {
            weigh::<1>(scores, words, query, max, steepness, constants)
        };
    }
}

/// [`Kernels::tile_weighted_sum`](crate::kernels::Kernels::tile_weighted_sum)
#[inline(never)]
pub(super) fn tile_weighted_sum<W>(tile: &mut Tile<'_, W>) {
    let shape @ Shape { queries, most, .. } = Shape::of(tile.visible);
    let words = shape.words(tile.scores);
    let [first, second, ..] = tile.sums;
    let mut done = 0;
    if most <= CHUNK {
        let (keys, stride) = (most.next_multiple_of(EIGHT), tile.out_stride);
        if queries == PAIR {
            let end = tile.out.len().min(stride + tile.value_dim);
            let out = tile.out.get_mut(..end).unwrap_or(&mut []);
            done = pairs::outputs(
                words,
                keys,
                tile.values,
                tile.positions,
                [scale(first, tile.ratio), scale(second, tile.ratio)],
                out,
                stride,
            );
        } else {
            let end = tile.out.len().min(tile.value_dim);
            let out = tile.out.get_mut(..end).unwrap_or(&mut []);
            done = row::outputs(words, keys, tile.values, tile.positions, scale(first, tile.ratio), out);
        }
    }
    if done < tile.value_dim {
        weighted_sum(tile, done);
    }
}

/// One copy of [`RowScale::new`].
#[inline(never)]
fn scale(sum: u32, ratio: Scale) -> RowScale {
    RowScale::new(sum, ratio)
}

/// The outputs from the dimension `first` on, one by one: those of very long rows, and of values behind which nothing
/// could be read with them.
#[inline(never)]
fn weighted_sum<W>(tile: &mut Tile<'_, W>, first: usize) {
    let shape @ Shape { queries, most, .. } = Shape::of(tile.visible);
    let words = shape.words(tile.scores);
    for dim in first..tile.value_dim {
        let values = tile.values.get(dim * tile.positions..).unwrap_or(&[]);
        let mut totals = [0; PAIR];
        let mut start = 0;
        while start < most {
            let mut sums = [0; PAIR];
            let (words, values) = (words.get(queries * start / 2..), values.get(start..));
            let keys = CHUNK.min(most - start);
            let sums_of = sums.get_mut(..queries).unwrap_or(&mut []);
            products(queries, words.unwrap_or(&[]), keys, values.unwrap_or(&[]), tile.positions, sums_of);
            for (total, sum) in totals.iter_mut().zip(sums) {
                *total += i64::from(sum);
            }
            start += CHUNK;
        }
        for (query, (&sum, total)) in tile.sums.iter().zip(totals).enumerate().take(queries) {
            if let Some(out) = tile.out.get_mut(query * tile.out_stride + dim) {
                *out = scale(sum, tile.ratio).to_i8(total);
            }
        }
    }
}

/// [`Kernels::tile_show`](crate::kernels::Kernels::tile_show)
pub(super) fn tile_show<W: Weight>(tile: &mut Tile<'_, W>, observer: &mut impl WeightObserver<W>) {
    let shape @ Shape { queries, .. } = Shape::of(tile.visible);
    show(tile, observer, |memory, query| {
        let words = shape.words(memory);
        (0..).map(move |key| value_of(words, queries, query, key))
    });
}

/// What decides where scores and weights lie.
#[derive(Clone, Copy)]
struct Shape {
    queries: usize,
    /// Keys that all queries see.
    least: usize,
    /// Keys that any of them sees.
    most: usize,
}

impl Shape {
    #[inline]
    fn of(visible: &[usize]) -> Self {
        match *visible {
            [a, b, ..] => Self { queries: PAIR, least: a.min(b), most: a.max(b) },
            [a] => Self { queries: 1, least: a, most: a },
            [] => Self { queries: 1, least: 0, most: 0 },
        }
    }

    /// Scores, for whole groups of keys.
    #[inline]
    fn scores(self) -> usize {
        self.queries * self.most.next_multiple_of(EIGHT)
    }

    /// The scores, and the words of weights behind them.
    #[inline]
    fn split_mut(self, memory: &mut [i32]) -> Option<(&mut [i32], &mut [u32])> {
        let (scores, rest) = memory.split_at_mut_checked(self.scores())?;
        let words = rest.get_mut(..scores.len() / 2)?;
        Some((scores, bytemuck::must_cast_slice_mut(words)))
    }

    /// The words of weights.
    #[inline]
    fn words(self, memory: &[i32]) -> &[u32] {
        let scores = self.scores();
        bytemuck::must_cast_slice(memory.get(scores..scores + scores / 2).unwrap_or(&[]))
    }
}

/// Rows of queries, expanded and interleaved, with zeros up to a multiple of 8; nothing if they do not fit.
#[inline]
fn expand<'m>(queries: usize, rows: &[i8], dim: usize, memory: &'m mut [MaybeUninit<u32>]) -> Option<&'m [u32]> {
    let pairs = dim.div_ceil(EIGHT) * 2;
    let (words, _) = memory.get_mut(..2 * queries * pairs)?.as_chunks_mut::<2>();
    let mut place = 0;
    for group in 0..pairs {
        for query in 0..queries {
            let start = query * dim;
            let quad = quad(rows.get(start + 4 * group..start + dim).unwrap_or(&[]));
            if let Some(words) = words.get_mut(place) {
                *words = [pair(quad), pair(quad.rotate_right(8))].map(MaybeUninit::new);
            }
            place += 1;
        }
    }
    let words: &[MaybeUninit<u32>] = words.as_flattened();
    // SAFETY: all of `words` has been written: two for each group of each query.
    Some(unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), words.len()) })
}

/// The first four values, those missing being 0.
#[inline]
fn quad(row: &[i8]) -> u32 {
    match row.first_chunk::<4>() {
        Some(quad) => u32::from_le_bytes(quad.map(|x| x as u8)),
        None => row.iter().rev().fold(0, |quad, &x| quad << 8 | u32::from(x as u8)),
    }
}

/// `Σ x·w` `[rows][queries]`, at most 512 of each; `x` is filled up to a multiple of 8, and `w` has `stride` values a
/// row.
#[inline(never)]
fn products(queries: usize, x: &[u32], length: usize, w: &[i8], stride: usize, sums: &mut [i32]) {
    let done = whole(queries, x, length.next_multiple_of(EIGHT), w, stride, sums);
    // The last rows, if nothing lies behind them that could be read with them.
    let rest = sums.get_mut(done * queries..).unwrap_or(&mut []);
    for (row, sums) in (done..).zip(rows_mut(rest, queries)) {
        let w = w.get(row * stride..).unwrap_or(&[]);
        let (eights, rest) = w.get(..length).unwrap_or(w).as_chunks::<EIGHT>();
        let (mut last, mut sums_of_last) = ([0; EIGHT], [0; PAIR]);
        for (to, &from) in last.iter_mut().zip(rest) {
            *to = from;
        }
        let x_of_last = x.get(queries * eights.len() * (EIGHT / 2)..).unwrap_or(&[]);
        let sums_of = sums_of_last.get_mut(..queries).unwrap_or(&mut []);
        whole(queries, x_of_last, EIGHT, &last, EIGHT, sums_of);
        sums.fill(0);
        whole(queries, x, eights.len() * EIGHT, eights.as_flattened(), stride, sums);
        for (sum, of_last) in sums.iter_mut().zip(sums_of_last) {
            *sum += of_last;
        }
    }
}

/// `Σ x·w` `[rows][queries]` of whole eights, for the rows that lie in `w`; gives their number.
#[inline(never)]
pub(super) fn whole(queries: usize, x: &[u32], length: usize, w: &[i8], stride: usize, sums: &mut [i32]) -> usize {
    if queries == PAIR {
        pairs::sums(x, length, w, stride, sums.as_chunks_mut::<PAIR>().0)
    } else {
        row::sums(x, length, w, stride, sums)
    }
}

/// The value of a row at one inner position.
#[inline]
fn value_of(words: &[u32], rows: usize, row: usize, inner: usize) -> i32 {
    let word = words.get((inner / 4 * rows + row) * 2 + inner % 2).copied().unwrap_or(0);
    i32::from((word >> (inner % 4 / 2 * 16)) as i16)
}
