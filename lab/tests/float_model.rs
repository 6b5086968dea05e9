//! The examples' plain float model and burn's compute the same.

mod common;
#[path = "../../examples/support/float_model.rs"]
mod float_model;

use burn::tensor::Device;
use float_model::FloatModel;
use heedful_lab::augment::draw;
use heedful_lab::calibrate::calibrate;
use heedful_lab::encoder::{Encoder, Pass, batch};
use heedful_lab::weights::Weights;
use rand::RngExt;

#[test]
fn agrees_with_burn() {
    for temperature in [false, true] {
        agrees(temperature);
    }
}

fn agrees(temperature: bool) {
    let device = Device::flex();
    let mut config = common::config();
    (config.heads, config.head_width, config.tokens) = (3, 4, 9);
    config.temperature = temperature;
    let mut weights = Weights::initial(&config, 7);
    let mut draw = draw(1, 1, 1);
    // Norms start neutral, which would hide their parameters.
    let neutral = |name: &str| name.contains("norm") || name.ends_with("log_temperature");
    for (_, array) in weights.tensors.iter_mut().filter(|(name, _)| neutral(name)) {
        array.data.iter_mut().for_each(|x| *x += draw.random_range(-0.5..0.5));
    }
    let features: Vec<Vec<i8>> =
        (0..20).map(|_| (0..config.features()).map(|_| draw.random_range(-128..=127)).collect()).collect();
    let encoder = Encoder::new(&weights, &device).unwrap();
    assert_eq!(encoder.tensors(), weights.tensors);
    weights.scales = calibrate(&encoder, &features, &device);

    let expected = encoder.forward(batch(&features, config.tokens, &device), &mut Pass::Float);
    let expected: Vec<f32> = expected.into_data().iter::<f32>().collect();
    let plain = FloatModel::from_bytes(&weights.to_bytes(&[]).unwrap()).unwrap();
    let found: Vec<f32> = features.iter().flat_map(|f| plain.logits(f)).collect();
    let largest = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(largest < 1e-4, "largest difference {largest}");
}

#[test]
fn damaged_files_are_refused() {
    let mut weights = Weights::initial(&common::config(), 7);
    weights.scales.insert("features".to_owned(), 0.125);
    let bytes = weights.to_bytes(&[]).unwrap();
    let error = |bytes: &[u8]| FloatModel::from_bytes(bytes).err().unwrap().to_string();
    assert!(error(&bytes[..50]).starts_with("not a safetensors file"));
    weights.tensors.remove("embed.bias");
    assert!(error(&weights.to_bytes(&[]).unwrap()).starts_with("tensor embed.bias: absent"));
}
