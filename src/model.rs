//! A model whose shape is known when the firmware is compiled.

use crate::arithmetic::softmax::{Narrow, Weight, Wide};
use crate::attention::HeadScratch;
use crate::encoder::{BlockView, EncoderView, StateView};
use crate::error::{Error, require};
use crate::format::{Config, File};
use crate::kernels::{Active, Kernels};
use crate::message::Message;
use crate::observe::{Observer, Unobserved};
use crate::outcome::Outcome;
use crate::pattern::Mask;
use core::marker::PhantomData;

/// A `.heed` file that a program contains; [`model!`](crate::model!) implements it.
pub trait Embedded {
    /// The file.
    const FILE: File<'static>;
    /// What takes the model's input: nothing, or an audio stream.
    type Input: Input;
    /// The model type of the file's shape: a `heedful::Model`.
    type Model;
}

/// What takes a model's input before inference.
pub trait Input {
    /// Its initial state.
    const NEW: Self;
}

impl Input for () {
    const NEW: Self = ();
}

#[cfg(feature = "audio")]
impl<const WINDOW: usize, const BANDS: usize, const FRAMES: usize> Input
    for crate::audio::Stream<WINDOW, BANDS, FRAMES>
{
    const NEW: Self = Self::new();
}

/// The input of a model that hears: an audio stream, where the file has an audio front end and the feature `audio` is
/// on.
#[cfg_attr(
    not(feature = "audio"),
    diagnostic::on_unimplemented(
        message = "this model cannot hear: heedful is built without its feature `audio`",
        label = "needs heedful's feature `audio`",
        note = "in Cargo.toml: heedful = {{ version = \"0.1\", features = [\"audio\"] }}"
    )
)]
#[cfg_attr(
    feature = "audio",
    diagnostic::on_unimplemented(
        message = "this model cannot hear: its file has no audio front end",
        label = "needs a file with an audio front end",
        note = "`infer_features` takes the inputs of a model without a front end"
    )
)]
pub trait Listen<M>: Input {
    /// Takes one sample; true when it completed a frame.
    fn hear(&mut self, sample: i16) -> bool;
    /// Whether a whole stretch has been heard.
    fn has_heard(&self) -> bool;
    /// Forgets what has been heard.
    fn forget(&mut self);
    /// The mean over what has been heard.
    fn level(&self) -> i16;
    /// The input of one position, relative to `level`.
    fn features(&self, position: usize, level: i16, input: &mut [i8]);
}

#[cfg(feature = "audio")]
impl<M: Embedded<Input = Self>, const WINDOW: usize, const BANDS: usize, const FRAMES: usize> Listen<M>
    for crate::audio::Stream<WINDOW, BANDS, FRAMES>
{
    #[inline]
    fn hear(&mut self, sample: i16) -> bool {
        self.push(const { &frontend(&M::FILE) }, sample)
    }

    #[inline]
    fn has_heard(&self) -> bool {
        self.is_full()
    }

    fn forget(&mut self) {
        self.reset();
    }

    #[inline]
    fn level(&self) -> i16 {
        self.mean()
    }

    #[inline]
    fn features(&self, position: usize, level: i16, input: &mut [i8]) {
        let frames = const {
            match unwrap(M::FILE.config()).inputs.checked_div(BANDS) {
                Some(frames) => frames,
                None => 0,
            }
        };
        self.token(position * frames, level, input);
    }
}

