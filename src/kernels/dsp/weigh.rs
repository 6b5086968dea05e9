//! The softmax of one or two rows of scores.
//!
//! The arithmetic is that of `softmax.rs`; but rows are whole, and weights go to a place of their own.

use super::softmax::Constants;
use core::arch::naked_asm;

/// The weights of one of `ROWS` rows, for a whole number of eights of keys, and their sum. Of all rows in turn, scores
/// lie one by one, and words, each of which is for two keys, two by two.
#[inline(never)]
pub(super) fn weigh<const ROWS: usize>(
    scores: &[i32],
    words: &mut [u32],
    row: usize,
    max: i32,
    steepness: u32,
    constants: &Constants,
) -> u32 {
    let keys = ((scores.len() / ROWS) & !7).min((2 * words.len() / ROWS) & !7);
    if keys == 0 || row >= ROWS {
        return 0;
    }
    let (scores, words) = (scores.as_ptr().wrapping_add(row), words.as_mut_ptr().wrapping_add(2 * row));
    let end = scores.wrapping_add(ROWS * keys);
    // SAFETY: all rows have a positive multiple of 8 scores, this one's up to `end`, and a word for each two.
    unsafe { weigh_row::<ROWS>(scores, words, max, steepness, constants, end) }
}

/// Eight keys at a time.
///
/// # Safety
/// From `scores` to `end` lies a positive multiple of 8 scores, `ROWS` words apart; there are half as many words.
#[unsafe(naked)]
unsafe extern "C" fn weigh_row<const ROWS: usize>(
    scores: *const i32,
    words: *mut u32,
    max: i32,
    steepness: u32,
    constants: &Constants,
    end: *const i32,
) -> u32 {
    macro_rules! four_keys {
        () => {
            four!("{four}", "{three}", "{two}", "{one}", "{words}", "{odd}")
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "ldr r12, [sp, #36]",
        "ldm r12, {{r4-r8}}",
        "lsl r2, r2, #8",
        "mov r9, #0",
        "2:",
        four_keys!(),
        four_keys!(),
        "ldr r10, [sp, #40]",
        "cmp r0, r10",
        "bne 2b",
        "mov r0, r9",
        "pop {{r4-r11, pc}}",
        four = const 16 * ROWS,
        three = const 12 * ROWS,
        two = const 8 * ROWS,
        one = const 4 * ROWS,
        words = const 8 * ROWS,
        odd = const 8 * ROWS - 4,
    )
}
