//! The front end on a stream of samples.

use super::{Frontend, above, load, mean};

/// A front end that takes samples as they come and keeps the last `FRAMES` frames
/// of `BANDS` energies.
///
/// RAM: `6 * WINDOW + FRAMES * BANDS` bytes and a few words.
#[derive(Debug)]
pub struct Stream<const WINDOW: usize, const BANDS: usize, const FRAMES: usize> {
    /// A ring: the next sample replaces the oldest one, at `next`.
    samples: [i16; WINDOW],
    next: usize,
    fft: [f32; WINDOW],
    frames: [[u8; BANDS]; FRAMES],
    /// The oldest frame, which the next one replaces.
    oldest: usize,
    /// Samples of the next frame that have come. It counts up, so that a stream starts as zeros only
    /// and costs no flash as a static.
    filled: usize,
    /// Frames computed since the start or the last reset, at most `FRAMES`.
    heard: usize,
}

impl<const WINDOW: usize, const BANDS: usize, const FRAMES: usize> Stream<WINDOW, BANDS, FRAMES> {
    /// A stream that has heard nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            samples: [0; WINDOW],
            next: 0,
            fft: [0.0; WINDOW],
            frames: [[0; BANDS]; FRAMES],
            oldest: 0,
            filled: 0,
            heard: 0,
        }
    }

    /// Forgets all samples and frames.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// Takes one sample; true when it completed a frame.
    pub fn push(&mut self, frontend: &Frontend<'_>, sample: i16) -> bool {
        // Not a ring of `heapless`: its bounds check leaves a panic in the firmware.
        if let Some(oldest) = self.samples.get_mut(self.next) {
            *oldest = sample;
        }
        self.next += 1;
        if self.next >= WINDOW {
            self.next = 0;
        }
        self.filled += 1;
        if self.filled < WINDOW {
            return false;
        }
        self.filled = WINDOW.saturating_sub(frontend.params.hop as usize);
        if let Some(frame) = self.frames.get_mut(self.oldest) {
            let (newer, older) = self.samples.split_at_checked(self.next).unwrap_or((&[], &self.samples));
            let (start, end) = self.fft.split_at_mut(older.len().min(WINDOW));
            load(older, start);
            load(newer, end);
            frontend.log_mel_in_place(&mut self.fft, frame);
        }
        self.oldest += 1;
        if self.oldest >= FRAMES {
            self.oldest = 0;
        }
        self.heard = (self.heard + 1).min(FRAMES);
        true
    }

    /// Whether the ring is full: a whole window of the model has been heard.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.heard == FRAMES
    }

    /// The mean over the ring, to be taken once before [`Stream::token`].
    #[must_use]
    pub fn mean(&self) -> i16 {
        mean(self.frames.as_flattened())
    }

    /// Features of the frames `first ..`, oldest first, as many as fill `out`,
    /// relative to `mean`: the input of one token. After the newest frame comes the oldest again.
    pub fn token(&self, first: usize, mean: i16, out: &mut [i8]) {
        let start = (self.oldest + first.checked_rem(FRAMES).unwrap_or(0)).checked_rem(FRAMES).unwrap_or(0);
        let (newer, older) = self.frames.split_at_checked(start).unwrap_or((&[], &self.frames));
        let ordered = older.iter().chain(newer).cycle();
        for (out, frame) in out.chunks_mut(BANDS.max(1)).zip(ordered) {
            for (out, &x) in out.iter_mut().zip(frame) {
                *out = above(x, mean);
            }
        }
    }
}

impl<const WINDOW: usize, const BANDS: usize, const FRAMES: usize> Default for Stream<WINDOW, BANDS, FRAMES> {
    fn default() -> Self {
        Self::new()
    }
}
