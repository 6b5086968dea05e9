//! Which keys the heads of a file's attention look at.

use super::uses::{Kinds, Uses};
use crate::pattern::{Alibi, AttentionPattern, RelativeTable, Slope, Window};
use crate::rope::{Pairing, Rope};
use core::marker::PhantomData;
use core::ops::Range;

/// The attention pattern of one part, as the words of a file.
#[derive(Clone, Copy, Debug)]
pub struct FilePattern<'a> {
    /// Whether keys after the query are hidden.
    pub causal: bool,
    /// A window for each head: keys back, keys ahead, dilation, sinks; or none.
    pub windows: &'a [[u32; 4]],
    /// A slope for each head, or none.
    pub slopes: &'a [Slope],
    /// Biases by distance, `[heads][span]`, or none.
    pub relative: RelativeTable<'a>,
    /// Rotation of queries and keys; without pairs, none.
    pub rope: Rope<'a>,
}

impl<'a> FilePattern<'a> {
    /// All heads look everywhere.
    pub const PLAIN: Self = Self {
        causal: false,
        windows: &[],
        slopes: &[],
        relative: RelativeTable { span: 0, biases: &[] },
        rope: Rope { pairing: Pairing::Interleaved, frequencies: &[] },
    };

    /// What it uses.
    pub(crate) const fn uses(&self) -> Uses {
        let uses = Uses::CAUSAL.only_if(self.causal);
        let uses = uses.and(Uses::WINDOWS.only_if(!self.windows.is_empty()));
        let uses = uses.and(Uses::ALIBI.only_if(!self.slopes.is_empty()));
        let uses = uses.and(Uses::RELATIVE.only_if(!self.relative.biases.is_empty()));
        let uses = uses.and(Uses::ROPE.only_if(!self.rope.frequencies.is_empty()));
        uses.and(Uses::PLAIN.only_if(!uses.has(Uses::PATTERNS)))
    }

    #[inline]
    pub(super) const fn is_plain(&self) -> bool {
        self.uses().has(Uses::PLAIN)
    }

    #[inline]
    fn window(&self, head: usize) -> Window {
        let bound = |word: u32| if word == u32::MAX { usize::MAX } else { word as usize };
        match self.windows.get(head) {
            Some(&[back, ahead, dilation, sinks]) => {
                Window { back: bound(back), ahead: bound(ahead), dilation: dilation as usize, sinks: sinks as usize }
            }
            None => Window::ALL,
        }
    }
}

/// A pattern that makes use of no more than this.
pub(super) struct Used<'p, U>(&'p FilePattern<'p>, PhantomData<U>);

impl<'p, U: Kinds> Used<'p, U> {
    #[inline]
    pub(super) const fn new(pattern: &'p FilePattern<'p>) -> Self {
        Self(pattern, PhantomData)
    }

    const fn has(uses: Uses) -> bool {
        U::USES.has(uses)
    }
}

impl<U: Kinds> AttentionPattern for Used<'_, U> {
    const FROM_FIRST: bool = !Self::has(Uses::WINDOWS);
    const ROTATES: bool = Self::has(Uses::ROPE);

    #[inline]
    fn keys(&self, head: usize, query: usize, keys: usize) -> Range<usize> {
        let end = if Self::has(Uses::CAUSAL) && self.0.causal { keys.min(query.saturating_add(1)) } else { keys };
        if Self::has(Uses::WINDOWS) {
            let window = self.0.window(head).keys(head, query, keys);
            return window.start..window.end.min(end);
        }
        0..end
    }

    #[inline]
    fn dilation(&self, head: usize) -> usize {
        if Self::has(Uses::WINDOWS) { self.0.window(head).dilation } else { 1 }
    }

    #[inline]
    fn biases(&self, head: usize) -> bool {
        (Self::has(Uses::WINDOWS) && self.0.window(head).biases(head))
            || (Self::has(Uses::ALIBI) && !self.0.slopes.is_empty())
            || (Self::has(Uses::RELATIVE) && !self.0.relative.biases.is_empty())
    }

    #[inline]
    fn bias(&self, head: usize, query: usize, key: usize) -> Option<i32> {
        let mut bias = 0i32;
        if Self::has(Uses::WINDOWS) {
            bias = self.0.window(head).bias(head, query, key)?;
        }
        if Self::has(Uses::ALIBI) && !self.0.slopes.is_empty() {
            bias = bias.saturating_add(Alibi(self.0.slopes).bias(head, query, key)?);
        }
        if Self::has(Uses::RELATIVE) {
            bias = bias.saturating_add(self.0.relative.bias(head, query, key)?);
        }
        Some(bias)
    }

    #[inline]
    fn bias_row(&self, head: usize, query: usize, first: usize, dilation: usize, row: &mut [i32]) {
        if Self::has(Uses::ALIBI) && !self.0.slopes.is_empty() {
            Alibi(self.0.slopes).bias_row(head, query, first, dilation, row);
        }
        if Self::has(Uses::RELATIVE) {
            self.0.relative.bias_row(head, query, first, dilation, row);
        }
        if Self::has(Uses::WINDOWS) && self.0.window(head).biases(head) {
            self.0.window(head).bias_row(head, query, first, dilation, row);
        }
    }

    #[inline]
    fn rope(&self) -> Option<Rope<'_>> {
        (Self::has(Uses::ROPE) && !self.0.rope.frequencies.is_empty()).then_some(self.0.rope)
    }
}
