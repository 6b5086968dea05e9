//! Parameters, numbered in the order in which a network is built, so that an optimiser's state fits any copy of it.

use super::quantise::values;
use burn::module::{Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use heedful_import::graph::Matrix;

/// Makes parameters.
pub(super) struct Numbered<'a> {
    device: &'a Device,
    next: u64,
}

impl<'a> Numbered<'a> {
    /// From 1 on.
    pub fn new(device: &'a Device) -> Self {
        Self { device, next: 1 }
    }

    /// A vector.
    pub fn vector(&mut self, values: &[f32]) -> Param<Tensor<1>> {
        self.param(values.to_vec(), [values.len()], |x| x)
    }

    /// A matrix, laid out as `layout` says.
    pub fn matrix(&mut self, matrix: &Matrix, layout: impl FnOnce(Tensor<2>) -> Tensor<2>) -> Param<Tensor<2>> {
        self.param(matrix.values.clone(), [matrix.rows, matrix.columns], layout)
    }

    /// A parameter of any rank.
    pub fn param<const D: usize>(
        &mut self,
        values: Vec<f32>,
        shape: [usize; D],
        layout: impl FnOnce(Tensor<D>) -> Tensor<D>,
    ) -> Param<Tensor<D>> {
        let mut tensor = layout(constant(values, shape, self.device)).detach();
        if self.device.is_autodiff() {
            tensor = tensor.require_grad();
        }
        self.next += 1;
        Param::initialized(ParamId::from(self.next - 1), tensor)
    }
}

/// A tensor that is no parameter.
pub(super) fn constant<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The matrix of a tensor.
pub(super) fn matrix(x: Tensor<2>) -> Matrix {
    let [rows, columns] = x.dims();
    Matrix::new(rows, columns, values(x))
}
