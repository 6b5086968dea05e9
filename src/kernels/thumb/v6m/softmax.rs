//! The softmax of a lane.

use crate::kernels::generic::packed::loops::Softmax;
use core::arch::naked_asm;

/// [`PackedLoops::LARGEST`](crate::kernels::generic::packed::loops::PackedLoops::LARGEST)
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn largest(scores: *const i32, count: usize) -> i32 {
    macro_rules! one {
        ($place:literal) => {
            lines!(
                concat!("ldr r3, [r0, #", $place, "]"),
                "subs r3, r3, r2",
                "asrs r4, r3, #31",
                "bics r3, r4",
                "adds r2, r2, r3",
            )
        };
    }
    naked_asm!(
        "push {{r4, r5, lr}}",
        "movs r3, #12",
        "muls r3, r1, r3",
        "adds r5, r0, r3",
        "ldr r2, [r0]",
        "movs r3, #3",
        "ands r1, r3",
        "beq 3f",
        "2:",
        one!("0"),
        "adds r0, #12",
        "subs r1, #1",
        "bne 2b",
        "b 3f",
        "4:",
        one!("0"),
        one!("12"),
        one!("24"),
        one!("36"),
        "adds r0, #48",
        "3:",
        "cmp r0, r5",
        "bne 4b",
        "mov r0, r2",
        "pop {{r4, r5, pc}}",
    )
}

/// [`PackedLoops::WEIGH`](crate::kernels::generic::packed::loops::PackedLoops::WEIGH)
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn weigh(scores: *mut i32, count: usize, softmax: *const Softmax, max: i32) -> u32 {
    naked_asm!(
        enter!(),
        "mov r8, r3",
        "movs r4, #12",
        "muls r1, r4, r1",
        "adds r1, r0, r1",
        "push {{r1}}",
        // Steepness, bias, a2, a1, a0.
        "ldm r2!, {{r3-r7}}",
        "mov r12, r4",
        "mov r11, r5",
        "mov r10, r6",
        "mov r9, r7",
        "uxth r6, r3",
        "lsrs r7, r3, #16",
        "movs r5, #0",
        "mov lr, r5",
        "2:",
        "ldr r1, [r0]",
        "mov r2, r8",
        "subs r1, r2, r1",
        "lsls r1, r1, #8",
        high!("lsrs", "r6", "r7"),
        "add r1, r12",
        // At most 65535.
        "lsrs r2, r1, #16",
        "rsbs r2, r2, #0",
        "asrs r2, r2, #31",
        "orrs r1, r2",
        "uxth r1, r1",
        "lsls r2, r1, #21",
        "lsrs r2, r2, #21",
        "mov r3, r11",
        "muls r3, r2, r3",
        "add r3, r10",
        "asrs r3, r3, #11",
        "muls r3, r2, r3",
        "add r3, r9",
        // Without the bits below the polynomial, the carry is the bit to round by, also at a shift of none.
        "lsrs r3, r3, #11",
        "lsls r3, r3, #11",
        "lsrs r1, r1, #11",
        "lsrs r3, r1",
        "adcs r3, r5",
        "str r3, [r0]",
        "add lr, r3",
        "adds r0, #12",
        "ldr r4, [sp]",
        "cmp r0, r4",
        "bne 2b",
        "mov r0, lr",
        "add sp, #4",
        leave!(),
    )
}
