//! Heads removed for good: the pruned model says what the whole one says with these heads switched off.

mod common;

use burn::tensor::Device;
use heedful::dynamic::{Heard, Model};
use heedful::format::write::EncoderModel;
use heedful::{HeadScale, Input, Scale, Steepness};
use heedful_lab::augment::draw;
use heedful_lab::calibrate::calibrate;
use heedful_lab::convert::{convert, convert_on, convert_with};
use heedful_lab::encoder::{Encoder, Pass, batch};
use heedful_lab::evaluate::Example;
use heedful_lab::fuse::Fuse;
use heedful_lab::head_index::HeadIndex;
use heedful_lab::low_rank::Rank;
use heedful_lab::prune::{Score, choose, remove, switch_off};
use heedful_lab::weights::Weights;
use rand::RngExt;
use std::path::Path;

fn load(model: &EncoderModel) -> Model {
    Model::load(&model.to_bytes().unwrap()).unwrap()
}

/// All heads of a model.
fn heads(model: &Model) -> Vec<HeadIndex> {
    let blocks = model.heads().iter().enumerate();
    blocks.flat_map(|(block, &heads)| (0..heads).map(move |head| HeadIndex { block, head })).collect()
}

fn random_features(count: usize, seed: u64) -> Vec<i8> {
    let mut draw = draw(seed, 3, 1);
    (0..count).map(|_| draw.random_range(-60..=127)).collect()
}

/// A random float model with wide heads, calibrated, and what it was calibrated on.
fn wide_heads() -> (Weights, Vec<Vec<i8>>) {
    let mut config = common::config();
    (config.heads, config.head_width) = (3, 12);
    let mut weights = Weights::initial(&config, 5);
    // Heads that have a say.
    for (_, array) in weights.tensors.iter_mut().filter(|(name, _)| name.ends_with("attention.output.weight")) {
        array.data.iter_mut().for_each(|w| *w *= 4.0);
    }
    let features: Vec<_> = (0..100).map(|seed| random_features(config.features(), seed)).collect();
    let device = Device::flex();
    weights.scales = calibrate(&Encoder::new(&weights, &device).unwrap(), &features, &device);
    (weights, features)
}

#[test]
fn pruned_is_switched_off() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let shipped = ["digits.heed", "digits_small.heed"].map(|name| std::fs::read(models.join(name)).unwrap());
    let (random, features) = wide_heads();
    let low_rank = convert_on(&random, Fuse::Never, &features, Rank::Fixed(3)).unwrap().to_bytes().unwrap();
    let random = [Fuse::Never, Fuse::Always].map(|fuse| convert_with(&random, fuse).unwrap().to_bytes().unwrap());
    let mut draw = draw(1, 1, 1);
    for bytes in shipped.into_iter().chain(random).chain([low_rank]) {
        let mut parameters = EncoderModel::load(&bytes).unwrap();
        // Heads of a block share their scales; here they differ.
        for block in &mut parameters.blocks {
            for (i, head) in block.heads.iter_mut().enumerate() {
                let gain = 1.0 / (1.0 + i as f64);
                let steepness = Steepness::from_real(head.steepness().to_real() * gain).unwrap();
                *head = HeadScale::new(steepness, Scale::from_real(head.value().to_real() * gain).unwrap()).unwrap();
            }
        }
        let whole = load(&parameters);
        let all = heads(&whole);
        let first_block: Vec<HeadIndex> = all.iter().copied().filter(|head| head.block == 0).collect();
        let mut choices = vec![vec![], vec![all[1]], first_block, all.clone()];
        choices.extend((0..6).map(|_| all.iter().copied().filter(|_| draw.random_bool(0.5)).collect()));
        for off in choices {
            let pruned = remove(&parameters, &off).unwrap();
            assert!(pruned.blocks.iter().all(|block| block.reduce.is_none() || !block.heads.is_empty()));
            let small = load(&pruned);
            assert_eq!(heads(&small).len(), all.len() - off.len());
            assert!(off.is_empty() || (small.flash_bytes() < whole.flash_bytes() && small.macs() < whole.macs()));
            for seed in 0..20 {
                let features = random_features(small.shape().positions * small.shape().inputs, seed);
                let expected = whole.infer_without(Input::Features(&features), &HeadIndex::pairs(&off));
                assert_eq!(small.infer(&features).logits(), expected.logits(), "without {off:?}");
            }
        }
        // One after the other is both at once; what is left moves up.
        let at_once = remove(&parameters, &[all[0], all[1]]).unwrap();
        let first = remove(&parameters, &all[..1]).unwrap();
        assert_eq!(remove(&first, &[HeadIndex { block: 0, head: 0 }]).unwrap(), at_once);
    }
}

