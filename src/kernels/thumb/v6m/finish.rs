//! From sums to results.

use crate::kernels::generic::packed::loops::Finish;
use core::arch::naked_asm;

/// A loop over scales, and within it over the sums of each, as [`Finish`] tells. `$scale` loads a scale at r1 and
/// leaves r5 (the multiplier, doubled), r3 (the shift) and r8 (what is added to the sums). `$put` stores the result in
/// r1 at r7; r2 to r4 are lost.
macro_rules! finish {
    ($scale:expr, $put:expr) => {
        lines!(
            enter!(),
            "push {{r0}}",
            "mov r7, r0",
            "1:",
            "ldr r1, [r7, #28]",
            $scale,
            "str r1, [r7, #28]",
            "mov r10, r3",
            "movs r4, #1",
            "lsls r4, r3",
            "lsrs r4, r4, #1",
            "mov r9, r4",
            "lsrs r6, r5, #16",
            "uxth r5, r5",
            "ldr r0, [r7]",
            "ldr r1, [r7, #12]",
            "adds r1, r1, r0",
            "mov lr, r1",
            "ldr r1, [r7, #8]",
            "adds r1, r1, r0",
            "str r1, [r7]",
            "ldr r1, [r7, #4]",
            "mov r12, r1",
            "ldr r1, [r7, #20]",
            "mov r11, r1",
            "ldr r1, [r7, #16]",
            "ldr r2, [r7, #24]",
            "adds r2, r2, r1",
            "str r2, [r7, #16]",
            "mov r7, r1",
            "2:",
            "ldr r1, [r0]",
            "add r1, r8",
            high!("asrs", "r5", "r6"),
            "add r1, r9",
            "mov r2, r10",
            "asrs r1, r2",
            $put,
            "add r7, r11",
            "add r0, r12",
            "cmp r0, lr",
            "bne 2b",
            "ldr r7, [sp]",
            "ldr r1, [r7, #28]",
            "ldr r2, [r7, #32]",
            "cmp r1, r2",
            "bne 1b",
            "add sp, #4",
            leave!(),
        )
    };
}

/// The next [`Channel`](crate::Channel).
macro_rules! channel {
    () => {
        lines!(
            "ldm r1!, {{r2, r5}}",
            "ldr r3, [r7, #36]",
            "subs r2, r2, r3",
            "mov r8, r2",
            "movs r3, #31",
            "ands r3, r5",
            "lsrs r5, r5, #5",
            "lsls r5, r5, #4",
        )
    };
}

/// [`PackedLoops::STORE`](crate::kernels::generic::packed::loops::PackedLoops::STORE)
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn store(finish: *mut Finish) {
    naked_asm!(finish!(channel!(), put_i8!()))
}

/// [`PackedLoops::ADD`](crate::kernels::generic::packed::loops::PackedLoops::ADD)
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn add(finish: *mut Finish) {
    naked_asm!(finish!(
        channel!(),
        lines!(
            "movs r2, #128",
            "lsls r2, r2, #8",
            "adds r1, r1, r2",
            unsigned!("16"),
            "uxth r1, r1",
            "movs r4, #0",
            "ldrsh r4, [r7, r4]",
            "adds r1, r1, r4",
            unsigned!("16"),
            "subs r1, r1, r2",
            "strh r1, [r7]",
        )
    ))
}

/// [`PackedLoops::STORE_ROWS`](crate::kernels::generic::packed::loops::PackedLoops::STORE_ROWS)
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn store_rows(finish: *mut Finish) {
    naked_asm!(finish!(lines!("ldm r1!, {{r3, r5}}", "movs r2, #0", "mov r8, r2"), put_i8!()))
}
