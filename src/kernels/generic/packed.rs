//! Three int8 products for two multiplications, on cores without SIMD.
//!
//! A sum of 64 int8 products takes 21 bits, so two 32-bit sums have room for three of them. Three activations `a`, `b`
//! and `c` become the two words `a + 2^21·b` and `c + 2^10·b`. Both are multiplied by a weight and added up modulo
//! 2^32, which leaves `A + 2^21·B` and `C + 2^10·B`, all sums made positive by what they start from. The first one's
//! low 21 bits are `A`, its upper ones the lower 11 bits of `B`; without these, the second is `C` in 21 bits, and above
//! it the rest of `B`.
//!
//! Six rows of activations, or six queries, make four words per inner position. The softmax weights have 15 bits, which
//! leaves no such room: they are multiplied one by one.

pub(crate) mod loops;

use super::linear::{self, Block, LinearBlocks, RowTile, TileLinear};
use super::show::show;
use crate::arithmetic::softmax::{RowScale, Weight};
use crate::kernels::tile::most;
use crate::kernels::{
    Epilogue, Kernels, Layer, Matrix, NormView, Products, Rotation, ScoreLayout, Tile, WeightObserver, portable,
    rotate, rows_mut, tiles, tiles_mut,
};
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use loops::{Finish, LANES, Pack, PackedLoops, Panel, RowFactor, Softmax, TRIPLE};

/// Products that a packed sum has room for.
const CHUNK: usize = 64;
/// What a packed sum starts from: -64·128·127 becomes positive, and 64·128·128 stays below 2^21.
const CENTRE: i32 = (1 << 20) - (1 << 12);

impl<L: PackedLoops> Kernels for L {
    const NAME: &'static str = L::NAME;
    const QUERIES: usize = L::QUERIES;
    const ROWS: usize = L::ROWS;
    // Weights take the place of the scores; a row is laid out in order for an observer only.
    const WEIGHT_ROWS: usize = 1;

    // Not inlined, here and below: each copy would have its own buffers on the stack.
    #[inline(never)]
    fn linear(products: Products<'_, '_>) {
        let Products { x, rows, layers } = products;
        // SAFETY: these are all rows and layers of the products.
        unsafe { linear::linear(&mut Packed::<L>::new(), x, rows, LANES, layers) };
    }

    /// As two rows of three that share two words.
    #[inline(never)]
    fn sums_of_two(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
        let Some([a, b]) = weights.rows_for(x, sums.len()) else { return };
        let inputs = weights.inputs;
        let mut packed = Packed::<L>::new();
        sums.fill([0; 2]);
        let mut start = 0;
        while start < inputs {
            if start.is_multiple_of(L::INNER) {
                let [a, b] = [a, b].map(|x| x.as_ptr().wrapping_add(start));
                packed.wide = false;
                // SAFETY: both rows have all inputs, of which these are as many as fit, one at least.
                unsafe { packed.pack(0, [a, b, a], (inputs - start).min(L::INNER)) };
            }
            let length = (inputs - start).min(CHUNK);
            for (block, sums) in tiles_mut(sums, L::OUTPUTS).enumerate() {
                let mut memory = MaybeUninit::uninit();
                let Some(more) = sums_in::<L>(&mut memory).get_mut(..sums.len() * width::<L>(false)) else { return };
                let data = weights.data.get(block * L::OUTPUTS * weights.stride + start..).unwrap_or(&[]);
                let w = Matrix { data, inputs: length, ..weights };
                // SAFETY: these positions have been packed, and all rows lie within the weights (checked above).
                unsafe { packed.products(start % L::INNER, w, sums.len(), more, 0, false) };
                for ([a, b], more) in sums.iter_mut().zip(tiles(more, width::<L>(false))) {
                    let [more_a, more_b, ..] = *more else { return };
                    // SAFETY: `products` has written the sums of a triple.
                    let (more_a, more_b) = unsafe { (more_a.assume_init(), more_b.assume_init()) };
                    *a = a.wrapping_add(more_a - CENTRE);
                    *b = b.wrapping_add(more_b - CENTRE);
                }
            }
            start += length;
        }
    }

