//! An inference with a look at the residual stream and the heads' outputs after each part.

use super::{Model, Off, shares};
use crate::arithmetic::softmax::{Narrow, Weight, Wide};
use crate::format::Softmax;
use crate::format::Read;
use crate::kernels::Active;
use crate::loaded::run_watched;
use crate::observe::{Observer, Row, Unobserved};
use crate::outcome::Outcome;
use crate::parts::{Given, Input, State};
use crate::pattern::AttentionPattern;
use crate::plan::Plan;
use std::vec;
use std::vec::Vec;

/// What [`Model::trace_real`] and [`Model::infer_traced`] show after a part.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Trace<'a> {
    /// Which part of the chain, from 0.
    pub part: usize,
    /// The residual stream, `[positions][width]`.
    pub residual: &'a [i16],
    /// Which attention part it was, from 0; none of another kind.
    pub attention: Option<usize>,
    /// What the heads of the attention gave, `[positions][heads][head_dim]` of 8 bits; after other parts, nothing.
    pub heads: &'a [i8],
}

impl Model {
    /// [`Model::infer_real_with`] without its result, showing the residual stream after each part of the chain. For
    /// tools that hold a model against its float form.
    pub fn trace_real(&self, features: &[f32], memory: &[f32], see: impl FnMut(Trace<'_>)) {
        let memory = self.memory_integers(memory);
        let mut integers = self.integers(features);
        if !self.shape.input.fine {
            // Steps of 8 bits as those of 15.
            integers.iter_mut().for_each(|x| *x *= 128);
        }
        self.trace(Input::FineFeatures(&integers), &memory, see);
    }

    /// The same of tokens.
    pub fn trace_tokens(&self, tokens: &[u16], types: &[u8], see: impl FnMut(Trace<'_>)) {
        self.trace(Input::Tokens(tokens, types), &[], see);
    }

    /// One inference with some heads switched off, as [`Model::infer_without`] has it, that shows each row of softmax
    /// weights to `observer`, as [`Model::infer_observed`] does, and the residual stream and the heads' outputs to `see`.
    /// For tools that look inside: what is shown is what the inference computes, and nothing is computed twice.
    pub fn infer_traced(
        &self,
        input: Input<'_>,
        off: &[(usize, usize)],
        mut observer: impl FnMut(Row<'_, f32>),
        see: impl FnMut(Trace<'_>),
    ) -> Outcome<Vec<i16>> {
        let pattern = |layer| Off { layer, heads: off };
        match self.shape.softmax {
            Softmax::Wide => {
                let observer = &mut |row: Row<'_, Wide>| shares(row, &mut observer);
                self.trace_with::<Wide, _, _>(input, &[], pattern, observer, see)
            }
            Softmax::Narrow => {
                let observer = &mut |row: Row<'_, Narrow>| shares(row, &mut observer);
                self.trace_with::<Narrow, _, _>(input, &[], pattern, observer, see)
            }
        }
    }

    fn trace(&self, input: Input<'_>, memory: &[i8], see: impl FnMut(Trace<'_>)) {
        let (pattern, observer) = (|_| (), &mut Unobserved);
        match self.shape.softmax {
            Softmax::Wide => self.trace_with::<Wide, _, _>(input, memory, pattern, observer, see),
            Softmax::Narrow => self.trace_with::<Narrow, _, _>(input, memory, pattern, observer, see),
        };
    }

    fn trace_with<W: Weight, R: AttentionPattern, O: Observer<W>>(
        &self,
        input: Input<'_>,
        memory: &[i8],
        pattern: impl Fn(usize) -> R,
        observer: &mut O,
        mut see: impl FnMut(Trace<'_>),
    ) -> Outcome<Vec<i16>> {
        let (file, positions) = (self.file(), self.shape.positions_of(&input));
        let source = &mut Given { input, readings: file.readings(), memory };
        let mut words = vec![0; Plan::of::<Active, W>(&self.shape.needs).words()];
        let (mut part, values) = (0, positions * self.shape.width);
        // For each part, the attention it is and the values of a row of its heads' outputs.
        let (mut parts, mut layers) = (Vec::new(), 0..);
        file.each_read(|read| {
            let Read::Attention(part) = read else { return parts.push((None, 0)) };
            parts.push((layers.next(), part.attention.output.weights.inputs));
        });
        let see = |state: &State<'_, W>| {
            let (attention, width) = parts.get(part).copied().unwrap_or((None, 0));
            let heads = state.memory.attention.outputs.get(..positions * width).unwrap_or(&[]);
            let residual = state.memory.residual.get(..values).unwrap_or(&[]);
            see(Trace { part, residual, attention, heads });
            part += 1;
        };
        let shape = &self.shape;
        let outputs =
            run_watched::<Active, W, _, _, _>(&file, shape, &mut words, source, positions, pattern, observer, see);
        Outcome::new(outputs.to_vec(), shape.logit)
    }
}
