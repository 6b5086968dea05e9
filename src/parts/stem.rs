//! From the input to the residual stream.

use super::patches::{Map, Patches};
use super::source::Source;
use super::state::{Memory, State, head_mut};
use super::uses::{Kinds, Uses};
use crate::arithmetic::requantise::Channel;
use crate::arithmetic::softmax::Weight;
use crate::kernels::Kernels;
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
    pub(super) fn start<W: Weight, U: Kinds>(&self, state: &mut State<'_, W>) {
        state.width = self.width;
        let mut values = self.values;
        if U::USES.has(Uses::LEARNED_STEPS) {
            // Beyond the last position, they begin anew.
            let count = values.len().checked_div(self.width).unwrap_or(0) as u32;
            let first = state.first.checked_rem(count).unwrap_or(0) as usize;
            values = values.get(first * self.width..).unwrap_or(&[]);
        }
        let residual = state.tensors(self.width).0;
        if values.is_empty() {
            residual.fill(0);
        }
        for (to, &from) in residual.iter_mut().zip(values) {
            *to = from;
        }
    }
}

/// A linear layer over each patch of the input, or of what the last convolution made of it.
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

impl Stem<'_> {
    #[inline]
    pub(super) fn add<K: Kernels, W: Weight, S: Source, U: Kinds>(&self, state: &mut State<'_, W>, source: &mut S) {
        let width = self.layer.channels.len();
        let Memory { residual, input, maps, .. } = &mut state.memory;
        let residual = head_mut(residual, state.positions * width).get_mut(self.first * width..).unwrap_or(&mut []);
        let fine = U::USES.has(Uses::FINE) && !self.fine.is_empty();
        let run = |patches: core::ops::Range<usize>, high: &[i8], low: &[i8]| {
            let residual = residual.get_mut(patches.start * width..patches.end * width).unwrap_or(&mut []);
            self.layer.accumulate::<K>(high, residual);
            if fine {
                LinearView { channels: self.fine, ..self.layer }.accumulate::<K>(low, residual);
            }
        };
        let count = (state.positions.saturating_sub(self.first), usize::MAX);
        if U::USES.has(Uses::CONVOLUTIONS) {
            let mut map = Map { made: state.made.then_some(&*maps[0]), input: source };
            self.patches.each_few::<_, U>(count, fine, &mut map, input, run);
        } else {
            self.patches.each_few::<_, U>(count, fine, source, input, run);
        }
    }
}
