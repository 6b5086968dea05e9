//! Learned biases by distance.

use super::AttentionPattern;

/// A bias per head and distance, in units of the score: `table[head][key - query + SPAN / 2]`, the ends for all
/// distances beyond (relative positions: Raffel et al., "Exploring the Limits of Transfer Learning", 2019, section 2.1,
/// without their logarithmic buckets).
#[derive(Clone, Copy, Debug)]
pub struct RelativeBias<'a, const SPAN: usize>(pub &'a [[i32; SPAN]]);

/// The same, of any span.
#[derive(Clone, Copy, Debug)]
pub struct RelativeTable<'a> {
    /// Distances that a head has a bias for.
    pub span: usize,
    /// `[heads][span]`
    pub biases: &'a [i32],
}

impl RelativeTable<'_> {
    /// The largest bias, in either direction: it decides alone.
    const MOST: i32 = 1 << 22;

    /// The biases of a head.
    #[inline]
    fn of(&self, head: usize) -> Option<&[i32]> {
        self.biases.get(head.checked_mul(self.span)?..)?.get(..self.span)
    }

    #[inline]
    fn bias_of(table: &[i32], query: usize, key: usize) -> i32 {
        let span = table.len();
        let place = key.saturating_add(span / 2).saturating_sub(query).min(span.saturating_sub(1));
        table.get(place).map_or(0, |bias| (*bias).clamp(-Self::MOST, Self::MOST))
    }
}

impl AttentionPattern for RelativeTable<'_> {
    const FROM_FIRST: bool = true;

    #[inline]
    fn biases(&self, _head: usize) -> bool {
        true
    }

    #[inline]
    fn bias(&self, head: usize, query: usize, key: usize) -> Option<i32> {
        Some(self.of(head).map_or(0, |table| Self::bias_of(table, query, key)))
    }

    #[inline]
    fn bias_row(&self, head: usize, query: usize, first: usize, dilation: usize, row: &mut [i32]) {
        let Some(table) = self.of(head) else { return };
        let mut key = first;
        for to in row {
            *to = to.saturating_add(Self::bias_of(table, query, key));
            key = key.wrapping_add(dilation);
        }
    }
}

impl<const SPAN: usize> RelativeBias<'_, SPAN> {
    #[inline]
    fn table(&self) -> RelativeTable<'_> {
        RelativeTable { span: SPAN, biases: self.0.as_flattened() }
    }
}

impl<const SPAN: usize> AttentionPattern for RelativeBias<'_, SPAN> {
    const FROM_FIRST: bool = true;

    #[inline]
    fn biases(&self, _head: usize) -> bool {
        true
    }

    #[inline]
    fn bias(&self, head: usize, query: usize, key: usize) -> Option<i32> {
        self.table().bias(head, query, key)
    }

    #[inline]
    fn bias_row(&self, head: usize, query: usize, first: usize, dilation: usize, row: &mut [i32]) {
        self.table().bias_row(head, query, first, dilation, row);
    }
}
