//! Layer norm and RMSNorm, from the int16 residual stream to int8.

use crate::error::require;
use crate::kernels::{Active, Kernels, leading_zeros, long_product, rows, rows_mut};
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

/// A layer norm (Ba, Kiros and Hinton, "Layer Normalization", 2016) or RMSNorm (Zhang and Sennrich, "Root Mean Square
/// Layer Normalization", 2019) of any width up to [`MAX_WIDTH`].
#[derive(Clone, Copy, Debug)]
pub struct NormView<'a> {
    /// One per channel.
    pub channels: &'a [NormChannel],
    /// ε over the square of the input scale, 1 to [`MAX_EPSILON`].
    pub epsilon: u32,
    /// Whether the mean is taken off first: a layer norm; RMSNorm leaves it.
    pub centred: bool,
}

/// The widest row that is normalised.
pub const MAX_WIDTH: usize = 1024;
/// The largest ε, in squared units of the input.
pub const MAX_EPSILON: u32 = 1 << 20;

impl NormView<'_> {
    /// Normalises rows of int16 `[rows][width]` to int8 of the same shape.
    #[inline]
    pub(crate) fn forward<K: Kernels>(&self, x: &[i16], out: &mut [i8]) {
        let width = self.channels.len();
        for (x, out) in rows(x, width).zip(rows_mut(out, width)) {
            K::layer_norm(x, *self, out);
        }
    }

    /// Whether a row fits: as many values, channels and outputs, at least one and at most [`MAX_WIDTH`].
    #[inline]
    pub(crate) const fn takes(&self, x: &[i16], out: &[i8]) -> bool {
        let width = self.channels.len();
        x.len() == width && out.len() == width && width > 0 && width <= MAX_WIDTH
    }

    /// What of a row's sum is taken off: all of it, or nothing.
    #[inline]
    pub(crate) const fn taken_off(&self, sum: i32) -> i32 {
        if self.centred { sum } else { 0 }
    }

    /// `1 / sqrt(n·Σx² - (Σx)² + n²·ε)`: times `n·x - Σx` it gives the normalised value.
    #[inline]
    pub(crate) fn inverse_root(&self, n: usize, sum: i32, squares: u64) -> InverseRoot {
        let n = n as u32;
        let times = long_product(n, squares as u32);
        let times = times.wrapping_add(u64::from(n.wrapping_mul((squares >> 32) as u32)) << 32);
        let square = long_product(sum.unsigned_abs(), sum.unsigned_abs());
        let variance = times.wrapping_sub(square).wrapping_add(long_product(n.wrapping_mul(n), self.epsilon));
        InverseRoot::new(variance.max(1), n)
    }
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
    fn new(variance: u64, n: u32) -> Self {
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
        // The normalised value, with places + 8 fraction bits.
        let z = ((i64::from(centred << (self.up & 31)) * i64::from(self.root)) >> 32) as i32;
        // A 32 by 16 bit product, high part: SMULWB.
        let scaled = ((i64::from(z) * i64::from(channel.gain.to_bits())) >> 16) as i32;
        let offset = i32::from(channel.offset.to_bits()) << (self.places - 8);
        (scaled + offset + (1 << (self.places - 1))) >> self.places
    }
}

/// A layer norm of width `WIDTH`.
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm<const WIDTH: usize> {
    view: NormView<'static>,
}

impl<const WIDTH: usize> LayerNorm<WIDTH> {
    /// From the channels' gains and offsets, and ε in squared units of the input
    /// (clamped to 1 ..= [`MAX_EPSILON`]).
    #[must_use]
    pub const fn new(channels: &'static [NormChannel; WIDTH], epsilon: u32) -> Self {
        const { require(WIDTH > 0 && WIDTH <= MAX_WIDTH, "LayerNorm: the width is 0 or above 1024") }
        Self { view: NormView { channels, epsilon: clamp(epsilon), centred: true } }
    }

