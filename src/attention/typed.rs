//! Attention whose shape is in its type: a thin shell around [`AttentionView`].

use super::{AttentionView, HeadScale, Heads, MAX_HEAD_DIM, ProjectionView, Scratch, Sequences};
use crate::error::require;
use crate::kernels::{Active, Kernels, Matrix, Rows};
use crate::linear::{LinearView, MAX_INPUTS};
use crate::observe::{Observer, Unobserved};
use crate::reach::Reach;
use crate::requantise::Channel;
use crate::softmax::{Weight, Wide};
use core::marker::PhantomData;
use core::ops::Range;

/// The projection of a model of width `E` to `H` heads of `P`, for queries, keys or values.
#[derive(Clone, Copy, Debug)]
pub struct Projection<const E: usize, const H: usize, const P: usize> {
    pub(super) view: ProjectionView<'static>,
}

impl<const E: usize, const H: usize, const P: usize> Projection<E, H, P> {
    /// From weights `[H][P][E]` and a bias and scale per output.
    #[must_use]
    pub const fn new(weights: &'static [[[i8; E]; P]; H], channels: &'static [[Channel; P]; H]) -> Self {
        Self::shared(weights, channels)
    }

    /// From weights that heads share: `N` sets, the first `H / N` heads have the first one. Each head has a bias of its
    /// own.
    ///
    /// ```
    /// # use heedful::{Channel, Projection, Scale};
    /// # const C: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };
    /// // Two sets of weights, and four heads that differ within a pair by their biases alone.
    /// static WEIGHTS: [[[i8; 8]; 4]; 2] = [[[1; 8]; 4]; 2];
    /// static CHANNELS: [[Channel; 4]; 4] = [[Channel { bias: -50, ..C }; 4], [C; 4], [C; 4], [Channel { bias: 50, ..C }; 4]];
    /// static QUERY: Projection<8, 4, 4> = Projection::shared(&WEIGHTS, &CHANNELS);
    /// ```
    #[must_use]
    pub const fn shared<const N: usize>(
        weights: &'static [[[i8; E]; P]; N],
        channels: &'static [[Channel; P]; H],
    ) -> Self {
        const {
            require(
                E > 0 && E <= MAX_INPUTS,
                "Projection: the width is 0 or so large that the accumulator may overflow",
            );
            require(N > 0 && H.is_multiple_of(N), "Projection: the heads cannot share the weights evenly");
        }
        let weights = Matrix { data: weights.as_flattened().as_flattened(), inputs: E, stride: E };
        let channels = channels.as_flattened();
        Self { view: ProjectionView { weights, channels, weight_groups: N, channel_groups: H, offset: 0 } }
    }
}

/// Multi-head attention in a model of width `E`: `H` heads of dimension `P`, with softmax weights
/// of type `W` ([`Wide`] or [`Narrow`](crate::Narrow)).
///
/// With `G` less than `H` heads share their keys and values: `G = 1` is multi-query attention, what lies between is
/// grouped-query attention. `M` is the width of the sequence that is looked at, where it is another one
/// (cross-attention).
///
/// The weights are borrowed for good: on a microcontroller they stay in flash.
///
/// ```
/// use heedful::{Channel, HeadScale, Mask, MultiHeadAttention, Projection, Scale, Scratch};
///
/// const UNIT: Channel = Channel { bias: 0, scale: Scale::from_real(1.0 / 64.0).unwrap() };
/// // Two heads of 4 in a model of width 8. Here each head looks at its own half of the input.
/// static SELECT: [[[i8; 8]; 4]; 2] = {
///     let mut w = [[[0; 8]; 4]; 2];
///     let mut i = 0;
///     while i < 8 {
///         w[i / 4][i % 4][i] = 64;
///         i += 1;
///     }
///     w
/// };
/// static IDENTITY: [[[i8; 4]; 2]; 8] = {
///     let mut w = [[[0; 4]; 2]; 8];
///     let mut i = 0;
///     while i < 8 {
///         w[i][i / 4][i % 4] = 64;
///         i += 1;
///     }
///     w
/// };
/// static CHANNELS: [[Channel; 4]; 2] = [[UNIT; 4]; 2];
/// static OUTPUT: [Channel; 8] = [UNIT; 8];
/// // A steepness of 0.01 octaves, and outputs at the scale of the values.
/// static HEADS: [HeadScale; 2] = [HeadScale::from_real(0.01, 1.0).unwrap(); 2];
/// static ATTENTION: MultiHeadAttention<8, 2, 4> = MultiHeadAttention::new(
///     Projection::new(&SELECT, &CHANNELS),
///     Projection::new(&SELECT, &CHANNELS),
///     Projection::new(&SELECT, &CHANNELS),
///     &IDENTITY,
///     &OUTPUT,
///     &HEADS,
/// );
///
/// let mut scratch = Scratch::new();
/// let x = [[90, 0, 0, 0, 0, 80, 0, 0], [0, 90, 0, 0, 0, 80, 0, 0], [0, 90, 0, 0, 0, 0, 80, 0]];
/// let y = ATTENTION.forward(&x, Mask::None, &mut scratch);
/// assert_eq!(y[0], [90, 0, 0, 0, 0, 80, 0, 0]); // head 0: itself; head 1: the two alike
/// assert_eq!(y[2], [0, 90, 0, 0, 0, 0, 80, 0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MultiHeadAttention<
    const E: usize,
    const H: usize,
    const P: usize,
    W = Wide,
    const G: usize = H,
    const M: usize = E,
