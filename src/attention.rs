//! Multi-head attention ("Attention Is All You Need", Vaswani et al. 2017, section 3.2), and its relatives: heads that
//! share keys and values (multi-query: Shazeer, "Fast Transformer Decoding", 2019; grouped-query: Ainslie et al.,
//! "GQA", 2023), heads that share projections, cross-attention, and heads of any [`AttentionPattern`].
//!
//! Heads run one after the other, and within a head a few queries at a time: what is alive are
//! the queries, keys and values of one head and a few rows of scores, so memory grows with the
//! number of positions, never with its square.

mod cache;
mod fused;
mod grid;
mod low_rank;
mod ring;
mod scratch;
mod shown;
mod typed;

pub(crate) use cache::{At, CacheView, StepView};
pub use cache::{KvCache, StepScratch};
pub use fused::FusedAttention;
pub use low_rank::{LowRankAttention, LowRankScratch};
pub use ring::RewindError;
pub(crate) use ring::Ring;
pub(crate) use scratch::ScratchView;
pub use scratch::{HeadScratch, Scratch};
pub(crate) use typed::rows as rows_of;
pub use typed::{MultiHeadAttention, Projection};

use crate::kernels::{
    Active, Epilogue, Kernels, MASKED, MAX_QUERIES, Matrix, Portable, Rows, Tile, TileParts, linear, queries_in_parts,
    rows_mut, tiles_mut,
};
use crate::linear::LinearView;
use crate::observe::{Observer, Row};
use crate::pattern::AttentionPattern;
use crate::real::FromReal;
use crate::requantise::{Channel, Scale};
pub use crate::softmax::MAX_HEAD_DIM;
use crate::softmax::{Steepness, Weight};
use bytemuck::NoUninit;
use core::ops::Range;
use grid::Grid;
use shown::Placed;

/// The most positions: weights of one row sum to less than 2^31.
pub const MAX_POSITIONS: usize = 1 << 16;

/// How one head weighs and scales.
#[derive(Clone, Copy, PartialEq, Eq, Debug, NoUninit)]
#[repr(C)]
pub struct HeadScale {
    steepness: Steepness,
    value: Scale,
}

impl HeadScale {
    /// From the steepness, and from the scale of the values over the scale of the head's output, over 256. `None`
    /// unless the ratio of the two scales is at least 2^-8 and below 32.
    ///
    /// ```
    /// use heedful::{HeadScale, Scale, Steepness};
    /// let steepness = Steepness::from_real(0.001).unwrap();
    /// let head = HeadScale::new(steepness, Scale::from_real(1.5 / 256.0).unwrap());
    /// assert_eq!(head, HeadScale::from_real(0.001, 1.5).ok());
    /// ```
    #[must_use]
    pub const fn new(steepness: Steepness, value: Scale) -> Option<Self> {
        let shift = value.shift();
        if shift >= 2 && shift <= 14 { Some(Self { steepness, value }) } else { None }
    }

    /// Of the softmax: octaves per unit of the score.
    #[inline]
    #[must_use]
    pub const fn steepness(self) -> Steepness {
        self.steepness
    }

    /// Scale of the values over the scale of the head's output, over 256.
    #[inline]
    #[must_use]
    pub const fn value(self) -> Scale {
        self.value
    }

    /// From the octaves per unit of the score (`log2(e) / sqrt(head dim) · query scale · key scale`), and from the
    /// scale of the values over the scale of the head's output, 2^-8 up to, but not, 32.
    ///
    /// ```
    /// use heedful::HeadScale;
    /// assert!(HeadScale::from_real(0.001, 1.5).ok().is_some());
    /// assert!(HeadScale::from_real(0.001, 40.0).ok().is_none());
    /// ```
    pub const fn from_real(steepness: f64, ratio: f64) -> FromReal<Self> {
        let steepness = match Steepness::from_real(steepness).result() {
            Ok(steepness) => steepness,
            Err(error) => return FromReal::refuse(error.what, error.found, error.allowed),
        };
        let head = match Scale::from_real(ratio / 256.0).ok() {
            Some(value) => Self::new(steepness, value),
            None => None,
        };
        match head {
            Some(head) => FromReal::new(head),
            None => FromReal::refuse("scale of the values over that of the head's output", ratio, Self::RATIO),
        }
    }

