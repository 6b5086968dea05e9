//! From probabilities to events.

use super::event::Event;
use super::settings::Settings;
use super::tracks::Tracks;
use crate::error::Error;
use fixed::types::U1F15;

/// Makes events of the probabilities that a model gives for each window of a stream.
///
/// A class begins an event when its smoothed probability reaches [`enter`](super::ClassSettings::enter), and ends it
/// when this falls below [`leave`](super::ClassSettings::leave). An event is given when it ends, or when it has lasted
/// as long as an event may.
///
/// ```
/// use heedful::events::{ClassSettings, Detector, Settings};
/// use heedful::fixed::types::U1F15;
///
/// // Thresholds of 0.7 and 0.4, of windows of 8,000 samples.
/// const WORD: ClassSettings = ClassSettings { shortest: 800, ..ClassSettings::of_window(8000) };
/// const SETTINGS: Settings<2> =
///     Settings { millihertz: 8_000_000, smoothing: 0, separation: 0, classes: [ClassSettings::SILENT, WORD] };
/// let mut detector = Detector::new(SETTINGS, &["nothing", "seven"]);
///
/// let mut events = vec![];
/// for (inference, probability) in [0.1, 0.9, 0.8, 0.6, 0.1].into_iter().enumerate() {
///     let seven = U1F15::from_num(probability);
///     events.extend(detector.step([U1F15::ONE - seven, seven], 800 * inference as u64));
/// }
/// assert_eq!(events.len(), 1);
/// assert_eq!((events[0].label, events[0].start, events[0].end), ("seven", 800, 3200));
/// assert_eq!((events[0].start_ms(), events[0].duration_ms()), (100, 300));
/// ```
#[derive(Clone, Debug)]
pub struct Detector<const CLASSES: usize> {
    settings: Settings<CLASSES>,
    labels: &'static [&'static str; CLASSES],
    tracks: Tracks<CLASSES>,
}

impl<const CLASSES: usize> Detector<CLASSES> {
    /// A detector that has seen nothing. `labels` are the names of the classes, such as `LABELS` of a model.
    ///
    /// # Panics
    /// If the settings are out of their bounds: in a constant, this is a compile error that tells them.
    /// [`Detector::try_new`] is for settings that are not known before.
    #[must_use]
    #[track_caller]
    pub const fn new(settings: Settings<CLASSES>, labels: &'static [&'static str; CLASSES]) -> Self {
        match Self::try_new(settings, labels) {
            Ok(detector) => detector,
            Err(error) => panic!("{}", error.message().as_str()),
        }
    }

    /// [`Detector::new`], of settings that come at run time.
    ///
    /// # Errors
    /// [`Error::Scale`] for the first number out of its bounds.
    pub const fn try_new(settings: Settings<CLASSES>, labels: &'static [&'static str; CLASSES]) -> Result<Self, Error> {
        match settings.check() {
            Ok(()) => Ok(Self { settings, labels, tracks: Tracks::NEW }),
            Err(error) => Err(error),
        }
    }

    /// What it goes by.
    #[must_use]
    pub const fn settings(&self) -> &Settings<CLASSES> {
        &self.settings
    }

    /// Takes the probabilities of one inference, as [`Outcome::probabilities`](crate::Outcome::probabilities) or
    /// [`Outcome::label_probabilities`](crate::Outcome::label_probabilities) give them, and gives the events that end
    /// there. Missing probabilities count as 0.
    ///
    /// `position` is where the window lies, in samples since the stream's start. The middle of the window fits what a
    /// model hears best; any other place in it moves all events alike. A position before the last one says that the
    /// clock was set back, and open events and hold-offs are forgotten. The number wraps around at 2^64.
    ///
    /// What is not taken of the iterator is not lost: up to 4 events wait for the next call, and
    /// [`Detector::missed`] counts those beyond.
    pub fn step<P: IntoIterator<Item = U1F15>>(&mut self, posteriors: P, position: u64) -> impl Iterator<Item = Event> {
        let Self { settings, labels, tracks } = self;
        tracks.step(&settings.common(), posteriors, position);
        core::iter::from_fn(move || {
            let found = tracks.next(&settings.common())?;
            let label = labels.get(found.class).copied().unwrap_or("");
            Some(found.event(label, settings.millihertz))
        })
    }

    /// Events that were not taken in time, and for which there was no more room.
    #[must_use]
    pub const fn missed(&self) -> u32 {
        self.tracks.missed()
    }

    /// Forgets all that it has seen, and events that wait.
    pub fn reset(&mut self) {
        self.tracks = Tracks::NEW;
    }
}