> {
    pub(crate) view: AttentionView<'static>,
    weight: PhantomData<W>,
}

impl<const E: usize, const H: usize, const P: usize, W: Weight, const G: usize, const M: usize>
    MultiHeadAttention<E, H, P, W, G, M>
{
    /// From the projections, the weights `[E][H][P]` of the output projection with a bias and scale per output, and a
    /// scale per head.
    #[must_use]
    pub const fn new(
        query: Projection<E, H, P>,
        key: Projection<M, G, P>,
        value: Projection<M, G, P>,
        output: &'static [[[i8; P]; H]; E],
        output_channels: &'static [Channel; E],
        heads: &'static [HeadScale; H],
    ) -> Self {
        const {
            require(P > 0 && P <= MAX_HEAD_DIM, "MultiHeadAttention: the head dimension is 0 or above 256");
            require(
                G > 0 && H.is_multiple_of(G),
                "MultiHeadAttention: the heads cannot share the keys and values evenly",
            );
        }
        let output = output_view(output, output_channels);
        let (query, key, value) = (query.view, Some(key.view), value.view);
        Self { view: AttentionView { query, key, value, output, heads, dim: P, head_dim: P }, weight: PhantomData }
    }

    /// Attention of `S` positions over each other.
    ///
    /// `x` and the result are int8, `[S][E]`; the result lies in `scratch`. A [`Mask`](crate::Mask) is the simplest
    /// `reach`.
    #[inline]
    pub fn forward<'s, const S: usize>(
        &self,
        x: &[[i8; E]; S],
        reach: impl Reach,
        scratch: &'s mut Scratch<S, E, H, P, W>,
    ) -> &'s [[i8; E]; S] {
        self.forward_observed(x, reach, scratch, &mut Unobserved)
    }

    /// [`MultiHeadAttention::forward`], showing each row of softmax weights to `observer`.
    #[inline]
    pub fn forward_observed<'s, const S: usize>(
        &self,
        x: &[[i8; E]; S],
        reach: impl Reach,
        scratch: &'s mut Scratch<S, E, H, P, W>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; E]; S] {
        self.forward_on::<Active, S>(x, reach, scratch, observer)
    }

    /// [`MultiHeadAttention::forward_observed`] with the kernels of one's choice.
    #[inline]
    #[doc(hidden)]
    pub fn forward_on<'s, K: Kernels, const S: usize>(
        &self,
        x: &[[i8; E]; S],
        reach: impl Reach,
        scratch: &'s mut Scratch<S, E, H, P, W>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; E]; S] {
        const { require(M == E, "MultiHeadAttention: keys and values are made from another width: use `cross`") }
        self.run::<K, S, S, S, false>(Sequences::one(rows(x), S), reach, scratch, observer)
    }

    /// [`MultiHeadAttention::forward_on`], with the result added to the residual stream.
    #[inline]
    #[doc(hidden)]
    pub fn accumulate_on<K: Kernels, const S: usize>(
        &self,
        x: &[[i8; E]; S],
        residual: &mut [[i16; E]; S],
        reach: impl Reach,
        scratch: &mut Scratch<S, E, H, P, W>,
        observer: &mut impl Observer<W>,
    ) {
        const { require(M == E, "MultiHeadAttention: keys and values are made from another width") }
        self.view.attend::<K, W, _, _, false>(
            Sequences::one(rows(x), S),
            &reach,
            0..H,
            &mut scratch.heads.view(),
            0,
            observer,
        );
        let heads = scratch.heads.outputs().as_flattened().as_flattened();
        self.view.output.accumulate::<K>(heads, residual.as_flattened_mut());
    }

    /// [`MultiHeadAttention::forward`] with memory for `R` scores of a query at a time instead of `S`: for rows of
    /// thousands of positions. The scores are computed twice; the result is the same, to the bit, whatever `R`.
    ///
    /// ```
    /// # use heedful::{Channel, HeadScale, Mask, MultiHeadAttention, Projection, Scale, Scratch, Wide};
    /// # const UNIT: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };
    /// # static W: [[[i8; 8]; 4]; 2] = [[[1; 8]; 4]; 2];
    /// # static O: [[[i8; 4]; 2]; 8] = [[[1; 4]; 2]; 8];
    /// # static C: [[Channel; 4]; 2] = [[UNIT; 4]; 2];
    /// # static OC: [Channel; 8] = [UNIT; 8];
    /// # static HEADS: [HeadScale; 2] = [HeadScale::from_real(0.01, 1.0).unwrap(); 2];
    /// # static ATTENTION: MultiHeadAttention<8, 2, 4> = MultiHeadAttention::new(
    /// #     Projection::new(&W, &C), Projection::new(&W, &C), Projection::new(&W, &C), &O, &OC, &HEADS);
    /// # let x = std::array::from_fn(|i| [i as i8; 8]);
    /// let (mut scratch, mut whole) = (Scratch::<1500, 8, 2, 4, Wide, 1500, 64>::new(), Scratch::new());
    /// let y = ATTENTION.forward_long(&x, Mask::Causal, &mut scratch);
    /// assert_eq!(y, ATTENTION.forward(&x, Mask::Causal, &mut whole));
    /// ```
    #[inline]
    pub fn forward_long<'s, const S: usize, const R: usize>(
        &self,
        x: &[[i8; E]; S],
        reach: impl Reach,
        scratch: &'s mut Scratch<S, E, H, P, W, S, R>,
    ) -> &'s [[i8; E]; S] {
        self.forward_long_observed(x, reach, scratch, &mut Unobserved)
    }

    /// [`MultiHeadAttention::forward_long`], showing the rows of softmax weights to `observer` in parts, those of a few
    /// queries before the next ones of the same.
    #[inline]
    pub fn forward_long_observed<'s, const S: usize, const R: usize>(
        &self,
        x: &[[i8; E]; S],
        reach: impl Reach,
        scratch: &'s mut Scratch<S, E, H, P, W, S, R>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; E]; S] {
        self.forward_long_on::<Active, S, R>(x, reach, scratch, observer)
    }

    /// [`Self::forward_long_observed`] with the kernels of one's choice.
    #[inline]
    #[doc(hidden)]
    pub fn forward_long_on<'s, K: Kernels, const S: usize, const R: usize>(
        &self,
        x: &[[i8; E]; S],
        reach: impl Reach,
        scratch: &'s mut Scratch<S, E, H, P, W, S, R>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; E]; S] {
        const { require(M == E, "MultiHeadAttention: keys and values are made from another width: use `cross`") }
        self.run::<K, S, S, R, true>(Sequences::one(rows(x), S), reach, scratch, observer)
    }

    /// Cross-attention: queries from the `S` positions of `x`, keys and values from the `T` positions of `memory`.
    ///
    /// ```
    /// # use heedful::{Channel, HeadScale, Mask, MultiHeadAttention, Projection, Scale, Scratch, Wide};
    /// # const UNIT: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };
    /// # static Q: [[[i8; 8]; 4]; 2] = [[[1; 8]; 4]; 2];
    /// # static KV: [[[i8; 12]; 4]; 2] = [[[1; 12]; 4]; 2];
    /// # static O: [[[i8; 4]; 2]; 8] = [[[1; 4]; 2]; 8];
    /// # static C: [[Channel; 4]; 2] = [[UNIT; 4]; 2];
    /// # static OC: [Channel; 8] = [UNIT; 8];
    /// # static HEADS: [HeadScale; 2] = [HeadScale::from_real(0.01, 1.0).unwrap(); 2];
    /// // A decoder of width 8 looks at an encoder's output of width 12.
    /// static ATTENTION: MultiHeadAttention<8, 2, 4, Wide, 2, 12> = MultiHeadAttention::new(
    ///     Projection::new(&Q, &C), Projection::new(&KV, &C), Projection::new(&KV, &C), &O, &OC, &HEADS);
    /// let mut scratch = Scratch::new();
    /// let y = ATTENTION.cross(&[[1; 8]; 3], &[[2; 12]; 5], Mask::Length(4), &mut scratch);
    /// # assert_eq!(y.len(), 3);
    /// ```
    #[inline]
    pub fn cross<'s, const S: usize, const T: usize>(
        &self,
        x: &[[i8; E]; S],
        memory: &[[i8; M]; T],
        reach: impl Reach,
        scratch: &'s mut Scratch<S, E, H, P, W, T>,
    ) -> &'s [[i8; E]; S] {
        self.cross_observed(x, memory, reach, scratch, &mut Unobserved)
    }

    /// [`MultiHeadAttention::cross`], showing each row of softmax weights to `observer`.
    #[inline]
    pub fn cross_observed<'s, const S: usize, const T: usize>(
        &self,
        x: &[[i8; E]; S],
        memory: &[[i8; M]; T],
        reach: impl Reach,
        scratch: &'s mut Scratch<S, E, H, P, W, T>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; E]; S] {
        self.cross_on::<Active, S, T>(x, memory, reach, scratch, observer)
    }

    /// [`Self::cross_observed`] with the kernels of one's choice.
    #[inline]
    #[doc(hidden)]
    pub fn cross_on<'s, K: Kernels, const S: usize, const T: usize>(
        &self,
        x: &[[i8; E]; S],
        memory: &[[i8; M]; T],
        reach: impl Reach,
        scratch: &'s mut Scratch<S, E, H, P, W, T>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; E]; S] {
        let sequences = Sequences { queries: rows(x), positions: S, memory: Some(rows(memory)), keys: T };
        self.run::<K, S, T, T, false>(sequences, reach, scratch, observer)
    }

    #[inline]
    fn run<'s, K: Kernels, const S: usize, const T: usize, const R: usize, const PARTS: bool>(
        &self,
        x: Sequences<'_>,
        reach: impl Reach,
        scratch: &'s mut Scratch<S, E, H, P, W, T, R>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; E]; S] {
        let mut totals = [[0; P]; <Active as Kernels>::QUERIES];
        let mut heads = scratch.heads.view();
        if PARTS {
            heads.totals = totals.as_flattened_mut();
        }
        self.view.attend::<K, W, _, _, PARTS>(x, &reach, 0..H, &mut heads, 0, observer);
        finish::<K, S, E, H, P, W, T, R, P>(&self.view.output, scratch)
    }

    /// Some heads alone, each to outputs of its own, `[heads.len()][S][P]`: heads are independent, so that cores or
    /// threads can share them. [`MultiHeadAttention::join`] makes the whole of all heads' outputs. Heads that do not
    /// exist give 0.
    ///
    /// ```
    /// # use heedful::{Channel, HeadScale, Heads, Mask, MultiHeadAttention, Projection, Scale, Scratch};
    /// # const UNIT: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };
    /// # static W: [[[i8; 8]; 4]; 2] = [[[1; 8]; 4]; 2];
    /// # static O: [[[i8; 4]; 2]; 8] = [[[1; 4]; 2]; 8];
    /// # static C: [[Channel; 4]; 2] = [[UNIT; 4]; 2];
    /// # static OC: [Channel; 8] = [UNIT; 8];
    /// # static HEADS: [HeadScale; 2] = [HeadScale::from_real(0.01, 1.0).unwrap(); 2];
    /// # static ATTENTION: MultiHeadAttention<8, 2, 4> = MultiHeadAttention::new(
    /// #     Projection::new(&W, &C), Projection::new(&W, &C), Projection::new(&W, &C), &O, &OC, &HEADS);
    /// # let x = [[3; 8]; 5];
    /// let mut outputs = [[[0; 4]; 5]; 2];
    /// let (first, second) = outputs.split_at_mut(1);
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| ATTENTION.forward_heads(0..1, &x, Mask::None, &mut Heads::new(), first));
    ///     scope.spawn(|| ATTENTION.forward_heads(1..2, &x, Mask::None, &mut Heads::new(), second));
    /// });
    /// let (mut scratch, mut alone) = (Scratch::new(), Scratch::new());
    /// assert_eq!(ATTENTION.join(&outputs, &mut scratch), ATTENTION.forward(&x, Mask::None, &mut alone));
    /// ```
    #[inline]
    pub fn forward_heads<const S: usize>(
        &self,
        heads: Range<usize>,
        x: &[[i8; E]; S],
        reach: impl Reach,
        scratch: &mut Heads<S, 1, P, W>,
        outputs: &mut [[[i8; P]; S]],
    ) {
        const { require(M == E, "MultiHeadAttention: keys and values are made from another width") }
        for (head, output) in heads.zip(outputs) {
            if head >= H {
                // What the head before it left is not its own.
                output.as_flattened_mut().fill(0);
                continue;
            }
            let x = Sequences::one(rows(x), S);
            let one = head..head.saturating_add(1);
            self.view.attend::<Active, W, _, _, false>(x, &reach, one, &mut scratch.view(), 0, &mut Unobserved);
            for (to, [from]) in output.iter_mut().zip(scratch.outputs()) {
                *to = *from;
            }
        }
    }

    /// The output projection of all heads' outputs, as [`MultiHeadAttention::forward_heads`] leaves them.
    #[inline]
    pub fn join<'s, const S: usize>(
        &self,
        outputs: &[[[i8; P]; S]; H],
        scratch: &'s mut Scratch<S, E, H, P, W>,
    ) -> &'s [[i8; E]; S] {
        for (position, to) in scratch.heads.outputs_mut().iter_mut().enumerate() {
            for (to, head) in to.iter_mut().zip(outputs) {
                if let Some(from) = head.get(position) {
                    *to = *from;
                }
            }
        }
        finish::<Active, S, E, H, P, W, S, S, P>(&self.view.output, scratch)
    }
}