/// What is saved, by hand: of the digits' second block one of three heads, 16 wide, at a width of 48 and 25 positions.
#[test]
fn what_a_head_costs() {
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits.heed")).unwrap();
    let (parameters, whole) = (EncoderModel::load(&bytes).unwrap(), Model::load(&bytes).unwrap());
    let pruned = remove(&parameters, &["1:2".parse().unwrap()]).unwrap();
    // Rows of three projections with their channels, columns of the fourth, the head's scales; less the words of the
    // kind.
    let saved = 3 * 16 * (48 + 8) + 48 * 16 + 8 - 8;
    let pruned_bytes = pruned.to_bytes().unwrap();
    assert_eq!(bytes.len() - pruned_bytes.len(), saved);
    assert_eq!(whole.macs() - load(&pruned).macs(), 4 * 25 * 48 * 16 + 2 * 25 * 25 * 16);
    assert_eq!(load(&pruned).heads(), [3, 2, 3]);
    // As many heads less in every block: the room that the model has for heads shrinks, and its blocks are plain ones.
    let even = remove(&parameters, &["0:0", "1:2", "2:1"].map(|head| head.parse().unwrap())).unwrap();
    assert_eq!(even.config.heads, 2);
    assert_eq!(bytes.len() - even.to_bytes().unwrap().len(), 3 * (saved + 8));
}

#[test]
fn no_such_head() {
    for text in ["", "1", "1:", ".1", "1.2.3", "1:2:3", "a.b", "-1.0"] {
        assert!(text.parse::<HeadIndex>().is_err(), "{text}");
    }
    assert_eq!("12.3".parse(), Ok(HeadIndex { block: 12, head: 3 }));
    assert_eq!("12:3".parse(), "12.3".parse::<HeadIndex>());
    let (mut weights, _) = wide_heads();
    let model = convert(&weights).unwrap();
    for head in [HeadIndex { block: 2, head: 0 }, HeadIndex { block: 1, head: 3 }] {
        let expected = format!("there is no head {head}; blocks and heads count from 0");
        assert_eq!(remove(&model, &[head]).unwrap_err().to_string(), expected);
        assert_eq!(switch_off(&mut weights, &[head]).unwrap_err().to_string(), expected);
    }
    let all = choose(&load(&model), &[], 7, |_, _| {}).unwrap_err();
    assert_eq!(all.to_string(), "the model has 6 heads, of which 7 cannot be kept");
}

/// The float model without heads is what the integer model without them follows.
#[test]
fn float_heads_switched_off() {
    let (mut weights, features) = wide_heads();
    let device = Device::flex();
    let model = load(&convert_with(&weights, Fuse::Never).unwrap());
    let off = ["0:1", "1:0", "1:2"].map(|head| head.parse().unwrap());
    let float = |weights: &Weights| -> Vec<f32> {
        let x = batch(&features, weights.config.tokens, &device);
        let logits = Encoder::new(weights, &device).unwrap().forward(x, &mut Pass::Float);
        logits.into_data().iter::<f32>().collect()
    };
    let whole = float(&weights);
    switch_off(&mut weights, &off).unwrap();
    let silenced = float(&weights);
    let unit = model.shape().logit.to_real() / std::f64::consts::LOG2_E;
    let found = features
        .iter()
        .flat_map(|f| model.infer_without(Input::Features(f), &HeadIndex::pairs(&off)).logits().to_vec());
    let found: Vec<f32> = found.map(|logit| (f64::from(logit) * unit) as f32).collect();
    let [near, far] = [&silenced, &whole].map(|expected| common::snr(&found, expected));
    println!("{near:.1} dB; against all heads {far:.1} dB");
    assert!(near > 25.0 && far < near - 10.0, "{near} dB, {far} dB");
}

/// A head that adds nothing goes first, and the loss of the others is told as it is.
#[test]
fn idle_heads_go_first() {
    let (mut weights, features) = wide_heads();
    let idle = HeadIndex { block: 1, head: 1 };
    switch_off(&mut weights, &[idle]).unwrap();
    let parameters = convert(&weights).unwrap();
    let model = load(&parameters);
    let examples: Vec<Example> = features
        .into_iter()
        .map(|features| Example { class: model.infer(&features).best().class, heard: Heard::Features(features) })
        .collect();
    let whole = Score::of(&model, &examples, &[]);
    assert_eq!(whole.right, examples.len());
    let mut steps = Vec::new();
    let removed = choose(&model, &examples, 3, |head, score| steps.push((head, score))).unwrap();
    assert_eq!(steps[0], (idle, whole));
    assert_eq!(removed, steps.iter().map(|step| step.0).collect::<Vec<_>>());
    assert_eq!(removed.len(), 3);
    let last = steps[2].1;
    assert!(last.right < whole.right, "the test's heads make no difference");
    let pruned = load(&remove(&parameters, &removed).unwrap());
    assert_eq!(Score::of(&pruned, &examples, &[]), last);
}
