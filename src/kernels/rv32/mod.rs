//! RV32IM, no vectors: three int8 products for two multiplications.
//!
//! A sum of 64 int8 products takes 21 bits, so two 32-bit sums have room for three of them. Three activations `a`, `b`
//! and `c` become the two words `a + 2^21·b` and `c + 2^10·b`. Both are multiplied by a weight and added up modulo
//! 2^32, which leaves `A + 2^21·B` and `C + 2^10·B`, all sums made positive by what they start from. The first one's
//! low 21 bits are `A`, its upper ones the lower 11 bits of `B`; without these, the second is `C` in 21 bits, and above
//! it the rest of `B`.
//!
//! So [`panel`] takes six rows of activations, or six queries, as four words per inner position, and four rows of
//! weights, or keys, in place: 40 instructions for 24 products. The softmax weights have 15 bits, which leaves no
//! such room: [`weighted`] multiplies one by one, six queries by three dimensions.

#[macro_use]
mod macros;
mod lanes;
mod panel;
mod two;
mod weighted;

use super::tile::most;
use super::{
    Epilogue, Kernels, Layer, Matrix, Products, Rotation, Rows, ScoreLayout, Tile, WeightObserver, holds, portable,
    rotate, tiles,
};
use crate::requantise::Channel;
use crate::softmax::{RowScale, Weight};
use core::mem::MaybeUninit;
use lanes::{clamp_i8, clamp_i16, largest, weigh};
use panel::{panel, panel_half};
use weighted::{weighted, weighted_half};

/// The backend for RV32 cores with the M extension.
#[derive(Clone, Copy, Debug)]
pub struct Rv32;

/// Rows of activations, or queries, that are taken at a time: two triples.
const LANES: usize = 6;
/// Rows of weights, or keys, that [`panel`] takes at a time.
const ROWS: usize = 4;
/// Dimensions that [`weighted`] takes at a time.
const DIMS: usize = 3;
/// Products that a packed sum has room for.
const CHUNK: usize = 64;
/// Inner positions that are packed at a time: 3 KiB of stack.
const INNER: usize = 3 * CHUNK;
/// Outputs, or dimensions, whose sums are in memory at a time.
const OUTPUTS: usize = 18;
/// What a packed sum starts from: -64·128·127 becomes positive, and 64·128·128 stays below 2^21.
const CENTRE: i32 = (1 << 20) - (1 << 12);

/// One value per row of activations.
type Lanes = [i32; LANES];

impl Kernels for Rv32 {
    const NAME: &'static str = "RV32";
    const QUERIES: usize = LANES;
    const ROWS: usize = LANES;
    // Weights take the place of the scores; a row is laid out in order for a observer only.
    const WEIGHT_ROWS: usize = 1;

    // Not inlined, here and below: each copy would have its own buffers on the stack.
    #[inline(never)]
    fn linear(products: Products<'_, '_>) {
        let Products { x, rows, layers } = products;
        let mut expanded = Expanded::new();
        for first in (0..rows).step_by(LANES) {
            let lanes = (rows - first).min(LANES);
            let data = x.data.get(first * x.width..).unwrap_or(&[]);
            let mut filled = None;
            for layer in &mut *layers {
                let inputs = x.width.min(layer.weights.inputs);
                // Rows that fit at once are packed once for all layers of as many inputs.
                if filled != Some(inputs) {
                    if inputs <= INNER {
                        expanded.fill(data, x.width, 0, inputs, lanes);
                    }
                    filled = Some(inputs);
                }
                // SAFETY: the rows are those of `Products` from `first` on, of which `lanes` are there, and so is the
                // layer.
                unsafe { tile_linear(Rows { data, ..x }, first, lanes, &mut expanded, layer) };
            }
        }
    }

    fn sums_of_two(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
        two::sums(x, weights, sums);
    }

