//! An inference with a look at the residual stream after each part.

use super::Model;
use crate::arithmetic::softmax::{Narrow, Weight, Wide};
use crate::format::Softmax;
use crate::kernels::Active;
use crate::observe::Unobserved;
use crate::parts::{AllKinds, Given, Input, Run, WholeSequence};
use crate::plan::Plan;
use core::marker::PhantomData;
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
        let plan = Plan::of::<Active, W>(&self.shape.needs);
        let mut words = vec![0; plan.words()];
        let mut state = plan.lay_out::<W>(&mut words, positions);
        let (attend, pattern, observer) = (&mut WholeSequence, &|_| (), &mut Unobserved);
        let mut run = Run { source, attend, pattern, observer, layer: 0, kinds: PhantomData::<AllKinds> };
        let (mut part, values) = (0, positions * self.shape.width);
        file.each_read(|read| {
            read.part().run::<Active, W, _, _, _, _, _, _>(&mut state, &mut run);
            see(Trace { part, residual: state.memory.residual.get(..values).unwrap_or(&[]) });
            part += 1;
        });
    }
}
