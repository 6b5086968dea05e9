//! Portable Rust: the specification that all other backends are held against.

use super::layer::{Layer, Products, holds};
use super::norm::NormView;
use super::slices::{rows, tiles_mut};
use super::tile::{Tile, WeightObserver};
use crate::arithmetic::requantise::{Scale, saturate_i8};
use crate::arithmetic::softmax::{RowScale, Steepness, Weight};

#[inline]
pub(super) fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).fold(0, |sum: i32, (&a, &b)| sum.wrapping_add(i32::from(a) * i32::from(b)))
}

/// `data` from `start` on; nothing beyond its end.
#[inline]
pub(super) fn from(data: &[i8], start: usize) -> &[i8] {
    data.get(start..).unwrap_or(&[])
}

#[inline]
pub(super) fn linear(products: Products<'_, '_>) {
    let Products { x, layers, .. } = products;
    for Layer { weights, channels, epilogue } in layers {
        for (row, x) in x.iter().enumerate() {
            let x = x.get(..weights.inputs).unwrap_or(x);
            for (output, &channel) in channels.iter().enumerate() {
                let w = from(weights.data, output * weights.stride);
                epilogue.put(row, output, channel.bias.wrapping_add(dot(x, w)), channel);
            }
        }
    }
}

#[inline]
pub(super) fn scores(query: &[i8], keys: &[i8], scores: &mut [i32]) -> i32 {
    let mut max = i32::MIN;
    if !holds(keys, scores.len(), query.len(), query.len()) {
        return max;
    }
    for (score, key) in scores.iter_mut().zip(rows(keys, query.len())) {
        *score = dot(query, key);
        max = max.max(*score);
    }
    max
}

#[inline]
pub(super) fn largest(scores: &[i32], step: usize) -> i32 {
    scores.iter().step_by(step.max(1)).fold(i32::MIN, |max, &score| max.max(score))
}

#[inline]
pub(super) fn exp2<W: Weight>(scores: &[i32], max: i32, steepness: Steepness, weights: &mut [W]) -> u32 {
    let mut sum = 0u32;
    for (weight, &score) in weights.iter_mut().zip(scores) {
        *weight = W::exp2(steepness.exponent(max.wrapping_sub(score) as u32));
        sum = sum.wrapping_add(weight.to_int() as u32);
    }
    sum
}

/// Positions whose products fit an i32 sum: 512 · 32767 · 128 < 2^31.
pub(crate) const CHUNK: usize = 512;

#[inline]
pub(super) fn weighted_sum<W: Weight>(weights: &[W], values: &[i8], stride: usize, scale: RowScale, out: &mut [i8]) {
    if !holds(values, out.len(), stride, weights.len()) {
        return;
    }
    for (dim, out) in out.iter_mut().enumerate() {
        let chunks = weights.chunks(CHUNK).zip(from(values, dim * stride).chunks(CHUNK));
        let acc = chunks
            .map(|(w, v)| -> i64 { i64::from(w.iter().zip(v).map(|(&w, &v)| w.to_int() * i32::from(v)).sum::<i32>()) });
        *out = scale.to_i8(acc.sum());
    }
}

#[inline]
pub(super) fn weighted_total<W: Weight>(weights: &[W], values: &[i8], stride: usize, totals: &mut [i64]) {
    if !holds(values, totals.len(), stride, weights.len()) {
        return;
    }
    for (dim, total) in totals.iter_mut().enumerate() {
        let products = weights.iter().zip(from(values, dim * stride)).map(|(&w, &v)| w.to_int() * i32::from(v));
        *total += i64::from(products.take(CHUNK).sum::<i32>());
    }
}

/// The part of `memory` that belongs to a row of `positions`, as far as it is visible.
#[inline]
fn row<T>(memory: &mut [T], row: usize, positions: usize, visible: usize) -> &mut [T] {
    let memory = memory.get_mut(row * positions..).unwrap_or(&mut []);
    memory.get_mut(..visible).unwrap_or(&mut [])
}

#[inline]
pub(super) fn tile_scores<W>(tile: &mut Tile<'_, W>, scores: impl Fn(&[i8], &[i8], &mut [i32]) -> i32) {
    let queries = rows(tile.queries, tile.dim).zip(&*tile.visible).zip(&mut tile.max);
    for (i, ((query, &visible), max)) in queries.enumerate() {
        *max = scores(query, tile.keys, row(tile.scores, i, tile.positions, visible));
    }
}

