//! Each part but attention against f64: mean, root mean square and maximum of its errors.

use crate::chain::Given;
use crate::reference::{Start, any_rows, beside, features, flat, hold, sat8, sat16, scale};
use crate::support::{Random, linear};
use fixed::types::I8F8;
use heedful::format::write::{InputModel, LinearModel, NormModel, PartModel};
use heedful::{Channel, NormChannel, Patches, PoolKind, ResidualScale, Scale};

/// Mean, root mean square and maximum of a rounding to nearest.
const ROUNDING: [f64; 3] = [0.02, 0.295, 0.5005];

const WIDTHS: [usize; 12] = [1, 2, 3, 5, 8, 16, 17, 33, 64, 65, 128, 300];

fn norm(random: &mut Random, width: usize, gain: f64, offset: f64) -> NormModel {
    let mut channel = |_| NormChannel {
        gain: I8F8::from_num(gain * (0.5 + random.uniform())),
        offset: I8F8::from_num(offset * (2.0 * random.uniform() - 1.0)),
    };
    let channels = (0..width).map(&mut channel).collect();
    NormModel { channels, epsilon: random.int(1, 300) as u32 }
}

fn stream(random: &mut Random, positions: usize, width: usize) -> Vec<i16> {
    let amplitude = [0.6, 10.0, 500.0, 9000.0, 40_000.0];
    let mut row = |p: usize| -> Vec<i16> {
        let mean = 300.0 * random.normal();
        (0..width).map(|_| (mean + amplitude[p % 5] * random.normal()).round() as i16).collect()
    };
    (0..positions).flat_map(&mut row).collect()
}

#[test]
fn norms() {
    let random = &mut Random(1);
    for rms in [false, true] {
        let mut pairs = Vec::new();
        for width in WIDTHS {
            for _ in 0..5 {
                let norm = norm(random, width, 30.0, 10.0);
                let start = Start::of(&stream(random, 10, width), width);
                let start = start.then(PartModel::Norm { norm, rms, carry: None });
                pairs.extend(beside(start.rows(width), &start.exact().rows, sat8));
            }
        }
        // Rows of one value are their offset, and some are saturated.
        hold(if rms { "RMSNorm" } else { "layer norm" }, pairs, [0.01, 0.29, 0.5005]);
    }
}

/// The result as the residual stream, too. What is dropped below 16 fraction bits counts `65,536·scale` times as much.
#[test]
fn norms_carried_on() {
    let random = &mut Random(2);
    for rms in [false, true] {
        for (ratio, gain) in [(0.2, 0.012), (0.02, 0.12), (0.001, 2.4), (0.000_03, 70.0)] {
            let (mut streams, mut rows) = (Vec::new(), Vec::new());
            for width in [1, 2, 7, 16, 33, 64] {
                let [first, second] = [30.0, gain].map(|gain| norm(random, width, gain, gain / 3.0));
                let carry = Some((second.channels, scale(ratio)));
                let start = Start::of(&stream(random, 10, width), width);
                let start = start.then(PartModel::Norm { norm: first, rms, carry });
                rows.extend(beside(start.rows(width), &start.exact().rows, sat8));
                streams.extend(beside(start.residual(width), &start.exact().residual, sat16));
            }
            // Once rounded down to 2^-16, and 1.5·2^-(21-b) before, b at most 3 here.
            let dropped = ratio * (1.0 + 1.5 / f64::from(1 << (21 - 3 - 16)));
            let name = format!("{}, carried on by {ratio}", if rms { "RMSNorm" } else { "layer norm" });
            hold(&name, streams, [0.03 + dropped, 0.305 + dropped, 0.5005 + dropped]);
            hold("its rows", rows, [0.03, 0.3, 0.5005]);
        }
    }
}

#[test]
fn rows_of_the_residual_stream() {
    let random = &mut Random(3);
    let mut pairs = Vec::new();
    for width in WIDTHS {
        let mut channel =
            |_| Channel { bias: random.int(-3000, 3000) as i32, scale: scale((-2.1 - 9.0 * random.uniform()).exp2()) };
        let channels = (0..width).map(&mut channel).collect();
        let start = Start::of(&stream(random, 10, width), width).then(PartModel::Rows(channels));
        pairs.extend(beside(start.rows(width), &start.exact().rows, sat8));
    }
    hold("rows", pairs, ROUNDING);
}

