//! Rotation by position, four turns at a time, or four pairs. A vector of pairs times one of turns gives all results in
//! two instructions, VQDMLSDH and VQDMLADHX: twice the sums, of which the upper half stays. What the lower half would
//! have added to the final rounding is nothing, since halves are rounded up, and where the doubling saturates, so does
//! the output. Folded pairs are left to the portable backend.

use crate::arithmetic::requantise::saturate_i8;
use crate::kernels::rotate::{self, COS, ONE, Rotation, SIN, Turn};
use crate::rope::Pairing;
use core::arch::naked_asm;

/// [`Kernels::turns`](crate::kernels::Kernels::turns)
pub(super) fn turns(frequencies: &[u32], first: u32, step: u32, turns: &mut [Turn]) {
    let pairs = frequencies.len();
    let rows = turns.len().checked_div(pairs).unwrap_or(0);
    if rows == 0 {
        return;
    }
    let ([a3, a2, a1, a0], [b4, b3, b2, b1, b0]) = (SIN, COS);
    let call = Turns {
        first,
        turns: turns.as_mut_ptr(),
        pairs,
        coefficients: [a0, a1, a2, b0, b1, b2, b3],
        step,
        rows,
        highest: [a3, b4],
        one: ONE,
        frequencies: frequencies.as_ptr(),
    };
    // SAFETY: there is a turn for each of the frequencies and `rows` rows, at least one of both.
    unsafe { make(&raw const call) };
}

/// What [`make`] needs, in the order of its registers.
#[repr(C)]
struct Turns {
    first: u32,
    turns: *mut Turn,
    pairs: usize,
    coefficients: [i32; 7],
    step: u32,
    rows: usize,
    /// Of the polynomials' highest powers.
    highest: [i32; 2],
    one: i32,
    frequencies: *const u32,
}

