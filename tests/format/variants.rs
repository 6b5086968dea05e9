//! Blocks with fewer heads, without heads, with fused query-key weights, and of low rank.

use crate::support::{Random, config, random_model, seal, to_bytes, to_words, vary};
use crate::{audio, section};
use heedful::dynamic::Model;
use heedful::format::write::{EncoderModel, LinearModel};
use heedful::format::{Config, File, Softmax};
use heedful::{Allowed, Error, Input};
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
    assert!(block.reduce.is_none(), "rows of the rank's length");
    rows(&mut block.query, if block.key.is_some() { inner } else { heads * width });
    block.key.iter_mut().for_each(|key| rows(key, inner));
    rows(&mut block.value, inner);
    block.output.weights = block.output.weights.chunks(old).flat_map(|row| &row[..inner]).copied().collect();
    block.heads.truncate(heads);
}

/// All heads; one of two, fused; none; all, of a rank whose reduced rows are as long as the model is wide; one, of a
/// rank whose reduced rows are longer.
fn all_kinds(softmax: Softmax) -> EncoderModel {
    let mut model = random_model(11, Config { layers: 5, ..wide_heads(softmax) }, None);
    let mut random = Random(12);
    let fused = &mut model.blocks[1];
    fused.key = None;
    fused.query = crate::support::linear(&mut random, 6, 12, 1.0);
    for (block, heads) in [(1, 1), (2, 0), (4, 1)] {
        shorten(&mut model, block, heads);
    }
    lower(&mut model, 3, 2, &mut random);
    lower(&mut model, 4, 3, &mut random);
    model
}

/// Gives a block projections of some rank.
fn lower(model: &mut EncoderModel, block: usize, rank: usize, random: &mut Random) {
    let mut linear = |inputs, outputs| crate::support::linear(random, inputs, outputs, 1.0);
    let (width, block) = (model.config.width, &mut model.blocks[block]);
    let inner = block.heads.len() * model.config.head_dim;
    block.reduce = Some(linear(width, 3 * rank));
    (block.query, block.key, block.value) = (linear(rank, inner), Some(linear(rank, inner)), linear(rank, inner));
}

/// Reduced rows may be longer than the model is wide: one more value to each part, which weighs nothing, changes
/// nothing.
#[test]
fn rows_longer_than_the_width() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let mut model = random_model(seed, wide_heads(Softmax::Wide), None);
        let Config { width, inputs, positions, .. } = model.config;
        for block in 0..3 {
            lower(&mut model, block, 2, &mut random);
        }
        let short = Model::load(&model.to_bytes().unwrap()).unwrap();
        for block in &mut model.blocks {
            let reduce = block.reduce.as_mut().unwrap();
            reduce.weights =
                reduce.weights.chunks(2 * width).flat_map(|part| [part, &vec![99; width]].concat()).collect();
            reduce.channels = reduce.channels.chunks(2).flat_map(|part| [part[0], part[1], part[0]]).collect();
            for layer in [&mut block.query, block.key.as_mut().unwrap(), &mut block.value] {
                layer.weights = layer.weights.chunks(2).flat_map(|row| [row[0], row[1], 0]).collect();
            }
        }
        assert_eq!(model.blocks[0].rank(), Some(3));
        let long = Model::load(&model.to_bytes().unwrap()).unwrap();
        let features = random.i8s(positions * inputs, 127);
        assert_eq!(long.infer(&features), short.infer(&features));
    }
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
    let damaged = &all_kinds(Softmax::Wide).to_bytes().unwrap()[..100];
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
    assert_eq!(tags(&all_kinds(Softmax::Wide)), ["BLCK", "BLKV", "BLKV", "BLKV", "BLKV"]);
    assert_eq!(tags(&random_model(3, wide_heads(Softmax::Wide), None)), ["BLCK"; 3]);
}

/// Blocks of all kinds count in the order of the file.
#[test]
fn order_of_the_blocks() {
    let mut model = all_kinds(Softmax::Wide);
    model.blocks.rotate_right(1);
    let words = to_words(&model.to_bytes().unwrap());
    let file = File::open(&words).unwrap();
    let heads = |i| file.block(&model.config, i).map(|block| block.attention.head_scales.len());
    assert_eq!([heads(0), heads(1), heads(2), heads(3), heads(4)], [Ok(1), Ok(2), Ok(1), Ok(0), Ok(2)]);
    let ranks: Vec<_> = model.blocks.iter().map(|block| block.rank()).collect();
    assert_eq!(ranks, [Some(3), None, None, None, Some(2)]);
    assert_eq!(heads(5), Err(Error::Missing { section: "encoder block", expected: 6, found: 5 }));
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
    let rank_2 = 3 * 2 * (6 + 14) + 14 * 6 + 5 * 2 * 14;
    let rank_3 = 3 * 3 * (6 + 7) + 7 * 6 + 5 * 2 * 7;
    let mut model = all_kinds(Softmax::Wide);
    assert_eq!(macs(&model), ends + 5 * (all + fused + rank_2 + rank_3 + 5 * hidden));
    // Nothing is reduced for no heads.
    model.blocks[4] = model.blocks[2].clone();
    lower(&mut model, 4, 3, &mut Random(1));
    assert_eq!(macs(&model), ends + 5 * (all + fused + rank_2 + 5 * hidden));
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
        assert_eq!(whole.infer_without(Input::Features(&features), &off), silenced.infer(&features));
        assert_eq!(whole.infer_without(Input::Features(&features), &[]), whole.infer(&features));
        // More heads than a word has bits, and heads that are not there.
        assert_eq!(whole.infer_without(Input::Features(&features), &[(0, 64), (9, 0)]), whole.infer(&features));
    }
}

