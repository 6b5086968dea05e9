//! A tiny task: tones of three pitches, told apart in a second of training.
#![allow(dead_code)] // Each test uses a part.

#[path = "../../../tests/support/skip.rs"]
mod skip;

use burn::tensor::Device;
use heedful::dynamic::Model;
use heedful::format::write::EncoderModel;
use heedful_lab::Config;
use heedful_lab::augment::draw;
use heedful_lab::calibrate::calibrate;
use heedful_lab::data::{Clip, Split};
use heedful_lab::encoder::Encoder;
use heedful_lab::settings::Settings;
use heedful_lab::weights::Weights;
use rand::RngExt;
use skip::{Lack, skipped};
use std::path::PathBuf;

/// A model of a few hundred parameters.
pub fn config() -> Config {
    let mut config = heedful_lab::Preset::DigitsSmall.config();
    config.audio.bands = 8;
    config.labels = ["low", "middle", "high"].map(str::to_owned).to_vec();
    config.tokens = 6;
    config.frames_per_token = 2;
    (config.width, config.heads, config.head_width) = (8, 2, 4);
    (config.hidden, config.layers) = (8, 2);
    config
}

pub fn settings() -> Settings {
    Settings { epochs: 6, seed: 3, batch: 8, rate: 1e-2, rank: None }
}

/// Twelve training tones and six for validation.
pub fn tones() -> Split {
    let tone = |n: usize| {
        let class = n % 3;
        let turn = std::f32::consts::TAU * (400.0 + 700.0 * class as f32 + 10.0 * n as f32) / 8000.0;
        let samples = (0..1200).map(|t| (8000.0 * (turn * t as f32).sin()) as i16).collect();
        Clip { path: PathBuf::from(format!("{n}")), class, index: n as u32, samples }
    };
    Split { train: (0..24).map(tone).collect(), validation: (24..30).map(tone).collect() }
}

/// The folder of the Free Spoken Digit Dataset, if there is one.
pub fn spoken_digits() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = std::env::var_os("HEEDFUL_DATA").map_or(root.join("../shared/data/fsdd"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    skipped(Lack::Data, format_args!("no recordings in {}; HEEDFUL_DATA names another folder", folder.display()));
    None
}

/// Signal-to-noise ratio in dB.
pub fn snr(found: &[f32], expected: &[f32]) -> f64 {
    let square = |x: f32| f64::from(x) * f64::from(x);
    let signal: f64 = expected.iter().map(|&e| square(e)).sum();
    let noise: f64 = found.iter().zip(expected).map(|(f, e)| square(f - e)).sum();
    10.0 * (signal / noise).log10()
}

/// A random float model whose heads look at some positions more than at others, calibrated on random features.
pub fn random(config: &Config, seed: u64) -> (Weights, Vec<Vec<i8>>) {
    random_with(config, seed, |_| {})
}

/// [`random`], changed before it is calibrated.
pub fn random_with(config: &Config, seed: u64, change: impl FnOnce(&mut Weights)) -> (Weights, Vec<Vec<i8>>) {
    let mut weights = Weights::initial(config, seed);
    let mut draw = draw(seed, 1, 1);
    for (name, array) in &mut weights.tensors {
        let gain = match name {
            // Norms start neutral, which would hide their parameters.
            name if name.contains("norm") => {
                array.data.iter_mut().for_each(|x| *x += draw.random_range(-0.5..0.5));
                1.0
            }
            name if name.contains("query") || name.contains("key") => 3.0,
            name if name.contains("attention.output.weight") => 3.0,
            _ => 1.0,
        };
        array.data.iter_mut().for_each(|x| *x *= gain);
    }
    change(&mut weights);
    let features: Vec<Vec<i8>> =
        (0..60).map(|_| (0..config.features()).map(|_| draw.random_range(-60..=127)).collect()).collect();
    let device = Device::flex();
    weights.scales = calibrate(&Encoder::new(&weights, &device).unwrap(), &features, &device);
    (weights, features)
}

pub fn load(model: &EncoderModel) -> Model {
    Model::load(&model.to_bytes().unwrap()).unwrap()
}

/// Logits of an integer model as reals, one after the other.
pub fn logits(model: &Model, features: &[Vec<i8>]) -> Vec<f32> {
    let unit = model.shape().logit.to_real() / std::f64::consts::LOG2_E;
    let logits = features.iter().flat_map(|f| model.infer(f).logits().to_vec());
    logits.map(|logit| (f64::from(logit) * unit) as f32).collect()
}
