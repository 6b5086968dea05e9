//! Convolutions before the tokens, with BatchNorm folded in.

use super::config::{Config, ConvolutionConfig, TokensName};
use crate::ImportError;
use crate::graph::{Activation, Convolution, Dense, Grid, Input, Matrix, Stem, Window2};
use crate::weights::{Tensors, Wanted};

/// The stem of `[[convolutions]]`, and the linear layer after them if there is one.
pub(super) fn read(tensors: &mut Tensors, config: &Config, input: Input) -> Result<(Input, Stem), ImportError> {
    let mut layers = Vec::with_capacity(config.convolutions.len());
    let mut flat = true;
    for (index, layer) in config.convolutions.iter().enumerate() {
        let name = tensors.full_name(&layer.name, "weight");
        let rank = tensors.shape(&name).map_or(3, <[usize]>::len);
        if index == 0 {
            flat = rank == 3 && matches!(input, Input::Features { .. });
        }
        layers.push(convolution(tensors, layer, flat)?);
    }
    let dense = match &config.names.embedding {
        Some(name) => Some(tensors.dense(name, Wanted::Any, Wanted::Any)?),
        None => None,
    };
    let image = config.stem.image.unwrap_or(!flat) && matches!(input, Input::Features { .. });
    let rows = config.stem.tokens == TokensName::Rows;
    Ok((input, Stem::Convolutions { image, layers, rows, dense }))
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
    let mut dense = Dense { weight: Matrix::new(shape[0], values.len() / shape[0], values), bias };
    if let Some(norm) = &layer.batch_norm {
        fold(tensors, norm, layer.eps, &mut dense)?;
    }
    let stride = layer.stride.map_or(Grid::ONE, |both| both.grid(flat));
    let padding = layer.padding.map_or(Grid::ZERO, |both| both.padding(flat));
    let activation = layer.activation.map_or(Activation::Identity, Activation::from);
    let window = Window2 { kernel, stride, padding };
    let (inputs, groups) = (shape[1].saturating_mul(layer.groups), layer.groups);
    Ok(Convolution { window, inputs, groups, dense, activation })
}

/// Puts a BatchNorm into the layer before it.
fn fold(tensors: &mut Tensors, name: &str, epsilon: f32, dense: &mut Dense) -> Result<(), ImportError> {
    let count = dense.outputs();
    let mean = tensors.vector(&format!("{name}.running_mean"), count)?;
    let variance = tensors.vector(&format!("{name}.running_var"), count)?;
    let gain = tensors.vector_if_any(&format!("{name}.weight"), count)?.unwrap_or_else(|| vec![1.0; count]);
    let offset = tensors.vector_if_any(&format!("{name}.bias"), count)?.unwrap_or_else(|| vec![0.0; count]);
    let bias = dense.bias.take().unwrap_or_else(|| vec![0.0; count]);
    let mut folded = Vec::with_capacity(count);
    for (channel, row) in dense.weight.values.chunks_exact_mut(dense.weight.columns).enumerate() {
        let root = (f64::from(variance[channel]) + f64::from(epsilon)).sqrt();
        if !(root > 0.0 && root.is_finite()) {
            let found = variance[channel];
            return Err(ImportError::setting(&format!("{name}.running_var"), found, "numbers of at least 0"));
        }
        let scale = f64::from(gain[channel]) / root;
        row.iter_mut().for_each(|x| *x = (f64::from(*x) * scale) as f32);
        let centred = f64::from(bias[channel]) - f64::from(mean[channel]);
        folded.push((centred * scale + f64::from(offset[channel])) as f32);
    }
    dense.bias = Some(folded);
    Ok(())
}