    /// Scores lie as `[key][lane]`, all of them off by the same constant.
    #[inline(never)]
    fn tile_scores<W: Weight>(tile: &mut Tile<'_, W>) {
        let (lanes, wide) = lanes_of::<L, W>(tile);
        let (keys, dim) = (most(tile.visible), tile.dim);
        let Some(scores) = tile.scores.get_mut(..keys * width::<L>(wide)).filter(|_| keys > 0) else { return };
        let mut packed = Packed::<L>::new();
        let mut start = 0;
        while start < dim {
            if start.is_multiple_of(L::INNER) {
                let queries = tile.queries.as_ptr().wrapping_add(start);
                // SAFETY: there are so many queries of `dim` values.
                unsafe { packed.fill(queries, dim, (dim - start).min(L::INNER), lanes) };
            }
            let length = (dim - start).min(CHUNK);
            let w = Matrix { data: tile.keys.get(start..).unwrap_or(&[]), inputs: length, stride: dim };
            // SAFETY: `products` writes sums only; these values have been packed, and the tile has all keys that any
            // of its queries sees.
            unsafe { packed.products(start % L::INNER, w, keys, room(scores), L::SCORES_UP, start > 0) };
            start += length;
        }
        for (lane, (max, &visible)) in tile.max.iter_mut().zip(&*tile.visible).take(lanes).enumerate() {
            if visible > 0 {
                // SAFETY: the lane has `visible` scores, at least one.
                *max = unsafe { of(L::LARGEST, wide)(scores.as_ptr().wrapping_add(lane), visible) };
            }
        }
    }

    #[inline]
    fn score_layout<W>(tile: &Tile<'_, W>) -> ScoreLayout {
        ScoreLayout { query: 1, key: width::<L>(lanes_of::<L, W>(tile).1), up: L::SCORES_UP }
    }

    fn largest(scores: &[i32], step: usize) -> i32 {
        let wide = step == LANES && L::QUERIES > TRIPLE;
        if step != width::<L>(wide) || scores.is_empty() {
            return portable::largest(scores, step);
        }
        // SAFETY: of so many scores every `step`th is there, one at least.
        unsafe { of(L::LARGEST, wide)(scores.as_ptr(), scores.len().div_ceil(step)) }
    }

    /// Weights take the places of their scores.
    #[inline(never)]
    fn tile_softmax<W: Weight>(tile: &mut Tile<'_, W>) {
        let (lanes, wide) = lanes_of::<L, W>(tile);
        let keys = most(tile.visible);
        let Some(scores) = tile.scores.get_mut(..keys * width::<L>(wide)) else { return };
        let softmax = Softmax::new::<W>(tile.steepness);
        let all = tile.visible.iter().zip(&tile.max).zip(&mut tile.sums).take(lanes);
        for (lane, ((&visible, &max), sum)) in all.enumerate() {
            *sum = 0;
            if visible > 0 {
                // SAFETY: the lane has `visible` scores, at least one: they are at most `keys`.
                *sum = unsafe { of(L::WEIGH, wide)(scores.as_mut_ptr().wrapping_add(lane), visible, &softmax, max) };
            }
            if visible < keys {
                clear(scores, visible, lane, width::<L>(wide));
            }
        }
    }

