//! KWT-1, which Arm trained: its weights and reference where they are at hand. They are no part of the repository.

use super::skip::{Lack, skipped};
use heedful::dynamic;
use heedful_import::convert::Settings;
use heedful_import::graph::Model;
use heedful_import::report::{Bench, Converted};
use heedful_import::samples::Samples;
use heedful_import::torch::{self, Config};
use heedful_import::weights::{Tensors, Wanted};
use std::path::{Path, PathBuf};

/// Frames of a second, and cepstra of each.
pub const FRAMES: [usize; 2] = [98, 40];
/// Samples of a second.
pub const SECOND: usize = 16_000;

/// The folder of the model, if it is there.
pub fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/kwt1");
    let folder = std::env::var_os("HEEDFUL_KWT1").map_or(beside, PathBuf::from);
    if folder.join("kwt1.safetensors").exists() {
        return Some(folder);
    }
    let why = format_args!("no kwt1.safetensors in {}; HEEDFUL_KWT1 names another folder", folder.display());
    skipped(Lack::Data, why);
    None
}

/// The TOML of the model that the project ships.
pub fn config() -> Config {
    Config::parse(include_str!("../../../models/commands.toml")).unwrap()
}

/// The float model.
pub fn model(folder: &Path) -> Model {
    torch::read(Tensors::read(&folder.join("kwt1.safetensors")).unwrap(), &config()).unwrap()
}

/// The model that the project ships.
pub fn shipped() -> dynamic::Model {
    dynamic::Model::load(include_bytes!("../../../models/commands.heed")).unwrap()
}

/// A tensor of the reference file.
pub fn reference(folder: &Path, name: &str, rank: usize) -> (Vec<usize>, Vec<f32>) {
    let mut tensors = Tensors::read(&folder.join("reference.safetensors")).unwrap();
    tensors.take(name, &vec![Wanted::Any; rank]).unwrap()
}

/// Converts as `heedful import torch` does, with scales of every third feature map, so that two thirds are new to them:
/// to a model that hears, and to one of features of 8 bits.
pub fn converted(folder: &Path, model: &Model) -> [Converted; 2] {
    let (_, features) = reference(folder, "features", 3);
    let maps = features.chunks_exact(FRAMES[0] * FRAMES[1]).step_by(3).map(<[f32]>::to_vec).collect();
    let samples = Samples::Values { values: maps, memory: vec![] };
    let bench = Bench::new(model, &samples).unwrap();
    let of_features = bench.convert(Settings { fine_input: false, ..Settings::default() }).unwrap();
    let bench = bench.hearing(config().front_end(model).unwrap());
    [bench.convert(Settings::default()).unwrap(), of_features]
}

/// Signal over noise, in dB.
pub fn decibels(expected: &[f32], found: &[f32]) -> f64 {
    assert_eq!(expected.len(), found.len());
    let power = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>();
    let signal = power(&mut expected.iter().map(|&x| f64::from(x)));
    let noise = power(&mut expected.iter().zip(found).map(|(&a, &b)| f64::from(a) - f64::from(b)));
    10.0 * (signal / noise).log10()
}

/// The place of the largest.
pub fn best(logits: &[f32]) -> usize {
    (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap()
}

/// The features that a model makes of samples, in real values.
pub fn heard(heed: &dynamic::Model, samples: &[i16]) -> Vec<f32> {
    let Some(dynamic::Heard::FineFeatures(features)) = heed.hear(samples) else { panic!("it hears no cepstra") };
    let units = heed.feature_units();
    features.iter().zip(units.iter().cycle()).map(|(&x, (_, unit))| f32::from(x) * unit).collect()
}

/// The logits that a model gives for samples.
pub fn logits(heed: &dynamic::Model, samples: &[i16]) -> Vec<f32> {
    heed.real(heed.infer_input(heed.hear(samples).unwrap().input(), &[]).logits())
}