#[test]
fn residual_stream_of_the_rows() {
    let random = &mut Random(4);
    let mut pairs = Vec::new();
    for width in [1, 5, 16, 33] {
        for factor in [1, 2, 77, 256, 1000, 3900] {
            let scale = ResidualScale::from_word(factor).unwrap();
            let start = Start::of_rows(&any_rows(random, 7, width), width).then(PartModel::Residual { width, scale });
            pairs.extend(beside(start.residual(width), &start.exact().residual, sat16));
        }
    }
    hold("residual stream", pairs, [0.03, 0.295, 0.5005]);
}

/// Patches that lie side by side, that overlap, that leave something out, and that reach beyond the edges.
fn patches() -> Vec<Patches> {
    let of = |input, kernel, stride, padding| Patches { input, kernel, stride, padding, zero: -9 };
    vec![
        Patches::of_series(9, 4, 1),
        Patches::of_series(9, 3, 3),
        Patches::of_series(11, 2, 4),
        of([12, 1, 3], [4, 1], [2, 1], [0, 0]),
        of([12, 1, 3], [3, 1], [1, 1], [1, 0]),
        of([7, 1, 2], [5, 1], [3, 1], [4, 0]),
        of([6, 8, 1], [2, 2], [2, 2], [0, 0]),
        of([6, 8, 3], [3, 2], [1, 2], [0, 1]),
        of([5, 4, 2], [3, 3], [2, 1], [2, 2]),
        of([4, 9, 1], [4, 3], [4, 5], [0, 0]),
        of([3, 3, 1], [5, 5], [1, 1], [2, 2]),
        of([1, 1, 70], [1, 1], [1, 1], [0, 0]),
    ]
}

fn stem(random: &mut Random, patches: Patches, width: usize, is_fine: bool) -> Start {
    let [steps, columns, channels] = patches.input;
    let class_tokens = random.int(0, 2) as usize;
    let count = patches.total() + class_tokens;
    let values = (0..count * width).map(|_| random.int(-500, 500) as i16).collect();
    let layer = linear(random, patches.values(), width, 3.0);
    let low = |c: &Channel| Channel { bias: random.int(-9, 9) as i32, scale: scale(c.scale.to_real() / 8.0) };
    // Where the lower bits count more than they should, none of them may be lost.
    let fine = if is_fine { layer.channels.iter().map(low).collect() } else { vec![] };
    let length = steps * columns * channels;
    let given = if is_fine {
        Given::Fine((0..length).map(|_| random.int(-16_384, 16_383) as i16).collect())
    } else {
        Given::Narrow(random.i8s(length, 127))
    };
    Start {
        input: features(steps, columns, is_fine, channels),
        given,
        parts: vec![
            PartModel::Positions { count, width, class_tokens, values },
            PartModel::Stem { class_tokens, patches, layer, fine },
        ],
        ..Start::of(&[0], 1)
    }
}

#[test]
fn stems() {
    let random = &mut Random(5);
    // Upper and lower bits are rounded each for itself: a half twice.
    for (fine, bounds) in [(false, ROUNDING), (true, [0.03, 0.42, 1.001])] {
        let mut pairs = Vec::new();
        for patches in patches() {
            for width in [1, 6, 17] {
                let start = stem(random, patches, width, fine);
                pairs.extend(beside(start.residual(width), &start.exact().residual, sat16));
            }
        }
        hold(if fine { "stem of 15 bits" } else { "stem" }, pairs, bounds);
    }
}

/// The lower bits count: of 15 bits more is left than of 8.
#[test]
fn an_input_of_15_bits_is_finer() {
    let random = &mut Random(6);
    let (mut fine, mut coarse) = (Vec::new(), Vec::new());
    for patches in patches() {
        let mut start = stem(random, Patches { zero: 0, ..patches }, 9, true);
        let Given::Fine(values) = &mut start.given else { unreachable!() };
        // A small signal.
        values.iter_mut().for_each(|x| *x /= 40);
        let PartModel::Stem { layer, fine: low, .. } = &mut start.parts[1] else { unreachable!() };
        for (channel, low) in layer.channels.iter_mut().zip(low) {
            channel.scale = scale((channel.scale.to_real() * 20.0).min(0.24));
            *low = Channel { bias: 0, scale: scale(channel.scale.to_real() / 128.0) };
        }
        let exact = start.exact().residual;
        fine.extend(beside(start.residual(9), &exact, sat16));
        if let Given::Fine(values) = &mut start.given {
            values.iter_mut().for_each(|x| *x = (*x + 64) >> 7 << 7);
        }
        coarse.extend(beside(start.residual(9), &exact, sat16));
    }
    let [fine, coarse] = [fine, coarse].map(|pairs| crate::support::Errors::of(pairs).rms);
    println!("root mean square {fine:.3} with 15 bits, {coarse:.3} with 8");
    assert!(coarse > 10.0 * fine);
}

