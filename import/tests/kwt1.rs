//! KWT-1, which Arm trained, in f32: its logits and what its heads look at. Optional data.

mod common;

use common::skip::{Lack, skipped};
use heedful::dynamic;
use heedful_import::convert::{Ranges, Settings, convert};
use heedful_import::graph::{Model, NoTaps, Output, Place, Sample, Site};
use heedful_import::torch::{self, Config};
use heedful_import::weights::{Tensors, Wanted};
use std::path::{Path, PathBuf};

/// The folder of the model, if it is there.
fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/kwt1");
    let folder = std::env::var_os("HEEDFUL_KWT1").map_or(beside, PathBuf::from);
    if folder.join("kwt1.safetensors").exists() {
        return Some(folder);
    }
    let why = format_args!("no kwt1.safetensors in {}; HEEDFUL_KWT1 names another folder", folder.display());
    skipped(Lack::Data, why);
    None
}

fn model(folder: &Path) -> Model {
    let config = Config::parse(include_str!("kwt1.toml")).unwrap();
    torch::read(Tensors::read(&folder.join("kwt1.safetensors")).unwrap(), &config).unwrap()
}

/// A tensor of the reference file.
fn reference(folder: &Path, name: &str, rank: usize) -> (Vec<usize>, Vec<f32>) {
    let mut tensors = Tensors::read(&folder.join("reference.safetensors")).unwrap();
    tensors.take(name, &vec![Wanted::Any; rank]).unwrap()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn the_float_model_gives_the_published_logits() {
    let Some(folder) = folder() else { return };
    let model = model(&folder);
    assert_eq!((model.blocks.len(), model.width(), model.tokens().unwrap()), (12, 64, 99));
    let parameters = 607_308;
    println!("{parameters} parameters, {} multiply-accumulates", model.multiplications().unwrap());
    let mut worst = 0.0f32;
    for [features, logits] in [["features", "logits"], ["audio_features", "audio_logits"]] {
        let ((shape, features), (_, logits)) = (reference(&folder, features, 3), reference(&folder, logits, 2));
        for (map, logits) in features.chunks_exact(shape[1] * shape[2]).zip(logits.chunks_exact(12)) {
            let found = model.run(Sample::Values(map), &mut NoTaps).unwrap();
            worst = worst.max(largest_difference(&found, logits));
        }
    }
    println!("largest difference of a logit {worst:e}");
    assert!(worst < 1e-3, "{worst}");
}

/// Five answers to what inspection asks make the same model.
#[test]
fn inspection_tells_the_rest() {
    let Some(folder) = folder() else { return };
    let tensors = Tensors::read(&folder.join("kwt1.safetensors")).unwrap();
    let answers = [
        ("# heads =", "heads = 1 #"),
        ("# norm_first =", "norm_first = false #"),
        ("# activation =", "activation = \"gelu_tanh\" #"),
        ("eps = 1e-5", "eps = 1e-6"),
        ("# output =", "output = \"classes\" #"),
    ];
    let text = answers.iter().fold(torch::inspect(&tensors), |text, (from, to)| {
        assert!(text.contains(from), "{from}\n{text}");
        text.replace(from, to)
    });
    let mut expected = model(&folder);
    expected.output = Output::Classes(vec![]);
    assert_eq!(torch::read(tensors, &Config::parse(&text).unwrap()).unwrap(), expected);
}

#[test]
fn heads_look_where_the_published_ones_do() {
    let Some(folder) = folder() else { return };
    let (shape, features) = reference(&folder, "audio_features", 3);
    let (_, attention) = reference(&folder, "attention", 3);
    let mut weights = Vec::new();
    let mut see = |place: Place, rows: &[f32], _: usize| {
        if let Place::Block(_, Site::Weights(0)) = place {
            weights.extend_from_slice(rows);
        }
    };
    model(&folder).run(Sample::Values(&features[..shape[1] * shape[2]]), &mut see).unwrap();
    let worst = largest_difference(&weights, &attention);
    println!("largest difference of a weight {worst:e}");
    assert!(worst < 1e-4, "{worst}");
}

/// Signal over noise, in dB.
fn decibels(expected: &[f32], found: &[f32]) -> f64 {
    let power = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>();
    let signal = power(&mut expected.iter().map(|&x| f64::from(x)));
    let noise = power(&mut expected.iter().zip(found).map(|(&a, &b)| f64::from(a) - f64::from(b)));
    10.0 * (signal / noise).log10()
}

fn best(logits: &[f32]) -> usize {
    (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap()
}

#[test]
fn integers_keep_class_and_logits() {
    let Some(folder) = folder() else { return };
    let model = model(&folder);
    let ((shape, features), (_, expected)) = (reference(&folder, "features", 3), reference(&folder, "logits", 2));
    let maps: Vec<&[f32]> = features.chunks_exact(shape[1] * shape[2]).collect();
    // Every third map, so that two thirds are new to the scales.
    let ranges = Ranges::observe(&model, maps.iter().step_by(3).map(|map| Sample::Values(map))).unwrap();
    for (fine_input, least, classes) in [(true, 27.0, 97), (false, 24.0, 94)] {
        let settings = Settings { fine_input, ..Settings::default() };
        let bytes = convert(&model, &ranges, settings).unwrap().to_bytes().unwrap();
        let integers = dynamic::Model::load(&bytes).unwrap();
        let found: Vec<f32> = maps.iter().flat_map(|map| integers.infer_real(map)).collect();
        let same = found.chunks(12).zip(expected.chunks(12)).filter(|(a, b)| best(a) == best(b)).count();
        let quality = decibels(&expected, &found);
        println!("{settings:?}: {quality:.1} dB, {same} of {} classes, {} bytes", maps.len(), bytes.len());
        assert!(quality > least && 100 * same >= classes * maps.len(), "{quality} {same}");
        assert!(bytes.len() <= 690_000);
    }
}
