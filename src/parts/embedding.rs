//! From tokens to the residual stream.

use super::source::Source;
use super::state::State;
use crate::arithmetic::softmax::Weight;
use crate::embedding::EmbeddingView;
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

/// Rows of the types of tokens, such as the sentence that they belong to (Devlin et al., "BERT", 2018, section 3).
#[derive(Clone, Copy, Debug)]
pub struct TokenTypes<'a> {
    /// Values of a row.
    pub width: usize,
    /// `[types][width]`
    pub values: &'a [i16],
    /// Positions before the first token.
    pub first: usize,
}

impl TokenTypes<'_> {
    pub(super) fn add<W: Weight, S: Source>(&self, state: &mut State<'_, W>, source: &S) {
        let (residual, _) = state.tensors(self.width);
        for (position, residual) in rows_mut(residual, self.width).skip(self.first).enumerate() {
            let row = self.values.get(source.token_type(position) * self.width..).unwrap_or(&[]);
            for (to, &x) in residual.iter_mut().zip(row) {
                *to = to.saturating_add(x);
            }
        }
    }
}