    #[inline(never)]
    fn tile_weighted_sum<W: Weight>(tile: &mut Tile<'_, W>) {
        let (lanes, wide) = lanes_of::<L, W>(tile);
        let (keys, width, stride) = (most(tile.visible), width::<L>(wide), tile.positions);
        let Some(weights) = tile.scores.get(..keys * width) else { return };
        let mut factors = [RowFactor { shift: 0, multiplier: 0 }; LANES];
        let mut drops = [0; LANES];
        for ((factor, drop), &sum) in factors.iter_mut().zip(&mut drops).zip(&tile.sums).take(lanes) {
            let scale = RowScale::new(sum, tile.ratio);
            let (multiplier, shift) = scale.parts();
            (*factor, *drop) = (RowFactor { shift, multiplier: 2 * multiplier }, scale.drop());
        }
        let Some(factors) = factors.get(..lanes).filter(|_| lanes > 0) else { return };
        let mut memory = MaybeUninit::uninit();
        let mut first = 0;
        while first < tile.value_dim {
            let count = (tile.value_dim - first).min(L::OUTPUTS);
            let values = tile.values.get(first * stride..).unwrap_or(&[]);
            let Some(sums) = sums_in::<L>(&mut memory).get_mut(..count * width) else { return };
            // SAFETY: the tile has so many dimensions, with values of all keys that any of its queries sees.
            unsafe {
                if keys <= portable::CHUNK {
                    weigh_values::<L>(weights, values, stride, wide, sums);
                } else {
                    weigh_long::<L>(weights, values, stride, wide, &drops, sums);
                }
            }
            let mut finish = Finish {
                values: sums.as_ptr().cast(),
                inner: width * size_of::<i32>(),
                outer: size_of::<i32>(),
                length: count * width * size_of::<i32>(),
                out: tile.out.as_mut_ptr().wrapping_add(first).cast(),
                out_inner: 1,
                out_outer: tile.out_stride,
                scales: factors.as_ptr().cast(),
                end: factors.as_ptr_range().end.cast(),
                centre: 0,
            };
            // SAFETY: there are a factor for each lane, at least one, and `count` sums of each, all written; the
            // outputs of all queries lie in `out`.
            unsafe { (L::STORE_ROWS)(&mut finish) };
            first += count;
        }
    }

    fn tile_show<W: Weight>(tile: &mut Tile<'_, W>, observer: &mut impl WeightObserver<W>) {
        let width = width::<L>(lanes_of::<L, W>(tile).1);
        show(tile, observer, |weights, lane| weights.iter().skip(lane).step_by(width.max(1)).copied());
    }

    #[inline]
    fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
        L::layer_norm(x, norm, out);
    }

    #[inline]
    fn rotate(rotation: Rotation<'_>, x: &[i16], out: &mut [i8]) {
        L::rotate(rotation, x, out);
    }
}

/// Sums side by side for each row of weights, key or dimension.
#[inline]
fn width<L: PackedLoops>(wide: bool) -> usize {
    of(L::WIDTHS, wide)
}

/// What is for two triples, or else for one.
#[inline]
fn of<T>([one, two]: [T; 2], wide: bool) -> T {
    if wide { two } else { one }
}

