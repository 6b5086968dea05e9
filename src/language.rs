//! Language models: chains of parts that take a token at a time and say what may follow.

use crate::arithmetic::softmax::{Narrow, Weight, Wide};
use crate::attention::{CachedPositions, MAX_POSITIONS, RewindError, Ring};
use crate::error::{Allowed, Error, require};
use crate::format::parts::{AllKinds, Kinds, Part, Uses};
use crate::format::{File, Shape, Softmax};
use crate::kernels::{Active, Kernels};
use crate::model::unwrap;
use crate::observe::{Observer, Unobserved};
use crate::parts::{OneToken, Step, StepPlan};
use crate::tokenizer::Tokenizer;
use core::marker::PhantomData;

/// A language model's `.heed` file that a program contains; [`language_model!`](crate::language_model!) implements it.
pub trait EmbeddedLanguageModel {
    /// The file.
    const FILE: File<'static>;
    /// The shape of its model.
    const SHAPE: Shape;
    /// Its parts, first to last.
    #[doc(hidden)]
    const PARTS: &'static [Part<'static>];
    /// Positions that its cache holds.
    const CONTEXT: usize;
    /// Its softmax weights.
    type Weight: Weight;
    /// The model type of the file's shape: a `heedful::CompiledLanguageModel`.
    type Model;
}

/// The kinds of parts that a model has.
struct KindsOf<M>(PhantomData<M>);

impl<M: EmbeddedLanguageModel> Kinds for KindsOf<M> {
    const USES: Uses = M::SHAPE.uses;
}

/// Words of working memory and cache of a language model of this shape.
#[doc(hidden)]
#[must_use]
pub const fn memory<W: Weight>(shape: &Shape, context: usize) -> usize {
    StepPlan::of::<Active, W>(&shape.needs, context).words()
}

/// A compiled-in language model with `WORDS` words of working memory and cache, and a vocabulary of `TOKENS`.
///
/// `size_of` tells its RAM. The weights stay in the program's constants.
///
/// Positions go on without end: a full cache forgets its oldest position with each new one. Where a model has learned
/// positions, those beyond the last ([`Shape::positions`] of them) begin anew at the first.
#[derive(Debug)]
pub struct CompiledLanguageModel<M: EmbeddedLanguageModel, const WORDS: usize, const TOKENS: usize> {
    memory: [u32; WORDS],
    ring: Ring,
    file: PhantomData<M>,
}

impl<M: EmbeddedLanguageModel, const WORDS: usize, const TOKENS: usize> CompiledLanguageModel<M, WORDS, TOKENS> {
    /// The tokenizer, if the file has one.
    pub const TOKENIZER: Option<Tokenizer<'static>> = unwrap(M::FILE.tokenizer(TOKENS));
    const PLAN: StepPlan = StepPlan::of::<Active, M::Weight>(&M::SHAPE.needs, M::CONTEXT);

    /// A model that has taken no token; `const`, so that it can be a static.
    #[must_use]
    pub const fn new() -> Self {
        const {
            require(M::CONTEXT > 0, "language model: the cache has no room for a position");
            require(M::CONTEXT <= MAX_POSITIONS, "language model: the cache has room for more than 65,536 positions");
            require(Self::PLAN.words() == WORDS, "language model: the file needs another amount of memory");
            require(M::SHAPE.outputs == TOKENS, "language model: the file has another vocabulary");
        }
        Self { memory: [0; WORDS], ring: Ring::new(0, 0), file: PhantomData }
    }

    /// Takes in one more token, and gives the logits of the next one. Tokens outside the vocabulary count as no token:
    /// zeros.
    #[inline]
    pub fn step(&mut self, token: u16) -> &[i16; TOKENS] {
        self.run(token, M::PARTS, &mut Unobserved);
        // As many as the plan has room for.
        Self::PLAN.outputs(&self.memory).first_chunk().unwrap_or(const { &[0; TOKENS] })
    }

    /// Takes in one more token, whose successor is known: its logits are not computed.
    #[inline]
    pub fn push(&mut self, token: u16) {
        self.push_observed(token, &mut Unobserved);
    }

    /// [`CompiledLanguageModel::push`], showing each row of softmax weights to `observer`.
    #[inline]
    pub fn push_observed(&mut self, token: u16, observer: &mut impl Observer<M::Weight>) {
        self.run(token, const { M::PARTS.split_at(M::SHAPE.attended).0 }, observer);
    }

    #[inline]
    fn run(&mut self, token: u16, parts: &[Part<'static>], observer: &mut impl Observer<M::Weight>) {
        let (cached, token) = (self.ring.sized(M::CONTEXT, 0).push(), usize::from(token));
        let mut step = Step::new(&Self::PLAN, M::SHAPE.uses, &mut self.memory, cached, OneToken(token), observer);
        for part in parts {
            step.run::<Active, KindsOf<M>>(part);
        }
    }

    /// Tokens taken in so far.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.ring.seen()
    }

