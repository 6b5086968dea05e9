//! Scores, and weighted sums of the values: four queries at a time.

use super::operands::{BLOCK, Bytes, LANES, Operand, Packed};
use super::output::{to_i8, transposed, write, write_rows};
use super::{Core, products};
use crate::arithmetic::softmax::Weight;
use crate::kernels::generic::vector_tile::shared;
use crate::kernels::tile::most;
use crate::kernels::{Matrix, RowScale, Tile, portable, rows, tiles_mut};
use core::arch::aarch64::*;

/// Scores lie with the four queries of a key side by side.
///
/// # Safety
/// The core is `C`.
#[target_feature(enable = "neon")]
pub(super) unsafe fn tile_scores<C: Core, W: Weight>(tile: &mut Tile<'_, W>) {
    let (scores, _) = tile.scores.as_chunks_mut::<LANES>();
    let Some(scores) = scores.get_mut(..most(tile.visible)) else { return };
    let mut queries = [&[][..]; LANES];
    let mut visible = [0; LANES];
    for (to, row) in queries.iter_mut().zip(rows(tile.queries, tile.dim)) {
        *to = row;
    }
    for (to, &from) in visible.iter_mut().zip(&*tile.visible) {
        *to = from as i32;
    }
    let shared = shared(tile.visible);
    // SAFETY: 16 bytes.
    let visible = unsafe { vld1q_s32(visible.as_ptr()) };
    let mut bytes = Bytes::new();
    // SAFETY: the caller knows the core.
    let mut packed = unsafe { Packed::<C::Scores>::new(&mut bytes) };
    if tile.dim <= Packed::<C::Scores>::CAPACITY {
        packed.fill(queries, tile.dim);
    }
    let mut max = vdupq_n_s32(i32::MIN);
    for (block, scores) in tiles_mut(scores, BLOCK).enumerate() {
        let first = block * BLOCK;
        let data = tile.keys.get(first * tile.dim..).unwrap_or(&[]);
        let keys = Matrix { data, inputs: tile.dim, stride: tile.dim };
        let sums = products(&mut packed, queries, keys, scores.len(), [vdupq_n_s32(0); BLOCK]);
        for (key, (to, sums)) in (first..).zip(scores.iter_mut().zip(sums)) {
            // SAFETY: 16 bytes.
            unsafe { vst1q_s32(to.as_mut_ptr(), sums) };
            max = if first + BLOCK <= shared {
                vmaxq_s32(max, sums)
            } else {
                let seen = vcgtq_s32(visible, vdupq_n_s32(key as i32));
                vbslq_s32(seen, vmaxq_s32(max, sums), max)
            };
        }
    }
    // SAFETY: 16 of 32 bytes.
    unsafe { vst1q_s32(tile.max.as_mut_ptr(), max) };
}

/// [`Kernels::tile_weighted_sum`](crate::kernels::Kernels::tile_weighted_sum)
///
/// # Safety
/// The core is `C`.
#[target_feature(enable = "neon")]
pub(super) unsafe fn tile_weighted_sum<C: Core, W: Weight>(tile: &mut Tile<'_, W>) {
    let Tile { values, value_dim, positions: stride, out_stride, .. } = *tile;
    let inputs = most(tile.visible);
    let queries = tile.visible.len().min(LANES);
    let weights: [&[W]; LANES] = core::array::from_fn(|lane| {
        let row = tile.weights.get(lane * stride..).unwrap_or(&[]);
        row.get(..inputs).filter(|_| lane < queries).unwrap_or(&[])
    });
    let sums: [u32; LANES] = core::array::from_fn(|lane| tile.sums[lane]);
    let scales = sums.map(|sum| RowScale::new(sum, tile.ratio));
    // Of few weights, the sums fit 32 bits and the scales drop none.
    let few = inputs <= portable::CHUNK;
    let offset = |sum: u32| if C::Weights::<W>::OFFSET { i64::from(sum) * 128 } else { 0 };
    let mut bytes = Bytes::new();
    // SAFETY: the caller knows the core.
    let mut packed = unsafe { Packed::<C::Weights<W>>::new(&mut bytes) };
    if few {
        packed.fill(weights, inputs);
    }
    let parts = scales.map(|scale| scale.parts());
    let (multipliers, shifts) = (parts.map(|part| part.0), parts.map(|part| -(part.1 as i32)));
    let offsets = sums.map(|sum| (offset(sum) as i32).wrapping_neg());
    // SAFETY: 16 bytes each.
    let [multiplier, shift, start] =
        [multipliers, shifts, offsets].each_ref().map(|lanes| unsafe { vld1q_s32(lanes.as_ptr()) });
    let mut first = 0;
    while first < value_dim {
        let count = BLOCK.min(value_dim - first);
        let data = values.get(first * stride..).unwrap_or(&[]);
        let bytes = if few {
            let sums = packed.products(data, stride, count, inputs, [start; BLOCK]);
            to_i8(sums.map(|sum| vrshlq_s32(vqdmulhq_s32(sum, multiplier), shift)))
        } else {
            let mut totals = [sums.map(|sum| -offset(sum)); BLOCK];
            for start in (0..inputs).step_by(portable::CHUNK) {
                let length = portable::CHUNK.min(inputs - start);
                packed.fill(weights.map(|row| row.get(start..).unwrap_or(&[])), length);
                let data = data.get(start..).unwrap_or(&[]);
                let sums = packed.products(data, stride, count, length, [vdupq_n_s32(0); BLOCK]);
                for (totals, sums) in totals.iter_mut().zip(sums) {
                    let mut lanes = [0i32; LANES];
                    // SAFETY: 16 bytes.
                    unsafe { vst1q_s32(lanes.as_mut_ptr(), sums) };
                    for (total, sum) in totals.iter_mut().zip(lanes) {
                        // Unsigned sums of 512 weights fill the word: 512 · 32767 · 255 < 2^32.
                        *total += if C::Weights::<W>::OFFSET { i64::from(sum as u32) } else { i64::from(sum) };
                    }
                }
            }
            let mut bytes = [0i8; BLOCK * LANES];
            for (to, totals) in bytes.as_chunks_mut::<LANES>().0.iter_mut().zip(totals) {
                for ((to, total), scale) in to.iter_mut().zip(totals).zip(scales) {
                    *to = scale.to_i8(total);
                }
            }
            // SAFETY: 32 bytes.
            let int8x16x2_t(a, b) = unsafe { vld1q_s8_x2(bytes.as_ptr()) };
            [a, b]
        };
        let rows = transposed(bytes);
        if queries == LANES && count == BLOCK {
            // SAFETY: these are some of the outputs of the tile's four queries.
            unsafe { write_rows(tile.out, first, out_stride, rows) };
        } else {
            for (lane, values) in rows.into_iter().enumerate().take(queries) {
                write(tile.out, lane * out_stride + first, count, values);
            }
        }
        first += BLOCK;
    }
}
