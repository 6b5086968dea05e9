//! The feed-forward part of a block: two layers with an activation between them, or with a gate (Shazeer, "GLU Variants
//! Improve Transformer", 2020).

use crate::activation::Activation;
use crate::arithmetic::requantise::{Channel, HIDDEN15_EXTRA_BITS, Scale};
use crate::error::require;
use crate::kernels::{Active, Epilogue, Gated, Kernels, Matrix, tiles, tiles_mut};
use crate::linear::{LinearView, MAX_INPUTS};

/// `contract(activation(expand(x)))`
#[derive(Clone, Copy, Debug)]
pub struct PlainView<'a> {
    /// From the width to the hidden width.
    pub expand: LinearView<'a>,
    /// Of the hidden values.
    pub activation: Activation<'a>,
    /// Back to the width, added to the residual stream.
    pub contract: LinearView<'a>,
}

impl PlainView<'_> {
    /// Adds what it makes of `x` `[rows][width]` to the residual stream. `hidden` holds some rows of hidden values.
    #[inline]
    pub(crate) fn accumulate<K: Kernels>(&self, x: &[i8], hidden: &mut [i8], residual: &mut [i16]) {
        let (width, length) = (self.contract.channels.len(), self.expand.channels.len());
        let most = hidden.len().checked_div(length).unwrap_or(0).max(1);
        for (x, residual) in tiles(x, width * most).zip(tiles_mut(residual, width * most)) {
            let rows = residual.len().checked_div(width).unwrap_or(0);
            let Some(hidden) = hidden.get_mut(..rows * length) else { return };
            self.expand.store::<K>(x, hidden);
            self.activation.apply::<K>(hidden);
            self.contract.accumulate::<K>(hidden, residual);
        }
    }
}

/// `down(activation(gate(x)) · up(x))`
#[derive(Clone, Copy, Debug)]
pub struct GatedView<'a> {
    /// From the width to the hidden width.
    pub gate: LinearView<'a>,
    /// From the width to the hidden width, too.
    pub up: LinearView<'a>,
    /// The activation of a gate, indexed by its bits.
    pub table: &'a [i16; 256],
    /// From the product of the two to the hidden values.
    pub product: Scale,
    /// Back to the width, added to the residual stream.
    pub down: LinearView<'a>,
    /// Whether hidden values keep seven more bits; the last layer has at most [`MAX_HIDDEN15_INPUTS`] then.
    pub hidden15: bool,
}

impl GatedView<'_> {
    /// Adds what it makes of `x` `[rows][width]` to the residual stream. `gate` and `up` hold some rows of hidden
    /// values.
    #[inline]
    pub(crate) fn accumulate<K: Kernels>(&self, x: &[i8], gate: &mut [i8], up: &mut [i8], residual: &mut [i16]) {
        let (width, length) = (self.down.channels.len(), self.gate.channels.len());
        let most = gate.len().checked_div(length).unwrap_or(0).max(1);
        for (x, residual) in tiles(x, width * most).zip(tiles_mut(residual, width * most)) {
            let rows = residual.len().checked_div(width).unwrap_or(0);
            let (Some(gate), Some(up)) = (gate.get_mut(..rows * length), up.get_mut(..rows * length)) else { return };
            self.gate.store_beside::<K>(x, gate, &self.up, up);
            if self.hidden15 {
                let down = &mut self.down.to(Epilogue::Add { out: residual, width });
                if let Some(hidden) = Gated::new(self.table, self.product, gate, up, down) {
                    K::linear_hidden15(hidden);
                }
            } else {
                K::gate(self.table, self.product, gate, up);
                self.down.accumulate::<K>(gate, residual);
            }
        }
    }
}

/// The most inputs of a last layer that takes 15-bit hidden values: `768 · 2^14 · 128 + 2^7 · MAX_HIDDEN15_BIAS` stays
/// below 2^31.
pub const MAX_HIDDEN15_INPUTS: usize = 768;
/// The largest bias of such a layer, in either direction.
pub const MAX_HIDDEN15_BIAS: u32 = (1 << 22) - 1;

/// Whether a product's scale leaves room for 15-bit hidden values.
pub(crate) const fn allows_hidden15(product: Scale) -> bool {
    product.shift() > HIDDEN15_EXTRA_BITS
}