    /// The same head at another temperature: above 1 it spreads its attention, below 1 it gathers it. The steepness
    /// must keep its bounds.
    ///
    /// ```
    /// use heedful::HeadScale;
    /// let head = HeadScale::from_real(0.01, 1.5).unwrap();
    /// assert_eq!(head.at_temperature(2.0), HeadScale::from_real(0.005, 1.5));
    /// ```
    pub const fn at_temperature(self, temperature: f64) -> FromReal<Self> {
        match Steepness::from_real(self.steepness.to_real() / temperature).result() {
            Ok(steepness) => FromReal::new(Self { steepness, value: self.value }),
            Err(error) => FromReal::refuse(error.what, error.found, error.allowed),
        }
    }

    /// Which scales of the values there are, over that of the head's output.
    pub(crate) const RATIO: &str = "2^-8 up to, but not, 32";
}

/// The projection of a sequence to the queries, keys or values of all heads.
#[derive(Clone, Copy, Debug)]
pub struct ProjectionView<'a> {
    /// Weights `[weight_groups * dim][inputs]`.
    pub weights: Matrix<'a>,
    /// Bias and scale of each output, `[channel_groups * dim]`.
    pub channels: &'a [Channel],
    /// Sets of weights: as many as heads, or fewer, which heads in a row then share.
    pub weight_groups: usize,
    /// Sets of channels, likewise. Where there are more of them than sets of weights, heads differ by their biases
    /// alone.
    pub channel_groups: usize,
    /// The first value of a row of the sequence that the weights apply to.
    pub offset: usize,
}

impl<'a> ProjectionView<'a> {
    /// A projection whose `groups` heads have weights and channels of their own.
    pub(crate) const fn new(layer: LinearView<'a>, groups: usize) -> Self {
        let LinearView { weights, channels } = layer;
        Self { weights, channels, weight_groups: groups, channel_groups: groups, offset: 0 }
    }

    /// The same, reading rows from their `offset`th value on.
    pub(crate) const fn reading_from(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    /// All of it.
    #[inline]
    #[must_use]
    pub const fn layer(&self) -> LinearView<'a> {
        LinearView { weights: self.weights, channels: self.channels }
    }

    /// All of it, if each of so many heads has weights and channels of its own, and reads whole rows.
    #[inline]
    fn all(&self, heads: usize) -> Option<LinearView<'a>> {
        (self.weight_groups == heads && self.channel_groups == heads && self.offset == 0).then(|| self.layer())
    }

    /// Calls `run` with the parts of so many heads and their first head: one part, or one for each head.
    #[inline]
    fn parts(&self, heads: usize, dim: usize, mut run: impl FnMut(LinearView<'a>, usize)) {
        if self.weight_groups == heads && self.channel_groups == heads {
            return run(self.layer(), 0);
        }
        for head in 0..heads {
            run(self.head(head, heads, dim), head);
        }
    }

    /// What it reads of a row.
    #[inline]
    fn input<'x>(&self, row: Rows<'x>) -> Rows<'x> {
        let data = row.data().get(self.offset..).unwrap_or(&[]);
        let width = self.weights.inputs;
        Rows::new(data.get(..width).unwrap_or(data), width)
    }

    /// The part of the `head`th of `heads`, of `dim` outputs.
    #[inline]
    pub(crate) fn head(&self, head: usize, heads: usize, dim: usize) -> LinearView<'a> {
        let weights = group(head, heads, self.weight_groups) * dim * self.weights.stride;
        let channels = group(head, heads, self.channel_groups) * dim;
        let channels = self.channels.get(channels..).unwrap_or(&[]);
        LinearView {
            weights: Matrix { data: self.weights.data.get(weights..).unwrap_or(&[]), ..self.weights },
            channels: channels.get(..dim).unwrap_or(channels),
        }
    }
}

/// The group that the `head`th of `heads` belongs to.
#[inline]
fn group(head: usize, heads: usize, groups: usize) -> usize {
    if groups == heads { head } else { (head * groups).checked_div(heads).unwrap_or(0) }
}