heedful::model!(Variants = "../models/variants.heed");

/// The compiled-in model computes the same; `HEEDFUL_BLESS=1` writes the committed file anew.
#[test]
fn compiled_in() {
    let bytes = all_kinds(Softmax::Wide).to_bytes().unwrap();
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

/// Why a file is refused after setting one word of one of its variants.
fn refusal_of(variant: usize, word: usize, value: u32) -> Error {
    let mut words = to_words(&all_kinds(Softmax::Wide).to_bytes().unwrap());
    let at = section(&words, b"BLKV", variant).start + word;
    words[at] = value;
    seal(&mut words);
    Model::load(&to_bytes(&words)).err().unwrap()
}

#[test]
fn out_of_bounds() {
    for value in [3, u32::MAX] {
        let (what, allowed) = ("heads of a block", Allowed::Between(0, 2));
        assert_eq!(refusal_of(0, 0, value), Error::Shape { what, allowed, found: value as usize });
    }
    for value in [3, u32::MAX] {
        let (what, allowed) = ("kind of a block", Allowed::Between(0, 2));
        assert_eq!(refusal_of(0, 1, value), Error::Shape { what, allowed, found: value as usize });
    }
    for value in [0, 7, u32::MAX / 3 + 1, u32::MAX] {
        let (what, allowed) = ("rank of a block", Allowed::Between(1, 6));
        assert_eq!(refusal_of(2, 2, value), Error::Shape { what, allowed, found: value as usize });
    }
    // A rank within its bounds that is not the block's: what follows does not fit.
    for value in [1, 3, 6] {
        let error = refusal_of(2, 2, value);
        assert!(matches!(error, Error::Scale { .. } | Error::Truncated { .. }), "{error:?}");
    }
    // A scale of the reduction, after the words of the kind, the norm, the heads and 6 rows of 2 words.
    let (what, allowed) = ("scale of an output channel", "2^-32 up to, but not, 1/4");
    assert_eq!(refusal_of(2, 3 + 7 + 4 + 12 + 1, 0), Error::Scale { what, found: 0, allowed });
    // Fused weights of heads narrower than the model: not written, either.
    let mut narrow = all_kinds(Softmax::Wide);
    narrow.config.head_dim = 5;
    narrow.blocks.truncate(3);
    narrow.config.layers = 3;
    for (i, block) in narrow.blocks.iter_mut().enumerate() {
        let (inner, random) = (block.heads.len() * 5, &mut Random(i as u64));
        let mut linear = |inputs, outputs| crate::support::linear(random, inputs, outputs, 1.0);
        (block.value, block.output) = (linear(6, inner), linear(inner, 6));
        if block.key.is_some() {
            (block.query, block.key) = (linear(6, inner), Some(linear(6, inner)));
        }
    }
    let (what, allowed) = ("width of a block with fused query-key weights", Allowed::Between(1, 5));
    assert_eq!(narrow.to_bytes().err(), Some(Error::Shape { what, allowed, found: 6 }));
}

#[test]
fn cut_anywhere() {
    let words = to_words(&all_kinds(Softmax::Wide).to_bytes().unwrap());
    let blocks = section(&words, b"BLKV", 0).start..section(&words, b"BLKV", 3).end;
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
    let changes: [Change; 13] = [
        |m| _ = m.blocks[1].heads.pop(),
        |m| m.blocks[0].heads.extend_from_within(..1),
        |m| _ = m.blocks[1].query.channels.pop(),
        |m| m.blocks[1].key = Some(m.blocks[1].value.clone()),
        |m| m.blocks[2].output.weights.push(0),
        |m| m.blocks[2].value = m.blocks[1].value.clone(),
        |m| m.blocks[3].key = None,
        |m| m.blocks[3].reduce = None,
        |m| m.blocks[0].reduce = m.blocks[3].reduce.clone(),
        |m| m.blocks[3].query = m.blocks[0].query.clone(),
        |m| _ = m.blocks[3].reduce.as_mut().unwrap().channels.pop(),
        |m| _ = m.blocks[3].reduce.as_mut().unwrap().weights.pop(),
        |m| lower(m, 3, 7, &mut Random(1)),
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut model = all_kinds(Softmax::Wide);
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
        let mut words = to_words(&all_kinds(Softmax::Wide).to_bytes().unwrap());
        for _ in 0..count {
            let at = random.int(4, words.len() as i64 - 1) as usize;
            words[at] = if small { random.int(-2, 20) as u32 } else { random.next() as u32 };
        }
        seal(&mut words);
        if let Ok(model) = Model::load(&to_bytes(&words)) {
            let c = *model.shape();
            let features: Vec<i8> = (0..c.positions * c.inputs).map(|_| random.next() as i8).collect();
            prop_assert_eq!(model.infer(&features).logits().len(), c.outputs);
            let without = model.infer_without(Input::Features(&features), &[(0, 0), (1, 0)]);
            prop_assert_eq!(without.logits().len(), c.outputs);
            let _ = model.macs();
        }
    }
}