/// Whether no bias is too large for a sum of 15-bit hidden values.
pub(crate) const fn biases_allow_hidden15(channels: &[Channel]) -> bool {
    coarse(channels).is_none()
}

/// The first bias that is too large for it.
pub(crate) const fn coarse(channels: &[Channel]) -> Option<i32> {
    let mut i = 0;
    while i < channels.len() {
        if channels[i].bias.unsigned_abs() > MAX_HIDDEN15_BIAS {
            return Some(channels[i].bias);
        }
        i += 1;
    }
    None
}

/// What adds to a residual stream of width `WIDTH`, each position for itself.
pub trait FeedForward<const WIDTH: usize> {
    /// [`FeedForward::accumulate`] with the kernels of one's choice.
    #[doc(hidden)]
    fn accumulate_on<K: Kernels, const POSITIONS: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        residual: &mut [[i16; WIDTH]; POSITIONS],
    );

    /// Adds what it makes of the int8 rows of `x` to `residual`.
    #[inline]
    fn accumulate<const POSITIONS: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        residual: &mut [[i16; WIDTH]; POSITIONS],
    ) {
        self.accumulate_on::<Active, POSITIONS>(x, residual);
    }
}

/// Two layers of a model of width `WIDTH` with an activation on `HIDDEN` hidden values between them.
///
/// ```
/// # use heedful::{Activation, Channel, FeedForward, PlainFeedForward, RELU, Scale};
/// # const UNIT: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };
/// # static UP: [[i8; 4]; 8] = [[10; 4]; 8];
/// # static DOWN: [[i8; 8]; 4] = [[10; 8]; 4];
/// # static UC: [Channel; 8] = [UNIT; 8];
/// # static DC: [Channel; 4] = [UNIT; 4];
/// static LAYERS: PlainFeedForward<4, 8> = PlainFeedForward::new(&UP, &UC, Activation(&RELU), &DOWN, &DC);
/// let mut residual = [[100; 4]; 3];
/// LAYERS.accumulate(&[[50; 4]; 3], &mut residual);
/// assert_eq!(residual, [[116; 4]; 3]); // 100 + 8·20·10/100
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PlainFeedForward<const WIDTH: usize, const HIDDEN: usize> {
    view: PlainView<'static>,
}

impl<const WIDTH: usize, const HIDDEN: usize> PlainFeedForward<WIDTH, HIDDEN> {
    /// From the weights `[HIDDEN][WIDTH]` and `[WIDTH][HIDDEN]` with a bias and scale per output; the second layer's
    /// scale is to the residual stream.
    #[must_use]
    pub const fn new(
        expand: &'static [[i8; WIDTH]; HIDDEN],
        expand_channels: &'static [Channel; HIDDEN],
        activation: Activation<'static>,
        contract: &'static [[i8; HIDDEN]; WIDTH],
        contract_channels: &'static [Channel; WIDTH],
    ) -> Self {
        let expand = layer(expand, expand_channels);
        Self { view: PlainView { expand, activation, contract: layer(contract, contract_channels) } }
    }
}

impl<const WIDTH: usize, const HIDDEN: usize> FeedForward<WIDTH> for PlainFeedForward<WIDTH, HIDDEN> {
    #[inline]
    fn accumulate_on<K: Kernels, const POSITIONS: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        residual: &mut [[i16; WIDTH]; POSITIONS],
    ) {
        let mut hidden = [[0; HIDDEN]; <Active as Kernels>::ROWS];
        self.view.accumulate::<K>(x.as_flattened(), hidden.as_flattened_mut(), residual.as_flattened_mut());
    }
}

/// SwiGLU or GEGLU in a model of width `WIDTH` with `HIDDEN` hidden values, whichever [`gate_table`] was made for.
///
/// ```
/// # use heedful::{Channel, FeedForward, GatedFeedForward, Scale};
/// # const UNIT: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };
/// # static IN: [[i8; 4]; 8] = [[10; 4]; 8];
/// # static DOWN: [[i8; 8]; 4] = [[10; 8]; 4];
/// # static IC: [Channel; 8] = [UNIT; 8];
/// # static DC: [Channel; 4] = [UNIT; 4];
/// // A gate that lets everything through: 1, in units of 1/100.
/// static OPEN: [i16; 256] = [100; 256];
/// static LAYERS: GatedFeedForward<4, 8> =
///     GatedFeedForward::new(&IN, &IC, &IN, &IC, &OPEN, Scale::from_real(0.01).unwrap(), &DOWN, &DC);
/// let mut residual = [[100; 4]; 3];
/// LAYERS.accumulate(&[[50; 4]; 3], &mut residual);
/// assert_eq!(residual, [[116; 4]; 3]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GatedFeedForward<const WIDTH: usize, const HIDDEN: usize> {
    view: GatedView<'static>,
}

