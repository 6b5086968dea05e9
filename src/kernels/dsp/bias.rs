//! Biases of four queries, whose scores lie side by side.

use super::{LANES, Lanes};
use crate::kernels::bias::LOWEST;
use core::arch::naked_asm;

/// Keys whose biases are loaded at a time.
const FOUR: usize = 4;

/// Adds a row of biases to the scores of one lane, saturating, and gives the largest of the sums.
pub(super) fn add(scores: &mut [Lanes], lane: usize, row: &[i32]) -> i32 {
    let count = scores.len().min(row.len());
    let whole = count & !(FOUR - 1);
    let mut max = i32::MIN;
    if whole > 0 && lane < LANES {
        let (scores, biases) = (scores.as_mut_ptr().cast::<i32>().wrapping_add(lane), row.as_ptr());
        // SAFETY: `whole` keys have a score in the lane and a bias: a positive multiple of four.
        max = unsafe { add_fours(scores, biases, biases.wrapping_add(whole)) };
    }
    for (scores, bias) in scores.iter_mut().zip(row).skip(whole) {
        if let Some(score) = scores.get_mut(lane) {
            *score = score.saturating_add(*bias);
            max = max.max(*score);
        }
    }
    max
}

/// # Safety
/// From `row` to `end` lies a positive multiple of four biases; a score belongs to each, [`LANES`] words apart.
#[unsafe(naked)]
unsafe extern "C" fn add_fours(scores: *mut i32, row: *const i32, end: *const i32) -> i32 {
    macro_rules! key {
        ($bias:literal) => {
            lines!(
                "ldr r8, [r0]",
                concat!("qadd r8, r8, ", $bias),
                "cmp r8, r3",
                "it gt",
                "movgt r3, r8",
                "str r8, [r0], #16"
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r8, lr}}",
        "mov r3, #0x80000000",
        "2:",
        "ldm r1!, {{r4-r7}}",
        key!("r4"),
        key!("r5"),
        key!("r6"),
        key!("r7"),
        "cmp r1, r2",
        "bne 2b",
        "mov r0, r3",
        "pop {{r4-r8, pc}}",
    )
}

/// Finds the largest of a query's scores, every `step`th, from a key to another, and lowers the others as far as
/// counts; nothing if there is no key.
#[inline]
pub(super) fn hide(scores: &mut [i32], query: usize, step: usize, [start, end, visible]: [usize; 3], max: &mut i32) {
    if start < end && end <= visible && query < step && visible <= scores.len() / step {
        let scores = scores.as_mut_ptr().wrapping_add(query);
        // SAFETY: there are `visible` times `step` scores, and one of the query's at least is not to be lowered.
        *max = unsafe { hide_others(scores, start, end - start, visible - end, step * size_of::<i32>()) };
    }
}

/// # Safety
/// A score lies at `scores` and every `step` bytes after it: first `before`, then a positive number `seen`, then
/// `behind`.
#[unsafe(naked)]
unsafe extern "C" fn hide_others(scores: *mut i32, before: usize, seen: usize, behind: usize, step: usize) -> i32 {
    macro_rules! larger {
        () => {
            lines!("ldr r5, [r4]", "add r4, r4, lr", "cmp r5, r12", "it gt", "movgt r12, r5")
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r6, lr}}",
        "ldr lr, [sp, #16]",
        "mla r4, r1, lr, r0",
        "mov r12, #0x80000000",
        "ands r6, r2, #3",
        "beq 3f",
        "2:",
        larger!(),
        "subs r6, r6, #1",
        "bne 2b",
        "3:",
        "lsrs r6, r2, #2",
        "beq 5f",
        "4:",
        larger!(),
        larger!(),
        larger!(),
        larger!(),
        "subs r6, r6, #1",
        "bne 4b",
        "5:",
        "movw r5, #{low}",
        "movt r5, #{high}",
        "sub r5, r12, r5",
        "cmp r1, #0",
        "beq 7f",
        "6:",
        "str r5, [r0]",
        "add r0, r0, lr",
        "subs r1, r1, #1",
        "bne 6b",
        "7:",
        "cmp r3, #0",
        "beq 9f",
        "8:",
        "str r5, [r4]",
        "add r4, r4, lr",
        "subs r3, r3, #1",
        "bne 8b",
        "9:",
        "mov r0, r12",
        "pop {{r4-r6, pc}}",
        low = const LOWEST & 0xffff,
        high = const LOWEST >> 16,
    )
}

/// Raises scores to at least what `least` says of their lane.
pub(super) fn raise(scores: &mut [Lanes], least: &[i32; LANES]) {
    if !scores.is_empty() {
        let scores = scores.as_mut_ptr_range();
        // SAFETY: from the one to the other lie whole keys, one at least.
        unsafe { raise_keys(scores.start, scores.end, least) };
    }
}

/// # Safety
/// From `scores` to `end` lies a positive number of keys.
#[unsafe(naked)]
unsafe extern "C" fn raise_keys(scores: *mut Lanes, end: *const Lanes, least: &[i32; LANES]) {
    macro_rules! lane {
        ($score:literal, $least:literal) => {
            lines!(concat!("cmp ", $score, ", ", $least), "it lt", concat!("movlt ", $score, ", ", $least))
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r10, lr}}",
        "ldm r2, {{r2, r3, r8, r9}}",
        "2:",
        "ldm r0, {{r4-r7}}",
        lane!("r4", "r2"),
        lane!("r5", "r3"),
        lane!("r6", "r8"),
        lane!("r7", "r9"),
        "stm r0!, {{r4-r7}}",
        "cmp r0, r1",
        "bne 2b",
        "pop {{r4-r10, pc}}",
    )
}
