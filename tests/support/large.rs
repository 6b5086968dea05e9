//! Cases for kernels that only a host has the memory for: shapes beyond all blocks of a backend, and slices that end
//! where their allocation ends, so that a sanitizer sees any access beyond.

use crate::cases::Random;
use heedful::internals::{
    Epilogue, Kernels, Layer, Matrix, NormView, Rows, Tile, TileParts, WeightObserver, linear as linear_on,
};
use heedful::{Channel, NormChannel, Scale, Steepness, Weight};

/// A slice in an allocation of its own: random bytes, or extremes.
fn bytes(random: &mut Random, length: usize) -> Box<[i8]> {
    let kind = random.within(0, 7);
    let value = |random: &mut Random| match kind {
        0 => -128,
        1 => 127,
        2 => [-128, 127][random.within(0, 1)],
        _ => random.next() as i8,
    };
    (0..length).map(|_| value(random)).collect()
}

fn one_of(random: &mut Random, values: &[usize]) -> usize {
    values[random.within(0, values.len() - 1)]
}

fn scale(random: &mut Random, low: usize, high: usize) -> Scale {
    let factor = 0.25 + 0.249 * (random.next() % 1000) as f64 / 1000.0;
    Scale::from_real(factor / (1u64 << random.within(low, high)) as f64).unwrap()
}

/// The name of the kernel that differs between the two, if one does.
pub fn differs<A: Kernels, B: Kernels>(seed: u64) -> Option<&'static str> {
    let random = &mut Random(seed);
    match seed % 3 {
        0 => linear::<A, B>(random).then_some("linear"),
        1 if seed.is_multiple_of(2) => attend::<A, B, heedful::Narrow>(random).then_some("attend with narrow weights"),
        1 => attend::<A, B, heedful::Wide>(random).then_some("attend with wide weights"),
        _ => layer_norm::<A, B>(random).then_some("layer_norm"),
    }
}

fn linear<A: Kernels, B: Kernels>(random: &mut Random) -> bool {
    let width = match random.within(0, 5) {
        0 => one_of(random, &[2047, 2048, 2049, 2100, 4097, 5000]),
        1 => one_of(random, &[16, 48, 64, 128, 256]),
        _ => random.within(1, 140),
    };
    let rows = random.within(0, if width > 1000 { 40 } else { 300 });
    let outputs = if width > 1000 { random.within(1, 20) } else { random.within(1, 70) };
    let stride = width + if random.within(0, 1) == 0 { 0 } else { random.within(1, 5) };
    // Sometimes the weights apply to the first values of longer rows.
    let row = width + if random.within(0, 3) == 0 { random.within(1, 200) } else { 0 };
    let x = bytes(random, rows * row);
    let weights = bytes(random, (outputs - 1) * stride + width);
    let channel = |random: &mut Random| Channel {
        bias: (random.next() as i32) >> random.within(2, 24),
        scale: scale(random, 1, 20),
    };
    let channels: Box<[Channel]> = (0..outputs).map(|_| channel(random)).collect();
    // By rows, transposed, and with gaps; the last value ends the allocation.
    let (row_stride, output_stride) = match random.within(0, 3) {
        0 => (1, rows.max(1)),
        1 => (3 * outputs + 1, 3),
        2 => (outputs + random.within(0, 9), 1),
        _ => (outputs, 1),
    };
    let length = if rows == 0 { 0 } else { (rows - 1) * row_stride + (outputs - 1) * output_stride + 1 };
    let run = |linear: fn(Rows<'_>, &mut [Layer<'_>])| {
        let mut stored = vec![85; length].into_boxed_slice();
        let mut added = vec![1000; rows * outputs].into_boxed_slice();
        let matrix = Matrix { data: &weights, inputs: width, stride };
        let stored_to = Epilogue::Store { out: &mut stored, row_stride, output_stride };
        let added_to = Epilogue::Add { out: &mut added, width: outputs };
        linear(
            Rows::new(&x, row),
            &mut [
                Layer { weights: matrix, channels: &channels, epilogue: stored_to },
                Layer { weights: matrix, channels: &channels, epilogue: added_to },
            ],
        );
        (stored, added)
    };
    run(linear_on::<A>) != run(linear_on::<B>)
}

struct Seen(Vec<(usize, Vec<i32>)>);

impl<W: Weight> WeightObserver<W> for Seen {
    const WATCHES: bool = true;

    fn row(&mut self, query: usize, weights: &[W]) {
        self.0.push((query, weights.iter().map(|weight| weight.to_int()).collect()));
    }
}

