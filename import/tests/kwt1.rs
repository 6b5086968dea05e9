//! KWT-1, which Arm trained, in f32: its logits and what its heads look at. Optional data.

mod common;

use common::kwt1::{best, converted, decibels, folder, heard, logits, model, reference, shipped};
use heedful::dynamic;
use heedful_import::graph::{NoTaps, Output, Place, Sample, Site};
use heedful_import::report::Converted;
use heedful_import::torch::{self, Config};
use heedful_import::weights::Tensors;
use std::path::Path;

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

/// Of features. The file that hears is the shipped one; `HEEDFUL_BLESS=1` writes it anew.
#[test]
fn integers_keep_class_and_logits() {
    let Some(folder) = folder() else { return };
    let model = model(&folder);
    let ((shape, features), (_, expected)) = (reference(&folder, "features", 3), reference(&folder, "logits", 2));
    let maps: Vec<&[f32]> = features.chunks_exact(shape[1] * shape[2]).collect();
    let converted = converted(&folder, &model);
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/commands.heed");
    if std::env::var_os("HEEDFUL_BLESS").is_some() {
        std::fs::write(&shipped, &converted[0].bytes).unwrap();
    }
    let same = std::fs::read(shipped).unwrap() == converted[0].bytes;
    assert!(same, "models/commands.heed is not what its TOML and weights give");
    for (Converted { settings, heed, bytes, .. }, (least, classes)) in converted.iter().zip([(27.0, 97), (24.0, 94)]) {
        let found: Vec<f32> = maps.iter().flat_map(|map| heed.infer_real(map)).collect();
        let same = found.chunks(12).zip(expected.chunks(12)).filter(|(a, b)| best(a) == best(b)).count();
        let quality = decibels(&expected, &found);
        println!("{settings:?}: {quality:.1} dB, {same} of {} classes, {} bytes", maps.len(), bytes.len());
        assert!(quality > least && 100 * same >= classes * maps.len(), "{quality} {same}");
        assert!(bytes.len() <= 700_000);
    }
}

/// Samples of the reference file.
fn clips(folder: &Path) -> Vec<Vec<i16>> {
    let bytes = std::fs::read(folder.join("reference.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let audio = tensors.tensor("audio").unwrap();
    let samples: Vec<i16> = audio.data().as_chunks().0.iter().map(|&bytes| i16::from_le_bytes(bytes)).collect();
    samples.chunks_exact(audio.shape()[1]).map(<[i16]>::to_vec).collect()
}

/// From samples, by the front end in integers.
#[test]
fn integers_hear_what_the_float_front_end_does() {
    let Some(folder) = folder() else { return };
    let (clips, heed) = (clips(&folder), shipped());
    let (_, features) = reference(&folder, "audio_features", 3);
    let (_, expected) = reference(&folder, "audio_logits", 2);
    let of_clips = |of: fn(&dynamic::Model, &[i16]) -> Vec<f32>| -> Vec<f32> {
        clips.iter().flat_map(|clip| of(&heed, clip)).collect()
    };
    let (found_features, found) = (of_clips(heard), of_clips(logits));
    let of_clip = |(a, b): (&[f32], &[f32])| decibels(a, b);
    let mut of_features: Vec<f64> = features.chunks(98 * 40).zip(found_features.chunks(98 * 40)).map(of_clip).collect();
    of_features.sort_by(f64::total_cmp);
    let of_logits = decibels(&expected, &found);
    let same = found.chunks(12).zip(expected.chunks(12)).filter(|(a, b)| best(a) == best(b)).count();
    println!("features {of_features:.1?} dB, logits {of_logits:.1} dB, {same} of {} classes", clips.len());
    // In one of them there is a window of zeros but for a last bit at its edge, of which integers leave nothing.
    assert!(of_features[0] > 20.0 && of_features[1] > 60.0 && of_logits > 33.0);
    assert_eq!((same, clips.len()), (12, 12));
}
