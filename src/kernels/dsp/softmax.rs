//! The softmax of four rows of scores.

use super::{LANES, Lanes};
use crate::softmax::{Steepness, Weight};
use core::arch::naked_asm;

/// The softmax of four rows of scores; [`weigh`] reads it by offsets.
#[repr(C)]
pub(super) struct Softmax {
    /// Maximum of each row, times 2^8.
    max: Lanes,
    /// Sum of the weights of each row.
    pub(super) sums: [u32; LANES],
    steepness: u32,
    /// Added to the exponent, so that its octaves are the final shift.
    bias: u32,
    /// Coefficients, the lower two with rounding for a shift by 11.
    a2: i32,
    a1: i32,
    a0: i32,
    /// End of the scores.
    end: *const Lanes,
}

impl Softmax {
    #[inline]
    pub(super) fn new<W: Weight>(max: &[i32], steepness: Steepness) -> Self {
        let [a0, a1, a2] = W::POLYNOMIAL;
        Self {
            max: core::array::from_fn(|lane| max.get(lane).copied().unwrap_or(0) << 8),
            sums: [0; LANES],
            steepness: steepness.bits(),
            bias: (11 + W::SHIFT) << 11,
            a2,
            // (a·f·2^4 + 2^14) >> 15 is (a·f + 2^10) >> 11.
            a1: (a1 << 11) + (1 << 10),
            a0: (a0 << 11) + (1 << 10),
            end: core::ptr::null(),
        }
    }

    /// Turns scores (a multiple of 4 keys) into weights, in place: they take the first half, laid out as [`Expanded`].
    #[inline]
    pub(super) fn weigh_shared(&mut self, scores: &mut [Lanes]) {
        if !scores.is_empty() && scores.len().is_multiple_of(4) {
            self.end = scores.as_ptr_range().end;
            // SAFETY: `scores` is a positive multiple of 4 keys long and ends at `end`.
            unsafe { weigh(scores.as_mut_ptr(), self) };
        }
    }
}

/// Turns four rows of scores into weights, in place, four keys at a time, and adds up their sums.
///
/// A row's two words are written where the row's own scores have been read before, at the latest in the same turn.
///
/// # Safety
/// `softmax.end` is a positive multiple of 4 elements after `scores`.
#[unsafe(naked)]
unsafe extern "C" fn weigh(scores: *mut Lanes, softmax: *mut Softmax) {
    macro_rules! weight {
        // r2: maximum, r3: softmax, r4: steepness, r5: a2, r6: a1, r7: a0, r8: bias; r11 and r12 are lost.
        ($w:literal, $offset:literal) => {
            concat!(
                "ldr ",
                $w,
                ", [r0, #",
                $offset,
                "]
",
                "sub ",
                $w,
                ", r2, ",
                $w,
                ", lsl #8
",
                "smmla ",
                $w,
                ", ",
                $w,
                ", r4, r8
",
                "usat ",
                $w,
                ", #16, ",
                $w,
                "
",
                "ubfx r11, ",
                $w,
                ", #0, #11
",
                "mla r12, r5, r11, r6
",
                "asr r12, r12, #11
",
                "mla r12, r12, r11, r7
",
                // Without the bits below the polynomial, the carry is the bit to round by, also at a shift of none.
                "bfc r12, #0, #11
",
                "lsr ",
                $w,
                ", ",
                $w,
                ", #11
",
                "lsrs ",
                $w,
                ", r12, ",
                $w,
                "
",
                "adc ",
                $w,
                ", ",
                $w,
                ", #0
",
            )
        };
    }
    macro_rules! row {
        ($max:literal, $sum:literal, $k0:literal, $k1:literal, $k2:literal, $k3:literal) => {
            concat!(
                "ldr r2, [r3, #",
                $max,
                "]
",
                weight!("r9", $k0),
                weight!("r10", $k2),
                "pkhbt lr, r9, r10, lsl #16
",
                weight!("r9", $k1),
                weight!("r10", $k3),
                "pkhbt r9, r9, r10, lsl #16
",
                "ldr r10, [r3, #",
                $sum,
                "]
",
                "mov r11, #0x00010001
",
                "smlad r10, lr, r11, r10
",
                "smlad r10, r9, r11, r10
",
                "str r10, [r3, #",
                $sum,
                "]
",
                "str lr, [r1, #",
                $max,
                "]
",
                "str r9, [r1, #",
                $sum,
                "]
",
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "mov r3, r1",
        "mov r1, r0",
        "add r2, r3, #32",
        "ldm r2, {{r4, r8}}",
        "add r2, r3, #40",
        "ldm r2, {{r5-r7}}",
        "2:",
        row!("0", "16", "0", "16", "32", "48"),
        row!("4", "20", "4", "20", "36", "52"),
        row!("8", "24", "8", "24", "40", "56"),
        row!("12", "28", "12", "28", "44", "60"),
        "add r0, r0, #64",
        "add r1, r1, #32",
        "ldr r2, [r3, #52]",
        "cmp r0, r2",
        "bne 2b",
        "pop {{r4-r11, pc}}",
    )
}
