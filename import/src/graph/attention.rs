//! Multi-head attention, to the tokens themselves or to a memory.

use super::matrix::dot;
use super::taps::Taps;
use super::{Dense, GraphError, Place, Positions, Site};
use crate::graph::forward::Watch;
use heedful::{AttentionPattern, Window};

/// What attention knows beside the tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub positions: &'a Positions,
    /// `[steps][channels]`, or nothing.
    pub memory: &'a [f32],
}

/// Attention; queries of `heads`, keys and values of `kv_heads`, each shared by as many heads as divide them.
#[derive(Clone, Debug, PartialEq)]
pub struct Attention {
    /// Heads.
    pub heads: usize,
    /// Heads of keys and values; a divisor of `heads`.
    pub kv_heads: usize,
    /// Values of a head.
    pub head_dim: usize,
    /// `[heads · head_dim][width]`
    pub query: Dense,
    /// `[kv_heads · head_dim][width]`, or of the memory's channels.
    pub key: Dense,
    /// `[kv_heads · head_dim][width]`, or of the memory's channels.
    pub value: Dense,
    /// `[width][heads · head_dim]`
    pub out: Dense,
    /// Whether keys and values are made of the model's memory, not of the tokens.
    pub cross: bool,
    /// Whether tokens see those before them, and themselves, alone.
    pub causal: bool,
    /// Where each head looks; none if all look everywhere.
    pub windows: Vec<Window>,
    /// Of each head: what products of queries and keys are multiplied with before the softmax, `1 / sqrt(head_dim)`
    /// mostly, and by a temperature.
    pub scales: Vec<f32>,
}

impl Attention {
    /// The scales of heads without a temperature.
    #[must_use]
    pub fn plain_scales(heads: usize, head_dim: usize) -> Vec<f32> {
        vec![1.0 / (head_dim as f32).sqrt(); heads]
    }

    /// What it adds to the residual stream.
    pub(super) fn run<T: Taps>(
        &self,
        x: &[f32],
        context: Context<'_>,
        index: usize,
        watch: &mut Watch<'_, T>,
    ) -> Result<Vec<f32>, GraphError> {
        let at = |site| Place::Block(index, site);
        let width = self.query.inputs();
        let (wide, narrow) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        watch.see(at(Site::AttentionInput), x, width)?;
        let (positions, source) = (context.positions, if self.cross { context.memory } else { x });
        let (mut query, mut key, value) = (self.query.apply(x), self.key.apply(source), self.value.apply(source));
        if let Positions::Rotary { .. } = positions {
            watch.see(at(Site::UnturnedQuery), &query, wide)?;
            watch.see(at(Site::UnturnedKey), &key, narrow)?;
            positions.turn(&mut query, wide, self.head_dim);
            positions.turn(&mut key, narrow, self.head_dim);
        }
        watch.see(at(Site::Query), &query, wide)?;
        watch.see(at(Site::Key), &key, narrow)?;
        watch.see(at(Site::Value), &value, narrow)?;

        let (tokens, keys) = (x.len() / width, key.len() / narrow);
        let mut out = vec![0.0; tokens * wide];
        for head in 0..self.heads {
            let column = head / (self.heads / self.kv_heads) * self.head_dim;
            let mut weights = vec![0.0; tokens * keys];
            for (t, row) in weights.chunks_exact_mut(keys).enumerate() {
                let query = &query[t * wide + head * self.head_dim..][..self.head_dim];
                let scores = |k: usize| dot(query, &key[k * narrow + column..][..self.head_dim]);
                self.weigh(head, t, row, positions, scores);
                let out = &mut out[t * wide + head * self.head_dim..][..self.head_dim];
                for (k, weight) in row.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
                    let value = &value[k * narrow + column..][..self.head_dim];
                    out.iter_mut().zip(value).for_each(|(out, value)| *out += weight * value);
                }
            }
            watch.see(at(Site::Weights(head)), &weights, keys)?;
        }
        watch.see(at(Site::HeadsOut), &out, wide)?;
        let out = self.out.apply(&out);
        watch.see(at(Site::AttentionOut), &out, width)?;
        Ok(out)
    }

    /// The keys that a query of a head looks at, in steps of the head's dilation.
    pub fn keys(&self, head: usize, query: usize, tokens: usize) -> impl Iterator<Item = usize> {
        let window = self.windows.get(head).copied().unwrap_or(Window::ALL);
        let keys = window.keys(head, query, tokens);
        let end = if self.causal { keys.end.min(query + 1) } else { keys.end };
        // With sinks, the range starts at 0; between them and the window nothing is looked at.
        let near = move |key: &usize| key.abs_diff(query).is_multiple_of(window.dilation.max(1));
        let seen = move |key: &usize| window.bias(head, query, *key).is_some();
        (keys.start..end).filter(near).filter(seen)
    }

    /// The weights of a query in a row of zeros.
    fn weigh(&self, head: usize, query: usize, row: &mut [f32], positions: &Positions, scores: impl Fn(usize) -> f32) {
        let keys: Vec<usize> = self.keys(head, query, row.len()).collect();
        let mut most = f32::NEG_INFINITY;
        for &key in &keys {
            row[key] = scores(key) * self.scales[head] + positions.bias(head, query, key);
            most = most.max(row[key]);
        }
        let mut sum = 0.0;
        for &key in &keys {
            row[key] = (row[key] - most).exp();
            sum += row[key];
        }
        for &key in &keys {
            row[key] /= sum;
        }
    }
}
