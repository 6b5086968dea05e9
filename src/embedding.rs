//! From tokens to the residual stream, and back.

use crate::linear::LinearView;

/// Token embedding and output layer in one (Press and Wolf, "Using the Output Embedding to Improve Language Models",
/// 2016).
#[derive(Clone, Copy, Debug)]
pub struct EmbeddingView<'a> {
    /// Weights `[tokens][width]`; the scale of a row is from the normalised residual stream to the logits.
    pub layer: LinearView<'a>,
    /// From a row's scale to that of the residual stream: the scale of the logits over those of the normalised and the
    /// residual stream.
    pub factor: i32,
}

/// The largest factor of an embedding: an int8 weight times this fits an accumulator.
pub const MAX_FACTOR: u32 = 1 << 23;

impl EmbeddingView<'_> {
    /// Adds the row of a token; nothing if there is no such token.
    #[inline]
    pub(crate) fn add(&self, token: usize, residual: &mut [i16]) {
        let Some(channel) = self.layer.channels.get(token) else { return };
        let row = self.layer.weights.data.get(token * self.layer.weights.stride..).unwrap_or(&[]);
        for (to, &weight) in residual.iter_mut().zip(row) {
            *to = to.saturating_add(channel.scale.to_i16(i32::from(weight) * self.factor));
        }
    }
}