#[test]
fn embeddings() {
    let random = &mut Random(7);
    let mut pairs = Vec::new();
    for width in [1, 4, 9, 32] {
        let (vocabulary, positions, class_tokens) = (23, 9, random.int(0, 3) as usize);
        let count = positions + class_tokens;
        for length in [0, 3, 9] {
            let values = (0..count * width).map(|_| random.int(-500, 500) as i16).collect();
            let layer = linear(random, width, vocabulary, 2.0);
            // Biases do not count, and tokens that are not in the vocabulary add nothing.
            let tokens = (0..length).map(|_| random.int(0, 25) as u16).collect();
            let start = Start {
                input: InputModel::Tokens { positions, vocabulary },
                given: Given::Tokens(tokens, vec![]),
                parts: vec![
                    PartModel::Positions { count, width, class_tokens, values },
                    PartModel::Embedding { class_tokens, factor: random.int(1, 90) as u32, layer },
                ],
                ..Start::of(&[0], 1)
            };
            pairs.extend(beside(start.residual(width), &start.exact().residual, sat16));
        }
    }
    hold("embedding", pairs, [0.03, 0.295, 0.5005]);
}

fn feed_forward(name: &str, make: impl Fn(&mut Random, usize, usize) -> PartModel) {
    let random = &mut Random(8);
    let mut pairs = Vec::new();
    for (width, hidden) in [(1, 1), (3, 5), (6, 24), (16, 16), (17, 40), (32, 7), (65, 33)] {
        for _ in 0..4 {
            let start = Start::of_rows(&any_rows(random, 9, width), width).then(make(random, width, hidden));
            pairs.extend(beside(start.residual(width), &start.exact().residual, sat16));
        }
    }
    hold(name, pairs, ROUNDING);
}

#[test]
fn feed_forward_layers() {
    feed_forward("feed-forward", |r, width, hidden| PartModel::FeedForward {
        expand: linear(r, width, hidden, 1.0),
        activation: heedful::table(heedful::gelu, 1.0 / 32.0, 1.0 / 32.0),
        contract: linear(r, hidden, width, 2.0),
    });
}

#[test]
fn feed_forward_layers_of_fine_arguments() {
    feed_forward("fine feed-forward", |r, width, hidden| {
        let at = |i: usize| (256.0 * (i as f64 - 128.0)) / 8192.0;
        PartModel::FineFeedForward {
            expand: linear(r, width, hidden, 128.0),
            table: std::array::from_fn(|i| (heedful::gelu(at(i.min(256))) * 8191.0).round() as i16),
            contract: linear(r, hidden, width, 2.0),
        }
    });
}

#[test]
fn gated_feed_forward_layers() {
    for hidden15 in [false, true] {
        let name = if hidden15 { "gated, 15 bits" } else { "gated" };
        feed_forward(name, |r, width, hidden| PartModel::Gated {
            gate: linear(r, width, hidden, 1.0),
            up: linear(r, width, hidden, 1.0),
            table: std::array::from_fn(|i| (heedful::silu(f64::from(i as u8 as i8) / 24.0) * 6000.0) as i16),
            product: scale(0.000_06 * (1.0 + r.uniform())),
            down: linear(r, hidden, width, 2.0),
            hidden15,
        });
    }
}