/// Queries of the tile, and whether they fill more than a triple.
#[inline]
fn lanes_of<L: PackedLoops, W>(tile: &Tile<'_, W>) -> (usize, bool) {
    let lanes = tile.visible.len().min(L::QUERIES);
    (lanes, lanes > TRIPLE)
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

/// The places of sums.
#[inline]
fn sums_in<L: PackedLoops>(memory: &mut MaybeUninit<L::Sums>) -> &mut [MaybeUninit<i32>] {
    const { assert!(align_of::<L::Sums>() == align_of::<i32>()) };
    let length = size_of::<L::Sums>() / size_of::<i32>();
    // SAFETY: so many words are there, and need not be written.
    unsafe { core::slice::from_raw_parts_mut(memory.as_mut_ptr().cast(), length) }
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

/// `Σ w·v` of all lanes over some keys, at most 512, for as many dimensions as there is room for in `sums`, one at
/// least, all of which are written. `values` are rows, `stride` bytes apart.
///
/// # Safety
/// Each of them has a value for each key.
#[inline(never)]
unsafe fn weigh_values<L: PackedLoops>(
    w: &[i32],
    values: &[i8],
    stride: usize,
    wide: bool,
    sums: &mut [MaybeUninit<i32>],
) {
    if w.is_empty() {
        sums.fill(MaybeUninit::new(0));
        return;
    }
    let range = sums.as_mut_ptr_range();
    let panel = Panel {
        x: w.as_ptr().cast(),
        length: w.len() / width::<L>(wide),
        w: values.as_ptr(),
        stride,
        sums: range.start.cast(),
        end: range.end.cast(),
        add: 0,
        rows: sums.len() / width::<L>(wide),
        up: 0,
    };
    // SAFETY: there is at least one key; the rest is as the caller promises.
    unsafe { of(L::WEIGHTED, wide)(&panel) };
}

/// [`weigh_values`] for any number of keys: in chunks, without the lowest bits of each lane.
///
/// # Safety
/// As for that.
#[inline(never)]
unsafe fn weigh_long<L: PackedLoops>(
    w: &[i32],
    values: &[i8],
    stride: usize,
    wide: bool,
    drops: &[u32; LANES],
    sums: &mut [MaybeUninit<i32>],
) {
    /// Dimensions at a time.
    const DIMS: usize = 3;
    let width = width::<L>(wide);
    for (block, sums) in tiles_mut(sums, DIMS * width).enumerate() {
        let values = values.get(block * DIMS * stride..).unwrap_or(&[]);
        let mut totals = [0i64; DIMS * LANES];
        for (chunk, w) in tiles(w, portable::CHUNK * width).enumerate() {
            let values = values.get(chunk * portable::CHUNK..).unwrap_or(&[]);
            // SAFETY: as the caller promises, of some dimensions and keys.
            unsafe { weigh_values::<L>(w, values, stride, wide, sums) };
            for (total, sum) in totals.iter_mut().zip(&*sums) {
                // SAFETY: `weigh_values` has written all of them.
                *total += i64::from(unsafe { sum.assume_init() });
            }
        }
        for (dim, sums) in rows_mut(sums, width).enumerate() {
            let totals = totals.get(dim * width..).unwrap_or(&[]);
            for ((sum, &total), drop) in sums.iter_mut().zip(totals).zip(drops) {
                sum.write((total >> drop) as i32);
            }
        }
    }
}

/// Up to six rows of activations, packed. For each inner position there are two words for each triple of rows: one
/// triple or two.
struct Packed<L: PackedLoops> {
    /// Written before they are read: zeros would cost as much as all else in a tile.
    words: MaybeUninit<L::Words>,
    /// Whether there are two triples.
    wide: bool,
    loops: PhantomData<L>,
}

impl<L: PackedLoops> Packed<L> {
    #[inline]
    fn new() -> Self {
        Self { words: MaybeUninit::uninit(), wide: false, loops: PhantomData }
    }

    /// Takes `length` values of each of `lanes` rows, `width` apart. Lanes beyond repeat one of the others.
    ///
    /// # Safety
    /// There are so many rows, one to six, of so many values, at least one and at most `INNER`.
    #[inline(never)]
    unsafe fn fill(&mut self, x: *const i8, width: usize, length: usize, lanes: usize) {
        self.wide = lanes > TRIPLE;
        for first in [0, TRIPLE].into_iter().take(1 + usize::from(self.wide)) {
            let rows = [first, first + 1, first + 2];
            let rows = rows.map(|lane| x.wrapping_add(if lane < lanes { lane } else { first } * width));
            // SAFETY: as the caller promises.
            unsafe { self.pack(first / TRIPLE, rows, length) };
        }
    }

    /// Packs one of the triples, of which there are as many as `wide` tells.
    ///
    /// # Safety
    /// The rows have so many values, at least one and at most `INNER`.
    #[inline]
    unsafe fn pack(&mut self, triple: usize, rows: [*const i8; TRIPLE], length: usize) {
        let size = if self.wide { 4 } else { 2 };
        let words: *mut u32 = self.words.as_mut_ptr().cast::<u32>().wrapping_add(2 * triple);
        let call = Pack { rows, words, end: words.wrapping_add(length * size), step: size * size_of::<u32>() };
        // SAFETY: the words have room for as many positions; the rest is as the caller promises.
        unsafe { (L::PACK)(&call) };
    }

    /// For each of `rows` rows of `w`, at least one, the products with each lane, off by [`CENTRE`] and times `2^up`,
    /// written to `sums`, or added. The packed activations begin at `place`.
    ///
    /// # Safety
    /// So many inputs, 1 to `CHUNK`, are packed from there on, and all rows lie within the weights. To be added to,
    /// sums have been written.
    #[inline]
    unsafe fn products(
        &self,
        place: usize,
        w: Matrix<'_>,
        rows: usize,
        sums: &mut [MaybeUninit<i32>],
        up: u32,
        add: bool,
    ) {
        let words: *const u32 = self.words.as_ptr().cast();
        let range = sums.as_mut_ptr_range();
        let panel = Panel {
            x: words.wrapping_add(place * if self.wide { 4 } else { 2 }),
            length: w.inputs,
            w: w.data.as_ptr(),
            stride: w.stride,
            sums: range.start.cast(),
            end: range.end.cast(),
            add: u32::from(add),
            rows,
            up,
        };
        // SAFETY: as the caller promises.
        unsafe { of(L::PANEL, self.wide)(&panel) };
    }
}

impl<L: PackedLoops> TileLinear for Packed<L> {
    const INNER: usize = L::INNER;

    #[inline]
    unsafe fn load(&mut self, tile: RowTile<'_>, start: usize, length: usize) {
        // SAFETY: as the caller promises.
        unsafe { self.fill(tile.x.data.as_ptr().wrapping_add(start), tile.x.width, length, tile.lanes) };
    }

    #[inline]
    unsafe fn layer(&mut self, tile: RowTile<'_>, inputs: usize, layer: &mut Layer<'_>) {
        // SAFETY: as the caller promises.
        unsafe { linear::blocks(self, tile, inputs, layer) };
    }
}

impl<L: PackedLoops> LinearBlocks for Packed<L> {
    const CHUNK: usize = CHUNK;
    const OUTPUTS: usize = L::OUTPUTS;
    type Sums = L::Sums;

    #[inline]
    unsafe fn products(
        &mut self,
        place: usize,
        w: Matrix<'_>,
        block: &Block<'_>,
        sums: &mut MaybeUninit<L::Sums>,
        add: bool,
    ) {
        let outputs = block.channels.len();
        let Some(sums) = sums_in::<L>(sums).get_mut(..outputs * width::<L>(self.wide)) else { return };
        // SAFETY: as the caller promises.
        unsafe { Packed::products(self, place, w, outputs, sums, 0, add) };
    }

    #[inline]
    unsafe fn finish(&mut self, block: &Block<'_>, epilogue: &mut Epilogue<'_>, sums: &mut MaybeUninit<L::Sums>) {
        let &Block { tile, inputs, output, channels } = block;
        let mut finish = Finish {
            values: sums.as_ptr().cast(),
            inner: size_of::<i32>(),
            outer: width::<L>(self.wide) * size_of::<i32>(),
            length: tile.lanes * size_of::<i32>(),
            out: core::ptr::null_mut(),
            out_inner: 0,
            out_outer: 0,
            scales: channels.as_ptr().cast(),
            end: channels.as_ptr_range().end.cast(),
            centre: CENTRE.wrapping_mul(inputs.div_ceil(CHUNK) as i32),
        };
        match epilogue {
            Epilogue::Store { out, row_stride, output_stride } => {
                let place = tile.first * *row_stride + output * *output_stride;
                finish.out = out.as_mut_ptr().wrapping_add(place).cast();
                (finish.out_inner, finish.out_outer) = (*row_stride, *output_stride);
                // SAFETY: there are sums of all lanes for each channel, and at least one of both; each row and output
                // has a place.
                unsafe { (L::STORE)(&mut finish) };
            }
            Epilogue::Add { out, width } => {
                finish.out = out.as_mut_ptr().wrapping_add(tile.first * *width + output).cast();
                // Wraps only where there is no other row.
                (finish.out_inner, finish.out_outer) = (width.wrapping_mul(2), 2);
                // SAFETY: as above.
                unsafe { (L::ADD)(&mut finish) };
            }
        }
    }
}
