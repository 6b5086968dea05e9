//! Lengths and strides that no layer has, on which no kernel may read or write what is not its own, or panic. What fits
//! in spite of them gives the same bytes on every backend; what does not is left out by all.
//!
//! Needs neither `std` nor an allocator, so that a target runs the same cases as the host.

use super::cases::Random;
use heedful::internals::{
    Epilogue, Gated, Kernels, Layer, Matrix, NormView, Rotation, RowScale, Rows, Tile, TileParts, Turn, WeightObserver,
    linear,
};
use heedful::{Channel, Narrow, NormChannel, Pairing, Scale, Steepness, Weight, Wide};

/// Values of each kind.
const VALUES: usize = 512;

/// What the kernels work on.
struct Inputs {
    x: [i8; VALUES],
    w: [i8; VALUES],
    sums: [i16; VALUES],
}

/// What they write to, compared afterwards as a whole.
#[derive(PartialEq)]
struct Outputs {
    bytes: [i8; VALUES],
    more: [i8; VALUES],
    sums: [i16; VALUES],
    scores: [i32; VALUES],
    pairs: [[i32; 2]; 16],
    totals: [i64; 64],
    turns: [Turn; 16],
    of_weights: u64,
}

/// The name of the kernel on which two backends differ, if they do.
pub fn differs<A: Kernels, B: Kernels>(seed: u64) -> Option<&'static str> {
    let run =
        if seed.is_multiple_of(2) { [one::<A, Wide>, one::<B, Wide>] } else { [one::<A, Narrow>, one::<B, Narrow>] };
    let [(name, of_a), (_, of_b)] = run.map(|run| run(seed));
    (of_a != of_b).then_some(name)
}

/// A length or a stride: mostly small, often one whose products wrap.
fn odd(random: &mut Random) -> usize {
    const WRAP: [usize; 12] = [
        usize::MAX,
        usize::MAX - 1,
        usize::MAX / 2,
        usize::MAX / 2 + 1,
        usize::MAX / 3 + 1,
        usize::MAX / 4 + 1,
        usize::MAX / 6 + 1,
        usize::MAX / 8 + 1,
        usize::MAX / 16 + 1,
        usize::MAX / 64 + 1,
        1 << 16,
        1 << 31,
    ];
    match random.within(0, 3) {
        0 => WRAP[random.within(0, WRAP.len() - 1)],
        1 => random.within(0, 3),
        2 => 8 * random.within(0, 3),
        _ => random.within(0, 40),
    }
}

/// `usual`, or now and then something odd.
fn near(random: &mut Random, usual: usize) -> usize {
    match random.within(0, 9) {
        0 => odd(random),
        1 => usual.saturating_sub(1),
        2 => usual + 1,
        _ => usual,
    }
}

/// Some of the values: as many as wanted, or now and then fewer or more.
fn some<'v, T>(random: &mut Random, values: &'v mut [T], wanted: Option<usize>) -> &'v mut [T] {
    let start = random.within(0, 3);
    let length = wanted.filter(|&wanted| wanted < 400).unwrap_or(400);
    let length = near(random, length).min(values.len() - start);
    &mut values[start..start + length]
}

/// Where the last of some rows ends.
fn end(rows: usize, stride: usize, length: usize) -> Option<usize> {
    rows.saturating_sub(1).checked_mul(stride)?.checked_add(length)
}

struct Seen<'a>(&'a mut u64);

