//! From the rows of all positions to one.

use super::state::{Memory, State, head_mut};
use crate::arithmetic::head_scale::HeadScale;
use crate::arithmetic::requantise::Scale;
use crate::arithmetic::softmax::{RowScale, Weight};
use crate::kernels::{Kernels, rows};
use crate::linear::LinearView;

/// How rows become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PoolKind {
    /// The mean of the first so many: of the class tokens, or of all.
    Mean,
    /// The first one.
    First,
    /// The last one.
    Last,
    /// The largest of each value.
    Max,
}

/// Pooling of rows.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    /// How.
    pub kind: PoolKind,
    /// Of a mean: of how many rows.
    pub count: usize,
    /// Of a mean: from the sum to the mean.
    pub scale: Scale,
}

/// Columns that are worked on at a time.
const COLUMNS: usize = 16;

impl Pool {
    /// In place: some columns at a time are read to their end before their first values are written.
    #[inline]
    pub(super) fn apply<W: Weight>(&self, state: &mut State<'_, W>) {
        let (positions, width) = (state.positions, state.width);
        let values = state.tensors(width).1;
        let (skip, count) = match self.kind {
            PoolKind::Mean => (0, self.count.min(positions)),
            PoolKind::First => (0, positions.min(1)),
            PoolKind::Last => (positions.saturating_sub(1), positions.min(1)),
            PoolKind::Max => (0, positions),
        };
        let is_max = self.kind == PoolKind::Max;
        for first in (0..width).step_by(COLUMNS) {
            let mut columns = [if is_max && count > 0 { i32::from(i8::MIN) } else { 0 }; COLUMNS];
            for row in rows(values, width).skip(skip).take(count) {
                for (column, &x) in columns.iter_mut().zip(row.get(first..).unwrap_or(&[])) {
                    *column = if is_max { i32::from(x).max(*column) } else { *column + i32::from(x) };
                }
            }
            for (to, column) in head_mut(values, width).iter_mut().skip(first).zip(columns) {
                // Of any other kind, a sum of one.
                *to = if self.kind == PoolKind::Mean { self.mean(column, count) } else { column as i8 };
            }
        }
        state.positions = positions.min(1);
    }

    /// The mean of `count` values of this sum. The scale is that of as many as there can be.
    #[inline]
    fn mean(&self, sum: i32, count: usize) -> i8 {
        if count == self.count {
            return self.scale.to_i8(sum);
        }
        let (all, count) = (self.count as i64, count.max(1) as i64);
        let sum = i64::from(sum) * all;
        let sum = (2 * sum + count).div_euclid(2 * count);
        self.scale.to_i8(sum.clamp(i32::MIN.into(), i32::MAX.into()) as i32)
    }
}

/// The mean of the rows by weights, which are the softmax of a score for each (Safari et al., "Self-Attention Encoding
/// and Pooling for Speaker Recognition", 2020, section 3.2).
#[derive(Clone, Copy, Debug)]
pub struct WeightedPool<'a> {
    /// `[1][width]`, to the scores.
    pub layer: LinearView<'a>,
    /// Of these, and from the rows to their mean.
    pub scale: HeadScale,
}

impl WeightedPool<'_> {
    #[inline]
    pub(super) fn apply<K: Kernels, W: Weight>(&self, state: &mut State<'_, W>) {
        let (positions, width) = (state.positions, state.width);
        let Memory { rows: values, attention: scratch, .. } = &mut state.memory;
        let values = head_mut(values, positions * width);
        let scores = head_mut(bytemuck::try_cast_slice_mut(scratch.scores).unwrap_or(&mut []), positions);
        scores.fill(0);
        self.layer.accumulate::<K>(values, scores);
        let most = scores.iter().copied().max().unwrap_or(0);
        let weights = head_mut(scratch.weights, positions);
        for (weight, &score) in weights.iter_mut().zip(&*scores) {
            let below: i32 = i32::from(most) - i32::from(score);
            *weight = W::exp2(self.scale.steepness().exponent(below as u32));
        }
        let sum = weights.iter().map(|weight| weight.to_int() as u32).sum();
        let scale = RowScale::new(sum, self.scale.value());
        for channel in 0..width {
            let column = rows(values, width).filter_map(|row| row.get(channel));
            let products = column.zip(&*weights).map(|(&x, weight)| i64::from(x) * i64::from(weight.to_int()));
            let mean = scale.to_i8(products.sum());
            if let Some(to) = values.get_mut(channel) {
                *to = mean;
            }
        }
        state.positions = positions.min(1);
    }
}
