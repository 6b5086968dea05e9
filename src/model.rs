//! A model whose shape is known when the firmware is compiled.

mod input;
mod slices;
mod streaming;

pub use input::{ChooseInput, ChosenInput, InputNumbers, InputState, Listen, samples};

use crate::arithmetic::softmax::{Narrow, Weight, Wide};
use crate::error::{Error, require};
use crate::format::parts::{Kinds, Part, Uses};
use crate::format::{File, Shape};
use crate::kernels::Active;
use crate::message::Message;
use crate::observe::{Observer, Unobserved};
use crate::outcome::Outcome;
use crate::parts::{Features, FineFeatures, Given, Input, Readings, Run, Source, Tokens, WholeSequence};
use crate::plan::Plan;
use core::marker::PhantomData;
use input::Heard;
#[doc(hidden)]
pub use slices::Progress;
pub use slices::Slices;
pub(crate) use streaming::take;
pub use streaming::{Streaming, StreamingModel, Streams};
#[doc(hidden)]
pub use streaming::{token_input, token_memory, token_values};

/// A `.heed` file that a program contains; [`model!`](crate::model!) implements it.
pub trait Embedded {
    /// The file.
    const FILE: File<'static>;
    /// The shape of its model.
    const SHAPE: Shape;
    /// Its parts, first to last.
    #[doc(hidden)]
    const PARTS: &'static [Part<'static>];
    /// What takes the model's input: nothing, or an audio stream.
    type Input: InputState;
    /// Its softmax weights.
    type Weight: Weight;
    /// The model type of the file's shape: a `heedful::CompiledModel`.
    type Model;
}

/// A compiled-in model with its working memory: `WORDS` words of it, features `[ROWS][VALUES]`, and `OUTPUTS` values
/// that come out.
///
/// `size_of` tells its RAM. The weights stay in the program's constants.
#[derive(Debug)]
pub struct CompiledModel<M: Embedded, const WORDS: usize, const ROWS: usize, const VALUES: usize, const OUTPUTS: usize>
{
    memory: [u32; WORDS],
    stream: M::Input,
    file: PhantomData<M>,
}

/// Words of working memory of a model of this shape.
#[doc(hidden)]
#[must_use]
pub const fn memory<W: Weight>(shape: &Shape) -> usize {
    Plan::of::<Active, W>(&shape.needs).words()
}

/// The kinds of parts that a model has.
struct KindsOf<M>(PhantomData<M>);

impl<M: Embedded> Kinds for KindsOf<M> {
    const USES: Uses = M::SHAPE.uses;
}

/// How many parts of each kind there are, for [`Tables`](crate::format::Tables).
#[doc(hidden)]
#[must_use]
pub const fn tables(shape: &Shape) -> [usize; 6] {
    shape.tables
}

