//! Cortex-M55 and M85: Helium (MVE), vectors of 128 bits.

use super::bias::{PART, least};
use super::generic::vector_tile::show_pairs;
use super::{
    Bounds, Epilogue, Kernels, Layer, MASKED, Matrix, NormView, Products, Rotation, RowScale, Rows, Tile, Turn,
    WeightObserver, portable, tiles,
};
use crate::arithmetic::requantise::Channel;
use crate::arithmetic::softmax::Weight;
use bias::Biases;
use core::mem::MaybeUninit;
use products::Layout;
use weighted::{Values, Weights};

/// The assembler knows Helium by the core that has it, whatever the crate is compiled for.
macro_rules! cpu {
    () => {
        ".cpu cortex-m55"
    };
}

mod attend;
mod bias;
mod finish;
mod last_keys;
mod norm;
mod products;
mod rotate;
mod table;
mod weighted;

/// The backend for Cortex-M cores with Helium.
#[derive(Clone, Copy, Debug)]
pub struct Helium;

/// Rows that are worked on together.
const LANES: usize = 4;
/// Sums of eight right rows and all lanes.
const GROUP: usize = 8 * LANES;
/// Outputs of a layer that are worked on at a time.
const OUTPUTS: usize = 64;
/// Sums in memory at a time: 2 KiB of stack.
const SUMS: usize = 2 * OUTPUTS * LANES;

impl Kernels for Helium {
    const NAME: &'static str = "Helium";
    const QUERIES: usize = LANES;
    // Weights take the place of the scores; a row is laid out in order for a observer only.
    const WEIGHT_ROWS: usize = 1;

    fn sums_of_two(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
        sums_of_two(x, weights, sums);
    }

    fn linear(products: Products<'_, '_>) {
        let Products { x, rows, layers } = products;
        for layer in layers {
            // SAFETY: the layer is one of the products, and these are their rows.
            unsafe { linear(x, rows, layer) };
        }
    }

    #[inline(never)]
    fn tile_scores<W: Weight>(tile: &mut Tile<'_, W>) {
        scores(tile, None);
    }

    #[inline(never)]
    fn tile_scores_between<W: Weight>(tile: &mut Tile<'_, W>, starts: &Bounds, ends: &Bounds) {
        scores(tile, starts.first_chunk().zip(ends.first_chunk()));
    }

    #[inline(never)]
    fn tile_bias<W: Weight>(tile: &mut Tile<'_, W>, mut rows: impl FnMut(usize, usize, &mut [i32])) {
        let keys = Keys::new(&*tile.visible);
        let (grouped, rest) = tile.scores.split_at_mut((keys.groups * GROUP).min(tile.scores.len()));
        let Some(max) = tile.max.first_chunk_mut::<LANES>() else { return };
        *max = [MASKED; LANES];
        let mut memory = [MaybeUninit::uninit(); LANES * PART];
        for first in (0..keys.count()).step_by(PART) {
            let mut biases = Biases::clear(&mut memory, keys.count() - first);
            for (query, &visible) in tile.visible.iter().enumerate().take(LANES) {
                if visible > first {
                    rows(query, first, biases.row(query, PART.min(visible - first)));
                }
            }
            biases.add(grouped.get_mut(first / 8 * GROUP..).unwrap_or(&mut []), max);
            if keys.rest > 0 {
                keys.bias_rest(&mut biases, first, rest, tile.visible, max);
            }
        }
    }

    #[inline(never)]
    fn tile_floor<W: Weight>(tile: &mut Tile<'_, W>) {
        let Keys { groups, rest } = Keys::new(&*tile.visible);
        if let Some(max) = tile.max.first_chunk::<LANES>() {
            bias::floor(tile.scores, groups, rest, &max.map(least));
        }
    }

