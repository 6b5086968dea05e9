//! Learned biases by distance.

use super::AttentionPattern;

/// A bias per head and distance, in units of the score: `table[head][key - query + SPAN / 2]`, the ends for all
/// distances beyond (relative positions: Raffel et al., "Exploring the Limits of Transfer Learning", 2019, section 2.1,
/// without their logarithmic buckets).
#[derive(Clone, Copy, Debug)]
pub struct RelativeBias<'a, const SPAN: usize>(pub &'a [[i32; SPAN]]);

impl<const SPAN: usize> RelativeBias<'_, SPAN> {
    /// The largest bias, in either direction: it decides alone.
    const MOST: i32 = 1 << 22;

    /// Of a head's table; beyond the heads that have one, 0.
    #[inline]
    fn bias_of(table: &[i32; SPAN], query: usize, key: usize) -> i32 {
        let place = key.saturating_add(SPAN / 2).saturating_sub(query).min(SPAN.saturating_sub(1));
        table.get(place).map_or(0, |bias| (*bias).clamp(-Self::MOST, Self::MOST))
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
        Some(self.0.get(head).map_or(0, |table| Self::bias_of(table, query, key)))
    }

    #[inline]
    fn bias_row(&self, head: usize, query: usize, first: usize, dilation: usize, row: &mut [i32]) {
        let Some(table) = self.0.get(head) else { return };
        let mut key = first;
        for to in row {
            *to = to.saturating_add(Self::bias_of(table, query, key));
            key = key.wrapping_add(dilation);
        }
    }
}
