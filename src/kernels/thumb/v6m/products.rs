//! Products of rows, packed or not, with rows of int8.

use crate::kernels::generic::packed::loops::{Pack, Panel};
use core::arch::naked_asm;

/// [`PackedLoops::PACK`](crate::kernels::generic::packed::loops::PackedLoops::PACK)
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn pack(pack: *const Pack) {
    naked_asm!(
        enter!(),
        "ldm r0!, {{r1-r6}}",
        "mov r8, r5",
        "mov r9, r6",
        "movs r0, #0",
        // r0: position, r1 to r3: rows, r4: words.
        "2:",
        "ldrsb r5, [r1, r0]",
        "ldrsb r6, [r2, r0]",
        "lsls r7, r6, #21",
        "adds r5, r5, r7",
        "str r5, [r4]",
        "ldrsb r5, [r3, r0]",
        "lsls r6, r6, #10",
        "adds r5, r5, r6",
        "str r5, [r4, #4]",
        "adds r0, #1",
        "add r4, r9",
        "cmp r4, r8",
        "bne 2b",
        leave!(),
    )
}

/// One inner position of [`panel`] for six lanes; the flags tell whether it was the last.
macro_rules! six {
    () => {
        lines!(
            "ldm r0!, {{r4-r7}}",
            "ldrsb r3, [r1, r2]",
            "muls r4, r3, r4",
            "add r8, r4",
            "muls r5, r3, r5",
            "add r9, r5",
            "muls r6, r3, r6",
            "add r10, r6",
            "muls r7, r3, r7",
            "add r11, r7",
            "adds r2, #1",
        )
    };
}

/// For three lanes.
macro_rules! three {
    () => {
        lines!(
            "ldm r0!, {{r4, r5}}",
            "ldrsb r3, [r1, r2]",
            "muls r4, r3, r4",
            "add r8, r4",
            "muls r5, r3, r5",
            "add r9, r5",
            "adds r2, #1",
        )
    };
}

/// One key of [`weighted`].
macro_rules! weighted_three {
    () => {
        lines!(
            "ldm r0!, {{r4-r6}}",
            "ldrsb r3, [r1, r2]",
            "muls r4, r3, r4",
            "add r8, r4",
            "muls r5, r3, r5",
            "add r9, r5",
            "muls r6, r3, r6",
            "add r10, r6",
            "adds r2, #1",
        )
    };
}

/// A loop over rows, and within it over inner positions, one by one and then four at a time. r0 goes through `x`, r1 is
/// the end of a row and r2 goes up to 0; r3 holds the sums at the end.
macro_rules! rows {
    ($begin:expr, $one:expr, $end:expr) => {
        lines!(
            enter!(),
            "ldm r0!, {{r1-r7}}",
            "rsbs r0, r2, #0",
            "adds r3, r3, r2",
            "lsrs r2, r2, #2",
            "lsls r2, r2, #2",
            "rsbs r2, r2, #0",
            "mov r12, r2",
            // -length, x, stride, sums, their end, whether to add.
            "push {{r0, r1, r4-r7}}",
            "mov r1, r3",
            "1:",
            $begin,
            "ldr r2, [sp, #0]",
            "ldr r0, [sp, #4]",
            "b 3f",
            "2:",
            $one,
            "3:",
            "cmp r2, r12",
            "bne 2b",
            "cmp r2, #0",
            "beq 5f",
            "4:",
            $one,
            $one,
            $one,
            $one,
            "bne 4b",
            "5:",
            "ldr r3, [sp, #12]",
            $end,
            "str r3, [sp, #12]",
            "ldr r2, [sp, #8]",
            "adds r1, r1, r2",
            "ldr r2, [sp, #16]",
            "cmp r3, r2",
            "beq 9f",
            "b 1b",
            "9:",
            "add sp, #24",
            leave!(),
        )
    };
}

/// Two packed sums to three, stored or added at r3.
macro_rules! unpack {
    ($ab:literal, $cb:literal) => {
        lines!(
            concat!("mov r4, ", $ab),
            "lsrs r5, r4, #21",
            "lsls r4, r4, #11",
            "lsrs r4, r4, #11",
            concat!("mov r6, ", $cb),
            "lsls r7, r5, #10",
            "subs r6, r6, r7",
            "lsrs r7, r6, #21",
            "lsls r7, r7, #11",
            "adds r5, r5, r7",
            "lsls r6, r6, #11",
            "lsrs r6, r6, #11",
            "ldr r7, [sp, #20]",
            "cmp r7, #0",
            "beq 6f",
            "ldr r7, [r3]",
            "adds r4, r4, r7",
            "ldr r7, [r3, #4]",
            "adds r5, r5, r7",
            "ldr r7, [r3, #8]",
            "adds r6, r6, r7",
            "6:",
            "stm r3!, {{r4-r6}}",
        )
    };
}

/// [`PackedLoops::PANEL`](crate::kernels::generic::packed::loops::PackedLoops::PANEL) of six lanes.
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn panel_six(panel: *const Panel) {
    naked_asm!(rows!(
        // 2^20 - 2^12, times 1 + 2^21 and times 1 + 2^10.
        lines!(
            "movs r3, #0xff",
            "lsls r3, r3, #12",
            "mov r8, r3",
            "mov r10, r3",
            "lsls r4, r3, #10",
            "adds r3, r3, r4",
            "mov r9, r3",
            "mov r11, r3",
        ),
        six!(),
        concat!(unpack!("r8", "r9"), unpack!("r10", "r11"))
    ))
}

/// [`panel_six`] for three lanes.
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn panel_three(panel: *const Panel) {
    naked_asm!(rows!(
        lines!("movs r3, #0xff", "lsls r3, r3, #12", "mov r8, r3", "lsls r4, r3, #10", "adds r3, r3, r4", "mov r9, r3"),
        three!(),
        unpack!("r8", "r9")
    ))
}

/// [`PackedLoops::WEIGHTED`](crate::kernels::generic::packed::loops::PackedLoops::WEIGHTED) of three lanes.
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn weighted_three(panel: *const Panel) {
    naked_asm!(rows!(
        lines!("movs r3, #0", "mov r8, r3", "mov r9, r3", "mov r10, r3"),
        weighted_three!(),
        lines!("mov r4, r8", "mov r5, r9", "mov r6, r10", "stm r3!, {{r4-r6}}")
    ))
}
