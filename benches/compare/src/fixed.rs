//! heedful.

use crate::race::Runner;
use heedful::internals::{Epilogue, Kernels, Layer, Matrix, Rows, linear};
use heedful::{Channel, HeadScale, Mask, MultiHeadAttention, Projection, Scale, Scratch, Steepness, Unobserved, Wide};
use std::hint::black_box;

const E: usize = 64;
const H: usize = 4;
const P: usize = 16;

const ROWS: usize = 128;
/// Of the product.
pub const PRODUCT_MACS: usize = ROWS * E * E;

/// Of the block.
pub const fn block_macs(positions: usize) -> usize {
    4 * positions * E * H * P + 2 * positions * positions * H * P
}

/// Values like those of a trained layer: bell-shaped, within ±127.
const fn values<const N: usize>(seed: u32) -> [i8; N] {
    let (mut values, mut state, mut i) = ([0; N], seed, 0);
    while i < N {
        let mut sum = 0;
        let mut j = 0;
        while j < 4 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            sum += (state >> 26) as i32;
            j += 1;
        }
        values[i] = (sum - 126) as i8;
        i += 1;
    }
    values
}

const fn projection(seed: u32) -> [[[i8; E]; P]; H] {
    let values = values::<{ E * P * H }>(seed);
    let (mut to, mut i) = ([[[0; E]; P]; H], 0);
    while i < values.len() {
        to[i / (E * P)][i / E % P][i % E] = values[i];
        i += 1;
    }
    to
}

const fn output(seed: u32) -> [[[i8; P]; H]; E] {
    let values = values::<{ E * P * H }>(seed);
    let (mut to, mut i) = ([[[0; P]; H]; E], 0);
    while i < values.len() {
        to[i / (H * P)][i / P % H][i % P] = values[i];
        i += 1;
    }
    to
}

const CHANNEL: Channel = Channel { bias: 100, scale: Scale::from_real(1.0 / 300.0).unwrap() };
const HEAD: HeadScale =
    HeadScale::new(Steepness::from_real(0.0005).unwrap(), Scale::from_real(1.0 / 256.0).unwrap()).unwrap();

static QUERY: [[[i8; E]; P]; H] = projection(1);
static KEY: [[[i8; E]; P]; H] = projection(2);
static VALUE: [[[i8; E]; P]; H] = projection(3);
static OUTPUT: [[[i8; P]; H]; E] = output(4);
static CHANNELS: [[Channel; P]; H] = [[CHANNEL; P]; H];
static OUTPUT_CHANNELS: [Channel; E] = [CHANNEL; E];
static HEADS: [HeadScale; H] = [HEAD; H];
static ATTENTION: MultiHeadAttention<E, H, P> = MultiHeadAttention::new(
    Projection::new(&QUERY, &CHANNELS),
    Projection::new(&KEY, &CHANNELS),
    Projection::new(&VALUE, &CHANNELS),
    &OUTPUT,
    &OUTPUT_CHANNELS,
    &HEADS,
);

/// The product.
pub fn product<K: Kernels>() -> Runner {
    let x = values::<{ ROWS * E }>(5);
    let mut out = vec![0; ROWS * E];
    Box::new(move |repetitions| {
        for _ in 0..repetitions {
            let weights = Matrix { data: QUERY.as_flattened().as_flattened(), inputs: E, stride: E };
            let epilogue = Epilogue::Store { out: &mut out, row_stride: E, output_stride: 1 };
            let layer = Layer { weights, channels: CHANNELS.as_flattened(), epilogue };
            linear::<K>(Rows::new(black_box(&x), E), &mut [layer]);
            black_box(&out);
        }
    })
}

/// The block.
pub fn block<K: Kernels, const S: usize>() -> Runner {
    let mut x = vec![[0; E]; S].into_boxed_slice();
    x.as_flattened_mut().copy_from_slice(&values::<{ 512 * E }>(6)[..S * E]);
    let x: Box<[[i8; E]; S]> = x.try_into().expect("S rows");
    let mut scratch = Box::new(Scratch::<S, E, H, P, Wide>::new());
    Box::new(move |repetitions| {
        for _ in 0..repetitions {
            black_box(ATTENTION.forward_on::<K, S>(black_box(&x), Mask::None, &mut scratch, &mut Unobserved));
        }
    })
}
