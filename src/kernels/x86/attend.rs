//! Attention of eight queries side by side: scores, weights and sums have a lane per query, so that neither the maximum
//! nor the sum of a row crosses lanes.
//!
//! Weights take the place of the scores, in the first half: a word holds a query's weights of two keys.

use super::product::{Broadcast, Columns, INNER, OUTPUTS, Side, Words};
use super::vector::{Level, Register, high};
use crate::arithmetic::softmax::{RowScale, Weight};
use crate::kernels::generic::vector_tile::{shared, show_pairs};
use crate::kernels::tile::most;
use crate::kernels::{ScoreLayout, Tile, WeightObserver, portable};
use core::arch::x86_64::*;

/// Queries side by side.
pub(super) const LANES: usize = 8;
/// One value per query.
type Lanes = [i32; LANES];

/// Scores lie with the queries of a key side by side.
#[inline(always)]
pub(super) fn score_layout<W>(_: &Tile<'_, W>) -> ScoreLayout {
    ScoreLayout { query: 1, key: LANES, up: 0 }
}

/// A value per lane, 0 where there are fewer.
#[inline(always)]
fn lanes<T: Copy>(values: &[T], to: impl Fn(T) -> i32) -> Lanes {
    core::array::from_fn(|lane| values.get(lane).map_or(0, |&value| to(value)))
}

#[inline(always)]
fn visible_lanes(visible: &[usize]) -> Lanes {
    lanes(visible, |visible| i32::try_from(visible).unwrap_or(i32::MAX))
}

