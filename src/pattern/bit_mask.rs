//! Masks of any pattern.

use super::{AttentionPattern, MASKED};

/// An arbitrary mask: a bit for each query and key, set where the query may look.
#[derive(Clone, Copy, Debug)]
pub struct BitMask<'a> {
    words: &'a [u32],
    stride: usize,
}

impl<'a> BitMask<'a> {
    /// From a row of words per query: bit `key % 32` of word `key / 32`. What lies outside is hidden.
    ///
    /// ```
    /// use heedful::{BitMask, AttentionPattern};
    /// let mask = BitMask::new(&[[0b101], [0b111]]);
    /// assert_eq!(mask.bias(0, 0, 1), None);
    /// assert_eq!(mask.bias(0, 1, 1), Some(0));
    /// ```
    #[must_use]
    pub const fn new<const WORDS: usize>(rows: &'a [[u32; WORDS]]) -> Self {
        Self { words: rows.as_flattened(), stride: WORDS }
    }

    /// The bits of the 32 keys that `key` is one of.
    #[inline]
    fn word(&self, query: usize, key: usize) -> u32 {
        // Of a query far beyond the rows, the place need not fit a word.
        let word = if key / 32 < self.stride {
            query.checked_mul(self.stride).and_then(|row| self.words.get(row.checked_add(key / 32)?))
        } else {
            None
        };
        word.copied().unwrap_or(0)
    }
}

impl AttentionPattern for BitMask<'_> {
    const FROM_FIRST: bool = true;

    #[inline]
    fn biases(&self, _head: usize) -> bool {
        true
    }

    #[inline]
    fn bias(&self, _head: usize, query: usize, key: usize) -> Option<i32> {
        (self.word(query, key) >> (key % 32) & 1 == 1).then_some(0)
    }

    #[inline]
    fn bias_row(&self, _head: usize, query: usize, first: usize, dilation: usize, row: &mut [i32]) {
        let (mut key, mut row) = (first, row);
        while !row.is_empty() {
            // Keys whose bits lie in one word.
            let bits = (31 - key % 32).checked_div(dilation).unwrap_or(0) + 1;
            let Some((part, rest)) = row.split_at_mut_checked(bits.min(row.len())) else { return };
            let hidden = !self.word(query, key) >> (key % 32);
            for (i, to) in part.iter_mut().enumerate() {
                if hidden >> (i * dilation) & 1 == 1 {
                    *to = MASKED;
                }
            }
            key = key.wrapping_add(part.len().wrapping_mul(dilation));
            row = rest;
        }
    }
}
