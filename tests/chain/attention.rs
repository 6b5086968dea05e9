//! Attention as a part against f64: all kinds of projections, all patterns.

use crate::attention_support::{Dense, STEPS, Turned, all_heads, meet, scales, turned};
use crate::reference::{Start, any_rows, hold, nearest, sat8, sat16, scale, sums};
use crate::support::{Random, UNIT};
use heedful::format::Softmax;
use heedful::format::write::{AttentionModel, LinearModel, PartModel, PatternModel};
use heedful::{Channel, HeadScale, Narrow, Pairing, Rope, Weight, Wide, Window, frequencies};

/// Of queries, keys and values.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Separate,
    Fused,
    LowRank(usize),
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    positions: usize,
    heads: usize,
    key_heads: usize,
    head_dim: usize,
    kind: Kind,
    softmax: Softmax,
    /// Octaves per standard deviation of the scores.
    octaves: f64,
}

const PLAIN: Shape = Shape {
    positions: 19,
    heads: 3,
    key_heads: 3,
    head_dim: 6,
    kind: Kind::Separate,
    softmax: Softmax::Wide,
    octaves: 2.0,
};

fn model(dense: &Dense) -> LinearModel {
    LinearModel { weights: dense.weights.clone(), channels: dense.channels.clone() }
}

/// Channels for int16 of 64 steps to one.
fn finer(dense: &mut Dense) {
    for channel in &mut dense.channels {
        channel.scale = scale((channel.scale.to_real() * STEPS).min(0.249));
    }
}

/// What a head's rotated or plain query and key are.
type Meeting = Vec<Vec<Turned>>;

/// Heads' outputs of random attention in the residual stream, beside the exact ones; each within its own bound.
fn run(random: &mut Random, shape: Shape, pattern: &PatternModel) -> Vec<(f64, f64)> {
    match shape.softmax {
        Softmax::Wide => run_with::<Wide>(random, shape, pattern),
        Softmax::Narrow => run_with::<Narrow>(random, shape, pattern),
    }
}

fn run_with<W: Weight>(random: &mut Random, shape: Shape, pattern: &PatternModel) -> Vec<(f64, f64)> {
    let Shape { positions, heads: h, key_heads: g, head_dim, kind, softmax, octaves } = shape;
    let width = h * head_dim;
    let values = any_rows(random, positions, width);
    let fused = kind == Kind::Fused;
    let (dim, rank) =
        (if fused { width } else { head_dim }, if let Kind::LowRank(rank) = kind { Some(rank) } else { None });
    let inputs = rank.unwrap_or(width);
    let mut query = Dense::random(random, inputs, dim, h, h);
    let mut key = Dense::random(random, inputs, head_dim, g, g);
    let value = Dense::random(random, inputs, head_dim, g, g);
    let reduce = rank.map(|rank| model(&Dense::random(random, width, rank, 3, 3)));
    if pattern.rope.is_some() {
        finer(&mut query);
        finer(&mut key);
    }
    let deviation = if fused { 40.0 * 74.0 } else { 1600.0 } * (dim as f64).sqrt();
    let heads: [HeadScale; 8] = scales(random, deviation, octaves);
    let heads = &heads[..h];
    // Heads come out as they are.
    let weights = (0..width * width).map(|i| if i % (width + 1) == 0 { 64 } else { 0 }).collect();
    let attention = AttentionModel {
        heads: heads.to_vec(),
        key_heads: g,
        head_dim,
        reduce: reduce.clone(),
        query: model(&query),
        key: (!fused).then(|| model(&key)),
        value: model(&value),
        output: LinearModel { weights, channels: vec![UNIT; width] },
        pattern: pattern.clone(),
        memory: None,
    };
    let start = Start { softmax, ..Start::of_rows(&values, width) };
    let found = start.then(PartModel::Attention(attention)).residual(width);

    let rows: Vec<&[i8]> = values.chunks(width).collect();
    let thirds = |part: usize| -> Vec<Vec<i8>> {
        let reduced = |row: &&[i8]| match (&reduce, rank) {
            (Some(reduce), Some(rank)) => {
                let real: Vec<f64> = row.iter().map(|&x| f64::from(x)).collect();
                let all = sums(reduce, &real);
                all[part * rank..][..rank].iter().map(|&y| sat8(nearest(y)) as i8).collect()
            }
            _ => row.to_vec(),
        };
        rows.iter().map(reduced).collect()
    };
    let met = |dense: &Dense, count: usize, rows: &[Vec<i8>]| -> Meeting {
        (0..count)
            .map(|head| rows.iter().enumerate().map(|(p, x)| meeting(dense, head, count, x, pattern, p)).collect())
            .collect()
    };
    let queries = met(&query, h, &thirds(0));
    let keys = if fused {
        let plain = |row: &&[i8]| row.iter().map(|&x| (f64::from(x), false)).collect();
        vec![rows.iter().map(plain).collect(); h]
    } else {
        met(&key, g, &thirds(1))
    };
    let inputs = thirds(2);
    let group = |head: usize| head * g / h;
    let score = |head: usize, i: usize, j: usize| {
        let (bias, off) = bias(pattern, head, i, j)?;
        let (score, slack) = meet(&queries[head][i], &keys[group(head)][j]);
        Some((score + bias, slack + off))
    };
    let expected = all_heads::<W>(heads, [positions, positions, head_dim], score, |head, j| {
        value.apply(group(head), g, &inputs[j])
    });
    added(shape, &values, found, expected)
}

