//! The values of a head, for tools on the host.

use super::view::{AttentionView, group};
use crate::kernels::Rows;
use std::vec::Vec;

impl AttentionView<'_> {
    /// What a head multiplies its weights with, `[positions][head_dim]`; nothing where there is no such head.
    pub(crate) fn values(&self, rows: Rows<'_>, head: usize) -> Vec<i8> {
        if head >= self.heads() {
            return Vec::new();
        }
        let heads = self.key_heads();
        let layer = self.value.head(group(head, self.heads(), heads), heads, self.head_dim);
        let of_row = |row: &[i8]| -> Vec<i8> {
            let row = row.get(self.value.offset..).unwrap_or(&[]);
            let row = row.get(..layer.weights.inputs).unwrap_or(row);
            let outputs = layer.weights.data.chunks(layer.weights.stride.max(1)).zip(layer.channels);
            outputs
                .map(|(weights, channel)| {
                    let products = row.iter().zip(weights).map(|(&x, &w)| i32::from(x) * i32::from(w));
                    channel.scale.to_i8(channel.bias.wrapping_add(products.sum()))
                })
                .collect()
        };
        rows.iter().flat_map(of_row).collect()
    }
}
