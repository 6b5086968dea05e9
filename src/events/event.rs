//! What was heard, and when.

use fixed::types::U1F15;

/// One event of a class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// Index of the class.
    pub class: usize,
    /// Its name.
    pub label: &'static str,
    /// The highest smoothed probability within the event.
    pub score: U1F15,
    /// Where it began, in samples of sound or readings of sensors since the stream's start.
    pub start: u64,
    /// Where it ended, in the same units.
    pub end: u64,
    pub(super) millihertz: u64,
}

impl Event {
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

/// Samples at so many in a thousand seconds, as milliseconds; 0 where the rate is 0.
pub(super) const fn milliseconds(samples: u64, millihertz: u64) -> u64 {
    let (Some(whole), Some(rest)) = (samples.checked_div(millihertz), samples.checked_rem(millihertz)) else {
        return 0;
    };
    let Some(rest) = rest.saturating_mul(1_000_000).checked_div(millihertz) else { return 0 };
    whole.saturating_mul(1_000_000).saturating_add(rest)
}
