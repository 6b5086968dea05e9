//! An inference with a look at the residual stream after each part.

use super::Model;
use crate::arithmetic::softmax::{Narrow, Weight, Wide};
use crate::format::Softmax;
use crate::kernels::Active;
use crate::loaded::run_watched;
use crate::observe::Unobserved;
use crate::parts::{Given, Input, State};
use crate::plan::Plan;
use std::vec;

/// What [`Model::trace_real`] shows after a part.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Trace<'a> {
    /// Which part of the chain, from 0.
    pub part: usize,
    /// The residual stream, `[positions][width]`.
    pub residual: &'a [i16],
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

    fn trace(&self, input: Input<'_>, memory: &[i8], see: impl FnMut(Trace<'_>)) {
        match self.shape.softmax {
            Softmax::Wide => self.trace_with::<Wide>(input, memory, see),
            Softmax::Narrow => self.trace_with::<Narrow>(input, memory, see),
        }
    }

    fn trace_with<W: Weight>(&self, input: Input<'_>, memory: &[i8], mut see: impl FnMut(Trace<'_>)) {
        let (file, positions) = (self.file(), self.shape.positions_of(&input));
        let source = &mut Given { input, readings: file.readings(), memory };
        let mut words = vec![0; Plan::of::<Active, W>(&self.shape.needs).words()];
        let (mut part, values) = (0, positions * self.shape.width);
        let see = |state: &State<'_, W>| {
            see(Trace { part, residual: state.memory.residual.get(..values).unwrap_or(&[]) });
            part += 1;
        };
        let (shape, words, observer) = (&self.shape, &mut words, &mut Unobserved);
        run_watched::<Active, W, _, _, _>(&file, shape, words, source, positions, |_| (), observer, see);
    }
}
