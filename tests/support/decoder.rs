//! Language models with random weights, and the same in f64: the weights are the dequantised ones, the activations
//! floats of their own.
#![allow(dead_code)]

use crate::support::Random;
use heedful::format::Softmax;
use heedful::format::write::{DecoderBlockModel, DecoderModel, LinearModel, NormModel, TokenModel};
use heedful::{Channel, HeadScale, NormChannel, Pairing, Scale, Steepness, gate_table, silu};
use std::collections::BTreeMap;

/// A linear layer: int8 weights `[outputs][inputs]` with a scale per row, biases in real numbers.
#[derive(Clone)]
pub struct Dense {
    pub weights: Vec<i8>,
    pub scales: Vec<f64>,
    pub biases: Vec<f64>,
    pub inputs: usize,
}

impl Dense {
    /// From inputs of variance 1 to outputs of a standard deviation of some `gain`.
    pub fn random(random: &mut Random, inputs: usize, outputs: usize, gain: f64, bias: f64) -> Self {
        let scale = gain / (73.0 * (inputs as f64).sqrt());
        Self {
            weights: random.i8s(inputs * outputs, 127),
            scales: (0..outputs).map(|_| scale * (0.7 + 0.6 * random.uniform())).collect(),
            biases: (0..outputs).map(|_| bias * (2.0 * random.uniform() - 1.0)).collect(),
            inputs,
        }
    }

    pub fn apply(&self, x: &[f64]) -> Vec<f64> {
        assert_eq!(x.len(), self.inputs);
        let rows = self.weights.chunks(self.inputs).zip(&self.scales).zip(&self.biases);
        rows.map(|((row, scale), bias)| scale * row.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum::<f64>() + bias)
            .collect()
    }

    pub fn widest(&self) -> f64 {
        self.scales.iter().copied().fold(0.0, f64::max)
    }

    /// From inputs of one scale to outputs of another.
    pub fn quantised(&self, from: f64, to: f64) -> LinearModel {
        let channel = |(&scale, &bias): (&f64, &f64)| Channel {
            bias: (bias / (from * scale)).round() as i32,
            scale: Scale::from_real(from * scale / to).unwrap(),
        };
        LinearModel {
            weights: self.weights.clone(),
            channels: self.scales.iter().zip(&self.biases).map(channel).collect(),
        }
    }
}

/// Gains of an RMSNorm in real numbers.
pub fn gains(random: &mut Random, width: usize) -> Vec<f64> {
    (0..width).map(|_| 0.7 + 0.6 * random.uniform()).collect()
}

pub fn rms_norm(x: &[f64], gains: &[f64]) -> Vec<f64> {
    let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
    x.iter().zip(gains).map(|(x, gain)| x / (mean + EPSILON).sqrt() * gain).collect()
}

pub const EPSILON: f64 = 1e-5;

pub fn norm_model(gains: &[f64], to: f64, residual: f64) -> NormModel {
    let channels = gains.iter().map(|gain| NormChannel::from_real(gain / to, 0.0).unwrap()).collect();
    NormModel { channels, epsilon: ((EPSILON / residual / residual).round() as u32).clamp(1, 1 << 20) }
}

