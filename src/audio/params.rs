//! What a front end computes, and its filters.

use super::fft::{LONGEST, SHORTEST};
use bytemuck::{Pod, Zeroable};
use fixed::types::U0F16;

/// The largest window (samples) of a front end.
pub const MAX_WINDOW: usize = LONGEST;
/// The most bands of a front end, and the most cepstra.
pub const MAX_BANDS: usize = 80;

/// What a front end computes; part of the `.heed` file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Params {
    /// Samples per second of the mono 16-bit input.
    pub sample_rate: u32,
    /// Samples under a window, 1 to [`MAX_WINDOW`]; the FFT adds zeros up to [`Params::points`].
    pub window: u32,
    /// Samples from a window's start to the next one's.
    pub hop: u32,
    /// Mel bands per frame.
    pub bands: u32,
    /// Lower edge of the lowest band, Hz.
    pub low_hz: u32,
    /// Upper edge of the highest band, Hz.
    pub high_hz: u32,
    /// What maps to 0, as a logarithm to base 2 of the band's sum (samples count as integers).
    pub floor_log2: i32,
    /// What is summed in a band.
    pub spectrum: Spectrum,
    /// Whether the mean of the samples under a window is subtracted first.
    pub remove_dc: bool,
    /// What bands are held against.
    pub level: Level,
}

/// What is summed in a band.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spectrum {
    /// The power of each bin.
    Power,
    /// The magnitude of each bin.
    Magnitude,
}

/// What log-mel energies are held against, so that loud and quiet sound give the same features.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// The mean over all bands and frames that the model looks at.
    Mean,
    /// A running mean of each band, which follows a change at `2^-shift` of what is left of it in each frame.
    Running {
        /// 1 to 12.
        shift: u32,
    },
}

impl Params {
    /// 8 kHz, 32 bands of windows of 32 ms, one every 10 ms.
    pub const DEFAULT: Self = Self {
        sample_rate: 8000,
        window: 256,
        hop: 80,
        bands: 32,
        low_hz: 60,
        high_hz: 4000,
        floor_log2: 10,
        spectrum: Spectrum::Power,
        remove_dc: false,
        level: Level::Mean,
    };

    /// Points of the FFT: the power of two that holds a window, 32 at least; 0 of a window that is too long or empty.
    #[must_use]
    pub const fn points(&self) -> usize {
        let window = self.window as usize;
        match window {
            0 => 0,
            1..SHORTEST => SHORTEST,
            SHORTEST..=LONGEST => window.next_power_of_two(),
            _ => 0,
        }
    }

    /// Samples that `frames` frames cover: `(frames - 1) * hop + window`, 0 for none, `usize::MAX` where they are more.
    #[must_use]
    pub const fn samples(&self, frames: usize) -> usize {
        match frames {
            0 => 0,
            n => (n - 1).saturating_mul(self.hop as usize).saturating_add(self.window as usize),
        }
    }
}

impl Default for Params {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Where the energy of one FFT bin goes: the share `rise` to band `upper`, the
/// rest to band `upper - 1`. A share for a band that does not exist is dropped;
/// `upper` = [`MelBin::OUTSIDE`] marks a bin outside all bands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C, align(4))]
pub struct MelBin {
    /// The band whose rising slope the bin lies on.
    pub upper: u16,
    /// Height of that slope at the bin, `U0F16`.
    pub rise: U0F16,
}

impl MelBin {
    /// The value of `upper` that marks a bin outside all bands.
    pub const OUTSIDE: u16 = u16::MAX;
}
