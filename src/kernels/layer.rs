//! Layers: the rows that go in, the weights, and where the results go.
//!
//! Slices, widths and strides are the caller's; [`Products`] is the proof that they fit together, made once per call of
//! a kernel.

use super::slices;
use crate::arithmetic::requantise::Channel;

/// Where the last of `rows` rows ends, of `length` values each, `stride` apart; `None` if no memory is that large.
#[inline]
#[allow(dead_code)] // For backends that go on from there.
pub(crate) const fn extent(rows: usize, stride: usize, length: usize) -> Option<usize> {
    let Some(before) = rows.checked_sub(1) else { return Some(0) };
    match before.checked_mul(stride) {
        Some(last) => last.checked_add(length),
        None => None,
    }
}

/// Twice as wide as a `usize`: an extent always fits.
#[cfg(target_pointer_width = "64")]
type Double = u128;
/// Twice as wide as a `usize`, or wider: an extent always fits.
#[cfg(not(target_pointer_width = "64"))]
type Double = u64;

/// Whether `data` holds so many rows of `length` values, `stride` apart.
#[inline]
pub(crate) const fn holds<T>(data: &[T], rows: usize, stride: usize, length: usize) -> bool {
    // As [`extent`] says, in half the instructions.
    let Some(before) = rows.checked_sub(1) else { return true };
    before as Double * stride as Double + length as Double <= data.len() as Double
}

/// Rows of int8 activations, one after the other: `[rows][width]`.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Values, row by row; what fills no row does not count.
    pub(super) data: &'a [i8],
    /// Values per row; 0 only where there is no data, and never more than there are values.
    pub(super) width: usize,
}

impl<'a> Rows<'a> {
    /// The rows of `width` values that `data` holds.
    #[inline]
    #[must_use]
    pub const fn new(data: &'a [i8], width: usize) -> Self {
        if width == 0 || width > data.len() { Self { data: &[], width: 0 } } else { Self { data, width } }
    }

    /// All values.
    #[inline]
    pub(crate) const fn data(self) -> &'a [i8] {
        self.data
    }

    /// Values per row; 0 if there are no rows.
    #[inline]
    pub(crate) const fn width(self) -> usize {
        self.width
    }

    /// How many there are.
    #[inline]
    pub(crate) const fn count(self) -> usize {
        match self.data.len().checked_div(self.width) {
            Some(rows) => rows,
            None => 0,
        }
    }

    /// Whether nothing is left over.
    #[inline]
    pub(super) const fn is_whole(self) -> bool {
        self.count() * self.width == self.data.len()
    }

    /// The rows; a remainder that fills no row is left out.
    #[inline]
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a [i8]> {
        slices::rows(self.data, self.width)
    }
}

/// An int8 weight matrix `[outputs][inputs]`, rows `stride` bytes apart.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// Weights, row by row.
    pub data: &'a [i8],
    /// Weights that count in a row.
    pub inputs: usize,
    /// From the start of a row to the next: at least `inputs`.
    pub stride: usize,
}

impl Matrix<'_> {
    /// What of two rows of activations `outputs` rows of weights are multiplied by; `None` if one of these is too
    /// short.
    #[inline]
    pub(super) fn rows_for<'x>(&self, [a, b]: [&'x [i8]; 2], outputs: usize) -> Option<[&'x [i8]; 2]> {
        let there = self.inputs > 0 && holds(self.data, outputs, self.stride, self.inputs);
        Some([a.get(..self.inputs)?, b.get(..self.inputs)?]).filter(|_| there)
    }
}

/// Where a layer's results go.
#[derive(Debug)]
pub enum Epilogue<'a> {
    /// To int8, at `row * row_stride + output * output_stride`.
    Store {
        /// The tensor written to.
        out: &'a mut [i8],
        /// From a row's result to the next row's.
        row_stride: usize,
        /// From an output to the next: 1, or more for a transposed tensor.
        output_stride: usize,
    },
    /// Added to an int16 tensor `[rows][width]`, saturating.
    Add {
        /// The tensor added to.
        out: &'a mut [i16],
        /// Values per row.
        width: usize,
    },
}

impl Epilogue<'_> {
    /// Takes `Σ x·w` of one row of activations and one output channel, bias included.
    #[inline]
    pub(super) fn put(&mut self, row: usize, output: usize, acc: i32, channel: Channel) {
        match self {
            Self::Store { out, row_stride, output_stride } => {
                if let Some(out) = out.get_mut(row * *row_stride + output * *output_stride) {
                    *out = channel.scale.to_i8(acc);
                }
            }
            Self::Add { out, width } => {
                if let Some(out) = out.get_mut(row * *width + output) {
                    *out = out.saturating_add(channel.scale.to_i16(acc));
                }
            }
        }
    }
}

