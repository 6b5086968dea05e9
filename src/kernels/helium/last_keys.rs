//! Scores and weights of keys after the whole groups: those that not all four queries see, and the last ones.
//!
//! Scores lie as `[keys][LANES queries]`. The weights of two keys, 16 bits each, take the place of the first of the
//! two, so that they lie as `[pairs][LANES queries][2]`.

use super::LANES;
use super::attend::{Exponential, exp2};
use crate::arithmetic::softmax::{Steepness, Weight};
use crate::kernels::bias::LOWEST;
use core::arch::naked_asm;

/// What the functions for scores read by offsets.
#[repr(C)]
struct Scores {
    queries: [*const i8; LANES],
    keys: *const i8,
    out: *mut i32,
    /// A positive number of keys.
    count: usize,
    /// Positive, too.
    dim: usize,
    /// How many of the keys each query sees.
    seen: [i32; LANES],
    max: *mut i32,
}

/// Scores of `lanes` queries against keys, `dim` values each; raises the maxima by the scores of the keys that a query
/// sees, of which `seen` are the first.
#[inline(never)]
pub(super) fn scores(
    queries: &[i8],
    lanes: usize,
    dim: usize,
    keys: &[i8],
    out: &mut [[i32; LANES]],
    seen: [i32; LANES],
    max: &mut [i32; LANES],
) {
    let count = keys.len().checked_div(dim).unwrap_or(0).min(out.len());
    if count == 0 || lanes == 0 || lanes > LANES || queries.len() / lanes < dim {
        return;
    }
    // Queries that do not exist are the first one once more.
    let place = |lane: usize| queries.as_ptr().wrapping_add(if lane < lanes { lane * dim } else { 0 });
    let call = Scores {
        queries: [0, 1, 2, 3].map(place),
        keys: keys.as_ptr(),
        out: out.as_mut_ptr().cast(),
        count,
        dim,
        seen,
        max: max.as_mut_ptr(),
    };
    let run = if dim <= 16 { scores_16 } else { scores_any };
    // SAFETY: `dim` values of each query, and of `count` keys, lie within their slices, and so many times four scores.
    unsafe { run(&raw const call) };
}

/// # Safety
/// What `call` points to may be read and written as [`scores`] tells; `dim` is at most 16.
#[unsafe(naked)]
unsafe extern "C" fn scores_16(call: *const Scores) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "vpush {{d8-d15}}",
        "ldm r0, {{r4, r5, r6, r7}}",
        "ldrd r2, r3, [r0, #16]",
        "ldrd lr, r1, [r0, #24]",
        "ldr r9, [r0, #48]",
        "vldrw.u32 q5, [r0, #32]",
        "vldrw.u32 q6, [r9]",
        "vctp.8 r1",
        "vpstttt",
        "vldrbt.u8 q0, [r4]",
        "vldrbt.u8 q1, [r5]",
        "vldrbt.u8 q2, [r6]",
        "vldrbt.u8 q3, [r7]",
        "mov r11, #0",
        "dls lr, lr",
        "2:",
        "vctp.8 r1",
        "vpst",
        "vldrbt.u8 q4, [r2]",
        "add r2, r2, r1",
        "vmladav.s8 r4, q0, q4",
        "vmladav.s8 r6, q1, q4",
        "vmladav.s8 r8, q2, q4",
        "vmladav.s8 r10, q3, q4",
        "stm r3!, {{r4, r6, r8, r10}}",
        "vldrw.u32 q7, [r3, #-16]",
        "vpt.s32 gt, q5, r11",
        "vmaxt.s32 q6, q6, q7",
        "add r11, r11, #1",
        "le lr, 2b",
        "vstrw.32 q6, [r9]",
        "vpop {{d8-d15}}",
        "pop {{r4-r11, pc}}",
    )
}

