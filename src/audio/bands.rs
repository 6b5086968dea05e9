//! From powers of bins to logarithms of bands.

use super::fft::{Complex, double_word};
use super::{MAX_BANDS, MelBin, Spectrum};
use crate::kernels::long_product::{leading_zeros, long_product};

/// Sums of powers of the bins, or of magnitudes times 2^16.
pub(super) type Energies = [u64; MAX_BANDS];

/// Sums up the bins of a transform, the last of which is apart. The logarithm to base 2 of an energy of 1 comes back,
/// of samples that count as integers.
pub(super) type Sum = fn(&[Complex], u64, &[MelBin], &mut Energies) -> i32;

impl Spectrum {
    /// A function, so that firmware holds the one that it uses.
    pub(super) const fn sum(self) -> Sum {
        match self {
            Self::Power => of_powers,
            Self::Magnitude => of_magnitudes,
        }
    }
}

/// The logarithm of what the magnitude of a bin is to be multiplied by: samples of 1 are 2^13 under the window, and the
/// transform divides by the number of its points.
fn log2_magnitude(z: &[Complex]) -> i32 {
    z.len().trailing_zeros() as i32 - 13
}

fn of_powers(z: &[Complex], last: u64, mel: &[MelBin], energies: &mut Energies) -> i32 {
    sum(z, last, mel, energies, |power| power);
    2 * log2_magnitude(z)
}

fn of_magnitudes(z: &[Complex], last: u64, mel: &[MelBin], energies: &mut Energies) -> i32 {
    sum(z, last, mel, energies, |power| power.isqrt() << 16);
    log2_magnitude(z) - 16
}

/// Sums of consecutive bins of the same band.
#[derive(Default)]
struct Run {
    all: u64,
    /// Of what rises, times 2^16: of the lower words, and of the higher ones.
    rising: [u64; 2],
}

impl Run {
    #[inline(always)]
    fn add(&mut self, energy: u64, bin: &MelBin) {
        let rise = bin.rise.to_bits().into();
        let [low, high] = &mut self.rising;
        self.all = self.all.wrapping_add(energy);
        *low = low.wrapping_add(long_product(energy as u32, rise));
        *high = high.wrapping_add(long_product((energy >> 32) as u32, rise));
    }

    /// Adds to the band what rises, and the rest of its energy to the band below.
    fn end(self, band: u16, energies: &mut Energies) {
        let [low, high] = self.rising;
        let rising = (low >> 16).wrapping_add(high << 16);
        let upper = usize::from(band);
        if let Some(energy) = energies.get_mut(upper) {
            *energy = energy.wrapping_add(rising);
        }
        // There is no band so high that the one of bins outside all bands were one above it.
        if let Some(energy) = energies.get_mut(upper.wrapping_sub(1)) {
            *energy = energy.wrapping_add(self.all.wrapping_sub(rising));
        }
    }
}

#[inline(always)]
fn sum(z: &[Complex], last: u64, mel: &[MelBin], energies: &mut Energies, energy: impl Fn(u64) -> u64) {
    let (mut band, mut run) = (MelBin::OUTSIDE, Run::default());
    for (&z, bin) in z.iter().zip(mel) {
        if bin.upper != band {
            core::mem::take(&mut run).end(band, energies);
            band = bin.upper;
        }
        run.add(energy(double_word(z)), bin);
    }
    if let Some(bin) = mel.get(z.len()) {
        if bin.upper != band {
            core::mem::take(&mut run).end(band, energies);
            band = bin.upper;
        }
        run.add(energy(last), bin);
    }
    run.end(band, energies);
}

/// Octaves above `2^floor_log2`, in units of 2^-16; at least 0.
pub(super) fn octaves(energies: &[u64], log2_unit: i32, floor_log2: i32) -> impl Iterator<Item = i32> {
    let offset = log2_unit.saturating_sub(floor_log2);
    energies.iter().map(move |&energy| if energy == 0 { 0 } else { above(log2(energy), offset).max(0) })
}

/// A logarithm with 16 fraction bits and whole octaves.
fn above(log2: i32, octaves: i32) -> i32 {
    log2.saturating_add(octaves.clamp(-0x7fff, 0x7fff) << 16)
}

/// `log2` of the segments' ends, in units of 2^-16; the last one wraps to 0.
static ENDS: [u16; 65] = {
    let mut ends = [0; 65];
    let mut i = 0;
    while i < 65 {
        ends[i] = (ln(1.0 + i as f64 / 64.0) / core::f64::consts::LN_2 * 65536.0 + 0.5) as u32 as u16;
        i += 1;
    }
    ends
};

/// The natural logarithm of a number from 1 to 2, by the series of the inverse hyperbolic tangent.
const fn ln(x: f64) -> f64 {
    let t = (x - 1.0) / (x + 1.0);
    let (mut power, mut sum, mut n) = (t, 0.0, 1.0);
    while n < 40.0 {
        sum += 2.0 * power / n;
        power *= t * t;
        n += 2.0;
    }
    sum
}

/// The logarithm of a number that is not 0, in units of 2^-16, along 64 segments: at most 4.5·10^-5 too small.
fn log2(x: u64) -> i32 {
    let high = (x >> 32) as u32;
    let zeros = if high == 0 { 32 + leading_zeros(x as u32) } else { leading_zeros(high) };
    let fraction = ((x << (zeros & 63)) >> 32) as u32 & 0x7fff_ffff;
    let (segment, place) = ((fraction >> 25) as usize, (fraction >> 9) & 0xffff);
    let [from, to] = [segment, segment + 1].map(|i| ENDS.get(i).copied().unwrap_or(0));
    let rise = u32::from(to.wrapping_sub(from)) * place;
    ((63 - zeros as i32) << 16) + i32::from(from) + (rise >> 16) as i32
}