/// [`turn`](rotate::turn) of all.
///
/// # Safety
/// Pairs and rows are positive, and all frequencies and turns that the call tells of exist.
#[unsafe(naked)]
unsafe extern "C" fn make(call: *const Turns) {
    macro_rules! next {
        // A product with the square, and the next coefficient.
        ($sum:literal, $coefficient:literal) => {
            concat!("vmulh.s32 ", $sum, ", ", $sum, ", q1\nvadd.i32 ", $sum, ", ", $sum, ", ", $coefficient, "\n")
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "vpush {{d8-d15}}",
        "ldrd r4, r5, [r0, #48]",
        "ldrd r6, r3, [r0, #56]",
        "vdup.32 q7, r4",
        "vdup.32 q6, r5",
        "vdup.32 q5, r6",
        "push {{r0, r3}}",
        "ldm r0, {{r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12}}",
        "3:",
        "ldr r0, [sp, #4]",
        "dlstp.32 lr, r3",
        "2:",
        "vldrw.u32 q0, [r0], #16",
        "vmul.i32 q0, q0, r1",
        "vmulh.s32 q1, q0, q0",
        "vmulh.s32 q2, q1, q7",
        "vadd.i32 q2, q2, r6",
        next!("q2", "r5"),
        next!("q2", "r4"),
        "vmulh.s32 q2, q2, q0",
        "vmulh.s32 q3, q1, q6",
        "vadd.i32 q3, q3, r10",
        next!("q3", "r9"),
        next!("q3", "r8"),
        next!("q3", "r7"),
        // Of half the angle; now of all of it.
        "vmulh.s32 q3, q3, q2",
        "vmulh.s32 q2, q2, q2",
        "vsub.i32 q2, q5, q2",
        "vqrshrnb.s32 q2, q2, #8",
        "vqrshrnt.s32 q2, q3, #8",
        "vstrw.32 q2, [r2], #16",
        "letp lr, 2b",
        // Back by what the last vector lacks.
        "ldr lr, [sp, #4]",
        "sub r0, r0, lr",
        "sub r2, r2, r0",
        "add r2, r2, r3, lsl #2",
        "add r1, r1, r11",
        "subs r12, r12, #1",
        "bne 3b",
        "add sp, sp, #8",
        "vpop {{d8-d15}}",
        "pop {{r4-r11, pc}}",
    )
}

/// [`Kernels::rotate`](crate::kernels::Kernels::rotate)
pub(super) fn rotate(rotation: Rotation<'_>, x: &[i16], out: &mut [i8]) {
    let Rotation { pairing, dim, pairs, turns, stride } = rotation;
    let rows = rotation.rows(x, out);
    if rows > 0 && pairs > 0 {
        let mut call = Rotate {
            x: x.as_ptr(),
            out: out.as_mut_ptr(),
            turns: turns.as_ptr(),
            pairs,
            rows,
            dim,
            // Wraps only where there is no next row.
            next_turns: stride.wrapping_mul(4),
        };
        // SAFETY: each of `rows` rows has `pairs` turns, and of values and outputs twice as many (checked by `rows`);
        // one at least of each.
        unsafe {
            match pairing {
                Pairing::Interleaved => {
                    // Rows without a gap are one.
                    if dim == 2 * pairs && stride == pairs {
                        (call.pairs, call.rows) = (rows * pairs, 1);
                    }
                    interleaved(&raw const call);
                }
                Pairing::Halves => halves(&raw const call),
                Pairing::Folded => return rotate::rotate(rotation, x, out),
            }
        }
    }
    rotate::rest(rotation, x, out, rows, saturate_i8);
}

/// What the functions below need, in the order of their registers from r4 on.
#[repr(C)]
struct Rotate {
    x: *const i16,
    out: *mut i8,
    turns: *const Turn,
    pairs: usize,
    rows: usize,
    dim: usize,
    /// Bytes from the turns of a row to those of the next.
    next_turns: usize,
}

/// Pairs q0 times turns q1, as 8-bit results in lanes of 16 bits.
macro_rules! product {
    () => {
        concat!("vqdmlsdh.s16 q2, q0, q1\n", "vqdmladhx.s16 q2, q0, q1\n", "vqrshrnb.s16 q2, q2, #6\n")
    };
}

/// A function for all rows: `$row` is the loop over a row, whose values, outputs and turns begin at r4, r5 and r6; r7
/// is the number of pairs.
macro_rules! rotate_rows {
    ($name:ident, $row:expr) => {
        /// # Safety
        /// Pairs and rows are positive, and all values, outputs and turns that the call tells of exist.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(call: *const Rotate) {
            naked_asm!(
                cpu!(),
                "push {{r4-r11, lr}}",
                "ldm r0, {{r4, r5, r6, r7, r8, r9, r10}}",
                "3:",
                $row,
                "add r4, r4, r9, lsl #1",
                "add r5, r5, r9",
                "add r6, r6, r10",
                "subs r8, r8, #1",
                "bne 3b",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

rotate_rows!(
    interleaved,
    concat!(
        "mov r0, r4\n",
        "mov r1, r5\n",
        "mov r2, r6\n",
        "lsl r3, r7, #1\n",
        "dlstp.16 lr, r3\n",
        "2:\n",
        "vldrh.u16 q0, [r0], #16\n",
        "vldrh.u16 q1, [r2], #16\n",
        product!(),
        "vstrb.16 q2, [r1], #8\n",
        "letp lr, 2b\n",
    )
);
rotate_rows!(
    halves,
    concat!(
        "mov r0, r4\n",
        "add r3, r4, r7, lsl #1\n",
        "mov r1, r5\n",
        "add r2, r5, r7\n",
        "mov r12, r6\n",
        "dlstp.32 lr, r7\n",
        "2:\n",
        "vldrh.u32 q0, [r0], #8\n",
        "vldrh.u32 q1, [r3], #8\n",
        "vsli.32 q0, q1, #16\n",
        "vldrw.u32 q1, [r12], #16\n",
        product!(),
        "vstrb.32 q2, [r1], #4\n",
        "vshr.u32 q2, q2, #16\n",
        "vstrb.32 q2, [r2], #4\n",
        "letp lr, 2b\n",
    )
);
