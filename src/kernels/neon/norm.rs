//! Layer norm, eight values at a time.

use crate::arithmetic::inverse_root::NormChannel;
use crate::arithmetic::requantise::saturate_i8;
use crate::kernels::NormView;
use core::arch::aarch64::*;

/// Values at a time.
const LANES: usize = 8;

#[target_feature(enable = "neon")]
pub(super) fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
    if !norm.takes(x, out) {
        return;
    }
    let (sum, squares) = moments(x);
    let sum = norm.taken_off(sum);
    let inverse = norm.inverse_root(x.len(), sum, squares);
    let (root, up, places) = inverse.parts();
    let n = x.len() as i32;

    let root = vdupq_n_s32(root as i32);
    let (ns, minus_sum) = (vdupq_n_s32(n << up), vdupq_n_s32(sum.wrapping_neg() << up));
    // One of an offset, in units of the final sum.
    let one = vdupq_n_s32(1 << (places - 8));
    let down = vdupq_n_s32(-(places as i32));
    let normalise = |x: int16x4_t, gain: int16x4_t, offset: int16x4_t| {
        let centred = vmlaq_s32(minus_sum, vmovl_s16(x), ns);
        // The upper word of twice the product, halved.
        let z = vshrq_n_s32::<1>(vqdmulhq_s32(centred, root));
        // Of twice the product with a gain in bits 15 and up: without the product's 16 lower bits.
        let scaled = vqdmulhq_s32(z, vshll_n_s16::<15>(gain));
        vqmovn_s32(vrshlq_s32(vmlaq_s32(scaled, vmovl_s16(offset), one), down))
    };
    let mut done = 0;
    let blocks = x.as_chunks::<LANES>().0.iter().zip(norm.channels.as_chunks::<LANES>().0);
    for (out, (x, channels)) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(blocks) {
        let x = load(x);
        let int16x8x2_t(gain, offset) = load_channels(channels);
        let low = normalise(vget_low_s16(x), vget_low_s16(gain), vget_low_s16(offset));
        let high = normalise(vget_high_s16(x), vget_high_s16(gain), vget_high_s16(offset));
        // SAFETY: writes the array.
        unsafe { vst1_s8(out.as_mut_ptr(), vqmovn_s16(vcombine_s16(low, high))) };
        done += LANES;
    }
    let rest = x.get(done..).unwrap_or(&[]).iter().zip(norm.channels.get(done..).unwrap_or(&[]));
    for (out, (&x, channel)) in out.get_mut(done..).unwrap_or(&mut []).iter_mut().zip(rest) {
        let centred = n.wrapping_mul(i32::from(x)).wrapping_sub(sum);
        *out = saturate_i8(inverse.apply(centred, *channel));
    }
}

/// Sum, and sum of squares.
#[inline]
#[target_feature(enable = "neon")]
fn moments(x: &[i16]) -> (i32, u64) {
    let (blocks, tail) = x.as_chunks::<LANES>();
    let (mut sums, mut squares) = (vdupq_n_s32(0), vdupq_n_u64(0));
    for x in blocks {
        let x = load(x);
        sums = vpadalq_s16(sums, x);
        // Two squares add up to 2^31 at most: unsigned, they fit.
        let pairs = vmlal_high_s16(vmull_s16(vget_low_s16(x), vget_low_s16(x)), x, x);
        squares = vpadalq_u32(squares, vreinterpretq_u32_s32(pairs));
    }
    tail.iter().fold((vaddvq_s32(sums), vaddvq_u64(squares)), |(sum, squares), &x| {
        let x = i32::from(x);
        (sum + x, squares + (x * x) as u64)
    })
}

#[inline]
#[target_feature(enable = "neon")]
fn load(x: &[i16; LANES]) -> int16x8_t {
    // SAFETY: reads the array.
    unsafe { vld1q_s16(x.as_ptr()) }
}

/// Gains and offsets.
#[inline]
#[target_feature(enable = "neon")]
fn load_channels(channels: &[NormChannel; LANES]) -> int16x8x2_t {
    // SAFETY: reads the array; a channel is two words of 16 bits, the gain first.
    unsafe { vld2q_s16(channels.as_ptr().cast()) }
}
