//! What a listener needs of the model that it listens with.

use super::settings::ListenerSettings;
use super::tracks::{Tracking, Tracks};
use super::window::ReadingWindow;
#[cfg(feature = "audio")]
use crate::audio::{Frames, Stream};
use crate::error::require;
use crate::format::OutputKind;
use crate::model::{CompiledModel, Embedded, InputState, Progress, StreamingModel, take, unwrap};
use crate::outcome::Outcome;
use crate::parts::Source;
use core::marker::PhantomData;

/// What takes the input of a listener's model: a stream of sound, or nothing, and then a window of readings does.
#[doc(hidden)]
pub trait Takes<M: Embedded>: InputState {
    /// The window of readings of a model with features `[ROWS][VALUES]`, or nothing.
    type Window<const ROWS: usize, const VALUES: usize>: InputState;
    /// The level that 8-bit features are relative to.
    fn level(&self) -> i16;
    /// Features from the `at`th on.
    fn values<const ROWS: usize, const VALUES: usize>(
        &self,
        window: &Self::Window<ROWS, VALUES>,
        at: usize,
        level: i16,
        high: &mut [i8],
        low: &mut [i8],
    );
}

impl<M: Embedded<Input = Self>> Takes<M> for () {
    type Window<const ROWS: usize, const VALUES: usize> = ReadingWindow<ROWS, VALUES>;

    #[inline]
    fn level(&self) -> i16 {
        0
    }

    #[inline]
    fn values<const ROWS: usize, const VALUES: usize>(
        &self,
        window: &ReadingWindow<ROWS, VALUES>,
        at: usize,
        _level: i16,
        high: &mut [i8],
        low: &mut [i8],
    ) {
        window.values(const { M::FILE.readings() }, at, high, low);
    }
}

#[cfg(feature = "audio")]
impl<M: Embedded<Input = Self>, const WINDOW: usize, const POINTS: usize, F: Frames> Takes<M>
    for Stream<WINDOW, POINTS, F>
{
    type Window<const ROWS: usize, const VALUES: usize> = ();

    #[inline]
    fn level(&self) -> i16 {
        self.frames().level()
    }

    #[inline]
    fn values<const ROWS: usize, const VALUES: usize>(
        &self,
        (): &(),
        at: usize,
        level: i16,
        high: &mut [i8],
        low: &mut [i8],
    ) {
        self.frames().features(at, level, high, low);
    }
}

/// A model that a [`Listener`](super::Listener) can listen with: any that [`model!`](crate::model!) names and that
/// tells classes or labels, or [`Streaming`](crate::Streaming) with such a model.
pub trait Detects: Embedded<Model: Runs<Self>> + Sized {}

impl<M: Embedded<Model: Runs<M>>> Detects for M {}

/// What a listener does with a model of a file: the model type of `M`.
#[doc(hidden)]
pub trait Runs<M: Embedded> {
    /// The window of readings, of a model without an audio front end.
    type Window: InputState;
    /// The state of the detector.
    type Tracks: Tracking;
    /// What the file says of events, or else the defaults.
    const SETTINGS: &'static <Self::Tracks as Tracking>::Settings;
    /// Names of the classes.
    const LABELS: &'static [&'static str];
    /// Whether its outputs are labels, not classes.
    const LABELLED: bool = matches!(M::SHAPE.kind, OutputKind::Labels);
    /// The model at the start.
    const NEW: Self;
    /// Whether the model remembers: each of its inputs is taken in, not only those whose outcome is wanted.
    const REMEMBERS: bool;
    /// What takes the input.
    fn input(&mut self) -> &mut M::Input;
    /// The level that features of the next inference are relative to.
    fn level(&self) -> i16;
    /// A frame or reading later, after which the window is full or not: whether there is an input to take in.
    fn end_frame(&mut self, is_full: bool) -> bool;
    /// Whether the outcome of the next input can be told: it is of as much as the model was made for.
    fn can_tell(&self) -> bool;
    /// Forgets what has been heard.
    fn forget(&mut self);
    /// Runs the next part of an inference over what has been taken. After the last one, its outcome, of no use where it
    /// was not wanted.
    fn advance(
        &mut self,
        progress: &mut Progress,
        window: &Self::Window,
        level: i16,
        is_wanted: bool,
    ) -> Option<Outcome<&[i16]>>;
}

impl<M, const WORDS: usize, const ROWS: usize, const VALUES: usize, const OUTPUTS: usize> Runs<M>
    for CompiledModel<M, WORDS, ROWS, VALUES, OUTPUTS>
