//! The softmax of four rows of scores.

use super::{LANES, Lanes, MAX_QUERIES, bounds};
use crate::arithmetic::softmax::{Steepness, Weight};
use core::arch::naked_asm;

/// What [`weigh`] keeps in registers for a type of weight.
///
/// A weight is `p >> n`, rounded, for a polynomial `p` of the exponent's 11 fractional bits and `n` octaves. The
/// loop has `p` with 11 bits below it, and shifts by `n + 10`: the last bit left is the one to round by.
#[repr(C)]
pub(super) struct Constants {
    /// Coefficients, the lower two with half a unit to round by: `a1` in the upper half of a word, where SMLATB takes
    /// it, and `a0` 11 bits up.
    a2: i32,
    a1: i32,
    a0: i32,
    /// Added to the exponent, so that its octaves are the shift.
    bias: u32,
    /// One in each half.
    ones: u32,
}

impl Constants {
    pub(super) const fn of<W: Weight>() -> Self {
        let [a0, a1, a2] = W::POLYNOMIAL;
        // No octave, and only that, leaves the upper bit of 16 set, by which `weigh` tells that nothing is to be
        // rounded.
        assert!(a0 < 1 << 15 && (W::SHIFT > 0 || a0 + a1 + a2 >= 1 << 14));
        Self {
            a2: a2 << 5,
            a1: (a1 << 16) + (1 << 15),
            a0: (a0 << 11) + (1 << 10),
            bias: (10 + W::SHIFT) << 11,
            ones: 0x0001_0001,
        }
    }
}

/// Turns the scores of up to four rows into weights, in place, and gives the sums. The weights of the keys that all
/// rows see, in whole groups, take the first half of their scores, laid out as [`Expanded`](super::Expanded); those of
/// the other keys each take the place of its score, and weigh nothing where a row does not see them. Of rows that are
/// missing, only the latter weigh nothing.
#[inline]
pub(super) fn weigh_rows<W: Weight>(
    scores: &mut [Lanes],
    visible: &[usize],
    max: &[i32; MAX_QUERIES],
    sums: &mut [u32; MAX_QUERIES],
    steepness: Steepness,
) {
    let (least, most) = bounds(visible);
    let shared = least & !3;
    let rows = visible.len().min(LANES);
    let Some(scores) = scores.get_mut(..most) else { return };
    if rows > 0 {
        let call = Call {
            visible: visible.as_ptr(),
            shared,
            rows,
            steepness: steepness.bits(),
            constants: const { &Constants::of::<W>() },
        };
        // SAFETY: there are `rows` visible lengths, maxima and sums, at least one and at most four; no row sees less
        // keys than `shared`, or more than there are scores.
        unsafe { weigh(scores.as_mut_ptr(), max.as_ptr(), sums.as_mut_ptr(), &raw const call) };
    }
    if least < most || rows < LANES {
        clear(scores.get_mut(shared..).unwrap_or(&mut []), shared, visible);
    }
}

/// Clears the scores, from the key `first` on, that a row does not see.
#[inline(never)]
fn clear(scores: &mut [Lanes], first: usize, visible: &[usize]) {
    for (key, scores) in scores.iter_mut().enumerate() {
        for (lane, score) in scores.iter_mut().enumerate() {
            if visible.get(lane).is_none_or(|&visible| visible <= first + key) {
                *score = 0;
            }
        }
    }
}

/// The arguments of [`weigh`] that do not come in registers; it reads them by offsets.
#[repr(C)]
struct Call {
    visible: *const usize,
    shared: usize,
    rows: usize,
    steepness: u32,
    constants: *const Constants,
}

/// A score to a weight with one bit more. r2: maximum, r3: steepness, r4 to r8: constants; r12 and lr are lost.
macro_rules! weight {
    ($w:literal) => {
        lines!(
            concat!("sub ", $w, ", r2, ", $w, ", lsl #8"),
            concat!("smmla ", $w, ", ", $w, ", r3, r7"),
            concat!("ubfx lr, ", $w, ", #0, #11"),
            "mla r12, r4, lr, r5",
            concat!("usat ", $w, ", #5, ", $w, ", asr #11"),
            "smlatb r12, r12, lr, r6",
            concat!("lsr ", $w, ", r12, ", $w),
        )
    };
}

