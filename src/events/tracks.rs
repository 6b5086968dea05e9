//! All classes over time.

use super::event::Event;
use super::settings::{ClassSettings, Common, ListenerSettings};
use super::track::{Limits, Stretch, Track};
use crate::outcome::Outcome;
use fixed::types::U1F15;

/// Events that wait to be taken, at most.
const WAITING: usize = 4;

/// A stretch of a class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub class: usize,
    pub peak: u32,
    pub start: u64,
    pub end: u64,
}

impl Found {
    const NONE: Self = Self { class: 0, peak: 0, start: 0, end: 0 };

    const fn of(class: usize, stretch: Stretch) -> Self {
        let Stretch { start, end, peak } = stretch;
        Self { class, peak, start, end }
    }

    /// The event that it is.
    pub(crate) fn event(self, label: &'static str, millihertz: u64) -> Event {
        let Self { class, peak, start, end } = self;
        // The mean of probabilities is none above 1.
        Event { class, label, score: U1F15::from_bits(peak as u16), start, end, millihertz }
    }
}

/// What the classes share. All zeros at the start.
#[derive(Clone, Debug)]
pub(crate) struct Core {
    position: u64,
    /// Classes of the last step that are still to be looked at.
    left: usize,
    /// Where the last event ended, and its class, if there was one.
    last: (u64, usize),
    has_last: bool,
    /// Events not taken yet: the first `waits`, oldest first.
    waiting: [Found; WAITING],
    waits: usize,
    missed: u32,
}

impl Core {
    pub(crate) const NEW: Self = Self {
        position: 0,
        left: 0,
        last: (0, 0),
        has_last: false,
        waiting: [Found::NONE; WAITING],
        waits: 0,
        missed: 0,
    };

    /// Events that were not taken in time, and for which there was no more room.
    pub(crate) const fn missed(&self) -> u32 {
        self.missed
    }

    /// Takes the probabilities at a position. Before this, whatever the last step found and nobody took waits.
    #[inline]
    pub(crate) fn step(
        &mut self,
        tracks: &mut [Track],
        settings: &Common<'_>,
        posteriors: impl IntoIterator<Item = U1F15>,
        position: u64,
    ) {
        self.keep(tracks, settings);
        if position.wrapping_sub(self.position) > i64::MAX as u64 {
            // The clock was set back: what was smoothed is of another time.
            tracks.fill(Track::NEW);
            self.has_last = false;
        }
        self.position = position;
        let mut posteriors = posteriors.into_iter();
        for track in tracks.iter_mut() {
            let posterior = posteriors.next().unwrap_or(U1F15::ZERO).min(U1F15::ONE);
            track.hear(posterior.to_bits().into(), settings.smoothing);
        }
        self.left = tracks.len();
    }

    /// Lets what the last step found wait.
    pub(crate) fn keep(&mut self, tracks: &mut [Track], settings: &Common<'_>) {
        while let Some(found) = self.look(tracks, settings) {
            match self.waiting.get_mut(self.waits) {
                Some(place) => {
                    *place = found;
                    self.waits += 1;
                }
                None => self.missed = self.missed.saturating_add(1),
            }
        }
    }

    /// The next event, oldest first.
    #[inline]
    pub(crate) fn next(&mut self, tracks: &mut [Track], settings: &Common<'_>) -> Option<Found> {
        if self.waits > 0 {
            let [first, ..] = self.waiting;
            self.waiting.rotate_left(1);
            self.waits -= 1;
            return Some(first);
        }
        self.look(tracks, settings)
    }

    /// The next event of the last step.
    fn look(&mut self, tracks: &mut [Track], settings: &Common<'_>) -> Option<Found> {
        while self.left > 0 {
            let class = tracks.len().saturating_sub(self.left);
            self.left -= 1;
            let (Some(track), Some(limits)) = (tracks.get_mut(class), settings.classes.get(class)) else { continue };
            if limits.is_silent {
                continue;
            }
            let may_begin = !self.is_too_near(class, settings.separation);
            let Some(stretch) = track.advance(self.position, &limits.limits(), may_begin) else { continue };
            if settings.separation > 0 {
                if tracks.iter().any(|other| other.open_peak() > stretch.peak) {
                    continue;
                }
                tracks.iter_mut().for_each(Track::displace);
                (self.last, self.has_last) = ((self.position, class), true);
            }
            return Some(Found::of(class, stretch));
        }
        None
    }

