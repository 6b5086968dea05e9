//! Four rows of 16-bit values against rows of int8: one loop, finished in five ways.
//!
//! [`accumulate`] leaves the sums to be finished elsewhere and serves all shapes. The others requantise or
//! compare what they hold in registers, and serve the shapes that fill whole groups and tiles.

use super::pair::Finish;
use super::{GROUP, LANES, Lanes, lane_of};
use crate::arithmetic::requantise::Channel;
use crate::arithmetic::softmax::RowScale;
use crate::kernels::Matrix;
use core::arch::naked_asm;

/// Products of a pair of weights in lr with the words of four rows in r8 to r11: added to r4 to r7, or put there first.
macro_rules! four {
    () => {
        lines!("smlad r4, r8, lr, r4", "smlad r5, r9, lr, r5", "smlad r6, r10, lr, r6", "smlad r7, r11, lr, r7")
    };
    (first) => {
        lines!("smuad r4, r8, lr", "smuad r5, r9, lr", "smuad r6, r10, lr", "smuad r7, r11, lr")
    };
}

/// Four inner positions: 16 products.
macro_rules! group {
    ($($first:ident)?) => {
        lines!(
            "ldr r12, [r1], #4",
            "ldm r0!, {{r8-r11}}",
            "sxtb16 lr, r12",
            four!($($first)?),
            "ldm r0!, {{r8-r11}}",
            "sxtb16 lr, r12, ror #8",
            four!(),
        )
    };
}

/// All inner positions: r0 runs over the rows `x`, r1 over the int8 row `w`, r2 counts
/// groups (at least 1); r4 to r7 are the sums, from what they are or, if so told, `first` from 0. r8 to r12 and lr are
/// lost.
macro_rules! inner {
    ($($first:ident)?) => {
        lines!(
            "lsrs r2, r2, #1",
            group!($($first)?),
            // No product changes the carry.
            "bcc 4f",
            "cbz r2, 5f",
            "3:",
            group!(),
            "4:",
            group!(),
            "subs r2, r2, #1",
            "bne 3b",
            "5:",
        )
    };
}

/// Requantises a sum to a number of bits.
macro_rules! requantise {
    ($acc:literal, $bits:literal, $multiplier:literal, $half:literal, $shift:literal) => {
        lines!(
            concat!("smmla ", $acc, ", ", $acc, ", ", $multiplier, ", ", $half),
            concat!("asr ", $acc, ", ", $acc, ", ", $shift),
            concat!("ssat ", $acc, ", #", $bits, ", ", $acc)
        )
    };
}

/// The body of a function that goes through rows of `w`, as its [`Shape`] tells: `$begin` puts what the sums start from
/// into r4 to r7, and `$end` takes these. What r0 points to, `$words`, lies on the stack meanwhile.
macro_rules! each_row {
    ($words:literal, $bytes:literal, $begin:expr, $end:expr) => {
        naked_asm!(
            cpu!(),
            "push {{r4-r11, lr}}",
            "mov r3, r2",
            concat!("ldm r0, {{", $words, "}}"),
            concat!("push {{", $words, "}}"),
            "2:",
            "ldm sp, {{r0, r2}}",
            $begin,
            inner!(),
            $end,
            "ldrd r8, r9, [sp, #8]",
            "add r1, r1, r8",
            "cmp r3, r9",
            "bne 2b",
            concat!("add sp, sp, #", $bytes),
            "pop {{r4-r11, pc}}",
        )
    };
}

/// The bias of the channel at r3, for all rows.
macro_rules! bias {
    () => {
        lines!("ldr r4, [r3], #4", "mov r5, r4", "mov r6, r4", "mov r7, r4")
    };
}

/// Requantises r4 to r7 by the scale of the channel at r3: multiplier (twice), shift and half a unit of it are in r8 to
/// r10. Then r0 is where the outputs go, r2 apart.
macro_rules! requantise_all {
    ($bits:literal) => {
        lines!(
            "ldr r8, [r3], #4",
            "and r9, r8, #31",
            "bic r8, r8, #31",
            "lsr r8, r8, #1",
            "mov r10, #1",
            "lsl r10, r10, r9",
            "lsr r10, r10, #1",
            requantise!("r4", $bits, "r8", "r10", "r9"),
            requantise!("r5", $bits, "r8", "r10", "r9"),
            requantise!("r6", $bits, "r8", "r10", "r9"),
            requantise!("r7", $bits, "r8", "r10", "r9"),
            "ldrd r0, r2, [sp, #16]",
        )
    };
}

/// Stores r4 to r7 as bytes at r0, r2 apart; r11 is lost.
macro_rules! store {
    () => {
        lines!(
            "strb r4, [r0]",
            "strb r5, [r0, r2]",
            "add r11, r0, r2",
            "strb r6, [r0, r2, lsl #1]",
            "strb r7, [r11, r2, lsl #1]",
        )
    };
}

