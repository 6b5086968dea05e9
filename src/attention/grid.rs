//! The positions that meet in a dilated head.

use crate::kernels::Rows;

/// Every `step`th position from the `first` on: those that meet in a dilated head.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    pub first: usize,
    /// 1 to [`MAX_POSITIONS`](super::MAX_POSITIONS).
    pub step: usize,
}

impl Grid {
    /// How many of so many positions lie on the grid.
    #[inline]
    pub fn count(self, positions: usize) -> usize {
        self.index(positions)
    }

    /// The first place on the grid at a position or after it.
    #[inline]
    pub fn index(self, position: usize) -> usize {
        let after = position.saturating_sub(self.first);
        if self.step == 1 { after } else { after.div_ceil(self.step.max(1)) }
    }

    #[inline]
    pub fn position(self, index: usize) -> usize {
        // A pattern may say that keys start anywhere.
        self.first.wrapping_add(index.wrapping_mul(self.step))
    }

    /// Calls `run` with the rows of a sequence on the grid, from their `offset`th value on, and the place of the first:
    /// all at once, but for a last row that the sequence's end cuts off.
    #[inline]
    pub fn rows(self, x: Rows<'_>, offset: usize, inputs: usize, count: usize, mut run: impl FnMut(Rows<'_>, usize)) {
        let width = x.width() * self.step;
        let data = x.data().get(self.first * x.width() + offset..).unwrap_or(&[]);
        let whole = if width == inputs { count } else { data.len().checked_div(width).unwrap_or(0).min(count) };
        run(Rows::new(data.get(..whole * width).unwrap_or(data), width), 0);
        if whole < count {
            let rest = data.get(whole * width..).unwrap_or(&[]);
            run(Rows::new(rest.get(..inputs).unwrap_or(rest), inputs), whole);
        }
    }
}
