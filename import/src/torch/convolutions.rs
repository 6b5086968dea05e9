//! Convolutions before the tokens, and the BatchNorms after them.

use super::config::{Config, ConvolutionConfig, TokensName};
use super::stem::StemOf;
use crate::ImportError;
use crate::graph::{Activation, BatchNorm, Convolution, Dense, Grid, Input, Matrix, Stem, Window2};
use crate::weights::{Tensors, Wanted};

/// The stem of `[[convolutions]]`, and the linear layer after them if there is one.
pub(super) fn read(tensors: &mut Tensors, config: &Config, input: Input) -> Result<StemOf, ImportError> {
    let mut layers = Vec::with_capacity(config.convolutions.len());
    let mut batch_norms = Vec::with_capacity(config.convolutions.len());
    let mut flat = true;
    for (index, layer) in config.convolutions.iter().enumerate() {
        let name = tensors.full_name(&layer.name, "weight");
        let rank = tensors.shape(&name).map_or(3, <[usize]>::len);
        if index == 0 {
            flat = rank == 3 && matches!(input, Input::Features { .. });
        }
        let convolution = convolution(tensors, layer, flat)?;
        batch_norms.push(match &layer.batch_norm {
            Some(name) => Some(batch_norm(tensors, name, layer.eps, convolution.dense.outputs())?),
            None => None,
        });
        layers.push(convolution);
    }
    let dense = match &config.names.embedding {
        Some(name) => Some(tensors.dense(name, Wanted::Any, Wanted::Any)?),
        None => None,
    };
    let image = config.stem.image.unwrap_or(!flat) && matches!(input, Input::Features { .. });
    let rows = config.stem.tokens == TokensName::Rows;
    Ok(StemOf { input, stem: Stem::Convolutions { image, layers, rows, dense }, batch_norms })
}

/// A layer; `flat` where it has one dimension.
fn convolution(tensors: &mut Tensors, layer: &ConvolutionConfig, flat: bool) -> Result<Convolution, ImportError> {
    let name = tensors.full_name(&layer.name, "weight");
    if layer.groups == 0 {
        return Err(ImportError::setting("groups", 0, "at least 1"));
    }
    let wanted = vec![Wanted::Any; if flat { 3 } else { 4 }];
    let (shape, values) = tensors.take(&name, &wanted)?;
    let kernel = Grid { rows: shape[2], columns: shape.get(3).copied().unwrap_or(1) };
    let bias = tensors.bias(&layer.name, shape[0])?;
    let dense = Dense { weight: Matrix::new(shape[0], values.len() / shape[0], values), bias };
    let stride = layer.stride.map_or(Grid::ONE, |both| both.grid(flat));
    let padding = layer.padding.map_or(Grid::ZERO, |both| both.padding(flat));
    let activation = layer.activation.map_or(Activation::Identity, Activation::from);
    let window = Window2 { kernel, stride, padding };
    let (inputs, groups) = (shape[1].saturating_mul(layer.groups), layer.groups);
    Ok(Convolution { window, inputs, groups, dense, activation })
}

/// The BatchNorm of a name, of so many channels.
fn batch_norm(tensors: &mut Tensors, name: &str, epsilon: f32, count: usize) -> Result<BatchNorm, ImportError> {
    let mean = tensors.vector(&format!("{name}.running_mean"), count)?;
    let variance = tensors.vector(&format!("{name}.running_var"), count)?;
    let gain = tensors.vector_if_any(&format!("{name}.weight"), count)?.unwrap_or_else(|| vec![1.0; count]);
    let offset = tensors.vector_if_any(&format!("{name}.bias"), count)?.unwrap_or_else(|| vec![0.0; count]);
    let rooted = |x: &&f32| f64::from(**x) + f64::from(epsilon) > 0.0;
    if let Some(found) = variance.iter().find(|x| !rooted(x)) {
        return Err(ImportError::setting(&format!("{name}.running_var"), found, "numbers of at least 0"));
    }
    Ok(BatchNorm { gain, offset, mean, variance, epsilon })
}
