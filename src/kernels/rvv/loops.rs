//! The loops of [`Rvv`](super::Rvv), in assembly: stable Rust has no vector intrinsics for RISC-V.
//!
//! All are functions of their own: a caller takes it that a call loses all vector registers, `vl`, `vtype` and the
//! rounding mode, as the calling convention has it.

use super::Sums;
use core::arch::{asm, naked_asm};

/// Bytes of a vector register.
#[inline]
pub(super) fn vector_bytes() -> usize {
    let bytes: usize;
    // SAFETY: reads `vlenb`, a constant of the core.
    unsafe { asm!("csrr {}, 0xc22", out(reg) bytes, options(pure, nomem, nostack, preserves_flags)) };
    bytes
}

/// Transposes: `columns[i][lane] = x[lane][i]`.
///
/// # Safety
/// `x` points to `lanes` rows, `stride` bytes apart, of which `length` bytes count, at least one; `columns` to
/// `length * lanes` bytes. `lanes` is 1 to 4 registers full of i16.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn transpose(x: *const i8, stride: usize, length: usize, columns: *mut i8, lanes: usize) {
    vectors!(
        "vsetvli zero, a4, e8, m2, ta, ma",
        "add a2, a0, a2",
        "2:",
        "vlse8.v v8, (a0), a1",
        "addi a0, a0, 1",
        "vse8.v v8, (a3)",
        "add a3, a3, a4",
        "bne a0, a2, 2b",
    )
}

/// One inner position of [`products`].
macro_rules! products_step {
    ($w:literal) => {
        concat!(
            "vle8.v v4, (a0)\nadd a0, a0, a6\nvsext.vf2 v0, v4\n",
            "lb t0, ",
            $w,
            "(a1)\nlb t1, ",
            $w,
            "(a2)\nlb t2, ",
            $w,
            "(a3)\n",
            "vwmacc.vx v8, t0, v0\nvwmacc.vx v16, t1, v0\nvwmacc.vx v24, t2, v0\n"
        )
    };
}

/// Adds the products of three rows of weights with each lane of the columns to the sums.
///
/// # Safety
/// `columns` points to `length * lanes` bytes, `w0` to `w2` to `length` bytes each, at least one; `sums` to three
/// elements. `lanes` is 1 to 8 registers full of i32, and no more than there are in an element of `sums`. `fresh` is 0,
/// or 1 to let sums start from 0.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn products(
    columns: *const i8,
    w0: *const i8,
    w1: *const i8,
    w2: *const i8,
    length: usize,
    sums: *mut Sums,
    lanes: usize,
    fresh: usize,
) {
    vectors!(
        "vsetvli zero, a6, e32, m8, ta, ma",
        "addi t4, a5, 256",
        "addi t5, a5, 512",
        "vmv.v.i v8, 0",
        "vmv.v.i v16, 0",
        "vmv.v.i v24, 0",
        "bnez a7, 1f",
        "vle32.v v8, (a5)",
        "vle32.v v16, (t4)",
        "vle32.v v24, (t5)",
        "1:",
        "vsetvli zero, zero, e16, m4, ta, ma",
        "andi t3, a4, -4",
        "andi a4, a4, 3",
        "add t3, a1, t3",
        "beq a1, t3, 3f",
        "2:",
        products_step!("0"),
        products_step!("1"),
        products_step!("2"),
        products_step!("3"),
        "addi a1, a1, 4",
        "addi a2, a2, 4",
        "addi a3, a3, 4",
        "bne a1, t3, 2b",
        "3:",
        "beqz a4, 5f",
        "4:",
        products_step!("0"),
        "addi a1, a1, 1",
        "addi a2, a2, 1",
        "addi a3, a3, 1",
        "addi a4, a4, -1",
        "bnez a4, 4b",
        "5:",
        "vsetvli zero, zero, e32, m8, ta, ma",
        "vse32.v v8, (a5)",
        "vse32.v v16, (t4)",
        "vse32.v v24, (t5)",
    )
}

