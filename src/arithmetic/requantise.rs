//! Requantisation: from an i32 accumulator to the scale of the next tensor.

use crate::real::FromReal;
use bytemuck::NoUninit;
use fixed::types::I1F31;

/// A real factor in `[2^-32, 1/4)`, in one word: a multiplier `m` with
/// `2^29 <= m < 2^30` (a multiple of 8, read as `I1F31`: 1/4 to 1/2) and a right
/// shift `r` of 1 to 30.
///
/// The factor is `m / 2^31 * 2^-r`. The multiplier never has to be shifted left and
/// `m * acc` never saturates, so that SQDMULH (NEON), VQDMULH (Helium), `vmulh` (RISC-V),
/// SMMUL (Cortex-M) and `mulh` give the same bits. The word holds `m << 2 | r`.
///
/// Relative error of the factor: at most 2^-27. There is no other way to a scale than the two that check it,
/// [`Scale::from_real`] and [`Scale::from_word`]: not every word is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, NoUninit)]
#[repr(transparent)]
pub struct Scale(u32);

const SHIFT_MASK: u32 = 31;

/// Bits that 15-bit hidden values have more than int8 ones.
pub(crate) const HIDDEN15_EXTRA_BITS: u32 = 7;

impl Scale {
    /// The nearest factor to a real one in `[2^-32, 1/4)`.
    ///
    /// ```
    /// use heedful::Scale;
    /// let scale = Scale::from_real(0.01).unwrap();
    /// assert_eq!(scale.to_i8(1234), 12);
    /// assert!(Scale::from_real(0.25).ok().is_none());
    /// ```
    pub const fn from_real(value: f64) -> FromReal<Self> {
        // Also refuses NaN.
        if !(value >= 1.0 / 4_294_967_296.0 && value < 0.25) {
            return FromReal::refuse("scale", value, Self::RANGE);
        }
        let (mut multiplier, mut shift) = (value * 2.0, 1);
        while multiplier < 0.25 {
            multiplier *= 2.0;
            shift += 1;
        }
        // A multiple of 8 in units of 2^-31; the cast of a positive float truncates.
        let m = ((multiplier * 268_435_456.0 + 0.5) as u32) << 3;
        FromReal::new(if m == 1 << 30 {
            // Rounded up to 1/2: halve it, unless the shift cannot go lower.
            if shift == 1 { Self::pack((1 << 30) - 8, 1) } else { Self::pack(1 << 29, shift - 1) }
        } else {
            Self::pack(m, shift)
        })
    }

    const fn pack(multiplier: u32, shift: u32) -> Self {
        Self(multiplier << 2 | shift)
    }

    /// The scale that a word stands for; `None` unless [`Scale::from_real`] can give it.
    ///
    /// ```
    /// use heedful::Scale;
    /// let scale = Scale::from_real(0.01).unwrap();
    /// assert_eq!(Scale::from_word(scale.to_word()), Some(scale));
    /// assert_eq!(Scale::from_word(0), None);
    /// ```
    #[must_use]
    pub const fn from_word(word: u32) -> Option<Self> {
        let scale = Self(word);
        if word >> 31 == 1 && scale.shift() >= 1 && scale.shift() <= 30 { Some(scale) } else { None }
    }

    /// The word, as a `.heed` file holds it.
    #[must_use]
    pub const fn to_word(self) -> u32 {
        self.0
    }

    /// Which factors there are.
    pub(crate) const RANGE: &str = "2^-32 up to, but not, 1/4";

    /// The multiplier, in `[1/4, 1/2)`.
    #[must_use]
    pub const fn multiplier(self) -> I1F31 {
        I1F31::from_bits(self.bits())
    }

    /// The multiplier's bits, 2^29 to 2^30.
    #[inline]
    pub(crate) const fn bits(self) -> i32 {
        ((self.0 & !SHIFT_MASK) >> 2) as i32
    }

    /// The right shift, 1 to 30.
    #[inline]
    #[must_use]
    pub const fn shift(self) -> u32 {
        self.0 & SHIFT_MASK
    }

    /// The factor as a real number.
    #[must_use]
    pub const fn to_real(self) -> f64 {
        self.bits() as f64 / 2_147_483_648.0 / (1u64 << self.shift()) as f64
    }

    /// `acc` times the factor, rounded to nearest (halves up), not saturated.
    #[inline]
    #[must_use]
    pub const fn requantise(self, acc: i32) -> i32 {
        requantise(acc, self.bits(), self.shift())
    }

