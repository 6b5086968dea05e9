//! Layer norm, eight values at a time.

use super::vector::high;
use crate::arithmetic::inverse_root::NormChannel;
use crate::arithmetic::requantise::saturate_i8;
use crate::kernels::NormView;
use core::arch::x86_64::*;

/// Values at a time.
const LANES: usize = 8;

#[target_feature(enable = "avx2")]
pub(super) fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
    if !norm.takes(x, out) {
        return;
    }
    let (sum, squares) = moments(x);
    let sum = norm.taken_off(sum);
    let root = norm.inverse_root(x.len(), sum, squares);
    let n = x.len() as i32;
    let (blocks, tail) = x.as_chunks::<LANES>();
    let (channels, channels_tail) = norm.channels.as_chunks::<LANES>();
    let (out, out_tail) = out.as_chunks_mut::<LANES>();

    let (factor, up, places) = root.parts();
    let factor = _mm256_set1_epi32(factor as i32);
    let (sums, ns) = (_mm256_set1_epi32(sum), _mm256_set1_epi32(n));
    let (up, offset_up) = (_mm256_set1_epi32(up as i32), _mm256_set1_epi32(places as i32 - 8));
    let (half, places) = (_mm256_set1_epi32(1 << (places - 1)), _mm256_set1_epi32(places as i32));
    for ((out, x), channels) in out.iter_mut().zip(blocks).zip(channels) {
        let x = _mm256_cvtepi16_epi32(load_words(x));
        let centred = _mm256_sllv_epi32(_mm256_sub_epi32(_mm256_mullo_epi32(ns, x), sums), up);
        let channels = load_channels(channels);
        // SAFETY: the CPU has AVX2. The gain is in the upper half of its factor, so that 16 bits less are left over.
        let scaled = unsafe { high(high(centred, factor), _mm256_slli_epi32::<16>(channels)) };
        let offset = _mm256_sllv_epi32(_mm256_srai_epi32::<16>(channels), offset_up);
        let sum = _mm256_add_epi32(_mm256_add_epi32(scaled, offset), half);
        let y = _mm256_srav_epi32(sum, places);
        let words = _mm_packs_epi32(_mm256_castsi256_si128(y), _mm256_extracti128_si256::<1>(y));
        *out = _mm_cvtsi128_si64(_mm_packs_epi16(words, words)).to_le_bytes().map(|byte| byte as i8);
    }
    for ((out, &x), channel) in out_tail.iter_mut().zip(tail).zip(channels_tail) {
        let centred = n.wrapping_mul(i32::from(x)).wrapping_sub(sum);
        *out = saturate_i8(root.apply(centred, *channel));
    }
}

/// Sum, and sum of squares.
#[inline]
#[target_feature(enable = "avx2")]
fn moments(x: &[i16]) -> (i32, u64) {
    let (blocks, tail) = x.as_chunks::<LANES>();
    let (zero, ones) = (_mm_setzero_si128(), _mm_set1_epi16(1));
    let (mut sums, mut squares) = (zero, zero);
    for x in blocks {
        let x = load_words(x);
        sums = _mm_add_epi32(sums, _mm_madd_epi16(x, ones));
        // Two squares add up to 2^31 at most: unsigned, they fit.
        let pairs = _mm_madd_epi16(x, x);
        squares = _mm_add_epi64(squares, _mm_unpacklo_epi32(pairs, zero));
        squares = _mm_add_epi64(squares, _mm_unpackhi_epi32(pairs, zero));
    }
    let sums = _mm_add_epi32(sums, _mm_unpackhi_epi64(sums, sums));
    let sum = _mm_cvtsi128_si32(sums) + _mm_extract_epi32::<1>(sums);
    let square = (_mm_cvtsi128_si64(squares) + _mm_extract_epi64::<1>(squares)) as u64;
    tail.iter().fold((sum, square), |(sum, square), &x| {
        let x = i32::from(x);
        (sum + x, square + (x * x) as u64)
    })
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_words(x: &[i16; LANES]) -> __m128i {
    // SAFETY: reads the array.
    unsafe { _mm_loadu_si128(x.as_ptr().cast()) }
}

/// Gain in the lower half of each lane, offset in the upper.
#[inline]
#[target_feature(enable = "avx2")]
fn load_channels(channels: &[NormChannel; LANES]) -> __m256i {
    // SAFETY: reads the array; a channel is two words of 16 bits, the gain first.
    unsafe { _mm256_loadu_si256(channels.as_ptr().cast()) }
}