    /// Begins anew.
    pub const fn reset(&mut self) {
        self.ring.reset();
    }

    /// Goes back to the time when `length` tokens had been taken in.
    ///
    /// # Errors
    /// If these are more than there were, or if the cache has forgotten what would be looked at again; see
    /// [`RewindError`].
    pub const fn rewind(&mut self, length: u64) -> Result<(), RewindError> {
        self.ring.rewind(length)
    }
}

impl<M: EmbeddedLanguageModel, const WORDS: usize, const TOKENS: usize> Default
    for CompiledLanguageModel<M, WORDS, TOKENS>
{
    fn default() -> Self {
        Self::new()
    }
}

/// A language model of any shape in a file that the program got at run time, with the working memory that the program
/// gave it: [`Model`](crate::Model) for models that take a token at a time.
///
/// It runs the code of [`language_model!`](crate::language_model!), to the same bits.
///
/// ```
/// use heedful::{LanguageModel, greedy};
/// # let file: Vec<u32> = include_bytes!("../tests/fixtures/tiny_decoder.heed").as_chunks::<4>().0.iter()
/// #     .map(|&word| u32::from_le_bytes(word)).collect();
/// # let slot: &[u8] = heedful::bytemuck::cast_slice(&file);
/// let mut memory = [0; 2000]; // words: a static, as a rule
/// let mut model = LanguageModel::load(slot, 16, &mut memory)?;
/// let next = greedy(model.step(1));
/// # assert!(next < 300);
/// # Ok::<(), heedful::Error>(())
/// ```
#[derive(Debug)]
pub struct LanguageModel<'a> {
    file: File<'a>,
    shape: Shape,
    memory: &'a mut [u32],
    ring: Ring,
}

impl<'a> LanguageModel<'a> {
    /// Checks a file, all its parts and how they fit together, and lays out its working memory with a cache of
    /// `context` positions.
    ///
    /// The bytes start on a word boundary, as those of a flash partition do. What was in the memory does not matter.
    ///
    /// # Errors
    /// What is wrong with the file, or with the context, which is 1 to 65,536; [`Error::Memory`], with the bytes that
    /// the model needs, if the memory is too small.
    pub fn load(bytes: &'a [u8], context: usize, memory: &'a mut [u32]) -> Result<Self, Error> {
        let (file, shape) = open(bytes, context)?;
        let (expected, found) = (memory_of::<Active>(&shape, context), memory.len());
        if found < expected {
            return Err(Error::Memory { expected: expected.saturating_mul(4), found: found.saturating_mul(4) });
        }
        Ok(Self { file, shape, memory, ring: Ring::new(context, 0) })
    }

    /// Bytes of working memory that a file's model needs, its cache of `context` positions included.
    ///
    /// # Errors
    /// If anything is wrong with the file, or the context is not 1 to 65,536.
    pub fn memory(bytes: &[u8], context: usize) -> Result<usize, Error> {
        Ok(memory_of::<Active>(&open(bytes, context)?.1, context).saturating_mul(4))
    }

    /// What goes in and what comes out.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The tokenizer, if the file has one.
    #[must_use]
    pub fn tokenizer(&self) -> Option<Tokenizer<'a>> {
        self.file.tokenizer(self.shape.outputs).unwrap_or(None)
    }

    /// Takes in one more token, and gives the logits of the next one. Tokens outside the vocabulary count as no token:
    /// zeros.
    #[inline]
    pub fn step(&mut self, token: u16) -> &[i16] {
        self.run(token, self.shape.parts);
        outputs(&self.shape, self.ring.slots(), self.memory)
    }

    /// Takes in one more token, whose successor is known: its logits are not computed.
    #[inline]
    pub fn push(&mut self, token: u16) {
        self.run(token, self.shape.attended);
    }

    fn run(&mut self, token: u16, parts: usize) {
        let Self { file, shape, memory, ring } = self;
        let (cached, token) = (ring.push(), token.into());
        match shape.softmax {
            Softmax::Wide => run::<Active, Wide, _>(file, shape, memory, cached, token, parts, &mut Unobserved),
            Softmax::Narrow => run::<Active, Narrow, _>(file, shape, memory, cached, token, parts, &mut Unobserved),
        }
    }

    /// Tokens taken in so far.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.ring.seen()
    }

    /// Begins anew.
    pub const fn reset(&mut self) {
        self.ring.reset();
    }

    /// Goes back to the time when `length` tokens had been taken in.
    ///
    /// # Errors
    /// As [`CompiledLanguageModel::rewind`].
    pub const fn rewind(&mut self, length: u64) -> Result<(), RewindError> {
        self.ring.rewind(length)
    }
}

