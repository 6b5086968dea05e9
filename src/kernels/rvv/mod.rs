//! RISC-V vectors: Zve32x and up, registers of any length.
//!
//! No sum crosses lanes. A lane is a row of activations, a key or a dimension, and each instruction multiplies one
//! weight, one value of a query or one softmax weight by all lanes (VWMACC): i16 by i16 to i32, in three groups of
//! eight registers. So requantisation is vector code as well, and a product costs the same however short it is.
//! Activations are transposed once per tile; keys and values are read with a stride, in place.
//!
//! The start-up code must switch vectors on (`mstatus.VS`; with V also `FS`).

#[macro_use]
mod macros;
mod loops;
mod rows;

use super::generic::linear::{self, Block, LinearBlocks, RowTile, TileLinear};
use super::tile::most;
use super::{Epilogue, Kernels, Layer, Matrix, NormView, Products, Tile, hidden15, holds, portable, tiles_mut};
use crate::arithmetic::softmax::{RowScale, Steepness, Weight};
use core::mem::{MaybeUninit, size_of};

/// The backend for RISC-V cores with vectors.
#[derive(Clone, Copy, Debug)]
pub struct Rvv;

/// Outputs, or queries, that are taken at a time: each has eight registers of sums.
const LINES: usize = 3;
/// The most lanes, whatever the registers hold; `loops` knows it, too.
const LANES: usize = 64;
/// Transposed activations: 4 KiB of stack.
const COLUMNS: usize = 4096;
/// Inner positions that are transposed at a time.
const INNER: usize = 256;

/// Sums of one output, or query.
type Sums = [i32; LANES];

impl Kernels for Rvv {
    const NAME: &'static str = "RVV";
    const QUERIES: usize = LINES;
    // A register of rows, up to VLEN 512.
    const ROWS: usize = 16;

    // Not inlined, here and below: each copy would have its own buffers on the stack.
    #[inline(never)]
    fn linear(products: Products<'_, '_>) {
        // Tiles of the same size, as many rows as there are lanes and as fit after transposition.
        let Products { x, rows, layers } = products;
        let most = most_lanes().min(COLUMNS.checked_div(x.width.min(INNER)).unwrap_or(1));
        let count = rows.checked_div(most).unwrap_or(0) + usize::from(!rows.is_multiple_of(most));
        let lanes = rows.checked_div(count).unwrap_or(0) + usize::from(!rows.is_multiple_of(count));
        let (columns, sums) = ([const { MaybeUninit::uninit() }; COLUMNS], MaybeUninit::uninit());
        // SAFETY: these are all rows and layers of the products; lanes are as many as registers hold, and as the
        // columns have room for.
        unsafe { linear::linear(&mut Three { columns, sums }, x, rows, lanes, layers) };
    }

