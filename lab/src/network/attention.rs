//! Multi-head attention in burn.

use super::layers::Dense;
use super::numbered::{Numbered, constant};
use super::pass::Pass;
use super::quantise::values;
use burn::module::{Module, Param};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use heedful::Pairing;
use heedful_import::graph::{self, Place, Positions, Site};
use std::sync::Arc;

/// Added to the score of a key that is not looked at: its weight becomes exactly 0.
const HIDDEN: f32 = -1e9;

/// Attention of tokens to each other.
#[derive(Module, Debug)]
pub(super) struct Attention {
    query: Dense,
    key: Dense,
    value: Dense,
    out: Dense,
    /// Of each head.
    log_temperature: Option<Param<Tensor<1>>>,
    #[module(skip)]
    shape: Arc<Shape>,
}

/// What of attention is not learned.
#[derive(Debug)]
struct Shape {
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    /// Of each head, what scores are multiplied with.
    scales: Vec<f32>,
    /// `[heads][tokens][tokens]`, added to the scores; none where it would be all 0.
    bias: Option<Vec<f32>>,
    turn: Option<Turn>,
}

impl Attention {
    /// Of so many tokens.
    pub fn new(
        a: &graph::Attention,
        log_temperature: Option<&[f32]>,
        positions: &Positions,
        tokens: usize,
        numbered: &mut Numbered<'_>,
    ) -> Self {
        Self {
            query: Dense::new(&a.query, numbered),
            key: Dense::new(&a.key, numbered),
            value: Dense::new(&a.value, numbered),
            out: Dense::new(&a.out, numbered),
            log_temperature: log_temperature.map(|values| numbered.vector(values)),
            shape: Arc::new(Shape {
                heads: a.heads,
                kv_heads: a.kv_heads,
                head_dim: a.head_dim,
                scales: a.scales.clone(),
                bias: bias(a, positions, tokens),
                turn: Turn::new(positions, tokens, a.head_dim),
            }),
        }
    }

    /// Puts its numbers into one of the same shape.
    pub fn store(&self, to: &mut graph::Attention) {
        self.query.store(&mut to.query);
        self.key.store(&mut to.key);
        self.value.store(&mut to.value);
        self.out.store(&mut to.out);
    }

    /// The logarithms of the temperatures, if they are learned.
    pub fn log_temperature(&self) -> Option<Vec<f32>> {
        self.log_temperature.as_ref().map(|values_of| values(values_of.val()))
    }

    /// What it adds to `x`, which is at a place, and its weights, `[batch][heads][tokens][tokens]`. `relative` is added
    /// to the scores, `[1][heads][tokens][tokens]`.
    pub fn forward(
        &self,
        x: Tensor<3>,
        from: Place,
        block: usize,
        relative: Option<&Tensor<4>>,
        pass: &mut Pass<'_>,
    ) -> (Tensor<3>, Tensor<4>) {
        let shape = &*self.shape;
        let Shape { heads, kv_heads, head_dim, .. } = *shape;
        let mut query = self.query.forward(x.clone(), from, pass);
        let mut key = self.key.forward(x.clone(), from, pass);
        let value = self.value.forward(x, from, pass);
        if let Some(turn) = &shape.turn {
            (query, key) = (turn.apply(query), turn.apply(key));
        }
        let query = split(pass.site(block, Site::Query, query), heads);
        let key = split(pass.site(block, Site::Key, key), kv_heads);
        let value = split(pass.site(block, Site::Value, value), kv_heads);

        // Heads that share a key are rows below each other.
        let [batch, _, tokens, _] = query.dims();
        let below = [batch, kv_heads, heads / kv_heads * tokens, head_dim];
        let beside = [batch, heads, tokens, tokens];
        let mut scores = self.scaled(query).reshape(below).matmul(key.transpose()).reshape(beside);
        if let Some(bias) = &shape.bias {
            scores = scores.clone() + constant(bias.clone(), [1, heads, tokens, tokens], &scores.device());
        }
        if let Some(relative) = relative {
            scores = scores + relative.clone();
        }
        let weights = softmax(scores, 3);
        let beside = weights.clone().reshape([batch, kv_heads, below[2], tokens]);
        let attended = beside.matmul(value).reshape([batch, heads, tokens, head_dim]);
        let attended = attended.swap_dims(1, 2).reshape([batch, tokens, heads * head_dim]);
        let attended = pass.site(block, Site::HeadsOut, attended);
        (self.out.forward(attended, Place::Block(block, Site::HeadsOut), pass), weights)
    }

