//! Sums of values by softmax weights.

use super::Blocks;
use core::arch::naked_asm;

/// One key of [`weighted`]: six weights from `$w0` on, three values at `$v`.
macro_rules! weighted_step {
    ($w0:literal, $w1:literal, $w2:literal, $w3:literal, $w4:literal, $w5:literal, $v:literal) => {
        lines!(
            weighted_half_step!($w0, $w1, $w2, $v),
            concat!("lw a6, ", $w3, "(a0)"),
            products!("a5", "a6", "t0" => "s9", "t1" => "s10", "t2" => "s11"),
            concat!("lw a6, ", $w4, "(a0)"),
            products!("a5", "a6", "t0" => "ra", "t1" => "t3", "t2" => "t4"),
            concat!("lw a6, ", $w5, "(a0)"),
            products!("a5", "a6", "t0" => "t5", "t1" => "t6", "t2" => "a7"),
        )
    };
}

/// One key of [`weighted_half`]: three weights.
macro_rules! weighted_half_step {
    ($w0:literal, $w1:literal, $w2:literal, $v:literal) => {
        lines!(
            concat!("lb t0, ", $v, "(a1)"),
            concat!("lb t1, ", $v, "(a2)"),
            concat!("lb t2, ", $v, "(a3)"),
            concat!("lw a6, ", $w0, "(a0)"),
            products!("a5", "a6", "t0" => "s0", "t1" => "s1", "t2" => "s2"),
            concat!("lw a6, ", $w1, "(a0)"),
            products!("a5", "a6", "t0" => "s3", "t1" => "s4", "t2" => "s5"),
            concat!("lw a6, ", $w2, "(a0)"),
            products!("a5", "a6", "t0" => "s6", "t1" => "s7", "t2" => "s8"),
        )
    };
}

/// A loop over blocks of three dimensions, and within it over keys, two at a time and then the last one. a0 goes
/// through the weights, a1 to a3 through the values; 52(sp) holds the address of [`Blocks`].
macro_rules! weighted_loop {
    ($begin:expr, $two:expr, $one:expr, $end:expr) => {
        lines!(
            enter!(),
            "sw a0, 52(sp)",
            "1:",
            "lw a5, 52(sp); lw a0, 0(a5); lw a1, 4(a5); lw t0, 8(a5); lw a4, 12(a5)",
            "add a2, a1, t0",
            "add a3, a2, t0",
            "add t0, a3, t0",
            "sw t0, 4(a5)",
            "andi a4, a4, -2",
            "add a4, a1, a4",
            $begin,
            "beq a1, a4, 3f",
            "2:",
            $two,
            "addi a0, a0, 48",
            "addi a1, a1, 2",
            "addi a2, a2, 2",
            "addi a3, a3, 2",
            "bne a1, a4, 2b",
            "3:",
            "lw a5, 52(sp); lw a4, 12(a5)",
            "andi a4, a4, 1",
            "beqz a4, 4f",
            $one,
            "lw a5, 52(sp)",
            "4:",
            "lw a0, 16(a5)",
            $end,
            "addi a0, a0, 72",
            "sw a0, 16(a5); lw a4, 20(a5)",
            "addi a4, a4, -1",
            "sw a4, 20(a5)",
            "bnez a4, 1b",
            leave!(),
        )
    };
}

/// `Σ w·v` of six queries and of blocks of three dimensions, over at most 512 keys.
///
/// # Safety
/// `weighted.x` points to a word for each lane and each of `length` keys, `weighted.w` to rows of as many bytes,
/// `stride` apart, three for each block;
/// `weighted.sums` to as many elements. There is at least one block.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn weighted(weighted: *mut Blocks) {
    naked_asm!(
        ".option push",
        ".option arch, +m",
        weighted_loop!(
            lines!(
                "li s0, 0; li s1, 0; li s2, 0; li s3, 0; li s4, 0; li s5, 0; li s6, 0; li s7, 0; li s8, 0",
                "li s9, 0; li s10, 0; li s11, 0; li ra, 0; li t3, 0; li t4, 0; li t5, 0; li t6, 0; li a7, 0",
            ),
            concat!(
                weighted_step!("0", "4", "8", "12", "16", "20", "0"),
                weighted_step!("24", "28", "32", "36", "40", "44", "1")
            ),
            weighted_step!("0", "4", "8", "12", "16", "20", "0"),
            lines!(
                "sw s0, 0(a0); sw s1, 24(a0); sw s2, 48(a0); sw s3, 4(a0); sw s4, 28(a0); sw s5, 52(a0)",
                "sw s6, 8(a0); sw s7, 32(a0); sw s8, 56(a0); sw s9, 12(a0); sw s10, 36(a0); sw s11, 60(a0)",
                "sw ra, 16(a0); sw t3, 40(a0); sw t4, 64(a0); sw t5, 20(a0); sw t6, 44(a0); sw a7, 68(a0)",
            )
        ),
        ".option pop",
    )
}

/// [`weighted`] for the first three queries; the places of the others are left as they are.
///
/// # Safety
/// As for [`weighted`].
#[unsafe(naked)]
pub(super) unsafe extern "C" fn weighted_half(weighted: *mut Blocks) {
    naked_asm!(
        ".option push",
        ".option arch, +m",
        weighted_loop!(
            lines!(
                "li s0, 0", "li s1, 0", "li s2, 0", "li s3, 0", "li s4, 0", "li s5, 0", "li s6, 0", "li s7, 0",
                "li s8, 0",
            ),
            concat!(weighted_half_step!("0", "4", "8", "0"), weighted_half_step!("24", "28", "32", "1")),
            weighted_half_step!("0", "4", "8", "0"),
            lines!(
                "sw s0, 0(a0); sw s1, 24(a0); sw s2, 48(a0); sw s3, 4(a0); sw s4, 28(a0); sw s5, 52(a0)",
                "sw s6, 8(a0); sw s7, 32(a0); sw s8, 56(a0)",
            )
        ),
        ".option pop",
    )
}