/// What was added to eightfold values, beside the exact one; each is within a rounding, and what may move it.
pub fn added(
    shape: impl std::fmt::Debug,
    values: &[i8],
    found: Vec<f64>,
    expected: Vec<(f64, f64)>,
) -> Vec<(f64, f64)> {
    assert_eq!(found.len(), expected.len());
    let pair = |(i, (found, (exact, moved))): (usize, (f64, (f64, f64)))| {
        let (found, exact) = (found - 8.0 * f64::from(values[i]), sat8(exact));
        assert!((found - exact).abs() <= moved + 0.501, "{shape:?}, value {i}: {found}, {exact} ± {moved}");
        (found, exact)
    };
    found.into_iter().zip(expected).enumerate().map(pair).collect()
}

fn meeting(dense: &Dense, head: usize, heads: usize, x: &[i8], pattern: &PatternModel, position: usize) -> Turned {
    match &pattern.rope {
        Some((pairing, frequencies)) => {
            let fine = |(sum, channel): (i32, Channel)| sat16(f64::from(channel.scale.to_i16(sum)));
            let values: Vec<f64> = dense.sums(head, heads, x).into_iter().map(fine).collect();
            turned(&values, &Rope { pairing: *pairing, frequencies }, position as u128)
        }
        None => dense.apply(head, heads, x).into_iter().map(|y| (y, false)).collect(),
    }
}

/// What a score gains, and by how much the library's may differ; `None` where the key is hidden.
fn bias(pattern: &PatternModel, head: usize, i: usize, j: usize) -> Option<(f64, f64)> {
    let window = pattern.windows.get(head).copied().unwrap_or(Window::ALL);
    let reach = |count: usize| count as i128 * window.dilation as i128;
    let (query, key) = (i as i128, j as i128);
    let near = query - reach(window.back) <= key && key <= query + reach(window.ahead);
    let on_grid = (key - query) % window.dilation as i128 == 0;
    if (pattern.causal && j > i) || !on_grid || !(near || j < window.sinks) {
        return None;
    }
    let (mut bias, mut off) = (0.0, 0.0);
    if let Some(&slope) = pattern.slopes.get(head) {
        bias -= (f64::from(slope) / 256.0 * i.abs_diff(j) as f64).min(4_194_304.0);
        off += 0.5;
    }
    if let Some((span, table)) = &pattern.relative {
        let place = (key - query + *span as i128 / 2).clamp(0, *span as i128 - 1) as usize;
        bias += f64::from(table[head * span + place].clamp(-(1 << 22), 1 << 22));
    }
    Some((bias, off))
}

