//! From tokens to the residual stream.

use super::state::State;
use super::stem::Source;
use crate::arithmetic::softmax::Weight;
use crate::decoder::EmbeddingView;
use crate::kernels::rows_mut;

/// Rows of tokens, after so many positions of class tokens.
#[derive(Clone, Copy, Debug)]
pub struct Embedding<'a> {
    /// The rows.
    pub view: EmbeddingView<'a>,
    /// Positions before the first token.
    pub first: usize,
}

impl Embedding<'_> {
    pub(super) fn add<W: Weight, S: Source>(&self, state: &mut State<'_, W>, source: &S) {
        let width = self.view.layer.weights.inputs;
        let (residual, _) = state.tensors(width);
        for (position, residual) in rows_mut(residual, width).skip(self.first).enumerate() {
            self.view.add(source.token(position), residual);
        }
    }
}
