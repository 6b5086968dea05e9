//! Packed sums of products: the loop that nearly all the work runs through.

use super::Blocks;
use core::arch::naked_asm;

/// One inner position of [`panel`]: four words of activations from `$x` on, four weights at `$w`.
macro_rules! panel_step {
    ($x0:literal, $x1:literal, $x2:literal, $x3:literal, $w:literal) => {
        lines!(
            concat!("lw t0, ", $x0, "(a0)"),
            concat!("lw t1, ", $x1, "(a0)"),
            concat!("lw t2, ", $x2, "(a0)"),
            concat!("lw t6, ", $x3, "(a0)"),
            concat!("lb a7, ", $w, "(a1)"),
            products!("a6", "a7", "t0" => "s0", "t1" => "s1", "t2" => "s2", "t6" => "s3"),
            concat!("lb a7, ", $w, "(a2)"),
            products!("a6", "a7", "t0" => "s4", "t1" => "s5", "t2" => "s6", "t6" => "s7"),
            concat!("lb a7, ", $w, "(a3)"),
            products!("a6", "a7", "t0" => "s8", "t1" => "s9", "t2" => "s10", "t6" => "s11"),
            concat!("lb a7, ", $w, "(a4)"),
            products!("a6", "a7", "t0" => "ra", "t1" => "t3", "t2" => "t4", "t6" => "t5"),
        )
    };
}

/// One inner position of [`panel_half`]: two words of activations.
macro_rules! half_step {
    ($x0:literal, $x1:literal, $w:literal) => {
        lines!(
            concat!("lw t0, ", $x0, "(a0)"),
            concat!("lw t1, ", $x1, "(a0)"),
            concat!("lb a7, ", $w, "(a1)"),
            products!("a6", "a7", "t0" => "s0", "t1" => "s1"),
            concat!("lb a7, ", $w, "(a2)"),
            products!("a6", "a7", "t0" => "s4", "t1" => "s5"),
            concat!("lb a7, ", $w, "(a3)"),
            products!("a6", "a7", "t0" => "s8", "t1" => "s9"),
            concat!("lb a7, ", $w, "(a4)"),
            products!("a6", "a7", "t0" => "ra", "t1" => "t3"),
        )
    };
}

/// A loop over blocks of four rows, and within it over inner positions, four at a time and then one by one.
///
/// a0 goes through the activations, `$bytes` for each position, a1 to a4 through the weights; 52(sp) holds the address
/// of [`Blocks`].
macro_rules! panel_loop {
    ($begin:expr, $log2:literal, $four:expr, $one:expr, $bytes4:literal, $bytes:literal, $end:expr) => {
        lines!(
            enter!(),
            "sw a0, 52(sp); mv a6, a0",
            "1:",
            "lw a0, 0(a6); lw a1, 4(a6); lw t0, 8(a6); lw a7, 12(a6)",
            "add a2, a1, t0",
            "add a3, a2, t0",
            "add a4, a3, t0",
            "add t0, a4, t0",
            "sw t0, 4(a6)",
            "andi a5, a7, -4",
            concat!("slli a5, a5, ", $log2),
            "add a5, a0, a5",
            $begin,
            "beq a0, a5, 3f",
            "2:",
            $four,
            concat!("addi a0, a0, ", $bytes4),
            "addi a1, a1, 4",
            "addi a2, a2, 4",
            "addi a3, a3, 4",
            "addi a4, a4, 4",
            "bne a0, a5, 2b",
            "3:",
            "lw a6, 52(sp); lw a5, 12(a6)",
            "andi a5, a5, 3",
            "beqz a5, 5f",
            "4:",
            $one,
            concat!("addi a0, a0, ", $bytes),
            "addi a1, a1, 1",
            "addi a2, a2, 1",
            "addi a3, a3, 1",
            "addi a4, a4, 1",
            "addi a5, a5, -1",
            "bnez a5, 4b",
            "lw a6, 52(sp)",
            "5:",
            // The shifts that leave the lower field in place, or times a power of two.
            "lw a0, 16(a6); lw a2, 24(a6); li a1, 11",
            "sub a1, a1, a2",
            $end,
            "addi a0, a0, 96",
            "sw a0, 16(a6); lw a5, 20(a6)",
            "addi a5, a5, -1",
            "sw a5, 20(a6)",
            "bnez a5, 1b",
            leave!(),
        )
    };
}

