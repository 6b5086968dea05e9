//! The kernels: a few small functions that do nearly all the work, once per target.
//!
//! [`Kernels`] is the contract. [`Portable`] is its specification; every other backend
//! gives the same bytes and is held against it by the same generator of cases. A backend
//! overrides what it can do better and inherits the rest.
//!
//! Which one is used is decided when the crate is compiled (`build.rs` maps the target to the crate's
//! own cfgs): see [`Active`] and [`backend`]. Kernels know nothing of attention, and only this
//! folder may contain `unsafe`.

#[macro_use]
#[allow(unsafe_code)]
#[allow(dead_code, unused_macros, unused_imports)] // Each backend takes what it needs.
mod generic;

mod bias;
#[cfg(all(target_arch = "arm", heedful_backend = "dsp"))]
#[allow(unsafe_code)]
mod dsp;
#[cfg(all(target_arch = "arm", heedful_backend = "helium"))]
#[allow(unsafe_code)]
mod helium;
mod hidden15;
mod layer;
#[cfg(all(target_arch = "aarch64", heedful_backend = "neon"))]
#[allow(unsafe_code)]
mod neon;
mod parts;
mod portable;
mod rotate;
#[cfg(all(target_arch = "riscv32", heedful_backend = "rv32"))]
#[allow(unsafe_code)]
mod rv32;
#[cfg(all(any(target_arch = "riscv32", target_arch = "riscv64"), heedful_backend = "rvv"))]
#[allow(unsafe_code)]
mod rvv;
#[cfg(all(target_arch = "arm", heedful_backend = "thumb"))]
#[allow(unsafe_code)]
mod thumb;
mod tile;
#[cfg(not(target_os = "none"))]
mod wide;
#[allow(unsafe_code)]
pub(crate) mod words;
#[cfg(all(target_arch = "x86_64", not(target_os = "none")))]
#[allow(unsafe_code)]
mod x86;

#[cfg(all(target_arch = "arm", heedful_backend = "dsp"))]
pub use dsp::Dsp;
#[cfg(all(target_arch = "arm", heedful_backend = "helium"))]
pub use helium::Helium;
#[cfg(all(target_arch = "aarch64", heedful_backend = "neon"))]
pub use neon::Neon;
pub(crate) use parts::queries_in_parts;
pub use portable::Portable;
pub use rotate::{Rotation, Turn};
#[cfg(all(target_arch = "riscv32", heedful_backend = "rv32"))]
pub use rv32::Rv32;
#[cfg(all(any(target_arch = "riscv32", target_arch = "riscv64"), heedful_backend = "rvv"))]
pub use rvv::Rvv;
#[cfg(all(target_arch = "arm", heedful_backend = "thumb"))]
pub use thumb::Thumb;
pub use tile::{Bounds, MAX_QUERIES, Tile, TileParts, WeightObserver};
#[cfg(not(target_os = "none"))]
pub use wide::Wide;
#[cfg(all(target_arch = "x86_64", not(target_os = "none")))]
pub use x86::{Avx2, Avx512Vnni, AvxVnni, X86};

pub use crate::norm::NormView;
pub use crate::softmax::RowScale;
pub use bias::{MASKED, ScoreLayout};
pub use hidden15::Gated;
use layer::holds;
pub use layer::{Epilogue, Layer, Matrix, Products, Rows, linear};

use crate::requantise::Scale;
use crate::softmax::{Steepness, Weight};

/// The backend that this build uses.
#[cfg(all(target_arch = "arm", heedful_backend = "dsp"))]
pub type Active = Dsp;
/// The backend that this build uses.
#[cfg(all(target_arch = "arm", heedful_backend = "helium"))]
pub type Active = Helium;
/// The backend that this build uses.
#[cfg(all(target_arch = "aarch64", heedful_backend = "neon"))]
pub type Active = Neon;
/// The backend that this build uses.
#[cfg(all(not(target_os = "none"), heedful_backend = "wide"))]
pub type Active = Wide;
/// The backend that this build uses.
#[cfg(all(target_arch = "x86_64", not(target_os = "none"), heedful_backend = "x86"))]
pub type Active = X86;
/// The backend that this build uses.
#[cfg(all(target_arch = "x86_64", not(target_os = "none"), heedful_backend = "avx2"))]
pub type Active = Avx2;
/// The backend that this build uses.
#[cfg(all(target_arch = "x86_64", not(target_os = "none"), heedful_backend = "avx_vnni"))]
pub type Active = AvxVnni;
/// The backend that this build uses.
#[cfg(all(target_arch = "x86_64", not(target_os = "none"), heedful_backend = "avx512_vnni"))]
pub type Active = Avx512Vnni;
/// The backend that this build uses.
#[cfg(all(target_arch = "riscv32", heedful_backend = "rv32"))]
pub type Active = Rv32;
/// The backend that this build uses.
#[cfg(all(any(target_arch = "riscv32", target_arch = "riscv64"), heedful_backend = "rvv"))]
pub type Active = Rvv;
/// The backend that this build uses.
#[cfg(all(target_arch = "arm", heedful_backend = "thumb"))]
pub type Active = Thumb;
/// The backend that this build uses.
#[cfg(not(any(
    all(target_arch = "riscv32", heedful_backend = "rv32"),
    all(any(target_arch = "riscv32", target_arch = "riscv64"), heedful_backend = "rvv"),
    all(target_arch = "arm", heedful_backend = "dsp"),
    all(target_arch = "arm", heedful_backend = "helium"),
    all(target_arch = "arm", heedful_backend = "thumb"),
    all(target_arch = "aarch64", heedful_backend = "neon"),
    all(not(target_os = "none"), heedful_backend = "wide"),
    all(
        target_arch = "x86_64",
        not(target_os = "none"),
        any(
            heedful_backend = "x86",
            heedful_backend = "avx2",
            heedful_backend = "avx_vnni",
            heedful_backend = "avx512_vnni"
        )
    ),
)))]
pub type Active = Portable;

