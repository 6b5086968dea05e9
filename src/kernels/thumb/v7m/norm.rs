//! Layer norm for Armv7-M: 11 instructions for a value.

use crate::kernels::NormView;
use crate::kernels::generic::norm::{self, Moments, Normalise};
use core::arch::naked_asm;

/// [`Kernels::layer_norm`](crate::kernels::Kernels::layer_norm).
#[inline(never)]
pub(super) fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
    // SAFETY: these loops do as they are told.
    unsafe { norm::layer_norm(x, norm, out, 4, add_up, normalise) };
}

/// `$value` for each value from r0 up to `$fours`, then four times a turn up to `$end`.
macro_rules! each {
    ($value:expr, $fours:literal, $end:literal) => {
        lines!(
            "b 3f",
            "2:",
            $value,
            "3:",
            concat!("cmp r0, ", $fours),
            "bne 2b",
            "b 5f",
            "4:",
            $value,
            $value,
            $value,
            $value,
            "5:",
            concat!("cmp r0, ", $end),
            "bne 4b",
        )
    };
}

/// Sum and sum of squares.
///
/// # Safety
/// From `x` to `fours` lie values, and from there to `end` a multiple of four of them.
#[unsafe(naked)]
unsafe extern "C" fn add_up(x: *const i16, fours: *const i16, end: *const i16, moments: *mut Moments) {
    naked_asm!(
        "push {{r4-r7}}",
        "mov r4, #0",
        "mov r5, #0",
        "mov r6, #0",
        each!(lines!("ldrsh r7, [r0], #2", "add r4, r4, r7", "smlal r5, r6, r7, r7"), "r1", "r2"),
        "str r4, [r3]",
        "strd r5, r6, [r3, #8]",
        "pop {{r4-r7}}",
        "bx lr",
    )
}

/// `InverseRoot::apply` on all values. The root times the distance from the mean, by the gain and plus the offset and
/// half an output, is one double word; what the specification rounds off on the way are bits below all that it adds
/// later.
///
/// # Safety
/// As for [`add_up`]; channels and outputs are as many.
#[unsafe(naked)]
unsafe extern "C" fn normalise(call: *const Normalise) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "ldm r0, {{r0-r8}}",
        "mov lr, r8",
        "mov r8, r7",
        // Fraction bits of the upper word, and one of an offset.
        "sub r7, r6, #16",
        "add r6, r6, #8",
        "mov r9, #1",
        "lsl r6, r9, r6",
        each!(
            lines!(
                "ldrsh r9, [r0], #2",
                "ldrsh r10, [r1], #4",
                "ldrsh r11, [r1, #-2]",
                "mla r9, r9, r3, r4",
                "smull r12, r9, r9, r5",
                "add r11, r11, #128",
                "smull r11, r12, r11, r6",
                "smlal r11, r12, r9, r10",
                "asr r12, r12, r7",
                "ssat r12, #8, r12",
                "strb r12, [r2], #1",
            ),
            "r8",
            "lr"
        ),
        "pop {{r4-r11, pc}}",
    )
}
