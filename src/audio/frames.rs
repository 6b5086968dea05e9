//! The last frames of a stream: log-mel energies, or cepstra.

use super::buffer::Ring;
use super::level::{RUNNING, above, follow, mean};
use super::{Frontend, Level};

/// What a stream keeps of the windows that it heard.
pub trait Frames {
    /// Nothing heard.
    const NEW: Self;

    /// Computes the frame of a window of samples.
    #[doc(hidden)]
    fn hear(&mut self, frontend: &Frontend<'_>, window: &[i16], fft: &mut [i32]);

    /// Whether a whole window of the model has been heard.
    fn is_full(&self) -> bool;

    /// What features of 8 bits are relative to, to be taken once before [`Frames::features`].
    fn level(&self) -> i16;

    /// Features from the `at`th on, oldest first, as many as fill `high`: 8 bits relative to a level, or the upper 8 of
    /// 15 bits. `low` takes the 7 lower ones; where it is empty, the upper ones are rounded. After the newest comes the
    /// oldest again.
    fn features(&self, at: usize, level: i16, high: &mut [i8], low: &mut [i8]);
}

/// The last `FRAMES` frames of `BANDS` energies. `MEANS` are as many as the bands, or 0 where these are not held
/// against running means.
#[derive(Debug)]
pub struct LogMelFrames<const BANDS: usize, const FRAMES: usize, const MEANS: usize = 0> {
    frames: Ring<u8, BANDS, FRAMES>,
    means: [u16; MEANS],
}

impl<const BANDS: usize, const FRAMES: usize, const MEANS: usize> Frames for LogMelFrames<BANDS, FRAMES, MEANS> {
    const NEW: Self = Self { frames: Ring::new(0), means: [0; MEANS] };

    #[inline]
    fn hear(&mut self, frontend: &Frontend<'_>, window: &[i16], fft: &mut [i32]) {
        let Self { frames, means } = self;
        frames.push(|frame, is_first| {
            frontend.log_mel(window, fft, frame);
            if let (1.., Level::Running { shift }) = (MEANS, frontend.params.level) {
                follow(frame, means, shift, is_first);
            }
        });
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.frames.is_full()
    }

    #[inline]
    fn level(&self) -> i16 {
        if MEANS > 0 { RUNNING } else { mean(self.frames.values()) }
    }

    #[inline]
    fn features(&self, at: usize, level: i16, high: &mut [i8], low: &mut [i8]) {
        self.frames.read(at, high, |high, frame| {
            for (high, &x) in high.iter_mut().zip(frame) {
                *high = above(x, level);
            }
        });
        low.fill(0);
    }
}

/// The last `FRAMES` frames of `COUNT` cepstra of 15 bits.
#[derive(Debug)]
pub struct CepstraFrames<const COUNT: usize, const FRAMES: usize> {
    frames: Ring<i16, COUNT, FRAMES>,
}

impl<const COUNT: usize, const FRAMES: usize> Frames for CepstraFrames<COUNT, FRAMES> {
    const NEW: Self = Self { frames: Ring::new(0) };

    #[inline]
    fn hear(&mut self, frontend: &Frontend<'_>, window: &[i16], fft: &mut [i32]) {
        self.frames.push(|frame, _| frontend.cepstra(window, fft, frame));
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.frames.is_full()
    }

    #[inline]
    fn level(&self) -> i16 {
        0
    }

    #[inline]
    fn features(&self, at: usize, _level: i16, high: &mut [i8], low: &mut [i8]) {
        let rounding = if low.is_empty() { 64 } else { 0 };
        let mut low = low.iter_mut();
        self.frames.read(at, high, |high, frame| {
            for (high, &x) in high.iter_mut().zip(frame) {
                *high = ((x + rounding) >> 7).min(127) as i8;
                if let Some(low) = low.next() {
                    *low = (x & 127) as i8;
                }
            }
        });
    }
}
