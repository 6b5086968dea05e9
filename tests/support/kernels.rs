//! Cases for kernels: random and extreme inputs on which two backends must give the same bytes.
//!
//! Needs neither `std` nor an allocator, so that a target runs the same cases as the host.
//!
//! Around outputs lies a pattern, which must stay. Around inputs lies garbage, other garbage for each backend: one that
//! uses what it has no business to read gives other bytes, even where the inputs themselves are all 0.

use heedful::internals::{
    Bounds, Epilogue, Gated, Kernels, Layer, Matrix, NormView, Rotation, RowScale, Rows, Tile, TileParts, Turn,
    WeightObserver, linear as linear_on,
};
use heedful::{Channel, MASKED, Narrow, NormChannel, Pairing, Scale, Steepness, Weight, Wide};

/// SplitMix64 (Steele, Lea and Flood, 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// `low ..= high`
    pub fn within(&mut self, low: usize, high: usize) -> usize {
        low + (self.next() % (high - low + 1) as u64) as usize
    }

    /// Random bytes, or one of the extremes throughout, or extremes mixed.
    fn fill(&mut self, to: &mut [i8]) {
        let kind = self.next() % 8;
        for x in to {
            let random = self.next();
            *x = match kind {
                0 => -128,
                1 => 127,
                2 => [-128, 127][(random % 2) as usize],
                3 => 0,
                _ => random as i8,
            };
        }
    }

    /// Other values before and after those of `buffer` that are an input.
    fn spoil<T>(&mut self, buffer: &mut [T], input: core::ops::Range<usize>, value: impl Fn(u64) -> T) {
        let end = buffer.len().min(input.end + SPOILT);
        for i in (input.start.saturating_sub(SPOILT)..input.start).chain(input.end..end) {
            buffer[i] = value(self.next());
        }
    }

    fn scale(&mut self, shift: core::ops::RangeInclusive<u32>) -> Scale {
        let shift = self.within(*shift.start() as usize, *shift.end() as usize);
        let factor = 0.25 + 0.249 * (self.next() % 1000) as f64 / 1000.0;
        Scale::from_real(factor / (1u64 << shift) as f64).unwrap_or(Scale::from_real(0.1).unwrap())
    }

    fn steepness(&mut self) -> Steepness {
        let octaves = 0.06 * (1 + self.next() % 1000) as f64 / 1000.0;
        Steepness::from_real(octaves / (1u64 << (self.next() % 14)) as f64)
            .unwrap_or(Steepness::from_real(0.01).unwrap())
    }

    fn channel(&mut self) -> Channel {
        let bias = (self.next() as i32) >> (self.next() % 24 + 2);
        Channel { bias, scale: self.scale(1..=20) }
    }
}

const BYTES: usize = 4096;
/// Elements before and after an input that get other values for each backend.
const SPOILT: usize = 32;
const OUT: usize = 2048;
/// Miri would take minutes for what a target does in a second.
const SMALL: bool = cfg!(miri);
/// Eight rows of 700 positions: more than one i32 sum holds.
const SCORES: usize = 8 * 700;

/// Working memory for [`differs`]: about 65 KB.
pub struct Memory {
    x: [i8; BYTES],
    w: [i8; BYTES],
    values: [i8; BYTES],
    channels: [Channel; 40],
    out: [[i8; OUT]; 2],
    sums: [[i16; OUT / 2]; 2],
    scores: [i32; SCORES],
    weights: [Wide; SCORES],
    narrow: [Narrow; SCORES],
    seen: [u64; 2],
    totals: [i64; OUT],
    total_of: [u64; 2],
    /// Of all outputs so far: two machines that ran the same cases compare it.
    pub digest: u64,
}

