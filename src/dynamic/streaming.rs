//! Models that take a token of their input at a time.

use super::Model;
use crate::Error;
use crate::arithmetic::softmax::{Narrow, Weight, Wide};
use crate::attention::Ring;
use crate::format::{File, Shape, Softmax};
use crate::kernels::{Active, Kernels};
use crate::observe::Unobserved;
use crate::outcome::Outcome;
use crate::parts::{AllKinds, Given, Input, Step, StepPlan};
use std::vec;
use std::vec::Vec;

/// [`Streaming`](crate::Streaming) of any shape: a model with its working memory and caches.
///
/// ```
/// use heedful::{Input, dynamic::Model};
///
/// let model = Model::load(include_bytes!("../../models/digits_stream.heed"))?;
/// let mut stream = model.streaming()?;
/// let heard = model.hear_all(&[0; 8000]).unwrap();
/// for token in heard.tokens(stream.token()) {
///     let outcome = stream.step(token);
///     if stream.is_full() {
///         println!("{}", model.labels()[outcome.best().class]);
///     }
/// }
/// # Ok::<(), heedful::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Streaming<'m> {
    file: File<'m>,
    shape: Shape,
    ring: Ring,
    memory: Vec<u32>,
}

impl Model {
    /// The model as what takes a token at a time.
    ///
    /// # Errors
    /// If it cannot: see [`File::streaming_shape`].
    pub fn streaming(&self) -> Result<Streaming<'_>, Error> {
        let file = self.file();
        let shape = file.streaming_shape()?;
        let ring = Ring::new(shape.cache.slots, shape.cache.sinks);
        let (words, most) = (words::<Active>(&shape), isize::MAX as usize / 4);
        if words > most {
            return Err(Error::Memory { expected: words.saturating_mul(4), found: most.saturating_mul(4) });
        }
        Ok(Streaming { file, shape, ring, memory: vec![0; words] })
    }
}

/// Words of working memory and caches with some kernels.
fn words<K: Kernels>(shape: &Shape) -> usize {
    match shape.softmax {
        Softmax::Wide => StepPlan::of::<K, Wide>(&shape.needs, shape.cache.slots).words(),
        Softmax::Narrow => StepPlan::of::<K, Narrow>(&shape.needs, shape.cache.slots).words(),
    }
}

impl Streaming<'_> {
    /// The shape of what a token needs; its multiply-accumulates are those of the layers for one token, without
    /// attention's own, which are two for each head, dimension of a head and token looked at.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Values of a token.
    #[must_use]
    pub const fn token(&self) -> usize {
        self.shape.inputs
    }

    /// Frames or readings of a token.
    #[must_use]
    pub const fn steps(&self) -> usize {
        self.shape.cache.steps
    }

    /// Tokens that its heads look at, at most, the newest and those that are kept for good among them.
    #[must_use]
    pub const fn window(&self) -> usize {
        self.shape.cache.slots
    }

    /// Bytes of working memory and caches.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.memory.len().saturating_mul(4)
    }

    /// Takes in the features or raw readings of a token, and gives what comes out; missing ones count as 0.
    pub fn step(&mut self, token: Input<'_>) -> Outcome<Vec<i16>> {
        self.step_on::<Active>(token)
    }

    /// [`Streaming::step`] with the kernels of one's choice.
    #[doc(hidden)]
    pub fn step_on<K: Kernels>(&mut self, token: Input<'_>) -> Outcome<Vec<i16>> {
        match self.shape.softmax {
            Softmax::Wide => self.run::<K, Wide>(token),
            Softmax::Narrow => self.run::<K, Narrow>(token),
        }
    }

    fn run<K: Kernels, W: Weight>(&mut self, token: Input<'_>) -> Outcome<Vec<i16>> {
        let Self { file, shape, ring, memory } = self;
        let plan = StepPlan::of::<K, W>(&shape.needs, shape.cache.slots);
        // Other kernels than its own may need more; the cache is the same.
        if memory.len() < plan.words() {
            memory.resize(plan.words(), 0);
        }
        let source = Given { input: token, readings: file.readings(), memory: &[] };
        let observer = &mut Unobserved;
        let mut step = Step::<W, _, _>::new(&plan, shape.uses, memory, ring.push(), source, observer);
        file.each_read(|read| step.run::<K, AllKinds>(&read.part()));
        Outcome::new(plan.outputs(memory).to_vec(), shape.logit)
    }

    /// Tokens taken in since the start or the last reset.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.ring.seen()
    }

    /// Whether as many tokens have been taken in as the model has positions: as many as it was made for.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.ring.seen() >= self.shape.positions as u64
    }

    /// Forgets all tokens.
    pub const fn reset(&mut self) {
        self.ring.reset();
    }
}
