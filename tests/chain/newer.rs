//! Convolutions, types of tokens, pooling by weights, attention to a memory and raw readings against f64.

use crate::attention::added;
use crate::attention_support::{Dense, all_heads, dot, head, scales};
use crate::chain::Given;
use crate::reference::{
    Start, any_rows, beside, convolution, features, fine_sums, hold, nearest, patch, real, sat8, sat16, scale, sums,
};
use crate::support::{Random, UNIT, linear};
use heedful::dynamic::Model;
use heedful::format::Softmax;
use heedful::format::write::{AttentionModel, ChannelModel, InputModel, LinearModel, PartModel, PatternModel};
use heedful::{Channel, HeadScale, MemoryShape, Narrow, Patches, Steepness, Weight, Wide};

/// A layer that takes so many values over as they are.
fn identity(width: usize) -> LinearModel {
    let weights = (0..width * width).map(|i| if i % (width + 1) == 0 { 64 } else { 0 }).collect();
    LinearModel { weights, channels: vec![UNIT; width] }
}

/// Convolutions, and what they make as the residual stream.
fn shown(input: InputModel, given: Given, layers: &[PartModel]) -> Vec<f64> {
    let Some(PartModel::Convolution { patches, layer, .. }) = layers.last() else { panic!("no convolution") };
    let ([rows, columns], width) = (patches.counts(), layer.channels.len());
    let (kernel, stride) = ([1, 1], [1, 1]);
    let patches = Patches { input: [rows, columns, width], kernel, stride, padding: [0, 0], zero: 0 };
    let positions = PartModel::Positions { count: patches.total(), width, class_tokens: 0, values: vec![] };
    let stem = PartModel::Stem { class_tokens: 0, patches, layer: identity(width), fine: vec![] };
    let parts = [layers, &[positions, stem]].concat();
    Start { input, given, parts, ..Start::of(&[0], 1) }.residual(width)
}

fn table() -> [i16; 258] {
    let at = |i: usize| 256.0 * (i as f64 - 128.0) / 4096.0;
    std::array::from_fn(|i| (heedful::gelu(at(i)) * 4080.0).min(32_767.0).round() as i16)
}

/// Patches that lie side by side, overlap, leave something out and reach beyond the edges, where something else than 0
/// is.
fn places() -> Vec<Patches> {
    let of = |input, kernel, stride, padding, zero| Patches { input, kernel, stride, padding, zero };
    vec![
        of([12, 1, 3], [3, 1], [1, 1], [1, 0], 0),
        of([12, 1, 3], [3, 1], [2, 1], [2, 0], -77),
        of([9, 1, 4], [3, 1], [3, 1], [0, 0], 5),
        of([5, 6, 2], [3, 3], [2, 1], [1, 1], 100),
        of([6, 5, 1], [2, 2], [2, 2], [0, 0], 0),
        of([3, 4, 3], [1, 1], [1, 1], [0, 0], 0),
    ]
}

/// A convolution of so many outputs, of each channel where it is depthwise.
fn layer(random: &mut Random, patches: Patches, depthwise: bool, outputs: usize, is_fine: bool) -> PartModel {
    let channels = patches.input[2];
    let (inputs, outputs) =
        if depthwise { (patches.values() / channels, outputs * channels) } else { (patches.values(), outputs) };
    let layer = linear(random, inputs, outputs, 60.0);
    let low = |c: &Channel| Channel { bias: random.int(-9, 9) as i32, scale: scale(c.scale.to_real() / 8.0) };
    let fine = if is_fine { layer.channels.iter().map(low).collect() } else { vec![] };
    PartModel::Convolution { patches, depthwise, layer, fine, table: table() }
}

fn values(random: &mut Random, count: usize, is_fine: bool) -> Given {
    if is_fine {
        return Given::Fine((0..count).map(|_| random.int(-16_384, 16_383) as i16).collect());
    }
    Given::Narrow(random.i8s(count, 127))
}

