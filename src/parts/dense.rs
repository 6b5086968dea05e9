//! Layers from rows to rows.

use super::state::{Memory, State, head_mut};
use crate::activation::Activation;
use crate::arithmetic::softmax::Weight;
use crate::kernels::Kernels;
use crate::linear::LinearView;

/// A linear layer, and maybe an activation.
#[derive(Clone, Copy, Debug)]
pub struct DenseView<'a> {
    /// The layer.
    pub layer: LinearView<'a>,
    /// What follows.
    pub activation: Option<Activation<'a>>,
}

impl DenseView<'_> {
    /// In place, some rows at a time: from the first if rows become shorter, else from the last.
    #[inline]
    pub(super) fn apply<K: Kernels, W: Weight>(&self, state: &mut State<'_, W>) {
        let (inputs, outputs) = (self.layer.weights.inputs, self.layer.channels.len());
        let positions = state.positions;
        let Memory { rows, hidden, .. } = &mut state.memory;
        let most = hidden.len().checked_div(inputs).unwrap_or(0).max(1);
        let tiles = positions.div_ceil(most);
        for tile in 0..tiles {
            let first = if outputs > inputs { tiles - 1 - tile } else { tile } * most;
            let count = (positions - first).min(most);
            let from = head_mut(hidden, count * inputs);
            for (to, &x) in from.iter_mut().zip(rows.get(first * inputs..).unwrap_or(&[])) {
                *to = x;
            }
            let to = head_mut(rows.get_mut(first * outputs..).unwrap_or(&mut []), count * outputs);
            self.layer.store::<K>(from, to);
            if let Some(activation) = self.activation {
                activation.apply::<K>(to);
            }
        }
        state.width = outputs;
    }
}
