//! From samples to events.

use super::gate::GateSettings;
use super::joined::{Detects, Runs};
use super::pace::Pace;
use super::stream::Events;
use super::tracks::Tracking;
use super::window::KeepsReadings;
use crate::error::require;
use crate::format::InputKind;
use crate::model::{Embedded, InputState, Listen, Progress, samples};

/// The settings of a model's listener: [`ListenerSettings`](super::ListenerSettings) of its number of classes.
type SettingsOf<M> = <TracksOf<M> as Tracking>::Settings;
/// The state of its detector.
type TracksOf<M> = <<M as Embedded>::Model as Runs<M>>::Tracks;
/// Its window of readings.
type WindowOf<M> = <<M as Embedded>::Model as Runs<M>>::Window;

/// Listens with a model that [`model!`](crate::model!) names: samples in, events out.
///
/// It keeps the front end going with every sample, or the window of readings with every reading. Every so many frames
/// (the [cadence](super::ListenerSettings::cadence)) it runs an inference, unless the [gate](super::GateSettings) is
/// closed, and gives the outcome to the detector, as of the middle of the window. All of it depends on the samples
/// alone, not on the sizes of the chunks that they come in.
///
/// The settings are those of the file's section `evnt`, or the defaults that [`File::events`] tells; others can be set.
/// Its RAM is its `size_of`: that of the model, 24 bytes for each class, and some 200.
///
/// ```
/// use heedful::events::{Listener, ListenerSettings};
/// use static_cell::ConstStaticCell;
///
/// heedful::model!(pub Digits = "../../models/digits.heed");
/// // An inference every third frame, not every fifth.
/// static OFTEN: ListenerSettings<10> = ListenerSettings { cadence: 3, ..*Listener::<Digits>::SETTINGS };
/// static EAR: ConstStaticCell<Listener<Digits>> = ConstStaticCell::new(Listener::new().with_settings(&OFTEN));
///
/// let ear = EAR.take();
/// let microphone = [[0i16; 256]; 40];
/// for samples in &microphone {
///     for event in ear.push(samples) {
///         println!("{} from {} to {} ms", event.label, event.start_ms(), event.end_ms());
///     }
/// }
/// assert_eq!(ear.heard(), 40 * 256);
/// ```
///
/// [`File::events`]: crate::format::File::events
pub struct Listener<M: Detects> {
    model: M::Model,
    window: WindowOf<M>,
    tracks: TracksOf<M>,
    pace: Pace,
    pub(super) settings: Option<&'static SettingsOf<M>>,
    /// Whether an inference is under way, how far it has come, and the level that its features are relative to. Not an
    /// option of these: `None` of it would not be zeros.
    is_running: bool,
    /// Whether the detector waits for its outcome.
    is_wanted: bool,
    progress: Progress,
    level: i16,
    inferences: u64,
}

impl<M: Detects> Listener<M> {
    /// What it goes by unless told otherwise: what the file says of events, or else the defaults.
    pub const SETTINGS: &'static SettingsOf<M> = <M::Model as Runs<M>>::SETTINGS;

    /// Samples of sound or readings of sensors under the model's window.
    const WINDOW: u64 = match M::SHAPE.input.kind {
        InputKind::Audio => samples(&M::FILE, &M::SHAPE) as u64,
        InputKind::Features => M::SHAPE.input.steps as u64,
        InputKind::Tokens => panic!("listener: the model reads tokens"),
    };

    /// A listener that has heard nothing; `const`, so that it can be a static, which costs no flash.
    #[must_use]
    pub const fn new() -> Self {
        const {
            let _ = Self::SETTINGS;
            assert!(Self::WINDOW > 0);
        }
        Self {
            model: <M::Model as Runs<M>>::NEW,
            window: WindowOf::<M>::NEW,
            tracks: TracksOf::<M>::NEW,
            pace: Pace::NEW,
            settings: None,
            is_running: false,
            is_wanted: false,
            progress: Progress::new(0),
            level: 0,
            inferences: 0,
        }
    }

    /// Takes samples of sound, as many as there are; gives the events that end in them.
    ///
    /// The samples are heard as events are asked for. What is not taken of the iterator is not lost: when it is
    /// dropped, the rest of the samples is heard, and up to 4 events wait for the next call. [`Listener::missed`]
    /// counts those beyond.
    pub fn push<'l>(&'l mut self, samples: &'l [i16]) -> Events<'l, M, impl FnMut(&mut Self, bool) -> bool + use<'l, M>>
    where
        M::Input: Listen<M>,
    {
        let mut samples = samples.iter();
        Events::new(self, move |listener, _| match samples.next() {
            Some(&sample) => {
                listener.hear(sample);
                true
            }
            None => false,
        })
    }

