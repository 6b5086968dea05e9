//! The front end on a stream of samples.

use super::Frontend;
use super::Level;
use super::buffer::{Frames, Samples};
use super::level::{RUNNING, above, follow, mean};

/// A front end that takes samples as they come and keeps the last `FRAMES` frames of `BANDS` energies.
///
/// `POINTS` are those of the FFT ([`Params::points`](super::Params::points)), and `MEANS` the bands, or 0 where these
/// are not held against running means. RAM: `2 * WINDOW + 4 * POINTS + FRAMES * BANDS + 2 * MEANS` bytes and a few
/// words.
#[derive(Debug)]
pub struct Stream<
    const WINDOW: usize,
    const POINTS: usize,
    const BANDS: usize,
    const FRAMES: usize,
    const MEANS: usize = 0,
> {
    samples: Samples<WINDOW>,
    fft: [i32; POINTS],
    frames: Frames<u8, BANDS, FRAMES>,
    means: [u16; MEANS],
}

impl<const WINDOW: usize, const POINTS: usize, const BANDS: usize, const FRAMES: usize, const MEANS: usize>
    Stream<WINDOW, POINTS, BANDS, FRAMES, MEANS>
{
    /// A stream that has heard nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { samples: Samples::new(), fft: [0; POINTS], frames: Frames::new(0), means: [0; MEANS] }
    }

    /// Forgets all samples and frames.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// Takes one sample; true when it completed a frame.
    pub fn push(&mut self, frontend: &Frontend<'_>, sample: i16) -> bool {
        let Self { samples, fft, frames, means } = self;
        let complete = |window: &[i16]| {
            frames.push(|frame, is_first| {
                frontend.log_mel(window, fft, frame);
                if let (1.., Level::Running { shift }) = (MEANS, frontend.params.level) {
                    follow(frame, means, shift, is_first);
                }
            });
        };
        samples.push(sample, frontend.params.hop, complete).is_some()
    }

    /// Whether a whole window of the model has been heard.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.frames.is_full()
    }

    /// What the features are relative to, to be taken once before [`Stream::features`].
    #[must_use]
    pub fn level(&self) -> i16 {
        if MEANS > 0 { RUNNING } else { mean(self.frames.values()) }
    }

    /// Features from the `at`th on, oldest first, as many as fill `out`, relative to a level. After the newest comes
    /// the oldest again.
    #[inline]
    pub fn features(&self, at: usize, level: i16, out: &mut [i8]) {
        self.frames.read(at, out, |out, frame| {
            for (out, &x) in out.iter_mut().zip(frame) {
                *out = above(x, level);
            }
        });
    }
}

impl<const WINDOW: usize, const POINTS: usize, const BANDS: usize, const FRAMES: usize, const MEANS: usize> Default
    for Stream<WINDOW, POINTS, BANDS, FRAMES, MEANS>
{
    fn default() -> Self {
        Self::new()
    }
}

/// A front end that keeps the last `FRAMES` frames of `COUNT` cepstra of 15 bits.
///
/// RAM: `2 * WINDOW + 4 * POINTS + 2 * FRAMES * COUNT` bytes and a few words.
#[derive(Debug)]
pub struct CepstralStream<const WINDOW: usize, const POINTS: usize, const COUNT: usize, const FRAMES: usize> {
    samples: Samples<WINDOW>,
    fft: [i32; POINTS],
    frames: Frames<i16, COUNT, FRAMES>,
}

impl<const WINDOW: usize, const POINTS: usize, const COUNT: usize, const FRAMES: usize>
    CepstralStream<WINDOW, POINTS, COUNT, FRAMES>
{
    /// A stream that has heard nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { samples: Samples::new(), fft: [0; POINTS], frames: Frames::new(0) }
    }

    /// Forgets all samples and frames.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// Takes one sample; true when it completed a frame.
    pub fn push(&mut self, frontend: &Frontend<'_>, sample: i16) -> bool {
        let Self { samples, fft, frames } = self;
        let complete = |window: &[i16]| frames.push(|frame, _| frontend.cepstra(window, fft, frame));
        samples.push(sample, frontend.params.hop, complete).is_some()
    }

    /// Whether a whole window of the model has been heard.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.frames.is_full()
    }

    /// Features from the `at`th on, oldest first, as many as fill `high`: their upper 8 bits, and, where `low` is not
    /// empty, the 7 lower ones. After the newest comes the oldest again.
    #[inline]
    pub fn features(&self, at: usize, high: &mut [i8], low: &mut [i8]) {
        let mut lows = low.iter_mut();
        let rounding = if lows.len() == 0 { 64 } else { 0 };
        self.frames.read(at, high, |high, frame| {
            for (high, &x) in high.iter_mut().zip(frame) {
                *high = ((x + rounding) >> 7).min(127) as i8;
                if let Some(low) = lows.next() {
                    *low = (x & 127) as i8;
                }
            }
        });
    }
}

impl<const WINDOW: usize, const POINTS: usize, const COUNT: usize, const FRAMES: usize> Default
    for CepstralStream<WINDOW, POINTS, COUNT, FRAMES>
{
    fn default() -> Self {
        Self::new()
    }
}