impl<W: Weight> WeightObserver<W> for Seen<'_> {
    const WATCHES: bool = true;

    fn row(&mut self, query: usize, weights: &[W]) {
        for weight in weights {
            *self.0 = (*self.0 ^ weight.to_int() as u64 ^ (query as u64) << 32).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn one<K: Kernels, W: Weight>(seed: u64) -> (&'static str, Outputs) {
    // The random numbers are those of the seed alone, for all backends.
    let random = &mut Random(seed);
    let mut inputs = Inputs { x: [0; VALUES], w: [0; VALUES], sums: [0; VALUES] };
    inputs.x.fill_with(|| random.next() as i8);
    inputs.w.fill_with(|| random.next() as i8);
    inputs.sums.fill_with(|| random.next() as i16);
    let mut outputs = Outputs {
        bytes: [85; VALUES],
        more: [85; VALUES],
        sums: [1000; VALUES],
        scores: [85; VALUES],
        pairs: [[85; 2]; 16],
        totals: [85; 64],
        turns: [Turn::ZERO; 16],
        of_weights: 0,
    };
    let name = match random.within(0, 6) {
        0 => products::<K>(random, &mut inputs, &mut outputs),
        1 => hidden15::<K>(random, &mut inputs, &mut outputs),
        2 => tile::<K, W>(random, &mut inputs, &mut outputs),
        3 => row_kernels::<K, W>(random, &mut inputs, &mut outputs),
        4 => norm_and_tables::<K>(random, &mut inputs, &mut outputs),
        5 => unequal::<K>(random, &mut inputs, &mut outputs),
        _ => rotate::<K>(random, &mut inputs, &mut outputs),
    };
    (name, outputs)
}

fn channels(random: &mut Random) -> [Channel; 16] {
    core::array::from_fn(|_| Channel {
        bias: (random.next() as i32) >> 16,
        scale: Scale::from_real(0.2 / (1u64 << random.within(0, 12)) as f64).unwrap_or(UNIT),
    })
}

const UNIT: Scale = Scale::from_real(0.01).unwrap();

/// Products of up to three layers.
fn products<K: Kernels>(random: &mut Random, inputs: &mut Inputs, outputs: &mut Outputs) -> &'static str {
    let channels = channels(random);
    let (rows, width, count) = (random.within(0, 9), random.within(0, 20), random.within(0, 10));
    let stride = near(random, width);
    let x = &*some(random, &mut inputs.x, Some(rows * width));
    let w = &*some(random, &mut inputs.w, end(count, stride, width));
    let weights = Matrix { data: w, inputs: near(random, width), stride };
    let (row_stride, output_stride) = if random.within(0, 1) == 0 { (count, 1) } else { (1, rows) };
    let (row_stride, output_stride) = (near(random, row_stride), near(random, output_stride));
    let wide = near(random, count);
    let place =
        end(rows, row_stride, 1).zip(end(count, output_stride, 1)).and_then(|(row, last)| row.checked_add(last));
    let stored = some(random, &mut outputs.bytes, place);
    let twice = some(random, &mut outputs.more, place);
    let added = some(random, &mut outputs.sums, end(rows, wide, count));
    let channels = channels.get(..count).unwrap_or(&[]);
    let mut layers = [
        Layer { weights, channels, epilogue: Epilogue::Store { out: stored, row_stride, output_stride } },
        Layer { weights, channels, epilogue: Epilogue::Add { out: added, width: wide } },
        Layer {
            weights,
            channels,
            epilogue: Epilogue::Store { out: twice, row_stride: output_stride, output_stride: row_stride },
        },
    ];
    let layers = &mut layers[..random.within(0, 3)];
    linear::<K>(Rows::new(x, near(random, width)), layers);
    "linear"
}

/// Layers of unequal inputs, some of which are more than a backend prepares at a time.
fn unequal<K: Kernels>(random: &mut Random, inputs: &mut Inputs, outputs: &mut Outputs) -> &'static str {
    let channels = channels(random);
    let (width, count) = (random.within(60, 300), random.within(1, 4));
    let (x, few) = (&inputs.x[..width * (400 / width)], random.within(1, 60));
    let (channels, rows, data) = (&channels[..count], 400 / width, &inputs.w[..]);
    let few = Matrix { data, inputs: few, stride: random.within(0, 60) };
    let all = Matrix { data, inputs: width, stride: random.within(0, 60) };
    let store = |out| Epilogue::Store { out, row_stride: 1, output_stride: rows };
    let mut layers = [
        Layer { weights: few, channels, epilogue: store(&mut outputs.bytes) },
        Layer { weights: all, channels, epilogue: Epilogue::Add { out: &mut outputs.sums, width: count } },
        Layer { weights: few, channels, epilogue: store(&mut outputs.more) },
    ];
    linear::<K>(Rows::new(x, width), &mut layers);
    "linear of unequal layers"
}

