//! What the last block of a network holds, for a teacher to compare with.

use burn::tensor::Tensor;

/// The least length of a vector, so that a cosine is a number.
const SHORTEST: f32 = 1e-6;

/// The last block of a pass.
#[derive(Clone, Debug)]
pub struct Inside {
    /// `[batch][heads][tokens][tokens]`
    weights: Tensor<4>,
    /// What leaves it: `[batch][tokens][width]`.
    stream: Tensor<3>,
}

impl Inside {
    /// Of weights `[batch][heads][tokens][tokens]` and vectors `[batch][tokens][width]`.
    pub(crate) fn new(weights: Tensor<4>, stream: Tensor<3>) -> Self {
        Self { weights, stream }
    }

    /// What a token attends to, in the mean of the heads: `[batch][tokens][tokens]`.
    #[must_use]
    pub fn attention(&self) -> Tensor<3> {
        let [batch, _, queries, keys] = self.weights.dims();
        self.weights.clone().mean_dim(1).reshape([batch, queries, keys])
    }

    /// Cosines of the tokens' vectors with each other, whatever their width: `[batch][tokens][tokens]` (similarities
    /// that are preserved: Tung and Mori 2019, here between tokens).
    #[must_use]
    pub fn relations(&self) -> Tensor<3> {
        let length = self.stream.clone().square().sum_dim(2).sqrt().clamp_min(SHORTEST);
        let unit = self.stream.clone() / length;
        unit.clone().matmul(unit.transpose())
    }
}