/// Mean, root mean square and maximum with wide weights.
const BOUNDS: [f64; 3] = [0.03, 0.3, 0.7];

fn shapes() -> Vec<Shape> {
    let mut shapes = vec![PLAIN];
    shapes.extend([
        Shape { positions: 1, ..PLAIN },
        Shape { positions: 40, heads: 4, key_heads: 2, head_dim: 8, ..PLAIN },
        Shape { heads: 6, key_heads: 1, head_dim: 5, ..PLAIN },
        Shape { heads: 1, key_heads: 1, head_dim: 33, octaves: 4.0, ..PLAIN },
        Shape { kind: Kind::Fused, ..PLAIN },
        Shape { kind: Kind::Fused, heads: 1, key_heads: 1, head_dim: 17, ..PLAIN },
        // Reduced rows that are shorter than the model is wide, as long, and longer.
        Shape { kind: Kind::LowRank(2), ..PLAIN },
        Shape { kind: Kind::LowRank(6), heads: 4, key_heads: 2, head_dim: 7, ..PLAIN },
        Shape { kind: Kind::LowRank(18), ..PLAIN },
    ]);
    shapes
}

#[test]
fn kinds_of_projections() {
    let random = &mut Random(1);
    for shape in shapes() {
        let mut pairs = Vec::new();
        for causal in [false, true] {
            for _ in 0..2 {
                pairs.extend(run(random, shape, &PatternModel { causal, ..PatternModel::default() }));
            }
        }
        let name = format!("{:?}, {} of {} heads", shape.kind, shape.key_heads, shape.heads);
        hold(&name, pairs, [0.04, 0.31, 0.7]);
    }
}

#[test]
fn narrow_weights() {
    let random = &mut Random(2);
    let mut pairs = Vec::new();
    for shape in shapes() {
        let shape = Shape { softmax: Softmax::Narrow, octaves: 0.5, ..shape };
        pairs.extend(run(random, shape, &PatternModel::default()));
    }
    hold("narrow", pairs, [0.03, 0.3, 0.8]);
}

fn windows(h: usize) -> Vec<Vec<Window>> {
    let all = [
        Window::ALL,
        Window::back(0),
        Window::back(3),
        Window::around(2),
        Window::around(3).dilated(2),
        Window::ALL.dilated(5),
        Window::back(2).with_sinks(1),
        Window::around(1).with_sinks(4),
        Window::back(1).dilated(4).with_sinks(6),
        Window { back: usize::MAX, ahead: 1, dilation: 1, sinks: 0 },
        Window { back: 1, ahead: usize::MAX, dilation: 3, sinks: 2 },
    ];
    (0..all.len()).map(|first| (0..h).map(|head| all[(first + head) % all.len()]).collect()).collect()
}

#[test]
fn windows_of_each_head() {
    let random = &mut Random(3);
    let mut pairs = Vec::new();
    for causal in [false, true] {
        for windows in windows(3) {
            pairs.extend(run(random, PLAIN, &PatternModel { causal, windows, ..PatternModel::default() }));
        }
    }
    hold("windows", pairs, BOUNDS);
}

fn slopes(random: &mut Random, heads: usize) -> Vec<u32> {
    (0..heads).map(|_| [0, 300, 60_000, u32::MAX][random.int(0, 3) as usize]).collect()
}

fn relative(random: &mut Random, heads: usize, span: usize) -> Option<(usize, Vec<i32>)> {
    let bound = [50, 4000, 1 << 22, i64::from(i32::MAX)][random.int(0, 3) as usize];
    Some((span, (0..heads * span).map(|_| random.int(-bound, bound) as i32).collect()))
}