    /// Weights take the place of their scores; those of keys that a query does not see are 0. Where there are fewer
    /// queries than lanes, the others hold what happens to be there.
    #[inline(never)]
    fn tile_softmax<W: Weight>(tile: &mut Tile<'_, W>) {
        if let [a, b, c, d] = *tile.visible
            && (a == b && b == c && c == d && a % 8 == 0)
            && let Some(scores) = tile.scores.get_mut(..a / 8 * GROUP)
            && let (Some(max), Some(sums)) = (tile.max.first_chunk(), tile.sums.first_chunk_mut())
        {
            attend::weigh::<W>(scores, tile.steepness, max, sums);
        } else {
            softmax(tile);
        }
    }

    #[inline(never)]
    fn tile_weighted_sum<W: Weight>(tile: &mut Tile<'_, W>) {
        let mut memory = MaybeUninit::uninit();
        let keys = Keys::new(&*tile.visible);
        let weights = keys.weights(tile.scores, &mut memory);
        let mut done = 0;
        if keys.count() <= portable::CHUNK
            && tile.visible.len() == LANES
            && let Some(sums) = tile.sums.first_chunk::<LANES>()
        {
            let dims = tile.value_dim & !1;
            let values = Values { data: tile.values, stride: tile.positions, dims };
            // SAFETY: the tile has the values of all keys that any query sees, and places for the outputs.
            if unsafe { weighted::outputs(weights, values, sums, tile.ratio, tile.out, tile.out_stride) } {
                done = dims;
            }
        }
        for lane in 0..lanes_after(done, tile.value_dim, tile.visible) {
            let scale = RowScale::new(tile.sums.get(lane).copied().unwrap_or(0), tile.ratio);
            for dim in done..tile.value_dim {
                let total = total(weights, lane, tile.values.get(dim * tile.positions..).unwrap_or(&[]));
                if let Some(out) = tile.out.get_mut(lane * tile.out_stride + dim) {
                    *out = scale.to_i8(total);
                }
            }
        }
    }

    #[inline(never)]
    fn tile_weighted_total<W: Weight>(tile: &mut Tile<'_, W>, totals: &mut [i64]) {
        let Tile { values, value_stride: stride, .. } = *tile;
        let mut memory = MaybeUninit::uninit();
        let keys = Keys::new(&*tile.visible);
        let weights = keys.weights(tile.scores, &mut memory);
        let dims = tile.value_dim;
        let mut done = 0;
        if keys.count() <= portable::CHUNK
            && tile.visible.len() == LANES
            // SAFETY: the tile has the values of all keys that any query sees.
            && unsafe { weighted::add(weights, Values { data: values, stride, dims: dims & !1 }, totals, dims) }
        {
            done = dims & !1;
        }
        for lane in 0..lanes_after(done, dims, tile.visible) {
            for dim in done..dims {
                let sum = total(weights, lane, values.get(dim * stride..).unwrap_or(&[]));
                if let Some(total) = totals.get_mut(lane * dims + dim) {
                    *total += sum;
                }
            }
        }
    }

    fn tile_show<W: Weight>(tile: &mut Tile<'_, W>, observer: &mut impl WeightObserver<W>) {
        let Keys { groups, .. } = Keys::new(&*tile.visible);
        let place = |lane: usize, pair: usize| match pair.checked_sub(4 * groups) {
            None => pair / 4 * GROUP + 8 * lane + pair % 4,
            Some(pair) => groups * GROUP + pair * LANES + lane,
        };
        show_pairs(tile, place, observer);
    }

    fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
        norm::layer_norm(x, norm, out);
    }

    fn turns(frequencies: &[u32], first: u32, step: u32, turns: &mut [Turn]) {
        rotate::turns(frequencies, first, step, turns);
    }

    fn rotate(rotation: Rotation<'_>, x: &[i16], out: &mut [i8]) {
        rotate::rotate(rotation, x, out);
    }

    fn table(table: &[i8; 256], x: &mut [i8]) {
        table::look_up(table, x);
    }
}

