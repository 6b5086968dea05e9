//! Cepstra: a linear layer on the logarithms of the bands, with a scale per coefficient.

use super::MAX_BANDS;
use crate::Channel;

/// What makes cepstra of the bands of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Cepstra<'a> {
    /// `[coefficients][bands]`; of an odd number of bands, a row is filled up by one number.
    pub matrix: &'a [i16],
    /// From `Σ matrix · octaves` to the model's units, one per coefficient.
    pub channels: &'a [Channel],
}

impl Cepstra<'_> {
    /// Coefficients of a frame.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.channels.len()
    }

    /// Of octaves in units of 2^-16.
    pub(super) fn of(&self, octaves: impl Iterator<Item = i32>, bands: usize, out: &mut [i16]) {
        let mut fine = [0; MAX_BANDS];
        for (fine, octaves) in fine.iter_mut().zip(octaves) {
            *fine = ((octaves.min(i32::MAX - 128) + 128) >> 8).min(i16::MAX.into()) as i16;
        }
        let fine = fine.get(..bands).unwrap_or(&fine);
        out.fill(0);
        let rows = self.matrix.chunks_exact(bands.next_multiple_of(2).max(2));
        for ((out, channel), row) in out.iter_mut().zip(self.channels).zip(rows) {
            let products = row.iter().zip(fine).map(|(&a, &b)| i64::from(i32::from(a) * i32::from(b)));
            let sum = (products.sum::<i64>() >> 8) as i32;
            *out = channel.scale.to_i16(sum.saturating_add(channel.bias)).clamp(-(1 << 14), (1 << 14) - 1);
        }
    }
}
