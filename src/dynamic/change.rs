//! An inference in which something is changed on the way, for tools that ask what a model depends on.

use super::Model;
use crate::arithmetic::softmax::{Narrow, RowScale, Weight, Wide};
use crate::attention::{AttentionView, ScratchView};
use crate::format::Softmax;
use crate::kernels::{Active, Kernels, Rows};
use crate::observe::{LayerObserver, Observer, Row, Unobserved};
use crate::outcome::Outcome;
use crate::parts::{Attend, Input, WholeSequence};
use crate::pattern::AttentionPattern;
use std::vec::Vec;

/// A change of an inference, for [`Model::infer_changed`]. Attention parts, heads and positions count from 0; what the
/// model does not have is left aside, and so is attention to a second input.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Change<'a> {
    /// What a head gives, `[positions][head_dim]` of 8 bits, as [`Trace::heads`](super::Trace::heads) has it.
    Output {
        /// The attention part.
        attention: usize,
        /// The head.
        head: usize,
        /// These instead.
        values: &'a [i8],
    },
    /// The values of a position count as 0 in all heads of an attention part; the weights stay as they are.
    Value {
        /// The attention part.
        attention: usize,
        /// The position.
        position: usize,
    },
}

impl Model {
    /// One inference with changes. Without any, it is [`Model::infer_input`].
    #[must_use]
    pub fn infer_changed(&self, input: Input<'_>, changes: &[Change<'_>]) -> Outcome<Vec<i16>> {
        match self.shape.softmax {
            Softmax::Wide => self.changed::<Wide>(input, changes),
            Softmax::Narrow => self.changed::<Narrow>(input, changes),
        }
    }

    fn changed<W: Weight>(&self, input: Input<'_>, changes: &[Change<'_>]) -> Outcome<Vec<i16>> {
        let (attend, pattern, observer) = (&mut Changed(changes), |_| (), &mut Unobserved);
        self.run_watched::<Active, W, _, _, _>(input, &[], attend, pattern, observer, |_, _| ())
    }
}

/// Attention over all positions, with changes.
struct Changed<'c>(&'c [Change<'c>]);

/// The weights of a query in a head.
struct Seen {
    head: usize,
    query: usize,
    /// Keys and their weights.
    weights: Vec<(usize, i64)>,
}

impl<W: Weight> Attend<W> for Changed<'_> {
    fn attend<K: Kernels, R: AttentionPattern, O: Observer<W>>(
        &mut self,
        attention: &AttentionView<'_>,
        rows: Rows<'_>,
        positions: usize,
        pattern: &R,
        scratch: &mut ScratchView<'_, W>,
        observer: LayerObserver<'_, O>,
    ) {
        let LayerObserver { layer, observer } = observer;
        let zeroed = self.0.iter().filter_map(|change| match *change {
            Change::Value { attention, position } if attention == layer => Some(position),
            _ => None,
        });
        let zeroed: Vec<usize> = zeroed.collect();
        let mut seen = Vec::new();
        if zeroed.is_empty() {
            let observer = LayerObserver { layer, observer };
            Attend::<W>::attend::<K, R, O>(&mut WholeSequence, attention, rows, positions, pattern, scratch, observer);
        } else {
            let mut see = |row: Row<'_, W>| {
                let keys = (row.first..).step_by(row.dilation.max(1));
                let weights = keys.zip(row.weights.iter().map(|weight| i64::from(weight.to_int()))).collect();
                seen.push(Seen { head: row.head, query: row.query, weights });
                observer.row(row);
            };
            let observer = LayerObserver { layer, observer: &mut see };
            Attend::<W>::attend::<K, R, _>(&mut WholeSequence, attention, rows, positions, pattern, scratch, observer);
        }
        let (dim, width) = (attention.head_dim, attention.heads() * attention.head_dim);
        let mut values = Vec::new();
        let mut of_head = None;
        for Seen { head, query, weights } in &seen {
            if of_head != Some(*head) {
                (values, of_head) = (attention.values(rows, *head), Some(*head));
            }
            let sum = weights.iter().map(|(_, weight)| weight).sum::<i64>();
            let Some(scale) = attention.head_scales.get(*head).filter(|_| sum > 0) else { continue };
            let scale = RowScale::new(sum as u32, scale.value());
            let out = scratch.outputs.get_mut(query * width + head * dim..).unwrap_or(&mut []);
            for (at, out) in out.iter_mut().take(dim).enumerate() {
                let left = weights.iter().filter(|(key, _)| !zeroed.contains(key));
                let products =
                    left.map(|(key, weight)| weight * values.get(key * dim + at).map_or(0, |&value| i64::from(value)));
                *out = scale.to_i8(products.sum());
            }
        }
        for change in self.0 {
            if let Change::Output { attention: at, head, values } = *change
                && at == layer
                && head < attention.heads()
            {
                let outs = scratch.outputs.chunks_exact_mut(width.max(1)).take(positions);
                for (out, values) in outs.zip(values.chunks_exact(dim.max(1))) {
                    out.iter_mut().skip(head * dim).zip(values).for_each(|(out, &value)| *out = value);
                }
            }
        }
    }
}