    /// Scores lie as `[key][lane]`, times 2^8, all of them off by the same constant.
    #[inline(never)]
    fn tile_scores<W: Weight>(tile: &mut Tile<'_, W>) {
        let (scores, _) = tile.scores.as_chunks_mut::<LANES>();
        let Some(scores) = scores.get_mut(..most(tile.visible)) else { return };
        let mut expanded = Expanded::new();
        let mut start = 0;
        while start < tile.dim {
            let length = (tile.dim - start).min(CHUNK);
            expanded.fill(tile.queries, tile.dim, start, length, tile.visible.len());
            if start == 0 {
                expanded.products(0, tile.keys, tile.dim, 0, length, 8, scores);
            } else {
                for (i, scores) in scores.iter_mut().enumerate() {
                    let mut more = [[0; LANES]];
                    expanded.products(0, tile.keys, 0, i * tile.dim + start, length, 8, &mut more);
                    for (score, more) in scores.iter_mut().zip(more.as_flattened()) {
                        *score = score.wrapping_add(*more);
                    }
                }
            }
            start += length;
        }
        for (lane, (max, &visible)) in tile.max.iter_mut().zip(&*tile.visible).enumerate() {
            if lane < LANES && visible > 0 {
                // SAFETY: the lane has `visible` scores, at least one.
                *max = unsafe { largest(scores.as_ptr().cast::<i32>().add(lane), visible) };
            }
        }
    }

    #[inline]
    fn score_layout<W>(_: &Tile<'_, W>) -> ScoreLayout {
        ScoreLayout { query: 1, key: LANES, up: 8 }
    }

    fn largest(scores: &[i32], step: usize) -> i32 {
        if step != LANES || scores.is_empty() {
            return portable::largest(scores, step);
        }
        // SAFETY: of so many scores every sixth is there, one at least.
        unsafe { largest(scores.as_ptr(), scores.len().div_ceil(LANES)) }
    }

    #[inline(never)]
    fn tile_softmax<W: Weight>(tile: &mut Tile<'_, W>) {
        let (scores, _) = tile.scores.as_chunks_mut::<LANES>();
        let Some(scores) = scores.get_mut(..most(tile.visible)) else { return };
        let [a0, a1, a2] = W::POLYNOMIAL;
        let softmax = Softmax {
            steepness: tile.steepness.bits(),
            a2,
            // (a·f·2^4 + 2^14) >> 15 is (a·f + 2^10) >> 11.
            a1: (a1 << 11) + (1 << 10),
            a0: (a0 << 11) + (1 << 10),
            half: 1 << (10 + W::SHIFT),
            places: 11 + W::SHIFT,
        };
        let lanes = tile.visible.iter().zip(&tile.max).zip(&mut tile.sums).take(LANES);
        for (lane, ((&seen, &max), sum)) in lanes.enumerate() {
            *sum = 0;
            if seen > 0 {
                // SAFETY: the lane has `seen` scores, at least one.
                *sum = unsafe { weigh(scores.as_mut_ptr().cast::<i32>().add(lane), seen, &raw const softmax, max) };
            }
            for unseen in scores.iter_mut().skip(seen) {
                if let Some(weight) = unseen.get_mut(lane) {
                    *weight = 0;
                }
            }
        }
    }

    #[inline(never)]
    fn tile_weighted_sum<W: Weight>(tile: &mut Tile<'_, W>) {
        let (weights, _) = tile.scores.as_chunks::<LANES>();
        let (keys, dims, lanes) = (most(tile.visible), tile.value_dim, tile.visible.len().min(LANES));
        let Some(weights) = weights.get(..keys) else { return };
        let scales: [RowScale; LANES] =
            core::array::from_fn(|lane| RowScale::new(tile.sums.get(lane).copied().unwrap_or(0), tile.ratio));
        let mut first = 0;
        while first < dims {
            let count = (dims - first).min(OUTPUTS);
            let values = tile.values.get(first * tile.positions..).unwrap_or(&[]);
            let mut sums = [[0; LANES]; OUTPUTS];
            if keys <= portable::CHUNK {
                weigh_values(weights, values, tile.positions, lanes, count, &mut sums);
            } else {
                weigh_long(weights, values, tile.positions, lanes, count, &scales, &mut sums);
            }
            // Sums of one chunk drop nothing.
            for (lane, scale) in scales.iter().enumerate().take(lanes) {
                let (multiplier, shift) = scale.parts();
                let multiplier = 2 * multiplier;
                let half = half(shift);
                let mut out = tile.out.as_mut_ptr().wrapping_add(lane * tile.out_stride + first);
                for sums in sums.iter().take(count) {
                    // SAFETY: the outputs of all queries lie in `out`.
                    unsafe { *out = clamp_i8(scaled(sums.get(lane).copied().unwrap_or(0), multiplier, half, shift)) };
                    out = out.wrapping_add(1);
                }
            }
            first += count;
        }
    }

