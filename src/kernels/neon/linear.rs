//! Linear layers: four rows of activations by eight outputs.

use super::operands::{BLOCK, Bytes, LANES, Lanes, Operand, Packed};
use super::output::put;
use super::{Core, products};
use crate::arithmetic::requantise::Channel;
use crate::kernels::generic::vector_padded::padded;
use crate::kernels::layer::extent;
use crate::kernels::{Layer, Matrix, Products, Rows, rows, tiles, tiles_mut};
use core::arch::aarch64::*;

/// [`Kernels::linear`](crate::kernels::Kernels::linear)
///
/// # Safety
/// The core is `C`.
#[target_feature(enable = "neon")]
pub(super) unsafe fn linear<C: Core>(products: Products<'_, '_>) {
    let Products { x, rows, layers } = products;
    for layer in layers {
        let Matrix { data, stride, .. } = layer.weights;
        let end = extent(layer.channels.len(), stride, x.width);
        let weights = end.and_then(|end| data.get(..end)).unwrap_or(data);
        // Models have no such weights, but nothing stops others. The look pays for itself from some rows on.
        // SAFETY: the core has the instructions, and the layer is one of `Products`, as the rows are.
        unsafe {
            if C::LOOKS && rows >= 2 * LANES && weights.iter().fold(0, |least, &w| least.min(w)) > -128 {
                layer_on::<C::Tame>(x, layer);
            } else {
                layer_on::<C::Scores>(x, layer);
            }
        }
    }
}

/// A layer of [`Products`].
///
/// # Safety
/// The core has the instructions of `O`, and the layer fits the rows.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn layer_on<O: Operand<Value = i8>>(x: Rows<'_>, layer: &mut Layer<'_>) {
    let inputs = x.width.min(layer.weights.inputs);
    let mut bytes = Bytes::new();
    // SAFETY: the caller knows the core.
    let mut packed = unsafe { Packed::<O>::new(&mut bytes) };
    for (tile, data) in tiles(x.data, x.width * LANES).enumerate() {
        let mut x_rows = [&[][..]; LANES];
        let mut count = 0;
        for (to, row) in x_rows.iter_mut().zip(rows(data, x.width)) {
            *to = row;
            count += 1;
        }
        if inputs <= Packed::<O>::CAPACITY {
            packed.fill(x_rows, inputs);
        }
        for (block, channels) in tiles(layer.channels, BLOCK).enumerate() {
            let some;
            let channels_of_block = match channels.first_chunk() {
                Some(channels) => channels,
                None => {
                    some = padded(channels, Channel::UNUSED);
                    &some
                }
            };
            let output = block * BLOCK;
            let data = layer.weights.data.get(output * layer.weights.stride..).unwrap_or(&[]);
            let w = Matrix { data, inputs, ..layer.weights };
            let bias = channels_of_block.each_ref().map(|channel| vdupq_n_s32(channel.bias));
            let sums = products(&mut packed, x_rows, w, channels.len(), bias);
            let results = requantise(channels_of_block, sums);
            // SAFETY: these rows and outputs are there, and have their places.
            unsafe { put(&mut layer.epilogue, tile * LANES, count, output, channels.len(), results) };
        }
    }
}

/// [`Kernels::sums_of_two`](crate::kernels::Kernels::sums_of_two)
///
/// # Safety
/// The core is `C`.
#[target_feature(enable = "neon")]
pub(super) unsafe fn sums_of_two<C: Core>(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
    let Some([first, second]) = weights.rows_for(x, sums.len()) else { return };
    let mut bytes = Bytes::new();
    // SAFETY: the caller knows the core.
    let mut packed = unsafe { Packed::<C::Scores>::new(&mut bytes) };
    let x_rows = [first, second, &[], &[]];
    if weights.inputs <= Packed::<C::Scores>::CAPACITY {
        packed.fill(x_rows, weights.inputs);
    }
    for (block, sums) in tiles_mut(sums, BLOCK).enumerate() {
        let data = weights.data.get(block * BLOCK * weights.stride..).unwrap_or(&[]);
        let w = Matrix { data, ..weights };
        let lanes = products(&mut packed, x_rows, w, sums.len(), [vdupq_n_s32(0); BLOCK]);
        for (sums, lanes) in sums.iter_mut().zip(lanes) {
            *sums = [vgetq_lane_s32::<0>(lanes), vgetq_lane_s32::<1>(lanes)];
        }
    }
}

/// Sums to the scale of each channel, not saturated.
#[inline]
#[target_feature(enable = "neon")]
fn requantise(channels: &[Channel; BLOCK], mut sums: [Lanes; BLOCK]) -> [Lanes; BLOCK] {
    let (channels, _) = channels.as_chunks::<4>();
    let (quads, _) = sums.as_chunks_mut::<4>();
    for (channels, sums) in channels.iter().zip(quads) {
        // SAFETY: four channels are eight words.
        let int32x4x2_t(_, scales) = unsafe { vld2q_s32(channels.as_ptr().cast()) };
        // See `Scale`: the multiplier in the upper 27 bits, as times 4, the shift in the lower 5.
        let mask = vdupq_n_s32(31);
        let multiplier = vreinterpretq_s32_u32(vshrq_n_u32::<2>(vreinterpretq_u32_s32(vbicq_s32(scales, mask))));
        let shift = vnegq_s32(vandq_s32(scales, mask));
        let [a, b, c, d] = *sums;
        *sums = [
            vrshlq_s32(vqdmulhq_laneq_s32::<0>(a, multiplier), vdupq_laneq_s32::<0>(shift)),
            vrshlq_s32(vqdmulhq_laneq_s32::<1>(b, multiplier), vdupq_laneq_s32::<1>(shift)),
            vrshlq_s32(vqdmulhq_laneq_s32::<2>(c, multiplier), vdupq_laneq_s32::<2>(shift)),
            vrshlq_s32(vqdmulhq_laneq_s32::<3>(d, multiplier), vdupq_laneq_s32::<3>(shift)),
        ];
    }
    sums
}
