//! A small instance of each kind of attention: the same weights and inputs on a board as on the host, and a digest of
//! what comes out.
//!
//! Needs neither `std` nor an allocator.

use heedful::internals::Kernels;
use heedful::{
    Alibi, AttentionPattern, BitMask, Channel, FusedAttention, HeadMask, HeadScale, LowRankAttention, LowRankScratch,
    Mask, MultiHeadAttention, Narrow, NormChannel, Pairing, Projection, RelativeBias, RmsNorm, Rope, Row, Scale,
    Scratch, Slope, Weight, Wide, Window, Windows, frequencies,
};

const S: usize = 13;
const T: usize = 9;
const E: usize = 20;
const M: usize = 11;
const H: usize = 4;
const P: usize = 6;
const N: usize = 5;

/// SplitMix64 (Steele, Lea and Flood, 2014), when the program is compiled.
const fn next(state: u64) -> u64 {
    let z = state.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Random int8, -127 to 127.
const fn random<const X: usize, const Y: usize, const Z: usize>(seed: u64) -> [[[i8; X]; Y]; Z] {
    let mut values = [[[0; X]; Y]; Z];
    let mut i = 0;
    while i < X * Y * Z {
        let value = (next(seed * 65_536 + i as u64) % 255) as i16 - 127;
        values[i / (X * Y)][i / X % Y][i % X] = value as i8;
        i += 1;
    }
    values
}

/// Random biases, and a scale.
const fn channels<const X: usize, const Y: usize>(seed: u64, scale: f64) -> [[Channel; X]; Y] {
    let mut channels = [[Channel { bias: 0, scale: Scale::from_real(0.1).unwrap() }; X]; Y];
    let mut i = 0;
    while i < X * Y {
        let bias = (next(seed * 65_536 + i as u64) % 8001) as i32 - 4000;
        channels[i / X][i % X] = Channel { bias, scale: Scale::from_real(scale).unwrap() };
        i += 1;
    }
    channels
}

/// Brings sums over `E` products of bytes to some 40 units.
const SCALE: f64 = 1.0 / 600.0;
static QUERY: [[[i8; E]; P]; H] = random(1);
static KEY: [[[i8; E]; P]; H] = random(2);
static VALUE: [[[i8; E]; P]; H] = random(3);
static OUTPUT: [[[i8; P]; H]; E] = random(4);
static KEY_2: [[[i8; E]; P]; 2] = random(5);
static VALUE_2: [[[i8; E]; P]; 2] = random(6);
static KEY_1: [[[i8; E]; P]; 1] = random(7);
static VALUE_1: [[[i8; E]; P]; 1] = random(8);
static CROSS_KEY: [[[i8; M]; P]; H] = random(9);
static CROSS_VALUE: [[[i8; M]; P]; H] = random(10);
static FUSED: [[[i8; E]; E]; H] = random(11);
static REDUCE: [[[i8; E]; N]; 3] = random(12);
static RAISE: [[[i8; N]; P]; H] = random(13);
static X: [[[i8; E]; S]; 1] = random(14);
static MEMORY: [[[i8; M]; T]; 1] = random(15);
static CHANNELS: [[Channel; P]; H] = channels(16, SCALE);
static CHANNELS_2: [[Channel; P]; 2] = channels(17, SCALE);
static CHANNELS_1: [[Channel; P]; 1] = channels(18, SCALE);
static OUTER: [[Channel; E]; 1] = channels(19, SCALE);
static FUSED_CHANNELS: [[Channel; E]; H] = channels(20, SCALE);
static REDUCE_CHANNELS: [[Channel; N]; 3] = channels(21, SCALE);
static RAISE_CHANNELS: [[Channel; P]; H] = channels(22, 2.0 * SCALE);
/// For rotation: 64 steps to one.
static TO_ROTATE: [[Channel; P]; H] = channels(23, 64.0 * SCALE);
static HEADS: [HeadScale; H] = [
    HeadScale::from_real(0.0001, 1.0).unwrap(),
    HeadScale::from_real(0.0004, 1.5).unwrap(),
    HeadScale::from_real(0.0016, 0.5).unwrap(),
    HeadScale::from_real(0.0100, 2.0).unwrap(),
];

type Attention<W = Wide, const G: usize = H, const M: usize = E> = MultiHeadAttention<E, H, P, W, G, M>;

const fn plain<W: Weight>() -> Attention<W> {
    MultiHeadAttention::new(
        Projection::new(&QUERY, &CHANNELS),
        Projection::new(&KEY, &CHANNELS),
        Projection::new(&VALUE, &CHANNELS),
        &OUTPUT,
        &OUTER[0],
        &HEADS,
    )
}

static MULTI_HEAD: Attention = plain();
static NARROW: Attention<Narrow> = plain();
static GROUPED: Attention<Wide, 2> = MultiHeadAttention::new(
    Projection::new(&QUERY, &CHANNELS),
    Projection::new(&KEY_2, &CHANNELS_2),
    Projection::new(&VALUE_2, &CHANNELS_2),
    &OUTPUT,
    &OUTER[0],
    &HEADS,
);
static MULTI_QUERY: Attention<Wide, 1> = MultiHeadAttention::new(
    Projection::new(&QUERY, &CHANNELS),
    Projection::new(&KEY_1, &CHANNELS_1),
    Projection::new(&VALUE_1, &CHANNELS_1),
    &OUTPUT,
    &OUTER[0],
    &HEADS,
);
static SHARED: Attention = MultiHeadAttention::new(
    Projection::shared(&KEY_2, &CHANNELS),
    Projection::shared(&KEY_1, &CHANNELS),
    Projection::shared(&VALUE_1, &CHANNELS),
    &OUTPUT,
    &OUTER[0],
    &HEADS,
);
static ROTATED: Attention = MultiHeadAttention::new(
    Projection::new(&QUERY, &TO_ROTATE),
    Projection::new(&KEY, &TO_ROTATE),
    Projection::new(&VALUE, &CHANNELS),
    &OUTPUT,
    &OUTER[0],
    &HEADS,
);
static CROSS: Attention<Wide, H, M> = MultiHeadAttention::new(
    Projection::new(&QUERY, &CHANNELS),
    Projection::new(&CROSS_KEY, &CHANNELS),
    Projection::new(&CROSS_VALUE, &CHANNELS),
    &OUTPUT,
    &OUTER[0],
    &HEADS,
);
static FOLDED: FusedAttention<E, H, P> = FusedAttention::new(
    Projection::new(&FUSED, &FUSED_CHANNELS),
    Projection::new(&VALUE, &CHANNELS),
    &OUTPUT,
    &OUTER[0],
    &HEADS,
);
static LOW_RANK: LowRankAttention<E, N, H, P> = LowRankAttention::new(
    &REDUCE,
    &REDUCE_CHANNELS,
    Projection::new(&RAISE, &RAISE_CHANNELS),
    Projection::new(&RAISE, &RAISE_CHANNELS),
    Projection::new(&RAISE, &RAISE_CHANNELS),
    &OUTPUT,
    &OUTER[0],
    &HEADS,
);

static WINDOWS: [Window; 3] =
    [Window::back(2), Window::around(1).dilated(3).with_sinks(4), Window::back(4).with_sinks(2)];
static BIT_MASK: [[u32; 1]; S] = {
    let mut bits = [[0]; S];
    let mut i = 0;
    while i < S {
        bits[i] = [next(1_000 + i as u64) as u32];
        i += 1;
    }
    bits
};
static SLOPES: [Slope; H] = [Slope(100_000), Slope(30_000), Slope(9_001), Slope(77)];
static TABLE: [[i32; 7]; 3] = [[500, -300, 0, 200, 9000, 1, -5], [-4_000_000, 0, 0, 1, 0, 0, 4_000_000], [77; 7]];
static FREQUENCIES: [u32; 3] = frequencies(100.0);
/// As of positions some millions apart.
static FAR: [u32; 3] = [
    FREQUENCIES[0].wrapping_mul(2_147_000_111),
    FREQUENCIES[1].wrapping_mul(2_147_000_111),
    FREQUENCIES[2].wrapping_mul(2_147_000_111),
];
static NORM_CHANNELS: [NormChannel; E] = [NormChannel::from_real(40.0, 1.5).unwrap(); E];

/// FNV-1a (Fowler, Noll and Vo), by words.
struct Digest(u64);

impl Digest {
    const NEW: Self = Self(0xcbf2_9ce4_8422_2325);

    fn add(&mut self, x: impl Into<i64>) {
        self.0 = (self.0 ^ x.into() as u64).wrapping_mul(0x0100_0000_01b3);
    }

    fn rows<const X: usize>(mut self, rows: &[[i8; X]]) -> u64 {
        rows.as_flattened().iter().for_each(|&x| self.add(x));
        self.0
    }
}

/// The output of an attention and the weights on the way.
// Each kind in a frame of its own: the working memory of only one is on the stack at a time.
#[inline(never)]
fn forward<K: Kernels, W: Weight, const G: usize>(attention: &Attention<W, G>, pattern: impl AttentionPattern) -> u64 {
    let mut digest = Digest::NEW;
    let mut scratch = Scratch::new();
    let watch = &mut |row: Row<'_, W>| {
        digest.add(row.first as i64);
        row.weights.iter().for_each(|weight| digest.add(weight.to_int()));
    };
    let y = attention.forward_on::<K, S>(&X[0], pattern, &mut scratch, watch);
    digest.rows(y)
}