impl Memory {
    /// Working memory before the first case.
    pub const fn new() -> Self {
        Self {
            x: [0; BYTES],
            w: [0; BYTES],
            values: [0; BYTES],
            channels: [Channel { bias: 0, scale: Scale::from_real(0.1).unwrap() }; 40],
            out: [[0; OUT]; 2],
            sums: [[0; OUT / 2]; 2],
            scores: [0; SCORES],
            weights: [Wide::ZERO; SCORES],
            narrow: [Narrow::ZERO; SCORES],
            seen: [0; 2],
            totals: [0; OUT],
            total_of: [0; 2],
            digest: 0xcbf2_9ce4_8422_2325,
        }
    }
}

/// Runs one case on both backends; the name of the kernel that differs, if one does.
pub fn differs<A: Kernels, B: Kernels>(seed: u64, memory: &mut Memory) -> Option<&'static str> {
    let random = &mut Random(seed);
    let kernel = match seed % 4 {
        0 => linear::<A, B>(random, memory).then_some("linear"),
        1 => attend::<A, B, Wide>(random, memory, |m| &mut m.weights).then_some("attend with wide weights"),
        2 => attend::<A, B, Narrow>(random, memory, |m| &mut m.narrow).then_some("attend with narrow weights"),
        _ => rows::<A, B>(random, memory).or_else(|| rotate::<A, B>(random, memory)),
    };
    // FNV-1a (Fowler, Noll and Vo), by words.
    let bytes = memory.out[0].iter().map(|&x| x as u64).chain(memory.sums[0].iter().map(|&x| x as u64));
    for x in bytes.chain([memory.seen[0], memory.total_of[0]]) {
        memory.digest = (memory.digest ^ x).wrapping_mul(0x0100_0000_01b3);
    }
    kernel
}

/// A case of [`Kernels::linear`] with each kind of epilogue; starts are misaligned, and what lies around the outputs
/// must not change.
fn linear<A: Kernels, B: Kernels>(random: &mut Random, memory: &mut Memory) -> bool {
    // Often one row: a token at a time.
    let rows = if random.next().is_multiple_of(3) { 1 } else { random.within(0, if SMALL { 5 } else { 9 }) };
    let width = match random.next() % 8 {
        0 => random.within(257, if rows == 1 { 1200 } else { 400 }),
        1 => 16 * random.within(1, 8),
        2 => 172,
        // As small models have them: some backends have loops for these.
        3..=5 => [8, 12, 16, 24, 32, 40, 48, 64][random.within(0, 7)],
        _ => random.within(1, 70),
    };
    // Half of the matrices have no gaps, half start on a word: then whole words may be loaded.
    let stride = width + random.within(0, 6).saturating_sub(3);
    // Sometimes the weights apply to the first values of longer rows.
    let row = width + if random.next().is_multiple_of(4) { random.within(1, 40) } else { 0 };
    let outputs = random.within(0, if SMALL { 10 } else { 40 }).min(BYTES / stride - 1);
    let Memory { x, w, channels, out, sums, .. } = memory;
    random.fill(x);
    random.fill(w);
    for channel in channels.iter_mut() {
        *channel = random.channel();
    }
    let (start_x, start_w, start) = (random.within(0, 3), random.within(0, 6).saturating_sub(3), random.within(0, 9));
    // The last row ends with its last weight: nothing behind it may be read.
    let length = if outputs == 0 { 0 } else { (outputs - 1) * stride + width };
    let (of_x, of_w) = (start_x..start_x + rows * row, start_w..start_w + length);
    let transposed = random.next().is_multiple_of(2);
    let (row_stride, output_stride) = if transposed { (1, rows + 1) } else { (outputs + 1, 1) };

    let mut run = |which: usize, run: fn(Rows<'_>, &mut [Layer<'_>])| {
        out[which].fill(85);
        sums[which].fill(1000);
        random.spoil(x, of_x.clone(), |random| random as i8);
        random.spoil(w, of_w.clone(), |random| random as i8);
        for channel in &mut channels[outputs..] {
            *channel = random.channel();
        }
        let (stored, added) = (&mut out[which][start..], &mut sums[which][start..]);
        let w = Matrix { data: &w[of_w.clone()], inputs: width, stride };
        let channels = &channels[..outputs];
        run(
            Rows::new(&x[of_x.clone()], row),
            &mut [
                Layer { weights: w, channels, epilogue: Epilogue::Store { out: stored, row_stride, output_stride } },
                Layer { weights: w, channels, epilogue: Epilogue::Add { out: added, width: outputs } },
            ],
        );
    };
    run(0, linear_on::<A>);
    run(1, linear_on::<B>);
    out[0] != out[1] || sums[0] != sums[1]
}

