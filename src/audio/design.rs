//! Host side: computing the tables of a front end, once, for the `.heed` file.

use super::{Frontend, MAX_BANDS, MelBin, Params, centre, excerpt};
use fixed::types::{I1F15, U0F16};
use std::vec;
use std::vec::Vec;

/// Why a front end cannot be built.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DesignError {
    /// The window is neither 256 nor 512 samples.
    Window(u32),
    /// The hop is 0 or longer than the window.
    Hop(u32),
    /// No bands, more than [`MAX_BANDS`], or so many that one lies between two FFT bins.
    Bands(u32),
    /// The edges are not in order below half the sample rate.
    Edges {
        /// Lower edge, Hz.
        low_hz: u32,
        /// Upper edge, Hz.
        high_hz: u32,
    },
}

impl core::fmt::Display for DesignError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Window(n) => write!(f, "window of {n} samples, expected 256 or 512"),
            Self::Hop(n) => write!(f, "hop of {n} samples, expected 1 to the window's length"),
            Self::Bands(n) => write!(f, "{n} mel bands do not fit the FFT bins, expected 1 to {MAX_BANDS}"),
            Self::Edges { low_hz, high_hz } => {
                write!(f, "band edges {low_hz} to {high_hz} Hz, expected low < high <= half the sample rate")
            }
        }
    }
}

impl core::error::Error for DesignError {}

/// The tables of a front end, owned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tables {
    /// What the front end computes.
    pub params: Params,
    /// Hann window.
    pub window: Vec<I1F15>,
    /// One filter per FFT bin.
    pub mel: Vec<MelBin>,
}

impl Tables {
    /// Designs a Hann window and triangular mel filters (centres equally spaced on the
    /// scale `2595·log10(1 + f/700)`; O'Shaughnessy, "Speech Communication", 1987).
    ///
    /// # Errors
    /// If a parameter is out of range; the error names it.
    pub fn design(params: Params) -> Result<Self, DesignError> {
        let Params { sample_rate, window, hop, bands, low_hz, high_hz, .. } = params;
        if window != 256 && window != 512 {
            return Err(DesignError::Window(window));
        }
        if hop == 0 || hop > window {
            return Err(DesignError::Hop(hop));
        }
        if bands == 0 || bands as usize > MAX_BANDS {
            return Err(DesignError::Bands(bands));
        }
        if low_hz >= high_hz || high_hz > sample_rate / 2 {
            return Err(DesignError::Edges { low_hz, high_hz });
        }
        let turn = core::f64::consts::TAU / f64::from(window);
        let hann = (0..window).map(|n| I1F15::saturating_from_num(0.5 - 0.5 * (turn * f64::from(n)).cos())).collect();

        let mel = |hz: f64| 2595.0 * (1.0 + hz / 700.0).log10();
        let (low, high) = (mel(f64::from(low_hz)), mel(f64::from(high_hz)));
        let spacing = (high - low) / f64::from(bands + 1);
        let bins: Vec<MelBin> = (0..=window / 2)
            .map(|k| {
                let hz = f64::from(k) * f64::from(sample_rate) / f64::from(window);
                let place = (mel(hz) - low) / spacing;
                if place < 0.0 || place >= f64::from(bands + 1) {
                    return MelBin { upper: MelBin::OUTSIDE, rise: U0F16::ZERO };
                }
                let rise = U0F16::saturating_from_num(place.fract());
                MelBin { upper: place as u16, rise }
            })
            .collect();
        let heard = |band: u32| {
            bins.iter().any(|b| {
                b.upper != MelBin::OUTSIDE
                    && (u32::from(b.upper) == band && b.rise > 0 || u32::from(b.upper) == band + 1)
            })
        };
        if !(0..bands).all(heard) {
            return Err(DesignError::Bands(bands));
        }
        Ok(Self { params, window: hann, mel: bins })
    }

    /// The front end that uses these tables.
    #[must_use]
    pub fn frontend(&self) -> Frontend<'_> {
        Frontend { params: self.params, window: &self.window, mel: &self.mel }
    }
}

/// Features of a whole recording: [`excerpt`], [`Frontend::log_mel`] per frame, [`centre`].
///
/// `out` gets `frames * bands` values, frame by frame: of fewer frames where it has no room for all, and zeros of a
/// front end that no file may have.
pub fn features(frontend: &Frontend<'_>, recording: &[i16], frames: usize, out: &mut [i8]) {
    let [window, hop, bands] = [frontend.params.window, frontend.params.hop, frontend.params.bands].map(|n| n as usize);
    out.fill(0);
    if ![256, 512].contains(&window) || !(1..=window).contains(&hop) || !(1..=MAX_BANDS).contains(&bands) {
        return;
    }
    let frames = frames.min(out.len().div_ceil(bands));
    let samples: Vec<i16> = excerpt(recording, frontend.params.samples(frames)).collect();
    let mut energies = vec![0; frames * bands];
    let mut fft = vec![0.0; window];
    for (i, energy) in energies.chunks_exact_mut(bands).enumerate() {
        let heard = samples.get(i * hop..).unwrap_or(&[]);
        frontend.log_mel(heard.get(..window).unwrap_or(heard), &mut fft, energy);
    }
    centre(&energies, out);
}
