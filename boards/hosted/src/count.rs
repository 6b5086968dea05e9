//! Attention blocks, encoder blocks and a matrix product, with marks between the stages. A mark is a call of a function
//! that does nothing: who reads the emulator's log of executed instructions sees its name go by.

use fixed::types::I8F8;
use heedful::internals::{
    Active, Bounds, Epilogue, Kernels, Layer, Matrix, NormView, Products, RowScale, Rows, Tile, WeightObserver, linear,
};
use heedful::{
    Activation, Channel, HeadScale, LayerNorm, Linear, Mask, MultiHeadAttention, NormChannel, Projection, RELU, Scale,
    Scratch, Steepness, Unobserved, Weight,
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

marks! {
    mark_qkv mark_scores mark_softmax mark_weighted_sum mark_output mark_layers mark_norms mark_table
    mark_total mark_store mark_add mark_end mark_rest
}

/// Positions that go through the feed-forward layers at a time, as in the library's encoder.
const TILE: usize = 4;

/// Marks the stages of a block; the rest is [`Active`].
struct Marked;

impl Kernels for Marked {
    const NAME: &'static str = "marked";
    const QUERIES: usize = Active::QUERIES;
    const KEYS: usize = Active::KEYS;
    const WEIGHT_ROWS: usize = Active::WEIGHT_ROWS;

    fn linear(products: Products<'_, '_>) {
        // Query, key and value come together, the output projection alone.
        if products.layers() == 1 {
            mark_output()
        } else {
            mark_qkv()
        }
        Active::linear(products);
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

    fn tile_bias<W: Weight>(tile: &mut Tile<'_, W>, rows: impl FnMut(usize, usize, &mut [i32])) {
        Active::tile_bias(tile, rows);
    }

    fn tile_floor<W: Weight>(tile: &mut Tile<'_, W>) {
        Active::tile_floor(tile);
    }

    fn tile_scores_between<W: Weight>(tile: &mut Tile<'_, W>, starts: &Bounds, ends: &Bounds) {
        mark_scores();
        Active::tile_scores_between(tile, starts, ends);
        mark_rest();
    }

    fn tile_weighted_total<W: Weight>(tile: &mut Tile<'_, W>, totals: &mut [i64]) {
        Active::tile_weighted_total(tile, totals);
    }

    fn tile_show<W: Weight>(tile: &mut Tile<'_, W>, observer: &mut impl WeightObserver<W>) {
        Active::tile_show(tile, observer);
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
    Channel { bias: 100, scale: Scale::from_real(1.0 / (128.0 * root as f64)).unwrap() }
}

/// A linear layer.
fn layer<const N: usize>(x: &[i8], weights: &[[i8; N]], channels: &[Channel], epilogue: Epilogue<'_>) {
    let weights = Matrix { data: weights.as_flattened(), inputs: N, stride: N };
    linear::<Active>(Rows::new(x, N), &mut [Layer { weights, channels, epilogue }]);
}

/// `work` between marks, if marks are wanted.
fn part(marked: bool, mark: extern "C" fn(), work: impl FnOnce()) {
    if marked {
        mark();
    }
    work();
    if marked {
        mark_rest();
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
        static HEADS: [HeadScale; $h] = [HeadScale::from_real(1.0 / 4096.0, 2.0).unwrap(); $h];
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

        const HIDDEN: usize = 2 * $e;
        #[allow(long_running_const_eval)]
        static EXPAND: [[[i8; $e]; HIDDEN]; 1] = random(8);
        #[allow(long_running_const_eval)]
        static CONTRACT: [[[i8; HIDDEN]; $e]; 1] = random(9);
        static TO_HIDDEN: [Channel; HIDDEN] = [channel($e); HIDDEN];
        static FROM_HIDDEN: [Channel; $e] = [channel(HIDDEN); $e];
        static NORMS: [NormChannel; $e] = [NormChannel { gain: I8F8::lit("32.5"), offset: I8F8::lit("-7.25") }; $e];
        static NORM: LayerNorm<$e> = LayerNorm::new(&NORMS, 100);
        let (mut residual, mut normed) = (Box::new([[0i16; $e]; $s]), Box::new([[0i8; $e]; $s]));
        let mut hidden = [[0i8; HIDDEN]; TILE];
        let mut encode = |marked: bool| {
            part(marked, mark_norms, || NORM.forward(black_box(&residual), &mut normed));
            let (x, residual_now, scratch) = (&normed, &mut residual, &mut scratch);
            if marked {
                ATTENTION.accumulate_on::<Marked, $s>(x, residual_now, Mask::None, scratch, &mut Unobserved);
            } else {
                ATTENTION.accumulate_on::<Active, $s>(x, residual_now, Mask::None, scratch, &mut Unobserved);
            }
            part(marked, mark_norms, || NORM.forward(&residual, &mut normed));
            for (x, residual) in normed.chunks(TILE).zip(residual.chunks_mut(TILE)) {
                let hidden = hidden[..x.len()].as_flattened_mut();
                part(marked, mark_layers, || {
                    let epilogue = Epilogue::Store { out: hidden, row_stride: HIDDEN, output_stride: 1 };
                    layer(x.as_flattened(), &EXPAND[0], &TO_HIDDEN, epilogue)
                });
                part(marked, mark_table, || Activation(&RELU).forward(hidden));
                part(marked, mark_layers, || {
                    let epilogue = Epilogue::Add { out: residual.as_flattened_mut(), width: $e };
                    layer(hidden, &CONTRACT[0], &FROM_HIDDEN, epilogue)
                });
            }
            mark_end();
        };
        println!("encoder {},{},{},{}", $s, $e, $h, $p);
        mark_total();
        encode(false);
        encode(true);
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
    outputs();
}

/// One layer at two widths, to int8 and to the residual stream: what does not grow with the width is spent on the
/// results.
fn outputs() {
    static NARROW: [[[i8; 32]; 64]; 1] = random(6);
    static WIDE: [[[i8; 64]; 64]; 1] = random(7);
    static CHANNELS: [Channel; 64] = [channel(64); 64];
    static X: [[[i8; 64]; 128]; 1] = random(8);
    let (mut stored, mut added) = (vec![0; 128 * 64], vec![0; 128 * 64]);
    for width in [32, 64] {
        let x = &X.as_flattened().as_flattened()[..128 * width];
        let run = |epilogue| match width {
            32 => layer(x, &NARROW[0], &CHANNELS, epilogue),
            _ => layer(x, &WIDE[0], &CHANNELS, epilogue),
        };
        println!("layer 128,{width},64");
        mark_store();
        run(Epilogue::Store { out: &mut stored, row_stride: 64, output_stride: 1 });
        mark_add();
        run(Epilogue::Add { out: &mut added, width: 64 });
        mark_end();
        black_box((&stored, &added));
    }
}