    /// Queries times what the scores are multiplied with.
    fn scaled(&self, query: Tensor<4>) -> Tensor<4> {
        let scales = &self.shape.scales;
        let query = match scales.split_first() {
            Some((first, rest)) if rest.iter().all(|scale| scale == first) => query.mul_scalar(*first),
            _ => query.clone() * constant(scales.clone(), [1, scales.len(), 1, 1], &query.device()),
        };
        match &self.log_temperature {
            Some(logarithms) => query * logarithms.val().neg().exp().reshape([1, scales.len(), 1, 1]),
            None => query,
        }
    }
}

/// `[batch][tokens][heads · width]` to `[batch][heads][tokens][width]`.
fn split(x: Tensor<3>, heads: usize) -> Tensor<4> {
    let [batch, tokens, all] = x.dims();
    x.reshape([batch, tokens, heads, all / heads]).swap_dims(1, 2)
}

/// Masks and slopes.
fn bias(a: &graph::Attention, positions: &Positions, tokens: usize) -> Option<Vec<f32>> {
    let mut bias = vec![HIDDEN; a.heads * tokens * tokens];
    // A table is learned, and added as it is then.
    let fixed = matches!(positions, Positions::Alibi { .. });
    for (row, to) in bias.chunks_exact_mut(tokens).enumerate() {
        let (head, query) = (row / tokens, row % tokens);
        a.keys(head, query, tokens)
            .for_each(|key| to[key] = if fixed { positions.bias(head, query, key) } else { 0.0 });
    }
    bias.iter().any(|x| *x != 0.0).then_some(bias)
}

/// Rotary positions: `x · cos + turned(x) · sin`, where `turned` gives the other value of each pair, and its sign.
#[derive(Debug)]
struct Turn {
    head_dim: usize,
    /// `[tokens][head_dim]`
    cos: Vec<f32>,
    /// `[tokens][head_dim]`
    sin: Vec<f32>,
    /// `[head_dim][head_dim]`
    other: Vec<f32>,
}

impl Turn {
    fn new(positions: &Positions, tokens: usize, head_dim: usize) -> Option<Self> {
        let Positions::Rotary { pairing, frequencies } = positions else { return None };
        let (mut cos, mut sin) = (vec![1.0; tokens * head_dim], vec![0.0; tokens * head_dim]);
        let mut other = vec![0.0; head_dim * head_dim];
        for (pair, frequency) in frequencies.iter().enumerate() {
            let (a, b) = match pairing {
                Pairing::Halves => (pair, pair + frequencies.len()),
                _ => (2 * pair, 2 * pair + 1),
            };
            (other[b * head_dim + a], other[a * head_dim + b]) = (-1.0, 1.0);
            for position in 0..tokens {
                let angle = position as f64 * frequency;
                for value in [a, b] {
                    cos[position * head_dim + value] = angle.cos() as f32;
                    sin[position * head_dim + value] = angle.sin() as f32;
                }
            }
        }
        Some(Self { head_dim, cos, sin, other })
    }

    /// Turns the heads of `[batch][tokens][heads · head_dim]`.
    fn apply(&self, x: Tensor<3>) -> Tensor<3> {
        let ([batch, tokens, all], dim) = (x.dims(), self.head_dim);
        let device: Device = x.device();
        let table = |values: &Vec<f32>| constant(values.clone(), [1, tokens, 1, dim], &device);
        let rows = x.clone().reshape([batch * tokens * all / dim, dim]);
        let other = rows.matmul(constant(self.other.clone(), [dim, dim], &device));
        let heads = [batch, tokens, all / dim, dim];
        let turned = x.reshape(heads) * table(&self.cos) + other.reshape(heads) * table(&self.sin);
        turned.reshape([batch, tokens, all])
    }
}