#[inline(always)]
unsafe fn load(from: &Lanes) -> __m256i {
    // SAFETY: reads the array; the CPU is the caller's.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

#[inline(always)]
unsafe fn store(to: &mut Lanes, x: __m256i) {
    // SAFETY: writes the array; the CPU is the caller's.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), x) }
}

/// # Safety
/// The CPU has the instructions of `L`.
#[inline(always)]
pub(super) unsafe fn scores<L: Level, W: Weight>(tile: &mut Tile<'_, W>) {
    let count = tile.visible.len().min(LANES).min(tile.queries.len().checked_div(tile.dim).unwrap_or(0));
    let (scores, _) = tile.scores.as_chunks_mut::<LANES>();
    let Some(scores) = scores.get_mut(..most(tile.visible)) else { return };
    let (mut queries, mut keys) = (Words::new(), Words::new());
    let (mut queries, mut keys) = (Columns::new(&mut queries), Broadcast::new(&mut keys));
    let mut start = 0;
    while start == 0 || start < tile.dim {
        let length = (tile.dim - start).min(INNER);
        // SAFETY: the CPU is the caller's; eight keys' scores lie in `scores` or in `last`.
        unsafe {
            queries.fill::<L::Scores>(tile.queries, tile.dim, count, start, length);
            let side = queries.side::<L::Scores>();
            for (block, scores) in scores.chunks_mut(OUTPUTS).enumerate() {
                let data = tile.keys.get(block * OUTPUTS * tile.dim + start..).unwrap_or(&[]);
                let mut sums = [[0; LANES]; OUTPUTS];
                let whole = scores.len() == OUTPUTS;
                if !whole {
                    sums[..scores.len()].copy_from_slice(scores);
                }
                let to = if whole { scores.as_mut_ptr() } else { sums.as_mut_ptr() };
                let (rows, to) = (scores.len(), to.cast());
                keys.products::<L::Scores>(side, data, tile.dim, rows, length, &[0; OUTPUTS], start > 0, to, LANES);
                if !whole {
                    scores.copy_from_slice(&sums[..scores.len()]);
                }
            }
        }
        start += INNER;
    }

    let (shared, rest) = scores.split_at(shared(tile.visible).min(scores.len()));
    // SAFETY: reads and writes arrays; the CPU is the caller's.
    unsafe {
        let lowest = _mm256_set1_epi32(i32::MIN);
        let mut max = lowest;
        for scores in shared {
            max = _mm256_max_epi32(max, load(scores));
        }
        let visible = load(&visible_lanes(&*tile.visible));
        for (key, scores) in rest.iter().enumerate() {
            let seen = _mm256_cmpgt_epi32(visible, _mm256_set1_epi32((shared.len() + key) as i32));
            max = _mm256_max_epi32(max, _mm256_blendv_epi8(lowest, load(scores), seen));
        }
        if let Some(to) = tile.max.first_chunk_mut::<LANES>() {
            store(to, max);
        }
    }
}

/// The exponential of the softmax, for eight queries and two keys at a time.
struct Softmax {
    max: __m256i,
    steepness: __m256i,
    saturated: __m256i,
    fraction: __m256i,
    /// Coefficients.
    a: [__m256i; 3],
    /// From octaves, in both bytes, to places in `powers`.
    places: __m256i,
    /// High bytes of 2^15 to 2^8 over the shift, and the low bytes of what follows.
    powers: __m256i,
}

impl Softmax {
    #[inline(always)]
    unsafe fn new<W: Weight>(max: &Lanes, steepness: u32) -> Self {
        // SAFETY: reads arrays; the CPU is the caller's.
        unsafe {
            let powers: [i8; 16] = [-128, 64, 32, 16, 8, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0];
            Self {
                max: load(max),
                steepness: _mm256_set1_epi32(steepness as i32),
                saturated: _mm256_set1_epi32(0xffff),
                fraction: _mm256_set1_epi16(0x7ff),
                a: W::POLYNOMIAL.map(|a| _mm256_set1_epi16(a as i16)),
                places: _mm256_add_epi8(_mm256_set1_epi16(0x7068), _mm256_set1_epi8(W::SHIFT as i8)),
                powers: _mm256_broadcastsi128_si256(_mm_loadu_si128(powers.as_ptr().cast())),
            }
        }
    }

    /// [`Steepness::exponent`](crate::Steepness).
    #[inline(always)]
    unsafe fn exponent(&self, scores: &Lanes) -> __m256i {
        // SAFETY: reads an array; the CPU is the caller's.
        unsafe {
            let below = _mm256_slli_epi32::<8>(_mm256_sub_epi32(self.max, load(scores)));
            let even = _mm256_mul_epu32(below, self.steepness);
            let odd = _mm256_mul_epu32(_mm256_srli_epi64::<32>(below), self.steepness);
            let high = _mm256_blend_epi32::<0xaa>(_mm256_srli_epi64::<32>(even), odd);
            _mm256_min_epu32(high, self.saturated)
        }
    }

    /// [`Weight::exp2`] of two keys' exponents, the second one in the upper halves.
    #[inline(always)]
    unsafe fn weights(&self, first: __m256i, second: __m256i) -> __m256i {
        // SAFETY: registers only; the CPU is the caller's.
        unsafe {
            let t = _mm256_or_si256(first, _mm256_slli_epi32::<16>(second));
            let f = _mm256_slli_epi16::<4>(_mm256_and_si256(t, self.fraction));
            let p = _mm256_add_epi16(self.a[1], _mm256_mulhrs_epi16(self.a[2], f));
            let p = _mm256_add_epi16(self.a[0], _mm256_mulhrs_epi16(p, f));
            // A rounding shift by n is a rounding product with 2^(15-n), whose two bytes are looked up. A place above
            // 0x7f gives 0; the low nibbles of 0x70 + n and of 0x68 + n are right for the high and the low byte.
            let octaves = _mm256_srli_epi16::<11>(t);
            let both = _mm256_or_si256(octaves, _mm256_slli_epi16::<8>(octaves));
            let power = _mm256_shuffle_epi8(self.powers, _mm256_add_epi8(both, self.places));
            // 2^15 is -2^15 here.
            _mm256_abs_epi16(_mm256_mulhrs_epi16(p, power))
        }
    }
}

/// # Safety
/// The CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn softmax<W: Weight>(tile: &mut Tile<'_, W>) {
    let (scores, _) = tile.scores.as_chunks_mut::<LANES>();
    let Some(scores) = scores.get_mut(..most(tile.visible)) else { return };
    let shared = shared(tile.visible);
    // SAFETY: reads and writes arrays; the CPU is the caller's.
    unsafe {
        let softmax = Softmax::new::<W>(&lanes(&tile.max, |max| max), tile.steepness.bits());
        let visible = load(&visible_lanes(&*tile.visible));
        let ones = _mm256_set1_epi16(1);
        let mut sums = _mm256_setzero_si256();
        let pairs = scores.len().div_ceil(2);
        for pair in 0..pairs {
            let key = 2 * pair;
            let Some(first) = scores.get(key) else { break };
            let second = scores.get(key + 1).unwrap_or(first);
            let mut weights = softmax.weights(softmax.exponent(first), softmax.exponent(second));
            if key + 1 >= shared {
                let seen = _mm256_cmpgt_epi32(visible, _mm256_set1_epi32(key as i32));
                let second_seen = _mm256_cmpgt_epi32(visible, _mm256_set1_epi32(key as i32 + 1));
                weights = _mm256_and_si256(weights, _mm256_blend_epi16::<0xaa>(seen, second_seen));
            }
            sums = _mm256_add_epi32(sums, _mm256_madd_epi16(weights, ones));
            // The scores of this place were read in this turn or before.
            let Some(to) = scores.get_mut(pair) else { break };
            store(to, weights);
        }
        let mut to = [0; LANES];
        store(&mut to, sums);
        for (to, sum) in tile.sums.iter_mut().zip(to) {
            *to = sum as u32;
        }
    }
}

