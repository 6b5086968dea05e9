//! The inverse square root of norms, and what they multiply and add per channel.

use crate::kernels::long_product::{leading_zeros, long_product};
use crate::real::FromReal;
use bytemuck::{Pod, Zeroable};
use fixed::types::I8F8;

/// Gain and offset of one channel, both over the scale of the output.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C, align(4))]
pub struct NormChannel {
    /// γ over the output scale.
    pub gain: I8F8,
    /// β over the output scale.
    pub offset: I8F8,
}

impl NormChannel {
    /// From γ and β over the scale of the output, -128 up to, but not, 128.
    pub const fn from_real(gain: f64, offset: f64) -> FromReal<Self> {
        match (bits(gain), bits(offset)) {
            (Some(gain), Some(offset)) => {
                FromReal::new(Self { gain: I8F8::from_bits(gain), offset: I8F8::from_bits(offset) })
            }
            (None, _) => FromReal::refuse("gain of a norm over the scale of its output", gain, CHANNEL),
            _ => FromReal::refuse("offset of a norm over the scale of its output", offset, CHANNEL),
        }
    }
}

/// What the gain and the offset of a channel may be.
const CHANNEL: &str = "-128 up to, but not, 128";

/// `I8F8` of a real number.
const fn bits(x: f64) -> Option<i16> {
    let x = x * 256.0;
    // Also refuses NaN; the cast of a float truncates.
    if x > -32768.5 && x < 32767.5 { Some((if x < 0.0 { x - 0.5 } else { x + 0.5 }) as i16) } else { None }
}

/// An inverse square root, normalised for a row's width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InverseRoot {
    /// `1/sqrt` of the normalised argument, 1 to 2 in units of 2^-30.
    root: u32,
    /// How far a centred value is shifted left before the product.
    up: u32,
    /// Fraction bits of the final sum.
    places: u32,
}

impl InverseRoot {
    #[inline]
    pub(crate) fn new(variance: u64, n: u32) -> Self {
        let high = (variance >> 32) as u32;
        let zeros = if high == 0 { 32 + leading_zeros(variance as u32) } else { leading_zeros(high) };
        let shift = zeros & !1;
        // In [1/4, 1), in units of 2^-32.
        let d = ((variance << (shift & 63)) >> 32) as u32;
        // Newton's iteration r·(3 - d·r²)/2 from the line 2.19 - 1.22·d (units of 2^-30), which errs by up
        // to 13 % on [1/4, 1): 2.5 %, 9e-4, 1.4e-6 after the steps, then the last bit. It stays below 2.
        let mut root = 2_351_531_556_u32.wrapping_sub((long_product(d, 1_309_965_025) >> 32) as u32);
        for _ in 0..4 {
            let square = (long_product(root, root) >> 30) as u32;
            let rest = (3_u32 << 30).wrapping_sub((long_product(d, square) >> 32) as u32);
            root = (long_product(root, rest >> 1) >> 30) as u32;
        }
        // A normalised value is at most sqrt(n); half of the bits of n - 1, rounded up.
        let bits = (32 - n.saturating_sub(1).leading_zeros()).div_ceil(2);
        Self { root: root.min((1 << 31) - 1), up: (shift / 2).saturating_sub(1 + bits), places: 21 - bits }
    }

    /// What vectors need for [`InverseRoot::apply`]: the factor, the shift of what it is multiplied by, the final
    /// shift.
    #[inline]
    #[allow(dead_code)]
    pub(crate) const fn parts(self) -> (u32, u32, u32) {
        (self.root, self.up & 31, self.places)
    }

    /// `centred / sqrt(..) * gain + offset`, rounded to an integer, not saturated.
    #[inline]
    pub(crate) fn apply(self, centred: i32, channel: NormChannel) -> i32 {
        (self.sum(centred, channel) + (1 << (self.places - 1))) >> self.places
    }

    /// The same with 16 fraction bits, rounded down.
    #[inline]
    pub(crate) fn apply_fine(self, centred: i32, channel: NormChannel) -> i32 {
        // Of 16 places or more.
        self.sum(centred, channel) >> (self.places - 16)
    }

    /// The same with all its fraction bits.
    #[inline]
    fn sum(self, centred: i32, channel: NormChannel) -> i32 {
        // The normalised value, with places + 8 fraction bits.
        let z = ((i64::from(centred << (self.up & 31)) * i64::from(self.root)) >> 32) as i32;
        // A 32 by 16 bit product, high part: SMULWB.
        let scaled = ((i64::from(z) * i64::from(channel.gain.to_bits())) >> 16) as i32;
        let offset = i32::from(channel.offset.to_bits()) << (self.places - 8);
        scaled + offset
    }
}
