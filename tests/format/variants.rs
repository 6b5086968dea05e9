//! Blocks with fewer heads, without heads, and with fused query-key weights.

use crate::support::{Random, config, random_model, seal, to_bytes, to_words, vary};
use crate::{audio, section};
use heedful::Error;
use heedful::dynamic::Model;
use heedful::format::write::{EncoderModel, LinearModel};
use heedful::format::{Config, File, Softmax};
use proptest::prelude::*;
use std::path::Path;

/// Wide enough heads that query and key weights may be fused.
fn wide_heads(softmax: Softmax) -> Config {
    Config { positions: 5, inputs: 4, width: 6, heads: 2, head_dim: 7, hidden: 5, layers: 3, ..config(softmax) }
}

/// Removes heads of a block, the last ones.
fn shorten(model: &mut EncoderModel, block: usize, heads: usize) {
    let Config { width, head_dim, .. } = model.config;
    let block = &mut model.blocks[block];
    let (inner, old) = (heads * head_dim, block.heads.len() * head_dim);
    let rows = |layer: &mut LinearModel, rows: usize| {
        layer.weights.truncate(rows * width);
        layer.channels.truncate(rows);
    };
    rows(&mut block.query, if block.key.is_some() { inner } else { heads * width });
    block.key.iter_mut().for_each(|key| rows(key, inner));
    rows(&mut block.value, inner);
    block.output.weights = block.output.weights.chunks(old).flat_map(|row| &row[..inner]).copied().collect();
    block.heads.truncate(heads);
}

/// All heads; one of two, fused; none.
fn three_kinds(softmax: Softmax) -> EncoderModel {
    let mut model = random_model(11, wide_heads(softmax), None);
    let mut random = Random(12);
    let fused = &mut model.blocks[1];
    fused.key = None;
    fused.query = crate::support::linear(&mut random, 6, 12, 1.0);
    shorten(&mut model, 1, 1);
    shorten(&mut model, 2, 0);
    model
}

#[test]
fn round_trip() {
    for seed in 0..40 {
        let softmax = if seed % 2 == 0 { Softmax::Wide } else { Softmax::Narrow };
        let mut model = match seed % 3 {
            0 => random_model(seed, config(softmax), Some(audio())),
            _ => random_model(seed, wide_heads(softmax), None),
        };
        if seed % 3 == 2 {
            vary(&mut model, &mut Random(seed));
        }
        if seed % 5 == 0 {
            model.labels.clear();
        }
        let bytes = model.to_bytes().unwrap();
        let loaded = EncoderModel::load(&bytes).unwrap();
        assert_eq!(loaded, model);
        assert!(loaded.to_bytes().unwrap() == bytes);
        let heads: Vec<usize> = model.blocks.iter().map(|block| block.heads.len()).collect();
        assert_eq!(Model::load(&bytes).unwrap().heads(), heads);
    }
    let damaged = &three_kinds(Softmax::Wide).to_bytes().unwrap()[..100];
    assert_eq!(EncoderModel::load(damaged).err(), Model::load(damaged).err());
}

/// A block of the standard kind stays in the section that readers without variants know.
#[test]
fn only_variants_have_sections_of_their_own() {
    let tags = |model: &EncoderModel| {
        let words = to_words(&model.to_bytes().unwrap());
        let (mut at, mut tags) = (4, Vec::new());
        while at < words.len() {
            tags.push(String::from_utf8(words[at].to_le_bytes().to_vec()).unwrap());
            at += 2 + words[at + 1] as usize;
        }
        tags.retain(|tag| tag.starts_with("BL"));
        tags
    };
    assert_eq!(tags(&three_kinds(Softmax::Wide)), ["BLCK", "BLKV", "BLKV"]);
    assert_eq!(tags(&random_model(3, wide_heads(Softmax::Wide), None)), ["BLCK"; 3]);
}

/// Blocks of both kinds count in the order of the file.
#[test]
fn order_of_the_blocks() {
    let mut model = three_kinds(Softmax::Wide);
    model.blocks.rotate_right(1);
    let words = to_words(&model.to_bytes().unwrap());
    let file = File::open(&words).unwrap();
    let heads = |i| file.block(&model.config, i).map(|block| block.attention.heads.len());
    assert_eq!([heads(0), heads(1), heads(2)], [Ok(0), Ok(2), Ok(1)]);
    assert_eq!(heads(3), Err(Error::Missing { section: "encoder block" }));
}

#[test]
fn multiply_accumulates() {
    let macs = |model: &EncoderModel| Model::load(&model.to_bytes().unwrap()).unwrap().macs();
    let model = random_model(3, wide_heads(Softmax::Wide), None);
    // Embedding and classifier; per block and position projections, scores and weighted sums, feed-forward layers.
    let ends = 5 * 4 * 6 + 6 * 3;
    let hidden = 2 * 6 * 5;
    let all = 4 * 14 * 6 + 5 * 2 * 14;
    assert_eq!(macs(&model), ends + 3 * 5 * (all + hidden));
    assert_eq!(macs(&model), model.config.macs());
    let fused = (6 + 7 + 7) * 6 + 5 * (6 + 7);
    assert_eq!(macs(&three_kinds(Softmax::Wide)), ends + 5 * (all + fused + 3 * hidden));
}

