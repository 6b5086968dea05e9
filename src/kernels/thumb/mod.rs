//! Cortex-M without the DSP extension: three int8 products for two multiplications.
//!
//! A sum of 64 int8 products takes 21 bits, so two 32-bit sums have room for three of them. Three activations `a`, `b`
//! and `c` become the two words `a + 2^21·b` and `c + 2^10·b`. Both are multiplied by a weight and added up modulo
//! 2^32, which leaves `A + 2^21·B` and `C + 2^10·B`, all sums made positive by what they start from. The first one's
//! low 21 bits are `A`, its upper ones the lower 11 bits of `B`; without these, the second is `C` in 21 bits, and above
//! it the rest of `B`.
//!
//! Six rows of activations make four words per inner position: on Armv7-M one loads them, a weight, and four MLA do six
//! products; on Armv6-M they take four MULS and four ADD, with the sums in the upper registers. The softmax weights
//! have 15 bits, which leaves no such room: they are multiplied one by one.

mod packed;
#[cfg(heedful_thumb1)]
mod v6m;
#[cfg(not(heedful_thumb1))]
mod v7m;

use super::tile::most;
use super::{
    Epilogue, Kernels, Layer, Matrix, NormView, Products, Rows, ScoreLayout, Tile, WeightObserver, holds, portable,
    rows, rows_mut, tiles, tiles_mut,
};
#[cfg(heedful_thumb1)]
use super::{Rotation, rotate};
use crate::softmax::{RowScale, Weight};
use core::mem::MaybeUninit;
use packed::Packed;
#[cfg(heedful_thumb1)]
use v6m as core_loops;
#[cfg(heedful_thumb1)]
pub(super) use v6m::{leading_zeros, long_product};
#[cfg(not(heedful_thumb1))]
use v7m as core_loops;

use core_loops::{INNER, OUTPUTS, QUERIES, add, largest, store, store_rows, weigh, weighted};

/// The backend for Cortex-M cores without SIMD.
#[derive(Clone, Copy, Debug)]
pub struct Thumb;

/// Rows of activations that are taken at a time: two triples, of which the second may be missing.
const LANES: usize = 2 * TRIPLE;
/// Rows that share two words.
const TRIPLE: usize = 3;
/// Products that a packed sum has room for.
const CHUNK: usize = 64;
/// What a packed sum starts from: -64·128·127 becomes positive, and 64·128·128 stays below 2^21.
const CENTRE: i32 = (1 << 20) - (1 << 12);

impl Kernels for Thumb {
    const NAME: &'static str = "Thumb";
    const QUERIES: usize = QUERIES;
    // Memory comes first on the smallest cores.
    const ROWS: usize = if cfg!(heedful_thumb1) { 4 } else { LANES };
    // Weights take the place of the scores; a row is laid out in order for a observer only.
    const WEIGHT_ROWS: usize = 1;

    // Not inlined, here and below: each copy would have its own buffers on the stack.
    #[inline(never)]
    fn linear(products: Products<'_, '_>) {
        let Products { x, rows, layers } = products;
        let mut packed = Packed::new();
        for first in (0..rows).step_by(LANES) {
            let lanes = (rows - first).min(LANES);
            let data = x.data.get(first * x.width..).unwrap_or(&[]);
            let mut filled = None;
            for layer in &mut *layers {
                // Rows that fit at once are packed once for all layers.
                let inputs = x.width.min(layer.weights.inputs);
                if inputs > INNER {
                    filled = None;
                } else if filled != Some(inputs) {
                    packed.fill(data, x.width, 0, inputs, lanes);
                    filled = Some(inputs);
                }
                // SAFETY: the layer is one of the products, and `data` begins with `lanes` rows of theirs, the first
                // one row `first`; they are packed if they fit.
                unsafe { tile_linear(Rows { data, ..x }, first, lanes, &mut packed, layer) };
            }
        }
    }

