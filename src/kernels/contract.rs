//! What a backend implements, and how kernels are called.

use super::bias::{MASKED, ScoreLayout};
use super::hidden15::{self, Gated};
use super::layer::{Layer, Matrix, Products, Rows};
use super::norm::NormView;
use super::portable;
use super::rotate::{self, Rotation, Turn};
use super::tile::{Bounds, Tile, WeightObserver};
use crate::arithmetic::requantise::Scale;
use crate::arithmetic::softmax::{RowScale, Steepness, Weight};

/// What a backend implements.
///
/// The contract is said once: [`Products`], [`Tile`] and [`Gated`] are proofs that what they hold fits together, and
/// can be made by checked constructors alone. A kernel takes rows of its own, such as scores, by the shorter of two
/// slices, and does nothing where values that it needs are missing. None panics.
pub trait Kernels: Sized {
    /// Name of the backend.
    const NAME: &'static str;

    /// Name of what does the work, as [`backend`](super::backend) gives it: where a backend chooses at run time, its
    /// choice.
    #[inline]
    #[must_use]
    fn name() -> &'static str {
        Self::NAME
    }

    /// How many queries a [`Tile`] has at most.
    const QUERIES: usize = 1;
    /// How many rows of a layer fill its registers: a feed-forward layer keeps hidden values of as many.
    const ROWS: usize = 4;
    /// How many rows of weights a [`Tile`] needs in memory.
    const WEIGHT_ROWS: usize = Self::QUERIES;

    /// Where keys are hidden, a [`Tile`]'s queries had better see a multiple of so many.
    const KEYS: usize = 8;

    /// `bias + Σ x·w` for each row of `x` and each output of each layer. The layers (up to three: query, key and
    /// value) share the rows, so that a backend prepares these once.
    #[inline]
    fn linear(products: Products<'_, '_>) {
        portable::linear(products);
    }

    /// Scores `q·k` of one query against each key (`keys`: `[scores][query.len()]`); gives their maximum.
    #[inline]
    fn scores(query: &[i8], keys: &[i8], scores: &mut [i32]) -> i32 {
        portable::scores(query, keys, scores)
    }

    /// `2^-(c·(max - s))` for each score; gives the sum of the weights.
    #[inline]
    fn exp2<W: Weight>(scores: &[i32], max: i32, steepness: Steepness, weights: &mut [W]) -> u32 {
        portable::exp2(scores, max, steepness, weights)
    }

    /// `Σ w·v / Σ w` for each dimension. `values` is transposed: `[out.len()][stride]`,
    /// of which the first `weights.len()` count.
    #[inline]
    fn weighted_sum<W: Weight>(weights: &[W], values: &[i8], stride: usize, scale: RowScale, out: &mut [i8]) {
        portable::weighted_sum(weights, values, stride, scale, out);
    }

    /// Adds `Σ w·v` of at most 512 weights to the total of each dimension. `values` is `[totals.len()][stride]`, as
    /// above.
    #[inline]
    fn weighted_total<W: Weight>(weights: &[W], values: &[i8], stride: usize, totals: &mut [i64]) {
        portable::weighted_total(weights, values, stride, totals);
    }

    /// First part of the attention of a [`Tile`]: scores and their maxima.
    ///
    /// By default, this and what follows go one query after the other, by [`Kernels::scores`], [`Kernels::exp2`] and
    /// [`Kernels::weighted_sum`]. A backend whose registers hold several rows overrides all four, and shares the
    /// pass over keys and values.
    #[inline]
    fn tile_scores<W: Weight>(tile: &mut Tile<'_, W>) {
        portable::tile_scores(tile, Self::scores);
    }

    /// Where the scores of a tile lie after its first part, for the three that follow. A backend whose scores lie
    /// otherwise than can be said here has its own of these.
    #[inline]
    fn score_layout<W>(tile: &Tile<'_, W>) -> ScoreLayout {
        ScoreLayout { query: tile.positions, key: 1, up: 0 }
    }

    /// The largest of every `step`th score, from the first on.
    #[inline]
    fn largest(scores: &[i32], step: usize) -> i32 {
        portable::largest(scores, step)
    }

    /// Between the first part and the second, where it is asked for: adds rows of biases, as [`Tile::add_biases`]
    /// takes them, to the scores, and finds the maxima anew.
    // Not inlined into the backends' own parts: only those who use it pay.
    #[inline(never)]
    fn tile_bias<W: Weight>(tile: &mut Tile<'_, W>, rows: impl FnMut(usize, usize, &mut [i32])) {
        tile.bias_placed(Self::score_layout(tile), rows);
    }

    /// After [`Kernels::tile_bias`]: raises scores that lie 2^23 or more below the maximum to 2^23 - 1 below it.
    #[inline(never)]
    fn tile_floor<W: Weight>(tile: &mut Tile<'_, W>) {
        tile.floor_placed(Self::score_layout(tile));
    }

    /// Instead of the first part and of these two, where each query sees only the keys from a start to an end: the
    /// scores of the others are such that they weigh 0. What bounds a query has to which no key is visible does not
    /// matter.
    #[inline(never)]
    fn tile_scores_between<W: Weight>(tile: &mut Tile<'_, W>, starts: &Bounds, ends: &Bounds) {
        Self::tile_scores(tile);
        tile.hide_placed(Self::score_layout(tile), starts, ends, Self::largest);
    }

    /// Second part: scores to weights, and their sums.
    #[inline]
    fn tile_softmax<W: Weight>(tile: &mut Tile<'_, W>) {
        portable::tile_softmax(tile, Self::exp2::<W>);
    }

    /// Third part: weights and values to the output. A query that sees no key gets 0.
    #[inline]
    fn tile_weighted_sum<W: Weight>(tile: &mut Tile<'_, W>) {
        portable::tile_weighted_sum(tile, Self::weighted_sum::<W>);
    }

    /// Instead of the third part, where a row's keys come in several tiles: adds `Σ w·v` of each query, over at most
    /// 512 keys, to its totals `[queries][value_dim]`. Rows of values are `Tile::value_stride` apart.
    #[inline]
    fn tile_weighted_total<W: Weight>(tile: &mut Tile<'_, W>, totals: &mut [i64]) {
        Self::tile_show(tile, &mut portable::totals(tile, totals, Self::weighted_total::<W>));
    }

    /// Shows the weights of each query, in order of the keys.
    #[inline]
    fn tile_show<W: Weight>(tile: &mut Tile<'_, W>, observer: &mut impl WeightObserver<W>) {
        portable::tile_show(tile, observer);
    }

    /// Layer norm of one row, int16 to int8.
    #[inline]
    fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
        portable::layer_norm(x, norm, out);
    }

    /// The norm of one row in its place, int16 again: with 16 fraction bits, times `carry`.
    #[inline(never)]
    fn carry_norm(x: &mut [i16], norm: NormView<'_>, carry: Scale) {
        portable::carry_norm(x, norm, carry);
    }

    /// The turns by some frequencies, in units of 2^-32 of a turn per position, from the position `first` on, and
    /// `step` further each time: `[positions][frequencies.len()]`.
    #[inline]
    fn turns(frequencies: &[u32], first: u32, step: u32, turns: &mut [Turn]) {
        rotate::turns(frequencies, first, step, turns);
    }

    /// Turns the pairs of rows `[rows][rotation.dim]`, and rounds the other values: int16 to int8, 64 steps to one.
    #[inline]
    fn rotate(rotation: Rotation<'_>, x: &[i16], out: &mut [i8]) {
        rotate::rotate(rotation, x, out);
    }

    /// Multiplies what a table gives for each value of `gate` by the value of `up` beside it, requantised, in place of
    /// the first.
    #[inline]
    fn gate(table: &[i16; 256], product: Scale, gate: &mut [i8], up: &[i8]) {
        portable::gate(table, product, gate, up);
    }

    /// The last layer of a gated feed-forward part, on hidden values with seven more bits: 15 in all, in 128ths of the
    /// int8 step that the layer's scales and biases are for. Sums are exact in 32 bits for at most 768 inputs, and
    /// biases below 2^22.
    #[inline]
    fn linear_hidden15(hidden: Gated<'_, '_>) {
        hidden15::linear(hidden, Self::sums_of_two);
    }

    /// `Σ x·w` of two rows of `x`, of one length, for each row of `weights`: what [`Kernels::linear_hidden15`] is made
    /// of by default.
    #[inline]
    fn sums_of_two(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
        hidden15::sums_of_two(x, weights, sums, Self::scores);
    }

    /// Replaces each value by its entry in a table, indexed by the value's bits.
    #[inline]
    fn table(table: &[i8; 256], x: &mut [i8]) {
        portable::table(table, x);
    }
}

