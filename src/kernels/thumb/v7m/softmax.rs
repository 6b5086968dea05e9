//! The softmax of a lane.

use crate::kernels::generic::packed::loops::Softmax;
use core::arch::naked_asm;

/// [`PackedLoops::LARGEST`](crate::kernels::generic::packed::loops::PackedLoops::LARGEST)
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn largest<const BYTES: usize>(scores: *const i32, count: usize) -> i32 {
    macro_rules! one {
        () => {
            lines!("ldr r3, [r0], #{bytes}", "cmp r3, r2", "it gt", "movgt r2, r3")
        };
    }
    naked_asm!(
        "mov r12, #{bytes}",
        "mla r12, r1, r12, r0",
        "ldr r2, [r0]",
        "and r1, r1, #3",
        "cbz r1, 3f",
        "2:",
        one!(),
        "subs r1, r1, #1",
        "bne 2b",
        "b 3f",
        "4:",
        one!(),
        one!(),
        one!(),
        one!(),
        "3:",
        "cmp r0, r12",
        "bne 4b",
        "mov r0, r2",
        "bx lr",
        bytes = const BYTES,
    )
}

/// [`PackedLoops::WEIGH`](crate::kernels::generic::packed::loops::PackedLoops::WEIGH)
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn weigh<const BYTES: usize>(
    scores: *mut i32,
    count: usize,
    softmax: *const Softmax,
    max: i32,
) -> u32 {
    macro_rules! one {
        () => {
            lines!(
                "ldr r10, [r0]",
                "sub r10, r3, r10, lsl #8",
                "umull r11, r10, r10, r4",
                "add r10, r10, r5",
                "usat r10, #16, r10",
                "ubfx r11, r10, #0, #11",
                "mla r12, r6, r11, r7",
                "asr r12, r12, #11",
                "mla r12, r12, r11, r8",
                // Without the bits below the polynomial, the carry is the bit to round by, also at a shift of none.
                "bfc r12, #0, #11",
                "lsr r10, r10, #11",
                "lsrs r12, r12, r10",
                "adc r12, r12, #0",
                "str r12, [r0], #{bytes}",
                "add r9, r9, r12",
            )
        };
    }
    naked_asm!(
        "push {{r4-r11, lr}}",
        "ldm r2, {{r4-r8}}",
        "mov r12, #{bytes}",
        "mla lr, r1, r12, r0",
        "lsl r3, r3, #8",
        "mov r9, #0",
        "tst r1, #1",
        "beq 3f",
        one!(),
        "b 3f",
        "2:",
        one!(),
        one!(),
        "3:",
        "cmp r0, lr",
        "bne 2b",
        "mov r0, r9",
        "pop {{r4-r11, pc}}",
        bytes = const BYTES,
    )
}