    /// As two rows of three that share two words.
    #[inline(never)]
    fn sums_of_two(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
        let Some(x) = weights.rows_for(x, sums.len()) else { return };
        let inputs = weights.inputs;
        let mut packed = Packed::new();
        sums.fill([0; 2]);
        let mut start = 0;
        while start < inputs {
            if start.is_multiple_of(INNER) {
                packed.fill_two(x, start, (inputs - start).min(INNER));
            }
            let length = (inputs - start).min(CHUNK);
            for (block, sums) in tiles_mut(sums, OUTPUTS).enumerate() {
                let mut memory = [MaybeUninit::uninit(); OUTPUTS * TRIPLE];
                let Some(more) = memory.get_mut(..sums.len() * TRIPLE) else { return };
                let from = block * OUTPUTS * weights.stride + start;
                let (w, stride) = (weights.data, weights.stride);
                packed.products(start % INNER, w, stride, from, length, sums.len(), more, false);
                for ([a, b], more) in sums.iter_mut().zip(more.as_chunks::<TRIPLE>().0) {
                    // SAFETY: the positions have been packed and all rows lie within `w` (checked above), so that
                    // `products` has written all sums.
                    let [more_a, more_b, _] = more.map(|sum| unsafe { sum.assume_init() });
                    *a = a.wrapping_add(more_a - CENTRE);
                    *b = b.wrapping_add(more_b - CENTRE);
                }
            }
            start += length;
        }
    }

    /// Scores lie as `[key][lane]`, with six lanes or three, all of them off by the same constant.
    #[inline(never)]
    fn tile_scores<W: Weight>(tile: &mut Tile<'_, W>) {
        let (lanes, wide) = lanes_of(tile);
        let keys = most(tile.visible);
        let Some(scores) = tile.scores.get_mut(..keys * width(wide)) else { return };
        let mut packed = Packed::new();
        let mut start = 0;
        while start < tile.dim {
            if start.is_multiple_of(INNER) {
                packed.fill(tile.queries, tile.dim, start, (tile.dim - start).min(INNER), lanes);
            }
            let length = (tile.dim - start).min(CHUNK);
            // SAFETY: `products` writes sums only.
            let sums = unsafe { room(scores) };
            packed.products(start % INNER, tile.keys, tile.dim, start, length, keys, sums, start > 0);
            start += length;
        }
        for (lane, (max, &visible)) in tile.max.iter_mut().zip(&*tile.visible).take(lanes).enumerate() {
            if visible > 0 {
                // SAFETY: the lane has `visible` scores, at least one.
                *max = unsafe { largest(wide, scores.as_ptr().wrapping_add(lane), visible) };
            }
        }
    }

    #[inline]
    fn score_layout<W>(tile: &Tile<'_, W>) -> ScoreLayout {
        ScoreLayout { query: 1, key: width(lanes_of(tile).1), up: 0 }
    }

    fn largest(scores: &[i32], step: usize) -> i32 {
        let wide = step == LANES && QUERIES > TRIPLE;
        if step != width(wide) || scores.is_empty() {
            return portable::largest(scores, step);
        }
        // SAFETY: of so many scores every `step`th is there, one at least.
        unsafe { largest(wide, scores.as_ptr(), scores.len().div_ceil(step)) }
    }

    /// Weights take the places of their scores.
    #[inline(never)]
    fn tile_softmax<W: Weight>(tile: &mut Tile<'_, W>) {
        let (lanes, wide) = lanes_of(tile);
        let keys = most(tile.visible);
        let Some(scores) = tile.scores.get_mut(..keys * width(wide)) else { return };
        let [a0, a1, a2] = W::POLYNOMIAL;
        let softmax = Softmax {
            steepness: tile.steepness.bits(),
            bias: (11 + W::SHIFT) << 11,
            a2,
            // (a·f·2^4 + 2^14) >> 15 is (a·f + 2^10) >> 11.
            a1: (a1 << 11) + (1 << 10),
            a0: (a0 << 11) + (1 << 10),
        };
        let all = tile.visible.iter().zip(&tile.max).zip(&mut tile.sums).take(lanes);
        for (lane, ((&visible, &max), sum)) in all.enumerate() {
            *sum = 0;
            if visible > 0 {
                // SAFETY: the lane has `visible` scores, at least one: they are at most `keys`.
                *sum = unsafe { weigh(wide, scores.as_mut_ptr().wrapping_add(lane), visible, &raw const softmax, max) };
            }
            if visible < keys {
                clear(scores, visible, lane, width(wide));
            }
        }
    }

