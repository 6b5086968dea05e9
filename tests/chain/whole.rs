//! Chains that are right, to be made wrong.

use crate::reference::features;
use crate::support::{Random, linear, norm, seal, to_bytes, to_words};
use heedful::audio::{Params, Tables};
use heedful::bytemuck::cast_slice;
use heedful::dynamic::Model;
use heedful::format::write::{
    AttentionModel, ChainModel, ChannelModel, InputModel, LinearModel, PartModel, PatternModel,
};
use heedful::format::{OutputKind, Softmax};
use heedful::{
    Allowed, Channel, Error, HeadScale, MemoryShape, NormChannel, Pairing, Patches, PoolKind, ResidualScale, Scale,
    Steepness, Window,
};
use std::ops::Range;

pub const WIDTH: usize = 6;
pub const HEADS: usize = 2;
pub const HEAD_DIM: usize = 4;
pub const HIDDEN: usize = 5;

pub fn scale(x: f64) -> Scale {
    Scale::from_real(x).unwrap()
}

pub fn attention(random: &mut Random, pattern: PatternModel, kind: u32) -> PartModel {
    let (inner, rank) = (HEADS * HEAD_DIM, 3);
    let inputs = if kind == 2 { rank } else { WIDTH };
    let head = HeadScale::new(Steepness::from_real(0.001).unwrap(), scale(1.0 / 256.0)).unwrap();
    PartModel::Attention(AttentionModel {
        heads: vec![head; HEADS],
        key_heads: HEADS,
        head_dim: HEAD_DIM,
        reduce: (kind == 2).then(|| linear(random, WIDTH, 3 * rank, 1.0)),
        query: linear(random, inputs, if kind == 1 { HEADS * WIDTH } else { inner }, 1.0),
        key: (kind != 1).then(|| linear(random, inputs, inner, 1.0)),
        value: linear(random, inputs, inner, 1.0),
        output: linear(random, inner, WIDTH, 1.0),
        pattern,
        memory: None,
    })
}

/// All parts of a model of features of 15 bits; those that only tokens or sound have are in others.
pub fn complete() -> ChainModel {
    let random = &mut Random(1);
    let r = &mut *random;
    let (steps, columns, channels, class_tokens) = (4, 3, 2, 1);
    let patches =
        Patches { input: [steps, columns, channels], kernel: [2, 2], stride: [2, 1], padding: [0, 1], zero: 0 };
    let count = patches.total() + class_tokens;
    let layer = linear(r, patches.values(), WIDTH, 1.0);
    let fine = vec![Channel { bias: 0, scale: scale(0.001) }; WIDTH];
    let plain = |r: &mut Random| PartModel::Norm { norm: norm(r, WIDTH), rms: false, carry: None };
    let channel = NormChannel::from_real(1.0, 0.0).unwrap();
    let carry = Some((vec![channel; WIDTH], scale(0.001)));
    let [expand, gate, up] = [(); 3].map(|()| linear(r, WIDTH, HIDDEN, 1.0));
    let [contract, down] = [(); 2].map(|()| linear(r, HIDDEN, WIDTH, 1.0));
    let pattern = PatternModel {
        causal: true,
        windows: vec![Window::back(2); HEADS],
        slopes: vec![5; HEADS],
        relative: Some((3, vec![1; 3 * HEADS])),
        rope: Some((Pairing::Halves, vec![9])),
    };
    ChainModel {
        softmax: Softmax::Wide,
        input: features(steps, columns, true, channels),
        parts: vec![
            PartModel::Positions { count, width: WIDTH, class_tokens, values: vec![3; count * WIDTH] },
            PartModel::Stem { class_tokens, patches, layer, fine },
            plain(r),
            attention(r, pattern, 0),
            PartModel::Norm { norm: norm(r, WIDTH), rms: true, carry },
            PartModel::FeedForward { expand: expand.clone(), activation: [0; 256], contract: contract.clone() },
            PartModel::Rows(vec![Channel { bias: 1, scale: scale(0.1) }; WIDTH]),
            PartModel::FineFeedForward { expand, table: [0; 258], contract },
            PartModel::Residual { width: WIDTH, scale: ResidualScale::from_word(256).unwrap() },
            attention(r, PatternModel::default(), 1),
            attention(r, PatternModel::default(), 2),
            PartModel::Gated { gate, up, table: [0; 256], product: scale(0.0001), down, hidden15: true },
            plain(r),
            PartModel::Dense { layer: linear(r, WIDTH, 7, 1.0), activation: Some([0; 256]) },
            PartModel::Pool { width: 7, kind: PoolKind::Mean, count, scale: scale(0.05) },
            output(7, Some(linear(r, 7, 3, 1.0))),
        ],
        labels: vec![],
        unit: String::new(),
        tokens: vec![],
    }
}

/// The shape of the memory of [`remembering`].
pub const MEMORY: MemoryShape = MemoryShape { steps: 4, channels: 3 };

fn to_memory(random: &mut Random) -> PartModel {
    let inner = HEADS * HEAD_DIM;
    let PartModel::Attention(own) = attention(random, PatternModel::default(), 0) else { unreachable!() };
    let [key, value] = [(); 2].map(|()| linear(random, MEMORY.channels, inner, 1.0));
    PartModel::Attention(AttentionModel { key: Some(key), value, memory: Some(MEMORY), ..own })
}

