//! The front end on a stream of samples.

use super::Frontend;
use super::buffer::Samples;
use super::frames::Frames;

/// A front end that takes samples as they come and keeps the last frames: [`LogMelFrames`](super::LogMelFrames) or
/// [`CepstraFrames`](super::CepstraFrames).
///
/// `POINTS` are those of the FFT ([`Params::points`](super::Params::points)). RAM: `2 * WINDOW + 4 * POINTS` bytes, the
/// frames, and a few words.
#[derive(Debug)]
pub struct Stream<const WINDOW: usize, const POINTS: usize, F> {
    samples: Samples<WINDOW>,
    fft: [i32; POINTS],
    frames: F,
}

impl<const WINDOW: usize, const POINTS: usize, F: Frames> Stream<WINDOW, POINTS, F> {
    /// A stream that has heard nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { samples: Samples::new(), fft: [0; POINTS], frames: F::NEW }
    }

    /// Forgets all samples and frames.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// Takes one sample; true when it completed a frame.
    pub fn push(&mut self, frontend: &Frontend<'_>, sample: i16) -> bool {
        let Self { samples, fft, frames } = self;
        samples.push(sample, frontend.params.hop, |window| frames.hear(frontend, window, fft)).is_some()
    }

    /// What has been heard.
    pub const fn frames(&self) -> &F {
        &self.frames
    }
}

impl<const WINDOW: usize, const POINTS: usize, F: Frames> Default for Stream<WINDOW, POINTS, F> {
    fn default() -> Self {
        Self::new()
    }
}
