//! An inference with a look at the residual stream and the heads' outputs after each part.

use super::{Model, Off, shares};
use crate::arithmetic::requantise::Channel;
use crate::arithmetic::softmax::{Narrow, Weight, Wide};
use crate::format::Read;
use crate::format::Softmax;
use crate::kernels::{Active, Rows};
use crate::observe::{Observer, Row, Unobserved};
use crate::outcome::Outcome;
use crate::parts::{AttentionPart, Input, State, WholeSequence};
use crate::pattern::AttentionPattern;
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
    /// The attention, and the rows that it read.
    part_of: Option<(AttentionPart<'a>, Rows<'a>)>,
}

impl Trace<'_> {
    /// What one head of the attention adds to the residual stream, `[positions][width]`, in steps of this, before the
    /// sum of all heads is rounded; without the layer's biases, which belong to no head. Empty where there is no such
    /// head.
    #[must_use]
    pub fn added(&self, head: usize) -> Vec<f32> {
        let Some((part, _)) = self.part_of else { return Vec::new() };
        let (layer, dim) = (part.attention.output, part.attention.head_dim);
        let row = |row: &[i8]| -> Vec<f32> {
            let Some(own) = row.get(head * dim..(head + 1) * dim) else { return Vec::new() };
            let weights = layer.weights.data.chunks(layer.weights.stride.max(1));
            let sums = weights.map(|weights| {
                let weights = weights.get(head * dim..).unwrap_or(&[]);
                own.iter().zip(weights).map(|(&x, &w)| i32::from(x) * i32::from(w)).sum::<i32>()
            });
            sums.zip(layer.channels).map(|(sum, channel)| (f64::from(sum) * channel.scale.to_real()) as f32).collect()
        };
        self.heads.chunks_exact(layer.weights.inputs.max(1)).flat_map(row).collect()
    }

    /// What a head multiplies its weights with, `[positions][head_dim]` of 8 bits. Empty where there is no such head,
    /// and of attention to a second input.
    #[must_use]
    pub fn values(&self, head: usize) -> Vec<i8> {
        match self.part_of {
            Some((part, rows)) if part.memory.is_none() => part.attention.values(rows, head),
            _ => Vec::new(),
        }
    }

    /// The part of the output layer that a head's outputs are multiplied with, `[width][head_dim]`, in steps of the
    /// residual stream for a step of the output. Empty where there is no such head.
    #[must_use]
    pub fn projection(&self, head: usize) -> Vec<f32> {
        let Some((part, _)) = self.part_of.filter(|(part, _)| head < part.attention.heads()) else { return Vec::new() };
        let (layer, dim) = (part.attention.output, part.attention.head_dim);
        let rows = layer.weights.data.chunks(layer.weights.stride.max(1)).zip(layer.channels);
        let row = |(weights, channel): (&[i8], &Channel)| {
            let (own, scale) = (weights.get(head * dim..(head + 1) * dim).unwrap_or(&[]), channel.scale.to_real());
            own.iter().map(|&w| (f64::from(w) * scale) as f32).collect::<Vec<f32>>()
        };
        rows.flat_map(row).collect()
    }

    /// Steps of a head's output for a step of its values.
    #[must_use]
    pub fn value_step(&self, head: usize) -> f64 {
        let scale = self.part_of.and_then(|(part, _)| part.attention.head_scales.get(head));
        scale.map_or(0.0, |scale| scale.value().to_real() * 256.0)
    }
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
    /// weights to `observer`, as [`Model::infer_observed`] does, and the residual stream and the heads' outputs to
    /// `see`. For tools that look inside: what is shown is what the inference computes, and nothing is computed twice.
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
        let positions = self.shape.positions_of(&input);
        let (mut part, mut layers, values) = (0, 0.., positions * self.shape.width);
        let see = |read: &Read<'_>, state: &State<'_, W>| {
            let own = if let Read::Attention(own) = read { Some(*own) } else { None };
            let attention = own.and_then(|_| layers.next());
            let width = own.map_or(0, |own| own.attention.output.weights.inputs);
            let heads = state.memory.attention.outputs.get(..positions * width).unwrap_or(&[]);
            let residual = state.memory.residual.get(..values).unwrap_or(&[]);
            let part_of = own.map(|own| (own, own.read_rows(&state.memory, positions)));
            see(Trace { part, residual, attention, heads, part_of });
            part += 1;
        };
        self.run_watched::<Active, W, _, _, _>(input, memory, &mut WholeSequence, pattern, observer, see)
    }
}