struct Seen<'a> {
    hash: &'a mut u64,
    first: usize,
}

impl<W: Weight> WeightObserver<W> for Seen<'_> {
    const WATCHES: bool = true;

    fn row(&mut self, query: usize, weights: &[W]) {
        for weight in weights {
            let place = (self.first + query) as u64 * 65_536;
            *self.hash = self.hash.wrapping_mul(31).wrapping_add(place + weight.to_int() as u64);
        }
    }
}

/// A bias of any size for a query and a key, or that the key is hidden; sometimes all of one query's are, or of all
/// queries.
fn bias(salt: u64, query: usize, key: usize) -> i32 {
    let random = Random(salt ^ (query * 65_536 + key) as u64).next();
    let shift = salt % 29 + 2;
    if random.is_multiple_of(5) || salt.is_multiple_of(64) || salt >> 8 & 15 == query as u64 {
        MASKED
    } else {
        (random >> 32) as i32 >> shift
    }
}

/// A case of the attention of a [`Tile`], its weights included.
fn attend<A: Kernels, B: Kernels, W: Weight>(
    random: &mut Random,
    memory: &mut Memory,
    weights: fn(&mut Memory) -> &mut [W; SCORES],
) -> bool {
    let most = if random.next().is_multiple_of(3) { 2 } else { 8 };
    let queries = random.within(1, most);
    let dim = match random.next() % 16 {
        0 => 1,
        1 | 2 => random.within(1, 5),
        3 => random.within(100, 250),
        4 | 5 => 16 * random.within(1, 4),
        6 | 7 => 8,
        _ => random.within(1, 33),
    };
    let longest = ((BYTES - 3) / dim).min(if SMALL { 40 } else { SCORES / 8 });
    let positions = match random.next() % 8 {
        0 | 1 => random.within(1, 8.min(longest)),
        2 | 3 => longest.min(257),
        4 => longest,
        _ => random.within(1, longest.min(257)),
    };
    let value_dim = if random.next().is_multiple_of(2) { dim } else { random.within(1, dim) };
    let (start, out_stride) = (random.within(0, 3), value_dim + random.within(0, 5));
    let first = random.within(0, positions - 1);
    let causal = random.next() % 3;
    // Sometimes what is looked at starts in the middle of the rows of values.
    let skip = if random.next().is_multiple_of(3) { random.within(0, positions - 1) } else { 0 };
    let mut visible = [0; 8];
    for (i, visible) in visible.iter_mut().enumerate() {
        *visible = match causal {
            0 => positions,
            1 => (first + i + 1).min(positions),
            _ => first,
        }
        .min(positions - skip);
    }
    // Keys and values may end with the last one that is looked at.
    let last = match visible.iter().max() {
        Some(&most) if random.next().is_multiple_of(2) => most,
        _ => positions - skip,
    };
    random.fill(&mut memory.x);
    random.fill(&mut memory.w);
    random.fill(&mut memory.values);
    let (steepness, ratio) = (random.steepness(), random.scale(2..=8));
    // One case in four has biases, and hides some keys.
    let (biased, salt) = (random.next().is_multiple_of(4), random.next());
    // Another one hides all but the keys in the middle of each row.
    let between = !biased && random.next().is_multiple_of(3);
    let (mut starts, mut ends) = ([0; 16], [0; 16]);
    for (&visible, (start, end)) in visible.iter().zip(starts.iter_mut().zip(&mut ends)) {
        if visible > 0 {
            *start = random.within(0, visible - 1);
            *end = random.within(*start + 1, visible);
        }
    }

    for which in 0..2 {
        // Two separate borrows of the memory are needed: weights of either type, and the rest.
        let mut row = *weights(memory);
        let mut visible = visible;
        memory.out[which].fill(85);
        memory.seen[which] = 0;
        let Memory { x, w, values, out, scores, seen, totals, total_of, .. } = &mut *memory;
        let of_keys = start + skip * dim..start + (skip + last) * dim;
        let of_values = start + skip..start + skip + (value_dim - 1) * positions + last;
        random.spoil(x, start..start + queries * dim, |random| random as i8);
        random.spoil(w, of_keys.clone(), |random| random as i8);
        random.spoil(values, of_values.clone(), |random| random as i8);
        // What working memory holds must not matter, either.
        let (garbage, weight) = (random.next(), random.next());
        scores.fill(garbage as i32);
        total_of[which] = 0;
        row.fill(W::exp2(weight as u32 & 0x7ff));
        let mut first = 0;
        while first < queries {
            let count = (queries - first).min(if which == 0 { A::QUERIES } else { B::QUERIES });
            let Some(mut tile) = Tile::new(TileParts {
                queries: &x[start + first * dim..start + (first + count) * dim],
                keys: &w[of_keys.clone()],
                values: &values[of_values.clone()],
                dim,
                value_dim,
                positions,
                visible: &mut visible[first..first + count],
                steepness,
                ratio,
                scores,
                weights: &mut row,
                out: &mut out[which][first * out_stride..(first + count - 1) * out_stride + value_dim],
                out_stride,
            }) else {
                return true;
            };
            let mut seen = Seen { hash: &mut seen[which], first };
            let rows = |query: usize, key: usize, row: &mut [i32]| {
                for (key, to) in (key..).zip(row) {
                    *to = bias(salt, first + query, key);
                }
            };
            let totals = &mut totals[..count * value_dim];
            totals.fill(salt as i32 as i64);
            let bounds = |of: &[usize; 16]| -> Bounds { core::array::from_fn(|i| of[first + i]) };
            let (starts, ends) = (bounds(&starts), bounds(&ends));
            let mask = if between { Masking::Between(&starts, &ends) } else { Masking::Biases(biased.then_some(rows)) };
            if which == 0 {
                masked::<A, W>(&mut tile, mask, &mut seen);
            } else {
                masked::<B, W>(&mut tile, mask, &mut seen);
            }
            // Of the same weights, what a part of a longer row adds to its totals.
            if last <= 512 {
                if which == 0 {
                    A::tile_weighted_total(&mut tile, totals);
                } else {
                    B::tile_weighted_total(&mut tile, totals);
                }
                for (i, &total) in totals.iter().enumerate() {
                    let place = ((first * value_dim + i) as u64) << 48;
                    // In any order: the two take different numbers of queries at a time.
                    total_of[which] = total_of[which].wrapping_add(Random(total as u64 ^ place).next());
                }
            }
            first += count;
        }
    }
    memory.out[0] != memory.out[1] || memory.seen[0] != memory.seen[1] || memory.total_of[0] != memory.total_of[1]
}

