//! Rounding in the loop: values become what integers of 8 bits can hold, while gradients pass as if nothing had
//! happened (straight-through, Bengio et al. 2013), but for values that saturate.

use super::pass::Channels;
use burn::tensor::{Tensor, TensorData};
use heedful_import::convert::Rounding;

/// Weights keep to a symmetric range; a row's largest lands on its end.
const WEIGHT: f32 = 127.0;
/// Added and taken off again, it rounds numbers below 2^22 to whole ones, ties to even.
const WHOLE: f32 = 12_582_912.0;

/// The values of a tensor, row by row.
pub(super) fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().try_into_vec().unwrap_or_else(|_| unreachable!("all tensors of a network are f32"))
}

/// The nearest whole number, halves up, of one below 2^22.
fn nearest(x: f32) -> f32 {
    let whole = (x + WHOLE) - WHOLE;
    if x - whole >= 0.5 { whole + 1.0 } else { whole }
}

/// Activations rounded to multiples of their steps. Values out of range saturate and pass no gradient.
pub(super) fn activation<const D: usize>(x: Tensor<D>, rounding: &Rounding, channels: Channels) -> Tensor<D> {
    let (shape, device) = (x.dims(), x.device());
    let zero = rounding.zero as f32;
    let ends = [-128.0 - zero, 127.0 - zero];
    // What rounding adds.
    let mut added = values(x.clone().detach());
    let outside: u32 = match (&*rounding.steps, channels) {
        ([], _) => return x,
        ([step], _) => added.iter_mut().map(|x| round(x, *step, ends)).sum(),
        (steps, Channels::Last) => {
            let rows = added.chunks_exact_mut(steps.len());
            rows.map(|row| row.iter_mut().zip(steps).map(|(x, &step)| round(x, step, ends)).sum::<u32>()).sum()
        }
        (steps, Channels::Planes(area)) => {
            let planes = added.chunks_exact_mut(area).zip(steps.iter().cycle());
            planes.map(|(plane, &step)| plane.iter_mut().map(|x| round(x, step, ends)).sum::<u32>()).sum()
        }
    };
    let added = Tensor::from_data(TensorData::new(added, shape), &device);
    if outside == 0 {
        return x + added;
    }
    // Where the value saturates, all of it is added.
    let before = x.clone().detach();
    let within = inside(&values(before.clone()), rounding, channels);
    let within = Tensor::from_data(TensorData::new(within, shape), &device);
    let added = added + before.clone() - before * within.clone();
    x * within + added
}

/// Puts in place of a value what rounding adds to it; 1 if it saturates.
fn round(x: &mut f32, step: f32, [least, most]: [f32; 2]) -> u32 {
    let inside = x.clamp(least * step, most * step);
    let saturated = u32::from(inside != *x);
    *x = nearest(inside / step) * step - *x;
    saturated
}

/// 1 for each value that an integer stands for, 0 for those that saturate.
fn inside(values: &[f32], rounding: &Rounding, channels: Channels) -> Vec<f32> {
    let (steps, zero) = (&rounding.steps, rounding.zero as f32);
    let within = |(index, x): (usize, &f32)| {
        let channel = match channels {
            Channels::Last => index,
            Channels::Planes(area) => index / area,
        };
        let step = steps[channel % steps.len()];
        f32::from(u8::from(*x >= (-128.0 - zero) * step && *x <= (127.0 - zero) * step))
    };
    values.iter().enumerate().map(within).collect()
}

/// Weights `[inputs][outputs]` rounded to int8, symmetric, with a scale for each output; as if multiplied by the steps
/// of the inputs, where these differ.
pub(super) fn columns(w: Tensor<2>, steps: &[f32]) -> Tensor<2> {
    let [inputs, outputs] = w.dims();
    let device = w.device();
    let mut fixed = values(w.clone().detach());
    let step = |input: usize| if steps.is_empty() { 1.0 } else { steps[input % steps.len()] };
    let mut scales = vec![0f32; outputs];
    for (input, row) in fixed.chunks_exact(outputs).enumerate() {
        let step = step(input);
        scales.iter_mut().zip(row).for_each(|(scale, w)| *scale = scale.max((w * step).abs()));
    }
    scales.iter_mut().for_each(|scale| *scale = scale_of(*scale));
    for (input, row) in fixed.chunks_exact_mut(outputs).enumerate() {
        let step = step(input);
        row.iter_mut().zip(&scales).for_each(|(w, scale)| *w = nearest(*w * step / scale) * scale / step - *w);
    }
    w + Tensor::from_data(TensorData::new(fixed, [inputs, outputs]), &device)
}

/// The same of weights `[outputs][inputs]`.
pub(super) fn rows(w: Tensor<2>, steps: &[f32]) -> Tensor<2> {
    let [outputs, inputs] = w.dims();
    let device = w.device();
    let mut fixed = values(w.clone().detach());
    let step = |input: usize| if steps.is_empty() { 1.0 } else { steps[input % steps.len()] };
    for row in fixed.chunks_exact_mut(inputs) {
        let scale = scale_of(row.iter().enumerate().fold(0.0, |most, (input, w)| most.max((w * step(input)).abs())));
        for (input, w) in row.iter_mut().enumerate() {
            *w = nearest(*w * step(input) / scale) * scale / step(input) - *w;
        }
    }
    w + Tensor::from_data(TensorData::new(fixed, [outputs, inputs]), &device)
}

/// The scale of an output whose largest weight has this magnitude. A channel of zeros has no range; any scale serves
/// it.
fn scale_of(largest: f32) -> f32 {
    (largest / WEIGHT).max(f32::MIN_POSITIVE)
}