/// The sequence's rows.
#[inline]
pub(crate) const fn rows<const E: usize, const S: usize>(x: &[[i8; E]; S]) -> Rows<'_> {
    Rows::new(x.as_flattened(), E)
}

/// The output projection as a view.
pub(super) const fn output_view<const E: usize, const H: usize, const P: usize>(
    output: &'static [[[i8; P]; H]; E],
    channels: &'static [Channel; E],
) -> LinearView<'static> {
    const {
        require(
            H > 0 && H * P <= MAX_INPUTS,
            "MultiHeadAttention: no heads, or so many that the accumulator may overflow",
        );
    }
    let weights = Matrix { data: output.as_flattened().as_flattened(), inputs: H * P, stride: H * P };
    LinearView { weights, channels }
}

/// The output projection of the heads in `scratch`.
#[inline]
pub(super) fn finish<
    's,
    K: Kernels,
    const S: usize,
    const E: usize,
    const H: usize,
    const P: usize,
    W: Weight,
    const T: usize,
    const R: usize,
    const D: usize,
>(
    output: &LinearView<'_>,
    scratch: &'s mut Scratch<S, E, H, P, W, T, R, D>,
) -> &'s [[i8; E]; S] {
    let heads = scratch.heads.outputs().as_flattened().as_flattened();
    output.store::<K>(heads, scratch.output.as_flattened_mut());
    &scratch.output
}
