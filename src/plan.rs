//! How much memory a model needs, and what lies where in it.

use crate::arithmetic::softmax::Weight;
use crate::attention::{OutputLayout, ScratchView};
use crate::kernels::Kernels;
use crate::parts::{Memory, State};

/// The most that any part of a model needs, in values; `usize::MAX` where it is more than can be counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Needs {
    residual: usize,
    rows: usize,
    reduced: usize,
    query: usize,
    key: usize,
    value: usize,
    /// Keys of a row of scores.
    keys: usize,
    heads: usize,
    /// Of the maps that convolutions make, in turn.
    maps: [usize; 2],
    /// Of a row.
    input: usize,
    /// Of a row.
    hidden: usize,
    outputs: usize,
    /// Keys and values of all layers for each position of a cache.
    cached: usize,
}

const fn raise(most: &mut usize, rows: usize, values: usize) {
    let found = rows.saturating_mul(values);
    if found > *most {
        *most = found;
    }
}

impl Needs {
    pub(crate) const NONE: Self = Self {
        residual: 0,
        rows: 0,
        reduced: 0,
        query: 0,
        key: 0,
        value: 0,
        keys: 0,
        heads: 0,
        maps: [0; 2],
        input: 0,
        hidden: 0,
        outputs: 0,
        cached: 0,
    };

    pub(crate) const fn residual(&mut self, rows: usize, values: usize) {
        raise(&mut self.residual, rows, values);
    }

    pub(crate) const fn rows(&mut self, rows: usize, values: usize) {
        raise(&mut self.rows, rows, values);
    }

    pub(crate) const fn reduced(&mut self, rows: usize, values: usize) {
        raise(&mut self.reduced, rows, values);
    }

    /// `heads`: values of a row of heads' outputs.
    pub(crate) const fn attention(&mut self, rows: usize, keys: usize, dim: usize, head_dim: usize, heads: usize) {
        raise(&mut self.query, rows, dim);
        raise(&mut self.key, keys, dim);
        raise(&mut self.value, keys, head_dim);
        self.scores(keys);
        raise(&mut self.heads, rows, heads);
    }

    pub(crate) const fn scores(&mut self, keys: usize) {
        raise(&mut self.keys, keys, 1);
    }

    /// The map that the `index`th convolution makes.
    pub(crate) const fn map(&mut self, index: usize, places: usize, channels: usize) {
        raise(&mut self.maps[(index + 1) % 2], places, channels);
    }

    /// Attention of the newest position alone, over a cache of so many values for each position.
    pub(crate) const fn step(&mut self, query: usize, key: usize, heads: usize, cached: usize) {
        raise(&mut self.query, 1, query);
        raise(&mut self.key, 1, key);
        raise(&mut self.heads, 1, heads);
        self.cached = self.cached.saturating_add(cached);
    }

    /// The same with a cache of so many positions, and the bytes of that.
    pub(crate) const fn with_cache(mut self, slots: usize) -> (Self, usize) {
        self.keys = slots;
        (self, self.cached.saturating_mul(slots))
    }

    pub(crate) const fn heads(&mut self, values: usize) {
        raise(&mut self.heads, 1, values);
    }

    pub(crate) const fn input(&mut self, values: usize) {
        raise(&mut self.input, 1, values);
    }

    pub(crate) const fn hidden(&mut self, values: usize) {
        raise(&mut self.hidden, 1, values);
    }

    pub(crate) const fn outputs(&mut self, rows: usize, values: usize) {
        raise(&mut self.outputs, rows, values);
    }
}

/// How much kernels work on at a time: what a model's memory depends on beside its shape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tiling {
    /// Queries.
    pub queries: usize,
    /// Rows of softmax weights in memory.
    pub weight_rows: usize,
    /// Rows of a layer.
    pub rows: usize,
}

impl Tiling {
    /// That of the kernels `K`.
    pub(crate) const fn of<K: Kernels>() -> Self {
        Self { queries: K::QUERIES, weight_rows: K::WEIGHT_ROWS, rows: K::ROWS }
    }
}

#[cfg(any(feature = "std", target_os = "none"))]
impl Tiling {
    pub(crate) const DSP: Self = Self { queries: 4, weight_rows: 1, rows: 4 };
    pub(crate) const HELIUM: Self = Self { queries: 4, weight_rows: 1, rows: 4 };
    pub(crate) const THUMB_V7M: Self = Self { queries: 6, weight_rows: 1, rows: 6 };
    pub(crate) const THUMB_V6M: Self = Self { queries: 3, weight_rows: 1, rows: 4 };
    pub(crate) const RV32: Self = Self { queries: 6, weight_rows: 1, rows: 6 };
    pub(crate) const RVV: Self = Self { queries: 3, weight_rows: 3, rows: 16 };

