//! The model in f32: what the integers are measured against.
//!
//! Sums run in the order of memory and nothing is reassociated, so that a greedy text is the one that
//! other plain programs write.

use crate::{Checkpoint, LanguageModel, Layer};

/// Base of the angles of RoPE.
pub const ROPE_BASE: f32 = 10_000.0;
/// ε of the norms.
pub const EPSILON: f32 = 1e-5;

/// A tensor of activations that the integer model holds as int8 or int16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Site {
    /// `[width]`, after the attention norm.
    AttentionNorm,
    /// `[heads][head_dim]`, rotated.
    Query,
    /// `[kv_heads][head_dim]`, rotated.
    Key,
    /// `[kv_heads][head_dim]`
    Value,
    /// `[heads][head_dim]`, the weighted sums of values.
    Heads,
    /// `[width]`, after the feed-forward norm.
    HiddenNorm,
    /// `[hidden]`, before SiLU.
    Gate,
    /// `[hidden]`
    Up,
    /// `[hidden]`, SiLU of the gate times up.
    Hidden,
    /// `[width]`, the residual stream after the embedding (layer 0) and after each addition (that layer).
    Residual,
    /// `[width]`, after the final norm; its layer is the number of blocks.
    FinalNorm,
    /// `[vocabulary]`; its layer is the number of blocks.
    Logits,
}

/// Is shown every activation tensor of a token, and may alter it (to round it, for one).
pub trait Observer {
    /// Sees the values of a site of a layer.
    fn see(&mut self, layer: usize, site: Site, values: &mut [f32]);
}

/// Sees nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn see(&mut self, _: usize, _: Site, _: &mut [f32]) {}
}

impl<F: FnMut(usize, Site, &mut [f32])> Observer for F {
    fn see(&mut self, layer: usize, site: Site, values: &mut [f32]) {
        self(layer, site, values);
    }
}

/// A text in progress: the keys and values of the last `context` tokens.
#[derive(Clone, Debug)]
pub struct Session<'a, O = Unobserved> {
    checkpoint: &'a Checkpoint,
    observer: O,
    context: usize,
    position: usize,
    /// `[layers][context][kv_width]`, position `p` in row `p % context`.
    keys: Vec<f32>,
    values: Vec<f32>,
    logits: Vec<f32>,
}

impl<'a> Session<'a> {
    /// An empty text.
    ///
    /// # Panics
    /// If `context` is 0.
    #[must_use]
    pub fn new(checkpoint: &'a Checkpoint, context: usize) -> Self {
        Self::observed(checkpoint, context, Unobserved)
    }
}

impl<'a, O: Observer> Session<'a, O> {
    /// An empty text, with all activations shown to `observer`.
    ///
    /// # Panics
    /// If `context` is 0.
    #[must_use]
    pub fn observed(checkpoint: &'a Checkpoint, context: usize, observer: O) -> Self {
        assert!(context > 0, "a context of no tokens");
        let cache = checkpoint.shape.layers * context * checkpoint.shape.kv_width();
        let (keys, values) = (vec![0.0; cache], vec![0.0; cache]);
        let logits = vec![0.0; checkpoint.shape.vocabulary];
        Self { checkpoint, observer, context, position: 0, keys, values, logits }
    }

    /// Gives the observer back.
    pub fn into_observer(self) -> O {
        self.observer
    }

    /// Attention of `layer` over `x` `[width]`, normalised; what it adds to the residual stream.
    fn attention(&mut self, index: usize, layer: &Layer, x: &[f32]) -> Vec<f32> {
        let shape = self.checkpoint.shape;
        let (dim, width) = (shape.head_dim(), shape.kv_width());
        let (mut query, mut key, mut value) =
            (product(&layer.query, x), product(&layer.key, x), product(&layer.value, x));
        self.checkpoint.rotate(&mut query, self.position);
        self.checkpoint.rotate(&mut key, self.position);
        self.observer.see(index, Site::Query, &mut query);
        self.observer.see(index, Site::Key, &mut key);
        self.observer.see(index, Site::Value, &mut value);

        let row = |position: usize| (index * self.context + position % self.context) * width;
        let here = row(self.position);
        self.keys[here..here + width].copy_from_slice(&key);
        self.values[here..here + width].copy_from_slice(&value);

        let first = (self.position + 1).saturating_sub(self.context);
        let mut heads = vec![0.0; shape.heads * dim];
        for (head, (query, out)) in query.chunks(dim).zip(heads.chunks_mut(dim)).enumerate() {
            let column = head / (shape.heads / shape.kv_heads) * dim;
            let place = |position| row(position) + column;
            let mut weights: Vec<f32> = (first..=self.position)
                .map(|position| dot(query, &self.keys[place(position)..][..dim]) / (dim as f32).sqrt())
                .collect();
            softmax(&mut weights);
            for (position, weight) in (first..).zip(weights) {
                let value = &self.values[place(position)..][..dim];
                out.iter_mut().zip(value).for_each(|(out, value)| *out += weight * value);
            }
        }
        self.observer.see(index, Site::Heads, &mut heads);
        product(&layer.output, &heads)
    }

