//! Log-mel front end: microphone samples in, int8 features out, with the same
//! bits on the host and on the target.
//!
//! [`Frontend::log_mel`] turns one window of samples into the energy of each mel
//! band, in eighths of an octave of power (0.376 dB). [`centre`] removes the mean
//! over all frames that a model looks at, which makes the features independent
//! of the gain of the microphone, and leaves int8 (`I5F3`).
//!
//! The window and the mel filters are tables of the `.heed` file (designed once,
//! on the host, by [`Tables::design`]), so that no target computes a sine or an
//! exponential. What is left in floating point is the FFT (`microfft`) and one
//! logarithm per band (`micromath`): additions and multiplications that IEEE 754
//! rounds the same way everywhere, with or without an FPU. Nothing here uses a
//! fused multiply-add or a platform's maths library.

#[cfg(feature = "std")]
mod design;
mod excerpt;
mod stream;

#[cfg(feature = "std")]
pub use design::{DesignError, Tables, features};
pub use excerpt::excerpt;
pub use stream::Stream;

use bytemuck::{Pod, Zeroable};
use fixed::types::{I1F15, U0F16};

/// The largest window (samples) of a front end.
pub const MAX_WINDOW: usize = 512;

/// What a front end computes; part of the `.heed` file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Params {
    /// Samples per second of the mono 16-bit input.
    pub sample_rate: u32,
    /// Samples under a window: 256 or 512.
    pub window: u32,
    /// Samples from a window's start to the next one's.
    pub hop: u32,
    /// Mel bands per frame.
    pub bands: u32,
    /// Lower edge of the lowest band, Hz.
    pub low_hz: u32,
    /// Upper edge of the highest band, Hz.
    pub high_hz: u32,
    /// Power that maps to 0, as a logarithm to base 2 (samples count as integers).
    pub floor_log2: i32,
}

impl Params {
    /// Samples that `frames` frames cover: `(frames - 1) * hop + window`, 0 for none, `usize::MAX` where they are more.
    #[must_use]
    pub const fn samples(&self, frames: usize) -> usize {
        match frames {
            0 => 0,
            n => (n - 1).saturating_mul(self.hop as usize).saturating_add(self.window as usize),
        }
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

/// A front end whose tables lie in a `.heed` file.
#[derive(Clone, Copy, Debug)]
pub struct Frontend<'a> {
    /// What it computes.
    pub params: Params,
    /// Window function, one value per sample.
    pub window: &'a [I1F15],
    /// Filters, one per FFT bin: `window / 2 + 1`.
    pub mel: &'a [MelBin],
}

impl Frontend<'_> {
    /// Log-mel energies of one window of samples.
    ///
    /// * `samples`: `window` samples in order of time; missing ones are silence.
    /// * `fft`: working memory of at least `window` values.
    /// * `out`: one value per band, `U5F3`: octaves of power above `2^floor_log2`,
    ///   clamped to 0 ..= 31.875.
    ///
    /// A window size that no FFT is built for leaves `out` zero; the loader of
    /// `.heed` files refuses such a front end before it gets here.
    pub fn log_mel(&self, samples: &[i16], fft: &mut [f32], out: &mut [u8]) {
        let (heard, silence) = fft.split_at_mut(samples.len().min(fft.len()));
        load(samples, heard);
        // What was in the memory before may be no numbers.
        silence.fill(0.0);
        self.log_mel_in_place(fft, out);
    }

