//! Which keys each head looks at, and how positions count in its scores.
//!
//! A [`Mask`] is a [`Reach`]; so are a [`Window`] for all heads, [`Windows`] of each head's own, [`Bits`], [`Alibi`], [`RelativeBias`],
//! [`Rope`] and [`Without`]. Tuples of these hold together: `(Mask::Causal, Windows(&WINDOWS), ROPE)`. The type is known
//! when the code is compiled, and what a reach does not do leaves no instruction behind.

use crate::mask::Mask;
use crate::rope::Rope;
use core::ops::Range;

/// Which keys a query looks at, and what its scores gain by their positions.
///
/// A key is looked at if it lies in the range of [`Reach::keys`], on the grid of [`Reach::dilation`], and [`Reach::bias`] does not hide it.
pub trait Reach {
    /// Whether every query looks from the first key on, wherever its keys end: spares looking for where they start.
    const FROM_FIRST: bool = false;

    /// Keys that the query at position `query` may look at in a head, of `keys` there are: by default, all. Keys outside cost nothing.
    #[inline]
    fn keys(&self, _head: usize, _query: usize, keys: usize) -> Range<usize> {
        0..keys
    }

    /// From a key looked at to the next: a query looks at keys whose distance is a multiple.
    #[inline]
    fn dilation(&self, _head: usize) -> usize {
        1
    }

    /// Whether [`Reach::bias`] has anything to say in a head.
    #[inline]
    fn biases(&self, _head: usize) -> bool {
        false
    }

    /// What is added to the score of a query and a key, in its own units, at most 2^22 either way; `None` hides the key.
    #[inline]
    fn bias(&self, _head: usize, _query: usize, _key: usize) -> Option<i32> {
        Some(0)
    }

    /// How queries and keys are rotated by their positions before they meet.
    #[inline]
    fn rope(&self) -> Option<Rope<'_>> {
        None
    }
}

impl Reach for Mask {
    const FROM_FIRST: bool = true;

    #[inline]
    fn keys(&self, _head: usize, query: usize, keys: usize) -> Range<usize> {
        0..self.visible(query, keys)
    }
}

impl<R: Reach> Reach for &R {
    const FROM_FIRST: bool = R::FROM_FIRST;

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
    fn rope(&self) -> Option<Rope<'_>> {
        R::rope(self)
    }
}

/// All together: keys that each lets through, the sum of the biases, the largest dilation, the first rotation.
macro_rules! together {
    ($($part:ident)+) => {
        impl<$($part: Reach),+> Reach for ($($part,)+) {
            const FROM_FIRST: bool = true $(&& $part::FROM_FIRST)+;

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

/// How far a head looks from its query ("multi-scale": heads that look near and heads that look far), both counted in keys looked at.
///
/// ```
/// use heedful::{Reach, Window};
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
    /// Keys at the start that are looked at from everywhere (attention sinks: Xiao et al., "Efficient Streaming Language
    /// Models with Attention Sinks", 2023). With a dilation, those on the query's grid.
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

impl Reach for Window {
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

impl Reach for Windows<'_> {
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
}

/// An arbitrary mask: a bit for each query and key, set where the query may look.
#[derive(Clone, Copy, Debug)]
pub struct Bits<'a> {
    words: &'a [u32],
    stride: usize,
}

impl<'a> Bits<'a> {
    /// From a row of words per query: bit `key % 32` of word `key / 32`. What lies outside is hidden.
    ///
    /// ```
    /// use heedful::{Bits, Reach};
    /// let mask = Bits::new(&[[0b101], [0b111]]);
    /// assert_eq!(mask.bias(0, 0, 1), None);
    /// assert_eq!(mask.bias(0, 1, 1), Some(0));
    /// ```
    #[must_use]
    pub const fn new<const WORDS: usize>(rows: &'a [[u32; WORDS]]) -> Self {
        Self { words: rows.as_flattened(), stride: WORDS }
    }
}

impl Reach for Bits<'_> {
    const FROM_FIRST: bool = true;

    #[inline]
    fn biases(&self, _head: usize) -> bool {
        true
    }

    #[inline]
    fn bias(&self, _head: usize, query: usize, key: usize) -> Option<i32> {
        // Of a query far beyond the rows, the place need not fit a word.
        let word = if key / 32 < self.stride {
            query.checked_mul(self.stride).and_then(|row| self.words.get(row.checked_add(key / 32)?))
        } else {
            None
        };
        (word.copied().unwrap_or(0) >> (key % 32) & 1 == 1).then_some(0)
    }
}

impl Reach for Rope<'_> {
    const FROM_FIRST: bool = true;

    #[inline]
    fn rope(&self) -> Option<Rope<'_>> {
        Some(*self)
    }
}