    /// As scores of two queries, if the weights lie side by side.
    #[inline(never)]
    fn sums_of_two(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
        let Matrix { inputs, stride, .. } = weights;
        if stride != inputs {
            return hidden15::sums_of_two(x, weights, sums, Self::scores);
        }
        let Some(x) = weights.rows_for(x, sums.len()) else { return };
        for (block, sums) in tiles_mut(sums, 32).enumerate() {
            let mut memory = [[0; 32]; LINES];
            let keys = weights.data.as_ptr().wrapping_add(block * 32 * inputs);
            let [a, b] = x.map(<[i8]>::as_ptr);
            // SAFETY: there are as many rows of `inputs` bytes as sums, at least one each, and both queries have as
            // many (checked above); `memory` has three rows of 32.
            unsafe {
                loops::scores(keys, a, b, b, inputs, memory.as_mut_ptr().cast(), size_of::<[i32; 32]>(), sums.len());
            }
            let [a, b, _] = &memory;
            for (sums, (&a, &b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                *sums = [a, b];
            }
        }
    }

    #[inline(never)]
    fn tile_scores<W: Weight>(tile: &mut Tile<'_, W>) {
        let (count, queries) = (most(tile.visible), tile.visible.len().min(LINES));
        if queries == 0 || count == 0 || LINES * tile.positions > tile.scores.len() {
            return;
        }
        let query = |i: usize| tile.queries.as_ptr().wrapping_add(i.min(queries - 1) * tile.dim);
        let pitch = tile.positions * size_of::<i32>();
        // SAFETY: there are `count` keys of `dim` bytes and `queries` queries, at least one each; scores hold three
        // rows, `pitch` bytes apart (checked above).
        unsafe {
            let scores = tile.scores.as_mut_ptr();
            loops::scores(tile.keys.as_ptr(), query(0), query(1), query(2), tile.dim, scores, pitch, count);
        }
        for (i, (max, &visible)) in tile.max.iter_mut().zip(&*tile.visible).enumerate() {
            let row = tile.scores.get(i * tile.positions..).and_then(|row| row.get(..visible)).unwrap_or(&[]);
            if !row.is_empty() {
                // SAFETY: the row is as long as said, and not empty.
                *max = unsafe { rows::largest(row.as_ptr(), row.len()) };
            }
        }
    }

    fn largest(scores: &[i32], step: usize) -> i32 {
        if step != 1 || scores.is_empty() {
            return portable::largest(scores, step);
        }
        // SAFETY: the row is as long as said, and not empty.
        unsafe { rows::largest(scores.as_ptr(), scores.len()) }
    }

    #[inline]
    fn exp2<W: Weight>(scores: &[i32], max: i32, steepness: Steepness, weights: &mut [W]) -> u32 {
        let count = scores.len().min(weights.len());
        if count == 0 {
            return 0;
        }
        let [a0, a1, a2] = W::POLYNOMIAL;
        let softmax = Softmax {
            steepness: steepness.bits(),
            a2,
            a1,
            a0,
            shift: W::SHIFT,
            last: ((16 - W::SHIFT) << 11) - 1,
            narrow: u32::from(size_of::<W>() == 1),
        };
        // SAFETY: both slices hold `count` elements, at least one; weights have 8 or 16 bits, of any value.
        unsafe { rows::weigh(scores.as_ptr(), count, weights.as_mut_ptr().cast(), &raw const softmax, max) }
    }

    #[inline(never)]
    fn tile_weighted_sum<W: Weight>(tile: &mut Tile<'_, W>) {
        let (count, queries) = (most(tile.visible), tile.visible.len().min(LINES));
        if count == 0 || !holds(tile.weights, queries, tile.positions, count) {
            return portable::tile_weighted_sum(tile, Self::weighted_sum::<W>);
        }
        // What a query does not see, but another does, weighs nothing.
        for (i, &visible) in tile.visible.iter().enumerate() {
            let row = tile.weights.get_mut(i * tile.positions..).and_then(|row| row.get_mut(..count));
            row.and_then(|row| row.get_mut(visible..)).unwrap_or(&mut []).fill(W::ZERO);
        }
        let scales: [RowScale; LINES] =
            core::array::from_fn(|i| RowScale::new(tile.sums.get(i).copied().unwrap_or(0), tile.ratio));
        let Some(scales) = scales.get(..queries) else { return };
        let most = most_lanes();
        let mut first = 0;
        while first < tile.value_dim {
            let dims = (tile.value_dim - first).min(most);
            // SAFETY: all rows of values hold `count` keys, at least one, and so do those of weights (checked above),
            // one for each scale; each query's output holds all dimensions, of which registers hold as many as are
            // taken.
            unsafe { weigh_values(tile, first, dims, count, scales) };
            first += dims;
        }
    }

    #[inline(never)]
    fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
        let n = x.len();
        if !norm.takes(x, out) {
            return;
        }
        let mut moments = [0; 3];
        // SAFETY: `x` holds `n` values, at least one and not too many.
        unsafe { rows::moments(x.as_ptr(), n, &raw mut moments) };
        let [sum, low, high] = moments;
        let sum = norm.taken_off(sum as i32);
        let root = norm.inverse_root(n, sum, u64::from(low) + (u64::from(high) << 16));
        let (root, up, places) = root.parts();
        let normal = Normal { n: n as i32, sum, root, up, places };
        // SAFETY: all three slices hold `n` elements.
        unsafe { rows::normalise(x.as_ptr(), norm.channels.as_ptr(), out.as_mut_ptr(), n, &raw const normal) };
    }

