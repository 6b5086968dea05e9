//! What a listener needs of the model that it listens with.

use super::tracks::{Tracking, Tracks};
use super::window::ReadingWindow;
#[cfg(feature = "audio")]
use crate::audio::{Frames, Stream};
use crate::error::require;
use crate::format::OutputKind;
use crate::model::{CompiledModel, Embedded, InputState, Progress, unwrap};
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
/// tells classes or labels.
pub trait Detects: Embedded {
    /// The window of readings, of a model without an audio front end.
    #[doc(hidden)]
    type Window: InputState;
    /// The state of the detector.
    #[doc(hidden)]
    type Tracks: Tracking;
    /// What the file says of events, or else the defaults.
    #[doc(hidden)]
    const SETTINGS: &'static <Self::Tracks as Tracking>::Settings;
    /// Names of the classes.
    #[doc(hidden)]
    const LABELS: &'static [&'static str];
    /// Whether its outputs are labels, not classes.
    #[doc(hidden)]
    const LABELLED: bool = matches!(Self::SHAPE.kind, OutputKind::Labels);
    /// The model at the start.
    #[doc(hidden)]
    const NEW: Self::Model;
    /// What takes the input.
    #[doc(hidden)]
    fn input(model: &mut Self::Model) -> &mut Self::Input;
    /// The level that features of the next inference are relative to.
    #[doc(hidden)]
    fn level(model: &mut Self::Model) -> i16;
    /// Runs the next part of an inference over what has been taken; its outcome, if it was the last one.
    #[doc(hidden)]
    fn advance<'m>(
        progress: &mut Progress,
        model: &'m mut Self::Model,
        window: &Self::Window,
        level: i16,
    ) -> Option<Outcome<&'m [i16]>>;
}

impl<M, const WORDS: usize, const ROWS: usize, const VALUES: usize, const OUTPUTS: usize> Detects for M
where
    M: Embedded<Model = CompiledModel<M, WORDS, ROWS, VALUES, OUTPUTS>>,
    M::Input: Takes<M>,
{
    type Window = <M::Input as Takes<M>>::Window<ROWS, VALUES>;
    type Tracks = Tracks<OUTPUTS>;
    const SETTINGS: &'static <Self::Tracks as Tracking>::Settings = &{
        require(M::SHAPE.rows == 1, "listener: the model gives more than one row of outputs");
        require(
            matches!(M::SHAPE.kind, OutputKind::Classes | OutputKind::Labels),
            "listener: the model's outputs are no classes or labels",
        );
        unwrap(M::FILE.events(&M::SHAPE))
    };
    const LABELS: &'static [&'static str] = &Self::Model::LABELS;
    const NEW: Self::Model = CompiledModel::new();

    #[inline]
    fn input(model: &mut Self::Model) -> &mut Self::Input {
        model.halves().1
    }

    #[inline]
    fn level(model: &mut Self::Model) -> i16 {
        model.halves().1.level()
    }

    #[inline]
    fn advance<'m>(
        progress: &mut Progress,
        model: &'m mut Self::Model,
        window: &Self::Window,
        level: i16,
    ) -> Option<Outcome<&'m [i16]>> {
        let (memory, input) = model.halves();
        let source = &mut Taken { input, window, level, model: PhantomData::<(M, [[(); VALUES]; ROWS])> };
        if !progress.step::<M, _>(memory, Self::Model::LAID_OUT, source) {
            return None;
        }
        Some(Outcome::new(Self::Model::LAID_OUT.outputs(memory), M::SHAPE.logit))
    }
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
