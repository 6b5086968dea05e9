//! How a forward pass treats what it computes.

use super::quantise;
use burn::tensor::Tensor;
use heedful_import::convert::{Ranges, Rounding, Roundings};
use heedful_import::graph::{Place, Site, Taps};

/// How a forward pass treats activations, weights and BatchNorms.
#[derive(Debug)]
pub enum Pass<'a> {
    /// As the float model is run.
    Float,
    /// As it is trained: a BatchNorm takes the statistics of the batch, and notes them.
    Learn(&'a mut Statistics),
    /// As it is run, and notes what the tensors are.
    Observe(&'a mut Ranges),
    /// Weights and activations are rounded as the integer model has them.
    Quantised(&'a Roundings),
}

/// Mean and variance of the channels of a batch, for each BatchNorm by its convolution.
pub type Statistics = Vec<(usize, [Tensor<1>; 2])>;

/// Where the channels of a tensor are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channels {
    /// In the last dimension.
    Last,
    /// Each in a stretch of so many values.
    Planes(usize),
}

impl Pass<'_> {
    /// A tensor that the integer model may round to 8 bits; `width` values make a row of it.
    pub(super) fn see<const D: usize>(
        &mut self,
        place: Place,
        x: Tensor<D>,
        width: usize,
        channels: Channels,
    ) -> Tensor<D> {
        match self {
            Pass::Float | Pass::Learn(_) => x,
            Pass::Observe(ranges) => {
                ranges.see(place, &quantise::values(x.clone()), width);
                x
            }
            Pass::Quantised(roundings) => match roundings.get(&place) {
                Some(rounding) if rounding.bits == 8 => quantise::activation(x, rounding, channels),
                // Fine enough to train as a float.
                _ => x,
            },
        }
    }

    /// The same of rows in the last dimension.
    pub(super) fn rows<const D: usize>(&mut self, place: Place, x: Tensor<D>) -> Tensor<D> {
        let width = x.dims()[D - 1];
        self.see(place, x, width, Channels::Last)
    }

    /// The same in a block.
    pub(super) fn site<const D: usize>(&mut self, block: usize, site: Site, x: Tensor<D>) -> Tensor<D> {
        self.rows(Place::Block(block, site), x)
    }

    /// Notes rows of a tensor that is not rounded here.
    pub(super) fn note<const D: usize>(&mut self, place: Place, x: &Tensor<D>) {
        if let Pass::Observe(ranges) = self {
            ranges.see(place, &quantise::values(x.clone()), x.dims()[D - 1]);
        }
    }

    /// Whether weights are rounded.
    pub(super) fn quantised(&self) -> bool {
        matches!(self, Pass::Quantised(_))
    }

    /// The steps of the channels at a place, where they differ: weights that read them are rounded as if multiplied by
    /// these.
    pub(super) fn steps(&self, place: Place) -> &[f32] {
        let Pass::Quantised(roundings) = self else { return &[] };
        roundings.get(&place).map_or(&[], |Rounding { steps, .. }| if steps.len() > 1 { steps } else { &[] })
    }
}