fn rope(pairs: usize, pairing: Pairing) -> Option<(Pairing, Vec<u32>)> {
    let table: [u32; 8] = frequencies(100.0);
    Some((pairing, table[..pairs].to_vec()))
}

#[test]
fn slopes_and_learned_biases() {
    let random = &mut Random(4);
    let (mut falling, mut learned) = (Vec::new(), Vec::new());
    for causal in [false, true] {
        for span in [1, 2, 5, 16, 39] {
            let slopes = slopes(random, 3);
            falling.extend(run(random, PLAIN, &PatternModel { causal, slopes, ..PatternModel::default() }));
            let relative = relative(random, 3, span);
            learned.extend(run(random, PLAIN, &PatternModel { causal, relative, ..PatternModel::default() }));
        }
    }
    hold("slopes", falling, BOUNDS);
    hold("learned biases", learned, BOUNDS);
}

#[test]
fn rotations() {
    let random = &mut Random(5);
    let mut all = Vec::new();
    for pairing in [Pairing::Interleaved, Pairing::Halves, Pairing::Folded] {
        for pairs in 1..=3 {
            for shape in [
                PLAIN,
                Shape { heads: 4, key_heads: 2, head_dim: 7, ..PLAIN },
                Shape { kind: Kind::LowRank(4), ..PLAIN },
            ] {
                let rope = rope(pairs, pairing);
                all.extend(run(random, shape, &PatternModel { rope, ..PatternModel::default() }));
            }
        }
    }
    // Where a rotated value lies between two, and sine and cosine decide which, a score differs.
    hold("rotations", all, [0.03, 0.3, 0.9]);
}

/// Everything that a pattern may say at once.
#[test]
fn patterns_together() {
    let random = &mut Random(6);
    let mut all = Vec::new();
    for (i, windows) in windows(3).into_iter().enumerate() {
        let pairing = [Pairing::Interleaved, Pairing::Halves, Pairing::Folded][i % 3];
        let kind = if i % 2 == 0 { Kind::Separate } else { Kind::LowRank(5) };
        let pattern = PatternModel {
            causal: i % 4 < 2,
            windows,
            slopes: slopes(random, 3),
            relative: relative(random, 3, 2 * i + 1),
            rope: rope(i % 3 + 1, pairing),
        };
        all.extend(run(random, Shape { kind, key_heads: if i % 3 == 0 { 1 } else { 3 }, ..PLAIN }, &pattern));
    }
    hold("together", all, [0.03, 0.3, 0.9]);
}

/// Without heads the biases of the output are left, whatever else there is.
#[test]
fn attention_without_heads() {
    let random = &mut Random(7);
    for (reduce, rank) in [(false, 0), (true, 3)] {
        let width = 5;
        let values = any_rows(random, 6, width);
        let none = LinearModel { weights: vec![], channels: vec![] };
        let mut channel = |_| Channel { bias: random.int(-9000, 9000) as i32, scale: scale(0.01) };
        let channels: Vec<Channel> = (0..width).map(&mut channel).collect();
        let attention = AttentionModel {
            heads: vec![],
            key_heads: 0,
            head_dim: 4,
            reduce: reduce.then(|| model(&Dense::random(random, width, rank, 3, 3))),
            query: none.clone(),
            key: Some(none.clone()),
            value: none,
            output: LinearModel { weights: vec![], channels: channels.clone() },
            pattern: PatternModel { causal: true, ..PatternModel::default() },
            memory: None,
        };
        let found = Start::of_rows(&values, width).then(PartModel::Attention(attention)).residual(width);
        for (i, found) in found.into_iter().enumerate() {
            let exact = 8.0 * f64::from(values[i]) + nearest(f64::from(channels[i % width].bias) * 0.01);
            assert!((found - exact).abs() < 1e-6, "{found}, {exact}");
        }
    }
}