    #[cfg(target_os = "none")]
    const fn is(self, other: Self) -> bool {
        self.queries == other.queries && self.weight_rows == other.weight_rows && self.rows == other.rows
    }
}

// Whatever is compiled for a target says the same of it as hosts do.
#[cfg(target_os = "none")]
const _: () = {
    let active = Tiling::of::<crate::kernels::Active>();
    assert!(match crate::kernels::Active::NAME.as_bytes() {
        b"DSP" => active.is(Tiling::DSP),
        b"Helium" => active.is(Tiling::HELIUM),
        b"Thumb" => active.is(Tiling::THUMB_V7M) || active.is(Tiling::THUMB_V6M),
        b"RV32" => active.is(Tiling::RV32),
        b"RVV" => active.is(Tiling::RVV),
        _ => true,
    });
};

/// Bytes of each piece of a model's working memory, for some kernels and softmax weights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Plan {
    scores: usize,
    weights: usize,
    query: usize,
    key: usize,
    value: usize,
    heads: usize,
    residual: usize,
    rows: usize,
    reduced: usize,
    maps: [usize; 2],
    input: usize,
    hidden: usize,
    outputs: usize,
}

impl Plan {
    /// For kernels that work on so much at a time.
    pub(crate) const fn tiled<W>(needs: &Needs, tiling: Tiling) -> Self {
        let (Tiling { queries, weight_rows, rows }, weight) = (tiling, size_of::<W>());
        Self {
            scores: needs.keys.saturating_mul(queries).saturating_mul(4),
            weights: needs.keys.saturating_mul(weight_rows).saturating_mul(weight),
            query: needs.query,
            key: needs.key,
            value: needs.value,
            heads: needs.heads,
            residual: needs.residual.saturating_mul(2),
            rows: needs.rows,
            reduced: needs.reduced,
            maps: needs.maps,
            input: needs.input.saturating_mul(rows),
            hidden: needs.hidden.saturating_mul(rows),
            outputs: needs.outputs.saturating_mul(2),
        }
    }

    /// For the kernels `K`.
    pub(crate) const fn of<K: Kernels, W>(needs: &Needs) -> Self {
        Self::tiled::<W>(needs, Tiling::of::<K>())
    }

    /// Words in all; `usize::MAX` where they are more.
    pub(crate) const fn words(&self) -> usize {
        let pieces = [
            self.scores,
            self.weights,
            self.query,
            self.key,
            self.value,
            self.heads,
            self.residual,
            self.rows,
            self.reduced,
            self.maps[0],
            self.maps[1],
            self.input,
            self.hidden,
            self.outputs,
        ];
        let (mut words, mut i) = (0usize, 0);
        while i < pieces.len() {
            words = words.saturating_add(pieces[i].div_ceil(4));
            i += 1;
        }
        words
    }

    /// The pieces of a memory that is large enough; of one that is not, too little.
    #[inline]
    pub(crate) fn lay_out<'s, W: Weight>(&self, memory: &'s mut [u32], positions: usize) -> State<'s, W> {
        let mut rest = memory;
        let attention = ScratchView {
            scores: piece(&mut rest, self.scores),
            weights: piece(&mut rest, self.weights),
            query: piece(&mut rest, self.query),
            key: piece(&mut rest, self.key),
            value: piece(&mut rest, self.value),
            outputs: piece(&mut rest, self.heads),
            layout: OutputLayout::Joined,
        };
        let memory = Memory {
            attention,
            residual: piece(&mut rest, self.residual),
            rows: piece(&mut rest, self.rows),
            reduced: piece(&mut rest, self.reduced),
            maps: self.maps.map(|bytes| piece(&mut rest, bytes)),
            input: piece(&mut rest, self.input),
            hidden: piece(&mut rest, self.hidden),
            outputs: piece(&mut rest, self.outputs),
        };
        State { memory, positions, width: 0, made: false, first: 0 }
    }

    /// The outputs in a memory that [`Plan::lay_out`] divided.
    #[inline]
    pub(crate) fn outputs<'s>(&self, memory: &'s [u32]) -> &'s [i16] {
        let start = self.words() - self.outputs.div_ceil(4);
        let words = memory.get(start..self.words()).unwrap_or(&[]);
        bytemuck::must_cast_slice::<u32, i16>(words).get(..self.outputs / 2).unwrap_or(&[])
    }
}

/// The next `bytes` of a memory, as values.
#[inline]
pub(crate) fn piece<'s, T: bytemuck::Pod>(rest: &mut &'s mut [u32], bytes: usize) -> &'s mut [T] {
    let words = core::mem::take(rest);
    let (piece, after) = words.split_at_mut(bytes.div_ceil(4).min(words.len()));
    *rest = after;
    let values = bytemuck::try_cast_slice_mut(piece).unwrap_or(&mut []);
    let length = (bytes / size_of::<T>()).min(values.len());
    values.get_mut(..length).unwrap_or(&mut [])
}