    #[inline(never)]
    fn rotate(rotation: Rotation<'_>, x: &[i16], out: &mut [i8]) {
        rotate::rotate_by(rotation, x, out, clamp_i8);
    }

    fn tile_show<W: Weight>(tile: &mut Tile<'_, W>, observer: &mut impl WeightObserver<W>) {
        let (weights, _) = tile.scores.as_chunks::<LANES>();
        for (lane, &visible) in tile.visible.iter().enumerate() {
            let Some(row) = tile.weights.get_mut(..visible) else { return };
            for (to, weight) in row.iter_mut().zip(weights.iter().filter_map(|weights| weights.get(lane))) {
                *to = W::from_int(*weight);
            }
            observer.row(lane, row);
        }
    }
}

/// What [`panel`] reads by offsets, and counts up as it goes.
#[repr(C)]
struct Panel {
    /// Packed activations.
    x: *const u32,
    /// The next row of weights.
    w: *const i8,
    /// Bytes from a row to the next.
    stride: usize,
    /// Inner positions.
    length: usize,
    /// The next four sums.
    sums: *mut Lanes,
    /// Blocks of four rows that are left.
    blocks: usize,
    /// Bits that sums are shifted left.
    up: u32,
}

/// What [`weigh`] reads by offsets.
#[repr(C)]
struct Softmax {
    steepness: u32,
    /// Coefficients, the lower two with rounding for a shift by 11.
    a2: i32,
    a1: i32,
    a0: i32,
    /// The last rounding shift, after that by the octaves.
    half: i32,
    places: u32,
}

/// What [`weighted`] reads by offsets, and counts up as it goes.
#[repr(C)]
struct Weighted {
    w: *const Lanes,
    /// The next row of values.
    v: *const i8,
    /// Bytes from a row to the next.
    stride: usize,
    keys: usize,
    /// The next three sums.
    sums: *mut Lanes,
    /// Blocks of three dimensions that are left.
    blocks: usize,
}

/// A layer of [`Products`] on a tile of up to six rows, of which the first is row `row` of the epilogue. The rows are
/// already packed if there is room for all.
///
/// # Safety
/// The layer has a place for each of its outputs and of the `lanes` rows from `row` on, at most six.
#[inline(never)]
unsafe fn tile_linear(x: Rows<'_>, row: usize, lanes: usize, expanded: &mut Expanded, layer: &mut Layer<'_>) {
    let Layer { weights, channels, epilogue } = layer;
    let inputs = x.width.min(weights.inputs);
    let mut memory = [[0; LANES]; OUTPUTS];
    for (block, channels) in tiles(channels, OUTPUTS / ROWS * ROWS).enumerate() {
        let first = block * (OUTPUTS / ROWS * ROWS);
        let Some(sums) = memory.get_mut(..channels.len()) else { return };
        let mut centre = 0i32;
        let mut start = 0;
        while start < inputs {
            let length = (inputs - start).min(CHUNK);
            if inputs > INNER && start.is_multiple_of(INNER) {
                expanded.fill(x.data, x.width, start, (inputs - start).min(INNER), lanes);
            }
            let place = if inputs > INNER { start % INNER } else { start };
            let from = first * weights.stride + start;
            if start == 0 {
                expanded.products(place, weights.data, weights.stride, from, length, 0, sums);
            } else {
                let mut more = [[0; LANES]; OUTPUTS];
                let Some(more) = more.get_mut(..channels.len()) else { return };
                expanded.products(place, weights.data, weights.stride, from, length, 0, more);
                for (sum, &more) in sums.as_flattened_mut().iter_mut().zip(more.as_flattened()) {
                    *sum = sum.wrapping_add(more);
                }
            }
            centre = centre.wrapping_add(CENTRE);
            start += length;
        }
        // SAFETY: of the layer's outputs, these are some.
        unsafe { put(epilogue, row, lanes, first, sums, channels, centre) };
    }
}

