//! The working memory of a model.

use crate::arithmetic::requantise::Channel;
use crate::arithmetic::softmax::Weight;
use crate::attention::ScratchView;
use crate::kernels::{rows as slice_rows, rows_mut};

/// The working memory of a model, as slices. Each is as long as the longest use needs.
#[derive(Debug)]
pub(crate) struct State<'s, W> {
    /// The memory itself.
    pub memory: Memory<'s, W>,
    /// Rows that count.
    pub positions: usize,
    /// Values of a row.
    pub width: usize,
    /// Whether a convolution has made a map of the input.
    pub made: bool,
    /// The position of the first row, but for whole turns of 2^32.
    pub first: u32,
}

/// Where things are.
#[derive(Debug)]
pub(crate) struct Memory<'s, W> {
    /// The residual stream, `[positions][width]`.
    pub residual: &'s mut [i16],
    /// Rows, `[positions][values]`.
    pub rows: &'s mut [i8],
    /// Reduced rows of attention of low rank, where they are wider than the model.
    pub reduced: &'s mut [i8],
    /// Of the attention.
    pub attention: ScratchView<'s, W>,
    /// What the last convolution made of the input, and what the next one makes.
    pub maps: [&'s mut [i8]; 2],
    /// Some rows of the input.
    pub input: &'s mut [i8],
    /// Some rows of hidden values.
    pub hidden: &'s mut [i8],
    /// What the model gives.
    pub outputs: &'s mut [i16],
}

impl<W: Weight> State<'_, W> {
    /// The residual stream and the rows, of one width.
    #[inline]
    pub(super) fn tensors(&mut self, width: usize) -> (&mut [i16], &mut [i8]) {
        let (residual, rows, _) = self.with_hidden(width);
        (residual, rows)
    }

    /// The same, and the memory for hidden values.
    #[inline]
    pub(super) fn with_hidden(&mut self, width: usize) -> (&mut [i16], &mut [i8], &mut [i8]) {
        let values = self.positions * width;
        let Memory { residual, rows, hidden, .. } = &mut self.memory;
        (head_mut(residual, values), head_mut(rows, values), hidden)
    }

    /// The rows, and outputs for each.
    #[inline]
    pub(super) fn rows_and_outputs(&mut self, width: usize, outputs: usize) -> (&[i8], &mut [i16]) {
        let Memory { rows, outputs: to, .. } = &mut self.memory;
        (head_mut(rows, self.positions * width), head_mut(to, self.positions * outputs))
    }

    /// The residual stream to rows: a bias and a factor for each value.
    pub(super) fn round(&mut self, channels: &[Channel]) {
        let width = channels.len();
        let (residual, rows) = self.tensors(width);
        for (to, from) in rows_mut(rows, width).zip(slice_rows(residual, width)) {
            for ((to, &from), channel) in to.iter_mut().zip(from).zip(channels) {
                *to = channel.scale.to_i8(i32::from(from) + channel.bias);
            }
        }
        self.width = width;
    }
}

/// The first `length` values, or all.
#[inline]
pub(super) fn head_mut<T>(x: &mut [T], length: usize) -> &mut [T] {
    let length = length.min(x.len());
    x.get_mut(..length).unwrap_or(&mut [])
}