    #[inline]
    fn table(table: &[i8; 256], x: &mut [i8]) {
        if !x.is_empty() {
            // SAFETY: `x` is not empty.
            unsafe { rows::look_up(table.as_ptr(), x.as_mut_ptr(), x.len()) };
        }
    }
}

/// What `rows::weigh` reads by offsets.
#[repr(C)]
struct Softmax {
    steepness: u32,
    a2: i32,
    a1: i32,
    a0: i32,
    /// Added to the octaves.
    shift: u32,
    /// The last exponent that may weigh anything.
    last: u32,
    /// Whether weights have 8 bits.
    narrow: u32,
}

/// What `rows::normalise` reads by offsets.
#[repr(C)]
struct Normal {
    n: i32,
    sum: i32,
    root: u32,
    up: u32,
    places: u32,
}

/// Lanes of i32 in eight registers, at least 8 and at most `LANES`.
#[inline]
fn most_lanes() -> usize {
    (8 * loops::vector_bytes() / size_of::<i32>()).clamp(1, LANES)
}

/// Three outputs of some rows of activations.
struct Three {
    /// `[input][lane]`
    columns: [MaybeUninit<i8>; COLUMNS],
    sums: MaybeUninit<[Sums; LINES]>,
}

impl TileLinear for Three {
    const INNER: usize = INNER;

    #[inline]
    unsafe fn load(&mut self, tile: RowTile<'_>, start: usize, length: usize) {
        let (from, to) = (tile.x.data.as_ptr().wrapping_add(start), self.columns.as_mut_ptr().cast());
        // SAFETY: all rows hold all inputs, of which these are some, at least one; the columns have room, and lanes are
        // no more than registers hold.
        unsafe { loops::transpose(from, tile.x.width, length, to, tile.lanes) };
    }

    #[inline]
    unsafe fn layer(&mut self, tile: RowTile<'_>, inputs: usize, layer: &mut Layer<'_>) {
        // SAFETY: as the caller promises.
        unsafe { linear::blocks(self, tile, inputs, layer) };
    }
}

impl LinearBlocks for Three {
    const CHUNK: usize = INNER;
    const OUTPUTS: usize = LINES;
    // Kept in `Three`.
    type Sums = ();

    #[inline]
    unsafe fn products(&mut self, _: usize, w: Matrix<'_>, block: &Block<'_>, _: &mut MaybeUninit<()>, add: bool) {
        // Rows that are not there are the last one once more.
        let next = |row: *const i8, i| if i < block.channels.len() { row.wrapping_add(w.stride) } else { row };
        let first = w.data.as_ptr();
        let second = next(first, 1);
        let (columns, sums) = (self.columns.as_ptr().cast(), self.sums.as_mut_ptr().cast());
        // SAFETY: each of the rows of weights holds all inputs, at least one, which have been transposed; lanes are no
        // more than registers and sums hold, at least one.
        unsafe {
            let fresh = usize::from(!add);
            let third = next(second, 2);
            loops::products(columns, first, second, third, w.inputs, sums, block.tile.lanes, fresh);
        }
    }

    #[inline]
    unsafe fn finish(&mut self, block: &Block<'_>, epilogue: &mut Epilogue<'_>, _: &mut MaybeUninit<()>) {
        let RowTile { first: row, lanes, .. } = block.tile;
        for (line, channel) in block.channels.iter().enumerate() {
            let output = block.output + line;
            let (multiplier, shift) = (2 * channel.scale.bits(), channel.scale.shift());
            let sums = self.sums.as_ptr().cast::<i32>().wrapping_add(line * LANES);
            // SAFETY: each row and output of `Products` has its place; the sums of all lanes have been written.
            unsafe {
                match epilogue {
                    Epilogue::Store { out, row_stride, output_stride } => {
                        let out = out.as_mut_ptr().wrapping_add(row * *row_stride + output * *output_stride);
                        loops::store(sums, lanes, channel.bias, multiplier, shift, out, *row_stride);
                    }
                    Epilogue::Add { out, width } => {
                        let out = out.as_mut_ptr().wrapping_add(row * *width + output);
                        // One row may lie any width from the next, which is not there.
                        loops::add(sums, lanes, channel.bias, multiplier, shift, out, width.wrapping_mul(2));
                    }
                }
            }
        }
    }
}