/// Adds to `sums[o][lane]` the products of the row `o` of `w` (`stride` bytes apart, `length` of which count) with each
/// lane of `x`.
///
/// # Safety
/// `w` has such a row for each of the sums.
#[inline]
pub(super) unsafe fn accumulate(x: &[u32], w: &[i8], stride: usize, length: usize, sums: &mut [Lanes]) {
    let groups = length / 4;
    let range = sums.as_mut_ptr_range();
    if let Some(shape) = Shape::new(x, stride, groups * 4, sums.len(), range.end.cast()) {
        // SAFETY: `Shape::new` found `x` long enough, and a sum at least; `w` has a row for each.
        unsafe { products(&raw const shape, w.as_ptr(), range.start) };
    }
    for inner in groups * 4..length {
        let x: Lanes = core::array::from_fn(|lane| lane_of(x, inner, lane));
        for (row, sums) in sums.iter_mut().enumerate() {
            let w = i32::from(w.get(row * stride + inner).copied().unwrap_or(0));
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum = sum.wrapping_add(w * x);
            }
        }
    }
}

/// What the loop needs besides its pointers.
#[derive(Clone, Copy)]
#[repr(C)]
struct Shape {
    /// The four rows.
    x: *const u32,
    /// Inner positions over 4, at least 1.
    groups: usize,
    /// Bytes from the end of an int8 row's last group to the next row.
    skip: usize,
    /// Where the cursor (sums, scores or channels) ends.
    end: *const (),
}

impl Shape {
    /// For `rows` rows of so many values against `x`, if it is as long, and they are not empty and fill whole groups.
    #[inline]
    fn new(x: &[u32], stride: usize, length: usize, rows: usize, end: *const ()) -> Option<Self> {
        let groups = length / 4;
        let fits = length.is_multiple_of(4) && groups > 0 && rows > 0 && x.len() / GROUP >= groups;
        fits.then_some(Self { x: x.as_ptr(), groups, skip: stride.wrapping_sub(length), end })
    }
}

/// Adds `Σ w·x` of four rows to each of the sums, up to the end.
///
/// # Safety
/// `x` points to `8 * groups` aligned words, `w` to a row of `4 * groups` bytes for each element from `sums` to `end`,
/// `skip` bytes apart; there is at least one element, and `groups > 0`.
#[unsafe(naked)]
unsafe extern "C" fn products(shape: *const Shape, w: *const i8, sums: *mut Lanes) {
    each_row!("r4-r7", "16", "ldm r3, {{r4-r7}}", "stm r3!, {{r4-r7}}")
}

/// The scores of four queries against `keys`, raising `max` to the largest; false if the shape is not one
/// of whole groups, and nothing is done.
///
/// # Safety
/// `keys` has `dim` values for each of the scores.
#[inline]
pub(super) unsafe fn scores(queries: &[u32], keys: &[i8], dim: usize, scores: &mut [Lanes], max: &mut Lanes) -> bool {
    let end = scores.as_ptr_range().end.cast();
    let Some(shape) = Shape::new(queries, dim, dim, scores.len(), end) else { return false };
    let mut call = Scores { shape, max: *max };
    // SAFETY: `Shape::new` found `queries` long enough, and a score at least; there is a key for each.
    unsafe { products_scores(&raw mut call, keys.as_ptr(), scores.as_mut_ptr()) };
    *max = call.max;
    true
}

#[repr(C)]
struct Scores {
    shape: Shape,
    max: Lanes,
}

/// Writes `Σ w·x` of four rows to each of the scores, up to the end, and raises the maxima.
///
/// # Safety
/// As [`products`].
#[unsafe(naked)]
unsafe extern "C" fn products_scores(call: *mut Scores, w: *const i8, scores: *mut Lanes) {
    naked_asm!(
        cpu!(),
        "push {{r0, r4-r11, lr}}",
        "mov r3, r2",
        "ldm r0, {{r4-r11}}",
        // x, groups, maxima, skip, end: all of it is loaded at once for the next row.
        "push {{r6, r7}}",
        "push {{r8-r11}}",
        "push {{r4, r5}}",
        "mov r0, r4",
        "mov r2, r5",
        "2:",
        inner!(first),
        "stm r3!, {{r4-r7}}",
        "ldm sp, {{r0, r2, r8-r12, lr}}",
        "cmp r4, r8",
        "it gt",
        "movgt r8, r4",
        "cmp r5, r9",
        "it gt",
        "movgt r9, r5",
        "cmp r6, r10",
        "it gt",
        "movgt r10, r6",
        "cmp r7, r11",
        "it gt",
        "movgt r11, r7",
        "strd r8, r9, [sp, #8]",
        "strd r10, r11, [sp, #16]",
        "add r1, r1, r12",
        "cmp r3, lr",
        "bne 2b",
        "add sp, sp, #32",
        "ldr r0, [sp]",
        "add r0, r0, #16",
        "stm r0, {{r8-r11}}",
        "pop {{r0, r4-r11, pc}}",
    )
}

