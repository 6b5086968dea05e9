//! The front end of models that hear: microphone samples in, features out, in integers, with the same bits on the host
//! and on the target.
//!
//! [`Frontend::log_mel`] turns one window of samples into the energy of each mel band, in eighths of an octave of power
//! (0.376 dB). [`centre`] removes the mean over all frames that a model looks at, which makes the features independent
//! of the gain of the microphone, and leaves int8 (`I5F3`). Instead, each band can be held against its own mean over
//! the last seconds ([`Level::Running`]), or a model can take cepstra of 15 bits ([`Frontend::cepstra`]).
//!
//! The window and the mel filters are tables of the `.heed` file (designed once, on the host, by [`Tables::design`]),
//! so that no target computes a sine or an exponential. Values have 32 bits, and powers 64, so that quiet sound keeps
//! its resolution.

mod bands;
mod buffer;
mod cepstra;
#[cfg(feature = "std")]
mod design;
mod excerpt;
mod fft;
mod frames;
mod level;
mod params;

mod stream;

pub use cepstra::Cepstra;
#[cfg(feature = "std")]
pub use design::{CepstraTables, DesignError, Tables, features, fine_features};
pub use excerpt::{excerpt, excerpt_start};
pub use frames::{CepstraFrames, Frames, LogMelFrames};
pub use level::centre;
#[cfg(feature = "std")]
pub(crate) use level::{RUNNING, above, follow, mean as level_of};
pub use params::{Level, MAX_BANDS, MAX_WINDOW, MelBin, Params, Spectrum};
pub use stream::Stream;

use bands::{Energies, Sum, octaves};
use fft::{Fft, by_half};
use fixed::types::I1F15;

/// A front end whose tables lie in a `.heed` file.
#[derive(Clone, Copy, Debug)]
pub struct Frontend<'a> {
    /// What it computes.
    pub params: Params,
    /// Window function, one value per sample.
    pub window: &'a [I1F15],
    /// Filters, one per FFT bin: [`Params::points`]` / 2 + 1`.
    pub mel: &'a [MelBin],
    /// What makes cepstra of the bands, if something does.
    pub cepstra: Option<Cepstra<'a>>,
    // What `params` ask for, so that firmware holds no other transform.
    fft: Option<Fft>,
    sum: Sum,
}

impl<'a> Frontend<'a> {
    /// A front end with these tables.
    #[must_use]
    pub const fn new(params: Params, window: &'a [I1F15], mel: &'a [MelBin], cepstra: Option<Cepstra<'a>>) -> Self {
        Self { params, window, mel, cepstra, fft: Fft::of(params.points()), sum: params.spectrum.sum() }
    }

    /// Values of a frame: cepstra, or bands.
    #[must_use]
    pub const fn values(&self) -> usize {
        match self.cepstra {
            Some(cepstra) => cepstra.count(),
            None => self.params.bands as usize,
        }
    }

    /// Log-mel energies of one window of samples.
    ///
    /// * `samples`: `window` samples in order of time; missing ones are silence.
    /// * `fft`: working memory of at least [`Params::points`] words.
    /// * `out`: one value per band, `U5F3`: octaves above `2^floor_log2`, clamped to 0 ..= 31.875.
    ///
    /// A window of another length than any FFT has, or too little memory, leaves `out` zero; the loader of `.heed`
    /// files refuses such a front end before it gets here.
    // Not inlined: where the tables are constants, the optimiser would unroll the loops over them into tens of
    // kilobytes.
    #[inline(never)]
    pub fn log_mel(&self, samples: &[i16], fft: &mut [i32], out: &mut [u8]) {
        out.fill(0);
        let mut energies = [0; MAX_BANDS];
        let Some(octaves) = self.octaves(samples, fft, &mut energies) else { return };
        for (out, octaves) in out.iter_mut().zip(octaves) {
            *out = (octaves.saturating_add(1 << 12) >> 13).min(255) as u8;
        }
    }

    /// Cepstra of one window of samples, of 15 bits in the units of the model. `samples` and `fft` are as for
    /// [`Frontend::log_mel`]; `out` has one value per coefficient, and is zero where there are none.
    #[inline(never)]
    pub fn cepstra(&self, samples: &[i16], fft: &mut [i32], out: &mut [i16]) {
        out.fill(0);
        let mut energies = [0; MAX_BANDS];
        let Some(cepstra) = &self.cepstra else { return };
        if let Some(octaves) = self.octaves(samples, fft, &mut energies) {
            cepstra.of(octaves, self.params.bands as usize, out);
        }
    }

    /// Octaves of the bands above the floor, in units of 2^-16; none where there is no transform, or no memory for it.
    fn octaves<'e>(
        &self,
        samples: &[i16],
        fft: &mut [i32],
        energies: &'e mut Energies,
    ) -> Option<impl Iterator<Item = i32> + use<'e>> {
        let transform = self.fft?;
        let z = fft.get_mut(..transform.length())?.as_chunks_mut().0;
        let samples = samples.get(..self.window.len()).unwrap_or(samples);
        let offset = if self.params.remove_dc { mean(samples, self.window.len()) } else { 0 };
        let value = |sample: i16, weight: I1F15| {
            let weight = weight.to_bits();
            (i32::from(sample) * i32::from(weight) - by_half(offset, weight)) >> 2
        };
        let (pairs, last) = samples.as_chunks::<2>();
        let (weights, _) = self.window.as_chunks::<2>();
        let pair = |place: usize| match (pairs.get(place), weights.get(place)) {
            (Some(&[a, b]), Some(&[v, w])) => [value(a, v), value(b, w)],
            _ if place == pairs.len() => match (last, self.window.get(2 * place)) {
                (&[a], Some(&v)) => [value(a, v), 0],
                _ => [0; 2],
            },
            _ => [0; 2],
        };
        let last = transform.powers(pair, z);
        let log2_unit = (self.sum)(z, last, self.mel, energies);
        let energies = energies.get(..self.params.bands as usize).unwrap_or(energies);
        Some(octaves(energies, log2_unit, self.params.floor_log2))
    }
}

/// The mean of the samples under a window, in units of 2^-16 and rounded to 2^-6.
fn mean(samples: &[i16], window: usize) -> i32 {
    let sum: i32 = samples.iter().take(MAX_WINDOW).map(|&sample| i32::from(sample)).sum();
    let count = window.min(MAX_WINDOW) as i32;
    ((sum << 6).saturating_add(count / 2)).checked_div_euclid(count).unwrap_or(0) << 10
}