/// Attention of any shape, as the `.heed` file holds it.
#[derive(Clone, Copy, Debug)]
pub struct AttentionView<'a> {
    /// To queries of `dim` values.
    pub query: ProjectionView<'a>,
    /// To keys of `dim` values; `None` where a row of the sequence is the key (fused query-key weights).
    pub key: Option<ProjectionView<'a>>,
    /// To values of `head_dim`.
    pub value: ProjectionView<'a>,
    /// Output projection `[width][heads * head_dim]`.
    pub output: LinearView<'a>,
    /// One per head.
    pub heads: &'a [HeadScale],
    /// Values per query and key of a head.
    pub dim: usize,
    /// Values per value and output of a head.
    pub head_dim: usize,
}

/// What attention reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sequences<'a> {
    /// What the queries are made from.
    pub queries: Rows<'a>,
    /// How many there are.
    pub positions: usize,
    /// What keys and values are made from, if it is another sequence (cross-attention).
    pub memory: Option<Rows<'a>>,
    /// How many there are.
    pub keys: usize,
}

impl<'a> Sequences<'a> {
    /// A sequence that looks at itself.
    #[inline]
    pub(crate) const fn one(rows: Rows<'a>, positions: usize) -> Self {
        Self { queries: rows, positions, memory: None, keys: positions }
    }
}

