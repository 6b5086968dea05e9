//! Patches of the input, or of what a convolution made of it.

use super::source::{Features, Source};
use super::state::head_mut;
use super::uses::{Kinds, Uses};
use core::ops::Range;

/// Patches of an input of `[rows][columns][channels]`: a series has rows, its steps, of one column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patches {
    /// Rows, columns and channels of the input.
    pub input: [usize; 3],
    /// Rows and columns of a patch.
    pub kernel: [usize; 2],
    /// From a patch to the next one.
    pub stride: [usize; 2],
    /// Rows and columns beyond each edge.
    pub padding: [usize; 2],
    /// What is there: what the input's 0 is.
    pub zero: i8,
}

impl Patches {
    /// So many steps at a time of a series of channels.
    #[must_use]
    pub const fn of_series(steps: usize, channels: usize, at_a_time: usize) -> Self {
        let kernel = [at_a_time, 1];
        Self { input: [steps, 1, channels], kernel, stride: kernel, padding: [0; 2], zero: 0 }
    }

    /// How many there are, down and across; 0 where none fits.
    #[must_use]
    pub const fn counts(&self) -> [usize; 2] {
        [self.count(0), self.count(1)]
    }

    const fn count(&self, axis: usize) -> usize {
        let all = self.input[axis].saturating_add(self.padding[axis].saturating_mul(2));
        match all.checked_sub(self.kernel[axis]) {
            Some(rest) if self.kernel[axis] > 0 => match rest.checked_div(self.stride[axis]) {
                Some(further) => further.saturating_add(1),
                None => 0,
            },
            _ => 0,
        }
    }

    /// How many there are in all.
    #[must_use]
    pub const fn total(&self) -> usize {
        let [down, across] = self.counts();
        down.saturating_mul(across)
    }

    /// Values of a patch.
    #[must_use]
    pub const fn values(&self) -> usize {
        self.kernel[0].saturating_mul(self.kernel[1]).saturating_mul(self.input[2])
    }

    /// Whether the patches follow one another in memory.
    #[must_use]
    pub const fn are_consecutive(&self) -> bool {
        let Self { input, kernel, stride, padding, .. } = *self;
        kernel[0] == stride[0] && kernel[1] == input[1] && padding[0] == 0 && padding[1] == 0
    }

    /// Calls `run` with some patches at a time, of the first `count`: which they are, their upper 8 bits and, of a
    /// `fine` input, their lower 7. `memory` holds one patch at least; at most so many are taken at a time.
    #[inline]
    pub(super) fn each_few<S: Source, U: Kinds>(
        &self,
        (count, at_a_time): (usize, usize),
        fine: bool,
        source: &mut S,
        memory: &mut [i8],
        mut run: impl FnMut(Range<usize>, &[i8], &[i8]),
    ) {
        let values = self.values().max(1);
        let most = memory.len().checked_div(if fine { 2 * values } else { values }).unwrap_or(0).min(at_a_time).max(1);
        let (high, low) = memory.split_at_mut((most * values).min(memory.len()));
        let low = if fine { low } else { &mut [] };
        let consecutive = !U::USES.has(Uses::PATCHES) || self.are_consecutive();
        for first in (0..count).step_by(most) {
            let patches = first..count.min(first + most);
            let (high, low) = (head_mut(high, patches.len() * values), head_mut(low, patches.len() * values));
            let mut lows = low.chunks_exact_mut(values);
            for (patch, high) in patches.clone().zip(high.chunks_exact_mut(values)) {
                let low = lows.next().unwrap_or(&mut []);
                if consecutive {
                    source.values(patch * values, high, low);
                } else {
                    self.read(patch, source, high, low);
                }
            }
            run(patches, high, low);
        }
    }

    /// One patch, `[kernel rows][kernel columns][channels]`. Not inlined: few models need it.
    #[inline(never)]
    fn read<S: Source>(&self, patch: usize, source: &mut S, high: &mut [i8], low: &mut [i8]) {
        let [rows, columns, channels] = self.input;
        let across = self.count(1).max(1);
        let (top, left) = (patch / across * self.stride[0], patch % across * self.stride[1]);
        // Columns of the patch that lie within the input.
        let start = self.padding[1].saturating_sub(left).min(self.kernel[1]);
        let end = (columns + self.padding[1]).saturating_sub(left).min(self.kernel[1]).max(start);
        high.fill(self.zero);
        low.fill(0);
        for row in 0..self.kernel[0] {
            let Some(y) = (top + row).checked_sub(self.padding[0]).filter(|&y| y < rows) else { continue };
            let at = (y * columns + (left + start).saturating_sub(self.padding[1])) * channels;
            let within = (row * self.kernel[1] + start) * channels..(row * self.kernel[1] + end) * channels;
            let low = low.get_mut(within.clone()).unwrap_or(&mut []);
            if let Some(high) = high.get_mut(within) {
                source.values(at, high, low);
            }
        }
    }
}

/// What a convolution made, or before the first one the input.
pub(super) struct Map<'a, S> {
    pub made: Option<&'a [i8]>,
    pub input: &'a mut S,
}

impl<S: Source> Source for Map<'_, S> {
    #[inline]
    fn values(&mut self, at: usize, high: &mut [i8], low: &mut [i8]) {
        match self.made {
            Some(values) => Features(values).values(at, high, low),
            None => self.input.values(at, high, low),
        }
    }
}