    /// [`Frontend::log_mel`] of the samples that lie in `fft`. Not inlined: where the tables are constants, the
    /// optimiser would unroll the loops over them into tens of kilobytes.
    #[inline(never)]
    pub(crate) fn log_mel_in_place(&self, fft: &mut [f32], out: &mut [u8]) {
        out.fill(0);
        for (x, &w) in fft.iter_mut().zip(self.window) {
            // i16 times I1F15 rounds once in f32's 24 bits.
            *x *= f32::from(w.to_bits()) * (1.0 / 32768.0);
        }
        let mut bands = Accumulator { out: [0.0; MAX_BANDS] };
        if let Some(x) = fft.first_chunk_mut::<256>().filter(|_| self.params.window == 256) {
            bands.add(microfft::real::rfft_256(x), self.mel);
        } else if let Some(x) = fft.first_chunk_mut::<512>().filter(|_| self.params.window == 512) {
            bands.add(microfft::real::rfft_512(x), self.mel);
        } else {
            return;
        }
        for (o, &power) in out.iter_mut().zip(&bands.out) {
            *o = octaves(power, self.params.floor_log2);
        }
    }
}

/// Samples as floats, without scaling.
pub(crate) fn load(samples: &[i16], to: &mut [f32]) {
    for (x, &sample) in to.iter_mut().zip(samples) {
        *x = f32::from(sample);
    }
}

/// The most bands of a front end.
pub const MAX_BANDS: usize = 64;

struct Accumulator {
    out: [f32; MAX_BANDS],
}

impl Accumulator {
    /// Adds the power of each bin to its bands. `spectrum[0]` packs the real values
    /// of the first and the last bin.
    fn add(&mut self, spectrum: &[microfft::Complex32], mel: &[MelBin]) {
        let Some((ends, inner)) = spectrum.split_first() else { return };
        let powers = core::iter::once(ends.re * ends.re)
            .chain(inner.iter().map(|c| c.re * c.re + c.im * c.im))
            .chain(core::iter::once(ends.im * ends.im));
        for (power, bin) in powers.zip(mel) {
            if bin.upper == MelBin::OUTSIDE {
                continue;
            }
            let rising = power * (f32::from(bin.rise.to_bits()) * (1.0 / 65536.0));
            let upper = usize::from(bin.upper);
            if let Some(band) = self.out.get_mut(upper) {
                *band += rising;
            }
            if let Some(band) = upper.checked_sub(1).and_then(|b| self.out.get_mut(b)) {
                *band += power - rising;
            }
        }
    }
}

/// `round(8 * (log2(power) - floor))`, clamped to a byte.
fn octaves(power: f32, floor_log2: i32) -> u8 {
    if power < 1.0 {
        return 0;
    }
    let log2 = micromath::F32Ext::ln(power) * core::f32::consts::LOG2_E;
    // A float-to-integer cast saturates, and truncates: hence the half.
    ((log2 - floor_log2 as f32) * 8.0 + 0.5) as u8
}

/// Subtracts the rounded mean of all `frames` (`U5F3`) from each and saturates to
/// int8 (`I5F3`). Both slices have the same length; the shorter one counts.
///
/// ```
/// let mut features = [0i8; 4];
/// heedful::audio::centre(&[80, 90, 100, 255], &mut features);
/// assert_eq!(features, [-51, -41, -31, 124]); // the mean is 131
/// ```
pub fn centre(frames: &[u8], out: &mut [i8]) {
    let mean = mean(frames);
    for (o, &frame) in out.iter_mut().zip(frames) {
        *o = above(frame, mean);
    }
}

/// The most energies that sum to a word, half of their number included.
const SUMMED: usize = 1 << 24;

/// Rounded mean; 0 of nothing.
#[inline]
pub(crate) fn mean(frames: &[u8]) -> i16 {
    let sum = |frames: &[u8]| frames.iter().map(|&frame| u32::from(frame)).sum::<u32>();
    if frames.len() <= SUMMED {
        let count = frames.len() as u32;
        return (sum(frames) + count / 2).checked_div(count).unwrap_or(0) as i16;
    }
    let (sum, count) = (frames.chunks(SUMMED).map(|part| u64::from(sum(part))).sum::<u64>(), frames.len() as u64);
    ((sum + count / 2) / count) as i16
}

/// `frame - mean`, saturated to int8.
pub(crate) fn above(frame: u8, mean: i16) -> i8 {
    (i32::from(frame) - i32::from(mean)).clamp(-128, 127) as i8
}