impl AttentionView<'_> {
    /// How many keys and values there are for each position.
    #[inline]
    fn key_heads(&self) -> usize {
        self.key.map_or(1, |key| key.channel_groups).max(self.value.channel_groups)
    }

    /// Some heads of `x` into `scratch.heads` `[positions][heads.len() * head_dim]`. With `PARTS` there may be less
    /// memory than for the scores of whole rows.
    #[inline]
    pub(crate) fn attend<K: Kernels, W: Weight, R: AttentionPattern, O: Observer<W>, const PARTS: bool>(
        &self,
        x: Sequences<'_>,
        pattern: &R,
        heads: Range<usize>,
        scratch: &mut ScratchView<'_, W>,
        layer: usize,
        observer: &mut O,
    ) {
        let stride = heads.len() * self.head_dim;
        // Keys and values in memory: heads that share them find them there.
        let mut held = None;
        for (column, head) in heads.enumerate() {
            let Some(&scale) = self.heads.get(head) else { return };
            // Beyond the longest sequence, each position is alone on its grid; no product with a width overflows.
            let step = pattern.dilation(head).clamp(1, MAX_POSITIONS);
            if (0..x.positions).all(|query| pattern.keys(head, query, x.keys).is_empty()) {
                rest(
                    x.positions,
                    head,
                    from(scratch.heads, column * self.head_dim),
                    stride,
                    self.head_dim,
                    layer,
                    observer,
                );
                continue;
            }
            let mut first = 0;
            while first < step.min(x.positions) {
                let grid = Grid { first, step };
                let key_head = group(head, self.heads.len(), self.key_heads());
                let holds = held == Some((key_head, grid));
                held = Some((key_head, grid));
                self.project::<K, R>(x, pattern, head, (!holds).then_some(key_head), grid, scratch);
                let seat =
                    Seat { head, scale, grid, stride: stride * step, column: first * stride + column * self.head_dim };
                self.attend_head::<K, W, R, O, PARTS>(x, pattern, seat, scratch, layer, observer);
                first += 1;
            }
        }
    }

    /// The queries of a head, and its keys and values if `key_head` says which, into `scratch`.
    #[inline]
    fn project<K: Kernels, R: AttentionPattern>(
        &self,
        x: Sequences<'_>,
        pattern: &R,
        head: usize,
        key_head: Option<usize>,
        grid: Grid,
        scratch: &mut ScratchView<'_, impl Weight>,
    ) {
        let dim = self.dim;
        let (positions, keys) = (grid.count(x.positions), grid.count(x.keys));
        let memory = x.memory.unwrap_or(x.queries);
        let query = self.query.head(head, self.heads.len(), dim);
        let made = key_head.map(|head| {
            let key = self.key.map(|key| (key.head(head, self.key_heads(), dim), key.offset));
            (key, self.value.head(head, self.key_heads(), self.head_dim))
        });

        if let (Some((Some((key, offset)), value)), None) = (made, x.memory)
            && offset == self.query.offset
            && offset == self.value.offset
        {
            // All three share the pass over the rows.
            return grid.rows(x.queries, offset, query.weights.inputs, positions, |rows, row| {
                let (to_query, to_key) = (from(scratch.query, row * dim), from(scratch.key, row * dim));
                let to_value = from(scratch.value, row);
                match pattern.rope() {
                    Some(rope) => {
                        let beside = ((key, to_key), (value, to_value, x.keys));
                        let places = [grid.position(row), grid.step];
                        rope.project::<K>(rows, places, (query, to_query), Some(beside));
                    }
                    None => linear::<K>(
                        rows,
                        &mut [
                            query.to(by_position(to_query, dim)),
                            key.to(by_position(to_key, dim)),
                            value.to(transposed(to_value, x.keys)),
                        ],
                    ),
                }
            });
        }
        let turn = |rows: Rows<'_>, offset, layer: LinearView<'_>, count, out: &mut [i8]| {
            grid.rows(rows, offset, layer.weights.inputs, count, |rows, row| match pattern.rope() {
                Some(rope) => {
                    let places = [grid.position(row), grid.step];
                    rope.project::<K>(rows, places, (layer, from(out, row * dim)), None);
                }
                None => linear::<K>(rows, &mut [layer.to(by_position(from(out, row * dim), dim))]),
            });
        };
        turn(x.queries, self.query.offset, query, positions, scratch.query);
        let Some((key, value)) = made else { return };
        match key {
            Some((key, offset)) => turn(memory, offset, key, keys, scratch.key),
            None if grid.step > 1 => grid.rows(memory, 0, dim, keys, |rows, row| {
                for (to, key) in rows_mut(from(scratch.key, row * dim), dim).zip(rows.iter()) {
                    for (to, &key) in to.iter_mut().zip(key) {
                        *to = key;
                    }
                }
            }),
            None => {}
        }
        grid.rows(memory, self.value.offset, value.weights.inputs, keys, |rows, row| {
            linear::<K>(rows, &mut [value.to(transposed(from(scratch.value, row), x.keys))]);
        });
    }

    /// One head, a tile of queries at a time.
    #[inline]
    fn attend_head<K: Kernels, W: Weight, R: AttentionPattern, O: Observer<W>, const PARTS: bool>(
        &self,
        x: Sequences<'_>,
        pattern: &R,
        seat: Seat,
        scratch: &mut ScratchView<'_, W>,
        layer: usize,
        observer: &mut O,
    ) {
        let Seat { head, scale, grid, stride, column } = seat;
        let positions = grid.count(x.positions);
        let all = match self.key {
            None if grid.step == 1 => x.memory.unwrap_or(x.queries).data(),
            _ => &*scratch.key,
        };
        let whole_rows = whole_rows::<K, PARTS>(scratch.scores, x.keys);
        let most = match whole_rows {
            true => K::QUERIES,
            false if PARTS => queries_in_parts::<K, W>(scratch.scores, scratch.weights, scratch.totals, self.head_dim),
            false => Portable::QUERIES,
        };
        let mut index = 0;
        while index < positions {
            let count = most.clamp(1, MAX_QUERIES).min(positions - index);
            // Keys of each query, as places on the grid.
            let (mut starts, mut visible) = ([0; MAX_QUERIES], [0; MAX_QUERIES]);
            let mut start = if R::FROM_FIRST { 0 } else { usize::MAX };
            for (i, (first, visible)) in starts.iter_mut().zip(&mut visible).enumerate().take(count) {
                let keys = pattern.keys(head, grid.position(index + i), x.keys);
                *visible = grid.index(keys.end.min(x.keys));
                if !R::FROM_FIRST {
                    *first = grid.index(keys.start);
                    if *first < *visible {
                        start = start.min(*first);
                    } else {
                        *visible = 0;
                    }
                }
            }
            let mut hides = false;
            if !R::FROM_FIRST {
                // From a whole word of values on; if no query sees anything, from anywhere.
                start = start.min(x.keys) & !3;
                for (first, visible) in starts.iter_mut().zip(&mut visible).take(count) {
                    *first = first.saturating_sub(start);
                    *visible = visible.saturating_sub(start);
                    // Tiles know no other start than the first key: what lies before is hidden.
                    hides |= *first > 0 && *visible > 0;
                }
            }
            let ends = visible;
            let biases = pattern.biases(head);
            if hides || biases {
                // Where keys are hidden anyway, all queries look as far as the farthest, in steps that suit the
                // kernels.
                let most = visible.iter().take(count).fold(0, |most, &visible| visible.max(most));
                let most = most.next_multiple_of(K::KEYS).min(grid.count(x.keys).saturating_sub(start));
                for visible in visible.iter_mut().take(count).filter(|visible| **visible > 0) {
                    *visible = most;
                }
            }
            // Biases of a query's keys, from one of the tile's keys on.
            let rows = |query: usize, key: usize, row: &mut [i32]| {
                let (Some(&first), Some(&end)) = (starts.get(query), ends.get(query)) else { return };
                if biases {
                    let (query, key) = (grid.position(index + query), grid.position(start + key));
                    pattern.bias_row(head, query, key, grid.step, row);
                }
                hide_outside(row, first.saturating_sub(key)..end.saturating_sub(key));
            };
            let out = from(scratch.heads, index * stride + column);
            let mut placed =
                Placed { observer: &mut *observer, layer, head, grid, index, start, starts: &starts, ends: &ends };
            let mut tile = Tile::new(TileParts {
                queries: scratch.query.get(index * self.dim..).unwrap_or(&[]),
                keys: all.get(start * self.dim..).unwrap_or(&[]),
                values: scratch.value.get(start..).unwrap_or(&[]),
                dim: self.dim,
                value_dim: self.head_dim,
                positions: x.keys,
                visible: visible.get_mut(..count).unwrap_or(&mut []),
                steepness: scale.steepness,
                ratio: scale.value,
                scores: scratch.scores,
                weights: scratch.weights,
                out,
                out_stride: stride,
            });
            // In place: to move it costs as much as to make it.
            let Some(tile) = &mut tile else { return };
            if whole_rows && hides && !biases {
                tile.attend_between::<K, _>(&starts, &ends, &mut placed);
            } else {
                let rows = (hides || biases).then_some(rows);
                if whole_rows {
                    tile.attend_biased::<K, _>(rows, &mut placed);
                } else if PARTS {
                    tile.attend_in_parts::<K, _>(rows, scratch.totals, &mut placed);
                } else {
                    tile.attend_biased::<Portable, _>(rows, &mut placed);
                }
            }
            index += count;
        }
    }
}

