//! Softmax without floats: weights relative to the largest score of a row, and one
//! reciprocal per row.
//!
//! For a row of scores `s`, position `j` weighs `w_j = 2^-(c·(max - s_j))`; the head's
//! output is `Σ w_j·v_j / Σ w_j`. The largest score always weighs full scale, so the
//! resolution does not fade as rows grow, unlike probabilities stored in steps of 1/256.
//! The division is deferred to the end of the row (Milakov and Gimelshein, "Online
//! normalizer calculation for softmax", 2018, do the same in floating point).

use crate::arithmetic::requantise::{Scale, requantise, saturate_i8};
use crate::kernels::long_product::{leading_zeros, long_product};
use crate::real::FromReal;
use bytemuck::{NoUninit, Pod};
use fixed::types::{I1F15, U0F8};

/// The largest head dimension: scores of one row stay less than 2^23 apart.
pub const MAX_HEAD_DIM: usize = 256;

/// The most positions: weights of one row sum to less than 2^31.
pub const MAX_POSITIONS: usize = 1 << 16;

/// Wide weights, 15 bits: as accurate as an exact softmax on int8 values.
pub type Wide = I1F15;
/// Narrow weights, 8 bits: half the memory, and half the work where there are byte multiplies.
pub type Narrow = U0F8;

/// The type of a softmax weight: [`Wide`] or [`Narrow`].
pub trait Weight: Copy + Default + Pod + Send + Sync + sealed::Sealed {
    /// The weight of a masked position.
    const ZERO: Self;
    /// The weight of a row's maximum.
    const FULL_SCALE: i32;
    /// The exponential of the top octave: the polynomial's coefficients, times `FULL_SCALE << SHIFT`.
    #[doc(hidden)]
    const POLYNOMIAL: [i32; 3];
    /// Bits that the polynomial has more than the weight.
    #[doc(hidden)]
    const SHIFT: u32;
    /// The weight as an integer, 0 to [`Weight::FULL_SCALE`].
    fn to_int(self) -> i32;
    /// The weight of an integer from 0 to [`Weight::FULL_SCALE`].
    #[doc(hidden)]
    fn from_int(weight: i32) -> Self;
    /// `2^-(t / 2^11)` in units of the weight, for an exponent `t` in `UQ5.11`.
    #[doc(hidden)]
    #[inline]
    fn exp2(t: u32) -> Self {
        let [a0, a1, a2] = Self::POLYNOMIAL;
        // Rounding high multiplies of 16 bits (PMULHRSW, SQRDMULH, VQRDMULH).
        let f = ((t & 0x7ff) << 4) as i32;
        let p = a1 + ((a2 * f + (1 << 14)) >> 15);
        let p = a0 + ((p * f + (1 << 14)) >> 15);
        // A rounding shift by the octaves. Beyond 23 the weight is 0 and rounding would leave the word.
        let n = (t >> 11).min(23) + Self::SHIFT;
        Self::from_int((p + ((1 << n) >> 1)) >> n)
    }
}

mod sealed {
    #[allow(unnameable_types)] // That it has no name is what seals.
    pub trait Sealed {}
    impl Sealed for super::Wide {}
    impl Sealed for super::Narrow {}
}

impl Weight for Wide {
    const ZERO: Self = Wide::ZERO;
    const FULL_SCALE: i32 = 32767;
    const POLYNOMIAL: [i32; 3] = [32767, EXP2_A1, EXP2_A2];
    const SHIFT: u32 = 0;
    #[inline]
    fn to_int(self) -> i32 {
        i32::from(self.to_bits())
    }
    #[inline]
    fn from_int(weight: i32) -> Self {
        Self::from_bits(weight as i16)
    }
}

impl Weight for Narrow {
    const ZERO: Self = Narrow::ZERO;
    const FULL_SCALE: i32 = 255;
    const POLYNOMIAL: [i32; 3] = [255 << 7, EXP2_A1 * (255 << 7) / 32767, EXP2_A2 * (255 << 7) / 32767];
    const SHIFT: u32 = 7;
    #[inline]
    fn to_int(self) -> i32 {
        i32::from(self.to_bits())
    }
    #[inline]
    fn from_int(weight: i32) -> Self {
        Self::from_bits(weight as u8)
    }
}

/// Coefficients of `2^-f ≈ a0 + a1·f + a2·f²` on `[0, 1)`, with `a0` = 32767.
///
/// The minimax polynomial of degree 2 errs by ±0.173 % relative to `2^-f` (±0.177 % with its roundings), with the signs
/// -, +, -, + from 0 to 1. Since a softmax is the same for all common factors, it is scaled so that
/// `a0` is full scale; the signs make the joint between two octaves a step down, so the whole
/// function is monotone.
const EXP2_A1: i32 = -21863;
const EXP2_A2: i32 = 5535;

/// How steeply a head's softmax falls: `c` in octaves per unit of the integer score,
/// `2^-18 <= c < 1/16`, in units of 2^-35.
///
/// `c = log2(e) / sqrt(head dim) · query scale · key scale / temperature`. With a steepness below 2^-18 even the scores
/// of queries and keys at full scale would hardly differ; with one of at least 2^-18, 2^23 below the maximum is far
/// enough for a weight of 0. There is no other way to a steepness than the two that check it, [`Steepness::from_real`]
/// and [`Steepness::from_word`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, NoUninit)]
#[repr(transparent)]
pub struct Steepness(u32);

