//! Hosts: portable SIMD through the crate `wide`, which takes what the build's target features offer (SSE2,
//! AVX2, NEON, WebAssembly's simd128) and falls back to plain code.
//!
//! Products go by 16 inner positions: int8 is widened to 16 bits and multiplied in pairs
//! (PMADDWD), four rows of weights at a time, so that a row of activations is widened once for the four.

use super::{Kernels, Layer, Products, RowScale, holds, portable};
use crate::arithmetic::softmax::Weight;
use wide::{i8x16, i16x16, i32x8};

/// The backend for hosts.
#[derive(Clone, Copy, Debug)]
pub struct Wide;

/// Inner positions per step.
const STEP: usize = 16;
/// Rows of int8 per pass.
const BLOCK: usize = 4;

impl Kernels for Wide {
    const NAME: &'static str = "wide";

    fn linear(products: Products<'_, '_>) {
        let Products { x, layers, .. } = products;
        for Layer { weights, channels, epilogue } in layers {
            for (row, x) in x.iter().enumerate() {
                let x = x.get(..weights.inputs).unwrap_or(x);
                let mut output = 0;
                each_block(weights.data, weights.stride, x.len(), channels.len(), |rows| {
                    for sum in dots(x, rows, i8x16_to_i16x16, i32::from) {
                        let Some(&channel) = channels.get(output) else { return };
                        epilogue.put(row, output, channel.bias.wrapping_add(sum), channel);
                        output += 1;
                    }
                });
            }
        }
    }

    fn scores(query: &[i8], keys: &[i8], scores: &mut [i32]) -> i32 {
        let mut max = i32::MIN;
        if query.is_empty() || !holds(keys, scores.len(), query.len(), query.len()) {
            return max;
        }
        let mut to = scores.iter_mut();
        each_block(keys, query.len(), query.len(), to.len(), |rows| {
            for sum in dots(query, rows, i8x16_to_i16x16, i32::from) {
                let Some(score) = to.next() else { return };
                *score = sum;
                max = max.max(sum);
            }
        });
        max
    }

    fn weighted_sum<W: Weight>(weights: &[W], values: &[i8], stride: usize, scale: RowScale, out: &mut [i8]) {
        if !holds(values, out.len(), stride, weights.len()) {
            return;
        }
        let mut to = out.iter_mut();
        each_block(values, stride, weights.len(), to.len(), |rows| {
            let mut sums = [0i64; BLOCK];
            for (chunk, weights) in weights.chunks(portable::CHUNK).enumerate() {
                let first = chunk * portable::CHUNK;
                let rows = rows.map(|row| row.get(first..).unwrap_or(&[]));
                for (total, sum) in sums.iter_mut().zip(dots(weights, rows, widen_weights, W::to_int)) {
                    *total += i64::from(sum);
                }
            }
            for sum in sums {
                let Some(out) = to.next() else { return };
                *out = scale.to_i8(sum);
            }
        });
    }
}

fn i8x16_to_i16x16(x: &[i8; STEP]) -> i16x16 {
    i16x16::from(i8x16::new(*x))
}

fn widen_weights<W: Weight>(weights: &[W; STEP]) -> i16x16 {
    i16x16::new(weights.map(|w| w.to_int() as i16))
}

/// Calls `f` with the next rows of `data`, four at a time; rows after the last one are empty.
/// The last row needs `length` values only, where others are `stride` apart.
fn each_block(data: &[i8], stride: usize, length: usize, rows: usize, mut f: impl FnMut([&[i8]; BLOCK])) {
    let row = |i: usize| if i < rows { data.get(i * stride..)?.get(..length) } else { None };
    for first in (0..rows).step_by(BLOCK) {
        f(core::array::from_fn(|i| row(first + i).unwrap_or(&[])));
    }
}

/// `Σ x·w` for four rows.
#[inline]
fn dots<X: Copy>(
    x: &[X],
    rows: [&[i8]; BLOCK],
    widen: impl Fn(&[X; STEP]) -> i16x16,
    to_int: impl Fn(X) -> i32,
) -> [i32; BLOCK] {
    let mut sums = [i32x8::ZERO; BLOCK];
    let (steps, _) = x.as_chunks::<STEP>();
    let rows_in_steps = rows.map(|row| row.as_chunks::<STEP>().0);
    for (i, x) in steps.iter().enumerate() {
        let x = widen(x);
        for (sum, row) in sums.iter_mut().zip(rows_in_steps) {
            if let Some(w) = row.get(i) {
                *sum += x.dot(i8x16_to_i16x16(w));
            }
        }
    }
    let done = steps.len() * STEP;
    core::array::from_fn(|i| {
        let tail = x.iter().skip(done).zip(rows[i].iter().skip(done));
        sums[i].reduce_add() + tail.map(|(&x, &w)| to_int(x) * i32::from(w)).sum::<i32>()
    })
}
