//! Feed-forward layers as parts.

use super::state::{State, head_mut};
use crate::activation::FineActivation;
use crate::arithmetic::softmax::Weight;
use crate::feed_forward::GatedView;
use crate::kernels::{Kernels, tiles, tiles_mut};
use crate::linear::LinearView;

/// Half of the memory for hidden values is the gate's, half the other layer's.
#[inline]
pub(super) fn gated<K: Kernels, W: Weight>(layers: &GatedView<'_>, state: &mut State<'_, W>) {
    let width = layers.down.channels.len();
    let (residual, rows, hidden) = state.with_hidden(width);
    let half = hidden.len() / 2;
    let (gate, up) = hidden.split_at_mut(half);
    layers.accumulate::<K>(rows, gate, up, residual);
}

/// Two layers with an activation between them, whose argument is int16.
#[derive(Clone, Copy, Debug)]
pub struct FineFeedForward<'a> {
    /// From the width to the hidden width, int16.
    pub expand: LinearView<'a>,
    /// Of the hidden values.
    pub activation: FineActivation<'a>,
    /// From int8 hidden values back to the width, added to the residual stream.
    pub contract: LinearView<'a>,
}

impl FineFeedForward<'_> {
    /// A third of the memory for hidden values is int8, two thirds are int16.
    #[inline]
    pub(super) fn add<K: Kernels, W: Weight>(&self, state: &mut State<'_, W>) {
        let (width, length) = (self.contract.channels.len(), self.expand.channels.len());
        let (residual, rows, memory) = state.with_hidden(width);
        let most = memory.len().checked_div(3 * length).unwrap_or(0);
        let (wide, hidden) = memory.split_at_mut((2 * most * length).min(memory.len()));
        let wide: &mut [i16] = bytemuck::try_cast_slice_mut(wide).unwrap_or(&mut []);
        if most == 0 {
            return;
        }
        for (x, residual) in tiles(rows, width * most).zip(tiles_mut(residual, width * most)) {
            let values = x.len().checked_div(width).unwrap_or(0) * length;
            let (wide, hidden) = (head_mut(wide, values), head_mut(hidden, values));
            wide.fill(0);
            self.expand.accumulate::<K>(x, wide);
            for (to, &x) in hidden.iter_mut().zip(&*wide) {
                *to = self.activation.of(x);
            }
            self.contract.accumulate::<K>(hidden, residual);
        }
    }
}
