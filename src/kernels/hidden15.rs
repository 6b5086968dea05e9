//! Hidden values of a gated feed-forward part with seven more bits, and the layer that they go through.

use super::layer::{Epilogue, Layer, Matrix, Rows};
use super::portable::{dot, from};
use super::slices::{rows, tiles, tiles_mut};
use crate::arithmetic::requantise::{Channel, HIDDEN15_EXTRA_BITS, Scale, requantise, saturate_i8, saturate_i16};

/// Hidden values of a gated feed-forward part before they meet, `[rows][inputs of the last layer]`, what they meet by,
/// and the last layer. All of it fits together: as [`Products`](super::Products) do, with as many gates as values
/// beside them.
#[derive(Debug)]
pub struct Gated<'h, 'a> {
    pub(super) table: &'h [i16; 256],
    pub(super) product: Scale,
    /// What is in them afterwards is the backend's own.
    pub(super) gate: &'h mut [i8],
    /// Afterwards the same.
    pub(super) up: &'h mut [i8],
    pub(super) layer: &'h mut Layer<'a>,
}

impl<'h, 'a> Gated<'h, 'a> {
    /// `table` is the activation of a gate, indexed by its bits; `product` leads from one of its entries times the
    /// value beside the gate to the int8 step of a hidden value, and is below 2^-9; `gate` and `up` are rows of the
    /// inputs of `layer`. `None` if something does not fit.
    #[inline]
    #[must_use]
    pub fn new(
        table: &'h [i16; 256],
        product: Scale,
        gate: &'h mut [i8],
        up: &'h mut [i8],
        layer: &'h mut Layer<'a>,
    ) -> Option<Self> {
        let inputs = layer.weights.inputs;
        let fits = gate.len() == up.len() && Rows::new(gate, inputs).is_whole() && layer.fits(Rows::new(gate, inputs));
        fits.then_some(Self { table, product, gate, up, layer })
    }
}

impl Gated<'_, '_> {
    /// One hidden value in 128ths of a step, saturated to 15 bits.
    #[inline]
    pub(crate) fn hidden15(table: &[i16; 256], product: Scale, gate: i8, up: i8) -> i32 {
        let both = i32::from(table[usize::from(gate as u8)]) * i32::from(up);
        let shift = product.shift().saturating_sub(HIDDEN15_EXTRA_BITS).max(1);
        requantise(both, product.bits(), shift).clamp(-1 << 14, (1 << 14) - 1)
    }
}

impl Epilogue<'_> {
    /// [`Epilogue::put`] for `Σ x·w` of 15-bit hidden values, in 128ths, without the bias.
    #[inline]
    pub(crate) fn put_hidden15(&mut self, row: usize, output: usize, sum: i32, channel: Channel) {
        let value = channel.scale.requantise_hidden15((channel.bias << HIDDEN15_EXTRA_BITS).wrapping_add(sum));
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

/// `Kernels::linear_hidden15`: the hidden values in two halves of int8.
// Not inlined: it has buffers.
#[inline(never)]
pub(super) fn linear(hidden: Gated<'_, '_>, sums_of_two: impl Fn([&[i8]; 2], Matrix<'_>, &mut [[i32; 2]])) {
    let Gated { table, product, gate, up, layer } = hidden;
    for (gate, up) in gate.iter_mut().zip(&mut *up) {
        let hidden15 = Gated::hidden15(table, product, *gate, *up);
        (*gate, *up) = ((hidden15 >> HIDDEN15_EXTRA_BITS) as i8, (hidden15 & ((1 << HIDDEN15_EXTRA_BITS) - 1)) as i8);
    }
    let Layer { weights, channels, epilogue } = layer;
    for (row, (high, low)) in rows(gate, weights.inputs).zip(rows(up, weights.inputs)).enumerate() {
        for (part, channels) in tiles(channels, SUMS).enumerate() {
            let mut sums = [[0; 2]; SUMS];
            let Some(sums) = sums.get_mut(..channels.len()) else { return };
            let data = from(weights.data, part * SUMS * weights.stride);
            sums_of_two([high, low], Matrix { data, ..*weights }, sums);
            for (output, (&[high, low], &channel)) in sums.iter().zip(channels).enumerate() {
                epilogue.put_hidden15(
                    row,
                    part * SUMS + output,
                    (high << HIDDEN15_EXTRA_BITS).wrapping_add(low),
                    channel,
                );
            }
        }
    }
}

/// `Kernels::sums_of_two`: scores of two queries, if the weights lie side by side.
#[inline]
pub(super) fn sums_of_two(
    x: [&[i8]; 2],
    weights: Matrix<'_>,
    sums: &mut [[i32; 2]],
    scores: impl Fn(&[i8], &[i8], &mut [i32]) -> i32,
) {
    let Some(x) = weights.rows_for(x, sums.len()) else { return };
    for (index, x) in x.into_iter().enumerate() {
        for (block, sums) in tiles_mut(sums, 16).enumerate() {
            let w = from(weights.data, 16 * block * weights.stride);
            let mut memory = [0; 16];
            let memory = memory.get_mut(..sums.len()).unwrap_or(&mut []);
            if weights.stride == x.len() {
                scores(x, w, memory);
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