/// A case of each kernel on rows: long weighted sums, norms and tables.
fn rows<A: Kernels, B: Kernels>(random: &mut Random, memory: &mut Memory) -> Option<&'static str> {
    let Memory { x, values, out, sums, scores, weights, .. } = memory;
    random.fill(x);
    random.fill(values);
    out[0].fill(85);
    out[1].fill(85);

    // Rows longer than one i32 sum holds.
    let length = random.within(0, if SMALL { 70 } else { 1300 });
    for score in scores[..length].iter_mut() {
        *score = (random.next() as i32) >> 12;
    }
    let max = scores[..length].iter().copied().max().unwrap_or(0);
    let steepness = random.steepness();
    let mut exp2 = |exp2: fn(&[i32], i32, Steepness, &mut [Wide]) -> u32| {
        random.spoil(scores, 0..length, |random| random as i32);
        weights[length..length + SPOILT].fill(Wide::exp2(85));
        let sum = exp2(&scores[..length], max, steepness, &mut weights[..length]);
        let hash = |hash: u64, weight: &Wide| hash.wrapping_mul(31).wrapping_add(u64::from(weight.to_bits() as u16));
        (sum, weights[..length + SPOILT].iter().fold(0, hash))
    };
    let (of_a, of_b) = (exp2(A::exp2), exp2(B::exp2));
    if of_a != of_b {
        return Some("exp2");
    }

    let scale = RowScale::new(of_a.0.max(32767), random.scale(2..=8));
    let mut weighted_sum = |which: usize, weighted_sum: fn(&[Wide], &[i8], usize, RowScale, &mut [i8])| {
        let of_values = 1..1 + 3 * length;
        random.spoil(values, of_values.clone(), |random| random as i8);
        random.spoil(weights, 0..length, |random| Wide::exp2(random as u32 & 0x7ff));
        weighted_sum(&weights[..length], &values[of_values], length, scale, &mut out[which][3..6]);
    };
    weighted_sum(0, A::weighted_sum);
    weighted_sum(1, B::weighted_sum);
    if out[0] != out[1] {
        return Some("weighted_sum");
    }

    let mut weighted_total = |weighted_total: fn(&[Wide], &[i8], usize, &mut [i64])| {
        let (of_values, mut totals) = (1..1 + 3 * length, [7; 3]);
        random.spoil(values, of_values.clone(), |random| random as i8);
        random.spoil(weights, 0..length, |random| Wide::exp2(random as u32 & 0x7ff));
        weighted_total(&weights[..length.min(512)], &values[of_values], length, &mut totals);
        totals
    };
    if weighted_total(A::weighted_total) != weighted_total(B::weighted_total) {
        return Some("weighted_total");
    }

    let dim = if random.next().is_multiple_of(2) { 8 } else { random.within(1, 40) };
    let (count, start) = (random.within(0, 40), 4 * random.within(0, 1) + random.within(0, 1));
    let mut scores_of = |scores_of: fn(&[i8], &[i8], &mut [i32]) -> i32| {
        let of_keys = start..start + count * dim;
        random.spoil(x, of_keys.clone(), |random| random as i8);
        random.spoil(values, 1..1 + dim, |random| random as i8);
        scores[..count + SPOILT].fill(85);
        let max = scores_of(&values[1..1 + dim], &x[of_keys], &mut scores[..count]);
        scores[..count + SPOILT].iter().fold((max, 0u64), |(max, hash), &x| (max, hash.wrapping_mul(31) ^ x as u64))
    };
    if scores_of(A::scores) != scores_of(B::scores) {
        return Some("scores");
    }

    let width = random.within(1, 256);
    let channel = |random: u64| NormChannel {
        gain: fixed::types::I8F8::from_bits(random as i16),
        offset: fixed::types::I8F8::from_bits((random >> 16) as i16),
    };
    let mut channels = [channel(0); 256 + SPOILT];
    channels[..width].fill_with(|| channel(random.next()));
    let [x_of_norm, _] = sums;
    let start = random.within(1, 4);
    let of_x = start..start + width;
    let quiet = random.next() % 16;
    for x in &mut x_of_norm[of_x.clone()] {
        *x = (random.next() as i16) >> quiet;
    }
    let (epsilon, centred) = (random.within(1, 1000) as u32, random.next().is_multiple_of(2));
    let mut layer_norm = |which: usize, layer_norm: fn(&[i16], NormView<'_>, &mut [i8])| {
        random.spoil(x_of_norm, of_x.clone(), |random| random as i16);
        random.spoil(&mut channels, 0..width, channel);
        let norm = NormView { channels: &channels[..width], epsilon, centred };
        layer_norm(&x_of_norm[of_x.clone()], norm, &mut out[which][start..start + width]);
    };
    layer_norm(0, A::layer_norm);
    layer_norm(1, B::layer_norm);
    if out[0] != out[1] {
        return Some("layer_norm");
    }

    let start = random.within(1, 4);
    let mut table = |which: usize, table: fn(&[i8; 256], &mut [i8])| -> Option<()> {
        random.spoil(values, start..start + 256, |random| random as i8);
        out[which].copy_from_slice(&x[..OUT]);
        table(values[start..].first_chunk()?, &mut out[which][3..1000]);
        Some(())
    };
    table(0, A::table)?;
    table(1, B::table)?;
    if out[0] != out[1] {
        return Some("table");
    }

    let mut table = [0; 256];
    table.fill_with(|| random.next() as i16);
    let (product, start, width) = (random.scale(1..=20), random.within(0, 3), random.within(0, 200));
    let mut gate = |which: usize, gate: fn(&[i16; 256], Scale, &mut [i8], &[i8])| {
        random.spoil(values, 1..1 + width, |random| random as i8);
        out[which].copy_from_slice(&x[..OUT]);
        gate(&table, product, &mut out[which][start..start + width], &values[1..1 + width]);
    };
    gate(0, A::gate);
    gate(1, B::gate);
    if out[0] != out[1] {
        return Some("gate");
    }
    hidden15::<A, B>(random, memory, &table).then_some("linear_hidden15")
}

