//! Attention blocks, and encoder blocks around them, with random weights, to be counted.

use heedful::internals::{Active, Epilogue, Kernels, Layer, Matrix, Rows, linear};
use heedful::{Channel, NormChannel, Scale};

/// Positions that go through the feed-forward layers at a time, as in the library's encoder.
pub(crate) const TILE: usize = 4;

/// A block, its memory and how to run it.
pub(crate) trait Block {
    /// Positions, width, heads, head dimension.
    const SHAPE: [usize; 4];
    /// The input, `[positions][width]`.
    fn input(&mut self) -> &mut [i8];
    /// Makes each row of the input meet a row of the queries' weights with the largest sum there is, or the smallest.
    fn saturate(&mut self, largest: bool);
    /// All of it on these kernels.
    fn run<K: Kernels>(&mut self);
    /// A pre-norm encoder block around it, with feed-forward layers of twice the width.
    fn encode<P: Parts>(&mut self);
}

/// Gets the parts of an encoder block, one by one.
pub(crate) trait Parts {
    /// Kernels of the attention.
    type Attention: Kernels;
    fn norm(work: impl FnOnce()) {
        work();
    }
    fn table(work: impl FnOnce()) {
        work();
    }
    /// A feed-forward layer.
    fn layer(work: impl FnOnce()) {
        work();
    }
}

/// All parts just as they are.
pub(crate) struct Whole;

impl Parts for Whole {
    type Attention = Active;
}

/// Weights in words, as in a model file: on Cortex-M a word across two costs a cycle more, which no count shows.
#[repr(align(4))]
pub(crate) struct Aligned<T>(pub(crate) T);

/// A [`Block`] of this shape.
macro_rules! block {
    ($s:literal, $e:literal, $h:literal, $p:literal) => {{
        use core::hint::black_box;
        use heedful::internals::Epilogue;
        use heedful::{
            Activation, Channel, HeadScale, LayerNorm, Mask, MultiHeadAttention, NormChannel, Projection, RELU, Scratch,
            Unobserved,
        };
        use static_cell::ConstStaticCell;
        use $crate::blocks::{Aligned, Block, Parts, TILE, channel, layer, norms, random};

        #[allow(long_running_const_eval)]
        static QUERY: Aligned<[[[i8; $e]; $p]; $h]> = Aligned(random(1));
        #[allow(long_running_const_eval)]
        static KEY: Aligned<[[[i8; $e]; $p]; $h]> = Aligned(random(2));
        #[allow(long_running_const_eval)]
        static VALUE: Aligned<[[[i8; $e]; $p]; $h]> = Aligned(random(3));
        #[allow(long_running_const_eval)]
        static OUTPUT: Aligned<[[[i8; $p]; $h]; $e]> = Aligned(random(4));
        static INNER: [[Channel; $p]; $h] = [[channel($e); $p]; $h];
        static OUTER: [Channel; $e] = [channel($h * $p); $e];
        // Unit-variance scores, nearly: the counts hardly depend on it.
        static HEADS: [HeadScale; $h] = [HeadScale::from_real(1.0 / 4096.0, 2.0).unwrap(); $h];
        static ATTENTION: MultiHeadAttention<$e, $h, $p> = MultiHeadAttention::new(
            Projection::new(&QUERY.0, &INNER),
            Projection::new(&KEY.0, &INNER),
            Projection::new(&VALUE.0, &INNER),
            &OUTPUT.0,
            &OUTER,
            &HEADS,
        );
        const HIDDEN: usize = 2 * $e;
        #[allow(long_running_const_eval)]
        static EXPAND: Aligned<[[[i8; $e]; HIDDEN]; 1]> = Aligned(random(8));
        #[allow(long_running_const_eval)]
        static CONTRACT: Aligned<[[[i8; HIDDEN]; $e]; 1]> = Aligned(random(9));
        static TO_HIDDEN: [Channel; HIDDEN] = [channel($e); HIDDEN];
        static FROM_HIDDEN: [Channel; $e] = [channel(HIDDEN); $e];
        static NORMS: [NormChannel; $e] = norms(10);
        static NORM: LayerNorm<$e> = LayerNorm::new(&NORMS, 100);
        #[repr(C, align(4))]
        struct Shape {
            residual: [[i16; $e]; $s],
            x: [[[i8; $e]; $s]; 1],
            hidden: [[i8; HIDDEN]; TILE],
            scratch: Scratch<$s, $e, $h, $p>,
        }
        static MEMORY: ConstStaticCell<Shape> = ConstStaticCell::new(Shape {
            residual: [[0; $e]; $s],
            x: [[[0; $e]; $s]; 1],
            hidden: [[0; HIDDEN]; TILE],
            scratch: Scratch::new(),
        });
        impl Block for Shape {
            const SHAPE: [usize; 4] = [$s, $e, $h, $p];
            fn input(&mut self) -> &mut [i8] {
                self.x.as_flattened_mut().as_flattened_mut()
            }
            fn saturate(&mut self, largest: bool) {
                for (x, weights) in self.x[0].iter_mut().zip(QUERY.0.as_flattened().iter().cycle()) {
                    for (x, &weight) in x.iter_mut().zip(weights) {
                        *x = if (weight >= 0) == largest { 127 } else { -128 };
                    }
                }
            }
            fn run<K: heedful::internals::Kernels>(&mut self) {
                let y = ATTENTION.forward_on::<K, $s>(
                    black_box(&self.x[0]),
                    Mask::None,
                    &mut self.scratch,
                    &mut Unobserved,
                );
                black_box(y);
            }
            fn encode<P: Parts>(&mut self) {
                let Self { residual, x: [x], hidden, scratch } = self;
                P::norm(|| NORM.forward(black_box(residual), x));
                ATTENTION.accumulate_on::<P::Attention, $s>(x, residual, Mask::None, scratch, &mut Unobserved);
                P::norm(|| NORM.forward(residual, x));
                for (x, residual) in x.chunks(TILE).zip(residual.chunks_mut(TILE)) {
                    let (hidden, _) = hidden.split_at_mut(x.len());
                    let out = hidden.as_flattened_mut();
                    let epilogue = Epilogue::Store { out, row_stride: HIDDEN, output_stride: 1 };
                    P::layer(|| layer(x.as_flattened(), &EXPAND.0[0], &TO_HIDDEN, epilogue));
                    P::table(|| Activation(&RELU).forward(hidden.as_flattened_mut()));
                    let epilogue = Epilogue::Add { out: residual.as_flattened_mut(), width: $e };
                    P::layer(|| layer(hidden.as_flattened(), &CONTRACT.0[0], &FROM_HIDDEN, epilogue));
                }
                black_box(residual);
            }
        }
        MEMORY.take()
    }};
}
pub(crate) use block;