/// # Safety
/// As [`scores_16`], for any `dim`.
#[unsafe(naked)]
unsafe extern "C" fn scores_any(call: *const Scores) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "vpush {{d10-d15}}",
        "ldr r12, [r0, #24]",
        "ldr r2, [r0, #48]",
        "vldrw.u32 q5, [r0, #32]",
        "vldrw.u32 q6, [r2]",
        // Keys count up to 0, for each query sees so many fewer.
        "vsub.i32 q5, q5, r12",
        "rsb r12, r12, #0",
        "push {{r2}}",
        "ldrd r1, r3, [r0]",
        "ldrd r5, r7, [r0, #8]",
        "ldr r9, [r0, #16]",
        "ldr r10, [r0, #28]",
        "ldr r0, [r0, #20]",
        "add r11, r10, #15",
        "bic r11, r11, #15",
        "2:",
        "mov r2, #0",
        "mov r4, #0",
        "mov r6, #0",
        "mov r8, #0",
        "dlstp.8 lr, r10",
        "3:",
        "vldrb.u8 q0, [r9], #16",
        "vldrb.u8 q1, [r1], #16",
        "vmladava.s8 r2, q0, q1",
        "vldrb.u8 q1, [r3], #16",
        "vmladava.s8 r4, q0, q1",
        "vldrb.u8 q1, [r5], #16",
        "vmladava.s8 r6, q0, q1",
        "vldrb.u8 q1, [r7], #16",
        "vmladava.s8 r8, q0, q1",
        "letp lr, 3b",
        "sub r1, r1, r11",
        "sub r3, r3, r11",
        "sub r5, r5, r11",
        "sub r7, r7, r11",
        "sub r9, r9, r11",
        "add r9, r9, r10",
        "stm r0!, {{r2, r4, r6, r8}}",
        "vldrw.u32 q7, [r0, #-16]",
        "vpt.s32 gt, q5, r12",
        "vmaxt.s32 q6, q6, q7",
        "adds r12, r12, #1",
        "bne 2b",
        "pop {{r2}}",
        "vstrw.32 q6, [r2]",
        "vpop {{d10-d15}}",
        "pop {{r4-r11, pc}}",
    )
}

/// What [`weigh_pairs`] reads by offsets.
#[repr(C)]
struct Weigh {
    max: *const i32,
    sums: *mut u32,
    steepness: u32,
    /// How many of the keys each query sees.
    seen: [i32; LANES],
}

/// Turns the scores into weights, and adds them to the sums; those of keys that a query does not see, which come after
/// the first `seen`, weigh 0.
#[inline(never)]
pub(super) fn weigh<W: Weight>(
    scores: &mut [[i32; LANES]],
    steepness: Steepness,
    seen: [i32; LANES],
    max: &[i32; LANES],
    sums: &mut [u32; LANES],
) {
    let keys = scores.len();
    if keys > 0 {
        let call = Weigh { max: max.as_ptr(), sums: sums.as_mut_ptr(), steepness: steepness.bits(), seen };
        // SAFETY: there are `keys` keys, one at least; what `call` points to outlives it.
        unsafe { weigh_pairs(scores.as_mut_ptr(), keys, Exponential::of::<W>(), &raw const call) }
    }
}

/// # Safety
/// `keys` (a positive number of) keys lie at `scores`; `call.max` and `call.sums` have a number per query.
#[unsafe(naked)]
unsafe extern "C" fn weigh_pairs(
    scores: *mut [i32; LANES],
    keys: usize,
    exponential: *const Exponential,
    call: *const Weigh,
) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "vpush {{d8-d15}}",
        "ldr r12, [r2, #12]",
        "vdup.16 q4, r12",
        "ldm r2, {{r10, r11, r12}}",
        "ldm r3!, {{r4, r5, r9}}",
        "vldrw.u32 q3, [r4]",
        "vldrw.u32 q7, [r5]",
        "vldrw.u32 q5, [r3]",
        // No load goes beyond the keys that are there. Keys that are not seen lie as far below the maximum as can be.
        "vdup.32 q6, r1",
        "vmin.s32 q5, q5, q6",
        "movw r4, #{low}",
        "movt r4, #{high}",
        "vsub.i32 q6, q3, r4",
        "add r1, r1, #1",
        "lsr r1, r1, #1",
        "dls lr, r1",
        "mov r1, r0",
        "mov r2, #0",
        "2:",
        "vpte.s32 gt, q5, r2",
        "vldrwt.u32 q0, [r0], #16",
        "vmove q0, q6",
        "add r2, r2, #1",
        "vpte.s32 gt, q5, r2",
        "vldrwt.u32 q1, [r0], #16",
        "vmove q1, q6",
        "add r2, r2, #1",
        "vsub.i32 q0, q3, q0",
        "vsub.i32 q1, q3, q1",
        "vshl.i32 q0, q0, #7",
        "vshl.i32 q1, q1, #7",
        "vqdmulh.s32 q0, q0, r9",
        "vqdmulh.s32 q1, q1, r9",
        "vqmovunb.s32 q0, q0",
        "vqmovunt.s32 q0, q1",
        exp2!(),
        "vmovlb.u16 q0, q2",
        "vadd.i32 q7, q7, q0",
        "vmovlt.u16 q0, q2",
        "vadd.i32 q7, q7, q0",
        "vstrw.32 q2, [r1], #16",
        "le lr, 2b",
        "vstrw.32 q7, [r5]",
        "vpop {{d8-d15}}",
        "pop {{r4-r11, pc}}",
        low = const LOWEST & 0xffff,
        high = const LOWEST >> 16,
    )
}