#[inline(never)]
fn long<K: Kernels>(pattern: impl AttentionPattern) -> u64 {
    let mut scratch = Scratch::<S, E, H, P, Wide, S, 3>::new();
    let y = MULTI_HEAD.forward_long_on::<K, S, 3>(&X[0], pattern, &mut scratch, &mut heedful::Unobserved);
    Digest::NEW.rows(y)
}

#[inline(never)]
fn cross<K: Kernels>(pattern: impl AttentionPattern) -> u64 {
    let mut scratch = Scratch::new();
    Digest::NEW.rows(CROSS.cross_on::<K, S, T>(&X[0], &MEMORY[0], pattern, &mut scratch, &mut heedful::Unobserved))
}

#[inline(never)]
fn folded<K: Kernels>(pattern: impl AttentionPattern) -> u64 {
    let mut scratch = Scratch::new();
    Digest::NEW.rows(FOLDED.forward_on::<K, S>(&X[0], pattern, &mut scratch, &mut heedful::Unobserved))
}

#[inline(never)]
fn low_rank<K: Kernels>(pattern: impl AttentionPattern) -> u64 {
    let mut scratch = LowRankScratch::new();
    Digest::NEW.rows(LOW_RANK.forward_on::<K, S>(&X[0], pattern, &mut scratch, &mut heedful::Unobserved))
}