    /// Feed-forward layers of `layer` over `x` `[width]`, normalised; what they add to the residual stream.
    fn feed_forward(&mut self, index: usize, layer: &Layer, x: &[f32]) -> Vec<f32> {
        let (mut gate, mut up) = (product(&layer.gate, x), product(&layer.up, x));
        self.observer.see(index, Site::Gate, &mut gate);
        self.observer.see(index, Site::Up, &mut up);
        let mut hidden: Vec<f32> = gate.iter().zip(&up).map(|(&gate, &up)| silu(gate) * up).collect();
        self.observer.see(index, Site::Hidden, &mut hidden);
        product(&layer.down, &hidden)
    }
}

impl<O: Observer> LanguageModel for Session<'_, O> {
    fn reset(&mut self) {
        self.position = 0;
    }

    fn step(&mut self, token: u16) -> &[f32] {
        let Checkpoint { shape, embedding, layers, norm, .. } = self.checkpoint;
        let mut residual = embedding[usize::from(token) * shape.width..][..shape.width].to_vec();
        self.observer.see(0, Site::Residual, &mut residual);
        for (index, layer) in layers.iter().enumerate() {
            let mut x = normalise(&residual, &layer.attention_norm);
            self.observer.see(index, Site::AttentionNorm, &mut x);
            add(&mut residual, &self.attention(index, layer, &x));
            self.observer.see(index, Site::Residual, &mut residual);

            let mut x = normalise(&residual, &layer.hidden_norm);
            self.observer.see(index, Site::HiddenNorm, &mut x);
            add(&mut residual, &self.feed_forward(index, layer, &x));
            self.observer.see(index, Site::Residual, &mut residual);
        }
        let mut x = normalise(&residual, norm);
        self.observer.see(layers.len(), Site::FinalNorm, &mut x);
        self.logits = product(embedding, &x);
        self.observer.see(layers.len(), Site::Logits, &mut self.logits);
        self.position += 1;
        &self.logits
    }
}

/// `x / (1 + e^-x)`
#[must_use]
pub fn silu(x: f32) -> f32 {
    x / (1.0 + (-x).exp())
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a * b)
}

/// `matrix` `[outputs][inputs]` times `x` `[inputs]`.
fn product(matrix: &[f32], x: &[f32]) -> Vec<f32> {
    // Four rows at a time, as each is one long chain of additions.
    let mut fours = matrix.chunks_exact(4 * x.len());
    let mut out = Vec::with_capacity(matrix.len() / x.len());
    for four in &mut fours {
        let (a, rest) = four.split_at(x.len());
        let (b, rest) = rest.split_at(x.len());
        let (c, d) = rest.split_at(x.len());
        let mut sums = [0.0; 4];
        for ((((x, a), b), c), d) in x.iter().zip(a).zip(b).zip(c).zip(d) {
            sums[0] += a * x;
            sums[1] += b * x;
            sums[2] += c * x;
            sums[3] += d * x;
        }
        out.extend(sums);
    }
    out.extend(fours.remainder().chunks_exact(x.len()).map(|row| dot(row, x)));
    out
}

fn add(to: &mut [f32], from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

/// RMSNorm.
fn normalise(x: &[f32], gain: &[f32]) -> Vec<f32> {
    let mean = dot(x, x) / x.len() as f32 + EPSILON;
    let scale = 1.0 / mean.sqrt();
    x.iter().zip(gain).map(|(x, gain)| gain * (scale * x)).collect()
}

impl Checkpoint {
    /// RoPE over neighbouring pairs of each head.
    fn rotate(&self, x: &mut [f32], position: usize) {
        for head in x.chunks_exact_mut(self.shape.head_dim()) {
            for (pair, [a, b]) in head.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                let (sin, cos) = (position as f32 * self.frequency(pair)).sin_cos();
                (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
            }
        }
    }

    /// Radians that a pair turns per position.
    fn frequency(&self, pair: usize) -> f32 {
        match &self.frequencies {
            Some(frequencies) => frequencies[pair] as f32,
            None => 1.0 / ROPE_BASE.powf((2 * pair) as f32 / self.shape.head_dim() as f32),
        }
    }
}

fn softmax(x: &mut [f32]) {
    let most = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for x in x.iter_mut() {
        *x = (*x - most).exp();
        sum += *x;
    }
    x.iter_mut().for_each(|x| *x /= sum);
}
