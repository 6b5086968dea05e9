//! Activations on int8 as tables of 256 entries.

use crate::kernels::{Active, Kernels};

/// An activation: what each int8 value becomes, indexed by the value's bits as a byte.
#[derive(Clone, Copy, Debug)]
pub struct Activation<'a>(pub &'a [i8; 256]);

impl Activation<'_> {
    /// Replaces each value.
    #[inline]
    pub fn forward(self, x: &mut [i8]) {
        self.apply::<Active>(x);
    }

    #[inline]
    pub(crate) fn apply<K: Kernels>(self, x: &mut [i8]) {
        K::table(self.0, x);
    }
}

/// An activation of int16 arguments: in 256ths of a step of its int8 result, at every 256th argument from -32,768 on;
/// the last two are one end. What lies between is interpolated.
#[derive(Clone, Copy, Debug)]
pub struct FineActivation<'a>(pub &'a [i16; 258]);

impl FineActivation<'_> {
    /// The value of an argument, rounded to nearest.
    #[inline]
    pub(crate) fn of(self, x: i16) -> i8 {
        let x = i32::from(x) + 32_768;
        let (index, rest) = ((x >> 8) as usize & 255, x & 255);
        let [low, high] = [self.0[index], self.0[index + 1]].map(i32::from);
        let fine = low + (((high - low) * rest + 128) >> 8);
        ((fine + 128) >> 8).clamp(-128, 127) as i8
    }
}

/// The table of a rectified linear unit: negative values become 0. Input and output share a scale.
///
/// ```
/// let mut x = [-3, 0, 5];
/// heedful::Activation(&heedful::RELU).forward(&mut x);
/// assert_eq!(x, [0, 0, 5]);
/// ```
pub static RELU: [i8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 128 {
        table[i] = i as i8;
        i += 1;
    }
    table
};

/// The table of any function, made on the host: `round(f(q * scale_in) / scale_out)`, saturated.
#[cfg(feature = "std")]
#[must_use]
pub fn table(f: impl Fn(f64) -> f64, scale_in: f64, scale_out: f64) -> [i8; 256] {
    core::array::from_fn(|i| (f(f64::from(i as u8 as i8) * scale_in) / scale_out).round().clamp(-128.0, 127.0) as i8)
}

/// GELU in the form with tanh (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016, section 2).
#[cfg(feature = "std")]
#[must_use]
pub fn gelu(x: f64) -> f64 {
    let inner = core::f64::consts::FRAC_2_PI.sqrt() * (x + 0.044_715 * x * x * x);
    0.5 * x * (1.0 + inner.tanh())
}
