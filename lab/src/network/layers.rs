//! Linear layers, norms and activations.

use super::numbered::{Numbered, matrix};
use super::pass::Pass;
use super::quantise::{self, values};
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, gelu_approximate, relu, silu};
use burn::tensor::module::{layer_norm, linear};
use heedful_import::graph::{self, Activation, NormKind, Place};

/// A linear layer over the last dimension.
#[derive(Module, Debug)]
pub(super) struct Dense {
    /// `[inputs][outputs]`
    weight: Param<Tensor<2>>,
    bias: Option<Param<Tensor<1>>>,
}

impl Dense {
    pub fn new(dense: &graph::Dense, numbered: &mut Numbered<'_>) -> Self {
        Self {
            weight: numbered.matrix(&dense.weight, Tensor::transpose),
            bias: dense.bias.as_ref().map(|bias| numbered.vector(bias)),
        }
    }

    /// Puts its numbers into a layer of the same shape.
    pub fn store(&self, to: &mut graph::Dense) {
        to.weight = matrix(self.weight.val().transpose());
        to.bias = self.bias.as_ref().map(|bias| values(bias.val()));
    }

    /// Values that it takes.
    pub fn inputs(&self) -> usize {
        self.weight.val().dims()[0]
    }

    /// Of what is at a place.
    pub fn forward<const D: usize>(&self, x: Tensor<D>, from: Place, pass: &Pass<'_>) -> Tensor<D> {
        self.of_steps(x, pass.steps(from), pass)
    }

    /// Of values of these steps. The bias is 32 bits wide in integers, hence untouched.
    pub fn of_steps<const D: usize>(&self, x: Tensor<D>, steps: &[f32], pass: &Pass<'_>) -> Tensor<D> {
        let weight = self.weight.val();
        let weight = if pass.quantised() { quantise::columns(weight, steps) } else { weight };
        linear(x, weight, self.bias.as_ref().map(Param::val))
    }
}

/// LayerNorm or RMSNorm over the last dimension.
#[derive(Module, Debug)]
pub(super) struct Norm {
    gain: Param<Tensor<1>>,
    bias: Option<Param<Tensor<1>>>,
    epsilon: f32,
    #[module(skip)]
    kind: NormKind,
}

impl Norm {
    pub fn new(norm: &graph::Norm, numbered: &mut Numbered<'_>) -> Self {
        Self {
            gain: numbered.vector(&norm.gain),
            bias: norm.bias.as_ref().map(|bias| numbered.vector(bias)),
            epsilon: norm.epsilon,
            kind: norm.kind,
        }
    }

    /// Puts its numbers into a norm of the same shape.
    pub fn store(&self, to: &mut graph::Norm) {
        to.gain = values(self.gain.val());
        to.bias = self.bias.as_ref().map(|bias| values(bias.val()));
    }

    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let (gain, bias) = (self.gain.val(), self.bias.as_ref().map(Param::val));
        if self.kind == NormKind::Layer {
            return layer_norm(x, gain, bias, self.epsilon.into());
        }
        let root = x.clone().square().mean_dim(D - 1).add_scalar(self.epsilon).sqrt();
        let y = x / root * gain.unsqueeze();
        match bias {
            Some(bias) => y + bias.unsqueeze(),
            None => y,
        }
    }
}

/// Of each value.
pub(super) fn activate<const D: usize>(activation: Activation, x: Tensor<D>) -> Tensor<D> {
    match activation {
        Activation::Gelu => gelu(x),
        Activation::GeluTanh => gelu_approximate(x),
        Activation::Relu => relu(x),
        Activation::Silu => silu(x),
        Activation::Tanh => x.tanh(),
        Activation::Identity => x,
    }
}