/// A linear layer on four rows `x`, stored as int8; false if the shape is not one of whole groups, and nothing is done.
///
/// # Safety
/// `w` has a row for each of the channels; `out` is the place of the first row's first output, and there is one for
/// each row and channel, as the strides tell.
#[inline]
pub(super) unsafe fn store(
    x: &[u32],
    w: Matrix<'_>,
    channels: &[Channel],
    out: *mut i8,
    row_stride: usize,
    output_stride: usize,
) -> bool {
    let end = channels.as_ptr_range().end.cast();
    let Some(shape) = Shape::new(x, w.stride, w.inputs, channels.len(), end) else { return false };
    let call = Out { shape, out: out.cast(), row_stride, output_stride };
    // SAFETY: `Shape::new` found `x` long enough, and a channel at least; there are weights and outputs for each.
    unsafe { products_store(&raw const call, w.data.as_ptr(), channels.as_ptr()) };
    true
}

/// [`store`], but added to int16 with saturation; outputs lie side by side, rows `width` apart.
///
/// # Safety
/// As for [`store`].
#[inline]
pub(super) unsafe fn add(x: &[u32], w: Matrix<'_>, channels: &[Channel], out: *mut i16, width: usize) -> bool {
    let end = channels.as_ptr_range().end.cast();
    let Some(shape) = Shape::new(x, w.stride, w.inputs, channels.len(), end) else { return false };
    let call = Out { shape, out: out.cast(), row_stride: 2 * width, output_stride: 2 };
    // SAFETY: as in `store`; strides count bytes.
    unsafe { products_add(&raw const call, w.data.as_ptr(), channels.as_ptr()) };
    true
}

#[repr(C)]
struct Out {
    shape: Shape,
    out: *mut u8,
    row_stride: usize,
    output_stride: usize,
}

/// # Safety
/// As [`products`], with a channel instead of each sum; `out` may be written at all multiples of the strides,
/// four rows by one output per channel.
#[unsafe(naked)]
unsafe extern "C" fn products_store(call: *const Out, w: *const i8, channels: *const Channel) {
    each_row!(
        "r4-r10",
        "28",
        bias!(),
        lines!(requantise_all!("8"), "ldr r12, [sp, #24]", store!(), "add r0, r0, r12", "str r0, [sp, #16]")
    )
}

/// # Safety
/// As [`products_store`], on half-words.
#[unsafe(naked)]
unsafe extern "C" fn products_add(call: *const Out, w: *const i8, channels: *const Channel) {
    macro_rules! add {
        ($acc:literal, $place:literal) => {
            lines!(
                concat!("ldrsh r8, ", $place),
                concat!("qadd16 ", $acc, ", ", $acc, ", r8"),
                concat!("strh ", $acc, ", ", $place)
            )
        };
    }
    each_row!(
        "r4-r10",
        "28",
        bias!(),
        lines!(
            requantise_all!("16"),
            add!("r4", "[r0]"),
            add!("r5", "[r0, r2]"),
            add!("r6", "[r0, r2, lsl #1]"),
            "add r11, r0, r2",
            add!("r7", "[r11, r2, lsl #1]"),
            "add r0, r0, #2",
            "str r0, [sp, #16]",
        )
    )
}

/// The outputs of four queries: `Σ w·v` on top of `sums`, one per dimension, by each query's scale; false if the
/// shape is not one of whole groups, and nothing is done. The weights of a query sum to less than 512 full scales.
///
/// # Safety
/// `values` has a row of `keys` values for each of the sums, and `out` a place for each of four rows of as many
/// outputs.
#[inline]
pub(super) unsafe fn weighted(
    weights: &[u32],
    values: &[i8],
    stride: usize,
    keys: usize,
    sums: &[Lanes],
    scales: &[RowScale; LANES],
    out: &mut [i8],
    out_stride: usize,
) -> bool {
    let end = sums.as_ptr_range().end.cast();
    let Some(shape) = Shape::new(weights, stride, keys, sums.len(), end) else { return false };
    let scales = scales.map(Finish::from);
    let out = Out { shape, out: out.as_mut_ptr().cast(), row_stride: out_stride, output_stride: 1 };
    let call = Weighted { out, scales: scales.as_ptr() };
    // SAFETY: `Shape::new` found the weights long enough, and a dimension at least; there are values and outputs for
    // each, and four scales.
    unsafe { products_weighted(&raw const call, values.as_ptr(), sums.as_ptr()) };
    true
}

#[repr(C)]
struct Weighted {
    out: Out,
    scales: *const Finish,
}

/// # Safety
/// As [`products`], but sums are only read; `out` may be written for four rows by one output per sum.
#[unsafe(naked)]
unsafe extern "C" fn products_weighted(call: *const Weighted, w: *const i8, sums: *const Lanes) {
    macro_rules! finish {
        ($acc:literal) => {
            lines!("ldm r12!, {{r8-r10}}", requantise!($acc, "8", "r8", "r9", "r10"))
        };
    }
    each_row!(
        "r4-r11",
        "32",
        "ldm r3!, {{r4-r7}}",
        lines!(
            "ldr r12, [sp, #28]",
            finish!("r4"),
            finish!("r5"),
            finish!("r6"),
            finish!("r7"),
            "ldrd r0, r2, [sp, #16]",
            store!(),
            "add r0, r0, #1",
            "str r0, [sp, #16]",
        )
    )
}
