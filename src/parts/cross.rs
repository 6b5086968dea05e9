//! Attention to a second input.

use super::attention::{AttentionPart, MemoryShape};
use super::source::Source;
use super::state::{Memory, State, head_mut};
use crate::arithmetic::softmax::Weight;
use crate::attention::{Sequences, WholeRows};
use crate::kernels::{Kernels, Rows};
use crate::observe::{LayerObserver, Observer};
use crate::pattern::AttentionPattern;

impl AttentionPart<'_> {
    /// Adds attention of the rows over those of the memory ("Attention Is All You Need", Vaswani et al. 2017, section
    /// 3.2.3). What is missing at the memory's end is not looked at.
    #[inline]
    pub(super) fn add_cross<K: Kernels, W: Weight, S: Source, R: AttentionPattern, O: Observer<W>>(
        &self,
        memory: MemoryShape,
        state: &mut State<'_, W>,
        source: &S,
        pattern: &R,
        observer: LayerObserver<'_, O>,
    ) {
        let (attention, output) = (self.attention, self.attention.output);
        let (positions, width) = (state.positions, output.channels.len());
        let Memory { residual, rows, attention: scratch, .. } = &mut state.memory;
        let keys = source.memory().len().checked_div(memory.channels).unwrap_or(0).min(memory.steps);
        let given = source.memory().get(..keys * memory.channels).unwrap_or(&[]);
        let x = Sequences {
            queries: Rows::new(head_mut(rows, positions * width), width),
            positions,
            memory: Some(Rows::new(given, memory.channels)),
            keys,
        };
        attention.attend::<K, W, R, O, _>(x, pattern, 0..attention.heads(), scratch, WholeRows, observer);
        let outputs = head_mut(scratch.outputs, positions * output.weights.inputs);
        output.accumulate::<K>(outputs, head_mut(residual, positions * width));
    }
}