impl<const WIDTH: usize, const HIDDEN: usize> GatedFeedForward<WIDTH, HIDDEN> {
    /// From the weights of gate and other half `[HIDDEN][WIDTH]`, the gate's table, the scale from its entry times the
    /// other half to the hidden values, and the weights `[WIDTH][HIDDEN]` back to the residual stream.
    #[must_use]
    #[allow(clippy::too_many_arguments)] // Three layers and what lies between.
    pub const fn new(
        gate: &'static [[i8; WIDTH]; HIDDEN],
        gate_channels: &'static [Channel; HIDDEN],
        up: &'static [[i8; WIDTH]; HIDDEN],
        up_channels: &'static [Channel; HIDDEN],
        table: &'static [i16; 256],
        product: Scale,
        down: &'static [[i8; HIDDEN]; WIDTH],
        down_channels: &'static [Channel; WIDTH],
    ) -> Self {
        let (gate, up, down) = (layer(gate, gate_channels), layer(up, up_channels), layer(down, down_channels));
        Self { view: GatedView { gate, up, table, product, down, hidden15: false } }
    }

    /// With seven more bits to the hidden values: for models whose hidden values spread too wide for int8. `None`
    /// unless the product's scale is below 2^-9, and the last layer's biases are at most [`MAX_HIDDEN15_BIAS`]; there
    /// are at most [`MAX_HIDDEN15_INPUTS`] hidden values.
    #[must_use]
    pub const fn with_15_bit_hidden(mut self) -> Option<Self> {
        const { require(HIDDEN <= MAX_HIDDEN15_INPUTS, "GatedFeedForward: more than 768 15-bit hidden values") }
        if !allows_hidden15(self.view.product) || !biases_allow_hidden15(self.view.down.channels) {
            return None;
        }
        self.view.hidden15 = true;
        Some(self)
    }
}

impl<const WIDTH: usize, const HIDDEN: usize> FeedForward<WIDTH> for GatedFeedForward<WIDTH, HIDDEN> {
    #[inline]
    fn accumulate_on<K: Kernels, const POSITIONS: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        residual: &mut [[i16; WIDTH]; POSITIONS],
    ) {
        let (mut gate, mut up) = ([[0; HIDDEN]; <Active as Kernels>::ROWS], [[0; HIDDEN]; <Active as Kernels>::ROWS]);
        let (gate, up) = (gate.as_flattened_mut(), up.as_flattened_mut());
        self.view.accumulate::<K>(x.as_flattened(), gate, up, residual.as_flattened_mut());
    }
}

const fn layer<const IN: usize, const OUT: usize>(
    weights: &'static [[i8; IN]; OUT],
    channels: &'static [Channel; OUT],
) -> LinearView<'static> {
    const {
        require(IN > 0 && IN <= MAX_INPUTS, "feed-forward: no inputs, or so many that the accumulator may overflow");
    }
    LinearView { weights: Matrix { data: weights.as_flattened(), inputs: IN, stride: IN }, channels }
}

/// The table of a gate, made on the host: `round(f(q * scale_in) / scale_out)`, saturated. For SwiGLU `f` is [`silu`],
/// for GEGLU [`gelu`](crate::gelu).
#[cfg(feature = "std")]
#[must_use]
pub fn gate_table(f: impl Fn(f64) -> f64, scale_in: f64, scale_out: f64) -> [i16; 256] {
    core::array::from_fn(|i| {
        (f(f64::from(i as u8 as i8) * scale_in) / scale_out).round().clamp(-32768.0, 32767.0) as i16
    })
}

/// SiLU, or swish: `x / (1 + e^-x)`.
#[cfg(feature = "std")]
#[must_use]
pub fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}
