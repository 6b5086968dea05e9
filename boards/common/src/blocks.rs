//! Attention blocks with random weights, to be counted.

use heedful::kernels::Kernels;
use heedful::{Channel, Scale};

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
}

/// Weights in words, as in a model file: on Cortex-M a word across two costs a cycle more, which no count shows.
#[repr(align(4))]
pub(crate) struct Aligned<T>(pub(crate) T);

/// A [`Block`] of this shape.
macro_rules! block {
    ($s:literal, $e:literal, $h:literal, $p:literal) => {{
        use core::hint::black_box;
        use heedful::{Channel, HeadScale, Mask, MultiHeadAttention, Projection, Scale, Scratch, Steepness, Unobserved};
        use static_cell::ConstStaticCell;
        use $crate::blocks::{Aligned, Block, channel, random};

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
        static HEADS: [HeadScale; $h] = [HeadScale {
            steepness: Steepness::from_real(1.0 / 4096.0).unwrap(),
            value: Scale::from_real(2.0 / 256.0).unwrap(),
        }; $h];
        static ATTENTION: MultiHeadAttention<$e, $h, $p> = MultiHeadAttention::new(
            Projection::new(&QUERY.0, &INNER),
            Projection::new(&KEY.0, &INNER),
            Projection::new(&VALUE.0, &INNER),
            &OUTPUT.0,
            &OUTER,
            &HEADS,
        );
        struct Shape {
            x: [[[i8; $e]; $s]; 1],
            scratch: Scratch<$s, $e, $h, $p>,
        }
        static MEMORY: ConstStaticCell<Shape> =
            ConstStaticCell::new(Shape { x: [[[0; $e]; $s]; 1], scratch: Scratch::new() });
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
            fn run<K: heedful::kernels::Kernels>(&mut self) {
                let y = ATTENTION.forward_on::<K, $s>(
                    black_box(&self.x[0]),
                    Mask::None,
                    &mut self.scratch,
                    &mut Unobserved,
                );
                black_box(y);
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
    match Scale::from_real(1.0 / (128.0 * root as f64)) {
        Some(scale) => Channel { bias: 100, scale },
        None => panic!("the scale is in range"),
    }
}

/// Random int8, made on the board (Numerical Recipes' linear congruential generator).
pub(crate) fn scatter(state: &mut u32, x: &mut [i8]) {
    for x in x {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *x = (*state >> 24) as i8;
    }
}
