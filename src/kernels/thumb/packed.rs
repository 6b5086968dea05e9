//! Rows of int8, three in two words.

use super::core_loops::{INNER, pack, panel};
use super::{LANES, Pack, Panel, TRIPLE, width};
use crate::kernels::holds;
use core::mem::MaybeUninit;

/// Up to six rows of activations, packed. For each inner position there are two words for each triple of rows: one
/// triple or two.
pub(super) struct Packed {
    /// Written before they are read: zeros would cost as much as all else in a tile.
    words: [MaybeUninit<u32>; INNER * 4],
    /// Positions that are there.
    filled: usize,
    /// Whether there are two triples.
    wide: bool,
}

impl Packed {
    #[inline]
    pub(super) const fn new() -> Self {
        Self { words: [const { MaybeUninit::uninit() }; _], filled: 0, wide: false }
    }

    /// Takes `length` values, at most `INNER`, from `start` on of each of `lanes` rows of `x` `[rows][width]`, at least
    /// one and all of them there. Lanes beyond repeat one of the others.
    #[inline(never)]
    pub(super) fn fill(&mut self, x: &[i8], width: usize, start: usize, length: usize, lanes: usize) {
        let length = length.min(INNER);
        self.wide = lanes > TRIPLE;
        self.filled = 0;
        let Some(x) = x.get(start..) else { return };
        if length == 0 || lanes == 0 || lanes > LANES || !holds(x, lanes, width, length) {
            return;
        }
        let words: *mut u32 = self.words.as_mut_ptr().cast();
        let size = if self.wide { 4 } else { 2 };
        for triple in 0..1 + usize::from(self.wide) {
            let first = triple * TRIPLE;
            let row = |lane: usize| {
                let lane = if lane < lanes { lane } else { first };
                x.as_ptr().wrapping_add(lane * width)
            };
            let words = words.wrapping_add(2 * triple);
            let call = Pack {
                rows: [row(first), row(first + 1), row(first + 2)],
                words,
                end: words.wrapping_add(length * size),
                step: size * size_of::<u32>(),
            };
            // SAFETY: the rows, those of existing lanes, hold `length` values (checked above), at least one, and the
            // words have room for them.
            unsafe { pack(&raw const call) };
        }
        self.filled = length;
    }

    /// Takes `length` values, at most `INNER`, from `start` on of each of two rows, if they have them.
    #[inline]
    pub(super) fn fill_two(&mut self, x: [&[i8]; 2], start: usize, length: usize) {
        (self.wide, self.filled) = (false, 0);
        let [Some(first), Some(second)] = x.map(|x| x.get(start..)?.get(..length)) else { return };
        if length == 0 || length > INNER {
            return;
        }
        let words: *mut u32 = self.words.as_mut_ptr().cast();
        let call = Pack {
            rows: [first, second, first].map(<[i8]>::as_ptr),
            words,
            end: words.wrapping_add(2 * length),
            step: 2 * size_of::<u32>(),
        };
        // SAFETY: the rows hold `length` values, at least one, and the words have room for them.
        unsafe { pack(&raw const call) };
        self.filled = length;
    }

    /// For each of `rows` rows of `w`, the products with each lane, off by [`CENTRE`](super::CENTRE), or added to
    /// `sums`. The rows are `stride` bytes apart, the first one begins at `from`; `length` of each count, at most
    /// `CHUNK`. The packed activations begin at `place`.
    #[inline(never)]
    #[allow(clippy::too_many_arguments)]
    pub(super) fn products(
        &self,
        place: usize,
        w: &[i8],
        stride: usize,
        from: usize,
        length: usize,
        rows: usize,
        sums: &mut [MaybeUninit<i32>],
        more: bool,
    ) {
        let Some(w) = w.get(from..) else { return };
        // With no more rows than sums, these times the width fits.
        if length == 0
            || rows == 0
            || place > self.filled
            || length > self.filled - place
            || rows > sums.len()
            || rows * width(self.wide) > sums.len()
            || !holds(w, rows, stride, length)
        {
            return;
        }
        let sums: *mut i32 = sums.as_mut_ptr().cast();
        let panel_of = Panel {
            x: self.words.as_ptr().wrapping_add(place * if self.wide { 4 } else { 2 }).cast(),
            length,
            w: w.as_ptr(),
            stride,
            sums,
            end: sums.wrapping_add(rows * width(self.wide)),
            more: u32::from(more),
        };
        // SAFETY: the positions from `place` on have been packed, and all rows end within `w`; there are at least one
        // position and one row, and sums for each (checked above).
        unsafe { panel(self.wide, &raw const panel_of) };
    }
}