/// Some heads alone, and all of them joined, on the kernels that this build uses.
#[inline(never)]
fn joined() -> u64 {
    let mut outputs = [[[0; P]; S]; H];
    let (first, second) = outputs.split_at_mut(1);
    MULTI_HEAD.forward_heads(1..H, &X[0], Mask::Causal, &mut heedful::HeadScratch::new(), second);
    MULTI_HEAD.forward_heads(0..1, &X[0], Mask::Causal, &mut heedful::HeadScratch::new(), first);
    Digest::NEW.rows(MULTI_HEAD.join(&outputs, &mut Scratch::new()))
}

#[inline(never)]
fn rms_norm() -> u64 {
    static NORM: RmsNorm<E> = RmsNorm::new(&NORM_CHANNELS, 7);
    let mut x = [[0i16; E]; S];
    for (x, &from) in x.as_flattened_mut().iter_mut().zip(X[0].as_flattened()) {
        *x = i16::from(from) * 99 + 1000;
    }
    let mut y = [[0; E]; S];
    NORM.forward(&x, &mut y);
    Digest::NEW.rows(&y)
}

/// Runs each kind on kernels `K`, and shows its name and digest.
pub fn each<K: Kernels>(mut show: impl FnMut(&'static str, u64)) {
    let rope = |pairing, frequencies| Rope { pairing, frequencies };
    show("multi-head", forward::<K, _, H>(&MULTI_HEAD, Mask::None));
    show("multi-head-narrow", forward::<K, _, H>(&NARROW, Mask::Causal));
    show("grouped-query", forward::<K, _, 2>(&GROUPED, Mask::Length(7)));
    show("multi-query", forward::<K, _, 1>(&MULTI_QUERY, Mask::CausalLength(9)));
    show("shared-projections", forward::<K, _, H>(&SHARED, Mask::None));
    show("windows", forward::<K, _, H>(&MULTI_HEAD, Windows(&WINDOWS)));
    show("windows-narrow", forward::<K, _, H>(&NARROW, (Windows(&WINDOWS), Mask::Causal)));
    show("bit-mask", forward::<K, _, 2>(&GROUPED, (BitMask::new(&BIT_MASK), Windows(&WINDOWS))));
    show("alibi", forward::<K, _, H>(&MULTI_HEAD, (Alibi(&SLOPES), Mask::Causal)));
    show("relative-bias", forward::<K, _, H>(&MULTI_HEAD, RelativeBias(&TABLE)));
    show("rope-interleaved", forward::<K, _, H>(&ROTATED, rope(Pairing::Interleaved, &FREQUENCIES)));
    show("rope-halves", forward::<K, _, H>(&ROTATED, (rope(Pairing::Halves, &FAR), Windows(&WINDOWS))));
    show("rope-folded", forward::<K, _, H>(&ROTATED, (rope(Pairing::Folded, &FAR), Mask::Causal)));
    show("heads-off", forward::<K, _, H>(&MULTI_HEAD, (HeadMask(0b1010), Mask::Causal)));
    show("cross", cross::<K>(Mask::Length(8)));
    show("fused-query-key", folded::<K>(Window::around(5).dilated(2)));
    show("low-rank", low_rank::<K>(Mask::Causal));
    show("long-rows", long::<K>((Mask::Causal, Alibi(&SLOPES))));
    show("heads-joined", joined());
    show("rms-norm", rms_norm());
}
