//! Host side: computing the tables of a front end, once, for the `.heed` file.

use super::level::{RUNNING, above, follow};
use super::{Cepstra, Frontend, Level, MAX_BANDS, MAX_WINDOW, MelBin, Params, centre, excerpt};
use crate::{Channel, Scale};
use fixed::types::{I1F15, U0F16};
use std::vec;
use std::vec::Vec;

/// Why a front end cannot be built.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum DesignError {
    /// The window has no samples, or more than [`MAX_WINDOW`].
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
    /// The shift of the running mean is not 1 to 12.
    Shift(u32),
    /// No cepstra, or more than there are bands.
    Cepstra(usize),
    /// The unit of a coefficient is not positive, or so small or large that no scale expresses it.
    Unit {
        /// Which coefficient.
        coefficient: usize,
        /// Its unit.
        unit: f64,
    },
}

impl core::fmt::Display for DesignError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Window(n) => write!(f, "window of {n} samples, expected 1 to {MAX_WINDOW}"),
            Self::Hop(n) => write!(f, "hop of {n} samples, expected 1 to the window's length"),
            Self::Bands(n) => write!(f, "{n} mel bands do not fit the FFT bins, expected 1 to {MAX_BANDS}"),
            Self::Edges { low_hz, high_hz } => {
                write!(f, "band edges {low_hz} to {high_hz} Hz, expected low < high <= half the sample rate")
            }
            Self::Shift(n) => write!(f, "running means with a shift of {n}, expected 1 to 12"),
            Self::Cepstra(n) => write!(f, "{n} cepstra, expected 1 to the number of bands"),
            Self::Unit { coefficient, unit } => write!(f, "cepstrum {coefficient} in units of {unit:e}: no scale fits"),
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
    /// What makes cepstra, if something does.
    pub cepstra: Option<CepstraTables>,
}

/// The tables of [`Cepstra`], owned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CepstraTables {
    /// `[coefficients][bands]`, rows filled up to an even length.
    pub matrix: Vec<i16>,
    /// One per coefficient.
    pub channels: Vec<Channel>,
}

impl Tables {
    /// Designs a Hann window and triangular mel filters (centres equally spaced on the
    /// scale `2595·log10(1 + f/700)`; O'Shaughnessy, "Speech Communication", 1987).
    ///
    /// # Errors
    /// If a parameter is out of range; the error names it.
    pub fn design(params: Params) -> Result<Self, DesignError> {
        let tables = Self::any_bands(params)?;
        let heard = |band: u32| tables.mel.iter().any(|bin| bin.reaches(band));
        if !(0..params.bands).all(heard) {
            return Err(DesignError::Bands(params.bands));
        }
        Ok(tables)
    }

    /// [`Tables::design`], and cepstra by the orthonormal DCT-II of the bands' natural logarithms (Davis and
    /// Mermelstein, 1980), each in a unit of its own. Bands between two FFT bins are at the floor always, as in the
    /// systems that models with cepstra were trained on.
    ///
    /// # Errors
    /// If a parameter is out of range; the error names it.
    pub fn design_cepstra(params: Params, units: &[f64]) -> Result<Self, DesignError> {
        let tables = Self::any_bands(params)?;
        let bands = params.bands as usize;
        if units.is_empty() || units.len() > bands {
            return Err(DesignError::Cepstra(units.len()));
        }
        let mut cepstra = CepstraTables { matrix: Vec::new(), channels: Vec::new() };
        for (coefficient, &unit) in units.iter().enumerate() {
            let row: Vec<f64> = dct(coefficient, bands).collect();
            let step = row.iter().fold(0.0, |most: f64, x| most.max(x.abs())) / 32767.0;
            let row: Vec<i16> = row.iter().map(|x| (x / step).round() as i16).collect();
            let floor = row.iter().map(|&x| i64::from(x)).sum::<i64>() * i64::from(params.floor_log2);
            let scale = Scale::from_real(core::f64::consts::LN_2 * step / unit).ok();
            let (Some(scale), Ok(bias)) = (scale, i32::try_from(floor)) else {
                return Err(DesignError::Unit { coefficient, unit });
            };
            cepstra.matrix.extend(row);
            cepstra.matrix.resize(cepstra.matrix.len().next_multiple_of(2), 0);
            cepstra.channels.push(Channel { bias, scale });
        }
        Ok(Self { cepstra: Some(cepstra), ..tables })
    }

    fn any_bands(params: Params) -> Result<Self, DesignError> {
        let Params { sample_rate, window, hop, bands, low_hz, high_hz, .. } = params;
        let points = params.points();
        if points == 0 {
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
        if let Level::Running { shift } = params.level
            && !(1..=12).contains(&shift)
        {
            return Err(DesignError::Shift(shift));
        }
        let turn = core::f64::consts::TAU / f64::from(window);
        let hann = (0..window).map(|n| I1F15::saturating_from_num(0.5 - 0.5 * (turn * f64::from(n)).cos())).collect();

        let mel = |hz: f64| 2595.0 * (1.0 + hz / 700.0).log10();
        let (low, high) = (mel(f64::from(low_hz)), mel(f64::from(high_hz)));
        let spacing = (high - low) / f64::from(bands + 1);
        let bin = |k: usize| {
            let hz = k as f64 * f64::from(sample_rate) / points as f64;
            let place = (mel(hz) - low) / spacing;
            if place < 0.0 || place >= f64::from(bands + 1) {
                return MelBin { upper: MelBin::OUTSIDE, rise: U0F16::ZERO };
            }
            MelBin { upper: place as u16, rise: U0F16::saturating_from_num(place.fract()) }
        };
        Ok(Self { params, window: hann, mel: (0..=points / 2).map(bin).collect(), cepstra: None })
    }

    /// The front end that uses these tables.
    #[must_use]
    pub fn frontend(&self) -> Frontend<'_> {
        let cepstra =
            self.cepstra.as_ref().map(|tables| Cepstra { matrix: &tables.matrix, channels: &tables.channels });
        Frontend::new(self.params, &self.window, &self.mel, cepstra)
    }
}

