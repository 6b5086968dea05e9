//! Cortex-M without the DSP extension: three int8 products for two multiplications, by
//! [`packed`](super::generic::packed).
//!
//! On Armv7-M one instruction loads the four words of six rows of activations, a second a weight, and four MLA do six
//! products; on Armv6-M they take four MULS and four ADD, with the sums in the upper registers.

#[cfg(heedful_thumb1)]
mod v6m;
#[cfg(not(heedful_thumb1))]
mod v7m;

/// The backend for Cortex-M cores without SIMD.
#[derive(Clone, Copy, Debug)]
pub struct Thumb;