    /// Takes one raw reading of a series of sensors, a value for each channel (of an image's row, for each column and
    /// channel); gives the events that end there. What is not taken of the iterator is not lost: see
    /// [`Listener::push`].
    ///
    /// That the file says what raw readings are, and how many values a reading has, is checked when the program is
    /// compiled.
    pub fn push_reading<'l, const CHANNELS: usize>(
        &'l mut self,
        reading: &[i16; CHANNELS],
    ) -> Events<'l, M, impl FnMut(&mut Self, bool) -> bool + use<'l, M, CHANNELS>>
    where
        WindowOf<M>: KeepsReadings,
    {
        const {
            let (columns, channels) = (M::SHAPE.input.columns, M::SHAPE.input.channels);
            require(!M::FILE.readings().is_empty(), "listener: the file does not say what raw readings are");
            require(columns * channels == CHANNELS, "listener: the model takes readings of another number of values");
        }
        self.window.keep(reading);
        self.pace.tick();
        self.end_frame(self.window.has_all(), None);
        Events::new(self, |_, _| false)
    }

    /// Says that so many samples were lost before the next one: the clock goes on. After as many as the window has,
    /// the model waits until it is full again; what fewer of them leave is heard as if nothing were missing.
    pub fn skip(&mut self, lost: u64)
    where
        M::Input: Listen<M>,
    {
        self.pace.skip(lost);
        if lost >= Self::WINDOW {
            self.model.forget();
        }
    }

    /// [`Listener::skip`], of readings of sensors.
    pub fn skip_readings(&mut self, lost: u64)
    where
        WindowOf<M>: KeepsReadings,
    {
        self.pace.skip(lost);
        if lost >= Self::WINDOW {
            self.window.forget();
            self.model.forget();
        }
    }

    /// Samples or readings since the start, those that were lost among them: the clock of the events.
    #[must_use]
    pub const fn heard(&self) -> u64 {
        self.pace.heard()
    }

    /// Samples or readings that were lost: those that [`Listener::skip`] was told.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.pace.lost()
    }

    /// Inferences since the start; of [`Streaming`](crate::Streaming) models, tokens.
    #[must_use]
    pub const fn inferences(&self) -> u64 {
        self.inferences
    }

    /// Events that were not taken in time, and for which there was no more room.
    #[must_use]
    pub fn missed(&self) -> u32 {
        self.tracks.lost()
    }

    fn settings(&self) -> &'static SettingsOf<M> {
        self.settings.unwrap_or(Self::SETTINGS)
    }

    /// Takes one sample of sound.
    #[inline]
    pub(super) fn hear(&mut self, sample: i16)
    where
        M::Input: Listen<M>,
    {
        let (_, gate) = TracksOf::<M>::pace(self.settings());
        self.pace.hear(sample, gate.is_some());
        if self.model.input().hear(sample) {
            let is_full = self.model.input().has_heard();
            self.end_frame(is_full, gate);
        }
    }

    /// A frame later: where an inference is due, begins one, or lets the detector know that nothing is there.
    fn end_frame(&mut self, is_full: bool, gate: Option<&GateSettings>) {
        let settings = self.settings();
        let is_input = self.model.end_frame(is_full);
        let cadence = TracksOf::<M>::pace(settings).0;
        let due = self.pace.end_frame(cadence, gate, is_input && self.model.can_tell());
        if due == Some(false) {
            let position = self.pace.middle(Self::WINDOW);
            self.tracks.hear(settings, None, <M::Model as Runs<M>>::LABELLED, position);
        }
        self.is_wanted = due == Some(true);
        if self.is_wanted || (is_input && <M::Model as Runs<M>>::REMEMBERS) {
            (self.is_running, self.progress) = (true, Progress::new(M::SHAPE.positions));
            self.level = self.model.level();
        }
    }

    /// Runs the next part of an inference that is under way; whether there is one.
    #[inline]
    pub(super) fn advance(&mut self) -> bool {
        let (settings, position) = (self.settings(), self.pace.middle(Self::WINDOW));
        if !self.is_running {
            return false;
        }
        let advanced = self.model.advance(&mut self.progress, &self.window, self.level, self.is_wanted);
        let Some(outcome) = advanced else { return true };
        if self.is_wanted {
            self.tracks.hear(settings, Some(outcome), <M::Model as Runs<M>>::LABELLED, position);
        }
        self.is_running = false;
        self.inferences += 1;
        true
    }

    /// The next event that has been found.
    #[inline]
    pub(super) fn found(&mut self) -> Option<super::Event> {
        let settings = self.settings();
        self.tracks.take(settings, <M::Model as Runs<M>>::LABELS)
    }

    /// Lets events that have been found wait.
    pub(super) fn keep(&mut self) {
        let settings = self.settings();
        self.tracks.keep(settings);
    }
}

impl<M: Detects> Default for Listener<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Detects> core::fmt::Debug for Listener<M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (heard, lost, inferences) = (self.heard(), self.lost(), self.inferences);
        let mut f = f.debug_struct("Listener");
        f.field("heard", &heard).field("lost", &lost).field("inferences", &inferences).finish_non_exhaustive()
    }
}