    /// Normalises each row of `x`, `[POSITIONS][WIDTH]`.
    pub fn forward<const POSITIONS: usize>(&self, x: &[[i16; WIDTH]; POSITIONS], out: &mut [[i8; WIDTH]; POSITIONS]) {
        self.view.forward::<Active>(x.as_flattened(), out.as_flattened_mut());
    }
}

/// An RMSNorm of width `WIDTH`: a layer norm that leaves the mean where it is.
///
/// ```
/// use heedful::{NormChannel, RmsNorm};
/// // A gain of 32 steps of the output.
/// static CHANNELS: [NormChannel; 4] = [NormChannel::from_real(32.0, 0.0).unwrap(); 4];
/// static NORM: RmsNorm<4> = RmsNorm::new(&CHANNELS, 1);
/// let mut y = [[0; 4]];
/// NORM.forward(&[[1000, 1000, -1000, -1000]], &mut y);
/// assert_eq!(y, [[32, 32, -32, -32]]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RmsNorm<const WIDTH: usize> {
    view: NormView<'static>,
}

impl<const WIDTH: usize> RmsNorm<WIDTH> {
    /// From the channels' gains (offsets are added, too), and ε in squared units of the input (clamped to 1 ..=
    /// [`MAX_EPSILON`]).
    #[must_use]
    pub const fn new(channels: &'static [NormChannel; WIDTH], epsilon: u32) -> Self {
        const { require(WIDTH > 0 && WIDTH <= MAX_WIDTH, "RmsNorm: the width is 0 or above 1024") }
        Self { view: NormView { channels, epsilon: clamp(epsilon), centred: false } }
    }

    /// Normalises each row of `x`, `[POSITIONS][WIDTH]`.
    pub fn forward<const POSITIONS: usize>(&self, x: &[[i16; WIDTH]; POSITIONS], out: &mut [[i8; WIDTH]; POSITIONS]) {
        self.view.forward::<Active>(x.as_flattened(), out.as_flattened_mut());
    }
}

const fn clamp(epsilon: u32) -> u32 {
    if epsilon == 0 {
        1
    } else if epsilon > MAX_EPSILON {
        MAX_EPSILON
    } else {
        epsilon
    }
}

/// A norm of rows of `WIDTH`: [`LayerNorm`] or [`RmsNorm`].
pub trait Norm<const WIDTH: usize> {
    /// [`Norm::normalise`] with the kernels of one's choice.
    #[doc(hidden)]
    fn normalise_on<K: Kernels, const POSITIONS: usize>(
        &self,
        x: &[[i16; WIDTH]; POSITIONS],
        out: &mut [[i8; WIDTH]; POSITIONS],
    );

    /// Normalises each row of `x`.
    #[inline]
    fn normalise<const POSITIONS: usize>(&self, x: &[[i16; WIDTH]; POSITIONS], out: &mut [[i8; WIDTH]; POSITIONS]) {
        self.normalise_on::<Active, POSITIONS>(x, out);
    }
}

impl<const WIDTH: usize> Norm<WIDTH> for LayerNorm<WIDTH> {
    #[inline]
    fn normalise_on<K: Kernels, const POSITIONS: usize>(
        &self,
        x: &[[i16; WIDTH]; POSITIONS],
        out: &mut [[i8; WIDTH]; POSITIONS],
    ) {
        self.view.forward::<K>(x.as_flattened(), out.as_flattened_mut());
    }
}

impl<const WIDTH: usize> Norm<WIDTH> for RmsNorm<WIDTH> {
    #[inline]
    fn normalise_on<K: Kernels, const POSITIONS: usize>(
        &self,
        x: &[[i16; WIDTH]; POSITIONS],
        out: &mut [[i8; WIDTH]; POSITIONS],
    ) {
        self.view.forward::<K>(x.as_flattened(), out.as_flattened_mut());
    }
}