impl Frontend<'_> {
    /// The real value of a unit of each value of a frame: of cepstra by [`Tables::design_cepstra`], the units that it
    /// was given; of log-mel energies, an eighth of an octave.
    #[must_use]
    pub fn units(&self) -> Vec<f64> {
        let bands = self.params.bands as usize;
        let Some(cepstra) = self.cepstra else { return vec![0.125; bands] };
        let rows = cepstra.matrix.chunks_exact(bands.next_multiple_of(2).max(2));
        let unit = |(coefficient, (row, channel)): (usize, (&[i16], &Channel))| {
            let step = dct(coefficient, bands).fold(0.0, |most: f64, x| most.max(x.abs()));
            let most = row.iter().fold(1, |most, x| most.max(x.unsigned_abs()));
            core::f64::consts::LN_2 * step / f64::from(most) / channel.scale.to_real()
        };
        rows.zip(cepstra.channels).enumerate().map(unit).collect()
    }
}

/// A row of the orthonormal DCT-II, but for the first, which is longer by a factor of the root of two.
fn dct(coefficient: usize, bands: usize) -> impl Iterator<Item = f64> {
    let angle = move |band: usize| coefficient as f64 * (band as f64 + 0.5) / bands as f64 * core::f64::consts::PI;
    (0..bands).map(move |band| (2.0 / bands as f64).sqrt() * angle(band).cos())
}

impl MelBin {
    /// Whether it adds to a band.
    fn reaches(&self, band: u32) -> bool {
        let upper = u32::from(self.upper);
        self.upper != Self::OUTSIDE && (upper == band && self.rise > 0 || upper == band + 1)
    }
}

/// Features of a whole recording: [`excerpt`], [`Frontend::log_mel`] per frame, and what [`Level`] says.
///
/// `out` gets `frames * bands` values, frame by frame: of fewer frames where it has no room for all, and zeros of a
/// front end that no file may have, or that makes cepstra.
pub fn features(frontend: &Frontend<'_>, recording: &[i16], frames: usize, out: &mut [i8]) {
    let bands = frontend.params.bands as usize;
    out.fill(0);
    if frontend.cepstra.is_some() || !(1..=MAX_BANDS).contains(&bands) {
        return;
    }
    let frames = frames.min(out.len().div_ceil(bands));
    let mut energies = vec![0; frames * bands];
    each_frame(frontend, recording, &mut energies, bands, |heard, fft, energy| frontend.log_mel(heard, fft, energy));
    let Level::Running { shift } = frontend.params.level else { return centre(&energies, out) };
    let mut means = vec![0; bands];
    for (i, frame) in energies.chunks_exact_mut(bands).enumerate() {
        follow(frame, &mut means, shift, i == 0);
    }
    for (out, &energy) in out.iter_mut().zip(&energies) {
        *out = above(energy, RUNNING);
    }
}

/// Cepstra of a whole recording: [`excerpt`], and [`Frontend::cepstra`] per frame; zeros of a front end that makes
/// none.
///
/// `out` gets `frames * coefficients` values, frame by frame, and fewer where it has no room for all.
pub fn fine_features(frontend: &Frontend<'_>, recording: &[i16], frames: usize, out: &mut [i16]) {
    out.fill(0);
    let Some(cepstra) = frontend.cepstra.filter(|cepstra| cepstra.count() > 0) else { return };
    let count = cepstra.count().saturating_mul(frames).min(out.len());
    each_frame(frontend, recording, &mut out[..count], cepstra.count(), |heard, fft, out| {
        frontend.cepstra(heard, fft, out)
    });
}

/// Calls `of` with the samples under each window, memory, and the place of a frame.
fn each_frame<T>(
    frontend: &Frontend<'_>,
    recording: &[i16],
    out: &mut [T],
    values: usize,
    of: impl Fn(&[i16], &mut [i32], &mut [T]),
) {
    let Params { window, hop, .. } = frontend.params;
    let (window, hop) = (window as usize, hop as usize);
    if frontend.params.points() == 0 || !(1..=window).contains(&hop) {
        return;
    }
    let samples: Vec<i16> = excerpt(recording, frontend.params.samples(out.len().div_ceil(values))).collect();
    let mut fft = vec![0; frontend.params.points()];
    for (i, out) in out.chunks_mut(values).enumerate() {
        let heard = samples.get(i * hop..).unwrap_or(&[]);
        of(heard.get(..window).unwrap_or(heard), &mut fft, out);
    }
}
