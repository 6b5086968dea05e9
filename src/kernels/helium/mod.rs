//! Cortex-M55 and M85: Helium (MVE), vectors of 128 bits.

use super::bias::Places;
use super::{Kernels, Layer, Matrix, NormView, Rotation, RowScale, Rows, Tile, Turn, Witness, portable, tiles};
use crate::softmax::{Steepness, Weight};
use core::mem::MaybeUninit;
use products::Layout;

/// The assembler knows Helium by the core that has it, whatever the crate is compiled for.
macro_rules! cpu {
    () => {
        ".cpu cortex-m55"
    };
}

mod attend;
mod finish;
mod norm;
mod products;
mod rotate;
mod table;

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
    // Weights take the place of the scores; a row is laid out in order for a witness only.
    const WEIGHT_ROWS: usize = 1;

    fn sums_of_two(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
        sums_of_two(x, weights, sums);
    }

    fn linear(x: Rows<'_>, layers: &mut [Layer<'_>]) {
        for layer in layers {
            linear(x, layer);
        }
    }

    #[inline(never)]
    fn tile_scores<W: Weight>(tile: &mut Tile<'_, W>) {
        let keys = Keys::new(&*tile.visible);
        let (dim, lanes) = (tile.dim, tile.visible.len().min(LANES));
        let Some((grouped, rest)) = tile.scores.split_at_mut_checked(keys.groups * GROUP) else { return };
        let Some(max) = tile.max.first_chunk_mut::<LANES>() else { return };
        // SAFETY: `multiply` writes nothing but numbers.
        let out = unsafe { &mut *(core::ptr::from_mut(grouped) as *mut [MaybeUninit<i32>]) };
        products::multiply(tile.queries, lanes, dim, dim, tile.keys, dim, keys.groups, out, Layout::Lanes);
        attend::maxima(grouped.get(..keys.shared * GROUP).unwrap_or(&[]), max);
        if keys.shared < keys.groups {
            keys.raise(grouped, tile.visible, max);
        }
        if keys.tail > 0 {
            let after = tile.keys.get(8 * keys.groups * dim..).unwrap_or(&[]);
            let (rest, _) = rest.as_chunks_mut::<LANES>();
            for (key, (scores, k)) in rest.iter_mut().zip(super::rows(after, dim)).take(keys.tail).enumerate() {
                let queries = super::rows(tile.queries, dim).zip(&*tile.visible).zip(&mut *max);
                for (score, ((query, &visible), max)) in scores.iter_mut().zip(queries) {
                    *score = products::dot(query, k);
                    if 8 * keys.groups + key < visible {
                        *max = (*max).max(*score);
                    }
                }
            }
        }
    }

    #[inline(never)]
    fn tile_bias<W: Weight>(tile: &mut Tile<'_, W>, rows: impl FnMut(usize, usize, &mut [i32])) {
        let grouped = Grouped(8 * Keys::new(&*tile.visible).groups);
        tile.bias_placed(0, &grouped, rows);
    }

    #[inline(never)]
    fn tile_floor<W: Weight>(tile: &mut Tile<'_, W>) {
        let grouped = Grouped(8 * Keys::new(&*tile.visible).groups);
        tile.floor_placed(0, &grouped);
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
        let Keys { groups, tail, .. } = Keys::new(&*tile.visible);
        let Some((grouped, rest)) = tile.scores.split_at_checked(groups * GROUP) else { return };
        let mut done = 0;
        if 8 * groups + tail <= portable::CHUNK
            && tile.visible.len() == LANES
            && let Some(sums) = tile.sums.first_chunk::<LANES>()
        {
            let dims = tile.value_dim & !1;
            let scales = sums.map(|sum| RowScale::new(sum, tile.ratio));
            let mut last = [0; GROUP];
            let last: &[i32] = if tail == 0 {
                &[]
            } else {
                pack_rest(rest, tail, &mut last);
                &last
            };
            let (values, out) = (tile.values, &mut *tile.out);
            if attend::weighted(
                grouped,
                groups,
                last,
                tail,
                values,
                tile.positions,
                dims,
                &scales,
                out,
                tile.out_stride,
            ) {
                done = dims;
            }
        }
        if done < tile.value_dim {
            weighted_dims(tile, groups, tail, done);
        }
    }

    fn tile_show<W: Weight>(tile: &mut Tile<'_, W>, witness: &mut impl Witness<W>) {
        let Keys { groups, .. } = Keys::new(&*tile.visible);
        let Some((grouped, rest)) = tile.scores.split_at_checked(groups * GROUP) else { return };
        for (lane, &visible) in tile.visible.iter().enumerate() {
            let Some(row) = tile.weights.get_mut(..visible) else { return };
            for (key, to) in row.iter_mut().enumerate() {
                let weight = if key < 8 * groups {
                    let word = grouped.get(key / 8 * GROUP + 8 * lane + key % 8 / 2).copied().unwrap_or(0);
                    i32::from((word >> (16 * (key % 2))) as i16)
                } else {
                    rest.get(key % 8 * LANES + lane).copied().unwrap_or(0)
                };
                *to = W::from_int(weight);
            }
            witness.row(lane, row);
        }
    }

    fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
        if !x.is_empty() {
            norm::layer_norm(x, norm, out);
        }
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