/// Pairs of keys whose products fit an i32 sum.
const PAIRS: usize = portable::CHUNK / 2;

/// # Safety
/// The CPU has the instructions of `L`.
#[inline(always)]
pub(super) unsafe fn weighted_sum<L: Level, W: Weight>(tile: &mut Tile<'_, W>) {
    let keys = most(tile.visible);
    let (weights, _) = tile.scores.as_chunks::<LANES>();
    let Some(weights) = weights.get(..keys.div_ceil(2)) else { return };
    let scales: [RowScale; LANES] =
        core::array::from_fn(|lane| RowScale::new(tile.sums.get(lane).copied().unwrap_or(0), tile.ratio));
    let mut values = Words::new();
    let mut values = Broadcast::new(&mut values);
    let mut first = 0;
    while first < tile.value_dim {
        let dims = (tile.value_dim - first).min(OUTPUTS);
        let mut sums = [[0; LANES]; OUTPUTS];
        let mut totals = [[0i64; LANES]; OUTPUTS];
        for (chunk, weights) in weights.chunks(PAIRS).enumerate() {
            let start = chunk * portable::CHUNK;
            let length = (keys - start).min(portable::CHUNK);
            let data = tile.values.get(first * tile.positions + start..).unwrap_or(&[]);
            let (words, groups) = (weights.as_ptr().cast(), weights.len());
            let side = Side { words, correction: None, apart: 0, groups, vectors: 1 };
            let to = sums.as_mut_ptr().cast();
            // SAFETY: the CPU is the caller's; `side` holds a vector of eight lanes per pair, `sums` all rows and
            // lanes.
            unsafe {
                values.products::<L::Sums>(side, data, tile.positions, dims, length, &[0; OUTPUTS], false, to, LANES);
            }
            if keys > portable::CHUNK {
                for (totals, sums) in totals.iter_mut().zip(&sums) {
                    for (total, &sum) in totals.iter_mut().zip(sums) {
                        *total += i64::from(sum);
                    }
                }
            }
        }
        let mut bytes = [[0; 8]; LANES];
        if keys > portable::CHUNK {
            for (dim, totals) in totals.iter().enumerate() {
                for ((bytes, scale), &total) in bytes.iter_mut().zip(&scales).zip(totals) {
                    bytes[dim] = scale.to_i8(total);
                }
            }
        } else {
            // SAFETY: the CPU is the caller's.
            unsafe { finish(&sums, &scales, &mut bytes) };
        }
        for (lane, bytes) in bytes.iter().take(tile.visible.len()).enumerate() {
            let out = tile.out.get_mut(lane * tile.out_stride + first..).unwrap_or(&mut []);
            match out.first_chunk_mut::<OUTPUTS>() {
                Some(out) if dims == OUTPUTS => *out = *bytes,
                _ => out.iter_mut().zip(&bytes[..dims]).for_each(|(out, &byte)| *out = byte),
            }
        }
        first += dims;
    }
}

/// [`RowScale::to_i8`] of sums that fit 32 bits.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
unsafe fn finish(sums: &[Lanes; OUTPUTS], scales: &[RowScale; LANES], bytes: &mut [[i8; 8]; LANES]) {
    // SAFETY: reads and writes arrays; the CPU is the caller's.
    unsafe {
        let drop = load(&lanes(scales, |scale| scale.drop() as i32));
        let multiplier = load(&lanes(scales, |scale| 2 * scale.parts().0));
        let half = load(&lanes(scales, |scale| 1 << (scale.parts().1 - 1)));
        let shift = load(&lanes(scales, |scale| scale.parts().1 as i32));
        let mut scaled = [_mm256_setzero_si256(); OUTPUTS];
        for (scaled, sums) in scaled.iter_mut().zip(sums) {
            let high = high(_mm256_srav_epi32(load(sums), drop), multiplier);
            *scaled = _mm256_srav_epi32(_mm256_add_epi32(high, half), shift);
        }
        __m256i::bytes(scaled, bytes);
    }
}

/// [`Kernels::tile_show`](crate::kernels::Kernels::tile_show)
#[inline(always)]
pub(super) fn show<W: Weight>(tile: &mut Tile<'_, W>, observer: &mut impl WeightObserver<W>) {
    show_pairs(tile, |lane, pair| pair * LANES + lane, observer);
}
