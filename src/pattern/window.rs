//! Windows: local heads, global heads, and heads that look at every fourth key, say.

use super::{AttentionPattern, MASKED};
use core::ops::Range;

/// How far a head looks from its query ("multi-scale": heads that look near and heads that look far), both counted in
/// keys looked at.
///
/// ```
/// use heedful::{AttentionPattern, Window};
/// assert_eq!(Window::back(3).keys(0, 10, 100), 7..11); // three keys back, and its own
/// assert_eq!(Window::around(3).keys(0, 10, 100), 7..14);
/// assert_eq!(Window::back(3).dilated(4).keys(0, 20, 100), 8..21); // of these, 8, 12, 16 and 20
/// assert_eq!(Window::ALL.keys(0, 10, 100), 0..100);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Keys before the query's own position.
    pub back: usize,
    /// Keys after it.
    pub ahead: usize,
    /// From one key to the next (dilated attention: Beltagy, Peters and Cohan, "Longformer", 2020, section 3.1).
    pub dilation: usize,
    /// Keys at the start that are looked at from everywhere (attention sinks: Xiao et al., "Efficient Streaming
    /// Language Models with Attention Sinks", 2023). With a dilation, those on the query's grid.
    pub sinks: usize,
}

impl Window {
    /// A head that looks everywhere.
    pub const ALL: Self = Self { back: usize::MAX, ahead: usize::MAX, dilation: 1, sinks: 0 };

    /// A head that looks at its own position and `back` before it.
    #[must_use]
    pub const fn back(back: usize) -> Self {
        Self { back, ahead: 0, ..Self::ALL }
    }

    /// A head that looks at its own position and as many before as after.
    #[must_use]
    pub const fn around(distance: usize) -> Self {
        Self { back: distance, ahead: distance, ..Self::ALL }
    }

    /// The same number of keys, each `dilation` positions from the next.
    #[must_use]
    pub const fn dilated(self, dilation: usize) -> Self {
        Self { dilation, ..self }
    }

    /// With the first so many keys looked at from everywhere.
    #[must_use]
    pub const fn with_sinks(self, sinks: usize) -> Self {
        Self { sinks, ..self }
    }

    /// The first key of the window proper.
    #[inline]
    const fn first(&self, query: usize) -> usize {
        query.saturating_sub(self.back.saturating_mul(self.dilation))
    }

    /// The last one.
    #[inline]
    const fn last(&self, query: usize) -> usize {
        query.saturating_add(self.ahead.saturating_mul(self.dilation))
    }
}

impl AttentionPattern for Window {
    #[inline]
    fn keys(&self, _head: usize, query: usize, keys: usize) -> Range<usize> {
        let end = self.last(query).saturating_add(1);
        let start = if self.sinks > 0 { 0 } else { self.first(query) };
        start..end.min(keys).max(self.sinks.min(keys))
    }

    #[inline]
    fn dilation(&self, _head: usize) -> usize {
        self.dilation
    }

    #[inline]
    fn biases(&self, _head: usize) -> bool {
        self.sinks > 0
    }

    #[inline]
    fn bias(&self, _head: usize, query: usize, key: usize) -> Option<i32> {
        (key < self.sinks || (self.first(query)..=self.last(query)).contains(&key)).then_some(0)
    }

    #[inline]
    fn bias_row(&self, _head: usize, query: usize, first: usize, dilation: usize, row: &mut [i32]) {
        let (window, mut key) = (self.first(query)..=self.last(query), first);
        for to in row {
            if key >= self.sinks && !window.contains(&key) {
                *to = MASKED;
            }
            key = key.wrapping_add(dilation);
        }
    }
}

/// A window for each head; heads beyond look everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Windows<'a>(pub &'a [Window]);

impl Windows<'_> {
    #[inline]
    fn of(&self, head: usize) -> &Window {
        self.0.get(head).unwrap_or(&Window::ALL)
    }
}

impl AttentionPattern for Windows<'_> {
    #[inline]
    fn keys(&self, head: usize, query: usize, keys: usize) -> Range<usize> {
        self.of(head).keys(head, query, keys)
    }

    #[inline]
    fn dilation(&self, head: usize) -> usize {
        self.of(head).dilation
    }

    #[inline]
    fn biases(&self, head: usize) -> bool {
        self.of(head).biases(head)
    }

    #[inline]
    fn bias(&self, head: usize, query: usize, key: usize) -> Option<i32> {
        self.of(head).bias(head, query, key)
    }

    #[inline]
    fn bias_row(&self, head: usize, query: usize, first: usize, dilation: usize, row: &mut [i32]) {
        self.of(head).bias_row(head, query, first, dilation, row);
    }
}
