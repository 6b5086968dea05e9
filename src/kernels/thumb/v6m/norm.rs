//! Layer norm for Armv6-M, whose compiler would call for every long multiplication.

use crate::kernels::NormView;
use crate::kernels::generic::norm::{self, Moments, Normalise};
use core::arch::naked_asm;

/// [`Kernels::layer_norm`](crate::kernels::Kernels::layer_norm).
#[inline(never)]
pub(super) fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
    // SAFETY: these loops do as they are told.
    unsafe { norm::layer_norm(x, norm, out, 2, add_up, normalise) };
}

/// Sum and sum of squares.
///
/// # Safety
/// From `x` to `pairs` lie values, and from there to `end` a multiple of two of them.
#[unsafe(naked)]
unsafe extern "C" fn add_up(x: *const i16, pairs: *const i16, end: *const i16, moments: *mut Moments) {
    macro_rules! value {
        ($at:literal) => {
            lines!(
                concat!("ldrsh r3, [r0, ", $at, "]"),
                "adds r6, r6, r3",
                "muls r3, r3, r3",
                "adds r4, r4, r3",
                "adcs r5, r7",
            )
        };
    }
    naked_asm!(
        "push {{r3-r7, lr}}",
        "mov r12, r2",
        "movs r4, #0",
        "movs r5, #0",
        "movs r6, #0",
        "movs r7, #0",
        // Of an odd number, one first.
        "cmp r0, r1",
        "beq 2f",
        value!("r7"),
        "adds r0, #2",
        "2:",
        "movs r2, #2",
        "mov r1, r12",
        "b 4f",
        "3:",
        value!("r7"),
        value!("r2"),
        "adds r0, #4",
        "4:",
        "cmp r0, r1",
        "bne 3b",
        "pop {{r2}}",
        "str r6, [r2]",
        "str r4, [r2, #8]",
        "str r5, [r2, #12]",
        "pop {{r4-r7, pc}}",
    )
}

/// Each value's distance from the mean by the root, by its gain, plus its offset.
///
/// # Safety
/// As for [`add_up`]; channels and outputs are as many.
#[unsafe(naked)]
unsafe extern "C" fn normalise(call: *const Normalise) {
    macro_rules! value {
        // Bytes from r0 to the value, and from r7 to the result.
        ($x:literal, $out:literal) => {
            lines!(
                concat!("movs r2, #", $x),
                "ldrsh r1, [r0, r2]",
                // n·x - Σx is exact where x - mean is not.
                "mov r2, r8",
                "muls r1, r2, r1",
                "add r1, r9",
                high!("asrs", "r5", "r6"),
                "mov r2, r11",
                "ldm r2!, {{r3}}",
                "mov r11, r2",
                "sxth r4, r3",
                "asrs r3, r3, #16",
                // A product of 32 by 16 bits, without the lowest 16.
                "uxth r2, r1",
                "asrs r1, r1, #16",
                "muls r2, r4, r2",
                "muls r1, r4, r1",
                "asrs r2, r2, #16",
                "adds r1, r1, r2",
                "mov r2, r10",
                "asrs r1, r2",
                "adds r1, r1, r3",
                "add r1, r12",
                "asrs r1, r1, #8",
                unsigned!("8"),
                "subs r1, #128",
                concat!("strb r1, [r7, #", $out, "]"),
            )
        };
    }
    naked_asm!(
        enter!(),
        // The end, half an output with what [`put_i8`] adds, and fraction bits before the offset, which has 8.
        "ldr r1, [r0, #32]",
        "push {{r1}}",
        "movs r1, #129",
        "lsls r1, r1, #8",
        "subs r1, #128",
        "mov r12, r1",
        "ldr r1, [r0, #24]",
        "subs r1, #8",
        "mov r10, r1",
        "ldr r1, [r0, #16]",
        "mov r9, r1",
        "ldr r2, [r0, #28]",
        "ldr r5, [r0, #20]",
        "lsrs r6, r5, #16",
        "uxth r5, r5",
        "ldm r0!, {{r1, r3, r7}}",
        "mov r11, r3",
        "ldr r3, [r0]",
        "mov r8, r3",
        "mov r0, r1",
        // Of an odd number, one first.
        "cmp r0, r2",
        "beq 2f",
        value!("0", "0"),
        "adds r7, #1",
        "adds r0, #2",
        "2:",
        "b 4f",
        "3:",
        value!("0", "0"),
        value!("2", "1"),
        "adds r7, #2",
        "adds r0, #4",
        "4:",
        "ldr r2, [sp]",
        "cmp r0, r2",
        "bne 3b",
        "add sp, #4",
        leave!(),
    )
}
