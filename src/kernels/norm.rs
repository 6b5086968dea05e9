//! Layer norm and RMSNorm of a row: what the kernels work on.

use crate::arithmetic::inverse_root::InverseRoot;
pub use crate::arithmetic::inverse_root::NormChannel;
use crate::kernels::long_product::long_product;

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