where
    M: Embedded,
    M::Input: Takes<M>,
{
    type Window = <M::Input as Takes<M>>::Window<ROWS, VALUES>;
    type Tracks = Tracks<OUTPUTS>;
    const SETTINGS: &'static ListenerSettings<OUTPUTS> = &settings::<M, OUTPUTS>();
    const LABELS: &'static [&'static str] = &Self::LABELS;
    const NEW: Self = Self::new();
    const REMEMBERS: bool = false;

    #[inline]
    fn input(&mut self) -> &mut M::Input {
        self.halves().1
    }

    #[inline]
    fn level(&self) -> i16 {
        self.heard().level()
    }

    #[inline]
    fn end_frame(&mut self, is_full: bool) -> bool {
        is_full
    }

    #[inline]
    fn can_tell(&self) -> bool {
        true
    }

    fn forget(&mut self) {
        *self.halves().1 = M::Input::NEW;
    }

    #[inline]
    fn advance(
        &mut self,
        progress: &mut Progress,
        window: &Self::Window,
        level: i16,
        _: bool,
    ) -> Option<Outcome<&[i16]>> {
        let (memory, input) = self.halves();
        let source = &mut Taken { input, window, level, model: PhantomData::<(M, [[(); VALUES]; ROWS])> };
        if !progress.step::<M, _>(memory, Self::LAID_OUT, source) {
            return None;
        }
        Some(Outcome::new(Self::LAID_OUT.outputs(memory), M::SHAPE.logit))
    }
}

/// A token at a time; one is taken in as a whole.
impl<M, const WORDS: usize, const VALUES: usize, const OUTPUTS: usize> Runs<M>
    for StreamingModel<M, WORDS, VALUES, OUTPUTS>
where
    M: Embedded,
    M::Input: Takes<M>,
{
    type Window = <M::Input as Takes<M>>::Window<1, VALUES>;
    type Tracks = Tracks<OUTPUTS>;
    const SETTINGS: &'static ListenerSettings<OUTPUTS> = &settings::<M, OUTPUTS>();
    const LABELS: &'static [&'static str] = &Self::LABELS;
    const NEW: Self = Self::new();
    const REMEMBERS: bool = true;

    #[inline]
    fn input(&mut self) -> &mut M::Input {
        self.pieces().2
    }

    #[inline]
    fn level(&self) -> i16 {
        self.heard().level()
    }

    #[inline]
    fn end_frame(&mut self, _: bool) -> bool {
        self.end_step()
    }

    #[inline]
    fn can_tell(&self) -> bool {
        self.seen() + 1 >= M::SHAPE.positions as u64
    }

    fn forget(&mut self) {
        self.reset();
    }

    #[inline]
    fn advance(
        &mut self,
        _: &mut Progress,
        window: &Self::Window,
        level: i16,
        is_wanted: bool,
    ) -> Option<Outcome<&[i16]>> {
        let (memory, ring, input) = self.pieces();
        let source = Taken { input: &*input, window, level, model: PhantomData::<(M, [[(); VALUES]; 1])> };
        take::<M, _>(memory, ring, source, is_wanted);
        Some(Outcome::new(self.outputs(), M::SHAPE.logit))
    }
}

/// What a file says of events, of a model whose outputs can be one.
const fn settings<M: Embedded, const OUTPUTS: usize>() -> ListenerSettings<OUTPUTS> {
    require(M::SHAPE.rows == 1, "listener: the model gives more than one row of outputs");
    require(
        matches!(M::SHAPE.kind, OutputKind::Classes | OutputKind::Labels),
        "listener: the model's outputs are no classes or labels",
    );
    unwrap(M::FILE.events(&M::SHAPE))
}

/// What has been taken, as the model's parts read it.
struct Taken<'s, I, W, L> {
    input: &'s I,
    window: &'s W,
    level: i16,
    model: PhantomData<L>,
}

impl<M, const ROWS: usize, const VALUES: usize> Source
    for Taken<'_, M::Input, <M::Input as Takes<M>>::Window<ROWS, VALUES>, (M, [[(); VALUES]; ROWS])>
where
    M: Embedded,
    M::Input: Takes<M>,
{
    #[inline]
    fn values(&mut self, at: usize, high: &mut [i8], low: &mut [i8]) {
        self.input.values(self.window, at, self.level, high, low);
    }
}