/// Scores and maxima; with `bounds`, each query sees only the keys from a start to an end.
#[inline(always)]
fn scores<W>(tile: &mut Tile<'_, W>, bounds: Option<(&[usize; LANES], &[usize; LANES])>) {
    let keys = Keys::new(&*tile.visible);
    let (dim, lanes) = (tile.dim, tile.visible.len().min(LANES));
    let Some((grouped, rest)) = tile.scores.split_at_mut_checked(keys.groups * GROUP) else { return };
    let Some(max) = tile.max.first_chunk_mut::<LANES>() else { return };
    // SAFETY: `multiply` writes nothing but numbers.
    let out = unsafe { &mut *(core::ptr::from_mut(grouped) as *mut [MaybeUninit<i32>]) };
    // SAFETY: the tile has so many queries, at least one, and all keys that any of them sees; `out` has room for all
    // groups.
    unsafe { products::multiply(tile.queries, lanes, dim, dim, tile.keys, dim, keys.groups, out, Layout::Lanes) };
    // The sum of few products lies far enough above one and the same score, and not too far.
    let near = dim <= bias::NEAR;
    let far = if near { bias::FAR } else { MASKED };
    if let Some(bounds) = bounds {
        bias::hide(grouped, bounds, far);
    }
    attend::maxima(grouped, max);
    if keys.rest > 0 {
        let after = tile.keys.get(8 * keys.groups * dim..).unwrap_or(&[]);
        let (rest, _) = rest.as_chunks_mut::<LANES>();
        let rest = rest.get_mut(..keys.rest).unwrap_or(&mut []);
        let mut of_all = *max;
        let max_of_seen = if bounds.is_none() { &mut *max } else { &mut of_all };
        last_keys::scores(tile.queries, lanes, dim, after, rest, keys.seen(tile.visible), max_of_seen);
        if let Some(bounds) = bounds {
            bias::hide_rest(rest, 8 * keys.groups, bounds, far, max);
        }
    }
    if bounds.is_some() && !near {
        bias::floor(tile.scores, keys.groups, keys.rest, &max.map(least));
    }
}

/// The softmax of any tile.
#[inline(never)]
fn softmax<W: Weight>(tile: &mut Tile<'_, W>) {
    let keys = Keys::new(&*tile.visible);
    let Some((grouped, rest)) = tile.scores.split_at_mut_checked(keys.groups * GROUP) else { return };
    let (Some(max), Some(sums)) = (tile.max.first_chunk::<LANES>(), tile.sums.first_chunk_mut::<LANES>()) else {
        return;
    };
    attend::weigh::<W>(grouped, tile.steepness, max, sums);
    if keys.rest > 0 {
        let (rest, _) = rest.as_chunks_mut::<LANES>();
        let rest = rest.get_mut(..keys.rest).unwrap_or(&mut []);
        last_keys::weigh::<W>(rest, tile.steepness, keys.seen(tile.visible), max, sums);
    }
}

/// The keys that a tile looks at.
#[derive(Clone, Copy)]
struct Keys {
    /// Groups of eight keys that all queries see.
    groups: usize,
    /// Keys after these that any of the queries sees.
    rest: usize,
}

impl Keys {
    #[inline]
    fn new(visible: &[usize]) -> Self {
        let [a, b, c, d] = lanes(visible);
        let (least, most) = (a.min(b).min(c.min(d)), a.max(b).max(c.max(d)));
        Self { groups: least / 8, rest: most - (least & !7) }
    }

    #[inline]
    fn count(&self) -> usize {
        8 * self.groups + self.rest
    }

    /// How many of the keys after the groups each query sees.
    #[inline]
    fn seen(&self, visible: &[usize]) -> [i32; LANES] {
        lanes(visible).map(|visible| visible.wrapping_sub(8 * self.groups) as i32)
    }