    #[inline(never)]
    fn tile_weighted_sum<W: Weight>(tile: &mut Tile<'_, W>) {
        let (lanes, wide) = lanes_of(tile);
        let (keys, dims) = (most(tile.visible), tile.value_dim);
        let Some(weights) = tile.scores.get(..keys * width(wide)).filter(|_| lanes > 0) else { return };
        let scales: [RowScale; QUERIES] =
            core::array::from_fn(|lane| RowScale::new(tile.sums.get(lane).copied().unwrap_or(0), tile.ratio));
        let factors = scales.map(|scale| {
            let (multiplier, shift) = scale.parts();
            RowFactor { shift, multiplier: 2 * multiplier }
        });
        let Some(factors) = factors.get(..lanes) else { return };
        let mut sums = [const { MaybeUninit::uninit() }; OUTPUTS * QUERIES];
        let mut first = 0;
        while first < dims {
            let count = (dims - first).min(OUTPUTS);
            let values = tile.values.get(first * tile.positions..).unwrap_or(&[]);
            let Some(sums) = sums.get_mut(..count * width(wide)) else { return };
            if keys <= portable::CHUNK {
                weigh_values(weights, values, tile.positions, wide, sums);
            } else {
                weigh_long(weights, values, tile.positions, wide, &scales, sums);
            }
            let step = width(wide) * size_of::<i32>();
            let mut finish = Finish {
                values: sums.as_ptr().cast(),
                inner: step,
                outer: size_of::<i32>(),
                length: count * step,
                out: tile.out.as_mut_ptr().wrapping_add(first).cast(),
                out_inner: 1,
                out_outer: tile.out_stride,
                scales: factors.as_ptr().cast(),
                end: factors.as_ptr_range().end.cast(),
                centre: 0,
            };
            // SAFETY: there are a factor for each lane, at least one, and `count` sums of each, all written; the
            // outputs of all queries lie in `out`.
            unsafe { store_rows(&raw mut finish) };
            first += count;
        }
    }

    #[inline]
    fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
        core_loops::norm::layer_norm(x, norm, out);
    }

    #[cfg(heedful_thumb1)]
    #[inline(never)]
    fn rotate(rotation: Rotation<'_>, x: &[i16], out: &mut [i8]) {
        rotate::rotate_by(rotation, x, out, rotate::saturate_by_masks);
    }

    fn tile_show<W: Weight>(tile: &mut Tile<'_, W>, observer: &mut impl WeightObserver<W>) {
        let (_, wide) = lanes_of(tile);
        for (lane, &visible) in tile.visible.iter().enumerate() {
            let Some(row) = tile.weights.get_mut(..visible) else { return };
            for (to, weight) in row.iter_mut().zip(tile.scores.iter().skip(lane).step_by(width(wide).max(1))) {
                *to = W::from_int(*weight);
            }
            observer.row(lane, row);
        }
    }
}

/// Queries of the tile, and whether they fill more than a triple.
#[inline]
fn lanes_of<W>(tile: &Tile<'_, W>) -> (usize, bool) {
    let lanes = tile.visible.len().min(QUERIES);
    (lanes, lanes > TRIPLE)
}

/// Sums side by side for each row of weights, key or dimension.
#[inline]
const fn width(wide: bool) -> usize {
    if wide { LANES } else { TRIPLE }
}

