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

/// A score to a weight with one bit more. r2: maximum, r3: steepness, r4 to r8: constants; r12 and lr are lost.
macro_rules! weight {
    ($w:literal) => {
        concat!(
            "sub ",
            $w,
            ", r2, ",
            $w,
            ", lsl #8\n",
            "smmla ",
            $w,
            ", ",
            $w,
            ", r3, r7\n",
            "ubfx lr, ",
            $w,
            ", #0, #11\n",
            "mla r12, r4, lr, r5\n",
            "usat ",
            $w,
            ", #5, ",
            $w,
            ", asr #11\n",
            "smlatb r12, r12, lr, r6\n",
            "lsr ",
            $w,
            ", r12, ",
            $w,
            "\n",
        )
    };
}

/// The scores in r10 and r11 to a word of weights in r10, added to the sum in r9. Both are rounded by their last bit;
/// where there are no octaves it is what was left over below the polynomial, and dropped.
macro_rules! two_weights {
    () => {
        concat!(
            weight!("r10"),
            weight!("r11"),
            "pkhbt r10, r10, r11, lsl #16\n",
            "bic r11, r8, r10, lsr #15\n",
            "uhadd16 r10, r10, r11\n",
            "smlad r9, r10, r8, r9\n",
        )
    };
}

/// Four keys.
macro_rules! four {
    ($four:literal, $three:literal, $two:literal, $one:literal, $words:literal, $odd:literal) => {
        concat!(
            "ldr r10, [r0], #",
            $four,
            "\n",
            "ldr r11, [r0, #-",
            $two,
            "]\n",
            two_weights!(),
            "str r10, [r1], #",
            $words,
            "\n",
            "ldr r10, [r0, #-",
            $three,
            "]\n",
            "ldr r11, [r0, #-",
            $one,
            "]\n",
            two_weights!(),
            "str r10, [r1, #-",
            $odd,
            "]\n",
        )
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
