//! Layers, taken out of the tensors by the start of their names.

use super::{Tensors, Wanted, WeightsError};
use crate::graph::{Dense, Matrix, Norm, NormKind};

impl Tensors {
    /// The tensor of a layer: `name.weight`, `name_weight` as in PyTorch's attention, or `name` itself.
    pub(crate) fn full_name(&self, name: &str, end: &str) -> String {
        let names = [format!("{name}.{end}"), format!("{name}_{end}"), name.to_string()];
        let found = names.iter().take(if end == "weight" { 3 } else { 2 }).find(|name| self.has(name));
        found.unwrap_or(&names[0]).clone()
    }

    /// Whether there are weights of a layer.
    pub(crate) fn has_layer(&self, name: &str) -> bool {
        self.has(&self.full_name(name, "weight"))
    }

    /// A matrix.
    pub(crate) fn matrix(
        &mut self,
        name: &str,
        rows: impl Into<Wanted>,
        columns: impl Into<Wanted>,
    ) -> Result<Matrix, WeightsError> {
        let (shape, values) = self.take(name, &[rows.into(), columns.into()])?;
        Ok(Matrix::new(shape[0], shape[1], values))
    }

    /// A table of rows of `width`, with any dimensions of length 1 around it; a vector is one row.
    pub(crate) fn table(&mut self, name: &str, width: usize) -> Result<Matrix, WeightsError> {
        let name = self.full_name(name, "weight");
        let shape = self.shape(&name).unwrap_or_default().to_vec();
        let wanted: Vec<Wanted> = match &*shape {
            [] | [_] => vec![width.into()],
            [inner @ .., _] => {
                let rows = inner.iter().position(|&length| length != 1).unwrap_or(inner.len() - 1);
                let one = |at| if at == rows { Wanted::Any } else { Wanted::Of(1) };
                (0..inner.len()).map(one).chain([width.into()]).collect()
            }
        };
        let (_, values) = self.take(&name, &wanted)?;
        Ok(Matrix::new(values.len() / width.max(1), width, values))
    }

    /// The bias of a layer, if it has one.
    pub(crate) fn bias(&mut self, name: &str, length: usize) -> Result<Option<Vec<f32>>, WeightsError> {
        let name = self.full_name(name, "bias");
        self.vector_if_any(&name, length)
    }

    /// A linear layer.
    pub(crate) fn dense(
        &mut self,
        name: &str,
        outputs: impl Into<Wanted>,
        inputs: impl Into<Wanted>,
    ) -> Result<Dense, WeightsError> {
        let weight = self.matrix(&self.full_name(name, "weight"), outputs, inputs)?;
        let bias = self.bias(name, weight.rows)?;
        Ok(Dense { weight, bias })
    }

    /// A norm.
    pub(crate) fn norm(
        &mut self,
        name: &str,
        kind: NormKind,
        width: usize,
        epsilon: f32,
    ) -> Result<Norm, WeightsError> {
        let gain = self.vector(&self.full_name(name, "weight"), width)?;
        let bias = self.bias(name, width)?;
        Ok(Norm { kind, gain, bias, epsilon })
    }
}