/// Two packed sums to three, stored from `$place` on.
macro_rules! unpack {
    ($ab:literal, $cb:literal, $first:literal, $second:literal, $third:literal) => {
        lines!(
            concat!("srli t0, ", $ab, ", 21"),
            "slli t1, t0, 10",
            concat!("sub ", $cb, ", ", $cb, ", t1"),
            concat!("slli ", $ab, ", ", $ab, ", 11"),
            concat!("srl ", $ab, ", ", $ab, ", a1"),
            concat!("sw ", $ab, ", ", $first, "(a0)"),
            concat!("srli t1, ", $cb, ", 21"),
            "slli t1, t1, 11",
            "add t0, t0, t1",
            "sll t0, t0, a2",
            concat!("sw t0, ", $second, "(a0)"),
            concat!("slli ", $cb, ", ", $cb, ", 11"),
            concat!("srl ", $cb, ", ", $cb, ", a1"),
            concat!("sw ", $cb, ", ", $third, "(a0)"),
        )
    };
}

/// Products of blocks of four rows of weights with six rows of activations, each sum off by `CENTRE` and then times
/// `2^up`.
///
/// # Safety
/// `panel.x` points to `4 * length` words, `panel.w` to rows of `length` bytes, `stride` apart, four for each block;
/// `panel.sums` to as many elements. There is at least one block, and a length of at least 1.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn panel(panel: *mut Blocks) {
    naked_asm!(
        ".option push",
        ".option arch, +m",
        panel_loop!(
            // 2^20 - 2^12, times 1 + 2^21 and times 1 + 2^10.
            lines!(
                "lui s0, 0xff; lui s1, 0x3fcff; mv s2, s0; mv s3, s1; mv s4, s0; mv s5, s1; mv s6, s0",
                "mv s7, s1; mv s8, s0; mv s9, s1; mv s10, s0; mv s11, s1; mv ra, s0; mv t3, s1; mv t4, s0",
                "mv t5, s1",
            ),
            "4",
            concat!(
                panel_step!("0", "4", "8", "12", "0"),
                panel_step!("16", "20", "24", "28", "1"),
                panel_step!("32", "36", "40", "44", "2"),
                panel_step!("48", "52", "56", "60", "3")
            ),
            panel_step!("0", "4", "8", "12", "0"),
            "64",
            "16",
            concat!(
                unpack!("s0", "s1", "0", "4", "8"),
                unpack!("s2", "s3", "12", "16", "20"),
                unpack!("s4", "s5", "24", "28", "32"),
                unpack!("s6", "s7", "36", "40", "44"),
                unpack!("s8", "s9", "48", "52", "56"),
                unpack!("s10", "s11", "60", "64", "68"),
                unpack!("ra", "t3", "72", "76", "80"),
                unpack!("t4", "t5", "84", "88", "92")
            )
        ),
        ".option pop",
    )
}

/// [`panel`] with three rows of activations; the places of the others are left as they are.
///
/// # Safety
/// As for [`panel`], but `panel.x` points to `2 * length` words.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn panel_half(panel: *mut Blocks) {
    naked_asm!(
        ".option push",
        ".option arch, +m",
        panel_loop!(
            lines!(
                "lui s0, 0xff; lui s1, 0x3fcff; mv s4, s0; mv s5, s1",
                "mv s8, s0; mv s9, s1; mv ra, s0",
                "mv t3, s1"
            ),
            "3",
            concat!(
                half_step!("0", "4", "0"),
                half_step!("8", "12", "1"),
                half_step!("16", "20", "2"),
                half_step!("24", "28", "3")
            ),
            half_step!("0", "4", "0"),
            "32",
            "8",
            concat!(
                unpack!("s0", "s1", "0", "4", "8"),
                unpack!("s4", "s5", "24", "28", "32"),
                unpack!("s8", "s9", "48", "52", "56"),
                unpack!("ra", "t3", "72", "76", "80")
            )
        ),
        ".option pop",
    )
}
