//! Integers of layers and norms.

use super::ConvertError;
use super::scales::COARSER;
use crate::graph::{Dense, Matrix, Norm, NormKind};
use heedful::fixed::types::I8F8;
use heedful::format::write::{LinearModel, NormModel};
use heedful::{Channel, MAX_BIAS, MAX_EPSILON, NormChannel, Scale, Steepness};

/// The finest scale of a weight: an integer of 1 moves the output by this share of its own 1. Finer ones only occur in
/// channels that are (nearly) dead, where the bias would leave its range.
const FINEST: f64 = 1.0 / 16_777_216.0;

/// A factor below 1/4.
pub(super) fn scale(layer: &str, real: f64) -> Result<Scale, ConvertError> {
    Scale::from_real(real).result().map_err(|error| ConvertError::scale(layer, error))
}

/// Octaves per unit of a score or logit.
pub(super) fn steepness(layer: &str, octaves: f64) -> Result<Steepness, ConvertError> {
    Steepness::from_real(octaves).result().map_err(|error| ConvertError::scale(layer, error))
}

/// The largest scale of a row's weights.
pub(super) fn largest_weight_scale(matrix: &Matrix) -> f64 {
    f64::from(matrix.values.iter().fold(0f32, |most, w| most.max(w.abs()))) / 127.0
}

/// A layer's integers, from int8 values of scale `input` to integers of the scale that `output` gives for each row.
/// What rounding its weights changes for inputs of these means is made up for in the biases (Nagel et al., "Data-Free
/// Quantization Through Weight Equalization and Bias Correction", 2019, section 4.2); there may be no means.
pub(super) fn linear(
    name: &str,
    layer: &Dense,
    means: &[f64],
    input: f64,
    output: impl Fn(usize) -> f64,
) -> Result<LinearModel, ConvertError> {
    let (mut weights, mut channels) = (Vec::new(), Vec::new());
    for index in 0..layer.outputs() {
        let row = layer.weight.row(index);
        let bias = layer.bias.as_ref().map_or(0.0, |bias| f64::from(bias[index]));
        let most = f64::from(row.iter().fold(0f32, |most, w| most.max(w.abs())));
        let (output, finest) = (output(index), FINEST * output(index) / input);
        // So fine that the bias still fits its range.
        let for_bias = bias.abs() / (f64::from(MAX_BIAS) * input);
        let step = (most / 127.0).max(finest).max(for_bias);
        let integers = row.iter().map(|&w| (f64::from(w) / step).round().clamp(-127.0, 127.0) as i8);
        let first = weights.len();
        weights.extend(integers);
        let lost = row.iter().zip(&weights[first..]).map(|(&w, &q)| f64::from(w) - f64::from(q) * step);
        let bias = bias + lost.zip(means).map(|(lost, mean)| lost * mean).sum::<f64>();
        let unit = input * step;
        let bias = (bias / unit).round().clamp(f64::from(-MAX_BIAS), f64::from(MAX_BIAS)) as i32;
        channels.push(Channel { bias, scale: scale(name, unit / output)? });
    }
    Ok(LinearModel { weights, channels })
}

/// Has a layer give `offset` steps more.
pub(super) fn shift_outputs(layer: &mut LinearModel, offset: f64) {
    for channel in &mut layer.channels {
        let bias = f64::from(channel.bias) + offset / channel.scale.to_real();
        channel.bias = bias.round().clamp(f64::from(-MAX_BIAS), f64::from(MAX_BIAS)) as i32;
    }
}

/// Has a layer read values of which each is `offset` steps more than it stands for: exactly.
pub(super) fn shift_inputs(layer: &mut LinearModel, offset: i32) {
    let inputs = layer.weights.len() / layer.channels.len().max(1);
    for (channel, row) in layer.channels.iter_mut().zip(layer.weights.chunks_exact(inputs.max(1))) {
        let sum: i32 = row.iter().map(|&w| i32::from(w)).sum();
        channel.bias = (channel.bias - offset * sum).clamp(-MAX_BIAS, MAX_BIAS);
    }
}

/// The least scale of a layer's outputs that requantisation can reach.
pub(super) fn least_output(layer: &Dense, input: f64) -> f64 {
    COARSER * input * largest_weight_scale(&layer.weight)
}

/// A norm whose output has the scale `output`, on a residual stream of the scale `residual`; and whether it is an
/// RMSNorm.
pub(super) fn norm(name: &str, layer: &Norm, output: f64, residual: f64) -> Result<(NormModel, bool), ConvertError> {
    let fixed = |value: f32| {
        let steps = f64::from(value) / output;
        let reason = || format!("a parameter of {steps:.1} steps of the output, expected less than 128");
        I8F8::checked_from_num(steps).ok_or_else(|| ConvertError::scale(name, reason()))
    };
    let offset = |index: usize| layer.bias.as_ref().map_or(0.0, |bias| bias[index]);
    let channels = layer.gain.iter().enumerate();
    let channels = channels.map(|(i, &gain)| Ok(NormChannel { gain: fixed(gain)?, offset: fixed(offset(i))? }));
    // 0 would divide by zero on a constant row; a unit is far below any trained variance.
    let epsilon = (f64::from(layer.epsilon) / residual.powi(2)).round().clamp(1.0, f64::from(MAX_EPSILON)) as u32;
    let norm = NormModel { channels: channels.collect::<Result<_, ConvertError>>()?, epsilon };
    Ok((norm, layer.kind == NormKind::Rms))
}

/// The least scale of a norm's output: its gains and offsets are below 128 steps.
pub(super) fn least_norm(layer: &Norm) -> f64 {
    let values = layer.gain.iter().chain(layer.bias.iter().flatten());
    f64::from(values.fold(0f32, |most, x| most.max(x.abs()))) / 127.99
}
