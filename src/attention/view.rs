//! Attention of any shape: views over weights, and what they are applied to.

use crate::arithmetic::head_scale::HeadScale;
use crate::arithmetic::requantise::Channel;
use crate::kernels::{Matrix, Rows};
use crate::linear::LinearView;

/// Attention of any shape, as the `.heed` file holds it.
#[derive(Clone, Copy, Debug)]
pub struct AttentionView<'a> {
    /// To queries of `dim` values.
    pub query: ProjectionView<'a>,
    /// To keys of `dim` values; `None` where a row of the sequence is the key (fused query-key weights).
    pub key: Option<ProjectionView<'a>>,
    /// To values of `head_dim`.
    pub value: ProjectionView<'a>,
    /// Output projection `[width][heads * head_dim]`.
    pub output: LinearView<'a>,
    /// One per head.
    pub head_scales: &'a [HeadScale],
    /// Values per query and key of a head.
    pub dim: usize,
    /// Values per value and output of a head.
    pub head_dim: usize,
}

/// What attention reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sequences<'a> {
    /// What the queries are made from.
    pub queries: Rows<'a>,
    /// How many there are.
    pub positions: usize,
    /// What keys and values are made from, if it is another sequence (cross-attention).
    pub memory: Option<Rows<'a>>,
    /// How many there are.
    pub keys: usize,
}

impl<'a> Sequences<'a> {
    /// A sequence that looks at itself.
    #[inline]
    pub(crate) const fn one(rows: Rows<'a>, positions: usize) -> Self {
        Self { queries: rows, positions, memory: None, keys: positions }
    }
}

impl AttentionView<'_> {
    /// How many heads there are.
    #[inline]
    pub(crate) const fn heads(&self) -> usize {
        self.head_scales.len()
    }

    /// How many keys and values there are for each position.
    #[inline]
    pub(crate) fn key_heads(&self) -> usize {
        self.key.map_or(1, |key| key.channel_groups).max(self.value.channel_groups)
    }
}

/// The projection of a sequence to the queries, keys or values of all heads.
#[derive(Clone, Copy, Debug)]
pub struct ProjectionView<'a> {
    /// Weights `[weight_groups * dim][inputs]`.
    pub weights: Matrix<'a>,
    /// Bias and scale of each output, `[channel_groups * dim]`.
    pub channels: &'a [Channel],
    /// Sets of weights: as many as heads, or fewer, which heads in a row then share.
    pub weight_groups: usize,
    /// Sets of channels, likewise. Where there are more of them than sets of weights, heads differ by their biases
    /// alone.
    pub channel_groups: usize,
    /// The first value of a row of the sequence that the weights apply to.
    pub offset: usize,
}

impl<'a> ProjectionView<'a> {
    /// A projection whose `groups` heads have weights and channels of their own.
    pub(crate) const fn new(layer: LinearView<'a>, groups: usize) -> Self {
        let LinearView { weights, channels } = layer;
        Self { weights, channels, weight_groups: groups, channel_groups: groups, offset: 0 }
    }

    /// The same, reading rows from their `offset`th value on.
    pub(crate) const fn reading_from(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    /// All of it.
    #[inline]
    #[must_use]
    pub const fn layer(&self) -> LinearView<'a> {
        LinearView { weights: self.weights, channels: self.channels }
    }

    /// All of it, if each of so many heads has weights and channels of its own, and reads whole rows.
    #[inline]
    pub(super) fn all(&self, heads: usize) -> Option<LinearView<'a>> {
        (self.weight_groups == heads && self.channel_groups == heads && self.offset == 0).then(|| self.layer())
    }

    /// Calls `run` with the parts of so many heads and their first head: one part, or one for each head.
    #[inline]
    pub(super) fn parts(&self, heads: usize, dim: usize, mut run: impl FnMut(LinearView<'a>, usize)) {
        if self.weight_groups == heads && self.channel_groups == heads {
            return run(self.layer(), 0);
        }
        for head in 0..heads {
            run(self.head(head, heads, dim), head);
        }
    }

    /// What it reads of a row.
    #[inline]
    pub(super) fn input<'x>(&self, row: Rows<'x>) -> Rows<'x> {
        let data = row.data().get(self.offset..).unwrap_or(&[]);
        let width = self.weights.inputs;
        Rows::new(data.get(..width).unwrap_or(data), width)
    }

    /// The part of the `head`th of `heads`, of `dim` outputs.
    #[inline]
    pub(super) fn head(&self, head: usize, heads: usize, dim: usize) -> LinearView<'a> {
        let weights = group(head, heads, self.weight_groups) * dim * self.weights.stride;
        let channels = group(head, heads, self.channel_groups) * dim;
        let channels = self.channels.get(channels..).unwrap_or(&[]);
        LinearView {
            weights: Matrix { data: self.weights.data.get(weights..).unwrap_or(&[]), ..self.weights },
            channels: channels.get(..dim).unwrap_or(channels),
        }
    }
}

/// The group that the `head`th of `heads` belongs to.
#[inline]
pub(super) fn group(head: usize, heads: usize, groups: usize) -> usize {
    if groups == heads { head } else { (head * groups).checked_div(heads).unwrap_or(0) }
}
