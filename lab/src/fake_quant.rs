//! Quantisation in the loop: values are rounded as they will be in int8, while
//! gradients pass as if nothing had happened (straight-through, Bengio et al. 2013).

use burn::tensor::Tensor;

/// What an int8 activation can hold.
const ACTIVATION: (f32, f32) = (-128.0, 127.0);
/// Weights keep to a symmetric range; a row's largest lands on its end.
pub const WEIGHT: f32 = 127.0;

/// The int8 value of `x` at a scale: nearest, halves up, saturated, as the requantisation of the target rounds.
#[must_use]
pub fn quantise(x: f32, scale: f32) -> i8 {
    (x / scale + 0.5).floor().clamp(ACTIVATION.0, ACTIVATION.1) as i8
}

/// Activations rounded to multiples of `scale`. Values out of range saturate and pass no gradient.
#[must_use]
pub fn activation<const D: usize>(x: Tensor<D>, scale: f32) -> Tensor<D> {
    let inside = x.clamp(ACTIVATION.0 * scale, ACTIVATION.1 * scale);
    let fixed = inside.clone().detach();
    let rounded = fixed.clone().div_scalar(scale).add_scalar(0.5).floor().clamp(ACTIVATION.0, ACTIVATION.1);
    inside + (rounded.mul_scalar(scale) - fixed)
}

/// Weights `[in, out]` rounded to int8, symmetric, one scale per output channel.
#[must_use]
pub fn weight(w: Tensor<2>) -> Tensor<2> {
    let fixed = w.clone().detach();
    // A channel of zeros has no range; any scale serves it.
    let scale = fixed.clone().max_abs_dim(0).div_scalar(WEIGHT).clamp_min(f32::MIN_POSITIVE);
    let rounded = (fixed.clone() / scale.clone()).add_scalar(0.5).floor();
    w + (rounded * scale - fixed)
}

/// The int8 weights and the scale of one output channel, as [`weight`] rounds them.
#[must_use]
pub fn channel(row: &[f32]) -> (Vec<i8>, f32) {
    let largest = row.iter().fold(0f32, |m, w| m.max(w.abs()));
    let scale = (largest / WEIGHT).max(f32::MIN_POSITIVE);
    (row.iter().map(|&w| quantise(w, scale).max(-127)).collect(), scale)
}
