//! Layer norm and RMSNorm, from the int16 residual stream to int8.

use crate::error::require;
use crate::kernels::{Active, Kernels, rows, rows_mut};
pub use crate::kernels::{MAX_EPSILON, MAX_WIDTH, NormChannel, NormView};

impl NormView<'_> {
    /// Normalises rows of int16 `[rows][width]` to int8 of the same shape.
    #[inline]
    pub(crate) fn forward<K: Kernels>(&self, x: &[i16], out: &mut [i8]) {
        let width = self.channels.len();
        for (x, out) in rows(x, width).zip(rows_mut(out, width)) {
            K::layer_norm(x, *self, out);
        }
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