    /// A 128th of the factor: `acc` times that, rounded to nearest (halves up), not saturated.
    #[inline]
    pub(crate) const fn requantise_hidden15(self, acc: i32) -> i32 {
        // Flooring twice loses nothing, and no shift is too long for a word.
        let high = ((acc as i64 * (2 * self.bits()) as i64) >> 32) as i32;
        ((high >> self.shift()) + (1 << (HIDDEN15_EXTRA_BITS - 1))) >> HIDDEN15_EXTRA_BITS
    }

    /// [`Scale::requantise`], saturated to int8.
    #[inline]
    #[must_use]
    pub const fn to_i8(self, acc: i32) -> i8 {
        saturate_i8(self.requantise(acc))
    }

    /// [`Scale::requantise`], saturated to int16.
    #[inline]
    #[must_use]
    pub const fn to_i16(self, acc: i32) -> i16 {
        saturate_i16(self.requantise(acc))
    }
}

/// `floor(acc * m / 2^31)`, then a rounding shift by `1 <= shift <= 30`. Flooring first loses
/// nothing: the result is the product rounded once.
#[inline]
pub(crate) const fn requantise(acc: i32, multiplier: i32, shift: u32) -> i32 {
    // |acc * m| < 2^61, so the high part is below 2^30 and half a unit can be added. Twice the
    // multiplier still fits, and leaves the high word of the product: one instruction where there is a high multiply.
    let high = ((acc as i64 * (2 * multiplier) as i64) >> 32) as i32;
    (high + (1 << (shift - 1))) >> shift
}

#[inline]
pub(crate) const fn saturate_i8(y: i32) -> i8 {
    (if y < -128 {
        -128
    } else if y > 127 {
        127
    } else {
        y
    }) as i8
}

#[inline]
pub(crate) const fn saturate_i16(y: i32) -> i16 {
    (if y < -32768 {
        -32768
    } else if y > 32767 {
        32767
    } else {
        y
    }) as i16
}

/// What one output channel of a [`Linear`](crate::Linear) adds and scales by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, NoUninit)]
#[repr(C)]
pub struct Channel {
    /// Bias, in units of the accumulator (input scale times weight scale).
    pub bias: i32,
    /// Input scale times weight scale over output scale.
    pub scale: Scale,
}

impl Channel {
    /// What fills up where a backend takes several channels at a time and there are fewer.
    #[allow(dead_code)] // Only some backends do.
    pub(crate) const UNUSED: Self = Self { bias: 0, scale: Scale::pack(1 << 29, 30) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Exactly the product with the stored factor, rounded once.
        #[test]
        fn rounds_once(acc in any::<i32>(), log2 in -32.0f64..-2.0) {
            let scale = Scale::from_real(log2.exp2()).unwrap();
            prop_assert_eq!(Scale::from_word(scale.to_word()), Some(scale));
            let product = i128::from(acc) * i128::from(scale.bits());
            let places = 31 + scale.shift();
            let expected = (product + (1i128 << (places - 1))) >> places;
            prop_assert_eq!(i128::from(scale.requantise(acc)), expected);
            let places = places + HIDDEN15_EXTRA_BITS;
            let expected = (product + (1i128 << (places - 1))) >> places;
            prop_assert_eq!(i128::from(scale.requantise_hidden15(acc)), expected);
        }

        #[test]
        fn represents_the_factor(log2 in -32.0f64..-2.0) {
            let value = log2.exp2();
            let error = Scale::from_real(value).unwrap().to_real() / value - 1.0;
            prop_assert!(error.abs() <= 1.0 / f64::from(1 << 27), "{}", error);
        }
    }

    /// Every int16, a stretch on either side, and numbers whose low bits look like others.
    #[test]
    fn saturates() {
        let far = [i32::MIN, -65_536, 65_536, i32::MAX];
        for y in (-40_000..=40_000).chain(far) {
            assert_eq!(i32::from(saturate_i8(y)), y.clamp(-128, 127));
            assert_eq!(i32::from(saturate_i16(y)), y.clamp(-32_768, 32_767));
        }
    }

    #[test]
    fn edges() {
        assert!(Scale::from_real(f64::NAN).ok().is_none());
        assert!(Scale::from_real(0.0).ok().is_none());
        assert!(Scale::from_real(-0.1).ok().is_none());
        let almost = Scale::from_real(0.25 - 1e-17).unwrap_or(Scale::from_real(0.249_999_999_999).unwrap());
        assert_eq!(Scale::from_word(almost.to_word()), Some(almost));
        assert_eq!(almost.to_i8(i32::MAX), 127);
        assert_eq!(almost.to_i16(i32::MIN), -32768);
        // What rounds up to a power of two.
        for shift in 3..=32 {
            // Exact, which `powi` need not be.
            let power = 1.0 / (1u64 << shift) as f64;
            assert_eq!(Scale::from_real(power * (1.0 - 1e-12)).ok().map(Scale::to_real), (shift < 32).then_some(power));
        }
    }
}