#[test]
fn convolutions() {
    let random = &mut Random(21);
    for (depthwise, fine) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut pairs = Vec::new();
        for patches in places() {
            for outputs in 1..=5 {
                let layer = layer(random, patches, depthwise, outputs, fine);
                let [steps, columns, channels] = patches.input;
                let given = values(random, steps * columns * channels, fine);
                let exact = convolution(&layer, &real(&given));
                let found = shown(features(steps, columns, fine, channels), given, &[layer]);
                pairs.extend(beside(found, &vec![exact], sat8));
            }
        }
        // The argument of the activation is rounded before, of 15 bits twice, and its result to a 256th.
        hold(&format!("convolution, depthwise: {depthwise}, 15 bits: {fine}"), pairs, [0.03, 0.31, 0.51]);
    }
}

/// The first reads the input, of 15 bits, and each next one the map before it.
#[test]
fn convolutions_in_turn() {
    let random = &mut Random(22);
    let mut pairs = Vec::new();
    for fine in [false, true] {
        for first in places() {
            let (mut layers, mut patches, mut is_fine) = (vec![], first, fine);
            let [steps, columns, channels] = first.input;
            let given = values(random, steps * columns * channels, fine);
            let mut before = real(&given);
            for turn in 0..4 {
                let depthwise = turn % 2 == 1;
                layers.push(layer(random, patches, depthwise, 2, is_fine));
                let exact = convolution(&layers[turn], &before);
                let found = shown(features(steps, columns, fine, channels), given.clone(), &layers);
                before.clone_from(&found);
                pairs.extend(beside(found, &vec![exact], sat8));
                let ([rows, columns], outputs) = (patches.counts(), if depthwise { 2 * patches.input[2] } else { 2 });
                let kernel = [rows.min(2), columns.min(3)];
                let padding = kernel.map(|kernel| kernel / 2);
                patches = Patches { input: [rows, columns, outputs], kernel, stride: [1, 1], padding, zero: -9 };
                is_fine = false;
            }
        }
    }
    hold("convolutions in turn", pairs, [0.03, 0.31, 0.51]);
}

/// A stem of patches over what a convolution made: with what lies beyond its edges.
#[test]
fn stems_over_maps() {
    let random = &mut Random(23);
    let mut pairs = Vec::new();
    for first in places() {
        let [steps, columns, channels] = first.input;
        let given = values(random, steps * columns * channels, false);
        let layers = [layer(random, first, false, 3, false)];
        let map = shown(features(steps, columns, false, channels), given.clone(), &layers);
        let [rows, across] = first.counts();
        let kernel = [rows.min(2), across.min(2)];
        let padding = kernel.map(|kernel| kernel - 1);
        let patches = Patches { input: [rows, across, 3], kernel, stride: [1, 2], padding, zero: 55 };
        let (class_tokens, width) = (1, 7);
        let layer = linear(random, patches.values(), width, 3.0);
        let exact = (0..patches.total()).map(|index| sums(&layer, &patch(&patches, index, &map)));
        let exact = std::iter::once(vec![0.0; width]).chain(exact).collect();
        let count = patches.total() + class_tokens;
        let parts = [
            &layers[..],
            &[
                PartModel::Positions { count, width, class_tokens, values: vec![] },
                PartModel::Stem { class_tokens, patches, layer: layer.clone(), fine: vec![] },
            ],
        ];
        let input = features(steps, columns, false, channels);
        let start = Start { input, given, parts: parts.concat(), ..Start::of(&[0], 1) };
        pairs.extend(beside(start.residual(width), &exact, sat16));
    }
    hold("stem over a map", pairs, [0.03, 0.295, 0.5005]);
}

