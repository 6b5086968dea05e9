//! The last readings of sensors.

use crate::arithmetic::requantise::Channel;
use crate::model::InputState;
use crate::parts::read;

/// The readings under the window of a model whose features are `[ROWS][VALUES]`, newest last: a ring, so that windows
/// overlap and no reading is moved. `2 * ROWS * VALUES` bytes, and two words.
#[derive(Clone, Debug)]
pub struct ReadingWindow<const ROWS: usize, const VALUES: usize> {
    values: [[i16; VALUES]; ROWS],
    /// The oldest value, which the next one replaces.
    oldest: usize,
    /// Values since the start, at most all.
    filled: usize,
}

impl<const ROWS: usize, const VALUES: usize> ReadingWindow<ROWS, VALUES> {
    /// A window that has taken nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { values: [[0; VALUES]; ROWS], oldest: 0, filled: 0 }
    }

    /// Takes a reading of all channels; the oldest one goes. All readings have as many values, and these are a divisor
    /// of the window's.
    pub fn push(&mut self, reading: &[i16]) {
        let values = self.values.as_flattened_mut();
        for &value in reading {
            if let Some(place) = values.get_mut(self.oldest) {
                *place = value;
            }
            self.oldest += 1;
            if self.oldest >= values.len() {
                self.oldest = 0;
            }
        }
        self.filled = self.filled.saturating_add(reading.len()).min(values.len());
    }

    /// Whether there is a reading in every place.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.filled >= self.values.as_flattened().len()
    }

    /// The `at`th value, oldest first.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<i16> {
        let values = self.values.as_flattened();
        if at >= values.len() {
            return None;
        }
        let place = self.oldest + at;
        values.get(if place < values.len() { place } else { place - values.len() }).copied()
    }

    /// Forgets all readings.
    pub fn clear(&mut self) {
        (self.oldest, self.filled) = (0, 0);
    }

    /// Values from the `at`th on, as a model takes them.
    #[inline]
    pub(super) fn values(&self, channels: &[Channel], at: usize, high: &mut [i8], low: &mut [i8]) {
        read(|i| self.get(at + i), channels, at, high, low);
    }
}

impl<const ROWS: usize, const VALUES: usize> Default for ReadingWindow<ROWS, VALUES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const ROWS: usize, const VALUES: usize> InputState for ReadingWindow<ROWS, VALUES> {
    const NEW: Self = Self::new();
}

/// What keeps readings for a model: a [`ReadingWindow`], whatever its size.
#[diagnostic::on_unimplemented(
    message = "this model takes no readings: its file has an audio front end",
    label = "needs a file of a series of readings",
    note = "`push` takes the samples of a model that hears"
)]
pub trait KeepsReadings {
    /// Takes a reading of all channels.
    #[doc(hidden)]
    fn keep(&mut self, reading: &[i16]);
    /// Whether there is a reading in every place.
    #[doc(hidden)]
    fn has_all(&self) -> bool;
    /// Forgets all readings.
    #[doc(hidden)]
    fn forget(&mut self);
}

impl<const ROWS: usize, const VALUES: usize> KeepsReadings for ReadingWindow<ROWS, VALUES> {
    fn keep(&mut self, reading: &[i16]) {
        self.push(reading);
    }

    fn has_all(&self) -> bool {
        self.is_full()
    }

    fn forget(&mut self) {
        self.clear();
    }
}