/// Whether there is memory for the scores of all queries that some kernels take at a time. It is made for the active
/// ones, others may take more; with `PARTS` it may be less than for whole rows.
#[inline]
fn whole_rows<K: Kernels, const PARTS: bool>(scores: &[i32], keys: usize) -> bool {
    !PARTS && K::QUERIES <= <Active as Kernels>::QUERIES || scores.len() >= K::QUERIES * keys
}

/// Hides the keys of a row of biases that are not in a range.
#[inline(never)]
fn hide_outside(row: &mut [i32], seen: Range<usize>) {
    for hidden in [0..seen.start.min(row.len()), seen.end..row.len()] {
        row.get_mut(hidden).unwrap_or(&mut []).fill(MASKED);
    }
}

/// A head that looks at nothing: outputs of 0, rows `stride` apart.
#[inline]
fn rest<W, O: Observer<W>>(
    positions: usize,
    head: usize,
    out: &mut [i8],
    stride: usize,
    head_dim: usize,
    layer: usize,
    observer: &mut O,
) {
    for (query, out) in tiles_mut(out, stride).take(positions).enumerate() {
        out.iter_mut().take(head_dim).for_each(|out| *out = 0);
        if O::WATCHES {
            observer.row(Row { layer, head, query, first: 0, step: 1, weights: &[] });
        }
    }
}

/// Where a head's queries lie, and where its outputs go.
#[derive(Clone, Copy)]
struct Seat {
    head: usize,
    scale: HeadScale,
    grid: Grid,
    /// From the output of a query on the grid to the next.
    stride: usize,
    /// The first output.
    column: usize,
}

/// `data` from `start` on; nothing beyond its end.
#[inline]
fn from(data: &mut [i8], start: usize) -> &mut [i8] {
    data.get_mut(start..).unwrap_or(&mut [])
}

/// To `[positions][dim]`.
#[inline]
fn by_position(out: &mut [i8], dim: usize) -> Epilogue<'_> {
    Epilogue::Store { out, row_stride: dim, output_stride: 1 }
}

/// To `[dim][keys]`.
#[inline]
fn transposed(out: &mut [i8], keys: usize) -> Epilogue<'_> {
    Epilogue::Store { out, row_stride: 1, output_stride: keys }
}
