//! What makes an event: plain numbers, checked once.

use super::gate::GateSettings;
use crate::error::Error;
use fixed::types::U1F15;

/// The largest [`Settings::smoothing`].
pub const MAX_SMOOTHING: u32 = 7;
/// The largest [`ListenerSettings::cadence`].
pub const MAX_CADENCE: u32 = 1 << 20;

/// When a class begins and ends an event. Durations are in samples of sound, or readings of sensors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClassSettings {
    /// Smoothed probability from which on an event begins, 2^-15 to 1.
    pub enter: U1F15,
    /// Smoothed probability below which it ends, 2^-15 to [`ClassSettings::enter`].
    pub leave: U1F15,
    /// What is shorter is no event.
    pub shortest: u32,
    /// What has lasted so long is reported then; what is left of it is no further event. At least 1, and at least
    /// [`ClassSettings::shortest`]: with both alike, an event is reported as soon as it has lasted so long.
    pub longest: u32,
    /// After an event of the class, none of it begins within so many samples.
    pub hold_off: u32,
    /// Whether the class is never an event, such as "nothing" or "unknown".
    pub is_silent: bool,
}

impl ClassSettings {
    /// A class that is never an event.
    pub const SILENT: Self = Self { is_silent: true, ..Self::of_window(1) };

    /// Those of a class of a model whose window has so many samples: from 0.7 to 0.4, a quarter of a window at least, a
    /// window at most, half a window between two.
    #[must_use]
    pub const fn of_window(samples: u32) -> Self {
        Self {
            enter: U1F15::lit("0.7"),
            leave: U1F15::lit("0.4"),
            shortest: samples / 4,
            longest: if samples == 0 { 1 } else { samples },
            hold_off: samples / 2,
            is_silent: false,
        }
    }

    /// Whether all numbers are in their bounds.
    ///
    /// # Errors
    /// The first that is not.
    pub const fn check(&self) -> Result<(), Error> {
        let (enter, leave) = (self.enter.to_bits() as u32, self.leave.to_bits() as u32);
        match bounded("threshold to enter an event", enter, 1, 1 << 15, "1 to 2^15") {
            Ok(()) => {}
            Err(error) => return Err(error),
        }
        match bounded("threshold to leave an event", leave, 1, enter, "1 to the threshold to enter") {
            Ok(()) => check_durations(self.shortest, self.longest),
            Err(error) => Err(error),
        }
    }
}

/// What a [`Detector`](super::Detector) goes by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings<const CLASSES: usize> {
    /// Samples or readings in a thousand seconds, for milliseconds; 0 where that is not known.
    pub millihertz: u64,
    /// Each inference moves the smoothed probabilities by `2^-smoothing` of the way to its own, 0 (all of it) to
    /// [`MAX_SMOOTHING`]. As noisy as the mean of the last `2^(smoothing + 1) - 1` inferences.
    pub smoothing: u32,
    /// Samples between an event and the next one of another class, at least; of two events that overlap, the one with
    /// the higher score counts. With 0, classes do not know of each other.
    pub separation: u32,
    /// When each class is an event.
    pub classes: [ClassSettings; CLASSES],
}

impl<const CLASSES: usize> Settings<CLASSES> {
    /// Whether all numbers are in their bounds.
    ///
    /// # Errors
    /// The first that is not.
    pub const fn check(&self) -> Result<(), Error> {
        let mut class = 0;
        while class < CLASSES {
            match self.classes[class].check() {
                Ok(()) => class += 1,
                Err(error) => return Err(error),
            }
        }
        bounded("smoothing of events", self.smoothing, 0, MAX_SMOOTHING, "0 to 7")
    }

    /// Without the number of classes in the type.
    pub(crate) const fn common(&self) -> Common<'_> {
        let Self { smoothing, separation, .. } = *self;
        Common { smoothing, separation, classes: &self.classes }
    }
}

/// What a [`Listener`](super::Listener) goes by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListenerSettings<const CLASSES: usize> {
    /// Frames of the front end, or readings of sensors, from an inference to the next, 1 to [`MAX_CADENCE`].
    pub cadence: u32,
    /// When sound is loud enough for inferences; `None` where each is run.
    pub gate: Option<GateSettings>,
    /// What makes events of their outcomes.
    pub detector: Settings<CLASSES>,
}

impl<const CLASSES: usize> ListenerSettings<CLASSES> {
    /// Whether all numbers are in their bounds.
    ///
    /// # Errors
    /// The first that is not.
    pub const fn check(&self) -> Result<(), Error> {
        match bounded("cadence of the inferences", self.cadence, 1, MAX_CADENCE, "1 to 2^20") {
            Ok(()) => {}
            Err(error) => return Err(error),
        }
        if let Some(gate) = self.gate
            && let Err(error) = gate.check()
        {
            return Err(error);
        }
        self.detector.check()
    }
}

/// The settings of a detector of any number of classes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Common<'a> {
    pub smoothing: u32,
    pub separation: u32,
    pub classes: &'a [ClassSettings],
}

/// `least ..= most`
pub(super) const fn bounded(
    what: &'static str,
    found: u32,
    least: u32,
    most: u32,
    allowed: &'static str,
) -> Result<(), Error> {
    if found >= least && found <= most { Ok(()) } else { Err(Error::Scale { what, found, allowed }) }
}

pub(super) const fn check_durations(shortest: u32, longest: u32) -> Result<(), Error> {
    match bounded("longest duration of an event", longest, 1, u32::MAX, "at least 1") {
        Ok(()) => {}
        Err(error) => return Err(error),
    }
    bounded("shortest duration of an event", shortest, 0, longest, "0 to the longest")
}
