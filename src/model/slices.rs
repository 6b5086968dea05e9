//! Inference a part of the chain at a time.

use super::{Embedded, KindsOf, Listen};
use crate::kernels::Active;
use crate::observe::Unobserved;
use crate::outcome::Outcome;
use crate::parts::{Given, Part, Run, Source, WholeSequence};
use crate::plan::Plan;
use core::marker::PhantomData;

/// How far an inference has come. What it has computed lies in the model's working memory.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    next: usize,
    positions: usize,
    width: usize,
    made: bool,
    /// Whether the two maps of convolutions have changed places.
    swapped: bool,
    first: u32,
}

impl Progress {
    /// At the start, of an input that takes so many positions.
    pub(crate) const fn new(positions: usize) -> Self {
        Self { next: 0, positions, width: 0, made: false, swapped: false, first: 0 }
    }

    /// Runs the next part; whether it was the last one.
    #[inline]
    pub(crate) fn step<M: Embedded, S: Source>(&mut self, memory: &mut [u32], plan: Plan, source: &mut S) -> bool {
        let Some(part) = M::PARTS.get(self.next) else { return true };
        let mut state = plan.lay_out::<M::Weight>(memory, self.positions);
        (state.width, state.made, state.first) = (self.width, self.made, self.first);
        if self.swapped {
            state.memory.maps.swap(0, 1);
        }
        let (attend, pattern, kinds) = (&mut WholeSequence, &|_| (), PhantomData::<KindsOf<M>>);
        let mut run = Run { source, attend, pattern, observer: &mut Unobserved, layer: 0, kinds };
        part.run::<Active, _, _, _, _, _, _, _>(&mut state, &mut run);
        let next = self.next + 1;
        *self = Self {
            next,
            positions: state.positions,
            width: state.width,
            made: state.made,
            swapped: self.swapped ^ matches!(part, Part::Convolution(_)),
            first: state.first,
        };
        next >= M::PARTS.len()
    }

    /// Values that came out.
    pub(crate) const fn outputs<M: Embedded>(&self) -> usize {
        M::SHAPE.outputs.saturating_mul(self.positions)
    }

    /// Parts still to run.
    pub(crate) const fn left<M: Embedded>(&self) -> usize {
        M::PARTS.len() - self.next
    }
}

/// Gives features of a stream: what [`Listen::features`] is called with.
type Features<I> = fn(&I, usize, i16, &mut [i8], &mut [i8]);

/// A stream, and the level that its features are relative to.
struct Stream<'m, I> {
    stream: &'m I,
    level: i16,
    features: Features<I>,
}

/// What the parts read, whichever it is.
struct Piece<'m, M: Embedded> {
    heard: Option<Stream<'m, M::Input>>,
    given: Given<'m>,
}

impl<M: Embedded> Source for Piece<'_, M> {
    fn values(&mut self, at: usize, high: &mut [i8], low: &mut [i8]) {
        match &self.heard {
            Some(Stream { stream, level, features }) => features(stream, at, *level, high, low),
            None => self.given.values(at, high, low),
        }
    }

    fn token(&self, position: usize) -> usize {
        self.given.token(position)
    }

    fn token_type(&self, position: usize) -> usize {
        self.given.token_type(position)
    }

    fn memory(&self) -> &[i8] {
        self.given.memory()
    }
}

/// An inference in slices, so that nothing else waits for longer than one takes: [`CompiledModel::slices`] makes it.
///
/// A slice is one part of the chain: the input's layer, an attention with its projections, a pair of feed-forward
/// layers, a norm. The longest is an attention or a pair of feed-forward layers; of a model of `L` blocks it takes a
/// little more than half an `L`th of the whole. Between slices the model takes no samples, which wait in a queue.
///
/// Dropping it gives the inference up.
///
/// [`CompiledModel::slices`]: super::CompiledModel::slices
pub struct Slices<'m, M: Embedded, const OUTPUTS: usize> {
    memory: &'m mut [u32],
    plan: Plan,
    source: Piece<'m, M>,
    progress: Progress,
}

impl<'m, M: Embedded, const OUTPUTS: usize> Slices<'m, M, OUTPUTS> {
    pub(super) fn of_input(memory: &'m mut [u32], plan: Plan, given: Given<'m>) -> Self {
        let positions = M::SHAPE.positions_of(&given.input);
        Self { memory, plan, source: Piece { heard: None, given }, progress: Progress::new(positions) }
    }

    pub(super) fn of_stream(memory: &'m mut [u32], plan: Plan, stream: &'m M::Input, given: Given<'m>) -> Self
    where
        M::Input: Listen<M>,
    {
        let heard = Some(Stream { stream, level: stream.level(), features: <M::Input as Listen<M>>::features });
        Self { memory, plan, source: Piece { heard, given }, progress: Progress::new(M::SHAPE.positions) }
    }

    /// Runs the next slice. The last one gives the outcome, which is, to the bit, that of an inference in one go.
    /// Further calls give it again.
    pub fn step(&mut self) -> Option<Outcome<[i16; OUTPUTS]>> {
        if !self.progress.step::<M, _>(self.memory, self.plan, &mut self.source) {
            return None;
        }
        let mut outputs = [0; OUTPUTS];
        let made = self.plan.outputs(self.memory);
        for (to, &from) in outputs.iter_mut().zip(made.iter().take(self.progress.outputs::<M>())) {
            *to = from;
        }
        Some(Outcome::new(outputs, M::SHAPE.logit))
    }

    /// Slices still to run.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.progress.left::<M>()
    }
}

impl<M: Embedded, const OUTPUTS: usize> core::fmt::Debug for Slices<'_, M, OUTPUTS> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Slices").field("progress", &self.progress).finish_non_exhaustive()
    }
}
