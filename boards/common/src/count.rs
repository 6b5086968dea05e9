//! Executed instructions of attention blocks and of a matrix product, by stage.
//!
//! ```text
//! block 32,32,8,32 total=1700000 qkv=900000 scores=300000 softmax=200000 weighted_sum=200000 output=100000
//! product 128,64,64 total=570000
//! count done backend=portable
//! ```

use crate::succeed;
use core::cell::Cell;
use core::hint::black_box;
use heedful::kernels::{Active, Kernels, Layer, NormView, RowScale, Rows, Tile, Witness};
use heedful::{
    Channel, HeadScale, Linear, Mask, MultiHeadAttention, Projection, Scale, Scratch, Steepness, Unobserved, Weight,
};
use semihosting::println;
use static_cell::ConstStaticCell;

/// Counts the stages of an attention block; the rest is [`Active`].
struct Counted;

/// QKV, scores, softmax, weighted sum, output.
const STAGES: usize = 5;

struct Counters {
    instructions: Cell<Option<fn() -> u64>>,
    /// Instructions that reading the counter twice adds to a stage.
    overhead: Cell<u64>,
    stages: [Cell<u64>; STAGES],
}

/// The boards have one core, and nothing here runs in an interrupt.
struct SingleCore(Counters);
// SAFETY: see above.
unsafe impl Sync for SingleCore {}

static COUNTERS: SingleCore = SingleCore(Counters {
    instructions: Cell::new(None),
    overhead: Cell::new(0),
    stages: [const { Cell::new(0) }; STAGES],
});

fn now() -> u64 {
    COUNTERS.0.instructions.get().map_or(0, |count| count())
}

fn stage<T>(stage: usize, work: impl FnOnce() -> T) -> T {
    let start = now();
    let result = work();
    let spent = (now() - start).saturating_sub(COUNTERS.0.overhead.get());
    if let Some(total) = COUNTERS.0.stages.get(stage) {
        total.set(total.get() + spent);
    }
    result
}

impl Kernels for Counted {
    const NAME: &'static str = "counted";
    const QUERIES: usize = Active::QUERIES;
    const WEIGHT_ROWS: usize = Active::WEIGHT_ROWS;

    fn linear(x: Rows<'_>, layers: &mut [Layer<'_>]) {
        // Query, key and value come together, the output projection alone.
        stage(if layers.len() == 1 { 4 } else { 0 }, || Active::linear(x, layers));
    }

    fn tile_scores<W: Weight>(tile: &mut Tile<'_, W>) {
        stage(1, || Active::tile_scores(tile));
    }

    fn tile_softmax<W: Weight>(tile: &mut Tile<'_, W>) {
        stage(2, || Active::tile_softmax(tile));
    }

    fn tile_weighted_sum<W: Weight>(tile: &mut Tile<'_, W>) {
        stage(3, || Active::tile_weighted_sum(tile));
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

/// What a shape needs: its attention, its memory and how to run it.
trait Block {
    const SHAPE: [usize; 4];
    fn run<K: Kernels>(&mut self);
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
        static INNER: [[Channel; $p]; $h] = [[channel($e); $p]; $h];
        static OUTER: [Channel; $e] = [channel($h * $p); $e];
        // Unit-variance scores, nearly: the counts hardly depend on it.
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
        struct Shape {
            x: [[[i8; $e]; $s]; 1],
            scratch: Scratch<$s, $e, $h, $p>,
        }
        static MEMORY: ConstStaticCell<Shape> =
            ConstStaticCell::new(Shape { x: [[[0; $e]; $s]; 1], scratch: Scratch::new() });
        impl Block for Shape {
            const SHAPE: [usize; 4] = [$s, $e, $h, $p];
            fn run<K: Kernels>(&mut self) {
                let y = ATTENTION.forward_on::<K, $s>(
                    black_box(&self.x[0]),
                    Mask::None,
                    &mut self.scratch,
                    &mut Unobserved,
                );
                black_box(y);
            }
        }
        let shape = MEMORY.take();
        let mut state = 5u32;
        for x in shape.x.as_flattened_mut().as_flattened_mut() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *x = (state >> 24) as i8;
        }
        measure(shape);
    }};
}

fn measure<B: Block>(block: &mut B) {
    let [s, e, h, p] = B::SHAPE;
    let start = now();
    block.run::<Active>();
    let total = now() - start;
    for stage in &COUNTERS.0.stages {
        stage.set(0);
    }
    block.run::<Counted>();
    let [qkv, scores, softmax, sum, output] = COUNTERS.0.stages.each_ref().map(Cell::get);
    println!(
        "block {s},{e},{h},{p} total={total} qkv={qkv} scores={scores} softmax={softmax} weighted_sum={sum} output={output}"
    );
}

fn product() {
    static WEIGHTS: [[[i8; 64]; 64]; 1] = random(6);
    static CHANNELS: [Channel; 64] = [channel(64); 64];
    static LAYER: Linear<64, 64> = Linear::new(&WEIGHTS[0], &CHANNELS);
    static X: [[[i8; 64]; 128]; 1] = random(7);
    static Y: ConstStaticCell<[[i8; 64]; 128]> = ConstStaticCell::new([[0; 64]; 128]);
    let y = Y.take();
    let start = now();
    LAYER.forward(black_box(&X[0]), y);
    let total = now() - start;
    black_box(y);
    println!("product 128,64,64 total={total}");
}

/// Counts all shapes, prints them and ends the emulation. `instructions` counts what was executed so far.
pub fn count(instructions: fn() -> u64) -> ! {
    COUNTERS.0.instructions.set(Some(instructions));
    let mut least = u64::MAX;
    for _ in 0..8 {
        let start = now();
        least = least.min(now() - start);
    }
    COUNTERS.0.overhead.set(least);
    include!(concat!(env!("OUT_DIR"), "/shapes.rs"));
    product();
    println!("count done backend={}", heedful::backend());
    succeed()
}
