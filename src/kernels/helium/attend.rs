//! Maxima, softmax and weighted sums of four queries.
//!
//! Scores lie in groups of eight keys, `[group][LANES queries][8]`. The weights of a query's eight keys take
//! the first half of the place of their scores, as 16-bit integers. What follows the groups, fewer than eight keys, lies
//! as `[keys][LANES queries]`, one 32-bit integer each.

use super::{GROUP, LANES};
use crate::softmax::{RowScale, Steepness, Weight};
use core::arch::naked_asm;

/// The largest score of each query in whole groups.
#[inline]
pub(super) fn maxima(scores: &[i32], max: &mut [i32; LANES]) {
    let groups = scores.len() / GROUP;
    if groups > 0 {
        // SAFETY: all groups lie within `scores`.
        unsafe { max_groups(scores.as_ptr(), groups, max.as_mut_ptr()) };
    } else {
        *max = [i32::MIN; LANES];
    }
}

/// # Safety
/// `groups` (a positive number of) groups lie at `scores`; `max` has room for a score per query.
#[unsafe(naked)]
unsafe extern "C" fn max_groups(scores: *const i32, groups: usize, max: *mut i32) {
    #[rustfmt::skip]
    macro_rules! lane {
        ($max:literal) => {
            concat!(
                "vldrw.u32 q0, [r0], #16\n",
                "vldrw.u32 q1, [r0], #16\n",
                "vmaxv.s32 ", $max, ", q0\n",
                "vmaxv.s32 ", $max, ", q1\n",
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, lr}}",
        "mov r3, #0x80000000",
        "mov r4, r3",
        "mov r5, r3",
        "mov r6, r3",
        "dls lr, r1",
        "2:",
        lane!("r3"),
        lane!("r4"),
        lane!("r5"),
        lane!("r6"),
        "le lr, 2b",
        "stm r2, {{r3, r4, r5, r6}}",
        "pop {{r4, r5, r6, pc}}",
    )
}

/// What the functions below read by offsets: constants of a type of weights.
#[repr(C)]
struct Exponential {
    a2: i32,
    a1: i32,
    a0: i32,
    /// -[`Weight::SHIFT`].
    shift: i32,
}

impl Exponential {
    const fn of<W: Weight>() -> &'static Self {
        const {
            let [a0, a1, a2] = W::POLYNOMIAL;
            &Self { a2, a1, a0, shift: -(W::SHIFT as i32) }
        }
    }
}

/// Exponents in q0 to weights in q2, in lanes of 16 bits; q1 is lost.
macro_rules! exp2 {
    () => {
        // The polynomial in the fraction, then a rounding shift by the octaves.
        "vshl.i16 q1, q0, #5
         vshr.u16 q1, q1, #1
         vqrdmulh.s16 q2, q1, r10
         vadd.i16 q2, q2, r11
         vqrdmlash.s16 q2, q1, r12
         vshr.u16 q0, q0, #11
         vsub.i16 q0, q4, q0
         vrshl.s16 q2, q2, q0
"
    };
}

/// Turns the scores of all queries in whole groups into weights, and gives their sums.
#[inline]
pub(super) fn weigh<W: Weight>(scores: &mut [i32], steepness: Steepness, max: &[i32; LANES], sums: &mut [u32; LANES]) {
    let groups = scores.len() / GROUP;
    if groups > 0 {
        let (scores, sums) = (scores.as_mut_ptr(), sums.as_mut_ptr());
        // SAFETY: all groups lie within `scores`.
        unsafe { weigh_groups(scores, groups, Exponential::of::<W>(), max.as_ptr(), sums, steepness.bits()) }
    } else {
        *sums = [0; LANES];
    }
}