impl<M: Embedded, const WORDS: usize, const ROWS: usize, const VALUES: usize, const OUTPUTS: usize>
    CompiledModel<M, WORDS, ROWS, VALUES, OUTPUTS>
{
    /// Names of the classes.
    pub const LABELS: [&'static str; OUTPUTS] = labels::<M, OUTPUTS>();
    const HAS_ALL_INPUTS: () =
        require(M::SHAPE.memory.is_none(), "model: its attention looks at a second input: call infer_input");
    const PLAN: Plan = Plan::of::<Active, M::Weight>(&M::SHAPE.needs);

    /// A model that has taken no input; `const`, so that it can be a static.
    #[must_use]
    pub const fn new() -> Self {
        const {
            let [rows, values] = M::SHAPE.features();
            require(Self::PLAN.words() == WORDS, "model: the file needs another amount of memory");
            require(rows == ROWS && values == VALUES, "model: the file has another input shape");
            require(M::SHAPE.values() == OUTPUTS, "model: the file has another number of outputs");
            let () = unwrap(M::FILE.check_events(&M::SHAPE));
        }
        Self { memory: [0; WORDS], stream: M::Input::NEW, file: PhantomData }
    }

    /// One inference over features `[ROWS][VALUES]`: a row for each position, or, where the patches of the input
    /// overlap, for each of its steps.
    #[inline]
    pub fn infer_features(&mut self, features: &[[i8; VALUES]; ROWS]) -> Outcome<[i16; OUTPUTS]> {
        self.infer_observed(features, &mut Unobserved)
    }

    /// [`CompiledModel::infer_features`], showing each row of softmax weights to `observer`.
    #[inline]
    pub fn infer_observed(
        &mut self,
        features: &[[i8; VALUES]; ROWS],
        observer: &mut impl Observer<M::Weight>,
    ) -> Outcome<[i16; OUTPUTS]> {
        const { Self::HAS_ALL_INPUTS }
        let Self { memory, .. } = self;
        run::<M, _, OUTPUTS>(memory, Self::PLAN, &mut Features(features.as_flattened()), M::SHAPE.positions, observer)
    }

    /// One inference over features of 15 bits, -2^14 up to 2^14; where the model takes 8, they are rounded.
    #[inline]
    pub fn infer_fine(&mut self, features: &[[i16; VALUES]; ROWS]) -> Outcome<[i16; OUTPUTS]> {
        const { Self::HAS_ALL_INPUTS }
        let (source, positions) = (&mut FineFeatures(features.as_flattened()), M::SHAPE.positions);
        run::<M, _, OUTPUTS>(&mut self.memory, Self::PLAN, source, positions, &mut Unobserved)
    }

    /// One inference over raw readings of sensors, as their driver gives them.
    ///
    /// That the file says what they are is checked when the program is compiled.
    #[inline]
    pub fn infer_readings(&mut self, readings: &[[i16; VALUES]; ROWS]) -> Outcome<[i16; OUTPUTS]> {
        const {
            let () = Self::HAS_ALL_INPUTS;
            require(!M::FILE.readings().is_empty(), "model: the file does not say what raw readings are");
        }
        let source = &mut Readings { values: readings.as_flattened(), channels: const { M::FILE.readings() } };
        run::<M, _, OUTPUTS>(&mut self.memory, Self::PLAN, source, M::SHAPE.positions, &mut Unobserved)
    }

    /// One inference over an input of any kind, and a second one, `[steps][channels]` of 8 bits, that attention looks
    /// at; what is missing at its end is not looked at.
    #[inline]
    pub fn infer_input(&mut self, input: Input<'_>, memory: &[i8]) -> Outcome<[i16; OUTPUTS]> {
        let source = &mut Given { input, readings: const { M::FILE.readings() }, memory };
        let positions = M::SHAPE.positions_of(&input);
        let memory = &mut self.memory;
        run::<M, _, OUTPUTS>(memory, Self::PLAN, source, positions, &mut Unobserved)
    }

    /// One inference over tokens: as many as there are, and at most as many as the model has positions for. Unknown
    /// ones add nothing.
    #[inline]
    pub fn infer_tokens(&mut self, tokens: &[u16]) -> Outcome<[i16; OUTPUTS]> {
        self.infer_typed_tokens(tokens, &[])
    }

    /// [`CompiledModel::infer_tokens`], of these types; where they are missing, of the first.
    #[inline]
    pub fn infer_typed_tokens(&mut self, tokens: &[u16], types: &[u8]) -> Outcome<[i16; OUTPUTS]> {
        const { Self::HAS_ALL_INPUTS }
        let (source, positions) = (&mut Tokens { tokens, types }, M::SHAPE.positions_of(&Input::Tokens(tokens, types)));
        run::<M, _, OUTPUTS>(&mut self.memory, Self::PLAN, source, positions, &mut Unobserved)
    }

    /// Takes one sample of the microphone; true when it completed a frame of the front end.
    #[inline]
    pub fn push(&mut self, sample: i16) -> bool
    where
        M::Input: Listen<M>,
    {
        self.stream.hear(sample)
    }

    /// Whether a whole stretch has been heard since the start or the last [`CompiledModel::reset`].
    #[must_use]
    pub fn is_full(&self) -> bool
    where
        M::Input: Listen<M>,
    {
        self.stream.has_heard()
    }

    /// Forgets what has been heard.
    pub fn reset(&mut self)
    where
        M::Input: Listen<M>,
    {
        self.stream.forget();
    }

    /// Classifies what has been heard last.
    #[inline]
    pub fn infer(&mut self) -> Outcome<[i16; OUTPUTS]>
    where
        M::Input: Listen<M>,
    {
        self.infer_heard(&mut Unobserved)
    }

    /// [`CompiledModel::infer`], showing each row of softmax weights to `observer`.
    #[inline]
    pub fn infer_heard(&mut self, observer: &mut impl Observer<M::Weight>) -> Outcome<[i16; OUTPUTS]>
    where
        M::Input: Listen<M>,
    {
        let Self { memory, stream, .. } = self;
        let source = &mut Heard::<M>::of(stream);
        run::<M, _, OUTPUTS>(memory, Self::PLAN, source, M::SHAPE.positions, observer)
    }

    /// [`CompiledModel::infer`] in slices, to the same bits.
    ///
    /// ```
    /// heedful::model!(pub Digits = "../models/digits.heed");
    ///
    /// let mut digits = Digits::new();
    /// let mut slices = digits.slices();
    /// let outcome = loop {
    ///     if let Some(outcome) = slices.step() {
    ///         break outcome;
    ///     }
    ///     // Here other tasks run: `yield_now().await`, in an async one.
    /// };
    /// assert_eq!(outcome, digits.infer());
    /// ```
    #[inline]
    pub fn slices(&mut self) -> Slices<'_, M, OUTPUTS>
    where
        M::Input: Listen<M>,
    {
        const { Self::HAS_ALL_INPUTS }
        let given = Given { input: Input::Features(&[]), readings: &[], memory: &[] };
        Slices::of_stream(&mut self.memory, Self::PLAN, &self.stream, given)
    }

    /// [`CompiledModel::infer_input`] in slices, to the same bits.
    #[inline]
    pub fn slices_of<'m>(&'m mut self, input: Input<'m>, memory: &'m [i8]) -> Slices<'m, M, OUTPUTS> {
        let given = Given { input, readings: const { M::FILE.readings() }, memory };
        Slices::of_input(&mut self.memory, Self::PLAN, given)
    }

    /// What [`Listener`](crate::events::Listener) runs on: the working memory, and what takes the input.
    #[inline]
    pub(crate) fn halves(&mut self) -> (&mut [u32], &mut M::Input) {
        (&mut self.memory, &mut self.stream)
    }

    /// What takes the input.
    #[inline]
    pub(crate) const fn heard(&self) -> &M::Input {
        &self.stream
    }

    /// How the memory is laid out.
    pub(crate) const LAID_OUT: Plan = Self::PLAN;
}

