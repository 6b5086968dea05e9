//! The mean of what came last.

/// An exponential mean of words, with 16 fraction bits.
///
/// Rounding down leaves it at most `2^shift - 1` units of 2^-16 below what stays the same, which rounding to words
/// takes away: it settles on the very word, however long it runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mean(u64);

impl Mean {
    pub(super) const ZERO: Self = Self(0);

    /// Goes `2^-shift` of the way to `x`.
    #[inline]
    pub(super) const fn follow(&mut self, x: u32, shift: u32) {
        let (x, mean) = ((x as i64) << 16, self.0 as i64);
        self.0 = (mean + ((x - mean) >> (shift & 15))) as u64;
    }

    /// Rounded to nearest.
    #[inline]
    pub(super) const fn value(self) -> u32 {
        ((self.0 + (1 << 15)) >> 16) as u32
    }
}