fn attend<A: Kernels, B: Kernels, W: Weight>(random: &mut Random) -> bool {
    let dim = match random.within(0, 2) {
        0 => one_of(random, &[1, 8, 16, 32, 64, 256]),
        _ => random.within(1, 100),
    };
    let positions = if random.within(0, 3) == 0 { random.within(500, 1300) } else { random.within(1, 80) };
    let count = random.within(1, 8);
    let kind = random.within(0, 2);
    let first = random.within(0, positions);
    let visible: Vec<usize> = (0..count)
        .map(|i| match kind {
            0 => positions,
            1 => (first + i + 1).min(positions),
            _ => random.within(0, positions),
        })
        .collect();
    // Rows of values may belong to longer ones, of which the last ends with the last key that is looked at.
    let stride = positions + if random.within(0, 2) == 0 { random.within(0, 40) } else { 0 };
    let most = visible.iter().copied().max().unwrap_or(0);
    let (queries, keys, values) =
        (bytes(random, count * dim), bytes(random, most * dim), bytes(random, (dim - 1) * stride + most));
    let octaves = 0.06 / (1u64 << random.within(0, 13)) as f64;
    let steepness = Steepness::from_real(octaves).unwrap();
    let ratio = scale(random, 2, 8);
    let out_stride = dim + random.within(0, 9);
    let shape = Shape {
        queries: &queries,
        keys: &keys,
        values: &values,
        dim,
        positions: stride,
        visible: &visible,
        out_stride,
    };
    run::<A, W>(&shape, steepness, ratio) != run::<B, W>(&shape, steepness, ratio)
}

struct Shape<'a> {
    queries: &'a [i8],
    keys: &'a [i8],
    values: &'a [i8],
    dim: usize,
    positions: usize,
    visible: &'a [usize],
    out_stride: usize,
}

type Weights = Vec<(usize, Vec<i32>)>;

fn run<K: Kernels, W: Weight>(shape: &Shape<'_>, steepness: Steepness, ratio: Scale) -> (Box<[i8]>, Weights) {
    let Shape { queries, keys, values, dim, positions, visible, out_stride } = *shape;
    let mut out = vec![85; (visible.len() - 1) * out_stride + dim].into_boxed_slice();
    let mut all = Vec::new();
    let mut first = 0;
    for visible in visible.chunks(K::QUERIES) {
        let mut visible = visible.to_vec();
        let mut scores = vec![0x5555_5555; K::QUERIES * positions].into_boxed_slice();
        let mut weights = vec![W::ZERO; K::WEIGHT_ROWS * positions].into_boxed_slice();
        let queries: Box<[i8]> = queries[first * dim..(first + visible.len()) * dim].into();
        let mut tile = Tile::new(TileParts {
            queries: &queries,
            keys,
            values,
            dim,
            value_dim: dim,
            positions,
            visible: &mut visible,
            steepness,
            ratio,
            scores: &mut scores,
            weights: &mut weights,
            out: &mut out[first * out_stride..],
            out_stride,
        })
        .expect("the parts fit together");
        let mut seen = Seen(Vec::new());
        tile.scores::<K>();
        tile.softmax::<K>();
        tile.weigh_values::<K>();
        tile.show::<K>(&mut seen);
        all.extend(seen.0.into_iter().map(|(query, row)| (first + query, row)));
        first += visible.len();
    }
    (out, all)
}

fn layer_norm<A: Kernels, B: Kernels>(random: &mut Random) -> bool {
    let width = random.within(1, 1024);
    let quiet = random.within(0, 16);
    let x: Box<[i16]> = match random.within(0, 5) {
        0 => vec![-32768; width].into(),
        1 => (0..width).map(|i| [-32768, 32767][i % 2]).collect(),
        _ => (0..width).map(|_| if quiet == 16 { 0 } else { random.next() as i16 >> quiet }).collect(),
    };
    let half = |random: &mut Random| fixed::types::I8F8::from_bits(random.next() as i16);
    let channels: Box<[NormChannel]> =
        (0..width).map(|_| NormChannel { gain: half(random), offset: half(random) }).collect();
    // Where lengths differ, the shortest counts.
    let length = if random.within(0, 3) == 0 { random.within(0, width + 20) } else { width };
    let norm =
        NormView { channels: &channels, epsilon: random.within(1, 1000) as u32, centred: random.within(0, 1) == 0 };
    let run = |kernel: fn(&[i16], NormView<'_>, &mut [i8])| {
        let mut out = vec![85; length].into_boxed_slice();
        kernel(&x, norm, &mut out);
        out
    };
    run(A::layer_norm) != run(B::layer_norm)
}
