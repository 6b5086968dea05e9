//! From eight results of each of four rows, side by side, to where they go.

use super::operands::{BLOCK, LANES, Lanes};
use crate::kernels::Epilogue;
use core::arch::aarch64::*;

/// Saturated to 16 bits: the four rows of results 2i and 2i + 1.
#[inline]
#[target_feature(enable = "neon")]
fn to_i16([a, b, c, d, e, f, g, h]: [Lanes; BLOCK]) -> [int16x8_t; 4] {
    [(a, b), (c, d), (e, f), (g, h)].map(|(a, b)| vqmovn_high_s32(vqmovn_s32(a), b))
}

/// Saturated to 8 bits: the four rows of results 0 to 3, and of 4 to 7.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn to_i8(results: [Lanes; BLOCK]) -> [int8x16_t; 2] {
    let [a, b, c, d] = to_i16(results);
    [vqmovn_high_s16(vqmovn_s16(a), b), vqmovn_high_s16(vqmovn_s16(c), d)]
}

/// The eight results of each row.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn transposed([first, second]: [int8x16_t; 2]) -> [int8x8_t; LANES] {
    const INDEX: [[u8; 16]; 2] = {
        let mut index = [[0; 16]; 2];
        let mut i = 0;
        while i < 32 {
            // Row i / 8, result i % 8.
            index[i / 16][i % 16] = (i % 8 * LANES + i / 8) as u8;
            i += 1;
        }
        index
    };
    let both = int8x16x2_t(first, second);
    // SAFETY: 16 bytes each.
    let [a, b] = INDEX.each_ref().map(|index| vqtbl2q_s8(both, unsafe { vld1q_u8(index.as_ptr()) }));
    [vget_low_s8(a), vget_high_s8(a), vget_low_s8(b), vget_high_s8(b)]
}

/// Writes up to `count` of eight values, as far as there is room.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn write(out: &mut [i8], at: usize, count: usize, values: int8x8_t) {
    let out = out.get_mut(at..).unwrap_or(&mut []);
    match out.first_chunk_mut::<8>() {
        // SAFETY: eight bytes.
        Some(out) if count == 8 => unsafe { vst1_s8(out.as_mut_ptr(), values) },
        _ => {
            let values = vget_lane_u64::<0>(vreinterpret_u64_s8(values)).to_le_bytes();
            for (to, from) in out.iter_mut().zip(values).take(count) {
                *to = from as i8;
            }
        }
    }
}

/// Writes eight values of each of four rows.
///
/// # Safety
/// These lie in `out`, those of the first row from `at` on, and `stride` bytes from one row to the next.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn write_rows(out: &mut [i8], at: usize, stride: usize, [a, b, c, d]: [int8x8_t; LANES]) {
    // SAFETY: the caller has promised as much.
    unsafe {
        let to = out.as_mut_ptr().add(at);
        vst1_s8(to, a);
        vst1_s8(to.add(stride), b);
        vst1_s8(to.add(2 * stride), c);
        vst1_s8(to.add(3 * stride), d);
    }
}

/// Results of `rows` rows from `row` on and `count` outputs from `output` on, at most four and eight, to where they go.
///
/// # Safety
/// The epilogue has a place for each.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn put(
    epilogue: &mut Epilogue<'_>,
    row: usize,
    rows: usize,
    output: usize,
    count: usize,
    results: [Lanes; BLOCK],
) {
    match epilogue {
        Epilogue::Store { out, row_stride, output_stride: 1 } if rows == LANES && count == BLOCK => {
            // SAFETY: the outputs of a row lie side by side, and have their places.
            unsafe { write_rows(out, row * *row_stride + output, *row_stride, transposed(to_i8(results))) };
        }
        Epilogue::Store { out, row_stride, output_stride } => {
            // SAFETY: the caller has promised the places.
            unsafe { put_columns(out, [*row_stride, *output_stride], [row, rows, output, count], to_i8(results)) };
        }
        Epilogue::Add { out, width } => put_sums(out, *width, [row, rows, output, count], to_i16(results)),
    }
}

/// Results of `rows` rows from `row` on and `count` outputs from `output` on, wherever they go.
///
/// # Safety
/// There is a place for each.
#[inline(never)]
#[target_feature(enable = "neon")]
unsafe fn put_columns(
    out: &mut [i8],
    [row_stride, output_stride]: [usize; 2],
    [row, rows, output, count]: [usize; 4],
    [a, b]: [int8x16_t; 2],
) {
    if row_stride == 1 && rows == LANES && count == BLOCK {
        // SAFETY: the first of these places.
        let to = unsafe { out.as_mut_ptr().add(row + output * output_stride) };
        let (a, b) = (vreinterpretq_u32_s8(a), vreinterpretq_u32_s8(b));
        // The four rows of each output lie side by side.
        macro_rules! store {
            ($($output:literal, $from:ident, $lane:literal;)*) => {$(
                // SAFETY: all of the output's four places; bytes need no alignment.
                unsafe {
                    let to = to.add($output * output_stride).cast::<u32>();
                    to.write_unaligned(vgetq_lane_u32::<$lane>($from));
                }
            )*};
        }
        store! { 0, a, 0; 1, a, 1; 2, a, 2; 3, a, 3; 4, b, 0; 5, b, 1; 6, b, 2; 7, b, 3; }
        return;
    }
    let mut values = [0i8; BLOCK * LANES];
    // SAFETY: 32 bytes.
    unsafe { vst1q_s8_x2(values.as_mut_ptr(), int8x16x2_t(a, b)) };
    let (values, _) = values.as_chunks::<LANES>();
    for (i, values) in values.iter().enumerate().take(count) {
        for (lane, &value) in values.iter().enumerate().take(rows) {
            if let Some(to) = out.get_mut((row + lane) * row_stride + (output + i) * output_stride) {
                *to = value;
            }
        }
    }
}

/// Adds results of `rows` rows from `row` on and `count` outputs from `output` on to a tensor.
#[inline(never)]
#[target_feature(enable = "neon")]
fn put_sums(out: &mut [i16], width: usize, [row, rows, output, count]: [usize; 4], results: [int16x8_t; 4]) {
    // Four lanes of results 2i and 2i + 1 to eight results of each lane: bytes.
    const INDEX: [[u8; 16]; LANES] = {
        let mut index = [[0; 16]; LANES];
        let mut i = 0;
        while i < 64 {
            index[i / 16][i % 16] = (i % 16 / 2 * 2 * LANES + i / 16 * 2 + i % 2) as u8;
            i += 1;
        }
        index
    };
    let [a, b, c, d] = results.map(|x| vreinterpretq_u8_s16(x));
    for (lane, index) in INDEX.iter().enumerate().take(rows) {
        // SAFETY: 16 bytes.
        let index = unsafe { vld1q_u8(index.as_ptr()) };
        let add = vreinterpretq_s16_u8(vqtbl4q_u8(uint8x16x4_t(a, b, c, d), index));
        let out = out.get_mut((row + lane) * width + output..).unwrap_or(&mut []);
        match out.first_chunk_mut::<8>() {
            // SAFETY: eight integers of 16 bits.
            Some(out) if count == 8 => unsafe {
                vst1q_s16(out.as_mut_ptr(), vqaddq_s16(vld1q_s16(out.as_ptr()), add));
            },
            _ => {
                let mut values = [0; 8];
                // SAFETY: eight integers of 16 bits.
                unsafe { vst1q_s16(values.as_mut_ptr(), add) };
                for (to, add) in out.iter_mut().zip(values).take(count) {
                    *to = to.saturating_add(add);
                }
            }
        }
    }
}
