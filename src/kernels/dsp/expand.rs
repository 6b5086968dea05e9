//! Rows of int8, expanded to 16 bits and interleaved.

use super::{GROUP, INNER, LANES};
use crate::kernels::holds;
use core::arch::{asm, naked_asm};
use core::mem::MaybeUninit;

/// Up to four rows, expanded and interleaved. For each 4 inner positions `i` there are eight
/// words: `x[i] | x[i + 2] << 16` of each row, then `x[i + 1] | x[i + 3] << 16` of each row.
pub(super) struct Expanded<'m> {
    words: &'m mut Memory,
    /// Groups that have been written.
    filled: usize,
}

/// Room for [`Expanded`], apart from it so that it is not cleared with it.
pub(super) type Memory = [MaybeUninit<u32>; INNER / 4 * GROUP];
/// Memory that has not been written.
pub(super) const UNWRITTEN: Memory = [MaybeUninit::uninit(); _];

impl<'m> Expanded<'m> {
    /// Nothing yet.
    #[inline]
    pub(super) const fn new(words: &'m mut Memory) -> Self {
        Self { words, filled: 0 }
    }

    /// What has been filled.
    #[inline]
    pub(super) fn words(&self) -> &[u32] {
        let words = self.words.get(..self.filled * GROUP).unwrap_or(&[]);
        // SAFETY: `fill` has written the first `filled` groups.
        unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
    }

    /// Takes `length` values from `start` on of each row of `x` `[rows][width]`; what is missing becomes 0.
    /// At most [`INNER`] values fit.
    #[inline]
    pub(super) fn fill(&mut self, x: &[i8], width: usize, start: usize, length: usize) {
        let length = length.min(INNER);
        let groups = length / 4;
        self.filled = 0;
        let Some(inner) = x.get(start..).filter(|inner| holds(inner, LANES, width, length)) else {
            return self.fill_some(x, width, start, length);
        };
        if groups > 0 {
            let end = self.words.get(..groups * GROUP).map_or(core::ptr::null(), |words| words.as_ptr_range().end);
            // SAFETY: each of the four rows has `length` values within `inner` (checked above), and `words` has room
            // for `groups` groups, since `length` is at most `INNER`.
            unsafe { expand(inner.as_ptr(), width, self.words.as_mut_ptr().cast(), end.cast()) };
        }
        self.filled = groups;
        if !length.is_multiple_of(4) {
            self.fill_group(x, width, start, length, groups);
            self.filled = groups + 1;
        }
    }

    /// [`Expanded::fill`] where rows are missing.
    #[inline(never)]
    fn fill_some(&mut self, x: &[i8], width: usize, start: usize, length: usize) {
        let groups = length.div_ceil(4);
        for group in 0..groups {
            self.fill_group(x, width, start, length, group);
        }
        self.filled = groups;
    }

    /// One group, of which some rows or positions may be missing.
    fn fill_group(&mut self, x: &[i8], width: usize, start: usize, length: usize, group: usize) {
        let (groups, _) = self.words.as_chunks_mut::<GROUP>();
        let Some(words) = groups.get_mut(group) else { return };
        let (evens, odds) = words.split_at_mut(LANES);
        for (lane, (even, odd)) in evens.iter_mut().zip(odds).enumerate() {
            // Where a row is missing, any other will do.
            let row = x.get(lane.wrapping_mul(width).wrapping_add(start)..).unwrap_or(&[]);
            let row = row.get(..length.min(row.len())).unwrap_or(&[]);
            let mut quad = [0; 4];
            for (to, &from) in quad.iter_mut().zip(row.iter().skip(4 * group)) {
                *to = from as u8;
            }
            let quad = u32::from_le_bytes(quad);
            even.write(pair(quad));
            odd.write(pair(quad.rotate_right(8)));
        }
    }
}

/// Bytes 0 and 2 of a word, as two 16-bit integers.
#[inline]
pub(super) fn pair(quad: u32) -> u32 {
    let pair;
    // SAFETY: only registers are read and written.
    unsafe {
        asm!(cpu!(), "sxtb16 {}, {}", out(reg) pair, in(reg) quad, options(pure, nomem, nostack, preserves_flags))
    };
    pair
}

/// Expands four whole rows, four positions a turn, until `words` reaches `end`.
///
/// # Safety
/// The rows start `width` bytes apart and have as many values as fit from `words` to `end`, which are a positive number
/// of groups apart and aligned.
#[unsafe(naked)]
unsafe extern "C" fn expand(x: *const i8, width: usize, words: *mut u32, end: *const u32) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "add r4, r0, r1",
        "add r5, r4, r1",
        "add r6, r5, r1",
        "2:",
        "ldr r8, [r0], #4",
        "ldr r9, [r4], #4",
        "ldr r10, [r5], #4",
        "ldr r11, [r6], #4",
        "sxtb16 r1, r8, ror #8",
        "sxtb16 r7, r9, ror #8",
        "sxtb16 r12, r10, ror #8",
        "sxtb16 lr, r11, ror #8",
        "sxtb16 r8, r8",
        "sxtb16 r9, r9",
        "sxtb16 r10, r10",
        "sxtb16 r11, r11",
        "stm r2!, {{r8-r11}}",
        "stm r2!, {{r1, r7, r12, lr}}",
        "cmp r2, r3",
        "bne 2b",
        "pop {{r4-r11, pc}}",
    )
}
