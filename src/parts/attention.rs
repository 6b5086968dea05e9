//! Attention as a part: over all positions at once, or of the newest position over a cache.

use super::pattern::{FilePattern, Used};
use super::state::{Memory, State, head_mut};
use super::uses::{Kinds, Uses};
use crate::arithmetic::requantise::Channel;
use crate::arithmetic::softmax::Weight;
use crate::attention::{AttentionView, Sequences, WholeRows};
use crate::kernels::{Kernels, Rows, rows_mut};
use crate::linear::LinearView;
use crate::observe::{LayerObserver, Observer};
use crate::pattern::AttentionPattern;

/// Attention that adds to the residual stream.
#[derive(Clone, Copy, Debug)]
pub struct AttentionPart<'a> {
    /// What the projections of low rank read instead of the rows: three parts, for queries, keys and values.
    pub reduce: Option<LinearView<'a>>,
    /// The attention.
    pub attention: AttentionView<'a>,
    /// Which keys its heads look at.
    pub pattern: FilePattern<'a>,
    /// What its keys and values are made of, if not of the rows.
    pub memory: Option<MemoryShape>,
}

/// A second input, `[steps][channels]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryShape {
    /// Rows, at most.
    pub steps: usize,
    /// Values of each.
    pub channels: usize,
}

/// How attention runs: over whole sequences, or step by step.
pub(crate) trait Attend<W: Weight> {
    /// The heads' outputs for the rows, into the memory for these.
    fn attend<K: Kernels, R: AttentionPattern, O: Observer<W>>(
        &mut self,
        attention: &AttentionView<'_>,
        rows: Rows<'_>,
        positions: usize,
        pattern: &R,
        scratch: &mut crate::attention::ScratchView<'_, W>,
        observer: LayerObserver<'_, O>,
    );
}

/// All positions at once.
pub(crate) struct WholeSequence;

impl<W: Weight> Attend<W> for WholeSequence {
    #[inline]
    fn attend<K: Kernels, R: AttentionPattern, O: Observer<W>>(
        &mut self,
        attention: &AttentionView<'_>,
        rows: Rows<'_>,
        positions: usize,
        pattern: &R,
        scratch: &mut crate::attention::ScratchView<'_, W>,
        observer: LayerObserver<'_, O>,
    ) {
        let (x, heads) = (Sequences::one(rows, positions), 0..attention.heads());
        attention.attend::<K, W, R, O, _>(x, pattern, heads, scratch, WholeRows, observer);
    }
}

impl AttentionPart<'_> {
    /// The rows that it has read, where they lie afterwards; for tools on the host.
    #[cfg(feature = "std")]
    pub(crate) fn read_rows<'m, W>(&self, memory: &'m Memory<'_, W>, positions: usize) -> Rows<'m> {
        let width = self.attention.output.channels.len();
        let (data, width) = match self.reduce.map(|layer| layer.channels.len()) {
            Some(length) if length > width => (&*memory.reduced, length),
            Some(length) => (&*memory.rows, length),
            None => (&*memory.rows, width),
        };
        Rows::new(data.get(..positions * width).unwrap_or(&[]), width)
    }

    #[inline]
    pub(super) fn add<K, W, A, R, O, U>(
        &self,
        state: &mut State<'_, W>,
        attend: &mut A,
        pattern: &R,
        observer: LayerObserver<'_, O>,
    ) where
        K: Kernels,
        W: Weight,
        A: Attend<W>,
        R: AttentionPattern,
        O: Observer<W>,
        U: Kinds,
    {
        let uses = U::USES;
        let output = self.attention.output;
        let (positions, width) = (state.positions, output.channels.len());
        if uses.has(Uses::NO_HEADS) && self.attention.heads() == 0 {
            return add_biases(output.channels, state.tensors(width).0);
        }
        let Memory { residual, rows, reduced, attention: scratch, .. } = &mut state.memory;
        let x = match self.reduce {
            Some(layer) if uses.has(Uses::LOW_RANK) => reduce::<K>(layer, positions, rows, reduced, scratch.outputs),
            _ => Rows::new(head_mut(rows, positions * width), width),
        };
        if uses.has(Uses::PATTERNS) && !(uses.has(Uses::PLAIN) && self.pattern.is_plain()) {
            let pattern = (Used::<U>::new(&self.pattern), pattern);
            attend.attend::<K, _, O>(&self.attention, x, positions, &pattern, scratch, observer);
        } else {
            attend.attend::<K, R, O>(&self.attention, x, positions, pattern, scratch, observer);
        }
        let outputs = head_mut(scratch.outputs, positions * output.weights.inputs);
        output.accumulate::<K>(outputs, head_mut(residual, positions * width));
    }
}

/// Rows through the layer of an attention of low rank: in their own place, or where that makes them wider, in memory
/// for these. In `free` are some rows at a time.
fn reduce<'s, K: Kernels>(
    layer: LinearView<'_>,
    positions: usize,
    rows: &'s mut [i8],
    reduced: &'s mut [i8],
    free: &mut [i8],
) -> Rows<'s> {
    let (width, length) = (layer.weights.inputs, layer.channels.len());
    if length > width {
        let reduced = head_mut(reduced, positions * length);
        layer.store::<K>(head_mut(rows, positions * width), reduced);
        return Rows::new(reduced, length);
    }
    let most = free.len().checked_div(width).unwrap_or(0).max(1);
    let most = if most > K::ROWS { most - most % K::ROWS } else { most };
    for first in (0..positions).step_by(most) {
        let count = (positions - first).min(most);
        let from = head_mut(free, count * width);
        for (to, &x) in from.iter_mut().zip(rows.get(first * width..).unwrap_or(&[])) {
            *to = x;
        }
        layer.store::<K>(from, head_mut(rows.get_mut(first * length..).unwrap_or(&mut []), count * length));
    }
    Rows::new(head_mut(rows, positions * length), length)
}

/// What attention without heads adds to the residual stream: the biases of its output, as rows of no values would. Not
/// inlined: few models need it.
#[inline(never)]
fn add_biases(channels: &[Channel], residual: &mut [i16]) {
    for (i, channel) in channels.iter().enumerate() {
        let bias = channel.scale.to_i16(channel.bias);
        for to in rows_mut(residual, channels.len()).filter_map(|row| row.get_mut(i)) {
            *to = to.saturating_add(bias);
        }
    }
}