/// Readings of 15 bits through a full and a depthwise convolution, attention to a memory, pooling by weights.
pub fn remembering() -> ChainModel {
    let random = &mut Random(3);
    let r = &mut *random;
    let (kernel, stride) = ([3, 1], [1, 1]);
    let patches = |input, padding| Patches { input, kernel, stride, padding, zero: -3 };
    let (first, second) = (patches([8, 1, 2], [1, 0]), patches([8, 1, 4], [0, 0]));
    let table = [0; 258];
    let (full, each) = (linear(r, first.values(), 4, 1.0), linear(r, 3, 8, 1.0));
    let fine = vec![Channel { bias: 0, scale: scale(0.001) }; 4];
    let stem = Patches::of_series(6, 8, 1);
    let layer = linear(r, 8, WIDTH, 1.0);
    let head = HeadScale::new(Steepness::from_real(0.001).unwrap(), scale(1.0 / 256.0)).unwrap();
    let reading = Some(Channel { bias: 5, scale: scale(0.01) });
    let channels = vec![ChannelModel { reading, ..ChannelModel::of_unit(1.0) }; 2];
    ChainModel {
        input: InputModel::Features { steps: 8, columns: 1, fine: true, millihertz: 62_500, channels },
        parts: vec![
            PartModel::Memory { steps: MEMORY.steps, channels: vec![(0.0, 1.0); MEMORY.channels] },
            PartModel::Convolution { patches: first, depthwise: false, layer: full, fine, table },
            PartModel::Convolution { patches: second, depthwise: true, layer: each, fine: vec![], table },
            PartModel::Positions { count: 6, width: WIDTH, class_tokens: 0, values: vec![] },
            PartModel::Stem { class_tokens: 0, patches: stem, layer, fine: vec![] },
            PartModel::Rows(vec![Channel { bias: 1, scale: scale(0.1) }; WIDTH]),
            to_memory(r),
            PartModel::WeightedPool { layer: linear(r, WIDTH, 1, 1.0), scale: head },
            output(WIDTH, None),
        ],
        ..complete()
    }
}

/// The names of its parts.
pub const REMEMBERING: [&str; 9] = [
    "memory",
    "convolution",
    "convolution",
    "positions",
    "stem",
    "rows of the residual stream",
    "attention",
    "pooling",
    "output",
];

/// Tokens with types, and an output that is tied to their embedding.
pub fn of_typed_tokens() -> ChainModel {
    let mut chain = of_tokens();
    let values = vec![3; 2 * WIDTH];
    chain.parts.insert(2, PartModel::TokenTypes { class_tokens: 1, width: WIDTH, values });
    let logit = Steepness::from_real(0.001).unwrap();
    chain.parts[4] = PartModel::TiedOutput { width: WIDTH, outputs: 9, logit, step: 1.0 };
    chain
}

pub fn output(width: usize, layer: Option<LinearModel>) -> PartModel {
    let logit = Steepness::from_real(0.001).unwrap();
    PartModel::Output { width, kind: OutputKind::Classes, logit, step: 1.0, layer }
}

pub fn of_tokens() -> ChainModel {
    let (positions, vocabulary, class_tokens) = (5, 9, 1);
    let layer = linear(&mut Random(2), WIDTH, vocabulary, 1.0);
    let count = positions + class_tokens;
    ChainModel {
        input: InputModel::Tokens { positions, vocabulary },
        parts: vec![
            PartModel::Positions { count, width: WIDTH, class_tokens, values: vec![] },
            PartModel::Embedding { class_tokens, factor: 7, layer },
            PartModel::Rows(vec![Channel { bias: 1, scale: scale(0.1) }; WIDTH]),
            output(WIDTH, None),
        ],
        ..complete()
    }
}

pub fn of_sound() -> ChainModel {
    let params = Params { bands: 3, low_hz: 100, ..Params::DEFAULT };
    let (frames, patches) = (4, Patches::of_series(4, 3, 1));
    let layer = linear(&mut Random(2), 3, WIDTH, 1.0);
    ChainModel {
        input: InputModel::Audio { frames, is_picture: false, tables: Tables::design(params).unwrap() },
        parts: vec![
            PartModel::Positions { count: frames, width: WIDTH, class_tokens: 0, values: vec![] },
            PartModel::Stem { class_tokens: 0, patches, layer, fine: vec![] },
            PartModel::Rows(vec![Channel { bias: 1, scale: scale(0.1) }; WIDTH]),
            output(WIDTH, None),
        ],
        ..complete()
    }
}

pub fn file(chain: &ChainModel) -> Vec<u32> {
    to_words(&chain.to_bytes().unwrap())
}

/// Where the sections of a file are, tags and lengths included.
pub fn sections(words: &[u32]) -> Vec<Range<usize>> {
    let (mut at, mut sections) = (4, Vec::new());
    while at < words.len() {
        let end = at + 2 + words[at + 1] as usize;
        sections.push(at..end);
        at = end;
    }
    sections
}

/// Why words are refused once their length and checksum are right: by both doors alike.
#[track_caller]
pub fn refusal(mut words: Vec<u32>) -> Error {
    seal(&mut words);
    let error = Model::load(&to_bytes(&words)).expect_err("this is wrong");
    assert_eq!(heedful::Model::load(cast_slice(&words), &mut []).err(), Some(error));
    assert_eq!(heedful::Model::memory(cast_slice(&words)), Err(error));
    // What it says fits its message.
    assert!(!error.to_string().is_empty());
    error
}

/// The names of its parts.
pub const NAMES: [&str; 16] = [
    "positions",
    "stem",
    "norm",
    "attention",
    "norm",
    "feed-forward layers",
    "rows of the residual stream",
    "feed-forward layers of fine arguments",
    "residual stream of the rows",
    "attention",
    "attention",
    "gated feed-forward layers",
    "norm",
    "dense layer",
    "pooling",
    "output",
];

/// What is said of a part that is wider than the residual stream.
pub const OTHER_WIDTH: (&str, Allowed) = ("width of the residual stream", Allowed::Exactly(WIDTH));