/// The front end of a file that has one.
#[cfg(feature = "audio")]
const fn frontend(file: &File<'static>) -> crate::audio::Frontend<'static> {
    match unwrap(file.frontend(&unwrap(file.config()))) {
        Some(frontend) => frontend,
        None => panic!("model: the file has no audio front end"),
    }
}

/// A compiled-in encoder with its working memory: `S` positions of `I` inputs, width `E`, `H` heads
/// of `P`, `F` hidden values, `L` blocks, `C` classes. `R` is the length of the reduced rows of blocks of low rank,
/// where these are wider than the model and need memory of their own.
///
/// `size_of` tells its RAM. The weights stay in the program's constants.
#[derive(Debug)]
pub struct Model<
    M: Embedded,
    W,
    const S: usize,
    const I: usize,
    const E: usize,
    const H: usize,
    const P: usize,
    const F: usize,
    const L: usize,
    const C: usize,
    const R: usize = 0,
> {
    residual: [[i16; E]; S],
    logits: [i16; C],
    heads: HeadScratch<S, H, P, W>,
    normed: [[i8; E]; S],
    reduced: [[i8; R]; S],
    input: [[i8; I]; <Active as Kernels>::ROWS],
    hidden: [[i8; F]; <Active as Kernels>::ROWS],
    pooled: [i8; E],
    stream: M::Input,
    file: PhantomData<M>,
}

impl<
    M: Embedded,
    W: Weight,
    const S: usize,
    const I: usize,
    const E: usize,
    const H: usize,
    const P: usize,
    const F: usize,
    const L: usize,
    const C: usize,
    const R: usize,
> Model<M, W, S, I, E, H, P, F, L, C, R>
{
    /// The model's shape.
    pub const CONFIG: Config = unwrap(M::FILE.config());
    const BLOCKS: [BlockView<'static>; L] = {
        let mut blocks = [unwrap(M::FILE.block(&Self::CONFIG, 0)); L];
        let mut i = 1;
        while i < L {
            blocks[i] = unwrap(M::FILE.block(&Self::CONFIG, i));
            i += 1;
        }
        blocks
    };
    /// Whether a block is of low rank. Other models are spared the code.
    const LOW_RANK: bool = {
        let (mut any, mut i) = (false, 0);
        while i < L {
            any = any || Self::BLOCKS[i].reduce.is_some();
            i += 1;
        }
        any
    };
    const ENCODER: EncoderView<'static> = unwrap(M::FILE.encoder(&Self::CONFIG, &Self::BLOCKS));
    /// Names of the classes.
    pub const LABELS: [&'static str; C] = {
        let mut labels = [""; C];
        let mut i = 0;
        while i < C {
            labels[i] = unwrap(M::FILE.label(i));
            i += 1;
        }
        labels
    };

    /// A model that has taken no input; `const`, so that it can be a static.
    #[must_use]
    pub const fn new() -> Self {
        const {
            let c = Self::CONFIG;
            require(c.positions == S && c.inputs == I, "model: the file has another input shape");
            require(c.width == E && c.hidden == F, "model: the file has another width");
            require(c.heads == H && c.head_dim == P, "model: the file has other heads");
            require(c.layers == L && c.classes == C, "model: the file has another number of layers or classes");
            require(reduced(&M::FILE, &c) == R, "model: the file has blocks of another rank");
        }
        Self {
            residual: [[0; E]; S],
            logits: [0; C],
            heads: HeadScratch::new(),
            normed: [[0; E]; S],
            reduced: [[0; R]; S],
            input: [[0; I]; <Active as Kernels>::ROWS],
            hidden: [[0; F]; <Active as Kernels>::ROWS],
            pooled: [0; E],
            stream: M::Input::NEW,
            file: PhantomData,
        }
    }

    /// Classifies features `[S][I]`.
    #[inline]
    pub fn infer_features(&mut self, features: &[[i8; I]; S]) -> Outcome<[i16; C]> {
        self.infer_observed(features, &mut Unobserved)
    }

    /// [`Model::infer_features`], showing each row of softmax weights to `observer`.
    #[inline]
    pub fn infer_observed(&mut self, features: &[[i8; I]; S], observer: &mut impl Observer<W>) -> Outcome<[i16; C]> {
        let fill = |position: usize, input: &mut [i8]| {
            if let Some(row) = features.get(position) {
                for (to, &from) in input.iter_mut().zip(row) {
                    *to = from;
                }
            }
        };
        self.run::<Active, _>(|_, position, input| fill(position, input), observer)
    }

    #[inline]
    fn run<K: Kernels, O: Observer<W>>(
        &mut self,
        mut fill: impl FnMut(&M::Input, usize, &mut [i8]),
        observer: &mut O,
    ) -> Outcome<[i16; C]> {
        let Self { residual, logits, heads, normed, reduced, input, hidden, pooled, stream, .. } = self;
        let mut state = StateView {
            residual: residual.as_flattened_mut(),
            normed: normed.as_flattened_mut(),
            reduced: reduced.as_flattened_mut(),
            attention: heads.view(),
            input: input.as_flattened_mut(),
            hidden: hidden.as_flattened_mut(),
            pooled,
            logits,
        };
        let fill = |i, x: &mut [i8]| fill(stream, i, x);
        let (encoder, pattern) = (const { &Self::ENCODER }, |_| Mask::None);
        if Self::LOW_RANK {
            encoder.forward::<K, W, _, O, true>(fill, &mut state, pattern, observer);
        } else {
            encoder.forward::<K, W, _, O, false>(fill, &mut state, pattern, observer);
        }
        Outcome::new(self.logits, Self::CONFIG.logit)
    }
}

/// What a model hears with.
impl<
    M: Embedded,
    W: Weight,
    const S: usize,
    const I: usize,
    const E: usize,
    const H: usize,
    const P: usize,
    const F: usize,
    const L: usize,
    const C: usize,
    const R: usize,
> Model<M, W, S, I, E, H, P, F, L, C, R>
{
    /// Takes one sample of the microphone; true when it completed a frame of the front end.
    #[inline]
    pub fn push(&mut self, sample: i16) -> bool
    where
        M::Input: Listen<M>,
    {
        self.stream.hear(sample)
    }

    /// Whether a whole stretch has been heard since the start or the last [`Model::reset`].
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
    pub fn infer(&mut self) -> Outcome<[i16; C]>
    where
        M::Input: Listen<M>,
    {
        self.infer_heard(&mut Unobserved)
    }

    /// [`Model::infer`], showing each row of softmax weights to `observer`.
    #[inline]
    pub fn infer_heard(&mut self, observer: &mut impl Observer<W>) -> Outcome<[i16; C]>
    where
        M::Input: Listen<M>,
    {
        let level = self.stream.level();
        self.run::<Active, _>(|stream, position, input| stream.features(position, level, input), observer)
    }
}

impl<
    M: Embedded,
    W: Weight,
    const S: usize,
    const I: usize,
    const E: usize,
    const H: usize,
    const P: usize,
    const F: usize,
    const L: usize,
    const C: usize,
    const R: usize,
> Default for Model<M, W, S, I, E, H, P, F, L, C, R>
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

/// A compile error unless a field of the file has the value that was pinned.
#[doc(hidden)]
#[track_caller]
pub const fn pinned(field: &str, path: &str, found: usize, expected: usize) {
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

/// Chooses the input by constants of the file; [`model!`](crate::model!) uses it.
#[doc(hidden)]
#[derive(Debug)]
pub struct ChooseInput<const WINDOW: usize, const BANDS: usize, const FRAMES: usize>;

/// The type that [`ChooseInput`] chose.
#[doc(hidden)]
pub trait ChosenInput {
    /// What takes the input.
    type Input: Input;
}

impl ChosenInput for ChooseInput<0, 0, 0> {
    type Input = ();
}

#[cfg(feature = "audio")]
impl<const BANDS: usize, const FRAMES: usize> ChosenInput for ChooseInput<256, BANDS, FRAMES> {
    type Input = crate::audio::Stream<256, BANDS, FRAMES>;
}

#[cfg(feature = "audio")]
impl<const BANDS: usize, const FRAMES: usize> ChosenInput for ChooseInput<512, BANDS, FRAMES> {
    type Input = crate::audio::Stream<512, BANDS, FRAMES>;
}

/// Window, bands and frames of a file's front end; zeros where it has none.
#[doc(hidden)]
#[must_use]
pub const fn input_shape(file: &File<'_>, config: &Config) -> [usize; 3] {
    #[cfg(feature = "audio")]
    if let Some(frontend) = unwrap(file.frontend(config)) {
        let bands = frontend.params.bands as usize;
        let frames = (config.inputs / bands).saturating_mul(config.positions);
        return [frontend.params.window as usize, bands, frames];
    }
    let _ = (file, config);
    [0; 3]
}

/// Values of a reduced row, where it needs memory of its own; else 0.
#[doc(hidden)]
#[must_use]
pub const fn reduced(file: &File<'_>, config: &Config) -> usize {
    unwrap(file.reduced(config))
}

/// Samples that one inference of a file's model hears; 0 without a front end.
#[doc(hidden)]
#[must_use]
pub const fn samples(file: &File<'_>, config: &Config) -> usize {
    #[cfg(feature = "audio")]
    if let Some(frontend) = unwrap(file.frontend(config)) {
        return frontend.params.samples(input_shape(file, config)[2]);
    }
    let _ = (file, config);
    0
}

/// Names a model that lies in a `.heed` file, and checks the file when the program is compiled.
///
/// `heedful::model!(pub Digits = "../models/digits.heed");` makes the type `Digits`, which
/// dereferences to a [`Model`](crate::Model) of the file's shape. A
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
/// The names that can be pinned are the numbers of [`Config`](crate::format::Config).
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
            use $crate::model::{Choose, ChooseInput, Chosen, ChosenInput, Embedded, input_shape, reduced, unwrap};

            const BYTES: &[u8] = include_bytes!($path);
            $($place)*
            static WORDS: [u32; BYTES.len() / 4] = $crate::format::words(BYTES);
            const FILE: $crate::format::File<'static> = unwrap($crate::format::File::open(&WORDS));
            const CONFIG: $crate::format::Config = unwrap(FILE.config());
            const INPUT: [usize; 3] = input_shape(&FILE, &CONFIG);
            $($crate::model::pinned(stringify!($field), $path, CONFIG.$field, $value);)*

            impl Embedded for $name {
                const FILE: $crate::format::File<'static> = FILE;
                type Input = <ChooseInput<{ INPUT[0] }, { INPUT[1] }, { INPUT[2] }> as ChosenInput>::Input;
                type Model = $crate::Model<
                    Self,
                    <Choose<{ CONFIG.softmax.is_wide() }> as Chosen>::Weight,
                    { CONFIG.positions },
                    { CONFIG.inputs },
                    { CONFIG.width },
                    { CONFIG.heads },
                    { CONFIG.head_dim },
                    { CONFIG.hidden },
                    { CONFIG.layers },
                    { CONFIG.classes },
                    { reduced(&FILE, &CONFIG) },
                >;
            }

            #[allow(dead_code)]
            impl $name {
                /// The model's shape.
                pub const CONFIG: $crate::format::Config = CONFIG;
                /// Names of the classes.
                pub const LABELS: [&'static str; CONFIG.classes] = <Self as Embedded>::Model::LABELS;
                /// Bytes of flash that the file takes.
                pub const FLASH: usize = BYTES.len();
                /// The file, where it lies in the program.
                pub const WORDS: &'static [u32] = &WORDS;
                /// Samples that one inference hears; 0 without an audio front end.
                pub const SAMPLES: usize = $crate::model::samples(&FILE, &CONFIG);

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