#[inline]
pub(super) fn tile_softmax<W>(tile: &mut Tile<'_, W>, exp2: impl Fn(&[i32], i32, Steepness, &mut [W]) -> u32) {
    let queries = tile.visible.iter().zip(&tile.max).zip(&mut tile.sums);
    for (i, ((&visible, &max), sum)) in queries.enumerate() {
        let scores = row(tile.scores, i, tile.positions, visible);
        *sum = exp2(scores, max, tile.steepness, row(tile.weights, i, tile.positions, visible));
    }
}

#[inline]
pub(super) fn tile_weighted_sum<W>(
    tile: &mut Tile<'_, W>,
    weighted_sum: impl Fn(&[W], &[i8], usize, RowScale, &mut [i8]),
) {
    let queries = tiles_mut(tile.out, tile.out_stride).zip(&*tile.visible).zip(&tile.sums);
    for (i, ((out, &visible), &sum)) in queries.enumerate() {
        let weights = row(tile.weights, i, tile.positions, visible);
        let out = out.get_mut(..tile.value_dim).unwrap_or(&mut []);
        weighted_sum(weights, tile.values, tile.positions, RowScale::new(sum, tile.ratio), out);
    }
}

#[inline]
pub(super) fn tile_show<W: Weight>(tile: &mut Tile<'_, W>, observer: &mut impl WeightObserver<W>) {
    for (i, &visible) in tile.visible.iter().enumerate() {
        observer.row(i, row(tile.weights, i, tile.positions, visible));
    }
}

/// Adds up what the rows of weights that it is shown weigh.
pub(super) struct Totals<'a, F> {
    values: &'a [i8],
    stride: usize,
    value_dim: usize,
    totals: &'a mut [i64],
    add: F,
}

/// What adds the weighted values of a tile to its totals `[queries][value_dim]`, once it is shown the weights. `add`
/// does so for one query.
#[inline]
pub(super) fn totals<'a, W, F>(tile: &Tile<'a, W>, totals: &'a mut [i64], add: F) -> Totals<'a, F> {
    let Tile { values, value_stride: stride, value_dim, .. } = *tile;
    Totals { values, stride, value_dim, totals, add }
}

impl<W: Weight, F: Fn(&[W], &[i8], usize, &mut [i64])> WeightObserver<W> for Totals<'_, F> {
    const WATCHES: bool = true;

    #[inline]
    fn row(&mut self, query: usize, weights: &[W]) {
        let totals = self.totals.get_mut(query * self.value_dim..).and_then(|rest| rest.get_mut(..self.value_dim));
        (self.add)(weights, self.values, self.stride, totals.unwrap_or(&mut []));
    }
}

// Not inlined: loops over rows of known width would be unrolled into tens of kilobytes.
#[inline(never)]
pub(super) fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
    if !norm.takes(x, out) {
        return;
    }
    let (sum, squares) = moments(x);
    let sum = norm.taken_off(sum);
    let root = norm.inverse_root(x.len(), sum, squares);
    let n = x.len() as i32;
    for ((out, &x), channel) in out.iter_mut().zip(x).zip(norm.channels) {
        // n·x - Σx is exact where x - mean is not.
        let centred = n.wrapping_mul(i32::from(x)).wrapping_sub(sum);
        *out = saturate_i8(root.apply(centred, *channel));
    }
}

pub(super) fn carry_norm(x: &mut [i16], norm: NormView<'_>, carry: Scale) {
    let width = norm.channels.len();
    if x.len() != width || width == 0 || width > super::norm::MAX_WIDTH {
        return;
    }
    let (sum, squares) = moments(x);
    let sum = norm.taken_off(sum);
    let root = norm.inverse_root(width, sum, squares);
    let n = width as i32;
    for (x, channel) in x.iter_mut().zip(norm.channels) {
        let centred = n.wrapping_mul(i32::from(*x)).wrapping_sub(sum);
        *x = carry.to_i16(root.apply_fine(centred, *channel));
    }
}

/// Sum and sum of squares.
#[inline]
fn moments(x: &[i16]) -> (i32, u64) {
    x.iter().fold((0i32, 0u64), |(sum, squares), &x| {
        let x = i32::from(x);
        (sum + x, squares + (x * x) as u64)
    })
}

#[inline]
pub(super) fn table(table: &[i8; 256], x: &mut [i8]) {
    for x in x {
        *x = table[usize::from(*x as u8)];
    }
}

#[inline]
pub(super) fn gate(table: &[i16; 256], product: Scale, gate: &mut [i8], up: &[i8]) {
    for (gate, &up) in gate.iter_mut().zip(up) {
        *gate = product.to_i8(i32::from(table[usize::from(*gate as u8)]) * i32::from(up));
    }
}
