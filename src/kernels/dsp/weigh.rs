//! The softmax of one or two rows of scores.
//!
//! The arithmetic is that of `softmax.rs`; but rows are whole, and weights go to a place of their own.

use super::pair::PAIR;
use super::softmax::Constants;
use core::arch::naked_asm;

/// The weights of a whole number of eights of keys, `words` being a word for each two of them, and their sum. Scores
/// lie side by side, and so do words.
pub(super) fn one(scores: &[i32], words: &mut [u32], max: i32, steepness: u32, constants: &Constants) -> u32 {
    let keys = (scores.len() & !7).min((2 * words.len()) & !7);
    if keys == 0 {
        return 0;
    }
    let end = scores.as_ptr().wrapping_add(keys);
    // SAFETY: up to `end` lies a positive multiple of 8 scores, and words are half as many at least.
    unsafe { weigh_one(scores.as_ptr(), words.as_mut_ptr(), max, steepness, constants, end) }
}

/// [`one`] for row `lane` of two that are interleaved, scores one by one and words two by two.
pub(super) fn lane(
    scores: &[i32],
    words: &mut [u32],
    lane: usize,
    max: i32,
    steepness: u32,
    constants: &Constants,
) -> u32 {
    let keys = ((scores.len() / PAIR) & !7).min(words.len() & !7);
    let lane = lane % PAIR;
    if keys == 0 {
        return 0;
    }
    let (scores, words) = (scores.as_ptr().wrapping_add(lane), words.as_mut_ptr().wrapping_add(2 * lane));
    let end = scores.wrapping_add(PAIR * keys);
    // SAFETY: both rows have a positive multiple of 8 scores, this one's up to `end`, and a word for each two.
    unsafe { weigh_two(scores, words, max, steepness, constants, end) }
}

/// A naked function that turns the scores of a row into weights, eight at a time, and gives their sum: from one score
/// to the next in bytes (1, 2, 3 and 4 times), and from one group's words to the next group's.
macro_rules! weigh {
    ($(#[$doc:meta])* $name:ident, $four:literal, $three:literal, $two:literal, $one:literal, $words:literal, $odd:literal) => {
        $(#[$doc])*
        #[unsafe(naked)]
        unsafe extern "C" fn $name(
            scores: *const i32,
            words: *mut u32,
            max: i32,
            steepness: u32,
            constants: &Constants,
            end: *const i32,
        ) -> u32 {
            naked_asm!(
                cpu!(),
                "push {{r4-r11, lr}}",
                "ldr r12, [sp, #36]",
                "ldm r12, {{r4-r8}}",
                "lsl r2, r2, #8",
                "mov r9, #0",
                "2:",
                four!($four, $three, $two, $one, $words, $odd),
                four!($four, $three, $two, $one, $words, $odd),
                "ldr r10, [sp, #40]",
                "cmp r0, r10",
                "bne 2b",
                "mov r0, r9",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

weigh!(
    /// # Safety
    /// From `scores` to `end` lies a positive multiple of 8 scores; `words` are half as many.
    weigh_one, "16", "12", "8", "4", "8", "4"
);
weigh!(
    /// # Safety
    /// From `scores` to `end` lies a positive multiple of 8 scores, every other word; `words` are half as many, two of
    /// every four.
    weigh_two, "32", "24", "16", "8", "16", "12"
);