/// Pseudo-random int8, made when the firmware is compiled (Marsaglia, "Xorshift RNGs", 2003).
pub(crate) const fn random<const N: usize, const M: usize, const K: usize>(seed: u32) -> [[[i8; N]; M]; K] {
    let mut values = [[[0; N]; M]; K];
    let mut state = seed;
    let mut k = 0;
    while k < K {
        let mut m = 0;
        while m < M {
            let mut n = 0;
            while n < N {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                values[k][m][n] = state as i8;
                n += 1;
            }
            m += 1;
        }
        k += 1;
    }
    values
}

/// A channel that brings sums over `inputs` random products to some 40 units.
pub(crate) const fn channel(inputs: usize) -> Channel {
    let mut root = 1;
    while root * root < inputs {
        root += 1;
    }
    Channel { bias: 100, scale: Scale::from_real(1.0 / (128.0 * root as f64)).unwrap() }
}

/// Gains and offsets of about 32.
pub(crate) const fn norms<const N: usize>(seed: u32) -> [NormChannel; N] {
    use fixed::types::I8F8;
    let [[random]] = random::<N, 1, 1>(seed);
    let mut norms = [NormChannel { gain: I8F8::ZERO, offset: I8F8::ZERO }; N];
    let mut i = 0;
    while i < N {
        let gain = I8F8::from_bits((32 << 8) + random[i] as i16);
        norms[i] = NormChannel { gain, offset: I8F8::from_bits(64 * random[i] as i16) };
        i += 1;
    }
    norms
}

/// A linear layer of the board's kernels, where the shape is known at run time only, as in an encoder.
#[inline(never)]
pub(crate) fn layer<const N: usize>(x: &[i8], weights: &[[i8; N]], channels: &[Channel], epilogue: Epilogue<'_>) {
    let weights = Matrix { data: weights.as_flattened(), inputs: N, stride: N };
    linear::<Active>(Rows::new(x, N), &mut [Layer { weights, channels, epilogue }]);
}

/// Random int8, made on the board (Numerical Recipes' linear congruential generator).
pub(crate) fn scatter(state: &mut u32, x: &mut [i8]) {
    for x in x {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *x = (*state >> 24) as i8;
    }
}