/// Keys from `first` on weigh nothing.
// Not inlined, for it would be unrolled.
#[inline(never)]
fn clear(weights: &mut [i32], first: usize, lane: usize, width: usize) {
    for key in rows_mut(weights.get_mut(first * width..).unwrap_or(&mut []), width) {
        if let Some(weight) = key.get_mut(lane) {
            *weight = 0;
        }
    }
}

/// A slice that sums are written to.
///
/// # Safety
/// Nothing else is.
#[inline]
unsafe fn room(sums: &mut [i32]) -> &mut [MaybeUninit<i32>] {
    // SAFETY: the same layout, and the caller writes sums only.
    unsafe { core::slice::from_raw_parts_mut(sums.as_mut_ptr().cast(), sums.len()) }
}

/// What [`pack`] reads by offsets.
#[repr(C)]
struct Pack {
    rows: [*const i8; TRIPLE],
    /// Two words for each position, so many bytes apart.
    words: *mut u32,
    end: *const u32,
    step: usize,
}

/// What [`panel`] and [`weighted`] read by offsets.
#[repr(C)]
struct Panel {
    /// Packed activations, or softmax weights.
    x: *const u32,
    /// Inner positions.
    length: usize,
    /// The next row of weights, or values.
    w: *const i8,
    /// Bytes from a row to the next.
    stride: usize,
    /// Sums of the next row.
    sums: *mut i32,
    end: *const i32,
    /// 1 to add to the sums, else 0. [`weighted`] takes 0 only.
    more: u32,
}

/// What [`weigh`] reads by offsets.
#[repr(C)]
struct Softmax {
    steepness: u32,
    /// Added to the exponent, so that its octaves are the final shift.
    bias: u32,
    /// Coefficients, the lower two with rounding for a shift by 11.
    a2: i32,
    a1: i32,
    a0: i32,
}

/// What [`store`], [`add`] and [`store_rows`] read by offsets, and count up as they go: sums, a few for each scale.
#[repr(C)]
struct Finish {
    /// The first sum of the next scale.
    values: *const i32,
    /// Bytes to the next sum of the same scale, and from a scale's first sum to the next scale's.
    inner: usize,
    outer: usize,
    /// `inner` times the sums of one scale.
    length: usize,
    /// Where the first result of the next scale goes; bytes to the next results.
    out: *mut u8,
    out_inner: usize,
    out_outer: usize,
    /// Of [`Channel`](crate::Channel) or [`RowFactor`].
    scales: *const (),
    end: *const (),
    /// What the sums are too large by.
    centre: i32,
}

/// A [`RowScale`] for sums that drop no bits (any more).
#[repr(C)]
struct RowFactor {
    shift: u32,
    /// Twice the multiplier.
    multiplier: i32,
}

