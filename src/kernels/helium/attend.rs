//! Maxima and softmax of four queries, over groups of keys that all of them see.
//!
//! Scores lie in groups of eight keys, `[group][LANES queries][8]`. The weights of a query's eight keys take
//! the first half of the place of their scores, as 16-bit integers.

use super::{GROUP, LANES};
use crate::arithmetic::softmax::{Steepness, Weight};
use core::arch::naked_asm;

/// The largest score of each query in whole groups.
#[inline]
pub(super) fn maxima(scores: &[i32], max: &mut [i32; LANES]) {
    let groups = scores.len() / GROUP;
    if groups > 0 {
        // SAFETY: all groups lie within `scores`.
        unsafe { max_groups(scores.as_ptr(), groups, max.as_mut_ptr()) };
    } else {
        *max = [i32::MIN; LANES];
    }
}

/// # Safety
/// `groups` (a positive number of) groups lie at `scores`; `max` has room for a score per query.
#[unsafe(naked)]
unsafe extern "C" fn max_groups(scores: *const i32, groups: usize, max: *mut i32) {
    #[rustfmt::skip]
    macro_rules! lane {
        ($max:literal) => {
            concat!(
                "vldrw.u32 q0, [r0], #16\n",
                "vldrw.u32 q1, [r0], #16\n",
                "vmaxv.s32 ", $max, ", q0\n",
                "vmaxv.s32 ", $max, ", q1\n",
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4, r5, r6, lr}}",
        "mov r3, #0x80000000",
        "mov r4, r3",
        "mov r5, r3",
        "mov r6, r3",
        "dls lr, r1",
        "2:",
        lane!("r3"),
        lane!("r4"),
        lane!("r5"),
        lane!("r6"),
        "le lr, 2b",
        "stm r2, {{r3, r4, r5, r6}}",
        "pop {{r4, r5, r6, pc}}",
    )
}

/// What the functions below read by offsets: constants of a type of weights.
#[repr(C)]
pub(super) struct Exponential {
    a2: i32,
    a1: i32,
    a0: i32,
    /// -[`Weight::SHIFT`].
    shift: i32,
}

impl Exponential {
    pub(super) const fn of<W: Weight>() -> &'static Self {
        const {
            let [a0, a1, a2] = W::POLYNOMIAL;
            &Self { a2, a1, a0, shift: -(W::SHIFT as i32) }
        }
    }
}

/// Exponents in q0 to weights in q2, in lanes of 16 bits; q1 is lost.
macro_rules! exp2 {
    () => {
        // The polynomial in the fraction, then a rounding shift by the octaves.
        "vshl.i16 q1, q0, #5
         vshr.u16 q1, q1, #1
         vqrdmulh.s16 q2, q1, r10
         vadd.i16 q2, q2, r11
         vqrdmlash.s16 q2, q1, r12
         vshr.u16 q0, q0, #11
         vsub.i16 q0, q4, q0
         vrshl.s16 q2, q2, q0
"
    };
}

pub(super) use exp2;

/// Turns the scores of all queries in whole groups into weights, and gives their sums.
#[inline]
pub(super) fn weigh<W: Weight>(scores: &mut [i32], steepness: Steepness, max: &[i32; LANES], sums: &mut [u32; LANES]) {
    let groups = scores.len() / GROUP;
    if groups > 0 {
        let (scores, sums) = (scores.as_mut_ptr(), sums.as_mut_ptr());
        // SAFETY: all groups lie within `scores`.
        unsafe { weigh_groups(scores, groups, Exponential::of::<W>(), max.as_ptr(), sums, steepness.bits()) }
    } else {
        *sums = [0; LANES];
    }
}

/// # Safety
/// As [`max_groups`]; `max` and `sums` have a number per query.
#[unsafe(naked)]
unsafe extern "C" fn weigh_groups(
    scores: *mut i32,
    groups: usize,
    exponential: *const Exponential,
    max: *const i32,
    sums: *mut u32,
    steepness: u32,
) {
    #[rustfmt::skip]
    macro_rules! lane {
        ($max:literal, $sum:literal) => {
            concat!(
                "vld20.32 {{q0, q1}}, [r0]\n",
                "vld21.32 {{q0, q1}}, [r0]!\n",
                // (max - s) << 7, times the steepness: twice the high word. The exponent saturates at 16 bits.
                "vmlas.s32 q0, q3, ", $max, "\n",
                "vmlas.s32 q1, q3, ", $max, "\n",
                "vqdmulh.s32 q0, q0, r9\n",
                "vqdmulh.s32 q1, q1, r9\n",
                "vqmovunb.s32 q0, q0\n",
                "vqmovunt.s32 q0, q1\n",
                exp2!(),
                "vaddva.u16 ", $sum, ", q2\n",
                "vstrh.16 q2, [r0, #-32]\n",
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "ldr r9, [sp, #40]",
        "vpush {{d8-d9}}",
        "dls lr, r1",
        "mvn r12, #127",
        "vdup.32 q3, r12",
        "ldr r12, [r2, #12]",
        "vdup.16 q4, r12",
        "ldm r2, {{r10, r11, r12}}",
        "ldm r3, {{r1, r3, r5, r7}}",
        "lsl r1, r1, #7",
        "lsl r3, r3, #7",
        "lsl r5, r5, #7",
        "lsl r7, r7, #7",
        "mov r2, #0",
        "mov r4, #0",
        "mov r6, #0",
        "mov r8, #0",
        "2:",
        lane!("r1", "r2"),
        lane!("r3", "r4"),
        lane!("r5", "r6"),
        lane!("r7", "r8"),
        "le lr, 2b",
        "ldr r0, [sp, #52]",
        "stm r0, {{r2, r4, r6, r8}}",
        "vpop {{d8-d9}}",
        "pop {{r4-r11, pc}}",
    )
}