/// The largest magnitude of each tensor, by layer and name.
#[derive(Default)]
pub struct Ranges(BTreeMap<(usize, &'static str), f64>);

impl Ranges {
    pub fn see(&mut self, layer: usize, name: &'static str, x: &[f64]) {
        let largest = self.0.entry((layer, name)).or_default();
        *largest = x.iter().fold(*largest, |m, x| m.max(x.abs()));
    }

    pub fn of(&self, layer: usize, name: &'static str) -> f64 {
        self.0[&(layer, name)]
    }

    /// Scale of an int8 tensor. Rounded up to few bits, so that the last bits of a library's functions do not show.
    pub fn scale(&self, layer: usize, name: &'static str) -> f64 {
        coarse(self.of(layer, name) / 127.0)
    }
}

/// The next number of eight significant bits.
pub fn coarse(x: f64) -> f64 {
    let mut unit = 1.0;
    while x < 128.0 * unit {
        unit /= 2.0;
    }
    while x >= 256.0 * unit {
        unit *= 2.0;
    }
    (x / unit).ceil() * unit
}

#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub tokens: usize,
    pub width: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub hidden: usize,
    pub layers: usize,
    pub softmax: Softmax,
    pub pairing: Pairing,
    pub pairs: usize,
}

impl Shape {
    /// The product of a query and a key over that of the two as they meet.
    fn share(&self) -> f64 {
        if self.pairing == Pairing::Folded { 0.5 } else { 1.0 }
    }
}

/// The shape of `tests/fixtures/tiny_decoder.heed`.
pub const TINY: Shape = Shape {
    tokens: 300,
    width: 20,
    heads: 4,
    kv_heads: 2,
    head_dim: 6,
    hidden: 18,
    layers: 2,
    softmax: Softmax::Wide,
    pairing: Pairing::Interleaved,
    pairs: 3,
};

/// The shape of `tests/models/narrow_decoder.heed`: too few tokens for a tokenizer, and little else.
pub const SMALL: Shape = Shape {
    tokens: 7,
    width: 6,
    heads: 2,
    kv_heads: 1,
    head_dim: 4,
    hidden: 5,
    layers: 1,
    softmax: Softmax::Narrow,
    pairing: Pairing::Halves,
    pairs: 1,
};

pub struct Block {
    attention_norm: Vec<f64>,
    query: Dense,
    key: Dense,
    value: Dense,
    output: Dense,
    hidden_norm: Vec<f64>,
    gate: Dense,
    up: Dense,
    down: Dense,
}

/// The float model.
pub struct Decoder {
    pub shape: Shape,
    embedding: Dense,
    frequencies: Vec<u32>,
    blocks: Vec<Block>,
    norm: Vec<f64>,
}

/// Rotated keys and values of all positions so far, by layer.
#[derive(Clone, Default)]
pub struct History(Vec<Vec<(Vec<f64>, Vec<f64>)>>);

impl Decoder {
    pub fn random(seed: u64, shape: Shape) -> Self {
        let mut random = Random(seed);
        let r = &mut random;
        let Shape { width, heads, kv_heads, head_dim, hidden, .. } = shape;
        let all: [u32; 16] = heedful::frequencies(10_000.0);
        let every = (all.len() / shape.pairs.max(1)).max(1);
        Self {
            embedding: Dense::random(r, width, shape.tokens, (width as f64).sqrt(), 0.0),
            frequencies: all.iter().copied().step_by(every).take(shape.pairs).collect(),
            blocks: (0..shape.layers)
                .map(|_| Block {
                    attention_norm: gains(r, width),
                    query: Dense::random(r, width, heads * head_dim, 1.3, 0.3),
                    key: Dense::random(r, width, kv_heads * head_dim, 1.3, 0.3),
                    value: Dense::random(r, width, kv_heads * head_dim, 1.0, 0.1),
                    output: Dense::random(r, heads * head_dim, width, 1.5, 0.1),
                    hidden_norm: gains(r, width),
                    gate: Dense::random(r, width, hidden, 1.3, 0.2),
                    up: Dense::random(r, width, hidden, 1.0, 0.2),
                    down: Dense::random(r, hidden, width, 2.0, 0.1),
                })
                .collect(),
            norm: gains(r, width),
            shape,
        }
    }

    /// The row of a token; zeros for a token that there is not.
    fn embed(&self, token: usize) -> Vec<f64> {
        let width = self.shape.width;
        let Some(scale) = self.embedding.scales.get(token) else { return vec![0.0; width] };
        self.embedding.weights[token * width..][..width].iter().map(|&w| f64::from(w) * scale).collect()
    }

    fn rotate(&self, x: &mut [f64], position: usize) {
        for head in x.chunks_mut(self.shape.head_dim) {
            for (i, &frequency) in self.frequencies.iter().enumerate() {
                let (a, b) = match self.shape.pairing {
                    Pairing::Interleaved | Pairing::Folded => (2 * i, 2 * i + 1),
                    Pairing::Halves => (i, i + self.shape.pairs),
                };
                let turns = f64::from(frequency) / 4_294_967_296.0 * position as f64;
                let (sin, cos) = (turns.fract() * std::f64::consts::TAU).sin_cos();
                (head[a], head[b]) = (head[a] * cos - head[b] * sin, head[a] * sin + head[b] * cos);
            }
            if self.shape.pairing == Pairing::Folded {
                for a in 0..self.shape.pairs {
                    let b = 2 * self.shape.pairs - 1 - a;
                    (head[a], head[b]) = (head[a] + head[b], head[a] - head[b]);
                }
            }
        }
    }

    /// Takes in a token after those in `history`, looking at the last `context` positions; gives the logits.
    pub fn step(&self, token: usize, history: &mut History, context: usize, ranges: &mut Ranges) -> Vec<f64> {
        let Shape { heads, kv_heads, head_dim, .. } = self.shape;
        history.0.resize(self.blocks.len(), Vec::new());
        let mut residual = self.embed(token);
        let add = |residual: &mut Vec<f64>, x: Vec<f64>| residual.iter_mut().zip(x).for_each(|(r, x)| *r += x);
        for ((layer, block), kept) in self.blocks.iter().enumerate().zip(&mut history.0) {
            let mut see = |name, x: &[f64]| ranges.see(layer, name, x);
            see("residual", &residual);
            let x = rms_norm(&residual, &block.attention_norm);
            see("normed", &x);
            let [mut query, mut key, value] = [&block.query, &block.key, &block.value].map(|layer| layer.apply(&x));
            self.rotate(&mut query, kept.len());
            self.rotate(&mut key, kept.len());
            see("query", &query);
            see("key", &key);
            see("value", &value);
            kept.push((key, value));
            let recent = &kept[kept.len().saturating_sub(context)..];
            let mut attended = Vec::new();
            for (h, query) in query.chunks(head_dim).enumerate() {
                let group = h * kv_heads / heads * head_dim;
                let score = |key: &[f64]| {
                    let dot: f64 = query.iter().zip(&key[group..]).map(|(q, k)| q * k).sum();
                    dot * self.shape.share() / (head_dim as f64).sqrt()
                };
                let scores: Vec<f64> = recent.iter().map(|(key, _)| score(key)).collect();
                let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let weights: Vec<f64> = scores.iter().map(|s| (s - max).exp()).collect();
                let sum: f64 = weights.iter().sum();
                for d in 0..head_dim {
                    attended.push(weights.iter().zip(recent).map(|(w, (_, v))| w * v[group + d]).sum::<f64>() / sum);
                }
            }
            see("attended", &attended);
            add(&mut residual, block.output.apply(&attended));
            see("residual", &residual);
            let x = rms_norm(&residual, &block.hidden_norm);
            see("hidden normed", &x);
            let (gate, up) = (block.gate.apply(&x), block.up.apply(&x));
            see("gate", &gate);
            see("up", &up);
            let hidden: Vec<f64> = gate.iter().zip(&up).map(|(&g, u)| silu(g) * u).collect();
            see("hidden", &hidden);
            add(&mut residual, block.down.apply(&hidden));
            see("residual", &residual);
        }
        let x = rms_norm(&residual, &self.norm);
        ranges.see(0, "final", &x);
        let logits = self.embedding.apply(&x);
        ranges.see(0, "logits", &logits);
        logits
    }

    /// Text of any tokens.
    pub fn text(&self, random: &mut Random, length: usize) -> Vec<usize> {
        (0..length).map(|_| random.int(0, self.shape.tokens as i64 - 1) as usize).collect()
    }

    /// In integers, with scales for a text of `length` random tokens; and the scale of the logits.
    pub fn quantise(&self, length: usize) -> (DecoderModel, f64) {
        let Shape { heads, kv_heads, head_dim, pairs, .. } = self.shape;
        let mut ranges = Ranges::default();
        let mut history = History::default();
        for token in self.text(&mut Random(77), length) {
            self.step(token, &mut history, usize::MAX, &mut ranges);
        }
        let layers = 0..self.blocks.len();
        // Twice what was seen, and as coarse as the products that are added need it.
        let mut residual = layers.map(|layer| ranges.of(layer, "residual")).fold(0.0, f64::max) * 2.0 / 32767.0;
        for (layer, block) in self.blocks.iter().enumerate() {
            residual = residual.max(4.05 * ranges.scale(layer, "attended") * block.output.widest());
            residual = residual.max(4.05 * ranges.scale(layer, "hidden") * block.down.widest());
        }
        let residual = coarse(residual);
        let last = ranges.scale(0, "final");
        let unit =
            (ranges.of(0, "logits") / 30_000.0 / (last * residual)).max(4.05 * self.embedding.widest() / residual);
        let kappa = coarse(unit.ceil()) as u32;
        let logit = f64::from(kappa) * last * residual;

        let block = |(layer, block): (usize, &Block)| {
            let names = ["normed", "query", "key", "value", "attended", "hidden normed", "gate", "up", "hidden"];
            let [normed, mut query, mut key, value, attended, hidden_normed, gate, up, hidden] =
                names.map(|name| ranges.scale(layer, name));
            // Queries and keys that are rotated have 64 steps to one.
            let finer = if pairs > 0 { 64.0 } else { 1.0 };
            query = query.max(coarse(4.05 * finer * normed * block.query.widest()));
            key = key.max(coarse(4.05 * finer * normed * block.key.widest()));
            let c = std::f64::consts::LOG2_E / (head_dim as f64).sqrt() * query * key * self.shape.share();
            let table = coarse((0..256).map(|q| silu(f64::from(q - 128) * gate).abs()).fold(0.0, f64::max) / 32767.0);
            DecoderBlockModel {
                attention_norm: norm_model(&block.attention_norm, normed, residual),
                heads: vec![HeadScale::from_real(c, value / attended).unwrap(); heads],
                query: block.query.quantised(normed, query / finer),
                key: block.key.quantised(normed, key / finer),
                value: block.value.quantised(normed, value),
                output: block.output.quantised(attended, residual),
                hidden_norm: norm_model(&block.hidden_norm, hidden_normed, residual),
                gate: block.gate.quantised(hidden_normed, gate),
                up: block.up.quantised(hidden_normed, up),
                table: gate_table(silu, gate, table),
                product: Scale::from_real(table * up / hidden).unwrap(),
                down: block.down.quantised(hidden, residual),
                // Every other block, if the scale allows it.
                hidden15: layer % 2 == 1 && table * up / hidden < 0.001,
            }
        };
        let model = DecoderModel {
            heads,
            kv_heads,
            head_dim,
            softmax: self.shape.softmax,
            pairing: self.shape.pairing,
            frequencies: self.frequencies.clone(),
            embedding: self.embedding.quantised(last, logit),
            kappa,
            blocks: self.blocks.iter().enumerate().map(block).collect(),
            norm: norm_model(&self.norm, last, residual),
            logit: Steepness::from_real(std::f64::consts::LOG2_E * logit).unwrap(),
            tokens: if self.shape.tokens >= 259 { vocabulary(self.shape.tokens) } else { Vec::new() },
        };
        (model, logit)
    }
}

/// Three tokens and 256 bytes without text of their own, then letters, then pairs of what is there.
fn vocabulary(count: usize) -> Vec<TokenModel> {
    let mut pieces: Vec<Vec<u8>> = b" etaoinshrdlu".iter().map(|&letter| vec![letter]).collect();
    let letters = pieces.len();
    for i in 0.. {
        if pieces.len() >= count - 259 {
            break;
        }
        let pair = [&*pieces[i % letters], &*pieces[(7 * i + 3) % pieces.len()]].concat();
        if !pieces.contains(&pair) {
            pieces.push(pair);
        }
    }
    let silent = (0..259).map(|_| TokenModel { bytes: Vec::new(), score: 0.0 });
    let pieces = (0u16..).zip(pieces).map(|(i, bytes)| TokenModel { bytes, score: -1.0 - f32::from(i) });
    silent.chain(pieces).take(count).collect()
}

/// The model behind `tests/fixtures/tiny_decoder.heed`.
pub fn tiny() -> DecoderModel {
    Decoder::random(5, TINY).quantise(60).0
}

/// The model behind `tests/models/narrow_decoder.heed`.
pub fn small() -> DecoderModel {
    Decoder::random(3, SMALL).quantise(20).0
}
