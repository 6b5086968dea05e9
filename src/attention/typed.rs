//! Attention whose shape is in its type: a thin shell around [`AttentionView`].

use super::{
    AttentionView, HeadScale, HeadScratch, MAX_HEAD_DIM, OutputLayout, ProjectionView, Scratch, Sequences, WholeRows,
};
use crate::arithmetic::requantise::Channel;
use crate::arithmetic::softmax::{Weight, Wide};
use crate::error::require;
use crate::kernels::{Active, Kernels, Matrix, Rows};
use crate::linear::{LinearView, MAX_INPUTS};
use crate::observe::{LayerObserver, Observer, Unobserved};
use crate::pattern::AttentionPattern;
use core::marker::PhantomData;
use core::ops::Range;

/// The projection of a model of width `WIDTH` to `HEADS` heads of `HEAD_DIM`, for queries, keys or values.
#[derive(Clone, Copy, Debug)]
pub struct Projection<const WIDTH: usize, const HEADS: usize, const HEAD_DIM: usize> {
    pub(super) view: ProjectionView<'static>,
}

impl<const WIDTH: usize, const HEADS: usize, const HEAD_DIM: usize> Projection<WIDTH, HEADS, HEAD_DIM> {
    /// From weights `[HEADS][HEAD_DIM][WIDTH]` and a bias and scale per output.
    #[must_use]
    pub const fn new(
        weights: &'static [[[i8; WIDTH]; HEAD_DIM]; HEADS],
        channels: &'static [[Channel; HEAD_DIM]; HEADS],
    ) -> Self {
        Self::shared(weights, channels)
    }

    /// From weights that heads share: `SETS` sets, the first `HEADS / SETS` heads have the first one. Each head has a
    /// bias of its own.
    ///
    /// ```
    /// # use heedful::{Channel, Projection, Scale};
    /// # const C: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };
    /// // Two sets of weights, and four heads that differ within a pair by their biases alone.
    /// static WEIGHTS: [[[i8; 8]; 4]; 2] = [[[1; 8]; 4]; 2];
    /// const fn biased(bias: i32) -> [Channel; 4] { [Channel { bias, ..C }; 4] }
    /// static CHANNELS: [[Channel; 4]; 4] = [biased(-50), biased(0), biased(0), biased(50)];
    /// static QUERY: Projection<8, 4, 4> = Projection::shared(&WEIGHTS, &CHANNELS);
    /// ```
    #[must_use]
    pub const fn shared<const SETS: usize>(
        weights: &'static [[[i8; WIDTH]; HEAD_DIM]; SETS],
        channels: &'static [[Channel; HEAD_DIM]; HEADS],
    ) -> Self {
        const {
            require(
                WIDTH > 0 && WIDTH <= MAX_INPUTS,
                "Projection: the width is 0 or so large that the accumulator may overflow",
            );
            require(SETS > 0 && HEADS.is_multiple_of(SETS), "Projection: the heads cannot share the weights evenly");
        }
        let weights = Matrix { data: weights.as_flattened().as_flattened(), inputs: WIDTH, stride: WIDTH };
        let channels = channels.as_flattened();
        Self { view: ProjectionView { weights, channels, weight_groups: SETS, channel_groups: HEADS, offset: 0 } }
    }
}

/// Multi-head attention in a model of width `WIDTH`: `HEADS` heads of dimension `HEAD_DIM`, with softmax weights
/// of type `W` ([`Wide`] or [`Narrow`](crate::Narrow)).
///
/// With `KV_HEADS` less than `HEADS` heads share their keys and values: `KV_HEADS = 1` is multi-query attention, what
/// lies between is grouped-query attention. `MEMORY_WIDTH` is the width of the sequence that is looked at, where it is
/// another one (cross-attention).
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
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W = Wide,
    const KV_HEADS: usize = HEADS,
    const MEMORY_WIDTH: usize = WIDTH,
> {
    pub(crate) view: AttentionView<'static>,
    weight: PhantomData<W>,
}

impl<
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W: Weight,
    const KV_HEADS: usize,
    const MEMORY_WIDTH: usize,
