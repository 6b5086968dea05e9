//! From a distance to events: anomalies.

use super::event::milliseconds;
use super::settings::{MAX_SMOOTHING, bounded, check_durations};
use super::track::{Limits, Track};
use crate::error::Error;

/// When a distance is an event. Durations are in samples of sound, or readings of sensors; distances in units of the
/// caller's choice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DistanceSettings {
    /// Samples or readings in a thousand seconds, for milliseconds; 0 where that is not known.
    pub millihertz: u64,
    /// Each step moves the smoothed distance by `2^-smoothing` of the way to its own: 0 (all of it) to
    /// [`MAX_SMOOTHING`].
    pub smoothing: u32,
    /// Smoothed distance from which on an event begins, at least 1.
    pub enter: u32,
    /// Smoothed distance below which it ends, 1 to [`DistanceSettings::enter`].
    pub leave: u32,
    /// What is shorter is no event.
    pub shortest: u32,
    /// What has lasted so long is reported then; what is left of it is no further event. At least 1, and at least
    /// [`DistanceSettings::shortest`].
    pub longest: u32,
    /// After an event, none begins within so many samples.
    pub hold_off: u32,
}

impl DistanceSettings {
    /// Whether all numbers are in their bounds.
    ///
    /// # Errors
    /// The first that is not.
    pub const fn check(&self) -> Result<(), Error> {
        match bounded("threshold to enter an event", self.enter, 1, u32::MAX, "at least 1") {
            Ok(()) => {}
            Err(error) => return Err(error),
        }
        match bounded("threshold to leave an event", self.leave, 1, self.enter, "1 to the threshold to enter") {
            Ok(()) => {}
            Err(error) => return Err(error),
        }
        match bounded("smoothing of events", self.smoothing, 0, MAX_SMOOTHING, "0 to 7") {
            Ok(()) => check_durations(self.shortest, self.longest),
            Err(error) => Err(error),
        }
    }

    const fn limits(&self) -> Limits {
        let Self { enter, leave, shortest, longest, hold_off, .. } = *self;
        Limits { enter, leave, shortest, longest, hold_off }
    }
}

/// A stretch of time in which a distance was large.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DistanceEvent {
    /// The largest smoothed distance.
    pub peak: u32,
    /// Where it began, in samples of sound or readings of sensors since the stream's start.
    pub start: u64,
    /// Where it ended, in the same units.
    pub end: u64,
    millihertz: u64,
}

impl DistanceEvent {
    /// Where it began, in milliseconds, rounded down; 0 where the rate of the samples is not known.
    #[must_use]
    pub const fn start_ms(&self) -> u64 {
        milliseconds(self.start, self.millihertz)
    }

    /// Where it ended, in milliseconds, rounded down; 0 where the rate of the samples is not known.
    #[must_use]
    pub const fn end_ms(&self) -> u64 {
        milliseconds(self.end, self.millihertz)
    }

    /// How long it lasted, in milliseconds, rounded down; 0 where the rate of the samples is not known.
    #[must_use]
    pub const fn duration_ms(&self) -> u64 {
        milliseconds(self.end.wrapping_sub(self.start), self.millihertz)
    }
}

/// Makes events of a distance from normal operation, such as the error of a reconstruction, or the distance of an
/// embedding from those of normal windows. It goes by the same rules as a [`Detector`](super::Detector).
///
/// ```
/// use heedful::events::{DistanceDetector, DistanceSettings};
///
/// let mut detector = DistanceDetector::new(DistanceSettings {
///     millihertz: 100_000, // 100 readings a second
///     smoothing: 0,
///     enter: 500,
///     leave: 300,
///     shortest: 20,
///     longest: 1000,
///     hold_off: 100,
/// });
/// let distances = [40, 60, 700, 900, 400, 350, 80];
/// let mut step = |(distance, at)| detector.step(distance, at);
/// let mut events = distances.into_iter().zip((0..).step_by(10)).filter_map(&mut step);
/// let event = events.next().unwrap();
/// assert_eq!((event.peak, event.start_ms(), event.end_ms()), (900, 200, 600));
/// ```
#[derive(Clone, Debug)]
pub struct DistanceDetector {
    settings: DistanceSettings,
    track: Track,
    position: u64,
}

impl DistanceDetector {
    /// A detector that has seen nothing.
    ///
    /// # Panics
    /// If the settings are out of their bounds: in a constant, this is a compile error that tells them.
    /// [`DistanceDetector::try_new`] is for settings that are not known before.
    #[must_use]
    #[track_caller]
    pub const fn new(settings: DistanceSettings) -> Self {
        match Self::try_new(settings) {
            Ok(detector) => detector,
            Err(error) => panic!("{}", error.message().as_str()),
        }
    }

    /// [`DistanceDetector::new`], of settings that come at run time.
    ///
    /// # Errors
    /// [`Error::Scale`] for the first number out of its bounds.
    pub const fn try_new(settings: DistanceSettings) -> Result<Self, Error> {
        match settings.check() {
            Ok(()) => Ok(Self { settings, track: Track::NEW, position: 0 }),
            Err(error) => Err(error),
        }
    }

    /// Takes the distance at a position, in samples since the stream's start; gives the event that ends there.
    ///
    /// A position before the last one says that the clock was set back: an open event and a hold-off are forgotten.
    pub fn step(&mut self, distance: u32, position: u64) -> Option<DistanceEvent> {
        let Self { settings, track, .. } = self;
        if position.wrapping_sub(self.position) > i64::MAX as u64 {
            *track = Track::NEW;
        }
        self.position = position;
        track.hear(distance, settings.smoothing);
        let stretch = track.advance(position, &settings.limits(), true)?;
        let millihertz = settings.millihertz;
        Some(DistanceEvent { peak: stretch.peak, start: stretch.start, end: stretch.end, millihertz })
    }

    /// Forgets all that it has seen.
    pub fn reset(&mut self) {
        (self.track, self.position) = (Track::NEW, 0);
    }
}