/// The last layer of a gated part.
fn hidden15<K: Kernels>(random: &mut Random, inputs: &mut Inputs, outputs: &mut Outputs) -> &'static str {
    let channels = channels(random);
    let mut table = [0; 256];
    table.fill_with(|| random.next() as i16);
    let product = Scale::from_real(0.2 / (1u64 << random.within(8, 16)) as f64).unwrap_or(UNIT);
    let (rows, width, count) = (random.within(0, 3), random.within(0, 20), random.within(0, 10));
    let stride = near(random, width);
    let mut halves = (inputs.x, inputs.x);
    halves.1.reverse();
    let (gate, up) = (&mut halves.0, &mut halves.1);
    let length = near(random, rows * width).min(300);
    let (gate, up) = (&mut gate[..length], &mut up[..near(random, length).min(300)]);
    let w = &*some(random, &mut inputs.w, end(count, stride, width));
    let weights = Matrix { data: w, inputs: near(random, width), stride };
    let channels = channels.get(..count).unwrap_or(&[]);
    let (a, b) = (near(random, count), near(random, 1));
    let epilogue = if random.within(0, 1) == 0 {
        Epilogue::Store { out: some(random, &mut outputs.bytes, end(rows, a, count)), row_stride: a, output_stride: b }
    } else {
        Epilogue::Add { out: some(random, &mut outputs.sums, end(rows, a, count)), width: a }
    };
    if let Some(hidden) = Gated::new(&table, product, gate, up, &mut Layer { weights, channels, epilogue }) {
        K::linear_hidden15(hidden);
    }
    let x = [&inputs.x[..near(random, width).min(300)], &inputs.x[3..3 + near(random, width).min(300)]];
    K::sums_of_two(x, weights, &mut outputs.pairs[..count]);
    "linear_hidden15"
}

/// The attention of a tile, whose memory may be too small, too.
fn tile<K: Kernels, W: Weight>(random: &mut Random, inputs: &mut Inputs, outputs: &mut Outputs) -> &'static str {
    // Not too much memory: another backend may take another number of queries at a time.
    let (queries, dim, value_dim) = (random.within(0, 2), random.within(0, 9), random.within(0, 5));
    let keys = random.within(0, 30);
    let positions = near(random, keys);
    let mut visible = [0; 9];
    visible.fill_with(|| {
        let fewer = random.within(0, 3);
        near(random, keys.saturating_sub(fewer))
    });
    let queries = near(random, queries).min(9);
    let (dim, value_dim, out_stride) = (near(random, dim), near(random, value_dim), near(random, value_dim));
    let q = &*some(random, &mut inputs.x, queries.checked_mul(dim));
    let (k, v) = inputs.w.split_at_mut(VALUES / 2);
    let k = &*some(random, k, keys.checked_mul(dim).map(|length| length.min(200)));
    let v = &*some(random, v, end(value_dim, positions, keys).map(|length| length.min(200)));
    let mut memory = [0x5555_5555; 8 * 32 + 8];
    let mut weights = [W::ZERO; 8 * 32 + 8];
    let parts = TileParts {
        queries: q,
        keys: k,
        values: v,
        dim,
        value_dim,
        positions,
        visible: &mut visible[..queries],
        steepness: Steepness::from_real(0.01).unwrap_or(STEEPNESS),
        ratio: UNIT,
        scores: &mut memory,
        weights: &mut weights,
        out: some(random, &mut outputs.bytes, end(queries, out_stride, value_dim)),
        out_stride,
    };
    let (kind, starts) = (random.within(0, 2), [random.within(0, 2); 8]);
    if let Some(mut tile) = Tile::new(parts) {
        match kind {
            0 => tile.scores::<K>(),
            1 => tile.scores_between::<K>(&starts, &[keys; 8]),
            _ => {
                tile.scores::<K>();
                tile.add_biases::<K>(|query, key, row| {
                    row.iter_mut().zip(key..).for_each(|(to, key)| *to = (query * 7 + key * 3) as i32);
                });
            }
        }
        tile.softmax::<K>();
        tile.weigh_values::<K>();
        tile.show::<K>(&mut Seen(&mut outputs.of_weights));
    }
    // What comes of more queries than the backend takes, or of too little memory, is not said.
    if queries > 1 || positions > 32 {
        outputs.bytes.fill(85);
        outputs.of_weights = 0;
    }
    "attend"
}