/// A head switched off is one whose columns of the output projection are 0.
#[test]
fn heads_switched_off() {
    let mut random = Random(5);
    for seed in 0..30 {
        let softmax = if seed % 2 == 0 { Softmax::Wide } else { Softmax::Narrow };
        let mut model = random_model(seed, wide_heads(softmax), None);
        if seed % 3 == 0 {
            vary(&mut model, &mut random);
        }
        let whole = Model::load(&model.to_bytes().unwrap()).unwrap();
        let all = (0..3).flat_map(|layer| (0..whole.heads()[layer]).map(move |head| (layer, head)));
        let off: Vec<_> = all.filter(|_| random.int(0, 2) == 0).collect();
        for &(layer, head) in &off {
            let inner = whole.heads()[layer] * 7;
            let rows = model.blocks[layer].output.weights.chunks_mut(inner);
            rows.for_each(|row| row[7 * head..][..7].fill(0));
        }
        let silenced = Model::load(&model.to_bytes().unwrap()).unwrap();
        let features = random.i8s(20, 127);
        assert_eq!(whole.infer_without(&features, &off), silenced.infer(&features));
        assert_eq!(whole.infer_without(&features, &[]), whole.infer(&features));
        // More heads than a word has bits, and heads that are not there.
        assert_eq!(whole.infer_without(&features, &[(0, 64), (9, 0)]), whole.infer(&features));
    }
}

heedful::model!(Variants = "../models/variants.heed");

/// The compiled-in model computes the same; `HEEDFUL_BLESS=1` writes the committed file anew.
#[test]
fn compiled_in() {
    let bytes = three_kinds(Softmax::Wide).to_bytes().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/variants.heed");
    if std::env::var_os("HEEDFUL_BLESS").is_some() {
        std::fs::write(&path, &bytes).unwrap();
    }
    assert!(std::fs::read(&path).is_ok_and(|found| found == bytes), "{} is not current", path.display());
    let (mut compiled, dynamic) = (Variants::new(), Model::load(&bytes).unwrap());
    let mut random = Random(6);
    for _ in 0..10 {
        let features = random.i8s(20, 127);
        let rows = features.as_chunks().0.try_into().unwrap();
        assert_eq!(compiled.infer_features(rows).logits(), dynamic.infer(&features).logits());
    }
}

/// Why a file is refused after setting one word of its first variant.
fn refusal(word: usize, value: u32) -> Error {
    let mut words = to_words(&three_kinds(Softmax::Wide).to_bytes().unwrap());
    let at = section(&words, b"BLKV", 0).start + word;
    words[at] = value;
    seal(&mut words);
    Model::load(&to_bytes(&words)).err().unwrap()
}

#[test]
fn out_of_bounds() {
    for value in [3, u32::MAX] {
        assert_eq!(refusal(0, value), Error::Shape { what: "heads of a block", expected: 2, found: value as usize });
    }
    for value in [2, u32::MAX] {
        assert_eq!(refusal(1, value), Error::Shape { what: "kind of a block", expected: 1, found: value as usize });
    }
    // Fused weights of heads narrower than the model: not written, either.
    let mut narrow = three_kinds(Softmax::Wide);
    narrow.config.head_dim = 5;
    for (i, block) in narrow.blocks.iter_mut().enumerate() {
        let (inner, random) = (block.heads.len() * 5, &mut Random(i as u64));
        let mut linear = |inputs, outputs| crate::support::linear(random, inputs, outputs, 1.0);
        (block.value, block.output) = (linear(6, inner), linear(inner, 6));
        if block.key.is_some() {
            (block.query, block.key) = (linear(6, inner), Some(linear(6, inner)));
        }
    }
    let what = "width of a block with fused query-key weights";
    assert_eq!(narrow.to_bytes().err(), Some(Error::Shape { what, expected: 5, found: 6 }));
}

#[test]
fn cut_anywhere() {
    let words = to_words(&three_kinds(Softmax::Wide).to_bytes().unwrap());
    let blocks = section(&words, b"BLKV", 0).start..section(&words, b"BLKV", 1).end;
    for length in blocks {
        let mut words = words[..length].to_vec();
        seal(&mut words);
        let error = Model::load(&to_bytes(&words)).err();
        assert!(matches!(error, Some(Error::Truncated { .. } | Error::Missing { .. })), "{length} words: {error:?}");
    }
}

/// Parts that do not fit the block's own heads.
#[test]
fn writer_refuses() {
    type Change = fn(&mut EncoderModel);
    let changes: [Change; 6] = [
        |m| _ = m.blocks[1].heads.pop(),
        |m| m.blocks[0].heads.extend_from_within(..1),
        |m| _ = m.blocks[1].query.channels.pop(),
        |m| m.blocks[1].key = Some(m.blocks[1].value.clone()),
        |m| m.blocks[2].output.weights.push(0),
        |m| m.blocks[2].value = m.blocks[1].value.clone(),
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut model = three_kinds(Softmax::Wide);
        change(&mut model);
        assert!(matches!(model.to_bytes(), Err(Error::Shape { .. })), "change {i}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// A file with a few words overwritten either is refused, or runs.
    #[test]
    fn any_words(seed in any::<u64>(), count in 1usize..40, small in any::<bool>()) {
        let mut random = Random(seed);
        let mut words = to_words(&three_kinds(Softmax::Wide).to_bytes().unwrap());
        for _ in 0..count {
            let at = random.int(4, words.len() as i64 - 1) as usize;
            words[at] = if small { random.int(-2, 20) as u32 } else { random.next() as u32 };
        }
        seal(&mut words);
        if let Ok(model) = Model::load(&to_bytes(&words)) {
            let c = *model.config();
            let features: Vec<i8> = (0..c.positions * c.inputs).map(|_| random.next() as i8).collect();
            prop_assert_eq!(model.infer(&features).logits().len(), c.classes);
            prop_assert_eq!(model.infer_without(&features, &[(0, 0), (1, 0)]).logits().len(), c.classes);
            let _ = model.macs();
        }
    }
}
