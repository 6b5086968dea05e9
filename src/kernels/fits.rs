//! What the assembly of RISC-V asks before it writes without looking.

use super::{Layer, Sink};

impl Layer<'_> {
    /// Whether all weights and all places of results exist, for so many rows of so many activations. Other layers are left to the portable backend.
    #[inline(never)]
    pub(super) fn fits(&self, rows: usize, width: usize) -> bool {
        let Self { weights, channels, sink } = self;
        let inputs = width.min(weights.inputs);
        let last = |row_stride: usize, output_stride: usize| {
            let row = rows.checked_sub(1)?.checked_mul(row_stride)?;
            row.checked_add(channels.len().checked_sub(1)?.checked_mul(output_stride)?)
        };
        let weights_fit = last(0, weights.stride)
            .and_then(|row| row.checked_add(inputs))
            .is_some_and(|end| end <= weights.data.len());
        let results_fit = match sink {
            Sink::Store { out, row_stride, output_stride } => {
                last(*row_stride, *output_stride).is_some_and(|last| last < out.len())
            }
            Sink::Add { out, width } => last(*width, 1).is_some_and(|last| last < out.len()),
        };
        weights_fit && results_fit && inputs > 0
    }
}
