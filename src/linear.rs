//! Linear layers: int8 in, int8 or int16 out, one scale per output channel.

use crate::arithmetic::requantise::Channel;
use crate::error::require;
use crate::kernels::{Active, Epilogue, Kernels, Layer, Matrix, Rows, linear};

/// The most inputs of a linear layer: `2^15 · 128 · 127 + 2^30` stays below 2^31.
pub const MAX_INPUTS: usize = 1 << 15;
/// The largest bias, in either direction.
pub const MAX_BIAS: i32 = 1 << 30;

/// A linear layer of any shape, as the `.heed` file holds it.
#[derive(Clone, Copy, Debug)]
pub struct LinearView<'a> {
    /// Weights `[outputs][inputs]`.
    pub weights: Matrix<'a>,
    /// Bias and scale of each output.
    pub channels: &'a [Channel],
}

impl<'a> LinearView<'a> {
    /// Multiply-accumulates per row.
    pub(crate) const fn products(&self) -> usize {
        self.weights.inputs * self.channels.len()
    }

    /// `x` `[rows][inputs]` to `out` `[rows][outputs]`, int8.
    #[inline]
    pub(crate) fn store<K: Kernels>(&self, x: &[i8], out: &mut [i8]) {
        self.run::<K>(x, Epilogue::Store { out, row_stride: self.channels.len(), output_stride: 1 });
    }

    /// [`LinearView::store`], and the same of another layer, which shares the pass over `x`.
    #[inline]
    pub(crate) fn store_beside<K: Kernels>(
        &self,
        x: &[i8],
        out: &mut [i8],
        other: &LinearView<'_>,
        other_out: &mut [i8],
    ) {
        let rows =
            |out, layer: &LinearView<'_>| Epilogue::Store { out, row_stride: layer.channels.len(), output_stride: 1 };
        let layers = &mut [self.to(rows(out, self)), other.to(rows(other_out, other))];
        linear::<K>(Rows::new(x, self.weights.inputs), layers);
    }

    /// Adds `x` `[rows][inputs]` to the residual stream `[rows][outputs]`, int16.
    #[inline]
    pub(crate) fn accumulate<K: Kernels>(&self, x: &[i8], residual: &mut [i16]) {
        self.run::<K>(x, Epilogue::Add { out: residual, width: self.channels.len() });
    }

    #[inline]
    fn run<K: Kernels>(&self, x: &[i8], epilogue: Epilogue<'_>) {
        linear::<K>(Rows::new(x, self.weights.inputs), &mut [self.to(epilogue)]);
    }

    /// The layer, with its results to `epilogue`.
    #[inline]
    pub(crate) fn to<'s>(&self, epilogue: Epilogue<'s>) -> Layer<'s>
    where
        'a: 's,
    {
        Layer { weights: self.weights, channels: self.channels, epilogue }
    }

    /// The outputs `first .. first + count`, as far as there are.
    #[inline]
    pub(crate) fn outputs(&self, first: usize, count: usize) -> Self {
        let data = self.weights.data.get(first * self.weights.stride..).unwrap_or(&[]);
        let channels = self.channels.get(first..).unwrap_or(&[]);
        Self { weights: Matrix { data, ..self.weights }, channels: channels.get(..count).unwrap_or(channels) }
    }
}

/// A linear layer from `INPUTS` to `OUTPUTS`.
///
/// ```
/// use heedful::{Channel, Linear, Scale};
/// static WEIGHTS: [[i8; 4]; 2] = [[1, 2, 3, 4], [-1, 0, 0, 1]];
/// static CHANNELS: [Channel; 2] = [Channel { bias: 10, scale: Scale::from_real(0.125).unwrap() }; 2];
/// static LAYER: Linear<4, 2> = Linear::new(&WEIGHTS, &CHANNELS);
/// let mut y = [[0; 2]; 1];
/// LAYER.forward(&[[100, 50, 0, 0]], &mut y);
/// assert_eq!(y, [[26, -11]]); // 210/8, -90/8
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Linear<const INPUTS: usize, const OUTPUTS: usize> {
    view: LinearView<'static>,
}

impl<const INPUTS: usize, const OUTPUTS: usize> Linear<INPUTS, OUTPUTS> {
    /// From weights `[OUTPUTS][INPUTS]` and a bias and scale per output.
    #[must_use]
    pub const fn new(weights: &'static [[i8; INPUTS]; OUTPUTS], channels: &'static [Channel; OUTPUTS]) -> Self {
        const {
            require(
                INPUTS > 0 && INPUTS <= MAX_INPUTS,
                "Linear: no inputs, or so many that the accumulator may overflow",
            )
        }
        let weights = Matrix { data: weights.as_flattened(), inputs: INPUTS, stride: INPUTS };
        Self { view: LinearView { weights, channels } }
    }

    /// Each row of `x` through the layer.
    #[inline]
    pub fn forward<const POSITIONS: usize>(&self, x: &[[i8; INPUTS]; POSITIONS], out: &mut [[i8; OUTPUTS]; POSITIONS]) {
        self.view.store::<Active>(x.as_flattened(), out.as_flattened_mut());
    }

    /// Each row of `x` through the layer, added to the residual stream.
    #[inline]
    pub fn accumulate<const POSITIONS: usize>(
        &self,
        x: &[[i8; INPUTS]; POSITIONS],
        residual: &mut [[i16; OUTPUTS]; POSITIONS],
    ) {
        self.view.accumulate::<Active>(x.as_flattened(), residual.as_flattened_mut());
    }
}