/// Name of the backend that does the work: on x86-64 with the feature `std`, the best that the CPU has.
///
/// ```
/// println!("kernels: {}", heedful::backend());
/// ```
#[must_use]
#[inline]
pub fn backend() -> &'static str {
    <Active as Kernels>::name()
}

/// The product of two words. Cores without a long multiplication have their own.
#[inline]
pub(crate) fn long_product(a: u32, b: u32) -> u64 {
    #[cfg(all(target_arch = "arm", heedful_backend = "thumb", heedful_thumb1))]
    return thumb::long_product(a, b);
    #[cfg(not(all(target_arch = "arm", heedful_backend = "thumb", heedful_thumb1)))]
    return u64::from(a) * u64::from(b);
}

/// Leading zeros of a word that is not 0. Cores without an instruction for it have their own, free of branches.
#[inline]
pub(crate) fn leading_zeros(word: u32) -> u32 {
    #[cfg(all(target_arch = "arm", heedful_backend = "thumb", heedful_thumb1))]
    return thumb::leading_zeros(word);
    #[cfg(not(all(target_arch = "arm", heedful_backend = "thumb", heedful_thumb1)))]
    return word.leading_zeros();
}

/// Splits `data` into rows of `width`, without the panic of `chunks_exact` for a width of 0.
#[inline]
pub(crate) fn rows<T>(mut data: &[T], width: usize) -> impl Iterator<Item = &[T]> {
    core::iter::from_fn(move || {
        let (row, rest) = data.split_at_checked(width).filter(|_| width > 0)?;
        data = rest;
        Some(row)
    })
}

/// [`rows`], to write to.
#[inline]
pub(crate) fn rows_mut<T>(mut data: &mut [T], width: usize) -> impl Iterator<Item = &mut [T]> {
    core::iter::from_fn(move || {
        let (row, rest) = core::mem::take(&mut data).split_at_mut_checked(width).filter(|_| width > 0)?;
        data = rest;
        Some(row)
    })
}

/// Splits `data` into pieces of `length`, the last one shorter.
#[inline]
pub(crate) fn tiles<T>(mut data: &[T], length: usize) -> impl Iterator<Item = &[T]> {
    core::iter::from_fn(move || {
        let (tile, rest) = data.split_at_checked(length.min(data.len()))?;
        data = rest;
        (!tile.is_empty()).then_some(tile)
    })
}

/// [`tiles`], to write to.
#[inline]
pub(crate) fn tiles_mut<T>(mut data: &mut [T], length: usize) -> impl Iterator<Item = &mut [T]> {
    core::iter::from_fn(move || {
        let data_now = core::mem::take(&mut data);
        let (tile, rest) = data_now.split_at_mut_checked(length.min(data_now.len()))?;
        data = rest;
        (!tile.is_empty()).then_some(tile)
    })
}

/// What a backend implements.
///
/// The contract is said once: [`Products`], [`Tile`] and [`Gated`] are proofs that what they hold fits together, and
/// can be made by checked constructors alone. A kernel takes rows of its own, such as scores, by the shorter of two
/// slices, and does nothing where values that it needs are missing. None panics.
pub trait Kernels: Sized {
    /// Name of the backend.
    const NAME: &'static str;

    /// Name of what does the work, as [`backend`] gives it: where a backend chooses at run time, its choice.
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
        portable::tile_scores::<Self, W>(tile);
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

    /// Between the first part and the second, where it is asked for: adds rows of biases, as [`Tile::attend_biased`]
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
        tile.hide_placed::<Self>(Self::score_layout(tile), starts, ends);
    }

    /// Second part: scores to weights, and their sums.
    #[inline]
    fn tile_softmax<W: Weight>(tile: &mut Tile<'_, W>) {
        portable::tile_softmax::<Self, W>(tile);
    }

    /// Third part: weights and values to the output. A query that sees no key gets 0.
    #[inline]
    fn tile_weighted_sum<W: Weight>(tile: &mut Tile<'_, W>) {
        portable::tile_weighted_sum::<Self, W>(tile);
    }

    /// Instead of the third part, where a row's keys come in several tiles: adds `Σ w·v` of each query, over at most
    /// 512 keys, to its totals `[queries][value_dim]`. Rows of values are `Tile::value_stride` apart.
    #[inline]
    fn tile_weighted_total<W: Weight>(tile: &mut Tile<'_, W>, totals: &mut [i64]) {
        portable::tile_weighted_total::<Self, W>(tile, totals);
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
        hidden15::linear::<Self>(hidden);
    }

    /// `Σ x·w` of two rows of `x`, of one length, for each row of `weights`: what [`Kernels::linear_hidden15`] is made
    /// of by default.
    #[inline]
    fn sums_of_two(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
        hidden15::sums_of_two::<Self>(x, weights, sums);
    }

    /// Replaces each value by its entry in a table, indexed by the value's bits.
    #[inline]
    fn table(table: &[i8; 256], x: &mut [i8]) {
        portable::table(table, x);
    }
}