/// Attention with linear biases: scores fall with the distance, by a slope per head (Press, Smith and Lewis, "Train Short, Test
/// Long", 2021).
#[derive(Clone, Copy, Debug)]
pub struct Alibi<'a>(pub &'a [Slope]);

/// How much a score falls per position, in units of the score over 256.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slope(pub u32);

impl Slope {
    /// The most that a score falls.
    const MOST: u32 = 1 << 22;

    /// From the slope of the real-valued model (what is taken off the scaled score, to be exponentiated to base e) and the
    /// head's octaves per unit of the score. `None` unless it fits.
    #[must_use]
    pub const fn from_real(slope: f64, steepness: crate::Steepness) -> Option<Self> {
        let units = slope * core::f64::consts::LOG2_E / steepness.to_real() * 256.0 + 0.5;
        if units >= 0.0 && units < 4_294_967_296.0 { Some(Self(units as u32)) } else { None }
    }

    /// The slope of a head that the paper takes: `2^(-8·(head + 1)/heads)`.
    ///
    /// ```
    /// assert!((heedful::Slope::standard(0, 8) - 0.5).abs() < 1e-9);
    /// assert!((heedful::Slope::standard(7, 8) - 1.0 / 256.0).abs() < 1e-9);
    /// ```
    #[must_use]
    pub const fn standard(head: usize, heads: usize) -> f64 {
        crate::position::exp(-8.0 * core::f64::consts::LN_2 * (head + 1) as f64 / heads as f64)
    }

    /// What a key so far away loses.
    #[inline]
    pub(crate) const fn fall(self, distance: usize) -> i32 {
        // A distance that does not fit is far enough.
        let distance = if distance > 1 << 24 { 1 << 24 } else { distance as u64 };
        let fall = (self.0 as u64 * distance + 128) >> 8;
        if fall > Self::MOST as u64 { Self::MOST as i32 } else { fall as i32 }
    }
}

impl Reach for Alibi<'_> {
    const FROM_FIRST: bool = true;

    #[inline]
    fn biases(&self, _head: usize) -> bool {
        true
    }

    #[inline]
    fn bias(&self, head: usize, query: usize, key: usize) -> Option<i32> {
        let slope = self.0.get(head).copied().unwrap_or(Slope(0));
        Some(-slope.fall(query.abs_diff(key)))
    }
}

/// A bias per head and distance, in units of the score: `table[head][key - query + SPAN / 2]`, the ends for all distances beyond
/// (relative positions: Raffel et al., "Exploring the Limits of Transfer Learning", 2019, section 2.1, without their logarithmic buckets).
#[derive(Clone, Copy, Debug)]
pub struct RelativeBias<'a, const SPAN: usize>(pub &'a [[i32; SPAN]]);

impl<const SPAN: usize> Reach for RelativeBias<'_, SPAN> {
    const FROM_FIRST: bool = true;

    #[inline]
    fn biases(&self, _head: usize) -> bool {
        true
    }

    #[inline]
    fn bias(&self, head: usize, query: usize, key: usize) -> Option<i32> {
        let place = (key + SPAN / 2).saturating_sub(query).min(SPAN.saturating_sub(1));
        Some(self.0.get(head).and_then(|row| row.get(place)).copied().unwrap_or(0))
    }
}

/// Heads switched off, a bit each: they look at nothing and contribute exactly 0.
///
/// ```
/// use heedful::{Reach, Without};
/// assert!(Without(0b10).keys(1, 5, 10).is_empty());
/// assert_eq!(Without(0b10).keys(0, 5, 10), 0..10);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Without(pub u64);

impl Reach for Without {
    const FROM_FIRST: bool = true;

    #[inline]
    fn keys(&self, head: usize, _query: usize, keys: usize) -> Range<usize> {
        if head < 64 && self.0 >> head & 1 == 1 { 0..0 } else { 0..keys }
    }
}