    /// Adds the biases of a part that starts with the key `first`, as far as they belong to keys after the groups.
    #[inline(never)]
    fn bias_rest(
        &self,
        biases: &mut Biases<'_>,
        first: usize,
        rest: &mut [i32],
        visible: &[usize],
        max: &mut [i32; LANES],
    ) {
        let start = 8 * self.groups;
        let rest = rest.get_mut(first.saturating_sub(start) * LANES..).unwrap_or(&mut []);
        for (lane, (&visible, max)) in visible.iter().zip(max).enumerate() {
            biases.add_rest(lane, start.saturating_sub(first), visible.saturating_sub(first).min(PART), rest, max);
        }
    }

    /// The weights that took the place of scores. Those after the groups, if they do not fill a block, are copied to
    /// `memory`.
    #[inline]
    fn weights<'a>(&self, scores: &'a [i32], memory: &'a mut MaybeUninit<[i32; weighted::BLOCK]>) -> Weights<'a> {
        let (grouped, mut rest) = scores.split_at((self.groups * GROUP).min(scores.len()));
        if self.rest > 0 && rest.len() < weighted::BLOCK {
            let block = memory.write([0; weighted::BLOCK]);
            block.iter_mut().zip(rest).for_each(|(to, &weight)| *to = weight);
            rest = block;
        }
        Weights { grouped, rest, keys: self.rest }
    }
}

/// A number for each lane: those without a query are like the first one.
#[inline]
fn lanes(visible: &[usize]) -> [usize; LANES] {
    match *visible {
        [a, b, c, d] => [a, b, c, d],
        _ => filled(visible),
    }
}

#[inline(never)]
fn filled(visible: &[usize]) -> [usize; LANES] {
    let mut lanes = [visible.first().copied().unwrap_or(0); LANES];
    lanes.iter_mut().zip(visible).for_each(|(to, &visible)| *to = visible);
    lanes
}

/// How many queries have dimensions left after the first `done`.
#[inline]
fn lanes_after(done: usize, dims: usize, visible: &[usize]) -> usize {
    if done < dims { visible.len().min(LANES) } else { 0 }
}

/// The sum of one query and dimension.
#[inline(never)]
fn total(weights: Weights<'_>, lane: usize, mut values: &[i8]) -> i64 {
    let Weights { grouped, rest, keys } = weights;
    let mut total = 0i64;
    for groups in tiles(grouped, portable::CHUNK / 8 * GROUP) {
        let count = groups.len() / GROUP;
        total += i64::from(weighted::total(groups.get(8 * lane..).unwrap_or(&[]), values, count));
        values = values.get(8 * count..).unwrap_or(&[]);
    }
    let pairs = rest.get(lane..).unwrap_or(&[]).iter().step_by(LANES);
    for (&pair, values) in pairs.zip(tiles(values.get(..keys).unwrap_or(values), 2)) {
        let product = |place: usize, weight: i32| values.get(place).map_or(0, |&value| weight * i32::from(value));
        total += i64::from(product(0, i32::from(pair as i16)) + product(1, pair >> 16));
    }
    total
}

/// A layer of [`Products`].
///
/// # Safety
/// It fits `rows` rows as those of [`Products`] do, and these are the rows.
unsafe fn linear(x: Rows<'_>, rows: usize, layer: &mut Layer<'_>) {
    let Layer { weights, channels, epilogue } = layer;
    for (block, channels) in tiles(channels, OUTPUTS).enumerate() {
        let output = block * OUTPUTS;
        let (grouped, mut others) = channels.split_at(channels.len() & !7);
        if !grouped.is_empty() {
            // SAFETY: these outputs are some of the layer's.
            unsafe { groups(x, rows, *weights, grouped, epilogue, output) };
        }
        if others.is_empty() {
            continue;
        }
        // What is stored may be stored once more: the last group begins among those before it.
        if let (Epilogue::Store { .. }, Some(last)) = (&*epilogue, channels.last_chunk::<8>()) {
            // SAFETY: as above.
            unsafe { groups(x, rows, *weights, last, epilogue, output + channels.len() - last.len()) };
            others = &[];
        }
        for (i, &channel) in others.iter().enumerate() {
            let output = output + grouped.len() + i;
            let w = weights.data.get(output * weights.stride..).unwrap_or(&[]);
            let inputs = x.width.min(weights.inputs);
            for (row, x) in super::rows(x.data, x.width).take(rows).enumerate() {
                let sum = products::dot(x.get(..inputs).unwrap_or(x), w);
                epilogue.put(row, output, channel.bias.wrapping_add(sum), channel);
            }
        }
    }
}

