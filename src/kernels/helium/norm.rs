//! Layer norm: moments of eight values at a time, results of four.

use crate::kernels::NormView;
use core::arch::naked_asm;

/// What [`normalise`] reads by offsets.
#[repr(C)]
struct Normal {
    /// Values of the row, shifted as [`InverseRoot::parts`](crate::arithmetic::inverse_root::InverseRoot::parts) tells.
    n: i32,
    root: u32,
    /// Of the values, negative and shifted likewise.
    sum: i32,
    /// One of an offset, in units of the final sum.
    one: i32,
    /// How far results go left: negative.
    down: i32,
}

/// One row.
#[inline]
pub(super) fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
    if !norm.takes(x, out) {
        return;
    }
    let mut squares = 0;
    // SAFETY: `x` has that many values, one at least.
    let sum = unsafe { moments(x.as_ptr(), x.len(), &raw mut squares) };
    let sum = norm.taken_off(sum);
    let (root, up, places) = norm.inverse_root(x.len(), sum, squares).parts();
    let n = x.len() as i32;
    let one = 1 << (places - 8);
    let normal = Normal { n: n << up, root, sum: sum.wrapping_neg() << up, one, down: -(places as i32) };
    // SAFETY: all three slices have as many elements.
    unsafe { normalise(x.as_ptr(), norm.channels.as_ptr().cast(), out.as_mut_ptr(), x.len(), &raw const normal) };
}

/// Sum of the values; that of their squares is written to `squares`.
///
/// # Safety
/// `x` points to `length` values, one at least.
#[unsafe(naked)]
unsafe extern "C" fn moments(x: *const i16, length: usize, squares: *mut u64) -> i32 {
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, lr}}",
        "mov r6, #0",
        "mov r4, #0",
        "mov r5, #0",
        "dlstp.16 lr, r1",
        "2:",
        "vldrh.u16 q0, [r0], #16",
        "vaddva.s16 r6, q0",
        "vmlaldava.s16 r4, r5, q0, q0",
        "letp lr, 2b",
        "strd r4, r5, [r2]",
        "mov r0, r6",
        "pop {{r4, r5, r6, pc}}",
    )
}

/// # Safety
/// `x`, `channels` (words of gain and offset) and `out` point to `count` elements, one at least.
#[unsafe(naked)]
unsafe extern "C" fn normalise(x: *const i16, channels: *const u32, out: *mut i8, count: usize, normal: *const Normal) {
    naked_asm!(
        cpu!(),
        "push {{r4-r7, lr}}",
        "ldr r12, [sp, #20]",
        "vpush {{d8-d9}}",
        "ldm r12, {{r4, r5, r6, r7, r12}}",
        "vdup.32 q1, r4",
        "vdup.32 q2, r5",
        "dlstp.32 lr, r3",
        "2:",
        "vldrh.s32 q0, [r0], #8",
        // n·x - Σx, times the root.
        "vmlas.s32 q0, q1, r6",
        "vldrw.u32 q3, [r1], #16",
        "vshl.i32 q4, q3, #16",
        "vmulh.s32 q0, q0, q2",
        // The gain is a low half, the offset a high one.
        "vshr.s32 q3, q3, #16",
        "vmulh.s32 q0, q0, q4",
        "vmla.s32 q0, q3, r7",
        // Less than 2^14 in size for all widths up to the greatest: the lower half of each lane tells all.
        "vrshl.s32 q0, r12",
        "vqmovnb.s16 q0, q0",
        "vstrb.32 q0, [r2], #4",
        "letp lr, 2b",
        "vpop {{d8-d9}}",
        "pop {{r4-r7, pc}}",
    )
}