/// A case of [`Kernels::linear_hidden15`] with either epilogue; gates and what lies beside them are its own afterwards.
fn hidden15<A: Kernels, B: Kernels>(random: &mut Random, memory: &mut Memory, table: &[i16; 256]) -> bool {
    let Memory { x, w, values, channels, out, sums, .. } = memory;
    let rows = if random.next().is_multiple_of(2) { 1 } else { random.within(0, 3) };
    let width = match random.next() % 4 {
        0 => 172,
        1 => random.within(100, 768),
        _ => random.within(1, 70),
    };
    let stride = width + random.within(0, 6).saturating_sub(3);
    let outputs = random.within(0, if SMALL { 5 } else { 40 }).min(BYTES / stride - 1);
    random.fill(w);
    let shift = random.next() % 23 + 9;
    for channel in channels.iter_mut() {
        *channel = Channel { bias: (random.next() as i32) >> shift, scale: random.scale(1..=28) };
    }
    // Products of which some saturate at 15 bits.
    let product = random.scale(7..=20);
    let (start_w, start) = (random.within(0, 6).saturating_sub(3), random.within(0, 9));
    let length = if outputs == 0 { 0 } else { (outputs - 1) * stride + width };
    let of_w = start_w..start_w + length;
    let adds = !random.next().is_multiple_of(4);
    let (salt, hidden) = (random.next(), rows * width);
    let mut run = |which: usize, run: fn(Gated<'_, '_>)| {
        out[which].fill(85);
        sums[which].fill(1000);
        random.spoil(w, of_w.clone(), |random| random as i8);
        let same = &mut Random(salt);
        same.fill(x);
        same.fill(values);
        let epilogue = if adds {
            Epilogue::Add { out: &mut sums[which][start..], width: outputs }
        } else {
            Epilogue::Store { out: &mut out[which][start..], row_stride: outputs + 1, output_stride: 1 }
        };
        let weights = Matrix { data: &w[of_w.clone()], inputs: width, stride };
        let (gate, up) = (&mut x[start..start + hidden], &mut values[start + 1..start + 1 + hidden]);
        if let Some(hidden) =
            Gated::new(table, product, gate, up, &mut Layer { weights, channels: &channels[..outputs], epilogue })
        {
            run(hidden);
        }
    };
    run(0, A::linear_hidden15);
    run(1, B::linear_hidden15);
    if out[0] != out[1] || sums[0] != sums[1] {
        return true;
    }

    // The sums that most backends make this of, of rows that may be longer than what counts.
    let rows = [&x[start..start + width + 3], &values[..width + 5]];
    let weights = Matrix { data: &w[of_w], inputs: width, stride };
    let mut of = [[[0; 2]; 40]; 2];
    A::sums_of_two(rows, weights, &mut of[0][..outputs]);
    B::sums_of_two(rows, weights, &mut of[1][..outputs]);
    of[0] != of[1]
}