/// `dims` dimensions, from `first` on, of the output of a tile.
///
/// # Safety
/// `dims` is at least one and at most [`most_lanes`], and the tile has so many from `first` on. There are one to
/// `LINES` scales, and as many queries and rows of weights, `positions` apart, which hold `count` keys as the rows of
/// values do, at least one.
#[inline]
unsafe fn weigh_values<W: Weight>(
    tile: &mut Tile<'_, W>,
    first: usize,
    dims: usize,
    count: usize,
    scales: &[RowScale],
) {
    let mut sums = MaybeUninit::<[Sums; LINES]>::uninit();
    // SAFETY: as the caller has promised.
    unsafe {
        if count <= portable::CHUNK {
            weigh_chunk(tile, first, dims, 0, count, scales.len(), &mut sums);
        } else {
            weigh_long(tile, first, dims, count, scales, &mut sums);
        }
    }
    for (query, scale) in scales.iter().enumerate() {
        let out = tile.out.as_mut_ptr().wrapping_add(query * tile.out_stride + first);
        let sums = sums.as_ptr().cast::<i32>().wrapping_add(query * LANES);
        let (multiplier, shift) = scale.parts();
        // SAFETY: the output of each query of a tile holds all dimensions, whose sums have been written.
        unsafe { loops::store(sums, dims, 0, 2 * multiplier, shift, out, 1) };
    }
}

/// `Σ w·v` over `count` keys from `start` on, at most 512, of the first `dims` lanes.
///
/// # Safety
/// As for [`weigh_values`], of the keys up to these, and of as many `queries` as it has scales.
#[inline]
unsafe fn weigh_chunk<W: Weight>(
    tile: &Tile<'_, W>,
    first: usize,
    dims: usize,
    start: usize,
    count: usize,
    queries: usize,
    sums: &mut MaybeUninit<[Sums; LINES]>,
) {
    let values = tile.values.as_ptr().wrapping_add(first * tile.positions + start);
    let row = |i: usize| tile.weights.as_ptr().wrapping_add(i.min(queries - 1) * tile.positions + start);
    let sums = sums.as_mut_ptr().cast();
    // SAFETY: each row of values and of weights has all these keys; `dims` is at most the lanes of eight registers.
    unsafe {
        if size_of::<W>() == 1 {
            let row = |i| row(i).cast();
            loops::weighted_narrow(values, tile.positions, row(0), row(1), row(2), count, sums, dims);
        } else {
            let row = |i| row(i).cast();
            loops::weighted_wide(values, tile.positions, row(0), row(1), row(2), count, sums, dims);
        }
    }
}

/// [`weigh_chunk`] for any number of keys, with the bits dropped that the scales say.
///
/// # Safety
/// As for [`weigh_values`].
#[inline(never)]
unsafe fn weigh_long<W: Weight>(
    tile: &Tile<'_, W>,
    first: usize,
    dims: usize,
    count: usize,
    scales: &[RowScale],
    sums: &mut MaybeUninit<[Sums; LINES]>,
) {
    let mut totals = [[0i64; LANES]; LINES];
    let mut start = 0;
    // Lanes that no dimension has stay 0.
    let sums_now = sums.write([[0; LANES]; LINES]);
    while start < count {
        let length = (count - start).min(portable::CHUNK);
        let mut now = MaybeUninit::new(*sums_now);
        // SAFETY: of all keys, these are some; the sums were written above, and their first lanes anew.
        let now = unsafe {
            weigh_chunk(tile, first, dims, start, length, scales.len(), &mut now);
            now.assume_init()
        };
        for (total, &sum) in totals.as_flattened_mut().iter_mut().zip(now.as_flattened()) {
            *total += i64::from(sum);
        }
        start += length;
    }
    for ((sums, totals), scale) in sums_now.iter_mut().zip(&totals).zip(scales) {
        for (sum, &total) in sums.iter_mut().zip(totals) {
            *sum = (total >> scale.drop()) as i32;
        }
    }
}