/// A linear layer, and where its results go.
#[derive(Debug)]
pub struct Layer<'a> {
    /// Weights `[outputs][inputs]`.
    pub weights: Matrix<'a>,
    /// Bias and scale of each output.
    pub channels: &'a [Channel],
    /// Where the results go.
    pub epilogue: Epilogue<'a>,
}

/// Whether a tensor of so many values has a place for each of `count` groups of results, `stride` apart, one group
/// after the other: `[count, stride]` of the groups, and of the results in a group.
const fn places(length: usize, [groups, stride]: [usize; 2], [results, apart]: [usize; 2]) -> bool {
    let (Some(groups), Some(results)) = (groups.checked_sub(1), results.checked_sub(1)) else { return false };
    let (length, stride) = (length as Double, stride as Double);
    let group = results as Double * apart as Double + 1;
    // What one group takes decides first, so that the sum fits.
    group <= length
        && groups as Double * stride + group <= length
        && (stride >= group || groups == 0)
        && (apart > 0 || results == 0)
}

impl Layer<'_> {
    /// Whether all weights and all places of results exist for these rows, and there is something to do.
    #[inline]
    pub(super) fn fits(&self, x: Rows<'_>) -> bool {
        let Self { weights, channels, epilogue } = self;
        let (rows, outputs, inputs) = (x.count(), channels.len(), x.width.min(weights.inputs));
        let (length, down, across) = match epilogue {
            Epilogue::Store { out, row_stride, output_stride } => (out.len(), *row_stride, *output_stride),
            Epilogue::Add { out, width } => (out.len(), *width, 1),
        };
        // Of numbers of half a word, less a bit, no sum of two products leaves the word.
        if (rows | outputs | inputs | weights.stride | down | across) >> (usize::BITS / 2 - 1) > 0 {
            return self.fits_wide(x);
        }
        if rows == 0 || outputs == 0 || inputs == 0 {
            return false;
        }
        let (last_row, last_output) = ((rows - 1) * down, (outputs - 1) * across);
        // One row after the other, or one output after the other.
        let by_rows = (down > last_output || rows == 1) && (across > 0 || outputs == 1);
        let apart = by_rows || (across > last_row || outputs == 1) && (down > 0 || rows == 1);
        apart && last_row + last_output < length && (outputs - 1) * weights.stride + inputs <= weights.data.len()
    }

    /// [`Layer::fits`] for any numbers.
    #[cold]
    #[inline(never)]
    fn fits_wide(&self, x: Rows<'_>) -> bool {
        let Self { weights, channels, epilogue } = self;
        let (rows, outputs, inputs) = (x.count(), channels.len(), x.width.min(weights.inputs));
        let apart = match epilogue {
            Epilogue::Store { out, row_stride, output_stride } => {
                places(out.len(), [rows, *row_stride], [outputs, *output_stride])
                    || places(out.len(), [outputs, *output_stride], [rows, *row_stride])
            }
            Epilogue::Add { out, width } => places(out.len(), [rows, *width], [outputs, 1]),
        };
        apart && inputs > 0 && holds(weights.data, outputs, weights.stride, inputs)
    }
}

/// Rows and the layers that they go through, which fit together: there are a row, an input and an output at least, and
/// each row's inputs, each output's weights and each result's place lie inside their slices, and no two results have
/// the same place.
#[derive(Debug)]
pub struct Products<'p, 'a> {
    /// At least one.
    pub(super) x: Rows<'p>,
    /// How many these are.
    #[allow(dead_code)] // For backends that take several at a time.
    pub(super) rows: usize,
    /// With one output each, at least.
    pub(super) layers: &'p mut [Layer<'a>],
}

impl<'p, 'a> Products<'p, 'a> {
    /// The rows and the layers, if they fit together.
    #[inline]
    #[must_use]
    pub fn new(x: Rows<'p>, layers: &'p mut [Layer<'a>]) -> Option<Self> {
        (x.width > 0 && layers.iter().all(|layer| layer.fits(x))).then_some(Self { x, rows: x.count(), layers })
    }

    /// How many layers the rows go through.
    #[inline]
    #[must_use]
    pub const fn layers(&self) -> usize {
        self.layers.len()
    }
}
