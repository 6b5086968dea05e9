//! Executed instructions of each kind of attention, and the bytes of its weights.
//!
//! ```text
//! kind multi-head total=1700000 bytes=17408
//! kinds done backend=DSP
//! ```

use crate::blocks::{Aligned, channel, random};
use crate::succeed;
use core::hint::black_box;
use heedful::{
    Alibi, AttentionPattern, BitMask, Channel, FusedAttention, HeadMask, HeadScale, LowRankAttention, LowRankScratch,
    Mask, MultiHeadAttention, Pairing, Projection, Rope, Scratch, Slope, Wide, Window, frequencies,
};
use semihosting::println;
use static_cell::ConstStaticCell;

/// Positions, width, heads, head dimension.
const S: usize = 64;
const E: usize = 64;
const H: usize = 4;
const P: usize = 16;
/// Rank of the projections of low rank.
const N: usize = 16;
/// Scores in memory at a time, of long rows.
const R: usize = 16;
/// Width and head dimension where folding pays.
const THIN: usize = 32;
const DEEP: usize = 64;

type Set<const E: usize, const P: usize, const H: usize> = Aligned<[[[i8; E]; P]; H]>;

/// Weights and channels of some heads, and their projection.
macro_rules! projection {
    ($name:ident, $seed:literal, [$e:expr, $h:expr, $p:expr]) => {
        mod $name {
            use super::*;
            #[allow(long_running_const_eval)]
            pub static WEIGHTS: Set<{ $e }, { $p }, { $h }> = Aligned(random($seed));
            pub static CHANNELS: [[Channel; $p]; $h] = [[channel($e); $p]; $h];
            pub const PROJECTION: Projection<{ $e }, { $h }, { $p }> = Projection::new(&WEIGHTS.0, &CHANNELS);
            pub const BYTES: usize = size_of_val(&WEIGHTS.0) + size_of_val(&CHANNELS);
        }
    };
}

/// The output projection of so many heads, and their scales.
macro_rules! output {
    ($name:ident, $seed:literal, [$e:expr, $h:expr, $p:expr]) => {
        mod $name {
            use super::*;
            #[allow(long_running_const_eval)]
            pub static WEIGHTS: Set<{ $p }, { $h }, { $e }> = Aligned(random($seed));
            pub static CHANNELS: [Channel; $e] = [channel($h * $p); $e];
            pub static HEADS: [HeadScale; $h] = [HeadScale::from_real(1.0 / 4096.0, 2.0).unwrap(); $h];
            pub const BYTES: usize = size_of_val(&WEIGHTS.0) + size_of_val(&CHANNELS) + size_of_val(&HEADS);
        }
    };
}

/// Multi-head attention of these projections, and its bytes.
macro_rules! attention {
    (
        $name:ident, $bytes:ident, [$e:expr, $h:expr, $p:expr, $g:expr],
        $query:ident, $key:ident, $value:ident, $output:ident
    ) => {
        static $name: MultiHeadAttention<{ $e }, { $h }, { $p }, Wide, { $g }> = MultiHeadAttention::new(
            $query::PROJECTION,
            $key::PROJECTION,
            $value::PROJECTION,
            &$output::WEIGHTS.0,
            &$output::CHANNELS,
            &$output::HEADS,
        );
        const $bytes: usize = $query::BYTES + $key::BYTES + $value::BYTES + $output::BYTES;
    };
}

projection!(query, 1, [E, 4, P]);
projection!(key, 2, [E, 4, P]);
projection!(value, 3, [E, 4, P]);
projection!(query3, 4, [E, 3, P]);
projection!(query2, 5, [E, 2, P]);
projection!(key2, 6, [E, 2, P]);
projection!(value2, 7, [E, 2, P]);
projection!(query1, 8, [E, 1, P]);
projection!(key1, 9, [E, 1, P]);
projection!(value1, 10, [E, 1, P]);
output!(output, 11, [E, 4, P]);
output!(output3, 12, [E, 3, P]);
output!(output2, 13, [E, 2, P]);
output!(output1, 14, [E, 1, P]);
attention!(MULTI_HEAD, MULTI_HEAD_BYTES, [E, 4, P, 4], query, key, value, output);
attention!(GROUPED, GROUPED_BYTES, [E, 4, P, 2], query, key2, value2, output);
attention!(MULTI_QUERY, MULTI_QUERY_BYTES, [E, 4, P, 1], query, key1, value1, output);
attention!(THREE, THREE_BYTES, [E, 3, P, 3], query3, query3, query3, output3);
attention!(TWO, TWO_BYTES, [E, 2, P, 2], query2, key2, value2, output2);
attention!(ONE, ONE_BYTES, [E, 1, P, 1], query1, key1, value1, output1);