/// A case of the rotation of rows, behind what the other kernels have written.
fn rotate<A: Kernels, B: Kernels>(random: &mut Random, memory: &mut Memory) -> Option<&'static str> {
    const ROWS: usize = 6;
    const DIM: usize = 40;
    const PLACE: usize = OUT / 4;
    let Memory { out, sums, .. } = memory;
    let dim = if random.next().is_multiple_of(2) { 8 * random.within(1, 4) } else { random.within(1, DIM) };
    let pairs = if random.next().is_multiple_of(2) { dim / 2 } else { random.within(0, dim / 2) };
    let (rows, wide) = (random.within(0, ROWS), random.next().is_multiple_of(2));
    let mut frequencies = [0; DIM / 2 + SPOILT];
    frequencies.fill_with(|| (random.next() >> (random.next() % 32)) as u32);
    // Now and then whole quarters.
    let mask = if random.next().is_multiple_of(4) { 3 << 30 } else { u32::MAX };
    frequencies.iter_mut().for_each(|frequency| *frequency &= mask);
    let (first, step) = (random.next() as u32, random.next() as u32);
    let mut turns = |turns: fn(&[u32], u32, u32, &mut [Turn])| {
        random.spoil(&mut frequencies, 0..pairs, |random| random as u32);
        let mut to = [Turn::ZERO; ROWS * DIM / 2 + SPOILT];
        turns(&frequencies[..pairs], first, step, &mut to[..rows * pairs]);
        to
    };
    let [mut of_a, of_b] = [turns(A::turns), turns(B::turns)];
    if of_a != of_b {
        return Some("turns");
    }

    let mut x = [0; ROWS * DIM + SPOILT];
    let kind = random.next() % 4;
    x.fill_with(|| {
        let random = random.next();
        match kind {
            0 => [i16::MIN, i16::MAX][(random % 2) as usize],
            _ => random as i16 >> ((random >> 16) % 8),
        }
    });
    let (start, at) = (random.within(0, 3), random.within(0, 3));
    let pairing = [Pairing::Halves, Pairing::Interleaved, Pairing::Folded][random.within(0, 2)];
    let stride = if wide { pairs } else { 0 };
    let mut rotate = |which: usize, rotate: fn(Rotation<'_>, &[i16], &mut [i8])| {
        random.spoil(&mut x, at..at + rows * dim, |random| random as i16);
        let used = if wide { rows * pairs } else { pairs.min(rows * pairs) };
        random.spoil(&mut of_a, 0..used, |random| Turn { cos: random as i16, sin: (random >> 16) as i16 });
        let rotation = Rotation { pairing, dim, pairs, turns: &of_a[..used], stride };
        out[which][PLACE..].fill(85);
        rotate(rotation, &x[at..at + rows * dim], &mut out[which][PLACE + start..PLACE + start + rows * dim]);
        // For the digest.
        for (to, turn) in sums[which][PLACE..].chunks_exact_mut(2).zip(&of_b[..rows * pairs]) {
            to.copy_from_slice(&[turn.cos, turn.sin]);
        }
    };
    rotate(0, A::rotate);
    rotate(1, B::rotate);
    (out[0] != out[1]).then_some("rotate")
}

/// What else decides how a tile's keys weigh.
enum Masking<'a, R> {
    /// Each query sees the keys from a start to an end.
    Between(&'a Bounds, &'a Bounds),
    /// Rows of biases, if any.
    Biases(Option<R>),
}

/// Softmax attention of a tile, shown to an observer.
fn masked<K: Kernels, W: Weight>(
    tile: &mut Tile<'_, W>,
    masking: Masking<'_, impl FnMut(usize, usize, &mut [i32])>,
    observer: &mut impl WeightObserver<W>,
) {
    match masking {
        Masking::Between(starts, ends) => tile.scores_between::<K>(starts, ends),
        Masking::Biases(rows) => {
            tile.scores::<K>();
            if let Some(rows) = rows {
                tile.add_biases::<K>(rows);
            }
        }
    }
    tile.softmax::<K>();
    tile.weigh_values::<K>();
    tile.show::<K>(observer);
}
