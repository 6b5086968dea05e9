//! Which keys each head looks at, and how positions count in its scores.
//!
//! A [`Mask`] is a [`AttentionPattern`]; so are a [`Window`] for all heads, [`Windows`] of each head's own,
//! [`BitMask`], [`Alibi`], [`RelativeBias`], [`Rope`] and [`HeadMask`]. Tuples of these hold together: `(Mask::Causal,
//! Windows(&WINDOWS), ROPE)`. The type is known when the code is compiled, and what a pattern does not do leaves no
//! instruction behind.

mod alibi;
mod bit_mask;
mod mask;
mod relative_bias;
mod window;

pub use crate::kernels::MASKED;
use crate::rope::Rope;
pub use alibi::{Alibi, Slope};
pub use bit_mask::BitMask;
use core::ops::Range;
pub use mask::Mask;
pub use relative_bias::{RelativeBias, RelativeTable};
pub use window::{Window, Windows};

/// Which keys a query looks at, and what its scores gain by their positions.
///
/// A key is looked at if it lies in the range of [`AttentionPattern::keys`], on the grid of
/// [`AttentionPattern::dilation`], and [`AttentionPattern::bias`] does not hide it.
pub trait AttentionPattern {
    /// Whether every query looks from the first key on, wherever its keys end: spares looking for where they start.
    const FROM_FIRST: bool = false;

    /// Whether [`AttentionPattern::rope`] may give a rotation: where none can be, the compiler refuses.
    const ROTATES: bool = false;

    /// Keys that the query at position `query` may look at in a head, of `keys` there are: by default, all. Keys
    /// outside cost nothing.
    #[inline]
    fn keys(&self, _head: usize, _query: usize, keys: usize) -> Range<usize> {
        0..keys
    }

    /// From a key looked at to the next: a query looks at keys whose distance is a multiple.
    #[inline]
    fn dilation(&self, _head: usize) -> usize {
        1
    }

    /// Whether [`AttentionPattern::bias`] has anything to say in a head.
    #[inline]
    fn biases(&self, _head: usize) -> bool {
        false
    }

    /// What is added to the score of a query and a key, in its own units, at most 2^22 either way; `None` hides the
    /// key.
    #[inline]
    fn bias(&self, _head: usize, _query: usize, _key: usize) -> Option<i32> {
        Some(0)
    }

    /// [`AttentionPattern::bias`] of the keys from `first` on, `dilation` apart, added to a row of biases; [`MASKED`]
    /// where it is `None`. What is called when attention runs: a pattern that can tell a row in fewer steps than key by
    /// key does so here.
    #[inline]
    fn bias_row(&self, head: usize, query: usize, first: usize, dilation: usize, row: &mut [i32]) {
        let mut key = first;
        for to in row {
            *to = self.bias(head, query, key).map_or(MASKED, |bias| to.saturating_add(bias));
            key = key.wrapping_add(dilation);
        }
    }

    /// How queries and keys are rotated by their positions before they meet.
    #[inline]
    fn rope(&self) -> Option<Rope<'_>> {
        None
    }
}

/// Every head looks everywhere, and this is known when the code is compiled.
impl AttentionPattern for () {
    const FROM_FIRST: bool = true;
}

impl AttentionPattern for Mask {
    const FROM_FIRST: bool = true;

    #[inline]
    fn keys(&self, _head: usize, query: usize, keys: usize) -> Range<usize> {
        0..self.visible(query, keys)
    }
}

impl<R: AttentionPattern> AttentionPattern for &R {
    const FROM_FIRST: bool = R::FROM_FIRST;
    const ROTATES: bool = R::ROTATES;

    #[inline]
    fn keys(&self, head: usize, query: usize, keys: usize) -> Range<usize> {
        R::keys(self, head, query, keys)
    }

    #[inline]
    fn dilation(&self, head: usize) -> usize {
        R::dilation(self, head)
    }

    #[inline]
    fn biases(&self, head: usize) -> bool {
        R::biases(self, head)
    }

    #[inline]
    fn bias(&self, head: usize, query: usize, key: usize) -> Option<i32> {
        R::bias(self, head, query, key)
    }

    #[inline]
    fn bias_row(&self, head: usize, query: usize, first: usize, dilation: usize, row: &mut [i32]) {
        R::bias_row(self, head, query, first, dilation, row);
    }

    #[inline]
    fn rope(&self) -> Option<Rope<'_>> {
        R::rope(self)
    }
}

/// All together: keys that each lets through, the sum of the biases, the largest dilation, the first rotation.
macro_rules! together {
    ($($part:ident)+) => {
        impl<$($part: AttentionPattern),+> AttentionPattern for ($($part,)+) {
            const FROM_FIRST: bool = true $(&& $part::FROM_FIRST)+;
            const ROTATES: bool = false $(|| $part::ROTATES)+;

            #[inline]
            fn keys(&self, head: usize, query: usize, keys: usize) -> Range<usize> {
                #[allow(non_snake_case)]
                let ($($part,)+) = self;
                let mut range = 0..keys;
                $(
                    let part = $part.keys(head, query, keys);
                    range = range.start.max(part.start)..range.end.min(part.end);
                )+
                range
            }

            #[inline]
            fn dilation(&self, head: usize) -> usize {
                #[allow(non_snake_case)]
                let ($($part,)+) = self;
                let mut dilation = 1;
                $(dilation = dilation.max($part.dilation(head));)+
                dilation
            }

            #[inline]
            fn biases(&self, head: usize) -> bool {
                #[allow(non_snake_case)]
                let ($($part,)+) = self;
                false $(|| $part.biases(head))+
            }

            #[inline]
            fn bias(&self, head: usize, query: usize, key: usize) -> Option<i32> {
                #[allow(non_snake_case)]
                let ($($part,)+) = self;
                let mut sum = 0i32;
                $(sum = sum.saturating_add($part.bias(head, query, key)?);)+
                Some(sum)
            }

            #[inline]
            fn bias_row(&self, head: usize, query: usize, first: usize, dilation: usize, row: &mut [i32]) {
                #[allow(non_snake_case)]
                let ($($part,)+) = self;
                $(
                    if $part.biases(head) {
                        $part.bias_row(head, query, first, dilation, row);
                    }
                )+
            }

            #[inline]
            fn rope(&self) -> Option<Rope<'_>> {
                #[allow(non_snake_case)]
                let ($($part,)+) = self;
                let rope = None;
                $(let rope = rope.or($part.rope());)+
                rope
            }
        }
    };
}

together!(A B);
together!(A B C);
together!(A B C D);

impl AttentionPattern for Rope<'_> {
    const FROM_FIRST: bool = true;
    const ROTATES: bool = true;

    #[inline]
    fn rope(&self) -> Option<Rope<'_>> {
        Some(*self)
    }
}

/// Heads switched off, a bit each: they look at nothing and contribute exactly 0.
///
/// ```
/// use heedful::{AttentionPattern, HeadMask};
/// assert!(HeadMask(0b10).keys(1, 5, 10).is_empty());
/// assert_eq!(HeadMask(0b10).keys(0, 5, 10), 0..10);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeadMask(pub u64);

impl AttentionPattern for HeadMask {
    const FROM_FIRST: bool = true;

    #[inline]
    fn keys(&self, head: usize, _query: usize, keys: usize) -> Range<usize> {
        if head < 64 && self.0 >> head & 1 == 1 { 0..0 } else { 0..keys }
    }
}