/// Rounds both halves of r10 by their last bit. Without octaves it is what was left over below the polynomial, and
/// dropped.
macro_rules! round {
    () => {
        lines!("bic r11, r8, r10, lsr #15", "uhadd16 r10, r10, r11")
    };
}

/// The scores in r10 and r11 to a word of weights in r10, added to the sum in r9.
macro_rules! two_weights {
    () => {
        lines!(weight!("r10"), weight!("r11"), "pkhbt r10, r10, r11, lsl #16", round!(), "smlad r9, r10, r8, r9")
    };
}

/// Four keys, from scores at r0 to weights at r1: from one score to the next in bytes (4, 3, 2 times and once), and
/// from one group's words to the next group's.
macro_rules! four {
    ($four:literal, $three:literal, $two:literal, $one:literal, $words:literal, $odd:literal) => {
        lines!(
            concat!("ldr r10, [r0], #", $four),
            concat!("ldr r11, [r0, #-", $two, "]"),
            two_weights!(),
            concat!("str r10, [r1], #", $words),
            concat!("ldr r10, [r0, #-", $three, "]"),
            concat!("ldr r11, [r0, #-", $one, "]"),
            two_weights!(),
            concat!("str r10, [r1, #-", $odd, "]"),
        )
    };
}

/// Row by row, the shared keys eight at a time, then the others.
///
/// A row's two words for four keys are written where the row's own scores have been read before, at the latest in the
/// same turn.
///
/// # Safety
/// `call.rows` is 1 to 4, and as many elements are behind `call.visible`, `max` and `sums`. `call.shared` is a multiple
/// of 4, and no visible length is below it or above the number of elements behind `scores`.
#[unsafe(naked)]
unsafe extern "C" fn weigh(scores: *mut Lanes, max: *const i32, sums: *mut u32, call: *const Call) {
    naked_asm!(
        cpu!(),
        // r0: scores, r1: weights, r2: maximum, r3: steepness, r4 to r8: constants, r9: sum.
        "push {{r4-r11, lr}}",
        "ldm r3, {{r3-r7}}",
        // Ends of the shared scores and of the maxima.
        "add r12, r0, r4, lsl #4",
        "str r12, [sp, #-4]!",
        "add r11, r1, r5, lsl #2",
        // From behind a row's maximum to its sum and its visible length, and to the next row's scores.
        "add r12, r1, #4",
        "sub r9, r2, r12",
        "sub r10, r3, r12",
        "sub r0, r0, r1",
        // Negative for an odd number of fours, 0 for none.
        "lsl lr, r4, #29",
        "orr lr, lr, r4, lsr #2",
        "push {{r0, r1, r4, r9-r11, lr}}",
        "mov r3, r6",
        "ldm r7, {{r4-r8}}",
        // A row: r0, r1 and lr are as pushed, but that r1 points to the row's own maximum.
        "2:",
        "add r0, r0, r1",
        "ldr r2, [r1], #4",
        "str r1, [sp, #4]",
        "mov r1, r0",
        "lsl r2, r2, #8",
        "mov r9, #0",
        "cmp lr, #0",
        "ble 9f",
        "3:",
        four!("64", "48", "32", "16", "32", "16"),
        "4:",
        four!("64", "48", "32", "16", "32", "16"),
        "ldr r10, [sp, #28]",
        "cmp r0, r10",
        "blo 3b",
        "5:",
        "ldm sp, {{r0-r2, r10-r12, lr}}",
        "ldr r11, [r1, r11]",
        "str r9, [r1, r10]",
        "subs r11, r11, r2",
        "bne 7f",
        "6:",
        "cmp r1, r12",
        "bne 2b",
        "add sp, sp, #32",
        "pop {{r4-r11, pc}}",
        // The row's other keys, one at a time.
        "7:",
        "add r0, r0, r2, lsl #4",
        "ldr r2, [r1, #-4]!",
        "add r0, r0, r1",
        "lsl r2, r2, #8",
        "mov r1, r11",
        "8:",
        "ldr r10, [r0]",
        weight!("r10"),
        round!(),
        "add r9, r9, r10",
        "str r10, [r0], #16",
        "subs r1, r1, #1",
        "bne 8b",
        "ldm sp, {{r0-r2, r10-r12, lr}}",
        "str r9, [r1, r10]",
        "b 6b",
        "9:",
        "bmi 4b",
        "b 5b",
    )
}
