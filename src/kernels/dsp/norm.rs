//! Layer norm of a row, four values a turn.

use crate::kernels::generic::norm::{self, Moments, Normalise};
use crate::kernels::{NormView, portable};
use core::arch::naked_asm;

/// One row; rows whose length is no multiple of four are left to the portable backend.
pub(super) fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
    if !x.len().is_multiple_of(4) {
        return portable::layer_norm(x, norm, out);
    }
    // SAFETY: these loops do as they are told, with whole fours.
    unsafe { norm::layer_norm(x, norm, out, 4, add_up, normalise) };
}

/// Sum and sum of squares.
///
/// # Safety
/// From `x` to `end` lies a positive multiple of four values.
#[unsafe(naked)]
unsafe extern "C" fn add_up(x: *const i16, _: *const i16, end: *const i16, moments: *mut Moments) {
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, lr}}",
        "mov r1, #0",
        "mov r4, #0",
        "mov r5, #0",
        "mov r12, #0x00010001",
        "2:",
        "ldr r6, [r0], #4",
        "ldr lr, [r0], #4",
        "smlad r1, r6, r12, r1",
        "smlald r4, r5, r6, r6",
        "smlad r1, lr, r12, r1",
        "smlald r4, r5, lr, lr",
        "cmp r0, r2",
        "bne 2b",
        "str r1, [r3]",
        "strd r4, r5, [r3, #8]",
        "pop {{r4, r5, r6, pc}}",
    )
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
        "ldm r0, {{r0-r8}}",
        "mov r9, r8",
        // Fraction bits, one of an offset, and half an output.
        "mov r8, r6",
        "mov r10, #1",
        "sub r6, r8, #8",
        "lsl r6, r10, r6",
        "sub r7, r8, #1",
        "lsl r7, r10, r7",
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