/// The softmax of any tile.
#[inline(never)]
fn softmax<W: Weight>(tile: &mut Tile<'_, W>) {
    let keys = Keys::new(&*tile.visible);
    let Some((grouped, rest)) = tile.scores.split_at_mut_checked(keys.groups * GROUP) else { return };
    let (Some(max), Some(sums)) = (tile.max.first_chunk::<LANES>(), tile.sums.first_chunk_mut::<LANES>()) else {
        return;
    };
    attend::weigh::<W>(grouped.get_mut(..keys.shared * GROUP).unwrap_or(&mut []), tile.steepness, max, sums);
    if keys.shared < keys.groups {
        keys.weigh::<W>(grouped, tile.visible, tile.steepness, max, sums);
    }
    if keys.tail > 0 {
        let (rest, _) = rest.as_chunks_mut::<LANES>();
        let rest = rest.get_mut(..keys.tail).unwrap_or(&mut []);
        attend::weigh_rest::<W>(rest, tile.steepness, max, sums);
        if !keys.same {
            keys.hide(rest, tile.visible, sums);
        }
    }
}

/// Scores in groups of eight keys, of so many keys together, and after these key by key.
struct Grouped(usize);

impl Places for Grouped {
    #[inline]
    fn walk(&self, scores: &mut [i32], query: usize, first: usize, count: usize, mut each: impl FnMut(&mut i32)) {
        let (grouped, rest) = scores.split_at_mut((self.0 * LANES).min(scores.len()));
        let (mut key, end) = (first, first + count);
        for group in super::rows_mut(grouped.get_mut(first / 8 * GROUP..).unwrap_or(&mut []), GROUP) {
            let seen = group.iter_mut().skip(8 * query).take(8).skip(key % 8).take(end - key);
            for score in seen {
                each(score);
                key += 1;
            }
        }
        let rest = rest.iter_mut().skip(query).step_by(LANES).skip(key.saturating_sub(self.0));
        rest.take(end - key).for_each(each);
    }
}

/// The keys that a tile looks at.
struct Keys {
    /// Groups of eight keys that all queries see.
    shared: usize,
    /// Groups of eight keys that any of the queries sees.
    groups: usize,
    /// Keys after the groups.
    tail: usize,
    /// Whether all queries see all of these.
    same: bool,
}

impl Keys {
    #[inline]
    fn new(visible: &[usize]) -> Self {
        let (least, most) = match *visible {
            [a, b, c, d] if a == b && b == c && c == d => (a, a),
            _ => extent(visible),
        };
        Self { shared: least / 8, groups: most / 8, tail: most % 8, same: least == most }
    }

