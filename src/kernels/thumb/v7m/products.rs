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
        "push {{r4-r7, lr}}",
        "ldm r0, {{r0-r5}}",
        "2:",
        "ldrsb r12, [r0], #1",
        "ldrsb r6, [r1], #1",
        "ldrsb r7, [r2], #1",
        "add r12, r12, r6, lsl #21",
        "add r7, r7, r6, lsl #10",
        "strd r12, r7, [r3]",
        "add r3, r3, r5",
        "cmp r3, r4",
        "bne 2b",
        "pop {{r4-r7, pc}}",
    )
}

/// One inner position of [`panel`] for six lanes.
macro_rules! six {
    () => {
        lines!(
            "ldm r0!, {{r4-r7}}",
            "ldrsb r3, [r1], #1",
            "mla r8, r4, r3, r8",
            "mla r9, r5, r3, r9",
            "mla r10, r6, r3, r10",
            "mla r11, r7, r3, r11",
        )
    };
}

/// For three lanes.
macro_rules! three {
    () => {
        lines!("ldm r0!, {{r4, r5}}", "ldrsb r3, [r1], #1", "mla r8, r4, r3, r8", "mla r9, r5, r3, r9")
    };
}

/// One key of [`weighted`] for three lanes.
macro_rules! weighted_three {
    () => {
        lines!(
            "ldm r0!, {{r3-r5}}",
            "ldrsb r2, [r1], #1",
            "mla r6, r3, r2, r6",
            "mla r7, r4, r2, r7",
            "mla r8, r5, r2, r8",
        )
    };
}

/// For six lanes.
macro_rules! weighted_six {
    () => {
        lines!(
            weighted_three!(),
            "ldm r0!, {{r3-r5}}",
            "mla r9, r3, r2, r9",
            "mla r10, r4, r2, r10",
            "mla r11, r5, r2, r11",
        )
    };
}

/// A loop over rows, and within it over inner positions, four at a time and then one by one. r0 goes through `x`,
/// `$bytes` for each position, r1 through the rows. `$keep` puts the last word to keep into r11, and `$end` leaves the
/// place of the next sums in r12; `$fours` is a register that the loop does not use.
macro_rules! rows {
    ($bytes:literal, $fours:literal, $keep:expr, $begin:expr, $one:expr, $end:expr) => {
        lines!(
            "push {{r4-r11, lr}}",
            "ldm r0, {{r0-r6}}",
            // x, end of whole groups of four positions, end of x, from a row's end to the next row, end of sums, and
            // what is kept.
            "bic r7, r1, #3",
            concat!("mov r8, #", $bytes),
            "mla r7, r7, r8, r0",
            "mla r8, r1, r8, r0",
            "sub r9, r3, r1",
            "mov r10, r5",
            $keep,
            "mov r1, r2",
            "push {{r0, r7-r11}}",
            "1:",
            concat!("ldm sp, {{r0, ", $fours, ", lr}}"),
            $begin,
            "b 7f",
            "2:",
            $one,
            $one,
            $one,
            $one,
            "7:",
            concat!("cmp r0, ", $fours),
            "bne 2b",
            "b 8f",
            "4:",
            $one,
            "8:",
            "cmp r0, lr",
            "bne 4b",
            $end,
            "ldrd r0, r2, [sp, #12]",
            "add r1, r1, r0",
            "cmp r12, r2",
            "bne 1b",
            "add sp, sp, #24",
            "pop {{r4-r11, pc}}",
        )
    };
}

/// [`rows`] for products of packed words: whether to add is kept.
macro_rules! panel {
    ($bytes:literal, $begin:expr, $one:expr, $end:expr) => {
        rows!($bytes, "r2", lines!("mov r11, r6", "mov r12, r4"), $begin, $one, $end)
    };
}

/// [`rows`] for products with weights, stored by `$store`: the place of the next sums is kept.
macro_rules! weighted {
    ($bytes:literal, $begin:expr, $one:expr, $store:literal) => {
        rows!($bytes, "r12", "mov r11, r4", $begin, $one, lines!("ldr r12, [sp, #20]", $store, "str r12, [sp, #20]"))
    };
}

/// Two packed sums to three.
macro_rules! unpack {
    ($ab:literal, $cb:literal => $a:literal, $b:literal, $c:literal) => {
        lines!(
            concat!("ubfx ", $a, ", ", $ab, ", #0, #21"),
            concat!("lsr ", $b, ", ", $ab, ", #21"),
            concat!("sub ", $cb, ", ", $cb, ", ", $b, ", lsl #10"),
            concat!("lsr ", $c, ", ", $cb, ", #21"),
            concat!("orr ", $b, ", ", $b, ", ", $c, ", lsl #11"),
            concat!("ubfx ", $c, ", ", $cb, ", #0, #21"),
        )
    };
}

/// [`PackedLoops::PANEL`](crate::kernels::generic::packed::loops::PackedLoops::PANEL) of six lanes.
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn panel_six(panel: *const Panel) {
    naked_asm!(panel!(
        "16",
        // 2^20 - 2^12, times 1 + 2^21 and times 1 + 2^10.
        lines!("mov r8, #0xff000", "orr r9, r8, #0x3fc00000", "mov r10, r8", "mov r11, r9"),
        six!(),
        lines!(
            unpack!("r8", "r9" => "r4", "r5", "r6"),
            unpack!("r10", "r11" => "r7", "r8", "r9"),
            "ldr r0, [sp, #20]",
            "cbz r0, 6f",
            "ldm r12, {{r0, r2, r3, r10, r11, lr}}",
            "add r4, r4, r0",
            "add r5, r5, r2",
            "add r6, r6, r3",
            "add r7, r7, r10",
            "add r8, r8, r11",
            "add r9, r9, lr",
            "6:",
            "stm r12!, {{r4-r9}}",
        )
    ))
}

/// [`panel_six`] for three lanes.
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn panel_three(panel: *const Panel) {
    naked_asm!(panel!(
        "8",
        lines!("mov r8, #0xff000", "orr r9, r8, #0x3fc00000"),
        three!(),
        lines!(
            unpack!("r8", "r9" => "r4", "r5", "r6"),
            "ldr r0, [sp, #20]",
            "cbz r0, 6f",
            "ldm r12, {{r0, r2, r3}}",
            "add r4, r4, r0",
            "add r5, r5, r2",
            "add r6, r6, r3",
            "6:",
            "stm r12!, {{r4-r6}}",
        )
    ))
}

/// [`PackedLoops::WEIGHTED`](crate::kernels::generic::packed::loops::PackedLoops::WEIGHTED) of six lanes.
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn weighted_six(panel: *const Panel) {
    naked_asm!(weighted!(
        "24",
        lines!("mov r6, #0", "mov r7, #0", "mov r8, #0", "mov r9, #0", "mov r10, #0", "mov r11, #0"),
        weighted_six!(),
        "stm r12!, {{r6-r11}}"
    ))
}

/// [`weighted_six`] for three lanes.
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn weighted_three(panel: *const Panel) {
    naked_asm!(weighted!(
        "12",
        lines!("mov r6, #0", "mov r7, #0", "mov r8, #0"),
        weighted_three!(),
        "stm r12!, {{r6-r8}}"
    ))
}
