//! Rotation by position, two pairs a turn: a pair and its cosine and sine are a word each, and one result an SMLSD, the
//! other an SMLADX.

use crate::arithmetic::requantise::saturate_i8;
use crate::kernels::rotate::{self, COS, Rotation, SIN, Turn};
use crate::rope::Pairing;
use core::arch::naked_asm;

/// The polynomials, from the highest power of the sine to the lowest of the cosine.
static POLYNOMIALS: [i32; 9] = {
    let ([a3, a2, a1, a0], [b4, b3, b2, b1, b0]) = (SIN, COS);
    [a3, a2, a1, a0, b4, b3, b2, b1, b0]
};

/// [`Kernels::turns`](crate::kernels::Kernels::turns); odd numbers of frequencies are left to the portable backend.
pub(super) fn turns(frequencies: &[u32], first: u32, step: u32, turns: &mut [Turn]) {
    let pairs = frequencies.len();
    let rows = turns.len().checked_div(pairs).unwrap_or(0);
    if !pairs.is_multiple_of(2) || rows == 0 {
        return rotate::turns(frequencies, first, step, turns);
    }
    let frequencies = frequencies.as_ptr_range();
    let call = Turns {
        frequencies: frequencies.start,
        position: first,
        turns: turns.as_mut_ptr(),
        polynomials: &POLYNOMIALS,
        end: frequencies.end,
        rows,
        start: frequencies.start,
        step,
    };
    // SAFETY: frequencies are a positive even number, and there are as many turns for each of `rows` rows, at least
    // one.
    unsafe { make(&raw const call) };
}

/// What [`make`] needs, in the order of its registers; the last two are read again for each row.
#[repr(C)]
struct Turns {
    frequencies: *const u32,
    position: u32,
    turns: *mut Turn,
    polynomials: &'static [i32; 9],
    end: *const u32,
    rows: usize,
    start: *const u32,
    step: u32,
}

/// [`turn`](rotate::turn) of all.
///
/// # Safety
/// Up to the end lies a positive even number of frequencies; of turns there are as many for each row, at least one.
#[unsafe(naked)]
unsafe extern "C" fn make(call: *const Turns) {
    macro_rules! both {
        // An instruction for each of two angles: of s, what is there so far, and a coefficient.
        ($coefficient:literal) => {
            lines!(concat!("smmla r8, r6, r8, ", $coefficient), concat!("smmla r9, r7, r9, ", $coefficient))
        };
    }
    macro_rules! first {
        () => {
            lines!("smmla r8, r6, r10, r11", "smmla r9, r7, r10, r11")
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r0, r4-r11, lr}}",
        "ldr lr, [r0, #20]",
        "ldr r12, [r0, #16]",
        "ldm r0, {{r0-r3}}",
        "2:",
        "ldrd r4, r5, [r0], #8",
        "mul r4, r4, r1",
        "mul r5, r5, r1",
        "smmul r6, r4, r4",
        "smmul r7, r5, r5",
        "ldrd r10, r11, [r3]",
        first!(),
        "ldrd r10, r11, [r3, #8]",
        both!("r10"),
        both!("r11"),
        "smmul r4, r4, r8",
        "smmul r5, r5, r9",
        "ldrd r10, r11, [r3, #16]",
        first!(),
        "ldrd r10, r11, [r3, #24]",
        both!("r10"),
        both!("r11"),
        "ldr r10, [r3, #32]",
        "mov r11, #128",
        both!("r10"),
        // Of half the angle; now of all of it.
        "smmla r8, r4, r8, r11",
        "smmla r9, r5, r9, r11",
        "smmul r6, r4, r4",
        "smmul r7, r5, r5",
        // 1 and one half of the last place.
        "rsb r6, r6, #0x00800080",
        "rsb r7, r7, #0x00800080",
        "ssat r8, #16, r8, asr #8",
        "ssat r9, #16, r9, asr #8",
        "ssat r6, #16, r6, asr #8",
        "ssat r7, #16, r7, asr #8",
        "pkhbt r6, r6, r8, lsl #16",
        "pkhbt r7, r7, r9, lsl #16",
        "strd r6, r7, [r2], #8",
        "cmp r0, r12",
        "bne 2b",
        "ldr r4, [sp]",
        "ldrd r0, r5, [r4, #24]",
        "add r1, r1, r5",
        "subs lr, lr, #1",
        "bne 2b",
        "pop {{r0, r4-r11, pc}}",
    )
}

/// [`Kernels::rotate`](crate::kernels::Kernels::rotate); odd numbers of pairs are left to the portable backend.
pub(super) fn rotate(rotation: Rotation<'_>, x: &[i16], out: &mut [i8]) {
    let Rotation { pairing, dim, pairs, turns, stride } = rotation;
    let rows = rotation.rows(x, out);
    if !pairs.is_multiple_of(2) || pairs == 0 || rows == 0 {
        return rotate::rotate(rotation, x, out);
    }
    let call = Rotate {
        x: x.as_ptr(),
        out: out.as_mut_ptr(),
        turns: turns.as_ptr(),
        pairs: 2 * pairs,
        half: 1 << 20,
        other: pairs,
        row_length: 4 * pairs,
        rows,
        next_x: 2 * dim,
        next_out: dim,
        // Wraps only where there is no next row.
        next_turns: stride.wrapping_mul(4),
    };
    let rows_of = match pairing {
        Pairing::Interleaved => interleaved,
        Pairing::Halves => halves,
        Pairing::Folded => folded,
    };
    // SAFETY: pairs are a positive even number; each of `rows` rows, at least one, has so many turns, and of values and
    // outputs twice as many (checked by `rows`).
    unsafe { rows_of(&raw const call) };
    rotate::rest(rotation, x, out, rows, saturate_i8);
}