/// The types of tokens, some of them not there, and some tokens without.
#[test]
fn types_of_tokens() {
    let random = &mut Random(24);
    let (vocabulary, positions, width) = (9, 7, 5);
    for class_tokens in 0..3 {
        for length in 0..=positions {
            for given in 0..=length {
                let count = positions + class_tokens;
                let channels = vec![Channel { bias: 0, scale: scale(0.125) }; vocabulary];
                let layer = LinearModel { weights: random.i8s(vocabulary * width, 9), channels };
                let tokens = (0..length).map(|_| random.int(0, 9) as u16).collect();
                let types = (0..given).map(|_| random.int(0, 3) as u8).collect();
                let values = (0..3 * width).map(|_| random.int(-900, 900) as i16).collect();
                let start = Start {
                    input: InputModel::Tokens { positions, vocabulary },
                    given: Given::Tokens(tokens, types),
                    parts: vec![
                        PartModel::Positions { count, width, class_tokens, values: vec![] },
                        PartModel::Embedding { class_tokens, factor: 8, layer },
                        PartModel::TokenTypes { class_tokens, width, values },
                    ],
                    ..Start::of(&[0], 1)
                };
                assert_eq!(start.residual(width), start.exact().residual.concat());
            }
        }
    }
}

fn weighted_pool<W: Weight>(random: &mut Random, softmax: Softmax) -> Vec<(f64, f64)> {
    let mut pairs = Vec::new();
    for width in [1, 4, 17, 64] {
        for positions in [1, 2, 7, 40] {
            for octaves in [0.2, 1.0, 5.0] {
                let values = any_rows(random, positions, width);
                let layer = linear(random, width, 1, 20.0);
                let steepness = Steepness::from_real(octaves / 1500.0).unwrap();
                let scale = HeadScale::new(steepness, scale((0.3 + random.uniform()) / 256.0)).unwrap();
                let rows: Vec<Vec<f64>> =
                    values.chunks(width).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect();
                let score = |row: &Vec<f64>| sat16(nearest(sums(&layer, row)[0]));
                let keys: Vec<_> = rows.iter().map(|row| (score(row), 0.0, row.clone())).collect();
                let start = Start { softmax, ..Start::of_rows(&values, width) };
                let found = start.then(PartModel::WeightedPool { layer: layer.clone(), scale }).rows(width);
                for (found, (exact, moved)) in found.into_iter().zip(head::<W>(&keys, width, &scale)) {
                    let exact = sat8(exact);
                    assert!((found - exact).abs() <= moved + 0.501, "{width}, {positions}: {found}, {exact} ± {moved}");
                    pairs.push((found, exact));
                }
            }
        }
    }
    pairs
}

#[test]
fn pooling_by_weights() {
    let random = &mut Random(25);
    hold("wide", weighted_pool::<Wide>(random, Softmax::Wide), [0.03, 0.3, 0.7]);
    hold("narrow", weighted_pool::<Narrow>(random, Softmax::Narrow), [0.03, 0.31, 1.0]);
}

#[derive(Clone, Copy, Debug)]
struct Across {
    positions: usize,
    heads: usize,
    key_heads: usize,
    head_dim: usize,
    memory: MemoryShape,
    /// Rows that are there.
    rows: usize,
}