> MultiHeadAttention<WIDTH, HEADS, HEAD_DIM, W, KV_HEADS, MEMORY_WIDTH>
{
    /// From the projections, the weights `[WIDTH][HEADS][HEAD_DIM]` of the output projection with a bias and scale per
    /// output, and a scale per head.
    #[must_use]
    pub const fn new(
        query: Projection<WIDTH, HEADS, HEAD_DIM>,
        key: Projection<MEMORY_WIDTH, KV_HEADS, HEAD_DIM>,
        value: Projection<MEMORY_WIDTH, KV_HEADS, HEAD_DIM>,
        output: &'static [[[i8; HEAD_DIM]; HEADS]; WIDTH],
        output_channels: &'static [Channel; WIDTH],
        head_scales: &'static [HeadScale; HEADS],
    ) -> Self {
        const {
            require(
                HEAD_DIM > 0 && HEAD_DIM <= MAX_HEAD_DIM,
                "MultiHeadAttention: the head dimension is 0 or above 256",
            );
            require(
                KV_HEADS > 0 && HEADS.is_multiple_of(KV_HEADS),
                "MultiHeadAttention: the heads cannot share the keys and values evenly",
            );
        }
        let output = output_view(output, output_channels);
        let (query, key, value) = (query.view, Some(key.view), value.view);
        Self {
            view: AttentionView { query, key, value, output, head_scales, dim: HEAD_DIM, head_dim: HEAD_DIM },
            weight: PhantomData,
        }
    }

    /// Attention of `POSITIONS` positions over each other.
    ///
    /// `x` and the result are int8, `[POSITIONS][WIDTH]`; the result lies in `scratch`. A [`Mask`](crate::Mask) is the
    /// simplest `pattern`.
    #[inline]
    pub fn forward<'s, const POSITIONS: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        pattern: impl AttentionPattern,
        scratch: &'s mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W>,
    ) -> &'s [[i8; WIDTH]; POSITIONS] {
        self.forward_observed(x, pattern, scratch, &mut Unobserved)
    }

    /// [`MultiHeadAttention::forward`], showing each row of softmax weights to `observer`.
    #[inline]
    pub fn forward_observed<'s, const POSITIONS: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        pattern: impl AttentionPattern,
        scratch: &'s mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; WIDTH]; POSITIONS] {
        self.forward_on::<Active, POSITIONS>(x, pattern, scratch, observer)
    }

    /// [`MultiHeadAttention::forward_observed`] with the kernels of one's choice.
    #[inline]
    #[doc(hidden)]
    pub fn forward_on<'s, K: Kernels, const POSITIONS: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        pattern: impl AttentionPattern,
        scratch: &'s mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; WIDTH]; POSITIONS] {
        const {
            require(
                MEMORY_WIDTH == WIDTH,
                "MultiHeadAttention: keys and values are made from another width: use `cross`",
            )
        }
        self.run::<K, POSITIONS, POSITIONS>(Sequences::one(rows(x), POSITIONS), pattern, scratch, observer)
    }

    /// [`MultiHeadAttention::forward_on`], with the result added to the residual stream.
    #[inline]
    #[doc(hidden)]
    pub fn accumulate_on<K: Kernels, const POSITIONS: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        residual: &mut [[i16; WIDTH]; POSITIONS],
        pattern: impl AttentionPattern,
        scratch: &mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W>,
        observer: &mut impl Observer<W>,
    ) {
        const { require(MEMORY_WIDTH == WIDTH, "MultiHeadAttention: keys and values are made from another width") }
        let (x, observer) = (Sequences::one(rows(x), POSITIONS), LayerObserver { layer: 0, observer });
        self.view.attend::<K, _, _, _, _>(x, &pattern, 0..HEADS, &mut scratch.heads.view(), WholeRows, observer);
        let heads = scratch.heads.outputs().as_flattened().as_flattened();
        self.view.output.accumulate::<K>(heads, residual.as_flattened_mut());
    }

    /// [`MultiHeadAttention::forward`] with memory for `SCORES` scores of a query at a time instead of `POSITIONS`: for
    /// rows of thousands of positions. The scores are computed twice; the result is the same, to the bit, whatever
    /// `SCORES`.
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
    pub fn forward_long<'s, const POSITIONS: usize, const SCORES: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        pattern: impl AttentionPattern,
        scratch: &'s mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W, POSITIONS, SCORES>,
    ) -> &'s [[i8; WIDTH]; POSITIONS] {
        self.forward_long_observed(x, pattern, scratch, &mut Unobserved)
    }

    /// [`MultiHeadAttention::forward_long`], showing the rows of softmax weights to `observer` in parts, those of a few
    /// queries before the next ones of the same.
    #[inline]
    pub fn forward_long_observed<'s, const POSITIONS: usize, const SCORES: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        pattern: impl AttentionPattern,
        scratch: &'s mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W, POSITIONS, SCORES>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; WIDTH]; POSITIONS] {
        self.forward_long_on::<Active, POSITIONS, SCORES>(x, pattern, scratch, observer)
    }

    /// [`Self::forward_long_observed`] with the kernels of one's choice.
    #[inline]
    #[doc(hidden)]
    pub fn forward_long_on<'s, K: Kernels, const POSITIONS: usize, const SCORES: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        pattern: impl AttentionPattern,
        scratch: &'s mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W, POSITIONS, SCORES>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; WIDTH]; POSITIONS] {
        const {
            require(
                MEMORY_WIDTH == WIDTH,
                "MultiHeadAttention: keys and values are made from another width: use `cross`",
            )
        }
        let mut sums = [[0; HEAD_DIM]; <Active as Kernels>::QUERIES];
        let (x, observer) = (Sequences::one(rows(x), POSITIONS), LayerObserver { layer: 0, observer });
        let (heads, parts) = (&mut scratch.heads.view(), sums.as_flattened_mut());
        self.view.attend::<K, _, _, _, _>(x, &pattern, 0..HEADS, heads, parts, observer);
        finish::<K, POSITIONS, WIDTH, HEADS, HEAD_DIM, W, POSITIONS, SCORES, HEAD_DIM>(&self.view.output, scratch)
    }

    /// Cross-attention: queries from the `POSITIONS` positions of `x`, keys and values from the `KEYS` positions of
    /// `memory`.
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
    pub fn cross<'s, const POSITIONS: usize, const KEYS: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        memory: &[[i8; MEMORY_WIDTH]; KEYS],
        pattern: impl AttentionPattern,
        scratch: &'s mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W, KEYS>,
    ) -> &'s [[i8; WIDTH]; POSITIONS] {
        self.cross_observed(x, memory, pattern, scratch, &mut Unobserved)
    }

    /// [`MultiHeadAttention::cross`], showing each row of softmax weights to `observer`.
    #[inline]
    pub fn cross_observed<'s, const POSITIONS: usize, const KEYS: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        memory: &[[i8; MEMORY_WIDTH]; KEYS],
        pattern: impl AttentionPattern,
        scratch: &'s mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W, KEYS>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; WIDTH]; POSITIONS] {
        self.cross_on::<Active, POSITIONS, KEYS>(x, memory, pattern, scratch, observer)
    }

    /// [`Self::cross_observed`] with the kernels of one's choice.
    #[inline]
    #[doc(hidden)]
    pub fn cross_on<'s, K: Kernels, const POSITIONS: usize, const KEYS: usize>(
        &self,
        x: &[[i8; WIDTH]; POSITIONS],
        memory: &[[i8; MEMORY_WIDTH]; KEYS],
        pattern: impl AttentionPattern,
        scratch: &'s mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W, KEYS>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; WIDTH]; POSITIONS] {
        let sequences = Sequences { queries: rows(x), positions: POSITIONS, memory: Some(rows(memory)), keys: KEYS };
        self.run::<K, POSITIONS, KEYS>(sequences, pattern, scratch, observer)
    }

    #[inline]
    fn run<'s, K: Kernels, const POSITIONS: usize, const KEYS: usize>(
        &self,
        x: Sequences<'_>,
        pattern: impl AttentionPattern,
        scratch: &'s mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W, KEYS>,
        observer: &mut impl Observer<W>,
    ) -> &'s [[i8; WIDTH]; POSITIONS] {
        let observer = LayerObserver { layer: 0, observer };
        self.view.attend::<K, _, _, _, _>(x, &pattern, 0..HEADS, &mut scratch.heads.view(), WholeRows, observer);
        finish::<K, POSITIONS, WIDTH, HEADS, HEAD_DIM, W, KEYS, KEYS, HEAD_DIM>(&self.view.output, scratch)
    }

    /// Some heads alone, each to outputs of its own, `[heads.len()][POSITIONS][HEAD_DIM]`: heads are independent, so
    /// that cores or threads can share them. [`MultiHeadAttention::join`] makes the whole of all heads' outputs. Heads
    /// that do not exist give 0.
    ///
    /// ```
    /// # use heedful::{Channel, HeadScale, HeadScratch, Mask, MultiHeadAttention, Projection, Scale, Scratch};
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
    ///     scope.spawn(|| ATTENTION.forward_heads(0..1, &x, Mask::None, &mut HeadScratch::new(), first));
    ///     scope.spawn(|| ATTENTION.forward_heads(1..2, &x, Mask::None, &mut HeadScratch::new(), second));
    /// });
    /// let (mut scratch, mut alone) = (Scratch::new(), Scratch::new());
    /// assert_eq!(ATTENTION.join(&outputs, &mut scratch), ATTENTION.forward(&x, Mask::None, &mut alone));
    /// ```
    #[inline]
    pub fn forward_heads<const POSITIONS: usize>(
        &self,
        heads: Range<usize>,
        x: &[[i8; WIDTH]; POSITIONS],
        pattern: impl AttentionPattern,
        scratch: &mut HeadScratch<POSITIONS, 1, HEAD_DIM, W>,
        outputs: &mut [[[i8; HEAD_DIM]; POSITIONS]],
    ) {
        const { require(MEMORY_WIDTH == WIDTH, "MultiHeadAttention: keys and values are made from another width") }
        let heads = heads.start..heads.end.min(heads.start.saturating_add(outputs.len()));
        let there = heads.start..heads.end.min(HEADS);
        let (outputs, missing) = outputs.split_at_mut(there.len().min(outputs.len()));
        missing.iter_mut().take(heads.len() - there.len()).for_each(|output| output.as_flattened_mut().fill(0));
        let mut view = scratch.view();
        view.outputs = outputs.as_flattened_mut().as_flattened_mut();
        view.layout = OutputLayout::Apart;
        let unobserved = LayerObserver { layer: 0, observer: &mut Unobserved };
        self.view.attend::<Active, _, _, _, _>(
            Sequences::one(rows(x), POSITIONS),
            &pattern,
            there,
            &mut view,
            WholeRows,
            unobserved,
        );
    }

    /// The output projection of all heads' outputs, as [`MultiHeadAttention::forward_heads`] leaves them.
    #[inline]
    pub fn join<'s, const POSITIONS: usize>(
        &self,
        outputs: &[[[i8; HEAD_DIM]; POSITIONS]; HEADS],
        scratch: &'s mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W>,
    ) -> &'s [[i8; WIDTH]; POSITIONS] {
        for (position, to) in scratch.heads.outputs_mut().iter_mut().enumerate() {
            for (to, head) in to.iter_mut().zip(outputs) {
                if let Some(from) = head.get(position) {
                    *to = *from;
                }
            }
        }
        finish::<Active, POSITIONS, WIDTH, HEADS, HEAD_DIM, W, POSITIONS, POSITIONS, HEAD_DIM>(
            &self.view.output,
            scratch,
        )
    }
}