/// # Safety
/// As [`max_groups`]; `max` and `sums` have a number per query.
#[unsafe(naked)]
unsafe extern "C" fn weigh_groups(
    scores: *mut i32,
    groups: usize,
    exponential: *const Exponential,
    max: *const i32,
    sums: *mut u32,
    steepness: u32,
) {
    #[rustfmt::skip]
    macro_rules! lane {
        ($max:literal, $sum:literal) => {
            concat!(
                "vld20.32 {{q0, q1}}, [r0]\n",
                "vld21.32 {{q0, q1}}, [r0]!\n",
                // (max - s) << 7, times the steepness: twice the high word. The exponent saturates at 16 bits.
                "vmlas.s32 q0, q3, ", $max, "\n",
                "vmlas.s32 q1, q3, ", $max, "\n",
                "vqdmulh.s32 q0, q0, r9\n",
                "vqdmulh.s32 q1, q1, r9\n",
                "vqmovunb.s32 q0, q0\n",
                "vqmovunt.s32 q0, q1\n",
                exp2!(),
                "vaddva.u16 ", $sum, ", q2\n",
                "vstrh.16 q2, [r0, #-32]\n",
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "ldr r9, [sp, #40]",
        "vpush {{d8-d9}}",
        "dls lr, r1",
        "mvn r12, #127",
        "vdup.32 q3, r12",
        "ldr r12, [r2, #12]",
        "vdup.16 q4, r12",
        "ldm r2, {{r10, r11, r12}}",
        "ldm r3, {{r1, r3, r5, r7}}",
        "lsl r1, r1, #7",
        "lsl r3, r3, #7",
        "lsl r5, r5, #7",
        "lsl r7, r7, #7",
        "mov r2, #0",
        "mov r4, #0",
        "mov r6, #0",
        "mov r8, #0",
        "2:",
        lane!("r1", "r2"),
        lane!("r3", "r4"),
        lane!("r5", "r6"),
        lane!("r7", "r8"),
        "le lr, 2b",
        "ldr r0, [sp, #52]",
        "stm r0, {{r2, r4, r6, r8}}",
        "vpop {{d8-d9}}",
        "pop {{r4-r11, pc}}",
    )
}

/// Turns scores `[keys][LANES]` into weights as 32-bit integers, and adds them to the sums.
#[inline]
pub(super) fn weigh_rest<W: Weight>(
    scores: &mut [[i32; LANES]],
    steepness: Steepness,
    max: &[i32; LANES],
    sums: &mut [u32; LANES],
) {
    if !scores.is_empty() {
        let (keys, scores, sums) = (scores.len(), scores.as_mut_ptr(), sums.as_mut_ptr());
        // SAFETY: there are `keys` keys, one at least.
        unsafe { weigh_keys(scores, keys, Exponential::of::<W>(), max.as_ptr(), sums, steepness.bits()) }
    }
}

/// # Safety
/// `keys` (a positive number of) keys lie at `scores`; `max` and `sums` have a number per query.
#[unsafe(naked)]
unsafe extern "C" fn weigh_keys(
    scores: *mut [i32; LANES],
    keys: usize,
    exponential: *const Exponential,
    max: *const i32,
    sums: *mut u32,
    steepness: u32,
) {
    naked_asm!(
        cpu!(),
        "push {{r9, r10, r11, lr}}",
        "ldr r9, [sp, #20]",
        "vpush {{d8-d11}}",
        "dls lr, r1",
        "ldr r12, [r2, #12]",
        "vdup.16 q4, r12",
        "ldm r2, {{r10, r11, r12}}",
        "vldrw.u32 q3, [r3]",
        "ldr r3, [sp, #48]",
        "vldrw.u32 q5, [r3]",
        "2:",
        "vldrw.u32 q0, [r0]",
        "vsub.i32 q0, q3, q0",
        "vshl.i32 q0, q0, #7",
        "vqdmulh.s32 q0, q0, r9",
        "vqmovunb.s32 q0, q0",
        exp2!(),
        "vmovlb.u16 q2, q2",
        "vadd.i32 q5, q5, q2",
        "vstrw.32 q2, [r0], #16",
        "le lr, 2b",
        "vstrw.32 q5, [r3]",
        "vpop {{d8-d11}}",
        "pop {{r9, r10, r11, pc}}",
    )
}

/// What [`weighted_pairs`] reads by offsets.
#[repr(C)]
struct Call {
    multipliers: [i32; LANES],
    /// Negative.
    shifts: [i32; LANES],
    /// Of each query's pair of outputs.
    offsets: [u16; 2 * LANES],
    /// Groups after the first one.
    more: usize,
    stride: usize,
    out: *mut i8,
    pairs: usize,
    /// Of the keys after the groups, a group with zeros at the end.
    rest: *const i32,
    /// How many these are.
    tail: usize,
    /// From the end of a row's groups to the row after the next one, may wrap.
    next: usize,
}

/// The outputs of four queries: `Σ w·v` for an even number `dims` of rows of `values`, `stride` apart, by each query's
/// scale. `rest` has the weights of the `tail` keys after the groups, laid out as a group.
/// The weights of a query sum to less than 512 full scales. False if a slice is too short; then nothing is
/// done.
#[inline]
#[allow(clippy::too_many_arguments)]
pub(super) fn weighted(
    weights: &[i32],
    groups: usize,
    rest: &[i32],
    tail: usize,
    values: &[i8],
    stride: usize,
    dims: usize,
    scales: &[RowScale; LANES],
    out: &mut [i8],
    out_stride: usize,
) -> bool {
    let fits = groups > 0
        && dims > 1
        && weights.len() >= groups * GROUP
        && values.len() >= (dims - 1) * stride + 8 * groups + tail
        && out.len() >= (LANES - 1) * out_stride + dims;
    // The offsets are 16-bit numbers.
    if !fits || tail > 7 || (tail > 0 && rest.len() < GROUP) || out_stride > 0xfffe / 3 {
        return false;
    }
    let parts = scales.map(|scale| scale.parts());
    let call = Call {
        multipliers: parts.map(|(multiplier, _)| multiplier),
        shifts: parts.map(|(_, shift)| -(shift as i32)),
        offsets: [0, 1, 2, 3, 4, 5, 6, 7].map(|i: u16| i / 2 * out_stride as u16 + i % 2),
        more: groups - 1,
        stride,
        out: out.as_mut_ptr(),
        pairs: dims / 2,
        rest: rest.as_ptr(),
        tail,
        next: (2 * stride).wrapping_sub(8 * groups),
    };
    // SAFETY: weights and values of all keys, and the outputs of four queries, lie within their slices.
    unsafe { weighted_pairs(weights.as_ptr(), values.as_ptr(), &raw const call) };
    true
}

/// # Safety
/// `weights` points to all groups, `values` to as many rows as there are outputs, `call.stride` apart, with a
/// value per key; `call.out` may be written for four queries at the offsets.
#[unsafe(naked)]
unsafe extern "C" fn weighted_pairs(weights: *const i32, values: *const i8, call: *const Call) {
    #[rustfmt::skip]
    macro_rules! products {
        ($op:literal) => {
            concat!(
                $op, " r0, q0, q4\n", $op, " r8, q0, q5\n",
                $op, " r2, q1, q4\n", $op, " r10, q1, q5\n",
                $op, " r4, q2, q4\n", $op, " r12, q2, q5\n",
                $op, " r6, q3, q4\n", $op, " lr, q3, q5\n",
            )
        };
    }
    #[rustfmt::skip]
    macro_rules! load {
        ($w:literal) => {
            concat!(
                "vldrh.u16 q1, [", $w, ", #32]\n",
                "vldrh.u16 q2, [", $w, ", #64]\n",
                "vldrh.u16 q3, [", $w, ", #96]\n",
                "vldrh.u16 q0, [", $w, "], #128\n",
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "vpush {{d8-d15}}",
        "mov r9, r2",
        "vldrw.u32 q6, [r9]",
        "vldrw.u32 q7, [r9, #16]",
        // Below: weights, the call, the tail, pairs that are left.
        "ldr r4, [r9, #68]",
        "vctp.16 r4",
        "ldr r5, [r9, #60]",
        "push {{r0, r5}}",
        "ldr r11, [r9, #56]",
        "mov r3, r1",
        "2:",
        "ldrd r7, r5, [r9, #48]",
        "ldr r1, [sp]",
        "add r5, r5, r3",
        load!("r1"),
        "vldrb.s16 q4, [r3], #8",
        "vldrb.s16 q5, [r5], #8",
        products!("vmladav.s16"),
        "lsrs r7, r7, #1",
        "bcc 6f",
        load!("r1"),
        "vldrb.s16 q4, [r3], #8",
        "vldrb.s16 q5, [r5], #8",
        products!("vmladava.s16"),
        "6:",
        "cbz r7, 4f",
        "3:",
        ".rept 2",
        load!("r1"),
        "vldrb.s16 q4, [r3], #8",
        "vldrb.s16 q5, [r5], #8",
        products!("vmladava.s16"),
        ".endr",
        "subs r7, r7, #1",
        "bne 3b",
        "4:",
        "ldrd r1, r7, [r9, #64]",
        "cbz r7, 5f",
        load!("r1"),
        "vpstt",
        "vldrbt.s16 q4, [r3]",
        "vldrbt.s16 q5, [r5]",
        products!("vmladava.s16"),
        "5:",
        "vmov q0[2], q0[0], r0, r4",
        "vmov q0[3], q0[1], r2, r6",
        "vmov q1[2], q1[0], r8, r12",
        "vmov q1[3], q1[1], r10, lr",
        "vqdmulh.s32 q0, q0, q6",
        "vqdmulh.s32 q1, q1, q6",
        "vrshl.s32 q0, q0, q7",
        "vrshl.s32 q1, q1, q7",
        "vqmovnb.s32 q0, q0",
        "vqmovnt.s32 q0, q1",
        "vldrh.u16 q1, [r9, #32]",
        "vqmovnb.s16 q0, q0",
        "vstrb.16 q0, [r11, q1]",
        "add r11, r11, #2",
        "ldr r7, [r9, #72]",
        "ldr r2, [sp, #4]",
        "add r3, r3, r7",
        "subs r2, r2, #1",
        "str r2, [sp, #4]",
        "bne 2b",
        "add sp, sp, #8",
        "vpop {{d8-d15}}",
        "pop {{r4-r11, pc}}",
    )
}

/// `Σ w·v` of one query, whose weights start with its first, over at most 64 groups.
#[inline]
pub(super) fn total(weights: &[i32], values: &[i8], groups: usize) -> i32 {
    if groups == 0 || weights.len() < (groups - 1) * GROUP + 4 || values.len() < 8 * groups {
        return 0;
    }
    // SAFETY: weights and values of all groups lie within their slices.
    unsafe { total_groups(weights.as_ptr(), values.as_ptr(), groups) }
}

/// # Safety
/// Eight weights lie at `weights` and every 32 words after it, `groups` times, which is positive, and as many
/// values at `values`.
#[unsafe(naked)]
unsafe extern "C" fn total_groups(weights: *const i32, values: *const i8, groups: usize) -> i32 {
    naked_asm!(
        cpu!(),
        "push {{r4, lr}}",
        "mov r3, r0",
        "mov r0, #0",
        "dls lr, r2",
        "2:",
        "vldrh.u16 q0, [r3], #128",
        "vldrb.s16 q1, [r1], #8",
        "vmladava.s16 r0, q0, q1",
        "le lr, 2b",
        "pop {{r4, pc}}",
    )
}