/// The portable backend: all that is the default. It compiles on every target, so that equality is always testable.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

impl Kernels for Portable {
    const NAME: &'static str = "portable";
}

/// `bias + Σ x·w` for each row of `x` and each output of each layer. A layer that does not fit the rows is left out.
#[inline]
pub fn linear<K: Kernels>(x: Rows<'_>, layers: &mut [Layer<'_>]) {
    match Products::new(x, layers) {
        Some(products) => K::linear(products),
        None => linear_where_it_fits::<K>(x, layers),
    }
}

#[cold]
#[inline(never)]
fn linear_where_it_fits<K: Kernels>(x: Rows<'_>, layers: &mut [Layer<'_>]) {
    for layer in layers {
        if let Some(products) = Products::new(x, core::slice::from_mut(layer)) {
            K::linear(products);
        }
    }
}

impl<W: Weight> Tile<'_, W> {
    /// `S = Q·Kᵀ`, and each query's largest score.
    #[inline]
    pub fn scores<K: Kernels>(&mut self) {
        K::tile_scores(self);
    }

    /// [`Tile::scores`], where each query sees only the keys from a start to an end: at least one, or none are visible
    /// to it.
    #[inline]
    pub fn scores_between<K: Kernels>(&mut self, starts: &Bounds, ends: &Bounds) {
        K::tile_scores_between(self, starts, ends);
    }

    /// Adds rows of biases to the scores: `rows(query, key, row)` adds those of a query, from a key on, to a row of
    /// zeros, and sets them to [`MASKED`] for keys that shall weigh exactly 0.
    ///
    /// A bias should be at most 2^29 either way. Scores 2^23 or more below the maximum count as 2^23 - 1 below it: they
    /// weigh 0, as does any key that lies 17 octaves below, for no steepness is less than 2^-18. A query all of whose
    /// keys are masked gets 0.
    #[inline]
    pub fn add_biases<K: Kernels>(&mut self, rows: impl FnMut(usize, usize, &mut [i32])) {
        K::tile_bias(self, rows);
        self.floor::<K>();
    }

    /// What masks and biases leave of scores far below the maximum. Scores of a query all of whose keys are masked
    /// then lie far below a maximum of 0.
    #[inline]
    pub(super) fn floor<K: Kernels>(&mut self) {
        for (max, _) in self.max.iter_mut().zip(&*self.visible) {
            if *max < MASKED / 2 {
                *max = 0;
            }
        }
        K::tile_floor(self);
    }

    /// `P = 2^-(c·(max S - S))`, and each query's sum of these.
    #[inline]
    pub fn softmax<K: Kernels>(&mut self) {
        K::tile_softmax(self);
    }

    /// `O = P·V / ΣP`
    #[inline]
    pub fn weigh_values<K: Kernels>(&mut self) {
        K::tile_weighted_sum(self);
    }

    /// Shows the weights of each query, in order of the keys.
    #[inline]
    pub fn show<K: Kernels>(&mut self, observer: &mut impl WeightObserver<W>) {
        K::tile_show(self, observer);
    }
}