    /// Raises the maxima by the scores in the groups that not all queries see.
    #[inline(never)]
    fn raise(&self, grouped: &[i32], visible: &[usize], max: &mut [i32; LANES]) {
        for (lane, (max, &visible)) in max.iter_mut().zip(visible).enumerate() {
            for group in self.shared..self.groups {
                let scores = grouped.get(group * GROUP + 8 * lane..).unwrap_or(&[]);
                let seen = scores.iter().take(visible.saturating_sub(8 * group).min(8));
                *max = seen.fold(*max, |max, &score| max.max(score));
            }
        }
    }

    /// Turns the scores in these groups into weights, and adds them to the sums.
    #[inline(never)]
    fn weigh<W: Weight>(
        &self,
        grouped: &mut [i32],
        visible: &[usize],
        steepness: Steepness,
        max: &[i32; LANES],
        sums: &mut [u32; LANES],
    ) {
        for (lane, ((&visible, &max), sum)) in visible.iter().zip(max).zip(sums).enumerate() {
            for group in self.shared..self.groups {
                let place = grouped.get_mut(group * GROUP + 8 * lane..).and_then(|group| group.first_chunk_mut::<8>());
                let Some(place) = place else { return };
                *sum += weigh_row::<W>(place, visible.saturating_sub(8 * group), max, steepness);
                let [a, b, c, d, e, f, g, h] = *place;
                [place[0], place[1], place[2], place[3]] = [a | b << 16, c | d << 16, e | f << 16, g | h << 16];
            }
        }
    }

    /// Takes the weights of keys after the groups that a query does not see back out of its sum.
    #[inline(never)]
    fn hide(&self, rest: &mut [[i32; LANES]], visible: &[usize], sums: &mut [u32; LANES]) {
        for (key, weights) in rest.iter_mut().enumerate() {
            for ((weight, &visible), sum) in weights.iter_mut().zip(visible).zip(&mut *sums) {
                if 8 * self.groups + key >= visible {
                    *sum = sum.wrapping_sub(*weight as u32);
                    *weight = 0;
                }
            }
        }
    }
}

/// Keys that all queries see, and keys that any of them sees.
#[inline(never)]
fn extent(visible: &[usize]) -> (usize, usize) {
    (visible.iter().copied().min().unwrap_or(0), visible.iter().copied().max().unwrap_or(0))
}

/// Turns the first `count` scores into weights and the others into 0; gives the sum.
fn weigh_row<W: Weight>(scores: &mut [i32], count: usize, max: i32, steepness: Steepness) -> u32 {
    let mut sum = 0;
    for (key, score) in scores.iter_mut().enumerate() {
        let weight = W::exp2(steepness.exponent(max.wrapping_sub(*score) as u32)).to_int();
        *score = if key < count { weight } else { 0 };
        sum += *score as u32;
    }
    sum
}

/// Lays weights `[tail][LANES]` out as those of a group.
#[inline(never)]
fn pack_rest(rest: &[i32], tail: usize, group: &mut [i32; GROUP]) {
    let (rest, _) = rest.as_chunks::<LANES>();
    for (pair, keys) in tiles(rest.get(..tail).unwrap_or(&[]), 2).enumerate() {
        for lane in 0..LANES {
            let weight = |key: usize| keys.get(key).and_then(|weights| weights.get(lane)).copied().unwrap_or(0);
            if let Some(to) = group.get_mut(8 * lane + pair) {
                *to = weight(0) | weight(1) << 16;
            }
        }
    }
}