/// The sequence's rows.
#[inline]
pub(crate) const fn rows<const WIDTH: usize, const POSITIONS: usize>(x: &[[i8; WIDTH]; POSITIONS]) -> Rows<'_> {
    Rows::new(x.as_flattened(), WIDTH)
}

/// The output projection as a view.
pub(super) const fn output_view<const WIDTH: usize, const HEADS: usize, const HEAD_DIM: usize>(
    output: &'static [[[i8; HEAD_DIM]; HEADS]; WIDTH],
    channels: &'static [Channel; WIDTH],
) -> LinearView<'static> {
    const {
        require(
            HEADS > 0 && HEADS * HEAD_DIM <= MAX_INPUTS,
            "MultiHeadAttention: no heads, or so many that the accumulator may overflow",
        );
    }
    let weights =
        Matrix { data: output.as_flattened().as_flattened(), inputs: HEADS * HEAD_DIM, stride: HEADS * HEAD_DIM };
    LinearView { weights, channels }
}

/// The output projection of the heads in `scratch`.
#[inline]
pub(super) fn finish<
    's,
    K: Kernels,
    const POSITIONS: usize,
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W: Weight,
    const KEYS: usize,
    const SCORES: usize,
    const KEY_DIM: usize,
>(
    output: &LinearView<'_>,
    scratch: &'s mut Scratch<POSITIONS, WIDTH, HEADS, HEAD_DIM, W, KEYS, SCORES, KEY_DIM>,
) -> &'s [[i8; WIDTH]; POSITIONS] {
    let heads = scratch.heads.outputs().as_flattened().as_flattened();
    output.store::<K>(heads, scratch.output.as_flattened_mut());
    &scratch.output
}
