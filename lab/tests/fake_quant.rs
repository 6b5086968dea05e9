//! What training sees is what the integers will hold.

use burn::tensor::{Device, Tensor, TensorData};
use heedful_lab::augment::draw;
use heedful_lab::fake_quant;
use rand::RngExt;

fn values(count: usize, spread: f32) -> Vec<f32> {
    let mut draw = draw(1, 2, 3);
    (0..count).map(|_| draw.random_range(-spread..spread)).collect()
}

fn tensor(data: &[f32], rows: usize) -> Tensor<2> {
    let shape = [rows, data.len() / rows];
    Tensor::from_data(TensorData::new(data.to_vec(), shape), &Device::flex().autodiff())
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// Nearest step, halves up, saturated: the rounding of the target's requantisation, which
/// gets the same real value as an accumulator.
#[test]
fn activations_round_as_the_target_requantises() {
    let scale = 0.037;
    let accumulator_scale = scale / 4096.0;
    let factor = heedful::Scale::from_real(f64::from(accumulator_scale) / f64::from(scale)).unwrap();
    let accumulators: Vec<i32> = values(20_000, 1e6).iter().map(|x| *x as i32).collect();
    let x: Vec<f32> = accumulators.iter().map(|&a| a as f32 * accumulator_scale).collect();
    let seen = numbers(fake_quant::activation(tensor(&x, 100), scale));
    let mut ties = 0;
    for ((&accumulator, &x), seen) in accumulators.iter().zip(&x).zip(seen) {
        let step = (seen / scale).round() as i32;
        let expected = i32::from(factor.to_i8(accumulator));
        // Within a float's error of a tie, either neighbour is right.
        let tie = ((x / scale).fract().abs() - 0.5).abs() < 1e-4;
        assert!(step == expected || tie, "{x}: {step}, expected {expected}");
        assert!((seen - step as f32 * scale).abs() < 1e-5);
        ties += usize::from(tie);
    }
    assert!(ties < 40, "{ties} ties");
}

#[test]
fn weights_are_the_integers_times_their_channel_scale() {
    let (inputs, outputs) = (37, 11);
    let mut w = values(inputs * outputs, 0.4);
    // A channel without weights, as pruning leaves it.
    w.chunks_exact_mut(outputs).for_each(|row| row[4] = 0.0);
    let seen = numbers(fake_quant::weight(tensor(&w, inputs)));
    for output in 0..outputs {
        let column = |w: &[f32]| -> Vec<f32> { w.iter().skip(output).step_by(outputs).copied().collect() };
        let (steps, scale) = fake_quant::channel(&column(&w));
        if output != 4 {
            assert_eq!(steps.iter().map(|s| s.unsigned_abs()).max(), Some(127));
        }
        for (seen, step) in column(&seen).iter().zip(&steps) {
            assert!((seen - f32::from(*step) * scale).abs() < 1e-6, "channel {output}: {seen}, {step}");
        }
    }
}

/// Gradients pass straight through, except where the value saturates.
#[test]
fn gradients_pass_inside_the_range() {
    let x = tensor(&[0.3, -1.1, 300.0, -300.0], 2).require_grad();
    let gradients = fake_quant::activation(x.clone(), 1.0).sum().backward();
    assert_eq!(numbers(x.grad(&gradients).unwrap()), [1.0, 1.0, 0.0, 0.0]);
    let w = tensor(&[0.3, -1.1, 0.25, 0.7], 2).require_grad();
    let gradients = fake_quant::weight(w.clone()).sum().backward();
    assert_eq!(numbers(w.grad(&gradients).unwrap()), [1.0; 4]);
}