/// Outputs of a layer from `output` on: whole groups of eight, [`OUTPUTS`] at most.
///
/// # Safety
/// As for [`linear`]; the layer has weights for these outputs.
// Not inlined: each copy would have its own buffer on the stack.
#[inline(never)]
unsafe fn groups(
    x: Rows<'_>,
    rows: usize,
    weights: Matrix<'_>,
    channels: &[Channel],
    epilogue: &mut Epilogue<'_>,
    output: usize,
) {
    let Matrix { stride, .. } = weights;
    let inputs = x.width.min(weights.inputs);
    let mut sums = [MaybeUninit::uninit(); SUMS];
    let w = weights.data.get(output * stride..).unwrap_or(&[]);
    let outputs = channels.len();
    // As many rows as the buffer holds.
    let most = sums.len().checked_div(outputs).unwrap_or(LANES) & !(LANES - 1);
    // The last rows, too, begin among those before them, so that they are four.
    let again = rows >= LANES && matches!(epilogue, Epilogue::Store { .. });
    let mut row = 0;
    while row < rows {
        let mut count = (rows - row).min(most);
        if again && count % LANES > 0 {
            (row, count) = if count < LANES { (rows - LANES, LANES) } else { (row, count & !(LANES - 1)) };
        }
        let data = x.data.get(row * x.width..).unwrap_or(&[]);
        // SAFETY: from the row and the output on, there are so many; the buffer holds `most` rows.
        let filled = unsafe {
            products::multiply(data, count, x.width, inputs, w, stride, outputs / 8, &mut sums, Layout::Rows)
        };
        // SAFETY: `multiply` has written the first `filled` sums, which are not more than there are.
        let sums = unsafe { core::slice::from_raw_parts(sums.as_ptr().cast::<i32>(), filled) };
        let mut done = count & !(LANES - 1);
        // SAFETY: all sums have been written, and there are places for what becomes of them.
        if unsafe { !finish::finish(sums, done, channels, epilogue, row, output) } {
            done = 0;
        }
        let left = sums.get(done * outputs..).unwrap_or(&[]);
        for (lane, sums) in super::rows(left, outputs).enumerate() {
            for (i, (&channel, &sum)) in channels.iter().zip(sums).enumerate() {
                epilogue.put(row + done + lane, output + i, channel.bias.wrapping_add(sum), channel);
            }
        }
        row += count;
    }
}

/// [`Kernels::sums_of_two`], one row after the other.
#[inline(never)]
fn sums_of_two(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
    let Some(x) = weights.rows_for(x, sums.len()) else { return };
    let Matrix { data, inputs, stride } = weights;
    for (block, sums) in super::tiles_mut(sums, OUTPUTS).enumerate() {
        let w = data.get(block * OUTPUTS * stride..).unwrap_or(&[]);
        for (index, x) in x.into_iter().enumerate() {
            let mut memory = [MaybeUninit::uninit(); OUTPUTS];
            let groups = sums.len() / 8;
            // SAFETY: row and weights are there (checked above), and the sums not more than there is room for.
            let done =
                unsafe { products::multiply(x, 1, inputs, inputs, w, stride, groups, &mut memory, Layout::Rows) };
            for (output, sums) in sums.iter_mut().enumerate() {
                let sum = match memory.get(output) {
                    // SAFETY: `multiply` has written the first `done` sums.
                    Some(sum) if output < done => unsafe { sum.assume_init() },
                    _ => products::dot(x, w.get(output * stride..).unwrap_or(&[])),
                };
                if let Some(to) = sums.get_mut(index) {
                    *to = sum;
                }
            }
        }
    }
}
