//! Layer norm of a row, four values a turn.

use crate::kernels::{NormView, portable};
use crate::norm::NormChannel;
use core::arch::naked_asm;

/// One row; rows whose length is no multiple of four are left to the portable backend.
pub(super) fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
    let n = x.len();
    if !n.is_multiple_of(4) || !norm.takes(x, out) {
        return portable::layer_norm(x, norm, out);
    }
    let end = x.as_ptr_range().end;
    let mut sums = Sums { sum: 0, squares: 0 };
    // SAFETY: `x` is a positive multiple of four values up to `end`.
    unsafe { add_up(x.as_ptr(), end, &raw mut sums) };
    sums.sum = norm.taken_off(sums.sum);
    let (root, up, places) = norm.inverse_root(n, sums.sum, sums.squares).parts();
    let call = Normalise {
        x: x.as_ptr(),
        channels: norm.channels.as_ptr(),
        out: out.as_mut_ptr(),
        n: (n as i32) << up,
        minus_sum: sums.sum.wrapping_neg() << up,
        root,
        offset: 1 << (places - 8),
        half: 1 << (places - 1),
        places,
        end,
    };
    // SAFETY: `x` is a positive multiple of four values up to `end`; channels and outputs are as many.
    unsafe { normalise(&raw const call) };
}

#[repr(C)]
struct Sums {
    sum: i32,
    squares: u64,
}

/// Sum and sum of squares.
///
/// # Safety
/// From `x` to `end` lies a positive multiple of four values.
#[unsafe(naked)]
unsafe extern "C" fn add_up(x: *const i16, end: *const i16, sums: *mut Sums) {
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, lr}}",
        "mov r3, #0",
        "mov r4, #0",
        "mov r5, #0",
        "mov r12, #0x00010001",
        "2:",
        "ldr r6, [r0], #4",
        "ldr lr, [r0], #4",
        "smlad r3, r6, r12, r3",
        "smlald r4, r5, r6, r6",
        "smlad r3, lr, r12, r3",
        "smlald r4, r5, lr, lr",
        "cmp r0, r1",
        "bne 2b",
        "str r3, [r2]",
        "strd r4, r5, [r2, #8]",
        "pop {{r4, r5, r6, pc}}",
    )
}

/// What [`normalise`] needs, in the order of its registers.
#[repr(C)]
struct Normalise {
    x: *const i16,
    channels: *const NormChannel,
    out: *mut i8,
    /// Values of the row and their negative sum, both shifted as
    /// [`InverseRoot::parts`](crate::norm::InverseRoot::parts) tells.
    n: i32,
    minus_sum: i32,
    root: u32,
    /// One of the offset, in units of the final sum.
    offset: i32,
    /// Half of an output, in the same units.
    half: i32,
    places: u32,
    end: *const i16,
}

/// `InverseRoot::apply` on all values.
///
/// # Safety
/// From `x` to `end` lies a positive multiple of four values; channels and outputs are as many.
#[unsafe(naked)]
unsafe extern "C" fn normalise(call: *const Normalise) {
    macro_rules! value {
        () => {
            lines!(
                "ldrsh r10, [r0], #2",
                "ldr r11, [r1], #4",
                "mla r10, r10, r3, r4",
                "smmul r10, r10, r5",
                "smlatb r12, r11, r6, r7",
                "smlawb r10, r10, r11, r12",
                "asr r10, r10, r8",
                "ssat r10, #8, r10",
                "strb r10, [r2], #1"
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "ldm r0, {{r0-r9}}",
        "2:",
        value!(),
        value!(),
        value!(),
        value!(),
        "cmp r0, r9",
        "bne 2b",
        "pop {{r4-r11, pc}}",
    )
}
