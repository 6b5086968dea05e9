//! The projections of a sequence to queries, keys and values.

use super::dilation::DilationClass;
use super::scratch::ScratchView;
use super::view::{AttentionView, Sequences, group};
use crate::kernels::{Epilogue, Kernels, Rows, linear, rows_mut};
use crate::linear::LinearView;
use crate::pattern::AttentionPattern;

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
