//! A model as training has it.

use super::{BatchNorm, Convolution, Model, Stem};

/// A model, and beside it what is folded into its weights once training is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfolded {
    /// The model, with nothing folded into it.
    pub model: Model,
    /// Of each convolution of the stem: the BatchNorm after it, if there is one. No more than there are convolutions.
    pub batch_norms: Vec<Option<BatchNorm>>,
    /// Of each block: logarithms of what the scores of each head are divided by beside its scale, where that is
    /// learned. No more than there are blocks.
    pub log_temperatures: Vec<Option<Vec<f32>>>,
    /// Whether a table of positions is learned, too, or stays as it is.
    pub learned_positions: bool,
}

impl From<Model> for Unfolded {
    /// Nothing beside it; a table of positions is learned.
    fn from(model: Model) -> Self {
        Self { model, batch_norms: vec![], log_temperatures: vec![], learned_positions: true }
    }
}

impl Unfolded {
    /// The convolutions of the stem.
    #[must_use]
    pub fn convolutions(&self) -> &[Convolution] {
        if let Stem::Convolutions { layers, .. } = &self.model.stem { layers } else { &[] }
    }

    /// The BatchNorm after a convolution of the stem.
    #[must_use]
    pub fn batch_norm(&self, convolution: usize) -> Option<&BatchNorm> {
        self.batch_norms.get(convolution).and_then(Option::as_ref)
    }

    /// The logarithms of a block's temperatures.
    #[must_use]
    pub fn log_temperature(&self, block: usize) -> Option<&[f32]> {
        self.log_temperatures.get(block).and_then(Option::as_deref)
    }

    /// All in one.
    #[must_use]
    pub fn fold(&self) -> Model {
        let mut model = self.model.clone();
        if let Stem::Convolutions { layers, .. } = &mut model.stem {
            for (index, layer) in layers.iter_mut().enumerate() {
                if let Some(norm) = self.batch_norm(index) {
                    layer.dense = norm.fold(&layer.dense);
                }
            }
        }
        for (index, block) in model.blocks.iter_mut().enumerate() {
            let logarithms = self.log_temperature(index).unwrap_or_default();
            for (scale, logarithm) in block.attention.scales.iter_mut().zip(logarithms) {
                *scale = (f64::from(*scale) / f64::from(*logarithm).exp()) as f32;
            }
        }
        model
    }
}