/// Names of the outputs.
const fn labels<M: Embedded, const OUTPUTS: usize>() -> [&'static str; OUTPUTS] {
    let mut labels = [""; OUTPUTS];
    let mut i = 0;
    while i < OUTPUTS {
        labels[i] = unwrap(M::FILE.label_of(i));
        i += 1;
    }
    labels
}

/// Runs all parts of a model.
#[inline]
fn run<M: Embedded, S: Source, const OUTPUTS: usize>(
    memory: &mut [u32],
    plan: Plan,
    source: &mut S,
    positions: usize,
    observer: &mut impl Observer<M::Weight>,
) -> Outcome<[i16; OUTPUTS]> {
    let mut state = plan.lay_out::<M::Weight>(memory, positions);
    let (attend, pattern, kinds) = (&mut WholeSequence, &|_| (), PhantomData::<KindsOf<M>>);
    let mut run = Run { source, attend, pattern, observer, layer: 0, kinds };
    for part in M::PARTS {
        part.run::<Active, _, _, _, _, _, _, _>(&mut state, &mut run);
    }
    // Of fewer tokens than positions fewer rows come out: what lies behind them is of an inference before.
    let count = M::SHAPE.outputs * state.positions;
    let mut outputs = [0; OUTPUTS];
    for (to, &from) in outputs.iter_mut().zip(state.memory.outputs.iter().take(count)) {
        *to = from;
    }
    Outcome::new(outputs, M::SHAPE.logit)
}

impl<M: Embedded, const WORDS: usize, const ROWS: usize, const VALUES: usize, const OUTPUTS: usize> Default
    for CompiledModel<M, WORDS, ROWS, VALUES, OUTPUTS>
{
    fn default() -> Self {
        Self::new()
    }
}

/// The value, or a compile error with the reason (only used in constants).
#[doc(hidden)]
#[must_use]
#[track_caller]
pub const fn unwrap<T: Copy>(result: Result<T, Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{}", error.message().as_str()),
    }
}