const STEEPNESS: Steepness = Steepness::from_real(0.01).unwrap();

/// Kernels of single rows, which take slices.
fn row_kernels<K: Kernels, W: Weight>(random: &mut Random, inputs: &mut Inputs, outputs: &mut Outputs) -> &'static str {
    let (dim, keys, value_dim) = (random.within(0, 20), random.within(0, 20), random.within(0, 10));
    let query = &inputs.x[..near(random, dim).min(300)];
    let data = &*some(random, &mut inputs.w, keys.checked_mul(dim));
    let scores = some(random, &mut outputs.scores, Some(keys));
    let max = K::scores(query, data, scores);
    let mut weights = [W::ZERO; 64];
    let length = near(random, keys).min(60);
    let scores = &scores[..scores.len().min(40)];
    // No score lies above the maximum, or 2^24 below it, though none may have been written.
    let max = scores.iter().fold(max, |max, &score| max.max(score));
    let sum = K::exp2(scores, max, STEEPNESS, &mut weights[..length]);
    outputs.of_weights =
        weights.iter().fold(u64::from(sum), |hash, weight| hash.wrapping_mul(31) ^ weight.to_int() as u64);
    let stride = near(random, keys);
    let data = &*some(random, &mut inputs.w, end(value_dim, stride, length));
    let scale = RowScale::new(sum.max(1), UNIT);
    K::weighted_sum(&weights[..length], data, stride, scale, &mut outputs.bytes[..value_dim]);
    K::weighted_total(&weights[..length], data, stride, &mut outputs.totals[..value_dim]);
    let step = odd(random);
    outputs.more[0] = K::largest(&outputs.scores[..random.within(0, 30)], step) as i8;
    "kernels of rows"
}

fn norm_and_tables<K: Kernels>(random: &mut Random, inputs: &mut Inputs, outputs: &mut Outputs) -> &'static str {
    let width = random.within(0, 70);
    let mut channels = [NormChannel::from_real(1.0, 0.0).unwrap_or(NORM); 80];
    channels.fill_with(|| NormChannel::from_real((random.next() as i8).into(), 1.0).unwrap_or(NORM));
    let length = near(random, width).min(80);
    let norm = NormView { channels: &channels[..length], epsilon: 1, centred: random.within(0, 1) == 0 };
    let x = &inputs.sums[..near(random, width).min(300)];
    K::layer_norm(x, norm, &mut outputs.bytes[..near(random, width).min(300)]);
    let (mut table, mut wide) = ([0; 256], [0; 256]);
    table.fill_with(|| random.next() as i8);
    wide.fill_with(|| random.next() as i16);
    K::table(&table, &mut outputs.more[..width]);
    let length = near(random, width).min(100);
    K::gate(&wide, UNIT, &mut outputs.more[..width], &inputs.x[..length]);
    "norms and tables"
}

const NORM: NormChannel = NormChannel::from_real(1.0, 0.0).unwrap();

fn rotate<K: Kernels>(random: &mut Random, inputs: &mut Inputs, outputs: &mut Outputs) -> &'static str {
    let (rows, dim) = (random.within(0, 4), random.within(0, 12));
    let pairs = near(random, dim / 2);
    let mut frequencies = [0; 16];
    frequencies.fill_with(|| random.next() as u32);
    let turns = near(random, rows * (dim / 2)).min(16);
    K::turns(
        &frequencies[..near(random, dim / 2).min(16)],
        u32::MAX,
        random.next() as u32,
        &mut outputs.turns[..turns],
    );
    let pairing = [Pairing::Halves, Pairing::Interleaved, Pairing::Folded][random.within(0, 2)];
    let rotation = Rotation {
        pairing,
        dim: near(random, dim),
        pairs,
        turns: &outputs.turns[..turns],
        stride: near(random, dim / 2),
    };
    let x = &inputs.sums[..near(random, rows * dim).min(300)];
    K::rotate(rotation, x, &mut outputs.bytes[..near(random, rows * dim).min(300)]);
    "rotate"
}
