//! The values of a head, for tools on the host.

use super::projection::by_position;
use super::view::{AttentionView, group};
use crate::kernels::{Active, Rows, linear};
use std::vec;
use std::vec::Vec;

impl AttentionView<'_> {
    /// What a head multiplies its weights with, `[positions][head_dim]`; nothing where there is no such head.
    pub(crate) fn values(&self, rows: Rows<'_>, head: usize) -> Vec<i8> {
        if head >= self.heads() {
            return Vec::new();
        }
        let heads = self.key_heads();
        let layer = self.value.head(group(head, self.heads(), heads), heads, self.head_dim);
        let dim = self.head_dim;
        let mut values = vec![0; rows.count() * dim];
        for (row, out) in rows.iter().zip(values.chunks_exact_mut(dim.max(1))) {
            let input = self.value.input(Rows::new(row, row.len()));
            linear::<Active>(input, &mut [layer.to(by_position(out, dim))]);
        }
        values
    }
}