#[test]
fn pooling() {
    let random = &mut Random(9);
    let mut means = Vec::new();
    for width in [1, 4, 17, 64] {
        for positions in [1, 2, 7, 40] {
            let values = any_rows(random, positions, width);
            for kind in [PoolKind::First, PoolKind::Last, PoolKind::Max] {
                let pool = PartModel::Pool { width, kind, count: 1, scale: scale(0.1) };
                let start = Start::of_rows(&values, width).then(pool);
                assert_eq!(start.rows(width), start.exact().rows.concat(), "{kind:?}");
            }
            for count in [1, positions.div_ceil(2), positions] {
                // A mean of one takes a quarter of it at most.
                let scale = Scale::from_real((random.uniform() / count as f64 + 0.001).min(0.249)).unwrap();
                let pool = PartModel::Pool { width, kind: PoolKind::Mean, count, scale };
                let start = Start::of_rows(&values, width).then(pool);
                means.extend(beside(start.rows(width), &start.exact().rows, sat8));
            }
        }
    }
    hold("mean", means, [0.03, 0.295, 0.5005]);
}

/// Of fewer tokens than the mean is made for, the sum is first scaled up, and rounded for that.
#[test]
fn means_of_fewer_tokens() {
    let random = &mut Random(10);
    let (width, vocabulary, positions) = (8, 40, 13);
    let mut pairs = Vec::new();
    for length in 1..=positions {
        for count in [1, 5, positions] {
            let channels = vec![Channel { bias: 0, scale: scale(0.125) }; vocabulary];
            let layer = LinearModel { weights: random.i8s(vocabulary * width, 9), channels };
            // A unit of the sum counts: it may not be lost.
            let scale = Scale::from_real(0.2 + 0.04 * random.uniform()).unwrap();
            let start = Start {
                input: InputModel::Tokens { positions, vocabulary },
                given: Given::Tokens((0..length).map(|_| random.int(0, 39) as u16).collect(), vec![]),
                parts: vec![
                    PartModel::Positions { count: positions, width, class_tokens: 0, values: vec![] },
                    PartModel::Embedding { class_tokens: 0, factor: 64, layer },
                    PartModel::Rows(vec![Channel { bias: 0, scale: Scale::from_real(0.125).unwrap() }; width]),
                    PartModel::Pool { width, kind: PoolKind::Mean, count, scale },
                ],
                ..Start::of(&[0], 1)
            };
            pairs.extend(beside(start.rows(width), &start.exact().rows, sat8));
        }
    }
    hold("mean of fewer", pairs, [0.03, 0.3, 0.5005]);
}

/// Layers between rows, wider and narrower, some of them with an activation, one after the other.
#[test]
fn dense_layers() {
    let random = &mut Random(11);
    let mut pairs = Vec::new();
    for width in [1, 5, 16, 33] {
        for outputs in [1, 3, 16, 50, 129] {
            let layer = linear(random, width, outputs, 0.7);
            let start = Start::of_rows(&any_rows(random, 11, width), width);
            let start = start.then(PartModel::Dense { layer, activation: None });
            pairs.extend(beside(start.rows(outputs), &start.exact().rows, sat8));

            // A table is exact.
            let activation = Some(std::array::from_fn(|_| random.next() as i8));
            let layer = linear(random, outputs, 6, 0.7);
            let start = start.then(PartModel::Dense { layer, activation });
            assert_eq!(start.rows(6), flat(&start.exact().rows).collect::<Vec<_>>());
            let layer = linear(random, 6, 21, 0.7);
            let start = start.then(PartModel::Dense { layer, activation: None });
            pairs.extend(beside(start.rows(21), &start.exact().rows, sat8));
        }
    }
    hold("dense", pairs, ROUNDING);
}

/// Outputs are int16: of every position, or of one; saturated where they are larger.
#[test]
fn outputs() {
    let random = &mut Random(12);
    let mut pairs = Vec::new();
    for width in [1, 8, 33] {
        for (outputs, gain) in [(1, 1.0), (5, 60.0), (40, 300.0)] {
            let layer = linear(random, width, outputs, gain);
            let start = Start::of_rows(&any_rows(random, 6, width), width);
            let exact: Vec<Vec<f64>> =
                start.exact().rows.iter().map(|row| crate::reference::sums(&layer, row)).collect();
            pairs.extend(beside(start.end(width, Some(layer)), &exact, sat16));
            assert_eq!(start.rows(width), flat(&start.exact().rows).collect::<Vec<_>>());
        }
    }
    hold("output", pairs, [0.03, 0.295, 0.5005]);
}
