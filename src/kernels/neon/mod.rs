//! aarch64: NEON, and its dot product (SDOT, UDOT) on cores that have it.
//!
//! Everything is brought to one loop, [`Packed::products`]: four packed rows, one per lane, against rows of int8 as
//! they lie in memory. The packed rows are activations of four positions, four queries, or the softmax weights of
//! four queries; the int8 rows are weights, keys, or transposed values. Results have the four rows
//! side by side, and eight of them are requantised and transposed at a time.

mod attend;
mod linear;
mod norm;
mod operands;
mod output;
mod softmax;

use super::{Kernels, Matrix, NormView, Products, ScoreLayout, Tile};
use crate::arithmetic::softmax::Weight;
use attend::{tile_scores, tile_weighted_sum};
use core::arch::aarch64::*;
use linear::{linear, sums_of_two};
use operands::{BLOCK, LANES, Lanes, Operand, Packed, Sdot, Smlal, Smull, Udot};
use softmax::tile_softmax;

/// The backend for aarch64.
#[derive(Clone, Copy, Debug)]
pub struct Neon;

/// Whether the dot product is used: known when the crate is compiled, or found out with `std`.
#[inline]
fn dotprod() -> bool {
    #[cfg(all(feature = "std", not(target_feature = "dotprod")))]
    {
        std::arch::is_aarch64_feature_detected!("dotprod")
    }
    #[cfg(not(all(feature = "std", not(target_feature = "dotprod"))))]
    {
        cfg!(target_feature = "dotprod")
    }
}

/// The operands that a core has.
trait Core {
    /// int8 by any int8.
    type Scores: Operand<Value = i8>;
    /// int8 by int8 other than -128.
    type Tame: Operand<Value = i8>;
    /// Softmax weights by int8.
    type Weights<W: Weight>: Operand<Value = W>;
    /// Whether [`Core::Tame`] is worth looking for -128 among the weights.
    const LOOKS: bool;
}

/// NEON alone.
struct Plain;
impl Core for Plain {
    type Scores = Smull<false>;
    type Tame = Smull<true>;
    type Weights<W: Weight> = Smlal<W>;
    const LOOKS: bool = true;
}

/// NEON with the dot product.
struct Dotprod;
impl Core for Dotprod {
    type Scores = Sdot;
    type Tame = Sdot;
    type Weights<W: Weight> = Udot<W>;
    const LOOKS: bool = false;
}

/// Calls a function for the core that it runs on: `build.rs` chooses this backend only where NEON is part of the
/// target, and `dotprod` tells what else the core has.
macro_rules! on_core {
    ($function:ident, $($generic:ident,)? ($($argument:expr),*)) => {
        if dotprod() {
            $function::<Dotprod $(, $generic)?>($($argument),*)
        } else {
            $function::<Plain $(, $generic)?>($($argument),*)
        }
    };
}

impl Kernels for Neon {
    const NAME: &'static str = "NEON";

    fn name() -> &'static str {
        if dotprod() { "NEON with dot product" } else { Self::NAME }
    }

    const QUERIES: usize = LANES;

    fn linear(products: Products<'_, '_>) {
        // SAFETY: see `on_core`.
        unsafe { on_core!(linear, (products)) };
    }

    fn sums_of_two(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
        // SAFETY: see `on_core`.
        unsafe { on_core!(sums_of_two, (x, weights, sums)) };
    }

    fn tile_scores<W: Weight>(tile: &mut Tile<'_, W>) {
        // SAFETY: see `on_core`.
        unsafe { on_core!(tile_scores, W, (tile)) };
    }

    #[inline]
    fn score_layout<W>(_: &Tile<'_, W>) -> ScoreLayout {
        ScoreLayout { query: 1, key: LANES, up: 0 }
    }

    fn tile_softmax<W: Weight>(tile: &mut Tile<'_, W>) {
        // SAFETY: see `on_core`.
        unsafe { tile_softmax(tile) };
    }

    fn tile_weighted_sum<W: Weight>(tile: &mut Tile<'_, W>) {
        // SAFETY: see `on_core`.
        unsafe { on_core!(tile_weighted_sum, W, (tile)) };
    }

    fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
        // SAFETY: see `on_core`.
        unsafe { norm::layer_norm(x, norm, out) };
    }

    fn table(table: &[i8; 256], x: &mut [i8]) {
        // SAFETY: see `on_core`.
        unsafe { look_up(table, x) };
    }
}

/// Adds the products of four rows with `count` rows of `w`, `inputs` values each. The rows are packed already if
/// they fit.
#[inline]
#[target_feature(enable = "neon")]
fn products<O: Operand>(
    packed: &mut Packed<'_, O>,
    rows: [&[O::Value]; LANES],
    w: Matrix<'_>,
    count: usize,
    mut sums: [Lanes; BLOCK],
) -> [Lanes; BLOCK] {
    let Matrix { data, inputs, stride } = w;
    let capacity = Packed::<O>::CAPACITY;
    if inputs <= capacity {
        return packed.products(data, stride, count, inputs, sums);
    }
    let mut start = 0;
    while start < inputs {
        let length = capacity.min(inputs - start);
        packed.fill(rows.map(|row| row.get(start..).unwrap_or(&[])), length);
        sums = packed.products(data.get(start..).unwrap_or(&[]), stride, count, length, sums);
        start += length;
    }
    sums
}

/// Four tables of 64 bytes: an index beyond one of them leaves what the others gave.
#[target_feature(enable = "neon")]
fn look_up(table: &[i8; 256], x: &mut [i8]) {
    let from = table.as_ptr();
    // SAFETY: 64 of 256 bytes each.
    let [a, b, c, d] = [0, 64, 128, 192].map(|start| unsafe { vld1q_s8_x4(from.add(start)) });
    for x in super::tiles_mut(x, 16) {
        let mut padded = [0i8; 16];
        let whole = x.first_chunk_mut::<16>();
        let partial = whole.is_none();
        let at = match whole {
            Some(whole) => whole,
            None => {
                for (to, &from) in padded.iter_mut().zip(&*x) {
                    *to = from;
                }
                &mut padded
            }
        };
        // SAFETY: 16 bytes.
        let index = unsafe { vld1q_u8(at.as_ptr().cast()) };
        let y = vqtbl4q_s8(a, index);
        let y = vqtbx4q_s8(y, b, vsubq_u8(index, vdupq_n_u8(64)));
        let y = vqtbx4q_s8(y, c, vsubq_u8(index, vdupq_n_u8(128)));
        let y = vqtbx4q_s8(y, d, vsubq_u8(index, vdupq_n_u8(192)));
        // SAFETY: 16 bytes.
        unsafe { vst1q_s8(at.as_mut_ptr(), y) };
        if partial {
            for (to, from) in x.iter_mut().zip(padded) {
                *to = from;
            }
        }
    }
}
