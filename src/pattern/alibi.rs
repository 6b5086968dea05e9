//! Linear biases.

use super::AttentionPattern;
use crate::real::FromReal;
use bytemuck::{Pod, Zeroable};

/// Attention with linear biases: scores fall with the distance, by a slope per head (Press, Smith and Lewis, "Train
/// Short, Test Long", 2021).
#[derive(Clone, Copy, Debug)]
pub struct Alibi<'a>(pub &'a [Slope]);

/// How much a score falls per position, in units of the score over 256.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(transparent)]
pub struct Slope(pub u32);

impl Slope {
    /// The most that a score falls.
    const MOST: u32 = 1 << 22;

    /// From the slope of the real-valued model (what is taken off the scaled score, to be exponentiated to base e) and
    /// the head's octaves per unit of the score: 0 up to 2^24 units of the score.
    pub const fn from_real(slope: f64, steepness: crate::Steepness) -> FromReal<Self> {
        let score = slope * core::f64::consts::LOG2_E / steepness.to_real();
        let units = score * 256.0 + 0.5;
        if units >= 0.0 && units < 4_294_967_296.0 {
            FromReal::new(Self(units as u32))
        } else {
            FromReal::refuse("slope in units of the head's score", score, "0 up to, but not, 2^24")
        }
    }

    /// The slope of a head that the paper takes: `2^(-8·(head + 1)/heads)`.
    ///
    /// ```
    /// assert!((heedful::Slope::standard(0, 8) - 0.5).abs() < 1e-9);
    /// assert!((heedful::Slope::standard(7, 8) - 1.0 / 256.0).abs() < 1e-9);
    /// ```
    #[must_use]
    pub const fn standard(head: usize, heads: usize) -> f64 {
        crate::position::exp(-8.0 * core::f64::consts::LN_2 * (head as f64 + 1.0) / heads as f64)
    }

    /// What a key so far away loses.
    #[inline]
    pub(crate) const fn fall(self, distance: usize) -> i32 {
        // A distance that does not fit is far enough.
        let distance = if distance > 1 << 24 { 1 << 24 } else { distance as u64 };
        let fall = (self.0 as u64 * distance + 128) >> 8;
        if fall > Self::MOST as u64 { Self::MOST as i32 } else { fall as i32 }
    }

    /// Takes [`Slope::fall`] off each of a row, whose distances start at `distance` and change by `step`, which may
    /// wrap.
    #[inline]
    fn fall_row(self, distance: usize, step: usize, row: &mut [i32]) {
        let farthest = distance.max(distance.wrapping_add(row.len().saturating_sub(1).wrapping_mul(step)));
        if farthest > 1 << 24 || u64::from(self.0) * farthest as u64 >= u64::from(Self::MOST) << 8 {
            let mut distance = distance;
            for to in row {
                *to = to.saturating_sub(self.fall(distance));
                distance = distance.wrapping_add(step);
            }
            return;
        }
        // None falls by more than the most: a word holds all products.
        let mut fall = self.0.wrapping_mul(distance as u32).wrapping_add(128);
        let step = self.0.wrapping_mul(step as u32);
        for to in row {
            *to = to.saturating_sub((fall >> 8) as i32);
            fall = fall.wrapping_add(step);
        }
    }
}

impl Alibi<'_> {
    #[inline]
    fn of(&self, head: usize) -> Slope {
        self.0.get(head).copied().unwrap_or(Slope(0))
    }
}

impl AttentionPattern for Alibi<'_> {
    const FROM_FIRST: bool = true;

    #[inline]
    fn biases(&self, _head: usize) -> bool {
        true
    }

    #[inline]
    fn bias(&self, head: usize, query: usize, key: usize) -> Option<i32> {
        Some(-self.of(head).fall(query.abs_diff(key)))
    }

    #[inline]
    fn bias_row(&self, head: usize, query: usize, first: usize, dilation: usize, row: &mut [i32]) {
        let slope = self.of(head);
        // Keys up to the query, from where the distance grows again.
        let before = query
            .checked_sub(first)
            .and_then(|ahead| ahead.checked_div(dilation))
            .map_or(0, |before| before.saturating_add(1));
        let (before, after) = row.split_at_mut(before.min(row.len()));
        slope.fall_row(query.abs_diff(first), dilation.wrapping_neg(), before);
        let first = first.wrapping_add(before.len().wrapping_mul(dilation));
        slope.fall_row(query.abs_diff(first), dilation, after);
    }
}