/// One set of weights for all heads, each with its own biases.
static SHARED: MultiHeadAttention<E, H, P> = MultiHeadAttention::new(
    Projection::shared(&query1::WEIGHTS.0, &query::CHANNELS),
    Projection::shared(&key1::WEIGHTS.0, &key::CHANNELS),
    Projection::shared(&value1::WEIGHTS.0, &value::CHANNELS),
    &output::WEIGHTS.0,
    &output::CHANNELS,
    &output::HEADS,
);
const SHARED_BYTES: usize = MULTI_HEAD_BYTES - 3 * size_of::<Set<E, P, 3>>();

projection!(raise, 15, [N, 4, P]);
projection!(reduce, 16, [E, 3, N]);
static LOW_RANK: LowRankAttention<E, N, H, P> = LowRankAttention::new(
    &reduce::WEIGHTS.0,
    &reduce::CHANNELS,
    raise::PROJECTION,
    raise::PROJECTION,
    raise::PROJECTION,
    &output::WEIGHTS.0,
    &output::CHANNELS,
    &output::HEADS,
);
const LOW_RANK_BYTES: usize = reduce::BYTES + 3 * raise::BYTES + output::BYTES;

projection!(deep, 17, [THIN, 4, DEEP]);
projection!(folded, 18, [THIN, 4, THIN]);
output!(thin, 19, [THIN, 4, DEEP]);
attention!(UNFOLDED, UNFOLDED_BYTES, [THIN, 4, DEEP, 4], deep, deep, deep, thin);
static FOLDED: FusedAttention<THIN, H, DEEP> =
    FusedAttention::new(folded::PROJECTION, deep::PROJECTION, &thin::WEIGHTS.0, &thin::CHANNELS, &thin::HEADS);
const FOLDED_BYTES: usize = folded::BYTES + deep::BYTES + thin::BYTES;

#[allow(long_running_const_eval)]
static X: Set<E, S, 1> = Aligned(random(20));
static THIN_X: Set<THIN, S, 1> = Aligned(random(21));
static SLOPES: [Slope; H] = [Slope(60_000), Slope(15_000), Slope(4_000), Slope(1_000)];
static FREQUENCIES: [u32; P / 2] = frequencies(10_000.0);
static BIT_MASK: [[u32; 2]; S] = [[0xdead_beef, 0x1234_5678]; S];

/// Working memory of each type in turn, in a static of its own: no board's stack holds it.
macro_rules! scratch {
    ($type:ty) => {{
        static MEMORY: ConstStaticCell<$type> = ConstStaticCell::new(<$type>::new());
        MEMORY.take()
    }};
}

