//! From the input to the residual stream.

use super::state::{Memory, State, head_mut};
use super::uses::{Kinds, Uses};
use crate::arithmetic::requantise::Channel;
use crate::arithmetic::softmax::Weight;
use crate::kernels::{Kernels, tiles_mut};
use crate::linear::LinearView;

/// What the residual stream starts from.
#[derive(Clone, Copy, Debug)]
pub struct Positions<'a> {
    /// Values per position.
    pub width: usize,
    /// `[positions][width]`, class tokens first; empty for zeros.
    pub values: &'a [i16],
}

impl Positions<'_> {
    pub(super) fn start<W: Weight>(&self, state: &mut State<'_, W>) {
        state.width = self.width;
        let residual = state.tensors(self.width).0;
        if self.values.is_empty() {
            residual.fill(0);
        }
        for (to, &from) in residual.iter_mut().zip(self.values) {
            *to = from;
        }
    }
}

/// What gives a model its input.
pub(crate) trait Source {
    /// Values of the input from the `at`th on, int8, and where `low` is not empty 7 further bits of each.
    fn values(&mut self, at: usize, high: &mut [i8], low: &mut [i8]);

    /// The token of a position.
    fn token(&self, _position: usize) -> usize {
        usize::MAX
    }
}

/// Features of 8 bits; missing ones count as 0.
pub(crate) struct Features<'a>(pub &'a [i8]);

impl Source for Features<'_> {
    #[inline]
    fn values(&mut self, at: usize, high: &mut [i8], low: &mut [i8]) {
        let from = self.0.get(at..).unwrap_or(&[]);
        for (i, to) in high.iter_mut().enumerate() {
            *to = from.get(i).copied().unwrap_or(0);
        }
        low.fill(0);
    }
}

/// Features of 15 bits, -2^14 up to 2^14; missing ones count as 0.
pub(crate) struct FineFeatures<'a>(pub &'a [i16]);

impl Source for FineFeatures<'_> {
    #[inline]
    fn values(&mut self, at: usize, high: &mut [i8], low: &mut [i8]) {
        let from = self.0.get(at..).unwrap_or(&[]);
        let value = |i: usize| from.get(i).map_or(0, |&value| value.clamp(-(1 << 14), (1 << 14) - 1));
        let rounding = if low.is_empty() { 64 } else { 0 };
        for (i, to) in high.iter_mut().enumerate() {
            *to = ((value(i) + rounding) >> 7).min(127) as i8;
        }
        for (i, to) in low.iter_mut().enumerate() {
            *to = (value(i) & 127) as i8;
        }
    }
}

/// Tokens.
pub(crate) struct Tokens<'a>(pub &'a [u16]);

impl Source for Tokens<'_> {
    fn values(&mut self, _at: usize, high: &mut [i8], low: &mut [i8]) {
        high.fill(0);
        low.fill(0);
    }

    #[inline]
    fn token(&self, position: usize) -> usize {
        self.0.get(position).map_or(usize::MAX, |&token| token.into())
    }
}

/// A linear layer over each patch of the input.
#[derive(Clone, Copy, Debug)]
pub struct Stem<'a> {
    /// Weights `[width][kernel rows][kernel columns][channels]`, added to the residual stream.
    pub layer: LinearView<'a>,
    /// Of an input of 15 bits: the channels of its lower 7 bits, whose scales are a 128th; else empty.
    pub fine: &'a [Channel],
    /// Positions before the first patch: class tokens.
    pub first: usize,
    /// Which patches there are.
    pub patches: Patches,
}

/// Patches of an input of `[rows][columns][channels]`: a series has rows, its steps, of one column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patches {
    /// Rows, columns and channels of the input.
    pub input: [usize; 3],
    /// Rows and columns of a patch.
    pub kernel: [usize; 2],
    /// From a patch to the next one.
    pub stride: [usize; 2],
    /// Rows and columns of zeros beyond each edge.
    pub padding: [usize; 2],
}

impl Patches {
    /// So many steps at a time of a series of channels.
    #[must_use]
    pub const fn of_series(steps: usize, channels: usize, at_a_time: usize) -> Self {
        let kernel = [at_a_time, 1];
        Self { input: [steps, 1, channels], kernel, stride: kernel, padding: [0; 2] }
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
        let Self { input, kernel, stride, padding } = *self;
        kernel[0] == stride[0] && kernel[1] == input[1] && padding[0] == 0 && padding[1] == 0
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
        high.fill(0);
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

impl Stem<'_> {
    #[inline]
    pub(super) fn add<K: Kernels, W: Weight, S: Source, U: Kinds>(&self, state: &mut State<'_, W>, source: &mut S) {
        let uses = U::USES;
        let (width, inputs) = (self.layer.channels.len(), self.layer.weights.inputs);
        let fine = uses.has(Uses::FINE) && !self.fine.is_empty();
        let Memory { residual, input, .. } = &mut state.memory;
        let residual = head_mut(residual, state.positions * width).get_mut(self.first * width..).unwrap_or(&mut []);
        let most = input.len().checked_div(if fine { 2 * inputs } else { inputs }).unwrap_or(0).max(1);
        let (high, low) = input.split_at_mut((most * inputs).min(input.len()));
        let low = if fine { low } else { &mut [] };
        let consecutive = !uses.has(Uses::PATCHES) || self.patches.are_consecutive();
        let mut patch = 0;
        for residual in tiles_mut(residual, width * most) {
            let values = residual.len().checked_div(width).unwrap_or(0) * inputs;
            let (high, low) = (head_mut(high, values), head_mut(low, values));
            let mut lows = low.chunks_exact_mut(inputs.max(1));
            for high in high.chunks_exact_mut(inputs.max(1)) {
                let low = lows.next().unwrap_or(&mut []);
                if consecutive {
                    source.values(patch * inputs, high, low);
                } else {
                    self.patches.read(patch, source, high, low);
                }
                patch += 1;
            }
            self.layer.accumulate::<K>(high, residual);
            if fine {
                LinearView { channels: self.fine, ..self.layer }.accumulate::<K>(low, residual);
            }
        }
    }
}
