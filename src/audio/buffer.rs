//! The samples of a window, and the last frames.

/// Samples of the next window, those that have come, oldest first.
#[derive(Debug)]
pub(super) struct Samples<const WINDOW: usize> {
    samples: [i16; WINDOW],
    /// It counts up, so that a stream starts as zeros only and costs no flash as a static.
    filled: usize,
}

impl<const WINDOW: usize> Samples<WINDOW> {
    pub(super) const fn new() -> Self {
        Self { samples: [0; WINDOW], filled: 0 }
    }

    /// Takes one sample; the window, if that completed it. The next one comes after `hop` samples.
    #[inline]
    pub(super) fn push<R>(&mut self, sample: i16, hop: u32, complete: impl FnOnce(&[i16]) -> R) -> Option<R> {
        // Not a buffer of `heapless`: its bounds check leaves a panic in the firmware.
        if let Some(place) = self.samples.get_mut(self.filled) {
            *place = sample;
        }
        self.filled += 1;
        if self.filled < WINDOW {
            return None;
        }
        let result = complete(&self.samples);
        let hop = WINDOW.min(hop as usize);
        self.samples.copy_within(hop.., 0);
        self.filled = WINDOW - hop;
        Some(result)
    }
}

/// The last `FRAMES` frames of `VALUES` values.
#[derive(Debug)]
pub(super) struct Ring<T, const VALUES: usize, const FRAMES: usize> {
    frames: [[T; VALUES]; FRAMES],
    /// The oldest frame, which the next one replaces.
    oldest: usize,
    /// Frames since the start, at most `FRAMES`.
    heard: usize,
}

impl<T: Copy, const VALUES: usize, const FRAMES: usize> Ring<T, VALUES, FRAMES> {
    pub(super) const fn new(zero: T) -> Self {
        Self { frames: [[zero; VALUES]; FRAMES], oldest: 0, heard: 0 }
    }

    /// Fills the place of the oldest frame, which becomes the newest one. It is told whether it is the first.
    #[inline]
    pub(super) fn push(&mut self, fill: impl FnOnce(&mut [T; VALUES], bool)) {
        if let Some(frame) = self.frames.get_mut(self.oldest) {
            fill(frame, self.heard == 0);
        }
        self.oldest += 1;
        if self.oldest >= FRAMES {
            self.oldest = 0;
        }
        self.heard = (self.heard + 1).min(FRAMES);
    }

    pub(super) const fn is_full(&self) -> bool {
        self.heard == FRAMES
    }

    /// All values, in no order of time.
    pub(super) const fn values(&self) -> &[T] {
        self.frames.as_flattened()
    }

    /// Hands over values from the `at`th on, oldest first, a frame's at a time, to as many as there are in `out`; after
    /// the newest comes the oldest again.
    #[inline]
    pub(super) fn read<U>(&self, at: usize, out: &mut [U], mut copy: impl FnMut(&mut [U], &[T])) {
        let (frame, within) = (at.checked_div(VALUES).unwrap_or(0), at.checked_rem(VALUES).unwrap_or(0));
        let start = (self.oldest + frame.checked_rem(FRAMES).unwrap_or(0)).checked_rem(FRAMES).unwrap_or(0);
        let (newer, older) = self.frames.split_at_checked(start).unwrap_or((&[], &self.frames));
        let mut frames = older.iter().chain(newer).cycle();
        let Some(first) = frames.next().and_then(|frame| frame.get(within..)) else { return };
        let (some, rest) = out.split_at_mut(first.len().min(out.len()));
        copy(some, first);
        for (out, frame) in rest.chunks_mut(VALUES.max(1)).zip(frames) {
            copy(out, frame);
        }
    }
}