/// A function that requantises sums; what becomes of their 16-bit results in v16 is up to `$put`.
macro_rules! finish {
    ($(#[$doc:meta])* $name:ident, $out:ty, [$($put:literal),*]) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// `sums` points to `lanes` sums, `out` to a place for each, `stride` bytes apart. `lanes` is 1 to 8 registers
        /// full of i32. `multiplier` is twice that of the scale.
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(
            sums: *const i32,
            lanes: usize,
            bias: i32,
            multiplier: i32,
            shift: u32,
            out: *mut $out,
            stride: usize,
        ) {
            vectors!(
                // To nearest, halves up.
                "csrwi vxrm, 0",
                "vsetvli zero, a1, e32, m8, ta, ma",
                "vle32.v v8, (a0)",
                "vadd.vx v8, v8, a2",
                "vmulh.vx v8, v8, a3",
                "vssra.vx v8, v8, a4",
                "vsetvli zero, zero, e16, m4, ta, ma",
                "vnclip.wi v16, v8, 0",
                $($put),*
            )
        }
    };
}

finish!(
    /// Writes int8.
    store, i8, ["vsetvli zero, zero, e8, m2, ta, ma", "vnclip.wi v8, v16, 0", "vsse8.v v8, (a5), a6"]
);
finish!(
    /// Adds to int16, saturating.
    add, i16, ["vlse16.v v8, (a5), a6", "vsadd.vv v8, v8, v16", "vsse16.v v8, (a5), a6"]
);

/// One inner position of [`scores`].
macro_rules! scores_step {
    ($q:literal) => {
        concat!(
            "vlse8.v v4, (t1), a4\naddi t1, t1, 1\nvsext.vf2 v0, v4\n",
            "lb t2, ",
            $q,
            "(t3)\nvwmacc.vx v8, t2, v0\n",
            "lb t2, ",
            $q,
            "(t4)\nvwmacc.vx v16, t2, v0\n",
            "lb t2, ",
            $q,
            "(t5)\nvwmacc.vx v24, t2, v0\n"
        )
    };
}

/// Scores of three queries against all keys.
///
/// # Safety
/// `keys` points to `count` rows of `dim` bytes, at least one each, `q0` to `q2` to `dim` bytes each, `scores` to three
/// rows of `count` scores, `pitch` bytes apart.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn scores(
    keys: *const i8,
    q0: *const i8,
    q1: *const i8,
    q2: *const i8,
    dim: usize,
    scores: *mut i32,
    pitch: usize,
    count: usize,
) {
    vectors!(
        "1:",
        "vsetvli t0, a7, e32, m8, ta, ma",
        "vmv.v.i v8, 0",
        "vmv.v.i v16, 0",
        "vmv.v.i v24, 0",
        "vsetvli zero, zero, e16, m4, ta, ma",
        "mv t1, a0",
        "mv t3, a1",
        "mv t4, a2",
        "mv t5, a3",
        "andi t6, a4, -4",
        "add t6, a1, t6",
        "beq t3, t6, 3f",
        "2:",
        scores_step!("0"),
        scores_step!("1"),
        scores_step!("2"),
        scores_step!("3"),
        "addi t3, t3, 4",
        "addi t4, t4, 4",
        "addi t5, t5, 4",
        "bne t3, t6, 2b",
        "3:",
        "andi t6, a4, 3",
        "beqz t6, 5f",
        "4:",
        scores_step!("0"),
        "addi t3, t3, 1",
        "addi t4, t4, 1",
        "addi t5, t5, 1",
        "addi t6, t6, -1",
        "bnez t6, 4b",
        "5:",
        "vsetvli zero, zero, e32, m8, ta, ma",
        "vse32.v v8, (a5)",
        "add t1, a5, a6",
        "vse32.v v16, (t1)",
        "add t1, t1, a6",
        "vse32.v v24, (t1)",
        "slli t1, t0, 2",
        "add a5, a5, t1",
        "mul t1, t0, a4",
        "add a0, a0, t1",
        "sub a7, a7, t0",
        "bnez a7, 1b",
    )
}

/// A function that adds up `Σ w·v` of three queries for each lane, a dimension; `$load` loads a weight of `$bytes`
/// bytes.
macro_rules! weighted {
    (
        $(#[$doc:meta])* $name:ident, $weight:ty, $load:literal,
        [$w0:literal, $w1:literal, $w2:literal, $w3:literal], $log2:literal
    ) => {
        $(#[$doc])*
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(
            values: *const i8,
            stride: usize,
            w0: *const $weight,
            w1: *const $weight,
            w2: *const $weight,
            count: usize,
            sums: *mut Sums,
            dims: usize,
        ) {
            macro_rules! step {
                ($w:literal) => {
                    concat!(
                        "vlse8.v v4, (a0), a1\naddi a0, a0, 1\nvsext.vf2 v0, v4\n",
                        $load, " t0, ", $w, "(a2)\n", $load, " t1, ", $w, "(a3)\n", $load, " t2, ", $w, "(a4)\n",
                        "vwmacc.vx v8, t0, v0\nvwmacc.vx v16, t1, v0\nvwmacc.vx v24, t2, v0\n"
                    )
                };
            }
            vectors!(
                "vsetvli zero, a7, e32, m8, ta, ma",
                "vmv.v.i v8, 0",
                "vmv.v.i v16, 0",
                "vmv.v.i v24, 0",
                "vsetvli zero, zero, e16, m4, ta, ma",
                "andi t3, a5, -4",
                "andi a5, a5, 3",
                "add t3, a0, t3",
                "beq a0, t3, 3f",
                "2:",
                step!($w0),
                step!($w1),
                step!($w2),
                step!($w3),
                concat!("addi a2, a2, 4 << ", $log2),
                concat!("addi a3, a3, 4 << ", $log2),
                concat!("addi a4, a4, 4 << ", $log2),
                "bne a0, t3, 2b",
                "3:",
                "beqz a5, 5f",
                "4:",
                step!("0"),
                concat!("addi a2, a2, 1 << ", $log2),
                concat!("addi a3, a3, 1 << ", $log2),
                concat!("addi a4, a4, 1 << ", $log2),
                "addi a5, a5, -1",
                "bnez a5, 4b",
                "5:",
                "vsetvli zero, zero, e32, m8, ta, ma",
                "vse32.v v8, (a6)",
                "addi a6, a6, 256",
                "vse32.v v16, (a6)",
                "addi a6, a6, 256",
                "vse32.v v24, (a6)",
            )
        }
    };
}

weighted!(
    /// `Σ w·v` with wide weights.
    ///
    /// # Safety
    /// `values` points to `dims` rows, `stride` bytes apart, of which `count` bytes count; `w0` to `w2` to as many
    /// weights, at most 512; `sums` to three elements. `dims` is 1 to 8 registers full of i32, and no more than there
    /// are in an element of `sums`.
    weighted_wide, i16, "lh", ["0", "2", "4", "6"], "1"
);
weighted!(
    /// `Σ w·v` with narrow weights.
    ///
    /// # Safety
    /// As for [`weighted_wide`].
    weighted_narrow, u8, "lbu", ["0", "1", "2", "3"], "0"
);
