//! From sums to results.

use crate::kernels::generic::packed::loops::Finish;
use core::arch::naked_asm;

/// A loop over scales, and within it over the sums of each, as [`Finish`] tells. `$scale` loads a scale at r1 into r5
/// (the multiplier, doubled), r7 (the shift) and r8 (what is added to the sums); `$sums` goes through the sums from r0
/// up to r12, `r1` bytes apart, and through the results from r9 on, `r10` bytes apart. lr is the [`Finish`], r6 half a
/// unit of the shift.
macro_rules! finish {
    ($scale:expr, $sums:expr) => {
        lines!(
            "push {{r4-r11, lr}}",
            // Bytes of whole triples: those of 0, 3 or 6 lanes.
            "ldr r1, [r0, #12]",
            "mov r2, #0",
            "cmp r1, #12",
            "it ge",
            "movge r2, #12",
            "cmp r1, #24",
            "it ge",
            "movge r2, #24",
            "push {{r2}}",
            "mov lr, r0",
            "1:",
            "ldr r1, [lr, #28]",
            $scale,
            "str r1, [lr, #28]",
            "mov r6, #1",
            "lsl r6, r6, r7",
            "lsr r6, r6, #1",
            "ldm lr, {{r0-r3}}",
            "add r12, r0, r3",
            "add r2, r0, r2",
            "str r2, [lr]",
            "ldrd r9, r10, [lr, #16]",
            "ldr r2, [lr, #24]",
            "add r2, r9, r2",
            "str r2, [lr, #16]",
            $sums,
            "ldrd r1, r2, [lr, #28]",
            "cmp r1, r2",
            "bne 1b",
            "add sp, sp, #4",
            "pop {{r4-r11, pc}}",
        )
    };
}

/// The next [`Channel`](crate::Channel).
macro_rules! channel {
    () => {
        lines!(
            "ldrd r8, r5, [r1], #8",
            "ldr r3, [lr, #36]",
            "sub r8, r8, r3",
            "and r7, r5, #31",
            "bic r5, r5, #31",
            "lsr r5, r5, #1",
        )
    };
}

/// Sums of up to six lanes side by side: `$put` for each, three at a time and then one by one.
macro_rules! side_by_side {
    ($put:ident) => {
        lines!(
            "ldr r11, [sp]",
            "add r11, r0, r11",
            "b 3f",
            "2:",
            "ldm r0!, {{r1-r3}}",
            $put!("r1"),
            $put!("r2"),
            $put!("r3"),
            "3:",
            "cmp r0, r11",
            "bne 2b",
            "b 5f",
            "4:",
            "ldr r1, [r0], #4",
            $put!("r1"),
            "5:",
            "cmp r0, r12",
            "bne 4b",
        )
    };
}

/// Requantises a sum; r4 is lost.
macro_rules! requantise {
    ($sum:literal, $bits:literal) => {
        lines!(
            concat!("add ", $sum, ", ", $sum, ", r8"),
            concat!("smull r4, ", $sum, ", ", $sum, ", r5"),
            concat!("add ", $sum, ", ", $sum, ", r6"),
            concat!("asr ", $sum, ", ", $sum, ", r7"),
            concat!("ssat ", $sum, ", #", $bits, ", ", $sum),
        )
    };
}

/// To int8.
macro_rules! put_i8 {
    ($sum:literal) => {
        lines!(requantise!($sum, "8"), concat!("strb ", $sum, ", [r9]"), "add r9, r9, r10")
    };
}

/// To int16, added with saturation.
macro_rules! put_i16 {
    ($sum:literal) => {
        lines!(
            requantise!($sum, "16"),
            "ldrsh r4, [r9]",
            concat!("add ", $sum, ", ", $sum, ", r4"),
            concat!("ssat ", $sum, ", #16, ", $sum),
            concat!("strh ", $sum, ", [r9]"),
            "add r9, r9, r10"
        )
    };
}

/// [`PackedLoops::STORE`](crate::kernels::generic::packed::loops::PackedLoops::STORE)
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn store(finish: *mut Finish) {
    naked_asm!(finish!(channel!(), side_by_side!(put_i8)))
}

/// [`PackedLoops::ADD`](crate::kernels::generic::packed::loops::PackedLoops::ADD)
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn add(finish: *mut Finish) {
    naked_asm!(finish!(channel!(), side_by_side!(put_i16)))
}

/// [`PackedLoops::STORE_ROWS`](crate::kernels::generic::packed::loops::PackedLoops::STORE_ROWS)
///
/// # Safety
/// As for that.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn store_rows(finish: *mut Finish) {
    naked_asm!(finish!(
        "ldrd r7, r5, [r1], #8",
        lines!(
            "mov r11, r1",
            "2:",
            "ldr r1, [r0]",
            "add r0, r0, r11",
            "smull r4, r1, r1, r5",
            "add r1, r1, r6",
            "asr r1, r1, r7",
            "ssat r1, #8, r1",
            "strb r1, [r9], #1",
            "cmp r0, r12",
            "bne 2b",
        )
    ))
}
