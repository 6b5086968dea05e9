//! Scores to weights, eight at a time.

use super::operands::LANES;
use crate::arithmetic::softmax::{Steepness, Weight};
use crate::kernels::generic::vector_tile::shared;
use crate::kernels::tile::most;
use crate::kernels::{Tile, tiles};
use core::arch::aarch64::*;

/// What turns scores into weights.
#[derive(Clone, Copy)]
struct Exponential {
    steepness: int32x4_t,
    coefficients: [int16x8_t; 3],
    /// Less the bits that the polynomial has more than the weight.
    shift: int16x8_t,
}

impl Exponential {
    #[inline]
    #[target_feature(enable = "neon")]
    fn new<W: Weight>(steepness: Steepness) -> Self {
        Self {
            steepness: vdupq_n_s32(steepness.bits() as i32),
            coefficients: W::POLYNOMIAL.map(|a| vdupq_n_s16(a as i16)),
            shift: vdupq_n_s16(-(W::SHIFT as i16)),
        }
    }

    /// The weights of eight scores, as `Weight::exp2` gives them.
    #[inline]
    #[target_feature(enable = "neon")]
    fn weigh(self, low: int32x4_t, high: int32x4_t, max: int32x4_t) -> uint16x8_t {
        // Twice the product, so 7 bits to the left instead of 8. Without its sign, saturated to 16 bits.
        let exponent = |s| vqdmulhq_s32(vshlq_n_s32::<7>(vsubq_s32(max, s)), self.steepness);
        let t = vqmovun_high_s32(vqmovun_s32(exponent(low)), exponent(high));
        let f = vreinterpretq_s16_u16(vshrq_n_u16::<1>(vshlq_n_u16::<5>(t)));
        let [a0, a1, a2] = self.coefficients;
        let p = vaddq_s16(a1, vqrdmulhq_s16(a2, f));
        let p = vaddq_s16(a0, vqrdmulhq_s16(p, f));
        // A rounding shift to the right; by more than 16 it leaves 0.
        let octaves = vreinterpretq_s16_u16(vshrq_n_u16::<11>(t));
        vrshlq_u16(vreinterpretq_u16_s16(p), vsubq_s16(self.shift, octaves))
    }
}

/// Writes eight weights.
///
/// # Safety
/// There is room for eight.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn store_weights<W: Weight>(to: *mut W, weights: uint16x8_t) {
    // SAFETY: the caller promises room for eight weights of 16 or 8 bits.
    unsafe {
        if size_of::<W>() == 2 {
            vst1q_u16(to.cast(), weights);
        } else {
            vst1_u8(to.cast(), vmovn_u16(weights));
        }
    }
}

/// Writes up to `count` of eight weights, as far as there is room.
#[inline]
#[target_feature(enable = "neon")]
fn write_weights<W: Weight>(out: &mut [W], count: usize, weights: uint16x8_t) {
    match out.first_chunk_mut::<8>() {
        // SAFETY: there is room.
        Some(out) if count == 8 => unsafe { store_weights(out.as_mut_ptr(), weights) },
        _ => {
            let mut padded = [W::ZERO; 8];
            // SAFETY: there is room.
            unsafe { store_weights(padded.as_mut_ptr(), weights) };
            for (to, from) in out.iter_mut().zip(padded).take(count) {
                *to = from;
            }
        }
    }
}

/// A mask of the first `count` of eight.
#[inline]
#[target_feature(enable = "neon")]
fn first_of_eight(count: usize) -> uint16x8_t {
    // SAFETY: 16 bytes.
    let index = unsafe { vld1q_u16([0, 1, 2, 3, 4, 5, 6, 7].as_ptr()) };
    vcgtq_u16(vdupq_n_u16(count.min(8) as u16), index)
}

/// Weights lie row by row; those of keys that a query does not see are 0, as far as another one of the tile sees them.
#[target_feature(enable = "neon")]
pub(super) fn tile_softmax<W: Weight>(tile: &mut Tile<'_, W>) {
    let (scores, _) = tile.scores.as_chunks::<LANES>();
    let Some(scores) = scores.get(..most(tile.visible)) else { return };
    let shared = shared(tile.visible).min(scores.len());
    let exponential = Exponential::new::<W>(tile.steepness);
    let [a, b, c, d, ..] = tile.max;
    let max = [a, b, c, d].map(|max| vdupq_n_s32(max));
    let mut sums = [vdupq_n_u32(0); LANES];
    // Groups of eight keys that all of four queries see.
    let room = tile.visible.len() == LANES && tile.weights.len() >= 3 * tile.positions + shared;
    let groups = if room { shared / 8 } else { 0 };
    for group in 0..groups {
        // SAFETY: eight keys of four scores, below `shared`; the same number of weights of four rows.
        unsafe {
            let from = scores.as_ptr().add(group * 8).cast();
            let (low, high) = (vld4q_s32(from), vld4q_s32(from.add(8 / 2 * LANES)));
            let to = tile.weights.as_mut_ptr().add(group * 8);
            let weights = [
                exponential.weigh(low.0, high.0, max[0]),
                exponential.weigh(low.1, high.1, max[1]),
                exponential.weigh(low.2, high.2, max[2]),
                exponential.weigh(low.3, high.3, max[3]),
            ];
            store_weights(to, weights[0]);
            store_weights(to.add(tile.positions), weights[1]);
            store_weights(to.add(2 * tile.positions), weights[2]);
            store_weights(to.add(3 * tile.positions), weights[3]);
            sums = [
                vpadalq_u16(sums[0], weights[0]),
                vpadalq_u16(sums[1], weights[1]),
                vpadalq_u16(sums[2], weights[2]),
                vpadalq_u16(sums[3], weights[3]),
            ];
        }
    }
    for (to, sum) in tile.sums.iter_mut().zip(sums) {
        *to = vaddvq_u32(sum);
    }
    if groups * 8 < scores.len() {
        weigh_rest(tile, exponential, groups);
    }
}

/// The softmax from a group of eight keys on, where some queries or keys are missing.
#[inline(never)]
#[target_feature(enable = "neon")]
fn weigh_rest<W: Weight>(tile: &mut Tile<'_, W>, exponential: Exponential, first: usize) {
    let (scores, _) = tile.scores.as_chunks::<LANES>();
    let scores = scores.get(..most(tile.visible)).unwrap_or(&[]);
    for (group, scores) in tiles(scores, 8).enumerate().skip(first) {
        let mut columns = [[0; 8]; LANES];
        for (key, scores) in scores.iter().enumerate() {
            for (column, &score) in columns.iter_mut().zip(scores) {
                if let Some(to) = column.get_mut(key) {
                    *to = score;
                }
            }
        }
        let lanes = columns.iter().zip(tile.max).zip(&mut tile.sums).zip(&*tile.visible);
        for (lane, (((column, max), sum), visible)) in lanes.enumerate() {
            // SAFETY: 32 bytes.
            let int32x4x2_t(low, high) = unsafe { vld1q_s32_x2(column.as_ptr()) };
            let seen = first_of_eight(visible.saturating_sub(group * 8));
            let weights = vandq_u16(exponential.weigh(low, high, vdupq_n_s32(max)), seen);
            *sum += vaddlvq_u16(weights);
            let out = tile.weights.get_mut(lane * tile.positions + group * 8..).unwrap_or(&mut []);
            write_weights(out, scores.len(), weights);
        }
    }
}
