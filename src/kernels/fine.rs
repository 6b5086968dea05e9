//! Hidden values of a gated feed-forward part with seven more bits, and the layer that they go through.

use super::portable::{dot, from};
use super::{Kernels, Layer, Matrix, Sink, rows, tiles, tiles_mut};
use crate::requantise::{Channel, FINE, Scale, requantise, saturate_i8, saturate_i16};

/// Hidden values of a gated feed-forward part before they meet, `[rows][inputs of the last layer]`, and what they meet by.
#[derive(Debug)]
pub struct Gated<'a> {
    /// The activation of a gate, indexed by its bits.
    pub table: &'a [i16; 256],
    /// From an entry of the table times the value beside the gate to the int8 step of a hidden value; below 2^-9.
    pub product: Scale,
    /// Gates. What is in them afterwards is the backend's own.
    pub gate: &'a mut [i8],
    /// The values beside them; afterwards the same.
    pub up: &'a mut [i8],
}

impl Gated<'_> {
    /// One hidden value in 128ths of a step, saturated to 15 bits.
    #[inline]
    pub(crate) fn fine(table: &[i16; 256], product: Scale, gate: i8, up: i8) -> i32 {
        let both = i32::from(table[usize::from(gate as u8)]) * i32::from(up);
        let shift = product.shift().saturating_sub(FINE).max(1);
        requantise(both, product.bits(), shift).clamp(-1 << 14, (1 << 14) - 1)
    }
}

impl Sink<'_> {
    /// [`Sink::put`] for `Σ x·w` of fine hidden values, in 128ths, without the bias.
    #[inline]
    pub(crate) fn put_fine(&mut self, row: usize, output: usize, sum: i32, channel: Channel) {
        let value = channel.scale.requantise_finely((channel.bias << FINE).wrapping_add(sum));
        match self {
            Self::Store { out, row_stride, output_stride } => {
                if let Some(out) = out.get_mut(row * *row_stride + output * *output_stride) {
                    *out = saturate_i8(value);
                }
            }
            Self::Add { out, width } => {
                if let Some(out) = out.get_mut(row * *width + output) {
                    *out = out.saturating_add(saturate_i16(value));
                }
            }
        }
    }
}

/// Outputs whose sums are in memory at a time.
const SUMS: usize = 64;

/// [`Kernels::linear_fine`]: the hidden values in two halves of int8.
// Not inlined: it has buffers.
#[inline(never)]
pub(super) fn linear<K: Kernels>(hidden: Gated<'_>, layer: &mut Layer<'_>) {
    let Gated { table, product, gate, up } = hidden;
    for (gate, up) in gate.iter_mut().zip(&mut *up) {
        let fine = Gated::fine(table, product, *gate, *up);
        (*gate, *up) = ((fine >> FINE) as i8, (fine & ((1 << FINE) - 1)) as i8);
    }
    let Layer { weights, channels, sink } = layer;
    for (row, (high, low)) in rows(gate, weights.inputs).zip(rows(up, weights.inputs)).enumerate() {
        for (part, channels) in tiles(channels, SUMS).enumerate() {
            let mut sums = [[0; 2]; SUMS];
            let Some(sums) = sums.get_mut(..channels.len()) else { return };
            let data = from(weights.data, part * SUMS * weights.stride);
            K::sums_of_two([high, low], Matrix { data, ..*weights }, sums);
            for (output, (&[high, low], &channel)) in sums.iter().zip(channels).enumerate() {
                sink.put_fine(row, part * SUMS + output, (high << FINE).wrapping_add(low), channel);
            }
        }
    }
}

/// [`Kernels::sums_of_two`]: scores of two queries, if the weights lie side by side.
#[inline]
pub(super) fn sums_of_two<K: Kernels>(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
    for (index, x) in x.into_iter().enumerate() {
        let x = x.get(..weights.inputs).unwrap_or(x);
        for (block, sums) in tiles_mut(sums, 16).enumerate() {
            let w = from(weights.data, 16 * block * weights.stride);
            let mut memory = [0; 16];
            let memory = memory.get_mut(..sums.len()).unwrap_or(&mut []);
            if weights.stride == x.len() {
                K::scores(x, w, memory);
            } else {
                for (output, sum) in memory.iter_mut().enumerate() {
                    *sum = dot(x, from(w, output * weights.stride));
                }
            }
            for (sums, &sum) in sums.iter_mut().zip(&*memory) {
                if let Some(to) = sums.get_mut(index) {
                    *to = sum;
                }
            }
        }
    }
}