/// A layer of [`Products`] on a tile of up to six rows, of which the first is row `row` of the epilogue. The rows are
/// already packed if there is room for all.
///
/// # Safety
/// The layer fits rows as those of [`Products`] do, and `x` begins with `lanes` of these, one to six, of which the
/// first is row `row`; their inputs are packed if there is room for them.
#[inline]
unsafe fn tile_linear(x: Rows<'_>, row: usize, lanes: usize, packed: &mut Packed, layer: &mut Layer<'_>) {
    let Layer { weights, channels, epilogue } = layer;
    let inputs = x.width.min(weights.inputs);
    let mut memory = [const { MaybeUninit::uninit() }; OUTPUTS * LANES];
    let mut first = 0;
    for channels in tiles(channels, OUTPUTS) {
        let wide = width(lanes > TRIPLE);
        let Some(sums) = memory.get_mut(..channels.len() * wide) else { return };
        let mut centre = 0i32;
        let mut start = 0;
        while start < inputs {
            if inputs > INNER && start.is_multiple_of(INNER) {
                packed.fill(x.data, x.width, start, (inputs - start).min(INNER), lanes);
            }
            let length = (inputs - start).min(CHUNK);
            let from = first * weights.stride + start;
            packed.products(start % INNER, weights.data, weights.stride, from, length, channels.len(), sums, start > 0);
            centre = centre.wrapping_add(CENTRE);
            start += length;
        }
        let mut finish = Finish {
            values: sums.as_ptr().cast(),
            inner: size_of::<i32>(),
            outer: wide * size_of::<i32>(),
            length: lanes * size_of::<i32>(),
            out: core::ptr::null_mut(),
            out_inner: 0,
            out_outer: 0,
            scales: channels.as_ptr().cast(),
            end: channels.as_ptr_range().end.cast(),
            centre,
        };
        match epilogue {
            Epilogue::Store { out, row_stride, output_stride } => {
                finish.out = out.as_mut_ptr().wrapping_add(row * *row_stride + first * *output_stride).cast();
                (finish.out_inner, finish.out_outer) = (*row_stride, *output_stride);
                // SAFETY: there are sums of all lanes for each channel, and at least one of both; each row and output
                // of `Products` has a place.
                unsafe { store(&raw mut finish) };
            }
            Epilogue::Add { out, width } => {
                finish.out = out.as_mut_ptr().wrapping_add(row * *width + first).cast();
                // Wraps only where there is no other row.
                (finish.out_inner, finish.out_outer) = (width.wrapping_mul(2), 2);
                // SAFETY: as above.
                unsafe { add(&raw mut finish) };
            }
        }
        first += channels.len();
    }
}

/// `Σ w·v` of all lanes over some keys, at most 512, for as many dimensions as there is room for in `sums`. `values`
/// are rows, `stride` bytes apart.
#[inline(never)]
fn weigh_values(w: &[i32], values: &[i8], stride: usize, wide: bool, sums: &mut [MaybeUninit<i32>]) {
    let keys = w.len() / width(wide);
    let dims = sums.len() / width(wide);
    if keys == 0 || dims == 0 || !holds(values, dims, stride, keys) {
        sums.fill(MaybeUninit::new(0));
        return;
    }
    let panel = Panel {
        x: w.as_ptr().cast(),
        length: keys,
        w: values.as_ptr(),
        stride,
        sums: sums.as_mut_ptr().cast(),
        end: sums.as_ptr().wrapping_add(dims * width(wide)).cast(),
        more: 0,
    };
    // SAFETY: there are at least one key and one dimension; all rows of values hold as many keys (checked above).
    unsafe { weighted(wide, &raw const panel) };
}

/// [`weigh_values`] for any number of keys: in chunks, with the bits dropped that the scales say.
#[inline(never)]
fn weigh_long(
    w: &[i32],
    values: &[i8],
    stride: usize,
    wide: bool,
    scales: &[RowScale; QUERIES],
    sums: &mut [MaybeUninit<i32>],
) {
    let dims = sums.len() / width(wide);
    let mut totals = [0i64; OUTPUTS * QUERIES];
    for (chunk, w) in tiles(w, portable::CHUNK * width(wide)).enumerate() {
        let values = values.get(chunk * portable::CHUNK..).unwrap_or(&[]);
        // A dimension at a time: `sums` are in use.
        let mut part = [const { MaybeUninit::uninit() }; QUERIES];
        for (dim, totals) in rows_mut(&mut totals, width(wide)).enumerate().take(dims) {
            let (values, Some(part)) = (values.get(dim * stride..).unwrap_or(&[]), part.get_mut(..width(wide))) else {
                return;
            };
            weigh_values(w, values, stride, wide, part);
            for (total, sum) in totals.iter_mut().zip(part) {
                // SAFETY: `weigh_values` has written all of `part`.
                *total += i64::from(unsafe { sum.assume_init() });
            }
        }
    }
    for (sums, totals) in rows_mut(sums, width(wide)).zip(rows(&totals, width(wide))) {
        for ((sum, &total), scale) in sums.iter_mut().zip(totals).zip(scales) {
            sum.write((total >> scale.drop()) as i32);
        }
    }
}
