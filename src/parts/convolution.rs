//! Convolutions over the input, before the residual stream starts.

use super::patches::{Map, Patches};
use super::source::Source;
use super::state::{Memory, State, head_mut};
use super::uses::{Kinds, Uses};
use crate::activation::FineActivation;
use crate::arithmetic::requantise::Channel;
use crate::arithmetic::softmax::Weight;
use crate::kernels::{Kernels, Matrix, rows, rows_mut};
use crate::linear::LinearView;

/// A convolution in one dimension (a series, of one column) or two, and its activation: a map
/// `[rows][columns][channels]` of the input, or of the map before it.
#[derive(Clone, Copy, Debug)]
pub struct Convolution<'a> {
    /// Weights `[outputs][kernel rows][kernel columns][channels]`, of a depthwise one
    /// `[outputs][kernel rows][kernel columns]`; to int16, which the activation takes.
    pub layer: LinearView<'a>,
    /// Of an input of 15 bits: the channels of its lower 7 bits, whose scales are a 128th; else empty.
    pub fine: &'a [Channel],
    /// Which places it looks at.
    pub patches: Patches,
    /// Whether each output looks at one channel alone: as many outputs in a row at each.
    pub depthwise: bool,
    /// What follows.
    pub activation: FineActivation<'a>,
}

impl Convolution<'_> {
    /// Makes the next map.
    #[inline]
    pub(super) fn apply<K: Kernels, W: Weight, S: Source, U: Kinds>(&self, state: &mut State<'_, W>, source: &mut S) {
        let outputs = self.layer.channels.len();
        let Memory { maps: [from, to], input, hidden, .. } = &mut state.memory;
        let sums: &mut [i16] = bytemuck::try_cast_slice_mut(hidden).unwrap_or(&mut []);
        let fine = U::USES.has(Uses::FINE) && !self.fine.is_empty();
        let mut map = Map { made: state.made.then_some(&**from), input: source };
        let count = (self.patches.total(), sums.len().checked_div(outputs).unwrap_or(0));
        self.patches.each_few::<_, U>(count, fine, &mut map, input, |patches, high, low| {
            let sums = head_mut(sums, patches.len() * outputs);
            sums.fill(0);
            self.accumulate::<K>(self.layer.channels, high, sums);
            if fine {
                self.accumulate::<K>(self.fine, low, sums);
            }
            let to = to.get_mut(patches.start * outputs..patches.end * outputs).unwrap_or(&mut []);
            for (to, &sum) in to.iter_mut().zip(&*sums) {
                *to = self.activation.of(sum);
            }
        });
        state.memory.maps.swap(0, 1);
        state.made = true;
    }

    /// Adds what some patches give, `[patches][outputs]`.
    #[inline]
    fn accumulate<K: Kernels>(&self, channels: &[Channel], x: &[i8], sums: &mut [i16]) {
        if !self.depthwise {
            return LinearView { channels, ..self.layer }.accumulate::<K>(x, sums);
        }
        let inputs = self.patches.input[2].max(1);
        let each = channels.len() / inputs;
        for (x, sums) in rows(x, self.patches.values()).zip(rows_mut(sums, channels.len())) {
            for (output, (sum, channel)) in sums.iter_mut().zip(channels).enumerate() {
                let x = x.iter().skip(output / each.max(1)).step_by(inputs);
                let acc = channel.bias + dot(self.layer.weights, output, x);
                *sum = sum.saturating_add(channel.scale.to_i16(acc));
            }
        }
    }
}

/// The product of a row of weights with values.
#[inline]
fn dot<'x>(weights: Matrix<'_>, row: usize, x: impl Iterator<Item = &'x i8>) -> i32 {
    let weights = weights.data.get(row * weights.stride..).unwrap_or(&[]);
    weights.iter().zip(x).map(|(&w, &x)| i32::from(w) * i32::from(x)).sum()
}