/// Heads' outputs of attention to a memory in the residual stream, beside the exact ones.
fn across<W: Weight>(random: &mut Random, shape: Across, softmax: Softmax) -> Vec<(f64, f64)> {
    let Across { positions, heads: h, key_heads: g, head_dim, memory, rows } = shape;
    let width = h * head_dim;
    let values = any_rows(random, positions, width);
    let query = Dense::random(random, width, head_dim, h, h);
    let [key, value] = [(); 2].map(|()| Dense::random(random, memory.channels, head_dim, g, g));
    let scales: [HeadScale; 8] = scales(random, 1600.0 * (head_dim as f64).sqrt(), 2.0);
    let scales = &scales[..h];
    let model = |dense: &Dense| LinearModel { weights: dense.weights.clone(), channels: dense.channels.clone() };
    let attention = AttentionModel {
        heads: scales.to_vec(),
        key_heads: g,
        head_dim,
        reduce: None,
        query: model(&query),
        key: Some(model(&key)),
        value: model(&value),
        output: identity(width),
        pattern: PatternModel::default(),
        memory: Some(memory),
    };
    let given = random.i8s(rows * memory.channels, 127);
    let mut start = Start { softmax, ..Start::of_rows(&values, width) }.then(PartModel::Attention(attention));
    start.parts.insert(0, PartModel::Memory { steps: memory.steps, channels: vec![(0.0, 1.0); memory.channels] });
    start.given = Given::Beside(Box::new(start.given), given.clone());
    let found = start.residual(width);

    let seen: Vec<&[i8]> = given.chunks(memory.channels).take(memory.steps).collect();
    let group = |head: usize| head * g / h;
    let score = |head: usize, i: usize, j: usize| {
        let query = query.apply(head, h, &values[i * width..][..width]);
        Some((dot(&query, &key.apply(group(head), g, seen[j])), 0.0))
    };
    let expected = all_heads::<W>(scales, [positions, seen.len(), head_dim], score, |head, j| {
        value.apply(group(head), g, seen[j])
    });
    added(shape, &values, found, expected)
}

/// Memories as long as said, shorter, longer, and none at all; of more channels than the model is wide, and fewer.
#[test]
fn attention_to_a_memory() {
    let random = &mut Random(26);
    let (mut wide, mut narrow) = (Vec::new(), Vec::new());
    for (heads, key_heads, head_dim) in [(3, 3, 6), (4, 2, 8), (6, 1, 5), (1, 1, 33)] {
        for (positions, steps, channels) in [(1, 1, 1), (9, 20, 31), (20, 9, 4), (5, 7, 18)] {
            for rows in [0, 1, steps / 2, steps, steps + 3] {
                let memory = MemoryShape { steps, channels };
                let shape = Across { positions, heads, key_heads, head_dim, memory, rows };
                wide.extend(across::<Wide>(random, shape, Softmax::Wide));
                narrow.extend(across::<Narrow>(random, shape, Softmax::Narrow));
            }
        }
    }
    hold("wide", wide, [0.03, 0.3, 0.7]);
    hold("narrow", narrow, [0.03, 0.31, 1.2]);
}

/// Without heads, what a memory holds does not matter: the biases of the output are left.
#[test]
fn attention_to_a_memory_without_heads() {
    let random = &mut Random(27);
    let (width, memory) = (5, MemoryShape { steps: 4, channels: 3 });
    let values = any_rows(random, 6, width);
    let none = LinearModel { weights: vec![], channels: vec![] };
    let mut channel = |_| Channel { bias: random.int(-9000, 9000) as i32, scale: scale(0.01) };
    let channels: Vec<Channel> = (0..width).map(&mut channel).collect();
    let attention = AttentionModel {
        heads: vec![],
        key_heads: 0,
        head_dim: 4,
        reduce: None,
        query: none.clone(),
        key: Some(none.clone()),
        value: none,
        output: LinearModel { weights: vec![], channels: channels.clone() },
        pattern: PatternModel::default(),
        memory: Some(memory),
    };
    let mut start = Start::of_rows(&values, width).then(PartModel::Attention(attention));
    start.parts.insert(0, PartModel::Memory { steps: 4, channels: vec![(0.0, 1.0); 3] });
    start.given = Given::Beside(Box::new(start.given), vec![9; 12]);
    for (i, found) in start.residual(width).into_iter().enumerate() {
        let exact = 8.0 * f64::from(values[i]) + nearest(f64::from(channels[i % width].bias) * 0.01);
        assert!((found - exact).abs() < 1e-6, "{found}, {exact}");
    }
}

