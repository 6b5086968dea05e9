//! Language models made by hand.

use crate::made::layer;
use heedful::dynamic::Decoder;
use heedful::format::write::{AttentionModel, ChainModel, InputModel, LinearModel, PartModel, PatternModel};
use heedful::format::{OutputKind, Softmax};
use heedful::{Channel, HeadScale, Scale, Steepness};
use heedful_lab::augment::draw;
use rand::RngExt;

/// Tokens of the vocabulary, each with a value of the residual stream for itself, and one for "it came before".
pub const TOKENS: usize = 24;
const WIDTH: usize = 2 * TOKENS;
const HEADS: usize = 2;
/// Positions that the models have.
pub const POSITIONS: usize = 40;

/// Where a head's query, key and value come from, and where its values go: the token itself (0), the one before
/// (`TOKENS`), or nothing; and what it adds to scores of keys one position back, and of the query's own.
#[derive(Clone, Copy, Default)]
struct Head {
    query: Option<usize>,
    key: Option<usize>,
    to: Option<usize>,
    biases: [i32; 2],
}

fn attention(heads: [Head; HEADS]) -> AttentionModel {
    let (mut query, mut key, mut value, mut output) = (vec![], vec![], vec![], vec![]);
    for (at, head) in heads.iter().enumerate() {
        for token in 0..TOKENS {
            let row = at * TOKENS + token;
            query.extend(head.query.map(|from| (row, from + token, 100)));
            key.extend(head.key.map(|from| (row, from + token, 100)));
            value.push((row, token, 100));
            output.extend(head.to.map(|to| (to + token, row, 64)));
        }
    }
    let biases = heads.iter().flat_map(|head| [0, head.biases[0], head.biases[1], 0]).collect();
    let rows = HEADS * TOKENS;
    AttentionModel {
        heads: vec![HeadScale::from_real(0.001, 1.0).unwrap(); HEADS],
        key_heads: HEADS,
        head_dim: TOKENS,
        reduce: None,
        query: layer([rows, WIDTH], 0.01, &query, &[]),
        key: Some(layer([rows, WIDTH], 0.01, &key, &[])),
        value: layer([rows, WIDTH], 0.01, &value, &[]),
        output: layer([WIDTH, rows], 0.24, &output, &[]),
        pattern: PatternModel { causal: true, relative: Some((4, biases)), ..PatternModel::default() },
        memory: None,
    }
}

fn write(blocks: Vec<AttentionModel>, softmax: Softmax) -> Decoder {
    let one_hot: Vec<_> = (0..TOKENS).map(|token| (token, token, 100)).collect();
    let rows = || PartModel::Rows(vec![Channel { bias: 0, scale: Scale::from_real(1.0 / 16.0).unwrap() }; WIDTH]);
    let mut parts = vec![
        PartModel::Positions { count: POSITIONS, width: WIDTH, class_tokens: 0, values: vec![] },
        PartModel::Embedding { class_tokens: 0, factor: 66, layer: layer([TOKENS, WIDTH], 0.24, &one_hot, &[]) },
    ];
    blocks.into_iter().for_each(|attention| parts.extend([rows(), PartModel::Attention(attention)]));
    parts.extend([
        rows(),
        PartModel::Output {
            width: WIDTH,
            kind: OutputKind::NextToken,
            logit: Steepness::from_real(0.001).unwrap(),
            step: 0.001,
            layer: Some(layer([TOKENS, WIDTH], 0.24, &one_hot, &[])),
        },
    ]);
    let input = InputModel::Tokens { positions: POSITIONS, vocabulary: TOKENS };
    let chain = ChainModel { softmax, input, parts, labels: vec![], unit: String::new(), tokens: vec![] };
    Decoder::load(&chain.to_bytes().unwrap()).unwrap()
}

/// 0.0 looks at the token before and says it, 0.1 at earlier places of the own token; 1.0 looks where the token before
/// is the own one, 1.1 at all alike.
pub fn planted(softmax: Softmax) -> Decoder {
    let previous = Head { to: Some(TOKENS), biases: [12_000, 0], ..Head::default() };
    let duplicate = Head { query: Some(0), key: Some(0), to: None, biases: [0, -12_000] };
    let induction = Head { query: Some(0), key: Some(TOKENS), ..Head::default() };
    write(vec![attention([previous, duplicate]), attention([induction, Head::default()])], softmax)
}

/// Weights by chance, in the same shape.
pub fn random(seed: u64) -> Decoder {
    let draw = &mut draw(seed, 3, 1);
    let mut block = attention([Head::default(); HEADS]);
    let mut mix = |layer: &mut LinearModel, scale: f64| {
        layer.weights.iter_mut().for_each(|weight| *weight = draw.random_range(-100..=100));
        let scale = Scale::from_real(scale).unwrap();
        layer.channels.iter_mut().for_each(|channel| channel.scale = scale);
    };
    let mut blocks = vec![];
    for _ in 0..2 {
        mix(&mut block.query, 0.005);
        mix(block.key.as_mut().unwrap(), 0.005);
        mix(&mut block.value, 0.005);
        mix(&mut block.output, 0.05);
        blocks.push(block.clone());
    }
    write(blocks, Softmax::Wide)
}

/// Nothing attends.
pub fn without_heads() -> Decoder {
    write(vec![], Softmax::Wide)
}
