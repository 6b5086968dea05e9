//! Attention blocks and a matrix product, with marks between the stages. A mark is a call of a function that does
//! nothing: who reads the emulator's log of executed instructions sees its name go by.

use heedful::kernels::{Active, Kernels, Layer, NormView, RowScale, Rows, Tile, Witness};
use heedful::{
    Channel, HeadScale, Linear, Mask, MultiHeadAttention, Projection, Scale, Scratch, Steepness, Unobserved, Weight,
};
use std::hint::black_box;

macro_rules! marks {
    ($($name:ident)*) => {$(
        #[inline(never)]
        #[unsafe(no_mangle)]
        extern "C" fn $name() {
            // Functions that do the same would become one.
            black_box(stringify!($name).as_ptr());
        }
    )*};
}

marks! { mark_qkv mark_scores mark_softmax mark_weighted_sum mark_output mark_total mark_end mark_rest }

/// Marks the stages of a block; the rest is [`Active`].
struct Marked;

impl Kernels for Marked {
    const NAME: &'static str = "marked";
    const QUERIES: usize = Active::QUERIES;
    const WEIGHT_ROWS: usize = Active::WEIGHT_ROWS;

    fn linear(x: Rows<'_>, layers: &mut [Layer<'_>]) {
        // Query, key and value come together, the output projection alone.
        if layers.len() == 1 {
            mark_output()
        } else {
            mark_qkv()
        }
        Active::linear(x, layers);
        mark_rest();
    }

    fn tile_scores<W: Weight>(tile: &mut Tile<'_, W>) {
        mark_scores();
        Active::tile_scores(tile);
        mark_rest();
    }

    fn tile_softmax<W: Weight>(tile: &mut Tile<'_, W>) {
        mark_softmax();
        Active::tile_softmax(tile);
        mark_rest();
    }

    fn tile_weighted_sum<W: Weight>(tile: &mut Tile<'_, W>) {
        mark_weighted_sum();
        Active::tile_weighted_sum(tile);
        mark_rest();
    }

    fn tile_show<W: Weight>(tile: &mut Tile<'_, W>, witness: &mut impl Witness<W>) {
        Active::tile_show(tile, witness);
    }

    fn scores(query: &[i8], keys: &[i8], scores: &mut [i32]) -> i32 {
        Active::scores(query, keys, scores)
    }

    fn exp2<W: Weight>(scores: &[i32], max: i32, steepness: Steepness, weights: &mut [W]) -> u32 {
        Active::exp2(scores, max, steepness, weights)
    }

    fn weighted_sum<W: Weight>(weights: &[W], values: &[i8], stride: usize, scale: RowScale, out: &mut [i8]) {
        Active::weighted_sum(weights, values, stride, scale, out);
    }

    fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
        Active::layer_norm(x, norm, out);
    }
}

/// Pseudo-random int8 other than -128, as models have them (Marsaglia, "Xorshift RNGs", 2003).
const fn random<const N: usize, const M: usize, const K: usize>(seed: u32) -> [[[i8; N]; M]; K] {
    let mut values = [[[0; N]; M]; K];
    let mut state = seed;
    let mut i = 0;
    while i < N * M * K {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let value = state as i8;
        values[i / (N * M)][i / N % M][i % N] = if value == -128 { -127 } else { value };
        i += 1;
    }
    values
}

/// A channel that brings sums over `inputs` random products to some 40 units.
const fn channel(inputs: usize) -> Channel {
    let mut root = 1;
    while root * root < inputs {
        root += 1;
    }
    match Scale::from_real(1.0 / (128.0 * root as f64)) {
        Some(scale) => Channel { bias: 100, scale },
        None => panic!("the scale is in range"),
    }
}

macro_rules! block {
    ($s:literal, $e:literal, $h:literal, $p:literal) => {{
        #[allow(long_running_const_eval)]
        static QUERY: [[[i8; $e]; $p]; $h] = random(1);
        #[allow(long_running_const_eval)]
        static KEY: [[[i8; $e]; $p]; $h] = random(2);
        #[allow(long_running_const_eval)]
        static VALUE: [[[i8; $e]; $p]; $h] = random(3);
        #[allow(long_running_const_eval)]
        static OUTPUT: [[[i8; $p]; $h]; $e] = random(4);
        #[allow(long_running_const_eval)]
        static X: [[[i8; $e]; $s]; 1] = random(5);
        static INNER: [[Channel; $p]; $h] = [[channel($e); $p]; $h];
        static OUTER: [Channel; $e] = [channel($h * $p); $e];
        static HEADS: [HeadScale; $h] = [HeadScale {
            steepness: Steepness::from_real(1.0 / 4096.0).unwrap(),
            value: Scale::from_real(2.0 / 256.0).unwrap(),
        }; $h];
        static ATTENTION: MultiHeadAttention<$e, $h, $p> = MultiHeadAttention::new(
            Projection::new(&QUERY, &INNER),
            Projection::new(&KEY, &INNER),
            Projection::new(&VALUE, &INNER),
            &OUTPUT,
            &OUTER,
            &HEADS,
        );
        let mut scratch: Box<Scratch<$s, $e, $h, $p>> = Box::new(Scratch::new());
        println!("block {},{},{},{}", $s, $e, $h, $p);
        mark_total();
        black_box(ATTENTION.forward_on::<Active, $s>(black_box(&X[0]), Mask::None, &mut scratch, &mut Unobserved));
        mark_end();
        black_box(ATTENTION.forward_on::<Marked, $s>(black_box(&X[0]), Mask::None, &mut scratch, &mut Unobserved));
        mark_end();
    }};
}

/// Runs all blocks and the product once, under marks.
pub fn count() {
    include!(concat!(env!("OUT_DIR"), "/shapes.rs"));
    static WEIGHTS: [[[i8; 64]; 64]; 1] = random(6);
    static CHANNELS: [Channel; 64] = [channel(64); 64];
    static LAYER: Linear<64, 64> = Linear::new(&WEIGHTS[0], &CHANNELS);
    static INPUT: [[[i8; 64]; 128]; 1] = random(7);
    let mut y = Box::new([[0; 64]; 128]);
    println!("product 128,64,64");
    mark_total();
    LAYER.forward(black_box(&INPUT[0]), &mut y);
    mark_end();
    black_box(&y);
}
