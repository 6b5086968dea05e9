//! The softmax of one lane: free of branches, whose count would depend on the data.

use crate::kernels::generic::packed::loops::Softmax;
use core::arch::naked_asm;

/// A loop of `$one` over a lane's scores, four at a time after the first few. a0 goes through the scores, a1 is their
/// count; t6 is lost.
macro_rules! lane_loop {
    ($one:expr, $four:expr) => {
        lines!(
            // 24 bytes from a score to the next.
            "slli t6, a1, 3",
            "slli t5, a1, 4",
            "add t6, t6, t5",
            "add t6, a0, t6",
            "andi a1, a1, 3",
            "beqz a1, 3f",
            "2:",
            $one,
            "addi a0, a0, 24",
            "addi a1, a1, -1",
            "bnez a1, 2b",
            "beq a0, t6, 4f",
            "3:",
            $four,
            "addi a0, a0, 96",
            "bne a0, t6, 3b",
            "4:",
        )
    };
}

macro_rules! larger {
    ($place:literal) => {
        lines!(
            concat!("lw t0, ", $place, "(a0)"),
            "sub t0, a2, t0",
            "srai t1, t0, 31",
            "and t0, t0, t1",
            "sub a2, a2, t0",
        )
    };
}

/// The largest score of a lane. Scores differ by less than 2^31.
///
/// # Safety
/// There are `count` scores, at least one, each six words after the one before it.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn largest(scores: *const i32, count: usize) -> i32 {
    naked_asm!(
        ".option push",
        ".option arch, +m",
        "lw a2, 0(a0)",
        lane_loop!(larger!("0"), concat!(larger!("0"), larger!("24"), larger!("48"), larger!("72"))),
        "mv a0, a2",
        "ret",
        ".option pop",
    )
}

/// A score to its weight. a3: maximum, a4: sum, a5: steepness, a6, a7, t4: coefficients, t3: 2^15, t1 and t2: the last
/// rounding shift; t0, t5, s0 and s1 are lost.
macro_rules! weigh_one {
    ($place:literal) => {
        lines!(
            concat!("lw t0, ", $place, "(a0)"),
            "sub t0, a3, t0",
            "mulhu t0, t0, a5",
            // Beyond 16 octaves the weight is 0.
            "sltu s1, t0, t3",
            "andi t5, t0, 2047",
            "mul s0, t5, a6",
            "add s0, s0, a7",
            "srai s0, s0, 11",
            "mul s0, s0, t5",
            "add s0, s0, t4",
            "andi s0, s0, -2048",
            "srli t0, t0, 11",
            "sra s0, s0, t0",
            "add s0, s0, t1",
            "sra s0, s0, t2",
            "mul s0, s0, s1",
            "add a4, a4, s0",
            concat!("sw s0, ", $place, "(a0)"),
        )
    };
}

/// Turns a lane's scores into weights, in place; gives their sum.
///
/// # Safety
/// As for [`largest`], whose result is `max`.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn weigh(scores: *mut i32, count: usize, softmax: *const Softmax, max: i32) -> u32 {
    naked_asm!(
        ".option push",
        ".option arch, +m",
        "addi sp, sp, -16",
        "sw s0, 0(sp); sw s1, 4(sp); li a4, 0; lw a5, 0(a2); lw a6, 8(a2); lw a7, 12(a2); lw t4, 16(a2)",
        "lw t1, 20(a2); lw t2, 24(a2); lui t3, 8",
        lane_loop!(weigh_one!("0"), concat!(weigh_one!("0"), weigh_one!("24"), weigh_one!("48"), weigh_one!("72"))),
        "mv a0, a4; lw s0, 0(sp); lw s1, 4(sp)",
        "addi sp, sp, 16",
        "ret",
        ".option pop",
    )
}