impl Steepness {
    /// The nearest to a real `c` that rounds to `2^-18 <= c < 1/16`.
    pub const fn from_real(c: f64) -> FromReal<Self> {
        let units = c * 34_359_738_368.0 + 0.5;
        // Also refuses NaN.
        if units >= 131_072.0 && units < 2_147_483_648.0 {
            FromReal::new(Self(units as u32))
        } else {
            FromReal::refuse("steepness", c, Self::RANGE)
        }
    }

    /// The steepness that a word stands for; `None` unless [`Steepness::from_real`] can give it.
    ///
    /// ```
    /// use heedful::Steepness;
    /// let steepness = Steepness::from_real(0.01).unwrap();
    /// assert_eq!(Steepness::from_word(steepness.to_word()), Some(steepness));
    /// assert_eq!(Steepness::from_word(0), None);
    /// ```
    #[must_use]
    pub const fn from_word(word: u32) -> Option<Self> {
        if word >= 1 << 17 && word < 1 << 31 { Some(Self(word)) } else { None }
    }

    /// The word, as a `.heed` file holds it: `c` in units of 2^-35.
    #[must_use]
    pub const fn to_word(self) -> u32 {
        self.0
    }

    /// The least one.
    pub(crate) const LEAST: Self = Self(1 << 17);

    /// Which ones there are.
    pub(crate) const RANGE: &str = "2^-18 up to, but not, 1/16";

    /// `c` as a real number.
    #[must_use]
    pub const fn to_real(self) -> f64 {
        self.0 as f64 / 34_359_738_368.0
    }

    /// The exponent of a score that lies `below` the maximum by less than 2^24: octaves in
    /// `UQ5.11`, saturated at 65535 (which weighs 0).
    #[inline]
    pub(crate) const fn exponent(self, below: u32) -> u32 {
        let t = (((below << 8) as u64 * self.0 as u64) >> 32) as u32;
        if t > 0xffff { 0xffff } else { t }
    }

    #[inline]
    #[allow(dead_code)] // Backends in assembly take the bare word.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }
}

/// The weight of a logit in a softmax whose largest logit is `max`, 0 to 32767.
#[inline]
pub(crate) fn logit_weight(logit: i16, max: i16, steepness: Steepness) -> u32 {
    Wide::exp2(steepness.exponent((i32::from(max) - i32::from(logit)) as u32)).to_int() as u32
}

/// What a row's `Σ w·v` is multiplied by: the scale of the values over that of the head's output,
/// over `Σ w`.
#[derive(Clone, Copy, Debug)]
pub struct RowScale {
    multiplier: i32,
    shift: u32,
    /// Bits that `Σ w·v` drops first, where it may not fit 32 bits: rows that weigh 512 full scales or more.
    drop: u32,
}

impl RowScale {
    /// For a row whose weights sum to `sum` (at least a full scale, at most 2^31).
    /// `ratio` is the scale of the values over the scale of the output, over 256, with a shift of
    /// 2 to 14 (a ratio of 2^-8 to 32).
    #[inline]
    #[must_use]
    pub fn new(sum: u32, ratio: Scale) -> Self {
        let sum = sum.max(1);
        let zeros = leading_zeros(sum);
        let drop = 8u32.saturating_sub(zeros);
        // 1/sum has a factor 2^(zeros - 32), the ratio one of 2^8.
        let product = (long_product(reciprocal(sum), ratio.bits() as u32) >> 30) as u32;
        let high = product >> 30;
        Self {
            multiplier: (product >> high) as i32,
            shift: (ratio.shift() + 24).wrapping_sub(zeros + high + drop) & 31,
            drop,
        }
    }

    /// Multiplier, and shift of 1 to 31: all there is for sums of less than 512 full scales, which drop no bits first.
    #[inline]
    #[allow(dead_code)] // For backends in assembly.
    pub(crate) fn parts(&self) -> (i32, u32) {
        (self.multiplier, self.shift.max(1))
    }

    /// Bits that `Σ w·v` drops first.
    #[inline]
    #[allow(dead_code)] // For backends in vectors.
    pub(crate) const fn drop(self) -> u32 {
        self.drop
    }

    /// The output of one dimension: `acc` is its `Σ w·v`.
    #[inline]
    #[must_use]
    pub fn to_i8(self, acc: i64) -> i8 {
        saturate_i8(requantise((acc >> self.drop) as i32, self.multiplier, self.shift.max(1)))
    }
}

/// `1/d` for `d = sum · 2^zeros / 2^32` in `[1/2, 1)`, in units of 2^-30: Newton's iteration from
/// the best line, three steps for any sum, so that the time does not depend on the data.
#[inline]
fn reciprocal(sum: u32) -> u32 {
    // Words throughout, which 32-bit cores multiply in one or two instructions.
    let product = long_product;
    let d = sum << leading_zeros(sum);
    // 48/17 - 32/17·d errs by at most 1/17, and each step squares the error.
    let mut x = 3_031_741_620 - (product(d, 4_042_322_160) >> 33) as u32;
    for _ in 0..3 {
        let rest = (1 << 31) - (product(d, x) >> 32) as u32;
        x = (product(x, rest) >> 30) as u32;
    }
    x
}
