//! Kernels of single rows: softmax, norm and table.

use super::{Normal, Softmax};
use crate::arithmetic::inverse_root::NormChannel;
use core::arch::naked_asm;

/// The largest of `count` scores, at least one.
///
/// # Safety
/// `scores` points to as many.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn largest(scores: *const i32, count: usize) -> i32 {
    vectors!(
        "vsetvli zero, a1, e32, m8, ta, ma",
        "lw t1, 0(a0)",
        "vmv.s.x v0, t1",
        "2:",
        "vsetvli t0, a1, e32, m8, ta, ma",
        "vle32.v v8, (a0)",
        "slli t1, t0, 2",
        "add a0, a0, t1",
        "vredmax.vs v0, v8, v0",
        "sub a1, a1, t0",
        "bnez a1, 2b",
        "vmv.x.s a0, v0",
    )
}

/// Scores to weights: of 16 bits, or of 8 if `softmax.narrow` is not 0. Gives their sum.
///
/// # Safety
/// `scores` and `weights` point to `count` elements, at least one.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn weigh(
    scores: *const i32,
    count: usize,
    weights: *mut u8,
    softmax: *const Softmax,
    max: i32,
) -> u32 {
    vectors!(
        "csrwi vxrm, 0",
        "lw a5, 0(a3)",
        "lw a6, 4(a3)",
        "lw a7, 8(a3)",
        "lw t3, 12(a3)",
        "lw t4, 16(a3)",
        "lw t5, 20(a3)",
        "lw a3, 24(a3)",
        "li t6, 2047",
        "vsetvli t0, a1, e32, m8, ta, ma",
        "vmv.s.x v4, zero",
        "2:",
        "vsetvli t0, a1, e32, m8, ta, ma",
        "vle32.v v8, (a0)",
        "vrsub.vx v8, v8, a4",
        "vsll.vi v8, v8, 8",
        "vmulhu.vx v8, v8, a5",
        "vsetvli zero, zero, e16, m4, ta, ma",
        "vnclipu.wi v16, v8, 0",
        "vand.vx v20, v16, t6",
        "vsll.vi v20, v20, 4",
        "vsmul.vx v24, v20, a6",
        "vadd.vx v24, v24, a7",
        "vsmul.vv v24, v24, v20",
        "vadd.vx v24, v24, t3",
        // Beyond 16 bits of shift the weight is 0.
        "vmsgtu.vx v0, v16, t5",
        "vsrl.vi v16, v16, 11",
        "vadd.vx v16, v16, t4",
        "vssrl.vv v24, v24, v16",
        "vmerge.vim v24, v24, 0, v0",
        "vwredsumu.vs v4, v24, v4",
        "slli t1, t0, 2",
        "add a0, a0, t1",
        "sub a1, a1, t0",
        "bnez a3, 4f",
        "vse16.v v24, (a2)",
        "slli t0, t0, 1",
        "add a2, a2, t0",
        "bnez a1, 2b",
        "j 5f",
        "4:",
        "vsetvli zero, zero, e8, m2, ta, ma",
        "vnsrl.wi v16, v24, 0",
        "vse8.v v16, (a2)",
        "add a2, a2, t0",
        "bnez a1, 2b",
        "5:",
        "vsetvli zero, zero, e32, m8, ta, ma",
        "vmv.x.s a0, v4",
    )
}

/// Replaces `count` bytes by their entries in a table.
///
/// # Safety
/// `table` points to 256 bytes, `x` to `count`, at least one.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn look_up(table: *const i8, x: *mut i8, count: usize) {
    vectors!(
        "2:",
        "vsetvli t0, a2, e8, m8, ta, ma",
        "vle8.v v8, (a1)",
        "vluxei8.v v16, (a0), v8",
        "vse8.v v16, (a1)",
        "add a1, a1, t0",
        "sub a2, a2, t0",
        "bnez a2, 2b",
    )
}

/// Sum, and sums of the lower and of the upper 16 bits of the squares.
///
/// # Safety
/// `x` points to `count` values, 1 to 2^15; `moments` to three words.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn moments(x: *const i16, count: usize, moments: *mut [u32; 3]) {
    vectors!(
        "vsetvli zero, a1, e32, m8, ta, ma",
        "vmv.s.x v0, zero",
        "vmv.s.x v1, zero",
        "vmv.s.x v2, zero",
        "lui t1, 16",
        "addi t1, t1, -1",
        "2:",
        "vsetvli t0, a1, e16, m4, ta, ma",
        "vle16.v v8, (a0)",
        "vwredsum.vs v0, v8, v0",
        "vwmul.vv v16, v8, v8",
        "vsetvli zero, zero, e32, m8, ta, ma",
        "vand.vx v24, v16, t1",
        "vredsum.vs v1, v24, v1",
        "vsrl.vi v16, v16, 16",
        "vredsum.vs v2, v16, v2",
        "sub a1, a1, t0",
        "slli t0, t0, 1",
        "add a0, a0, t0",
        "bnez a1, 2b",
        "vmv.x.s t0, v0",
        "sw t0, 0(a2)",
        "vmv.x.s t0, v1",
        "sw t0, 4(a2)",
        "vmv.x.s t0, v2",
        "sw t0, 8(a2)",
    )
}

/// The normalised values.
///
/// # Safety
/// `x`, `channels` and `out` point to `count` elements, at least one.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn normalise(
    x: *const i16,
    channels: *const NormChannel,
    out: *mut i8,
    count: usize,
    normal: *const Normal,
) {
    vectors!(
        "csrwi vxrm, 0",
        "lw a5, 0(a4)",
        "lw a6, 4(a4)",
        "lw a7, 8(a4)",
        "lw t3, 12(a4)",
        "lw t4, 16(a4)",
        "addi t5, t4, -8",
        "2:",
        "vsetvli t0, a3, e16, m2, ta, ma",
        "vle16.v v2, (a0)",
        // Gains to v4, offsets to v6.
        "vlseg2e16.v v4, (a1)",
        "vsetvli zero, zero, e32, m4, ta, ma",
        "vsext.vf2 v8, v2",
        "vmul.vx v8, v8, a5",
        "vsub.vx v8, v8, a6",
        "vsll.vx v8, v8, t3",
        "vmulhsu.vx v8, v8, a7",
        "vsext.vf2 v12, v4",
        "vsll.vi v12, v12, 16",
        "vmulh.vv v8, v8, v12",
        "vsext.vf2 v12, v6",
        "vsll.vx v12, v12, t5",
        "vadd.vv v8, v8, v12",
        "vssra.vx v8, v8, t4",
        "vsetvli zero, zero, e16, m2, ta, ma",
        "vnclip.wi v2, v8, 0",
        "vsetvli zero, zero, e8, m1, ta, ma",
        "vnclip.wi v4, v2, 0",
        "vse8.v v4, (a2)",
        "add a2, a2, t0",
        "sub a3, a3, t0",
        "slli t0, t0, 1",
        "add a0, a0, t0",
        "slli t0, t0, 1",
        "add a1, a1, t0",
        "bnez a3, 2b",
    )
}