/// The outputs from dimension `first` on, one by one.
#[inline(never)]
fn weighted_dims<W: Weight>(tile: &mut Tile<'_, W>, groups: usize, tail: usize, first: usize) {
    let Some((grouped, rest)) = tile.scores.split_at_checked(groups * GROUP) else { return };
    for (lane, (_, &sum)) in tile.visible.iter().zip(&tile.sums).enumerate().take(LANES) {
        let scale = RowScale::new(sum, tile.ratio);
        let rest = rest.get(lane..).unwrap_or(&[]);
        for dim in first..tile.value_dim {
            let mut values = tile.values.get(dim * tile.positions..).unwrap_or(&[]);
            let mut acc = 0i64;
            for groups in tiles(grouped, portable::CHUNK / 8 * GROUP) {
                let count = groups.len() / GROUP;
                acc += i64::from(attend::total(groups.get(8 * lane..).unwrap_or(&[]), values, count));
                values = values.get(8 * count..).unwrap_or(&[]);
            }
            let rest = rest.iter().step_by(LANES).take(tail).zip(values);
            acc += i64::from(rest.map(|(&weight, &value)| weight * i32::from(value)).sum::<i32>());
            if let Some(out) = tile.out.get_mut(lane * tile.out_stride + dim) {
                *out = scale.to_i8(acc);
            }
        }
    }
}

// Not inlined: each copy would have its own buffer on the stack.
#[inline(never)]
fn linear(x: Rows<'_>, layer: &mut Layer<'_>) {
    let rows = x.data.len().checked_div(x.width).unwrap_or(0);
    if !layer.fits(rows, x.width) {
        return portable::linear(x, core::slice::from_mut(layer));
    }
    let Layer { weights, channels, sink } = layer;
    let inputs = x.width.min(weights.inputs);
    let mut sums = [MaybeUninit::uninit(); SUMS];
    for (block, channels) in tiles(channels, OUTPUTS).enumerate() {
        let output = block * OUTPUTS;
        let w = weights.data.get(output * weights.stride..).unwrap_or(&[]);
        let (grouped, others) = channels.split_at(channels.len() & !7);
        let outputs = grouped.len();
        // As many rows as the buffer holds.
        let most = sums.len().checked_div(outputs).unwrap_or(LANES) & !(LANES - 1);
        let mut row = 0;
        while row < rows {
            let count = (rows - row).min(most);
            let data = x.data.get(row * x.width..).unwrap_or(&[]);
            let stride = weights.stride;
            let filled =
                products::multiply(data, count, x.width, inputs, w, stride, outputs / 8, &mut sums, Layout::Rows);
            // SAFETY: `multiply` has written the first `filled` sums, which are not more than there are.
            let sums = unsafe { core::slice::from_raw_parts(sums.as_ptr().cast::<i32>(), filled) };
            let mut done = count & !(LANES - 1);
            if !finish::finish(sums, done, grouped, sink, row, output) {
                done = 0;
            }
            for (lane, sums) in super::rows(sums, outputs).enumerate().skip(done) {
                for (i, (&channel, &sum)) in grouped.iter().zip(sums).enumerate() {
                    sink.put(row + lane, output + i, channel.bias.wrapping_add(sum), channel);
                }
            }
            for (i, &channel) in others.iter().enumerate() {
                let w = w.get((outputs + i) * weights.stride..).unwrap_or(&[]);
                for (lane, x) in super::rows(data, x.width).take(count).enumerate() {
                    let sum = products::dot(x.get(..inputs).unwrap_or(x), w);
                    sink.put(row + lane, output + outputs + i, channel.bias.wrapping_add(sum), channel);
                }
            }
            row += count;
        }
    }
}

/// [`Kernels::sums_of_two`], one row after the other.
#[inline(never)]
fn sums_of_two(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
    let Matrix { data, inputs, stride } = weights;
    for (block, sums) in super::tiles_mut(sums, OUTPUTS).enumerate() {
        let w = data.get(block * OUTPUTS * stride..).unwrap_or(&[]);
        for (index, x) in x.into_iter().enumerate() {
            let mut memory = [MaybeUninit::uninit(); OUTPUTS];
            let groups = sums.len() / 8;
            let done = products::multiply(x, 1, inputs, inputs, w, stride, groups, &mut memory, Layout::Rows);
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