/// Channels whose readings are about as large as what the model takes, and beyond it.
fn sensors(random: &mut Random, count: usize, is_fine: bool) -> Vec<ChannelModel> {
    let one = |random: &mut Random| {
        let scale = scale((0.3 + 1.5 * random.uniform()) / if is_fine { 8192.0 } else { 1_048_576.0 });
        Channel { bias: random.int(-32_000_000, 32_000_000) as i32, scale }
    };
    (0..count).map(|_| ChannelModel { reading: Some(one(random)), ..ChannelModel::of_unit(1.0) }).collect()
}

#[test]
fn raw_readings() {
    let random = &mut Random(28);
    for is_fine in [false, true] {
        let mut pairs = Vec::new();
        for channels in 1..=4 {
            let (steps, width) = (30, channels);
            let sensors = sensors(random, channels, is_fine);
            let readings: Vec<i16> = (0..steps * channels).map(|_| random.next() as i16).collect();
            let unit = |(i, &x): (usize, &i16)| {
                let reading: Channel = sensors[i % channels].reading.unwrap();
                let y = (4096.0 * f64::from(x) + f64::from(reading.bias)) * reading.scale.to_real();
                if is_fine { nearest(y).clamp(-16_384.0, 16_383.0) / 128.0 } else { sat8(y) }
            };
            let exact: Vec<f64> = readings.iter().enumerate().map(unit).collect();
            // Of 15 bits, a 16th of each.
            let mut layer = identity(channels);
            let fine = vec![Channel { bias: 0, scale: scale(1.0 / 1024.0) }; if is_fine { channels } else { 0 }];
            if is_fine {
                layer.channels.fill(Channel { bias: 0, scale: scale(0.125) });
            }
            let exact: Vec<Vec<f64>> = exact
                .chunks(channels)
                .map(|row| if is_fine { fine_sums(&layer, &fine, row) } else { row.to_vec() })
                .collect();
            let patches = Patches::of_series(steps, channels, 1);
            let start = Start {
                input: InputModel::Features { steps, columns: 1, fine: is_fine, millihertz: 9, channels: sensors },
                given: Given::Readings(readings),
                parts: vec![
                    PartModel::Positions { count: steps, width, class_tokens: 0, values: vec![] },
                    PartModel::Stem { class_tokens: 0, patches, layer, fine },
                ],
                ..Start::of(&[0], 1)
            };
            pairs.extend(beside(start.residual(width), &exact, sat16));
        }
        // A 16th of whole numbers is often halfway.
        hold(if is_fine { "readings of 15 bits" } else { "readings" }, pairs, [0.07, 0.3, 0.5005]);
    }
}

/// Of readings that are missing, and all where the file does not describe them, the unit is 0.
#[test]
fn readings_that_are_not_there() {
    let file = |described: bool| {
        let (start, channels) = (Start::of(&[0; 12], 3), vec![ChannelModel::of_unit(1.0)]);
        let channels = if described { sensors(&mut Random(3), 1, false) } else { channels };
        let input = InputModel::Features { steps: 4, columns: 1, fine: false, millihertz: 0, channels };
        let mut start = Start { input, ..start };
        let PartModel::Stem { layer, .. } = &mut start.parts[1] else { panic!("no stem") };
        layer.weights.fill(64);
        start.then(PartModel::Rows(vec![Channel { bias: 0, scale: scale(0.2) }; 3])).model(3)
    };
    let readings = [300; 4];
    assert_eq!(file(false).infer_input(Given::Readings(readings.to_vec()).input(), &[]), file(false).infer(&[]));
    let described: Model = file(true);
    let few = described.infer_input(Given::Readings(readings[..2].to_vec()).input(), &[]);
    let all = described.infer_input(Given::Readings(readings.to_vec()).input(), &[]);
    assert_eq!(few.logits()[..6], all.logits()[..6]);
    assert_eq!(few.logits()[6..], described.infer(&[]).logits()[6..]);
    assert_ne!(few, all);
}
