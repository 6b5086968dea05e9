//! The projections of a sequence to queries, keys and values.

use super::dilation::DilationClass;
use super::{AttentionView, ScratchView, Sequences};
use crate::kernels::{Epilogue, Kernels, Matrix, Rows, linear, rows_mut};
use crate::linear::LinearView;
use crate::pattern::AttentionPattern;
use crate::requantise::Channel;

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

/// Keys and values in memory: whose they are, and of which positions.
pub(super) type Projected = (usize, DilationClass);

impl AttentionView<'_> {
    /// Q, K and V of a head, of the positions of one class, into `scratch`. Heads that share keys and values find them
    /// where the head before left them, as `projected` says.
    #[inline]
    pub(super) fn project_qkv<K: Kernels, P: AttentionPattern>(
        &self,
        x: Sequences<'_>,
        pattern: &P,
        head: usize,
        class: DilationClass,
        projected: &mut Option<Projected>,
        scratch: &mut ScratchView<'_, impl Copy>,
    ) {
        let dim = self.dim;
        let (positions, keys) = (class.count(x.positions), class.count(x.keys));
        let memory = x.memory.unwrap_or(x.queries);
        let query = self.query.head(head, self.heads(), dim);
        let key_head = group(head, self.heads(), self.key_heads());
        let shared = projected.replace((key_head, class)) == Some((key_head, class));
        let key_value = (!shared).then(|| {
            let key = self.key.map(|key| (key.head(key_head, self.key_heads(), dim), key.offset));
            (key, self.value.head(key_head, self.key_heads(), self.head_dim))
        });

        if let (Some((Some((key, offset)), value)), None) = (key_value, x.memory)
            && offset == self.query.offset
            && offset == self.value.offset
        {
            // All three share the pass over the rows.
            return class.rows(x.queries, offset, query.weights.inputs, positions, |rows, row| {
                let (to_query, to_key) = (from(scratch.query, row * dim), from(scratch.key, row * dim));
                let to_value = from(scratch.value, row);
                match pattern.rope() {
                    Some(rope) => {
                        let beside = ((key, to_key), (value, to_value, x.keys));
                        let positions = [class.position(row), class.dilation];
                        rope.project::<K>(rows, positions, (query, to_query), Some(beside));
                    }
                    None => linear::<K>(
                        rows,
                        &mut [
                            query.to(by_position(to_query, dim)),
                            key.to(by_position(to_key, dim)),
                            value.to(transposed(to_value, x.keys)),
                        ],
                    ),
                }
            });
        }
        let project = |rows: Rows<'_>, offset, layer: LinearView<'_>, count, out: &mut [i8]| {
            class.rows(rows, offset, layer.weights.inputs, count, |rows, row| match pattern.rope() {
                Some(rope) => {
                    let positions = [class.position(row), class.dilation];
                    rope.project::<K>(rows, positions, (layer, from(out, row * dim)), None);
                }
                None => linear::<K>(rows, &mut [layer.to(by_position(from(out, row * dim), dim))]),
            });
        };
        project(x.queries, self.query.offset, query, positions, scratch.query);
        let Some((key, value)) = key_value else { return };
        match key {
            Some((key, offset)) => project(memory, offset, key, keys, scratch.key),
            None if class.dilation > 1 => class.rows(memory, 0, dim, keys, |rows, row| {
                for (to, key) in rows_mut(from(scratch.key, row * dim), dim).zip(rows.iter()) {
                    for (to, &key) in to.iter_mut().zip(key) {
                        *to = key;
                    }
                }
            }),
            // The rows of the sequence are the keys.
            None => {}
        }
        class.rows(memory, self.value.offset, value.weights.inputs, keys, |rows, row| {
            linear::<K>(rows, &mut [value.to(transposed(from(scratch.value, row), x.keys))]);
        });
    }
}

/// `data` from `start` on; nothing beyond its end.
#[inline]
pub(super) fn from(data: &mut [i8], start: usize) -> &mut [i8] {
    data.get_mut(start..).unwrap_or(&mut [])
}

/// To `[positions][dim]`.
#[inline]
pub(super) fn by_position(out: &mut [i8], dim: usize) -> Epilogue<'_> {
    Epilogue::Store { out, row_stride: dim, output_stride: 1 }
}

/// To `[dim][keys]`.
#[inline]
fn transposed(out: &mut [i8], keys: usize) -> Epilogue<'_> {
    Epilogue::Store { out, row_stride: 1, output_stride: keys }
}
