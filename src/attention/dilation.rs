//! Dilation classes: the positions that meet in a dilated head (Beltagy, Peters and Cohan, "Longformer", 2020, section
//! 3.1).

use crate::arithmetic::softmax::MAX_POSITIONS;
use crate::kernels::{MAX_QUERIES, Rows};

/// Every `dilation`th position from the `first` on. Without a dilation there is one class, of all positions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct DilationClass {
    pub first: usize,
    /// 1 to [`MAX_POSITIONS`].
    pub dilation: usize,
}

/// A few queries of a class that follow one another.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueryBlock {
    pub class: DilationClass,
    /// The first one's index in the class.
    pub index: usize,
    /// 1 to [`MAX_QUERIES`].
    pub count: usize,
}

impl DilationClass {
    /// The classes of so many positions.
    #[inline]
    pub fn all(dilation: usize, positions: usize) -> impl Iterator<Item = Self> {
        // Beyond the longest sequence, each position is alone in its class; no product with a width overflows.
        let dilation = dilation.clamp(1, MAX_POSITIONS);
        (0..dilation.min(positions)).map(move |first| Self { first, dilation })
    }

    /// How many of so many positions are in the class.
    #[inline]
    pub fn count(self, positions: usize) -> usize {
        self.index(positions)
    }

    /// The index of the first position of the class at a position or after it.
    #[inline]
    pub fn index(self, position: usize) -> usize {
        let after = position.saturating_sub(self.first);
        if self.dilation == 1 { after } else { after.div_ceil(self.dilation.max(1)) }
    }

    /// The position at an index.
    #[inline]
    pub fn position(self, index: usize) -> usize {
        // A pattern may say that keys start anywhere.
        self.first.wrapping_add(index.wrapping_mul(self.dilation))
    }

    /// The queries of the class, at most `most` at a time.
    #[inline]
    pub fn query_blocks(self, positions: usize, most: usize) -> impl Iterator<Item = QueryBlock> {
        let (queries, most) = (self.count(positions), most.clamp(1, MAX_QUERIES));
        let mut next = 0;
        core::iter::from_fn(move || {
            // Not the difference of two indices, of which the compiler would not know that it is at most `most`.
            let (index, count) = (next, most.min(queries - next));
            next += count;
            (count > 0).then_some(QueryBlock { class: self, index, count })
        })
    }

    /// Calls `run` with the rows of the class in a sequence, from their `offset`th value on, and the index of the first
    /// row: all at once, but for a last row that the sequence's end cuts off.
    #[inline]
    pub fn rows(self, x: Rows<'_>, offset: usize, inputs: usize, count: usize, mut run: impl FnMut(Rows<'_>, usize)) {
        let width = x.width() * self.dilation;
        let data = x.data().get(self.first * x.width() + offset..).unwrap_or(&[]);
        let whole = if width == inputs { count } else { data.len().checked_div(width).unwrap_or(0).min(count) };
        run(Rows::new(data.get(..whole * width).unwrap_or(data), width), 0);
        if whole < count {
            let last = data.get(whole * width..).unwrap_or(&[]);
            run(Rows::new(last.get(..inputs).unwrap_or(last), inputs), whole);
        }
    }
}

impl QueryBlock {
    /// The position of one of the queries.
    #[inline]
    pub fn position(self, query: usize) -> usize {
        self.class.position(self.index + query)
    }
}
