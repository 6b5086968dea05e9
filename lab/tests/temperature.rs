//! Temperatures of heads: found in training, and folded into the steepness of the integer softmax.

mod common;

use burn::tensor::Device;
use common::{config, load, logits, random_with, settings, snr, tones};
use heedful::HeadScale;
use heedful_lab::Config;
use heedful_lab::convert::{convert, convert_with};
use heedful_lab::encoder::{Encoder, Pass, batch};
use heedful_lab::fuse::Fuse;
use heedful_lab::settings::Settings;
use heedful_lab::train::{Observer, Run};
use heedful_lab::weights::{Weights, log_temperature};
use std::path::Path;

fn float(weights: &Weights, features: &[Vec<i8>]) -> Vec<f32> {
    let device = Device::flex();
    let x = batch(features, weights.config.tokens, &device);
    Encoder::new(weights, &device).unwrap().forward(x, &mut Pass::Float).into_data().iter::<f32>().collect()
}

/// The first head of the first block at some temperature.
fn heat(weights: &mut Weights, temperature: f32) {
    weights.tensors.get_mut(&log_temperature(0)).unwrap().data[0] = temperature.ln();
}

/// Heads as wide as the model, so that query and key weights can be fused as well.
fn wide_heads() -> Config {
    Config { temperature: true, heads: 2, head_width: 8, tokens: 9, ..config() }
}

#[test]
fn integers_follow_the_temperature() {
    let config = wide_heads();
    for fuse in [Fuse::Never, Fuse::Always] {
        let (warm, features) = random_with(&config, 3, |weights| heat(weights, 2.0));
        let mut cold = warm.clone();
        heat(&mut cold, 1.0);
        let models = [&warm, &cold].map(|weights| convert_with(weights, fuse).unwrap());
        assert!(models[0].blocks.iter().all(|block| block.key.is_none() == (fuse == Fuse::Always)));
        let [[hot, other], [neutral, same]]: [[HeadScale; 2]; 2] =
            models.each_ref().map(|model| model.blocks[0].heads.clone().try_into().unwrap());
        let halved = 2.0 * hot.steepness().to_real() / neutral.steepness().to_real();
        assert!((halved - 1.0).abs() < 1e-6 && hot.value() == neutral.value(), "{halved}");
        assert_eq!((other, models[0].blocks[1].heads.clone()), (same, models[1].blocks[1].heads.clone()));
        assert_eq!(neutral, same);

        let found = logits(&load(&models[0]), &features);
        let [near, far] = [&warm, &cold].map(|weights| snr(&found, &float(weights, &features)));
        println!("{fuse:?}: {near:.2} dB; against the model at temperature 1 {far:.2} dB");
        assert!(near > 25.0 && far < near - 6.0, "{near} dB, {far} dB");
    }
}

/// A temperature of 1 is none, and what the integers cannot express is refused.
#[test]
fn neutral_and_out_of_bounds() {
    let (mut weights, features) = random_with(&wide_heads(), 3, |_| {});
    let mut without = weights.clone();
    without.config.temperature = false;
    without.tensors.retain(|name, _| !name.ends_with("log_temperature"));
    assert_eq!(float(&weights, &features), float(&without, &features));
    assert_eq!(convert(&weights).unwrap(), convert(&without).unwrap());
    for temperature in [1e-9, 1e9] {
        heat(&mut weights, temperature);
        let error = convert(&weights).unwrap_err().to_string();
        assert!(error.starts_with("blocks.0.attention: ") && error.contains("steepness"), "{error}");
    }
    weights.tensors.remove(&log_temperature(1));
    heat(&mut weights, 1.0);
    assert_eq!(convert(&weights).unwrap_err().to_string(), "tensor blocks.1.attention.log_temperature: absent");
}

struct Silent;
impl Observer for Silent {}

#[test]
fn found_in_training() {
    let folder = tempfile::tempdir().unwrap();
    let trained = |temperature: bool| {
        let (config, settings) = (Config { temperature, ..config() }, Settings { epochs: 30, ..settings() });
        let run = Run::new(&config, settings).unwrap();
        run.finish(&tones(), &folder.path().join("c"), &mut Silent).unwrap().unwrap()
    };
    let (with, without) = (trained(true), trained(false));
    assert_eq!(with.count(), without.count() + 4);
    // Weight decay alone leaves a logarithm of 0 where it is.
    let temperatures: Vec<f64> = (0..2).flat_map(|block| with.temperatures(block).unwrap()).collect();
    println!("temperatures {temperatures:.3?}");
    assert!(temperatures.iter().all(|t| (t - 1.0).abs() > 1e-4), "{temperatures:?}");
    assert_eq!(without.temperatures(1).unwrap(), [1.0; 2]);
    // Through the file and back, and on as integers.
    let path = folder.path().join("warm.safetensors");
    with.save(&path).unwrap();
    let loaded = Weights::load(&path).unwrap();
    assert_eq!(loaded, with);
    assert_eq!(
        heedful_lab::evaluate::integer(&load(&convert(&loaded).unwrap()), &tones().validation).unwrap().right(),
        6
    );
    let mut cut = with;
    cut.tensors.remove(&log_temperature(1));
    cut.save(&path).unwrap();
    let error = Weights::load(&path).unwrap_err().to_string();
    assert!(error.ends_with("tensor blocks.1.attention.log_temperature: absent"), "{error}");
}

/// Files of models without temperatures are what they were, and so is what becomes of them.
#[test]
fn older_files() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    for name in ["digits", "digits_small"] {
        let path = models.join(name).with_extension("safetensors");
        let weights = Weights::load(&path).unwrap();
        assert!(!weights.config.temperature);
        assert!(weights.to_bytes(&[]).unwrap() == std::fs::read(&path).unwrap(), "{name}");
        let file = std::fs::read(path.with_extension("heed")).unwrap();
        assert!(convert(&weights).unwrap().to_bytes().unwrap() == file, "{name}");
    }
}
