//! One class over time: in an event, or not.

use super::smooth::Mean;

/// When one begins and ends an event, whatever its level stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub enter: u32,
    pub leave: u32,
    pub shortest: u32,
    pub longest: u32,
    pub hold_off: u32,
}

/// A stretch of time in which a level was high.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub start: u64,
    pub end: u64,
    /// The highest level.
    pub peak: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Below the threshold.
    Low,
    /// In an event that began at `since`.
    High,
    /// Still high after an event that has been reported, or that another one displaced.
    Spent,
    /// After an event that ended at `since`.
    Held,
}

/// What is known of one class. All zeros at the start, so that a static of it costs no flash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Track {
    mean: Mean,
    since: u64,
    peak: u32,
    phase: Phase,
}

impl Track {
    pub(crate) const NEW: Self = Self { mean: Mean::ZERO, since: 0, peak: 0, phase: Phase::Low };

    /// Takes the level of the next step.
    #[inline]
    pub(super) fn hear(&mut self, level: u32, smoothing: u32) {
        self.mean.follow(level, smoothing);
        if self.phase == Phase::High {
            self.peak = self.peak.max(self.mean.value());
        }
    }

    /// The highest level of the event that it is in; 0 if it is in none.
    #[inline]
    pub(super) fn open_peak(&self) -> u32 {
        if self.phase == Phase::High { self.peak } else { 0 }
    }

    /// No further event until the level has been low.
    #[inline]
    pub(super) fn displace(&mut self) {
        if self.phase == Phase::High {
            self.phase = Phase::Spent;
        }
    }

    /// Goes on to a position; gives the stretch that ended there. Positions may wrap around.
    #[inline]
    pub(super) fn advance(&mut self, position: u64, limits: &Limits, may_begin: bool) -> Option<Stretch> {
        let (level, length) = (self.mean.value(), position.wrapping_sub(self.since));
        match self.phase {
            Phase::Held if length < u64::from(limits.hold_off) => {}
            Phase::Low | Phase::Held => {
                self.phase = Phase::Low;
                if level >= limits.enter && may_begin {
                    (self.phase, self.since, self.peak) = (Phase::High, position, level);
                }
            }
            Phase::High => return self.in_event(level, length, position, limits),
            Phase::Spent if level < limits.leave => (self.phase, self.since) = (Phase::Held, position),
            Phase::Spent => {}
        }
        None
    }

    #[inline]
    fn in_event(&mut self, level: u32, length: u64, position: u64, limits: &Limits) -> Option<Stretch> {
        let (has_left, is_long) = (level < limits.leave, length >= u64::from(limits.longest));
        if !has_left && !is_long {
            return None;
        }
        // After a gap in the stream, an event may seem to have lasted longer.
        let start = self.since;
        let stretch = Stretch { start, end: start.wrapping_add(length.min(limits.longest.into())), peak: self.peak };
        if length < u64::from(limits.shortest) {
            self.phase = Phase::Low;
            return None;
        }
        self.phase = if has_left { Phase::Held } else { Phase::Spent };
        self.since = position;
        Some(stretch)
    }
}