/// What the functions below read by offsets; lengths and steps in bytes.
#[repr(C)]
struct Rotate {
    x: *const i16,
    out: *mut i8,
    turns: *const Turn,
    /// From the first of a pair to the second, where these are apart.
    pairs: usize,
    /// Half an output, before its shift.
    half: i32,
    /// From the output of the first to that of the second.
    other: usize,
    /// Of all turned values of a row.
    row_length: usize,
    rows: usize,
    next_x: usize,
    next_out: usize,
    next_turns: usize,
}

/// A function for all rows. `$two` takes two pairs: r0 is the place of the values, r1 of the outputs, r2 of the turns;
/// r6 is half an output, r3 and r5 tell where second values and outputs are; r4 and r7 to r11 are free.
macro_rules! rotate_rows {
    ($name:ident, $length:literal, $two:expr) => {
        /// # Safety
        /// Rows are positive, and pairs a positive even number; all values, outputs and turns that the call tells of
        /// exist.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(call: *const Rotate) {
            naked_asm!(
                cpu!(),
                "push {{r4-r11, lr}}",
                "sub sp, sp, #12",
                "mov lr, r0",
                "ldr r12, [lr, #28]",
                "str r12, [sp]",
                "ldrd r6, r5, [lr, #16]",
                "ldm lr, {{r0-r3}}",
                "3:",
                // Where the row begins, and where it ends.
                "strd r0, r1, [sp, #4]",
                concat!("ldr r12, [lr, #", $length, "]"),
                "add r12, r12, r0",
                "mov r4, r2",
                "2:",
                $two,
                "cmp r0, r12",
                "bne 2b",
                "ldrd r0, r1, [sp, #4]",
                "ldrd r7, r8, [lr, #32]",
                "ldr r9, [lr, #40]",
                "add r0, r0, r7",
                "add r1, r1, r8",
                "add r2, r2, r9",
                "ldr r12, [sp]",
                "subs r12, r12, #1",
                "str r12, [sp]",
                "bne 3b",
                "add sp, sp, #12",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

rotate_rows!(
    interleaved,
    "24",
    lines!(
        "ldr r7, [r0], #4",
        "ldr r8, [r0], #4",
        "ldrd r9, r10, [r4], #8",
        "smlsd r11, r7, r9, r6",
        "smladx r7, r7, r9, r6",
        "smlsd r9, r8, r10, r6",
        "smladx r8, r8, r10, r6",
        "ssat r11, #8, r11, asr #21",
        "ssat r7, #8, r7, asr #21",
        "ssat r9, #8, r9, asr #21",
        "ssat r8, #8, r8, asr #21",
        "strb r11, [r1], #1",
        "strb r7, [r1], #1",
        "strb r9, [r1], #1",
        "strb r8, [r1], #1"
    )
);
rotate_rows!(
    halves,
    "12",
    lines!(
        "ldr r8, [r0, r3]",
        "ldr r7, [r0], #4",
        "ldrd r9, r10, [r4], #8",
        "pkhbt r11, r7, r8, lsl #16",
        "pkhtb r8, r8, r7, asr #16",
        "smlsd r7, r11, r9, r6",
        "smladx r11, r11, r9, r6",
        "smlsd r9, r8, r10, r6",
        "smladx r8, r8, r10, r6",
        "ssat r7, #8, r7, asr #21",
        "ssat r11, #8, r11, asr #21",
        "ssat r9, #8, r9, asr #21",
        "ssat r8, #8, r8, asr #21",
        "strb r11, [r1, r5]",
        "strb r7, [r1], #1",
        "strb r8, [r1, r5]",
        "strb r9, [r1], #1"
    )
);

/// A pair from the start of the row and one from its end: the results' sums and differences, halved before they meet.
///
/// # Safety
/// As of the functions above.
#[unsafe(naked)]
unsafe extern "C" fn folded(call: *const Rotate) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "sub sp, sp, #16",
        "mov lr, r0",
        "ldr r3, [lr, #28]",
        "ldr r12, [lr, #16]",
        "ldm lr, {{r0-r2}}",
        "3:",
        "stm sp, {{r0-r3}}",
        // Where values, outputs and turns end.
        "ldr r3, [lr, #24]",
        "add r4, r0, r3",
        "add r5, r1, r3, lsr #1",
        "add r6, r2, r3",
        "2:",
        "ldr r7, [r0], #4",
        "ldr r8, [r4, #-4]!",
        "ldr r9, [r2], #4",
        "ldr r10, [r6, #-4]!",
        "smlsd r11, r7, r9, r12",
        "smladx r7, r7, r9, r12",
        "smusd r9, r8, r10",
        "smuadx r8, r8, r10",
        "asr r11, r11, #1",
        "asr r7, r7, #1",
        "add r10, r11, r8, asr #1",
        "sub r11, r11, r8, asr #1",
        "add r8, r7, r9, asr #1",
        "sub r7, r7, r9, asr #1",
        "ssat r10, #8, r10, asr #20",
        "ssat r11, #8, r11, asr #20",
        "ssat r8, #8, r8, asr #20",
        "ssat r7, #8, r7, asr #20",
        "strb r10, [r1], #1",
        "strb r8, [r1], #1",
        "strb r11, [r5, #-1]!",
        "strb r7, [r5, #-1]!",
        "cmp r0, r4",
        "bne 2b",
        "ldm sp, {{r0-r3}}",
        "ldrd r7, r8, [lr, #32]",
        "ldr r9, [lr, #40]",
        "add r0, r0, r7",
        "add r1, r1, r8",
        "add r2, r2, r9",
        "subs r3, r3, #1",
        "bne 3b",
        "add sp, sp, #16",
        "pop {{r4-r11, pc}}",
    )
}