    /// Whether an event of another class has just been.
    fn is_too_near(&self, class: usize, separation: u32) -> bool {
        let (end, of) = self.last;
        self.has_last && of != class && self.position.wrapping_sub(end) < u64::from(separation)
    }
}

impl ClassSettings {
    /// With the levels that posteriors have.
    pub(super) fn limits(&self) -> Limits {
        let Self { enter, leave, shortest, longest, hold_off, .. } = *self;
        Limits { enter: enter.to_bits().into(), leave: leave.to_bits().into(), shortest, longest, hold_off }
    }
}

/// The state of a [`Detector`](super::Detector), without its settings. All zeros at the start.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Tracks<const CLASSES: usize> {
    tracks: [Track; CLASSES],
    core: Core,
}

impl<const CLASSES: usize> Tracks<CLASSES> {
    pub(crate) const NEW: Self = Self { tracks: [Track::NEW; CLASSES], core: Core::NEW };

    pub(crate) fn step(&mut self, settings: &Common<'_>, posteriors: impl IntoIterator<Item = U1F15>, position: u64) {
        self.core.step(&mut self.tracks, settings, posteriors, position);
    }

    pub(crate) fn next(&mut self, settings: &Common<'_>) -> Option<Found> {
        self.core.next(&mut self.tracks, settings)
    }

    pub(crate) const fn missed(&self) -> u32 {
        self.core.missed()
    }
}

/// What a listener asks of the state of its detector, whatever the number of classes.
#[doc(hidden)]
pub trait Tracking {
    /// What the listener goes by.
    type Settings: 'static;
    /// At the start.
    const NEW: Self;
    /// The part of the settings that is not the detector's: cadence and gate.
    fn pace(settings: &Self::Settings) -> (u32, Option<&super::GateSettings>);
    /// Takes an outcome at a position, of labels or classes; or, without one, that nothing was there.
    fn hear(&mut self, settings: &Self::Settings, outcome: Option<Outcome<&[i16]>>, labels: bool, position: u64);
    /// The next event, with its label.
    fn take(&mut self, settings: &Self::Settings, labels: &[&'static str]) -> Option<Event>;
    /// Lets what was found wait.
    fn keep(&mut self, settings: &Self::Settings);
    /// Events for which there was no room to wait.
    fn lost(&self) -> u32;
}

impl<const CLASSES: usize> Tracking for Tracks<CLASSES> {
    type Settings = ListenerSettings<CLASSES>;
    const NEW: Self = Self::NEW;

    fn pace(settings: &Self::Settings) -> (u32, Option<&super::GateSettings>) {
        (settings.cadence, settings.gate.as_ref())
    }

    fn hear(&mut self, settings: &Self::Settings, outcome: Option<Outcome<&[i16]>>, labels: bool, position: u64) {
        let settings = &settings.detector.common();
        match outcome {
            Some(outcome) if labels => self.step(settings, outcome.label_probabilities(), position),
            Some(outcome) => self.step(settings, outcome.probabilities(), position),
            None => self.step(settings, [], position),
        }
    }

    fn take(&mut self, settings: &Self::Settings, labels: &[&'static str]) -> Option<Event> {
        let found = self.next(&settings.detector.common())?;
        let label = labels.get(found.class).copied().unwrap_or("");
        Some(found.event(label, settings.detector.millihertz))
    }

    fn keep(&mut self, settings: &Self::Settings) {
        self.core.keep(&mut self.tracks, &settings.detector.common());
    }

    fn lost(&self) -> u32 {
        self.missed()
    }
}
