//! Products of rows, packed or not, with rows of int8.

use super::super::{Pack, Panel};
use core::arch::naked_asm;

/// Packs three rows.
///
/// # Safety
/// All of `pack` is as its fields say: three rows with a value for each step from `words` to `end`, at least one.
#[unsafe(naked)]
pub(in crate::kernels::thumb) unsafe extern "C" fn pack(pack: *const Pack) {
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

/// One key of [`weighted`] for six lanes.
macro_rules! weighted_six {
    () => {
        lines!(
            "ldm r0!, {{r3-r5}}",
            "ldrsb r2, [r1], #1",
            "mla r6, r3, r2, r6",
            "mla r7, r4, r2, r7",
            "mla r8, r5, r2, r8",
            "ldm r0!, {{r3-r5}}",
            "mla r9, r3, r2, r9",
            "mla r10, r4, r2, r10",
            "mla r11, r5, r2, r11",
        )
    };
}

/// For three lanes.
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

/// A loop over rows, and within it over inner positions, four at a time and then one by one. r0 goes through `x`,
/// `$bytes` for each position, r1 through the rows, r12 through the sums.
macro_rules! rows {
    ($bytes:literal, $begin:expr, $one:expr, $end:expr) => {
        lines!(
            "push {{r4-r11, lr}}",
            "ldm r0, {{r0-r6}}",
            // x, end of whole groups of four positions, end of x, from a row's end to the next row, end of sums,
            // whether to add.
            "bic r7, r1, #3",
            concat!("mov r8, #", $bytes),
            "mla r7, r7, r8, r0",
            "mla r8, r1, r8, r0",
            "sub r9, r3, r1",
            "mov r10, r5",
            "mov r11, r6",
            "mov r12, r4",
            "mov r1, r2",
            "push {{r0, r7-r11}}",
            "1:",
            "ldm sp, {{r0, r2, lr}}",
            $begin,
            "b 7f",
            "2:",
            $one,
            $one,
            $one,
            $one,
            "7:",
            "cmp r0, r2",
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

/// [`rows`] with the end in lr; r2 is lost in the loop.
macro_rules! weighted_rows {
    ($bytes:literal, $begin:expr, $one:expr, $end:expr) => {
        lines!(
            "push {{r4-r11, lr}}",
            "ldm r0, {{r0-r6}}",
            "bic r7, r1, #3",
            concat!("mov r8, #", $bytes),
            "mla r7, r7, r8, r0",
            "mla r8, r1, r8, r0",
            "sub r9, r3, r1",
            "mov r10, r5",
            "mov r11, r4",
            "mov r1, r2",
            "push {{r0, r7-r11}}",
            "1:",
            "ldm sp, {{r0, r12, lr}}",
            $begin,
            "b 7f",
            "2:",
            $one,
            $one,
            $one,
            $one,
            "7:",
            "cmp r0, r12",
            "bne 2b",
            "b 8f",
            "4:",
            $one,
            "8:",
            "cmp r0, lr",
            "bne 4b",
            "ldr r12, [sp, #20]",
            $end,
            "str r12, [sp, #20]",
            "ldrd r0, r2, [sp, #12]",
            "add r1, r1, r0",
            "cmp r12, r2",
            "bne 1b",
            "add sp, sp, #24",
            "pop {{r4-r11, pc}}",
        )
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

/// The products of six lanes, or three, with each row, each sum off by `CENTRE`.
///
/// # Safety
/// `panel.x` points to four words for each of `length` positions, or two; `panel.w` to rows of `length` bytes, `stride`
/// apart, for each six sums, or three, up to the end. There is at least one row, and a length of 1 to `CHUNK`.
#[inline]
pub(in crate::kernels::thumb) unsafe fn panel(wide: bool, panel: *const Panel) {
    // SAFETY: as the caller promises.
    unsafe { if wide { panel_six(panel) } else { panel_three(panel) } }
}

#[unsafe(naked)]
unsafe extern "C" fn panel_six(panel: *const Panel) {
    naked_asm!(rows!(
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

#[unsafe(naked)]
unsafe extern "C" fn panel_three(panel: *const Panel) {
    naked_asm!(rows!(
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

/// `Σ w·v` of six lanes, or three, for each row of values, over at most 512 keys.
///
/// # Safety
/// As for [`panel`], but with a word for each lane and position, and a length of at least 1.
#[inline]
pub(in crate::kernels::thumb) unsafe fn weighted(wide: bool, panel: *const Panel) {
    // SAFETY: as the caller promises.
    unsafe { if wide { weighted_sum_six(panel) } else { weighted_sum_three(panel) } }
}

#[unsafe(naked)]
unsafe extern "C" fn weighted_sum_six(panel: *const Panel) {
    naked_asm!(weighted_rows!(
        "24",
        lines!("mov r6, #0", "mov r7, #0", "mov r8, #0", "mov r9, #0", "mov r10, #0", "mov r11, #0"),
        weighted_six!(),
        "stm r12!, {{r6-r11}}"
    ))
}

#[unsafe(naked)]
unsafe extern "C" fn weighted_sum_three(panel: *const Panel) {
    naked_asm!(weighted_rows!(
        "12",
        lines!("mov r6, #0", "mov r7, #0", "mov r8, #0"),
        weighted_three!(),
        "stm r12!, {{r6-r8}}"
    ))
}