/// Requantises the sums of some outputs, from `first` on, of a layer of [`Products`], each off by `centre`, and puts
/// them into the epilogue from row `row` on.
///
/// # Safety
/// The epilogue has a place for each of these outputs and of the `lanes` rows from `row` on.
#[inline]
unsafe fn put(
    epilogue: &mut Epilogue<'_>,
    row: usize,
    lanes: usize,
    first: usize,
    sums: &[Lanes],
    channels: &[Channel],
    centre: i32,
) {
    match epilogue {
        Epilogue::Store { out, row_stride, output_stride } => {
            let mut start = out.as_mut_ptr().wrapping_add(row * *row_stride + first * *output_stride);
            for (sums, channel) in sums.iter().zip(channels) {
                let (multiplier, shift) = (2 * channel.scale.bits(), channel.scale.shift());
                let (bias, half) = (channel.bias.wrapping_sub(centre), half(shift));
                let mut to = start;
                let store = |sum: i32| {
                    // SAFETY: each row and output has a place, as the caller has promised.
                    unsafe { *to = clamp_i8(scaled(sum.wrapping_add(bias), multiplier, half, shift)) };
                    to = to.wrapping_add(*row_stride);
                };
                if lanes == LANES {
                    sums.iter().copied().for_each(store);
                } else {
                    sums.iter().copied().take(lanes).for_each(store);
                }
                start = start.wrapping_add(*output_stride);
            }
        }
        Epilogue::Add { out, width } => {
            let mut start = out.as_mut_ptr().wrapping_add(row * *width + first);
            for (sums, channel) in sums.iter().zip(channels) {
                let (multiplier, shift) = (2 * channel.scale.bits(), channel.scale.shift());
                let (bias, half) = (channel.bias.wrapping_sub(centre), half(shift));
                let mut to = start;
                let add = |sum: i32| {
                    let value = clamp_i16(scaled(sum.wrapping_add(bias), multiplier, half, shift));
                    // SAFETY: each row and output has a place, as the caller has promised.
                    unsafe { *to = clamp_i16(i32::from(*to) + i32::from(value)) };
                    to = to.wrapping_add(*width);
                };
                if lanes == LANES {
                    sums.iter().copied().for_each(add);
                } else {
                    sums.iter().copied().take(lanes).for_each(add);
                }
                start = start.wrapping_add(1);
            }
        }
    }
}

/// As [`Scale::requantise`](crate::Scale::requantise), from twice the multiplier and half a unit of the shift.
#[inline]
fn scaled(sum: i32, multiplier: i32, half: i32, shift: u32) -> i32 {
    let high = ((i64::from(sum) * i64::from(multiplier)) >> 32) as i32;
    high.wrapping_add(half).wrapping_shr(shift)
}

#[inline]
fn half(shift: u32) -> i32 {
    1i32.wrapping_shl(shift.wrapping_sub(1))
}

/// `Σ w·v` of up to six queries over some keys, at most 512, for `dims` dimensions, at most as many as `sums`. `values`
/// are rows, `stride` bytes apart.
#[inline(never)]
fn weigh_values(w: &[Lanes], values: &[i8], stride: usize, lanes: usize, dims: usize, sums: &mut [Lanes; OUTPUTS]) {
    let run = if lanes > LANES / 2 { weighted } else { weighted_half };
    if dims > OUTPUTS || w.is_empty() || !holds(values, dims, stride, w.len()) {
        return;
    }
    let mut call = |first: usize, stride: usize, step: usize, blocks: usize| {
        let (v, sums) = (values.as_ptr().wrapping_add(first * step), sums.as_mut_ptr().wrapping_add(first));
        let mut weighted = Weighted { w: w.as_ptr(), v, stride, keys: w.len(), sums, blocks };
        // SAFETY: there is at least one key and one block. All rows of values hold as many keys (checked above), and
        // the sums are as many as the rows, but for the last ones below.
        unsafe { run(&raw mut weighted) };
    };
    if dims >= DIMS {
        call(0, stride, stride, dims / DIMS);
        if !dims.is_multiple_of(DIMS) {
            // Dimensions that have been summed up already come out the same.
            call(dims - DIMS, stride, stride, 1);
        }
    } else {
        // Three times the same row; what is written behind its sums is not used, or written again.
        for dim in 0..dims {
            call(dim, 0, stride, 1);
        }
    }
}

/// [`weigh_values`] for any number of keys: in chunks, with the bits dropped that the scales say.
#[inline(never)]
fn weigh_long(
    w: &[Lanes],
    values: &[i8],
    stride: usize,
    lanes: usize,
    dims: usize,
    scales: &[RowScale; LANES],
    sums: &mut [Lanes; OUTPUTS],
) {
    let mut totals = [[0i64; LANES]; OUTPUTS];
    for (chunk, w) in tiles(w, portable::CHUNK).enumerate() {
        let values = values.get(chunk * portable::CHUNK..).unwrap_or(&[]);
        weigh_values(w, values, stride, lanes, dims, sums);
        for (total, &sum) in totals.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
            *total += i64::from(sum);
        }
    }
    for (sum, total) in sums.iter_mut().zip(&totals) {
        for ((sum, &total), scale) in sum.iter_mut().zip(total).zip(scales) {
            *sum = (total >> scale.drop()) as i32;
        }
    }
}