/// A file all of which is right, and the shape of its model.
fn open(bytes: &[u8], context: usize) -> Result<(File<'_>, Shape), Error> {
    let file = File::from_bytes(bytes)?;
    let shape = file.language_shape()?;
    file.tokenizer(shape.outputs)?;
    if context == 0 || context > MAX_POSITIONS {
        let allowed = Allowed::Between(1, MAX_POSITIONS);
        return Err(Error::Shape { what: "positions of the cache", allowed, found: context });
    }
    Ok((file.trusting(), shape))
}

/// Runs the first parts of a file whose shape this is.
pub(crate) fn run<K: Kernels, W: Weight, O: Observer<W>>(
    file: &File<'_>,
    shape: &Shape,
    memory: &mut [u32],
    cached: CachedPositions,
    token: usize,
    parts: usize,
    observer: &mut O,
) {
    let plan = StepPlan::of::<K, W>(&shape.needs, cached.slots());
    let mut step = Step::new(&plan, shape.uses, memory, cached, OneToken(token), observer);
    file.each_language_part(parts, |part| step.run::<K, AllKinds>(part));
}

/// Words of working memory and cache with some kernels.
pub(crate) fn memory_of<K: Kernels>(shape: &Shape, slots: usize) -> usize {
    plan_of::<K>(shape, slots).words()
}

/// What came out last.
pub(crate) fn outputs<'m>(shape: &Shape, slots: usize, memory: &'m [u32]) -> &'m [i16] {
    plan_of::<Active>(shape, slots).outputs(memory)
}

fn plan_of<K: Kernels>(shape: &Shape, slots: usize) -> StepPlan {
    match shape.softmax {
        Softmax::Wide => StepPlan::of::<K, Wide>(&shape.needs, slots),
        Softmax::Narrow => StepPlan::of::<K, Narrow>(&shape.needs, slots),
    }
}

/// Names a language model that lies in a `.heed` file, with the number of positions that its cache holds, and checks
/// the file when the program is compiled.
///
/// `heedful::language_model!(pub Stories = "stories.heed", context = 128);` makes the type `Stories`, which
/// dereferences to a [`CompiledLanguageModel`](crate::CompiledLanguageModel) of the file's shape. The path is as in
/// [`model!`](crate::model!), and so are attributes before it that say where the weights lie.
#[macro_export]
macro_rules! language_model {
    (@ $attributes:tt $vis:vis $name:ident [$($place:tt)*] #$next:tt $($rest:tt)+) => {
        $crate::language_model!(@ $attributes $vis $name [$($place)* #$next] $($rest)+);
    };
    (@ [$($attribute:tt)*] $vis:vis $name:ident [$($place:tt)*] $path:expr, context = $context:expr $(,)?) => {
        $($attribute)*
        #[derive(Debug)]
        $vis struct $name(<Self as $crate::language::EmbeddedLanguageModel>::Model);

        #[allow(long_running_const_eval)]
        const _: () = {
            use $crate::format::{File, Shape, parts::Part};
            use $crate::language::{EmbeddedLanguageModel, memory};
            use $crate::model::{Choose, Chosen, unwrap};

            const BYTES: &[u8] = include_bytes!($path);
            $($place)*
            static WORDS: [u32; BYTES.len() / 4] = $crate::format::words(BYTES);
            const FILE: File<'static> = unwrap(File::open(&WORDS));
            const SHAPE: Shape = unwrap(FILE.language_shape());

            $crate::parts_of!(FILE, SHAPE);

            impl EmbeddedLanguageModel for $name {
                const FILE: File<'static> = FILE;
                const SHAPE: Shape = SHAPE;
                const PARTS: &'static [Part<'static>] = &PARTS;
                const CONTEXT: usize = $context;
                type Weight = <Choose<{ SHAPE.softmax.is_wide() }> as Chosen>::Weight;
                type Model = $crate::CompiledLanguageModel<
                    Self,
                    { memory::<<Choose<{ SHAPE.softmax.is_wide() }> as Chosen>::Weight>(&SHAPE, $context) },
                    { SHAPE.outputs },
                >;
            }

            #[allow(dead_code)]
            impl $name {
                /// The model's shape.
                pub const SHAPE: Shape = SHAPE;
                /// The tokenizer, if the file has one.
                pub const TOKENIZER: Option<$crate::Tokenizer<'static>> =
                    <Self as EmbeddedLanguageModel>::Model::TOKENIZER;
                /// Bytes of flash that the file takes.
                pub const FLASH: usize = BYTES.len();
                /// The file, where it lies in the program.
                pub const WORDS: &'static [u32] = &WORDS;

                /// A model that has taken no token; `const`, so that it can be a static.
                #[must_use]
                pub const fn new() -> Self {
                    Self(<Self as EmbeddedLanguageModel>::Model::new())
                }
            }

            $crate::dereference!($name, <Self as EmbeddedLanguageModel>::Model);
        };
    };
    ($(#[$attribute:meta])* $vis:vis $name:ident = $($file:tt)+) => {
        $crate::language_model!(@ [$(#[$attribute])*] $vis $name [] $($file)+);
    };
}
