//! A model that a program contains, a token of its input at a time.

use super::input::Heard;
use super::{Embedded, InputNumbers, InputState, KindsOf, Listen, labels, unwrap};
use crate::arithmetic::softmax::Weight;
use crate::attention::Ring;
use crate::error::{Error, require};
use crate::format::parts::Part;
use crate::format::{File, Shape};
use crate::kernels::Active;
use crate::observe::Unobserved;
use crate::outcome::Outcome;
use crate::parts::{Features, FineFeatures, Readings, Source, Step, StepPlan};
use core::ops::{Deref, DerefMut};

/// A model that a program contains, as what takes a token at a time; [`model!`](crate::model!) implements it.
pub trait Streams: Embedded {
    /// The shape of what a token needs, or why the file's model cannot take one at a time.
    const TOKEN: Result<Shape, Error>;
    /// What takes the input of a token.
    type TokenInput: InputState;
    /// The model type: a [`StreamingModel`].
    type Stepped;
    /// The model at the start.
    #[doc(hidden)]
    const STEPPED: Self::Stepped;
}

/// A causal, windowed model that takes a token of its input at a time: what its heads look back at lies in caches, so
/// that a token costs what one token costs, not a pass over a whole window. Its outputs are, to the bit, those of the
/// last row of a pass over all tokens since the start.
///
/// `M` is what [`model!`](crate::model!) names. It dereferences to a [`StreamingModel`];
/// [`Listener`](crate::events::Listener)`<Streaming<M>>` makes events of its outputs. Its RAM is its `size_of`.
///
/// That the file's model can do so is checked when the program is compiled: see [`File::streaming_shape`].
///
/// ```
/// use heedful::Streaming;
///
/// heedful::model!(pub Digits = "../../models/digits_stream.heed");
///
/// let mut digits = Streaming::<Digits>::new();
/// for sample in [0; 8000] {
///     if digits.push(sample) {
///         let outcome = digits.step(); // each 48 ms
///         if digits.is_full() {
///             println!("{}", Digits::LABELS[outcome.best().class]);
///         }
///     }
/// }
/// ```
pub struct Streaming<M: Streams>(M::Stepped);

impl<M: Streams> Embedded for Streaming<M> {
    const FILE: File<'static> = M::FILE;
    const SHAPE: Shape = unwrap(M::TOKEN);
    const PARTS: &'static [Part<'static>] = M::PARTS;
    type Input = M::TokenInput;
    type Weight = M::Weight;
    type Model = M::Stepped;
}

impl<M: Streams> Streaming<M> {
    /// The shape of what a token needs.
    pub const SHAPE: Shape = <Self as Embedded>::SHAPE;

    /// A model that has taken no token; `const`, so that it can be a static.
    #[must_use]
    pub const fn new() -> Self {
        Self(M::STEPPED)
    }
}

impl<M: Streams> Default for Streaming<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Streams> Deref for Streaming<M> {
    type Target = M::Stepped;

    fn deref(&self) -> &M::Stepped {
        &self.0
    }
}

impl<M: Streams> DerefMut for Streaming<M> {
    fn deref_mut(&mut self) -> &mut M::Stepped {
        &mut self.0
    }
}

impl<M: Streams> core::fmt::Debug for Streaming<M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Streaming").finish_non_exhaustive()
    }
}

/// What [`Streaming`] runs on: `WORDS` words of working memory and caches, tokens of `VALUES` values, and `OUTPUTS`
/// values that come out for each.
pub struct StreamingModel<M: Embedded, const WORDS: usize, const VALUES: usize, const OUTPUTS: usize> {
    memory: [u32; WORDS],
    ring: Ring,
    stream: M::Input,
    /// Frames or readings of the token to come.
    steps: usize,
}

/// Words of working memory and caches; 0 where the model cannot take a token at a time.
#[doc(hidden)]
#[must_use]
pub const fn token_memory<W: Weight>(token: &Result<Shape, Error>) -> usize {
    match token {
        Ok(shape) => StepPlan::of::<Active, W>(&shape.needs, shape.cache.slots).words(),
        Err(_) => 0,
    }
}

/// Values of a token, and values that come out for it; zeros where the model cannot take a token at a time.
#[doc(hidden)]
#[must_use]
pub const fn token_values(token: &Result<Shape, Error>) -> [usize; 2] {
    match token {
        Ok(shape) => [shape.features()[1], shape.values()],
        Err(_) => [0; 2],
    }
}

/// What takes the input of a token: [`InputNumbers`] of its frames.
#[doc(hidden)]
#[must_use]
pub const fn token_input(file: &File<'_>, token: &Result<Shape, Error>) -> InputNumbers {
    let Ok(shape) = token else { return InputNumbers::NONE };
    let input = InputNumbers::of(file, shape);
    InputNumbers { frames: if input.kind == 0 { 0 } else { shape.cache.steps }, ..input }
}

