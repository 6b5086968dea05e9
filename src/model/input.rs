//! What takes the input of a model that a program contains: nothing, or a stream of sound.

use super::Embedded;
#[cfg(feature = "audio")]
use super::unwrap;
#[cfg(feature = "audio")]
use crate::audio::{CepstraFrames, Frames, LogMelFrames, Stream};
use crate::format::{File, Shape};
use crate::parts::Source;
use core::marker::PhantomData;

/// What takes a model's input before inference.
pub trait InputState {
    /// Its initial state.
    const NEW: Self;
}

impl InputState for () {
    const NEW: Self = ();
}

#[cfg(feature = "audio")]
impl<const WINDOW: usize, const POINTS: usize, F: Frames> InputState for Stream<WINDOW, POINTS, F> {
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
pub trait Listen<M>: InputState {
    /// Takes one sample; true when it completed a frame.
    fn hear(&mut self, sample: i16) -> bool;
    /// Whether a whole stretch has been heard.
    fn has_heard(&self) -> bool;
    /// Forgets what has been heard.
    fn forget(&mut self);
    /// The level that 8-bit features are relative to.
    fn level(&self) -> i16;
    /// Features from the `at`th on, relative to `level`: their upper 8 bits, and, where `low` is not empty, 7 more.
    fn features(&self, at: usize, level: i16, high: &mut [i8], low: &mut [i8]);
}

#[cfg(feature = "audio")]
impl<M: Embedded<Input = Self>, const WINDOW: usize, const POINTS: usize, F: Frames> Listen<M>
    for Stream<WINDOW, POINTS, F>
{
    #[inline]
    fn hear(&mut self, sample: i16) -> bool {
        self.push(const { &frontend(&M::FILE) }, sample)
    }

    #[inline]
    fn has_heard(&self) -> bool {
        self.frames().is_full()
    }

    fn forget(&mut self) {
        self.reset();
    }

    #[inline]
    fn level(&self) -> i16 {
        self.frames().level()
    }

    #[inline]
    fn features(&self, at: usize, level: i16, high: &mut [i8], low: &mut [i8]) {
        self.frames().features(at, level, high, low);
    }
}

/// The front end of a file that has one.
#[cfg(feature = "audio")]
const fn frontend(file: &File<'static>) -> crate::audio::Frontend<'static> {
    match unwrap(file.frontend_of_any()) {
        Some(frontend) => frontend,
        None => panic!("model: the file has no audio front end"),
    }
}

/// What a model has heard, relative to a level.
pub(super) struct Heard<'s, M: Embedded> {
    stream: &'s M::Input,
    level: i16,
    file: PhantomData<M>,
}

impl<'s, M: Embedded> Heard<'s, M>
where
    M::Input: Listen<M>,
{
    #[inline]
    pub(super) fn of(stream: &'s M::Input) -> Self {
        Self { stream, level: stream.level(), file: PhantomData }
    }
}

impl<M: Embedded> Source for Heard<'_, M>
where
    M::Input: Listen<M>,
{
    #[inline]
    fn values(&mut self, at: usize, high: &mut [i8], low: &mut [i8]) {
        self.stream.features(at, self.level, high, low);
    }
}

/// Chooses the input by constants of the file, in the order of [`InputNumbers`]; [`model!`](crate::model!) uses it.
#[doc(hidden)]
#[derive(Debug)]
pub struct ChooseInput<
    const KIND: usize,
    const WINDOW: usize,
    const POINTS: usize,
    const VALUES: usize,
    const FRAMES: usize,
    const MEANS: usize,
>;

/// The type that [`ChooseInput`] chose.
#[doc(hidden)]
pub trait ChosenInput {
    /// What takes the input.
    type Input: InputState;
}

impl ChosenInput for ChooseInput<0, 0, 0, 0, 0, 0> {
    type Input = ();
}

#[cfg(feature = "audio")]
impl<const WINDOW: usize, const POINTS: usize, const BANDS: usize, const FRAMES: usize, const MEANS: usize> ChosenInput
    for ChooseInput<1, WINDOW, POINTS, BANDS, FRAMES, MEANS>
{
    type Input = Stream<WINDOW, POINTS, LogMelFrames<BANDS, FRAMES, MEANS>>;
}

#[cfg(feature = "audio")]
impl<const WINDOW: usize, const POINTS: usize, const COUNT: usize, const FRAMES: usize> ChosenInput
    for ChooseInput<2, WINDOW, POINTS, COUNT, FRAMES, 0>
{
    type Input = Stream<WINDOW, POINTS, CepstraFrames<COUNT, FRAMES>>;
}

/// What [`ChooseInput`] chooses by: zeros where the file has no front end.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default)]
pub struct InputNumbers {
    /// 1: log-mel energies; 2: cepstra.
    pub kind: usize,
    /// Samples of the window.
    pub window: usize,
    /// Points of the FFT.
    pub points: usize,
    /// Values of a frame.
    pub values: usize,
    /// Frames that the model looks at.
    pub frames: usize,
    /// Running means.
    pub means: usize,
}

impl InputNumbers {
    /// Without a front end.
    pub(super) const NONE: Self = Self { kind: 0, window: 0, points: 0, values: 0, frames: 0, means: 0 };

    /// Those of a file.
    #[must_use]
    pub const fn of(file: &File<'_>, shape: &Shape) -> Self {
        #[cfg(feature = "audio")]
        if let Some(frontend) = unwrap(file.frontend_of_any()) {
            let (params, values) = (frontend.params, frontend.values());
            let is_running = matches!(params.level, crate::audio::Level::Running { .. });
            let is_cepstral = frontend.cepstra.is_some();
            return Self {
                kind: if is_cepstral { 2 } else { 1 },
                window: params.window as usize,
                points: params.points(),
                values,
                frames: shape.input.steps,
                means: if is_running && !is_cepstral { values } else { 0 },
            };
        }
        let _ = (file, shape);
        Self::NONE
    }
}

/// Samples that one inference of a file's model hears; 0 without a front end.
#[doc(hidden)]
#[must_use]
pub const fn samples(file: &File<'_>, shape: &Shape) -> usize {
    #[cfg(feature = "audio")]
    if let Some(frontend) = unwrap(file.frontend_of_any()) {
        return frontend.params.samples(shape.input.steps);
    }
    let _ = (file, shape);
    0
}