/// A compile error unless a number of the file has the value that was pinned.
#[doc(hidden)]
#[track_caller]
pub const fn pinned(field: &str, path: &str, shape: &Shape, expected: usize) {
    let Some(found) = shape.named(field) else {
        let message = Message::new().text("model!: there is no ").text(field).text(" to pin: it is one of ");
        panic!("{}", message.text(Shape::NAMES).as_str());
    };
    if found != expected {
        let message = Message::new().text("model!: ").text(field).text(" of ").text(path);
        panic!("{}", message.text(" is ").count(found).text(", expected ").count(expected).as_str());
    }
}

/// Chooses types by constants of the file; [`model!`](crate::model!) uses it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Choose<const WIDE: bool>;

/// The type that [`Choose`] chose.
#[doc(hidden)]
pub trait Chosen {
    /// Softmax weights.
    type Weight: Weight;
}

impl Chosen for Choose<false> {
    type Weight = Narrow;
}

impl Chosen for Choose<true> {
    type Weight = Wide;
}

/// Names a model that lies in a `.heed` file, and checks the file when the program is compiled.
///
/// `heedful::model!(pub Digits = "../models/digits.heed");` makes the type `Digits`, which
/// dereferences to a [`CompiledModel`](crate::CompiledModel) of the file's shape. A
/// damaged file is a compile error. What the program relies on can be pinned, and another shape is then a
/// compile error too:
///
/// ```
/// heedful::model!(pub Digits = "../models/digits.heed", classes = 10, inputs = 128);
///
/// let mut digits = Digits::new();
/// let outcome = digits.infer_features(&[[0; 128]; 25]);
/// println!("{} in {} bytes of RAM", Digits::LABELS[outcome.best().class], size_of::<Digits>());
/// ```
///
/// The names that can be pinned are the numbers of [`Shape`](crate::format::Shape), and `classes`, `steps`, `columns`,
/// `channels` and `sample_rate`.
///
/// # The path
/// As for [`include_bytes!`]: relative to the source file in which `model!` stands (not to `Cargo.toml`), or absolute.
/// What a build script wrote is `concat!(env!("OUT_DIR"), "/digits.heed")`, and what lies beside `Cargo.toml`
/// `concat!(env!("CARGO_MANIFEST_DIR"), "/digits.heed")`.
///
/// # Where the weights lie
/// Among the program's constants, unless attributes before the path say otherwise: they are those of a `static` that
/// holds the file ([an example](crate#weights-in-a-memory-of-their-own)).
#[macro_export]
macro_rules! model {
    (@ $attributes:tt $vis:vis $name:ident [$($place:tt)*] #$next:tt $($rest:tt)+) => {
        $crate::model!(@ $attributes $vis $name [$($place)* #$next] $($rest)+);
    };
    (@ [$($attribute:tt)*] $vis:vis $name:ident [$($place:tt)*] $path:expr $(, $field:ident = $value:expr)* $(,)?) => {
        $($attribute)*
        #[derive(Debug)]
        $vis struct $name(<Self as $crate::model::Embedded>::Model);

        #[allow(long_running_const_eval)]
        const _: () = {
            use $crate::format::{File, Shape, parts::Part};
            use $crate::model::{Choose, ChooseInput, Chosen, ChosenInput, Embedded, InputNumbers};
            use $crate::model::{Streams, memory, token_input, token_memory, token_values, unwrap};

            const BYTES: &[u8] = include_bytes!($path);
            $($place)*
            static WORDS: [u32; BYTES.len() / 4] = $crate::format::words(BYTES);
            const FILE: File<'static> = unwrap(File::open(&WORDS));
            const SHAPE: Shape = unwrap(FILE.shape_of_any());
            const INPUT: InputNumbers = InputNumbers::of(&FILE, &SHAPE);
            $($crate::model::pinned(stringify!($field), $path, &SHAPE, $value);)*

            $crate::parts_of!(FILE, SHAPE);

            impl Embedded for $name {
                const FILE: File<'static> = FILE;
                const SHAPE: Shape = SHAPE;
                const PARTS: &'static [Part<'static>] = &PARTS;
                type Input = <ChooseInput<
                    { INPUT.kind },
                    { INPUT.window },
                    { INPUT.points },
                    { INPUT.values },
                    { INPUT.frames },
                    { INPUT.means },
                > as ChosenInput>::Input;
                type Weight = <Choose<{ SHAPE.softmax.is_wide() }> as Chosen>::Weight;
                type Model = $crate::CompiledModel<
                    Self,
                    { memory::<<Choose<{ SHAPE.softmax.is_wide() }> as Chosen>::Weight>(&SHAPE) },
                    { SHAPE.features()[0] },
                    { SHAPE.features()[1] },
                    { SHAPE.values() },
                >;
            }

            const TOKEN: Result<Shape, $crate::Error> = FILE.streaming_shape();
            const TOKEN_INPUT: InputNumbers = token_input(&FILE, &TOKEN);

            impl Streams for $name {
                const TOKEN: Result<Shape, $crate::Error> = TOKEN;
                type TokenInput = <ChooseInput<
                    { TOKEN_INPUT.kind },
                    { TOKEN_INPUT.window },
                    { TOKEN_INPUT.points },
                    { TOKEN_INPUT.values },
                    { TOKEN_INPUT.frames },
                    { TOKEN_INPUT.means },
                > as ChosenInput>::Input;
                type Stepped = $crate::model::StreamingModel<
                    $crate::Streaming<Self>,
                    { token_memory::<<Choose<{ SHAPE.softmax.is_wide() }> as Chosen>::Weight>(&TOKEN) },
                    { token_values(&TOKEN)[0] },
                    { token_values(&TOKEN)[1] },
                >;
                const STEPPED: Self::Stepped = Self::Stepped::new();
            }

            #[allow(dead_code)]
            impl $name {
                /// The model's shape.
                pub const SHAPE: Shape = SHAPE;
                /// Names of the classes.
                pub const LABELS: [&'static str; SHAPE.values()] = <Self as Embedded>::Model::LABELS;
                /// Bytes of flash that the file takes.
                pub const FLASH: usize = BYTES.len();
                /// The file, where it lies in the program.
                pub const WORDS: &'static [u32] = &WORDS;
                /// Classes told apart; 0 where the outputs are something else.
                pub const CLASSES: usize = SHAPE.classes();
                /// Rows that come out, and values of each.
                pub const OUTPUT: [usize; 2] = [SHAPE.rows, SHAPE.outputs];
                /// Rows of features that go in, and values of each; zeros where tokens do.
                pub const INPUT: [usize; 2] = SHAPE.features();
                /// Samples of sound or readings of sensors per second; 0 where the file does not say it.
                pub const SAMPLE_RATE: usize = SHAPE.input.sample_rate();
                /// Samples that one inference hears; 0 without an audio front end.
                pub const SAMPLES: usize = $crate::model::samples(&FILE, &SHAPE);

                /// A model that has taken no input; `const`, so that it can be a static.
                #[must_use]
                pub const fn new() -> Self {
                    Self(<Self as Embedded>::Model::new())
                }
            }

            $crate::dereference!($name, <Self as Embedded>::Model);
        };
    };
    ($(#[$attribute:meta])* $vis:vis $name:ident = $($file:tt)+) => {
        $crate::model!(@ [$(#[$attribute])*] $vis $name [] $($file)+);
    };
}

/// The constant `PARTS`: the parts of a file of a shape.
#[doc(hidden)]
#[macro_export]
macro_rules! parts_of {
    ($file:ident, $shape:ident) => {
        const OF: [usize; 6] = $crate::model::tables(&$shape);
        const TABLES: &$crate::format::Tables<
            'static,
            { OF[0] },
            { OF[1] },
            { OF[2] },
            { OF[3] },
            { OF[4] },
            { OF[5] },
        > = &$crate::model::unwrap($crate::format::Tables::read(&$file, &$shape));
        const PARTS: [$crate::format::parts::Part<'static>; $shape.parts] =
            $crate::model::unwrap(TABLES.chain(&$file, &$shape));
    };
}

/// What the types share that [`model!`](crate::model!) and [`language_model!`](crate::language_model!) name: a default,
/// and the model's methods.
#[doc(hidden)]
#[macro_export]
macro_rules! dereference {
    ($name:ident, $model:ty) => {
        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl core::ops::Deref for $name {
            type Target = $model;
            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl core::ops::DerefMut for $name {
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.0
            }
        }
    };
}