impl<M: Embedded, const WORDS: usize, const VALUES: usize, const OUTPUTS: usize>
    StreamingModel<M, WORDS, VALUES, OUTPUTS>
{
    /// Names of the classes.
    pub const LABELS: [&'static str; OUTPUTS] = labels::<M, OUTPUTS>();
    const PLAN: StepPlan = StepPlan::of::<Active, M::Weight>(&M::SHAPE.needs, M::SHAPE.cache.slots);

    /// A model that has taken no token; `const`, so that it can be a static.
    #[must_use]
    pub const fn new() -> Self {
        const {
            let [rows, values] = M::SHAPE.features();
            require(Self::PLAN.words() == WORDS, "streaming model: the file needs another amount of memory");
            require(rows == 1 && values == VALUES, "streaming model: the file has another input shape");
            require(M::SHAPE.values() == OUTPUTS, "streaming model: the file has another number of outputs");
            let () = unwrap(M::FILE.check_events(&M::SHAPE));
        }
        Self { memory: [0; WORDS], ring: Ring::new(0, 0), stream: M::Input::NEW, steps: 0 }
    }

    /// Takes one sample of the microphone; true when it completed a token, which [`Self::step`] takes in.
    #[inline]
    pub fn push(&mut self, sample: i16) -> bool
    where
        M::Input: Listen<M>,
    {
        self.stream.hear(sample) && self.end_step()
    }

    /// Takes in the token that has been heard, and gives what comes out.
    #[inline]
    pub fn step(&mut self) -> Outcome<[i16; OUTPUTS]>
    where
        M::Input: Listen<M>,
    {
        let Self { memory, ring, stream, .. } = self;
        take::<M, _>(memory, ring, Heard::<M>::of(stream), true);
        self.outcome()
    }

    /// Takes in a token of features of 8 bits, and gives what comes out.
    #[inline]
    pub fn step_features(&mut self, features: &[i8; VALUES]) -> Outcome<[i16; OUTPUTS]> {
        take::<M, _>(&mut self.memory, &mut self.ring, Features(features), true);
        self.outcome()
    }

    /// The same of features of 15 bits, -2^14 up to 2^14; where the model takes 8, they are rounded.
    #[inline]
    pub fn step_fine(&mut self, features: &[i16; VALUES]) -> Outcome<[i16; OUTPUTS]> {
        take::<M, _>(&mut self.memory, &mut self.ring, FineFeatures(features), true);
        self.outcome()
    }

    /// The same of raw readings of sensors, as their driver gives them.
    ///
    /// That the file says what they are is checked when the program is compiled.
    #[inline]
    pub fn step_readings(&mut self, readings: &[i16; VALUES]) -> Outcome<[i16; OUTPUTS]> {
        const {
            require(!M::FILE.readings().is_empty(), "streaming model: the file does not say what raw readings are");
        }
        let source = Readings { values: readings, channels: const { M::FILE.readings() } };
        take::<M, _>(&mut self.memory, &mut self.ring, source, true);
        self.outcome()
    }

    /// Tokens taken in since the start or the last reset.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.ring.seen()
    }

    /// Whether as many tokens have been taken in as the model has positions: as many as it was made for.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.ring.seen() >= M::SHAPE.positions as u64
    }

    /// Forgets all tokens, and what has been heard.
    pub fn reset(&mut self) {
        self.ring.reset();
        (self.stream, self.steps) = (M::Input::NEW, 0);
    }

    /// A frame or reading more; whether that completes a token.
    #[inline]
    pub(crate) fn end_step(&mut self) -> bool {
        self.steps += 1;
        if self.steps < M::SHAPE.cache.steps {
            return false;
        }
        self.steps = 0;
        true
    }

    /// What [`Listener`](crate::events::Listener) runs on: the working memory, the cache's order, and what takes the
    /// input.
    #[inline]
    pub(crate) fn pieces(&mut self) -> (&mut [u32], &mut Ring, &mut M::Input) {
        (&mut self.memory, &mut self.ring, &mut self.stream)
    }

    /// What takes the input.
    #[inline]
    pub(crate) const fn heard(&self) -> &M::Input {
        &self.stream
    }

    /// What came out last.
    #[inline]
    pub(crate) fn outputs(&self) -> &[i16; OUTPUTS] {
        // As many as the plan has room for.
        Self::PLAN.outputs(&self.memory).first_chunk().unwrap_or(const { &[0; OUTPUTS] })
    }

    fn outcome(&self) -> Outcome<[i16; OUTPUTS]> {
        Outcome::new(*self.outputs(), M::SHAPE.logit)
    }
}

/// Takes in a token. What comes out is computed only where it is `wanted`: the caches need no more than the parts up to
/// the last attention.
#[inline]
pub(crate) fn take<M: Embedded, S: Source>(memory: &mut [u32], ring: &mut Ring, source: S, wanted: bool) {
    let plan = const { &StepPlan::of::<Active, M::Weight>(&M::SHAPE.needs, M::SHAPE.cache.slots) };
    let cached = ring.sized(M::SHAPE.cache.slots, M::SHAPE.cache.sinks).push();
    let observer = &mut Unobserved;
    let mut step = Step::<M::Weight, _, _>::new(plan, M::SHAPE.uses, memory, cached, source, observer);
    let (attended, rest) = const { M::PARTS.split_at(M::SHAPE.attended) };
    for part in attended {
        step.run::<Active, KindsOf<M>>(part);
    }
    if wanted {
        for part in rest {
            step.run::<Active, KindsOf<M>>(part);
        }
    }
}

impl<M: Embedded, const WORDS: usize, const VALUES: usize, const OUTPUTS: usize> Default
    for StreamingModel<M, WORDS, VALUES, OUTPUTS>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Embedded, const WORDS: usize, const VALUES: usize, const OUTPUTS: usize> core::fmt::Debug
    for StreamingModel<M, WORDS, VALUES, OUTPUTS>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StreamingModel").field("seen", &self.seen()).finish_non_exhaustive()
    }
}