/// Counts all kinds, prints them and ends the emulation. `instructions` counts what was executed so far.
pub fn count_kinds(instructions: fn() -> u64) -> ! {
    // The first reading takes longer than the others.
    instructions();
    let count = |name: &str, bytes: usize, work: &mut dyn FnMut()| {
        let start = instructions();
        work();
        let total = instructions() - start;
        println!("kind {name} total={total} bytes={bytes}");
    };
    let x = &X.0[0];

    let scratch = scratch!(Scratch<S, E, 4, P>);
    let mut heads = |name, bytes, pattern: &mut dyn FnMut(&mut Scratch<S, E, 4, P>)| {
        count(name, bytes, &mut || pattern(scratch));
    };
    // Each pattern is compiled into a function of its own.
    macro_rules! all {
        ($($name:literal: $attention:ident, $bytes:expr, $pattern:expr;)*) => {$(
            heads($name, $bytes, &mut |scratch| {
                black_box($attention.forward(black_box(x), $pattern, scratch));
            });
        )*};
    }
    fn same(pattern: impl AttentionPattern) -> impl AttentionPattern {
        pattern
    }
    all! {
        "multi-head": MULTI_HEAD, MULTI_HEAD_BYTES, Mask::None;
        "grouped-query": GROUPED, GROUPED_BYTES, Mask::None;
        "multi-query": MULTI_QUERY, MULTI_QUERY_BYTES, Mask::None;
        "shared": SHARED, SHARED_BYTES, Mask::None;
        "causal": MULTI_HEAD, MULTI_HEAD_BYTES, Mask::Causal;
        "back-32": MULTI_HEAD, MULTI_HEAD_BYTES, Window::back(31);
        "back-16": MULTI_HEAD, MULTI_HEAD_BYTES, Window::back(15);
        "back-8": MULTI_HEAD, MULTI_HEAD_BYTES, Window::back(7);
        "around-16": MULTI_HEAD, MULTI_HEAD_BYTES, Window::around(16);
        "around-8": MULTI_HEAD, MULTI_HEAD_BYTES, Window::around(8);
        "around-4": MULTI_HEAD, MULTI_HEAD_BYTES, Window::around(4);
        "dilated-2": MULTI_HEAD, MULTI_HEAD_BYTES, Window::ALL.dilated(2);
        "dilated-4": MULTI_HEAD, MULTI_HEAD_BYTES, Window::ALL.dilated(4);
        "bit-mask": MULTI_HEAD, MULTI_HEAD_BYTES + size_of_val(&BIT_MASK), BitMask::new(black_box(&BIT_MASK));
        "alibi": MULTI_HEAD, MULTI_HEAD_BYTES + size_of_val(&SLOPES), Alibi(black_box(&SLOPES));
        "rope": MULTI_HEAD, MULTI_HEAD_BYTES + size_of_val(&FREQUENCIES),
            Rope { pairing: Pairing::Halves, frequencies: black_box(&FREQUENCIES) };
        "heads-off-1": MULTI_HEAD, MULTI_HEAD_BYTES, same(HeadMask(black_box(0b0001)));
        "heads-off-2": MULTI_HEAD, MULTI_HEAD_BYTES, same(HeadMask(black_box(0b0011)));
        "heads-off-3": MULTI_HEAD, MULTI_HEAD_BYTES, same(HeadMask(black_box(0b0111)));
    }

    let scratch = scratch!(Scratch<S, E, 3, P>);
    count("heads-3", THREE_BYTES, &mut || _ = black_box(THREE.forward(black_box(x), Mask::None, scratch)));
    let scratch = scratch!(Scratch<S, E, 2, P>);
    count("heads-2", TWO_BYTES, &mut || _ = black_box(TWO.forward(black_box(x), Mask::None, scratch)));
    let scratch = scratch!(Scratch<S, E, 1, P>);
    count("heads-1", ONE_BYTES, &mut || _ = black_box(ONE.forward(black_box(x), Mask::None, scratch)));
    let scratch = scratch!(Scratch<S, E, 4, P, Wide, S, R>);
    count("long", MULTI_HEAD_BYTES, &mut || _ = black_box(MULTI_HEAD.forward_long(black_box(x), Mask::None, scratch)));
    let scratch = scratch!(LowRankScratch<S, E, N, H, P>);
    count("low-rank", LOW_RANK_BYTES, &mut || _ = black_box(LOW_RANK.forward(black_box(x), Mask::None, scratch)));
    let x = &THIN_X.0[0];
    let scratch = scratch!(Scratch<S, THIN, H, DEEP>);
    count("unfolded", UNFOLDED_BYTES, &mut || _ = black_box(UNFOLDED.forward(black_box(x), Mask::None, scratch)));
    let scratch = scratch!(Scratch<S, THIN, H, DEEP, Wide, S, S, THIN>);
    count("folded", FOLDED_BYTES, &mut || _ = black_box(FOLDED.forward(black_box(x), Mask::None, scratch)));
    println!("kinds done backend={}", heedful::backend());
    succeed()
}
