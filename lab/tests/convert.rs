//! The integer model computes what training with quantisation in the loop saw.

mod common;

use burn::tensor::Device;
use common::{config, settings, tones};
use heedful::dynamic::Model;
use heedful_lab::convert::convert;
use heedful_lab::encoder::{Encoder, Pass, batch};
use heedful_lab::evaluate::{Confusion, float, integer};
use heedful_lab::features::Extractor;
use heedful_lab::settings::Settings;
use heedful_lab::train::{Observer, Run};
use heedful_lab::weights::Weights;

struct Silent;
impl Observer for Silent {}

fn trained() -> Weights {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { epochs: 30, ..settings() };
    let run = Run::new(&config(), settings).map(|run| run.finish(&tones(), &folder.path().join("c"), &mut Silent));
    run.unwrap().unwrap().unwrap()
}

#[test]
fn integers_follow_the_fake_quantisation() {
    let (weights, data, device) = (trained(), tones(), Device::flex());
    let bytes = convert(&weights).unwrap().to_bytes().unwrap();
    let model = Model::load(&bytes).unwrap();
    assert_eq!(model.labels(), weights.config.labels);

    let extractor = Extractor::new(&weights.config).unwrap();
    let features: Vec<_> = data.train.iter().map(|c| extractor.plain(&c.samples)).collect();
    let encoder = Encoder::new(&weights, &device).unwrap();
    let x = batch(&features, weights.config.tokens, &device);
    let seen = encoder.forward(x, &mut Pass::Quantised(&weights.scales));
    let seen: Vec<f32> = seen.into_data().iter::<f32>().collect();
    let found: Vec<f32> = features.iter().flat_map(|f| model.infer(f).logits().to_vec()).map(f32::from).collect();
    // The scale of the logits is the converter's choice: the best fit stands for it.
    let dot = |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let scale = dot(&found, &seen) / dot(&found, &found);
    let noise: f32 = found.iter().zip(&seen).map(|(f, s)| (f * scale - s).powi(2)).sum();
    let ratio = 10.0 * (dot(&seen, &seen) / noise).log10();
    println!("logits: {ratio:.1} dB");
    assert!(ratio > 25.0, "{ratio} dB");

    let heard = integer(&model, &data.validation).unwrap();
    assert_eq!(heard, float(&weights, &data.validation).unwrap());
    assert_eq!((heard.right(), heard.total()), (6, 6));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let weights = trained();
    let error = |weights: &Weights| convert(weights).unwrap_err().to_string();
    let mut other = weights.clone();
    other.scales.remove("blocks.1.heads");
    assert!(error(&other).starts_with("blocks.1.heads: no scale; calibrate"), "{}", error(&other));
    let mut other = weights.clone();
    other.scales.insert("blocks.0.value".to_owned(), 1e-6);
    assert!(error(&other).starts_with("blocks.0.heads: values of"), "{}", error(&other));
    for scale in [1e-6, 1e3] {
        let mut other = weights.clone();
        other.scales.insert("blocks.0.query".to_owned(), scale);
        assert!(error(&other).starts_with("blocks.0.attention: "), "{}", error(&other));
    }
    let mut other = weights.clone();
    other.tensors.get_mut("blocks.1.norm2.weight").unwrap().data[2] = 1e3;
    assert!(error(&other).starts_with("blocks.1.norm2: parameter of"), "{}", error(&other));
    let mut other = weights;
    other.tensors.get_mut("embed.bias").unwrap().data[0] = 1e9;
    assert!(error(&other).starts_with("embed: bias of"), "{}", error(&other));
}

/// A channel that pruning or decay has emptied converts, and gives its bias.
#[test]
fn dead_channels_convert() {
    let mut weights = trained();
    let width = weights.config.width;
    for w in &mut weights.tensors.get_mut("blocks.0.feed_forward.up.weight").unwrap().data[..width] {
        *w = 0.0;
    }
    let layer = &convert(&weights).unwrap().blocks[0].expand;
    assert!(layer.weights[..width].iter().all(|w| *w == 0));
    let scale = f64::from(weights.scales["blocks.0.hidden"]);
    let bias = f64::from(weights.tensors["blocks.0.feed_forward.up.bias"].data[0]);
    let found = f64::from(layer.channels[0].scale.to_i8(layer.channels[0].bias)) * scale;
    assert!((found - bias).abs() <= scale / 2.0 + 1e-6, "{found}, {bias}");
}

#[test]
fn confusion_counts() {
    let labels = ["yes", "no"].map(str::to_owned);
    let confusion = Confusion::new(&labels, [(0, 0), (0, 0), (0, 1), (1, 1)]);
    assert_eq!((confusion.right(), confusion.total()), (3, 4));
    assert_eq!(confusion.accuracy(), 0.75);
    assert_eq!(confusion.to_string(), "      yes   no\n yes    2    1\n  no    .    1");
}

/// The models that the repository ships keep what their cards promise.
#[test]
fn shipped_models() {
    let Some(folder) = common::spoken_digits() else { return };
    let clips = heedful_lab::data::recordings(&folder, 8000, |index| (5..=9).contains(&index)).unwrap();
    let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    for (name, bytes, accuracy, below_float) in [("digits", 65_536, 0.99, 0.005), ("digits_small", 16_384, 0.97, 0.01)]
    {
        let weights = Weights::load(&models.join(name).with_extension("safetensors")).unwrap();
        let file = std::fs::read(models.join(name).with_extension("heed")).unwrap();
        assert!(file == convert(&weights).unwrap().to_bytes().unwrap(), "{name}: not what `heedful convert` writes");
        assert!(file.len() <= bytes);
        let float = float(&weights, &clips).unwrap().accuracy();
        let int8 = integer(&Model::load(&file).unwrap(), &clips).unwrap().accuracy();
        println!("{name}: float {float:.4}, int8 {int8:.4}");
        assert!(int8 >= accuracy && int8 >= float - below_float - 1e-9, "{name}: float {float}, int8 {int8}");
    }
}