/// Up to six rows of activations, packed. For each inner position there are two words for each triple of rows: one
/// triple or two.
struct Expanded {
    /// Written before they are read, up to `filled`: zeros would cost as much as all else in a tile.
    words: [MaybeUninit<u32>; INNER * 4],
    filled: usize,
    /// Whether there are two triples.
    both: bool,
}

impl Expanded {
    #[inline]
    const fn new() -> Self {
        Self { words: [const { MaybeUninit::uninit() }; _], filled: 0, both: false }
    }

    /// Takes `length` values, at most `INNER`, from `start` on of each of `lanes` rows of `x` `[rows][width]`; what is
    /// missing becomes 0.
    #[inline(never)]
    fn fill(&mut self, x: &[i8], width: usize, start: usize, length: usize, lanes: usize) {
        self.both = lanes > LANES / 2;
        let length = length.min(INNER);
        self.filled = if self.both { 4 * length } else { 2 * length };
        for first in [0, LANES / 2].into_iter().take(1 + usize::from(self.both)) {
            let row = |lane: usize| {
                let row = if lane < lanes { x.get(lane * width + start..) } else { None };
                row.and_then(|row| row.get(..length)).unwrap_or(&[0; INNER])
            };
            let rows = row(first).iter().zip(row(first + 1)).zip(row(first + 2)).take(length);
            let pack = |((&a, &b), &c): ((&i8, &i8), &i8)| {
                let (a, b, c) = (i32::from(a), i32::from(b), i32::from(c));
                [(a + (b << 21)) as u32, (c + (b << 10)) as u32].map(MaybeUninit::new)
            };
            let (pairs, _) = self.words.as_chunks_mut::<2>();
            if self.both {
                let (quads, _) = pairs.as_chunks_mut::<2>();
                for (to, row) in quads.iter_mut().zip(rows) {
                    let [low, high] = to;
                    *(if first == 0 { low } else { high }) = pack(row);
                }
            } else {
                for (to, row) in pairs.iter_mut().zip(rows) {
                    *to = pack(row);
                }
            }
        }
    }

    /// For each element of `sums`, the products with a row of `w`, off by [`CENTRE`] and times `2^up`. The rows are
    /// `stride` bytes apart, the first one begins at `from`; `length` of each count, at most `CHUNK`. The packed
    /// activations begin at `place`.
    #[inline(never)]
    #[allow(clippy::too_many_arguments)]
    fn products(&self, place: usize, w: &[i8], stride: usize, from: usize, length: usize, up: u32, sums: &mut [Lanes]) {
        let words = if self.both { 4 } else { 2 };
        let run = if self.both { panel } else { panel_half };
        let rows = sums.len();
        let (Some(x), Some(w)) = (self.words.get(place * words..self.filled), w.get(from..)) else { return };
        if !(1..=CHUNK).contains(&length) || x.len() < length * words || !holds(w, rows, stride, length) {
            return;
        }
        let call = |first: usize, stride_now: usize, sums: *mut Lanes, blocks: usize| {
            let w = w.as_ptr().wrapping_add(first * stride);
            let mut panel = Panel { x: x.as_ptr().cast(), w, stride: stride_now, length, sums, blocks, up };
            // SAFETY: `x` has been filled and holds `length` groups, at least one, and all rows end within `w` (checked
            // above); there is at least one block, and four sums for each.
            unsafe { run(&raw mut panel) };
        };
        let start = sums.as_mut_ptr();
        if rows >= ROWS {
            call(0, stride, start, rows / ROWS);
            if !rows.is_multiple_of(ROWS) {
                // Rows that have been done already come out the same.
                call(rows - ROWS, stride, start.wrapping_add(rows - ROWS), 1);
            }
        } else {
            for (row, sum) in sums.iter_mut().enumerate() {
                let mut same = [[0; LANES]; ROWS];
                call(row, 0, same.as_mut_ptr(), 1);
                *sum = same[0];
            }
        }
    }
}
