//! Executed instructions of attention blocks, of encoder blocks and of a matrix product, by stage.
//!
//! ```text
//! block 32,32,8,32 total=1700000 qkv=900000 scores=300000 softmax=200000 weighted_sum=200000 output=100000
//! encoder 32,32,8,32 total=1900000 products=1600000 softmax=200000 norms=30000 table=9000
//! layer 128,32,64 store=330000 add=340000
//! product 128,64,64 total=570000
//! count done backend=portable
//! ```

use crate::blocks::{Aligned, Block, Parts, Whole, block, channel, layer, random, scatter};
use crate::succeed;
use core::cell::Cell;
use core::hint::black_box;
use heedful::internals::{Active, Bounds, Epilogue, Kernels, NormView, Products, RowScale, Tile, WeightObserver};
use heedful::{Channel, Linear, Steepness, Weight};
use semihosting::println;
use static_cell::ConstStaticCell;

/// Counts the stages of an attention block; the rest is [`Active`]. The stages are functions, so that the kernels in
/// them have a size even where they are inlined.
struct Counted;

/// QKV, scores, softmax, weighted sum, output, feed-forward layers, norms, table.
const STAGES: usize = 8;

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
    const KEYS: usize = Active::KEYS;
    const WEIGHT_ROWS: usize = Active::WEIGHT_ROWS;

    #[inline(never)]
    fn linear(products: Products<'_, '_>) {
        // Query, key and value come together, the output projection alone.
        stage(if products.layers() == 1 { 4 } else { 0 }, || Active::linear(products));
    }

    #[inline(never)]
    fn tile_scores<W: Weight>(tile: &mut Tile<'_, W>) {
        stage(1, || Active::tile_scores(tile));
    }

    #[inline(never)]
    fn tile_softmax<W: Weight>(tile: &mut Tile<'_, W>) {
        stage(2, || Active::tile_softmax(tile));
    }

    #[inline(never)]
    fn tile_weighted_sum<W: Weight>(tile: &mut Tile<'_, W>) {
        stage(3, || Active::tile_weighted_sum(tile));
    }

    fn tile_bias<W: Weight>(tile: &mut Tile<'_, W>, rows: impl FnMut(usize, usize, &mut [i32])) {
        Active::tile_bias(tile, rows);
    }

    fn tile_floor<W: Weight>(tile: &mut Tile<'_, W>) {
        Active::tile_floor(tile);
    }

    fn tile_scores_between<W: Weight>(tile: &mut Tile<'_, W>, starts: &Bounds, ends: &Bounds) {
        stage(1, || Active::tile_scores_between(tile, starts, ends));
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

impl Parts for Counted {
    type Attention = Self;

    fn layer(work: impl FnOnce()) {
        stage(5, work);
    }

    fn norm(work: impl FnOnce()) {
        stage(6, work);
    }

    fn table(work: impl FnOnce()) {
        stage(7, work);
    }
}

/// What the stages took since the last call.
fn stages() -> [u64; STAGES] {
    COUNTERS.0.stages.each_ref().map(|stage| stage.replace(0))
}

/// Goes by in the emulator's log: the next two readings of the counter enclose a whole block.
#[inline(never)]
fn whole_block_comes() {
    black_box(());
}

fn measure<B: Block>(block: &mut B) {
    let [s, e, h, p] = B::SHAPE;
    scatter(&mut 5, block.input());
    whole_block_comes();
    let start = now();
    block.run::<Active>();
    let total = now() - start;
    stages();
    block.run::<Counted>();
    let [qkv, scores, softmax, sum, output, ..] = stages();
    println!(
        "block {s},{e},{h},{p} total={total} qkv={qkv} scores={scores} softmax={softmax} \
         weighted_sum={sum} output={output}"
    );

    let start = now();
    block.encode::<Whole>();
    let total = now() - start;
    block.encode::<Counted>();
    let [qkv, scores, softmax, sum, output, layers, norms, table] = stages();
    let products = qkv + scores + sum + output + layers;
    println!("encoder {s},{e},{h},{p} total={total} products={products} softmax={softmax} norms={norms} table={table}");
}

fn product() {
    static WEIGHTS: Aligned<[[[i8; 64]; 64]; 1]> = Aligned(random(6));
    static CHANNELS: [Channel; 64] = [channel(64); 64];
    static LAYER: Linear<64, 64> = Linear::new(&WEIGHTS.0[0], &CHANNELS);
    static X: Aligned<[[[i8; 64]; 128]; 1]> = Aligned(random(7));
    static Y: ConstStaticCell<[[i8; 64]; 128]> = ConstStaticCell::new([[0; 64]; 128]);
    let y = Y.take();
    let start = now();
    LAYER.forward(black_box(&X.0[0]), y);
    let total = now() - start;
    black_box(y);
    println!("product 128,64,64 total={total}");
}

/// One layer at two widths, to int8 and to the residual stream: what does not grow with the width is spent on the
/// results.
fn layers() {
    static NARROW: Aligned<[[[i8; 32]; 64]; 1]> = Aligned(random(6));
    static WIDE: Aligned<[[[i8; 64]; 64]; 1]> = Aligned(random(7));
    static CHANNELS: [Channel; 64] = [channel(64); 64];
    static X: Aligned<[[[i8; 64]; 128]; 1]> = Aligned(random(8));
    static STORED: ConstStaticCell<[[i8; 64]; 128]> = ConstStaticCell::new([[0; 64]; 128]);
    static ADDED: ConstStaticCell<[[i16; 64]; 128]> = ConstStaticCell::new([[0; 64]; 128]);
    let (stored, added) = (STORED.take().as_flattened_mut(), ADDED.take().as_flattened_mut());
    let count = |work: &mut dyn FnMut()| {
        let start = now();
        work();
        now() - start
    };
    let x = X.0.as_flattened().as_flattened();
    for width in [32, 64] {
        let x = x.get(..128 * width).unwrap_or(x);
        let mut run = |add: bool| {
            let epilogue = if add {
                Epilogue::Add { out: added, width: 64 }
            } else {
                Epilogue::Store { out: stored, row_stride: 64, output_stride: 1 }
            };
            match width {
                32 => layer(x, &NARROW.0[0], &CHANNELS, epilogue),
                _ => layer(x, &WIDE.0[0], &CHANNELS, epilogue),
            }
        };
        let (store, add) = (count(&mut || run(false)), count(&mut || run(true)));
        println!("layer 128,{width},64 store={store} add={add}");
    }
    black_box((stored, added));
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
    layers();
    println!("count done backend={}", heedful::backend());
    succeed()
}
