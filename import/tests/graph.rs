//! The float model: parts held against plain sums, and shapes that do not fit.

use heedful::{Pairing, Window};
use heedful_import::graph::{
    Activation, Attention, Block, Convolution, Dense, FeedForward, GraphError, Grid, HeadLayer, Input, Matrix, Model,
    NoTaps, Norm, NormKind, Order, Output, Place, Pool, Positions, Sample, Site, Stem, Window2, alibi_slopes,
    rope_frequencies,
};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

fn matrix(random: &mut ChaCha8Rng, rows: usize, columns: usize) -> Matrix {
    Matrix::new(rows, columns, (0..rows * columns).map(|_| random.random_range(-0.7f32..0.7)).collect())
}

fn dense(random: &mut ChaCha8Rng, outputs: usize, inputs: usize) -> Dense {
    let weight = matrix(random, outputs, inputs);
    Dense { weight, bias: Some(matrix(random, 1, outputs).values) }
}

fn norm() -> Norm {
    Norm { kind: NormKind::Layer, gain: vec![1.0; 8], bias: None, epsilon: 1e-5 }
}

/// Width 8, two heads, a series of 9 steps of 3 channels, every position.
fn model() -> Model {
    let random = &mut ChaCha8Rng::seed_from_u64(5);
    let attention = Attention {
        heads: 2,
        kv_heads: 2,
        head_dim: 4,
        query: dense(random, 8, 8),
        key: dense(random, 8, 8),
        value: dense(random, 8, 8),
        out: dense(random, 8, 8),
        cross: false,
        causal: false,
        windows: vec![],
        scales: Attention::plain_scales(2, 4),
    };
    let feed_forward =
        FeedForward { up: dense(random, 12, 8), gate: None, activation: Activation::Gelu, down: dense(random, 8, 12) };
    let block = Block { order: Order::PreNorm, first_norm: norm(), attention, second_norm: norm(), feed_forward };
    Model {
        input: Input::Features { steps: 9, channels: 3 },
        series: heedful_import::graph::Series::default(),
        memory: None,
        stem: Stem::Frames { kernel: 1, stride: 1, padding: 0, dense: dense(random, 8, 3) },
        class_tokens: None,
        positions: Positions::None,
        embedding_norm: None,
        blocks: vec![block],
        final_norm: None,
        pool: Pool::Every,
        head: vec![HeadLayer::Dense(dense(random, 2, 8))],
        output: Output::Classes(vec![]),
    }
}

fn series() -> Vec<f32> {
    (0..27).map(|x| (x as f32 * 0.83).sin()).collect()
}

/// The weights of the heads, `[heads][queries][keys]`.
fn weights(model: &Model) -> Vec<Vec<f32>> {
    model.check().unwrap();
    let mut weights = Vec::new();
    let mut see = |place: Place, rows: &[f32], _: usize| {
        if let Place::Block(0, Site::Weights(_)) = place {
            weights.push(rows.to_vec());
        }
    };
    model.run(Sample::Values(&series()), &mut see).unwrap();
    weights
}

#[test]
fn heads_look_into_their_windows() {
    let mut model = model();
    model.blocks[0].attention.windows = vec![Window::back(2).with_sinks(1), Window::around(1).dilated(3)];
    let heads = weights(&model);
    for (query, key) in (0..81).map(|at| (at / 9, at % 9)) {
        let near = key <= query && query - key <= 2 || key == 0;
        assert_eq!(heads[0][query * 9 + key] > 0.0, near, "{query} {key}");
        let grid = key.abs_diff(query) == 3 || key == query;
        assert_eq!(heads[1][query * 9 + key] > 0.0, grid, "{query} {key}");
    }
    model.blocks[0].attention.windows.clear();
    model.blocks[0].attention.causal = true;
    for row in weights(&model) {
        assert!((0..81).all(|at| (row[at] > 0.0) == (at % 9 <= at / 9)));
        assert!(row.chunks(9).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-6));
    }
}

/// Biases and temperatures change the logarithms of weights by what they say.
#[test]
fn biases_and_temperatures_act_on_scores() {
    let mut model = model();
    let plain = weights(&model);
    model.positions = Positions::Alibi { slopes: vec![0.5, 0.125] };
    let alibi = weights(&model);
    let span = (0..34).map(|at| if at < 17 { -0.5 } else { -0.125 } * ((at % 17) as f32 - 8.0).abs()).collect();
    model.positions = Positions::Relative { table: Matrix::new(2, 17, span) };
    assert_eq!(weights(&model), alibi);
    model.positions = Positions::None;
    model.blocks[0].attention.scales = vec![1.0, 0.25];
    let scaled = weights(&model);
    for query in 0..9 {
        for key in 0..9 {
            let odds = |weights: &[Vec<f32>], head: usize| {
                (weights[head][query * 9 + key] / weights[head][query * 9 + query]).ln()
            };
            let fall = 0.125 * query.abs_diff(key) as f32;
            assert!((odds(&alibi, 1) - odds(&plain, 1) + fall).abs() < 1e-5);
            assert!((odds(&scaled, 0) - 2.0 * odds(&plain, 0)).abs() < 1e-5);
            assert!((odds(&scaled, 1) - 0.5 * odds(&plain, 1)).abs() < 1e-5);
        }
    }
}

/// Turned queries and keys meet by their distance alone, in both pairings.
#[test]
fn rotary_positions_depend_on_the_distance() {
    let mut model = model();
    // The same token everywhere.
    model.stem = Stem::Frames {
        kernel: 1,
        stride: 1,
        padding: 0,
        dense: Dense { weight: Matrix::new(8, 3, vec![1e-9; 24]), bias: Some((0..8).map(|x| x as f32).collect()) },
    };
    let frequencies = rope_frequencies(2, 100.0, heedful_import::graph::RopeScaling::None);
    assert_eq!(frequencies, [1.0, 0.1]);
    for pairing in [Pairing::Interleaved, Pairing::Halves] {
        model.positions = Positions::Rotary { pairing, frequencies: frequencies.clone() };
        let odds = |row: &[f32], query: usize, key: usize| (row[query * 9 + key] / row[query * 9 + query]).ln();
        for head in weights(&model) {
            assert!((odds(&head, 1, 4) - odds(&head, 5, 8)).abs() < 1e-4);
            assert!((odds(&head, 1, 4) - odds(&head, 4, 1)).abs() > 1e-3);
        }
    }
}

#[test]
fn grouped_heads_are_heads_with_the_same_keys() {
    let mut model = model();
    let attention = &mut model.blocks[0].attention;
    attention.kv_heads = 1;
    for layer in [&mut attention.key, &mut attention.value] {
        layer.weight = layer.weight.some_rows(0..4);
        layer.bias.as_mut().unwrap().truncate(4);
    }
    model.check().unwrap();
    let grouped = model.run(Sample::Values(&series()), &mut NoTaps).unwrap();
    let attention = &mut model.blocks[0].attention;
    attention.kv_heads = 2;
    for layer in [&mut attention.key, &mut attention.value] {
        layer.weight = Matrix::new(8, 8, layer.weight.values.repeat(2));
        layer.bias = layer.bias.as_ref().map(|bias| bias.repeat(2));
    }
    assert_eq!(model.run(Sample::Values(&series()), &mut NoTaps).unwrap(), grouped);
}

#[test]
fn pooling_of_each_kind() {
    let mut model = model();
    model.head.clear();
    let mut run = |pool: Pool| {
        model.pool = pool;
        model.check().unwrap();
        model.run(Sample::Values(&series()), &mut NoTaps).unwrap()
    };
    let all = run(Pool::Every);
    let column = |channel: usize| (0..9).map(|token| all[token * 8 + channel]).collect::<Vec<f32>>();
    let close = |found: Vec<f32>, expected: &dyn Fn(Vec<f32>) -> f32| {
        assert!((0..8).all(|c| (found[c] - expected(column(c))).abs() < 1e-5), "{found:?}");
    };
    close(run(Pool::Mean), &|column| column.iter().sum::<f32>() / 9.0);
    close(run(Pool::First(2)), &|column| (column[0] + column[1]) / 2.0);
    close(run(Pool::Last), &|column| column[8]);
    close(run(Pool::Max), &|column| column.into_iter().fold(f32::MIN, f32::max));
    // Scores of nearly nothing weigh all alike.
    let score = Dense { weight: Matrix::new(1, 8, vec![1e-9; 8]), bias: None };
    close(run(Pool::Weighted(score)), &|column| column.iter().sum::<f32>() / 9.0);
}

/// Convolutions against the sum that defines them.
#[test]
fn convolutions_are_what_they_say() {
    let random = &mut ChaCha8Rng::seed_from_u64(9);
    let full = Window2 {
        kernel: Grid { rows: 3, columns: 2 },
        stride: Grid { rows: 2, columns: 1 },
        padding: Grid { rows: 1, columns: 0 },
    };
    let (height, width) = (6, 5);
    let x = matrix(random, 2, height * width);
    for groups in [1, 2] {
        let layer = Convolution {
            window: full,
            inputs: 2,
            groups,
            dense: dense(random, 8, 2 / groups * 6),
            activation: Activation::Identity,
        };
        let mut model = model();
        model.input = Input::Image { channels: 2, height, width };
        model.stem = Stem::Convolutions { image: false, layers: vec![layer.clone()], rows: false, dense: None };
        model.check().unwrap();
        assert_eq!(model.tokens().unwrap(), 3 * 4);
        let mut found = Vec::new();
        let mut see = |place: Place, rows: &[f32], _: usize| {
            if place == Place::Stem {
                found = rows.to_vec();
            }
        };
        model.run(Sample::Values(&x.values), &mut see).unwrap();
        for (token, channel) in (0..12).flat_map(|token| (0..8).map(move |channel| (token, channel))) {
            let (top, left) = (token / 4 * 2, token % 4);
            let group = channel / (8 / groups);
            let mut sum = layer.dense.bias.as_ref().unwrap()[channel];
            for (inner, at) in (0..2 / groups).flat_map(|inner| (0..6).map(move |at| (inner, at))) {
                let (row, column) = ((top + at / 2) as isize - 1, left + at % 2);
                if (0..height as isize).contains(&row) {
                    let value = x.row(group * (2 / groups) + inner)[row as usize * width + column];
                    sum += layer.dense.weight.row(channel)[inner * 6 + at] * value;
                }
            }
            assert!((found[token * 8 + channel] - sum).abs() < 1e-5);
        }
    }
}

/// Frames that overlap, with zeros round them, are a convolution in one dimension.
#[test]
fn frames_are_a_convolution_in_one_dimension() {
    let random = &mut ChaCha8Rng::seed_from_u64(11);
    let frames = dense(random, 8, 4 * 3);
    let mut model = model();
    let stem = |model: &Model| {
        model.check().unwrap();
        let mut found = Vec::new();
        let mut see = |place: Place, rows: &[f32], _: usize| {
            if place == Place::Stem {
                found = rows.to_vec();
            }
        };
        model.run(Sample::Values(&series()), &mut see).unwrap();
        found
    };
    model.stem = Stem::Frames { kernel: 4, stride: 2, padding: 1, dense: frames.clone() };
    let found = stem(&model);
    // `[kernel][channels]` as `[channels][kernel]`.
    let rows = frames.weight.values.chunks(12).flat_map(|row| Matrix::new(4, 3, row.to_vec()).transposed().values);
    let weight = Matrix::new(8, 12, rows.collect());
    let column = |rows| Grid { rows, columns: 1 };
    let layer = Convolution {
        window: Window2 { kernel: column(4), stride: column(2), padding: Grid { rows: 1, columns: 0 } },
        inputs: 3,
        groups: 1,
        dense: Dense { weight, bias: frames.bias },
        activation: Activation::Identity,
    };
    model.stem = Stem::Convolutions { image: false, layers: vec![layer], rows: false, dense: None };
    let expected = stem(&model);
    assert!(found.len() == 32 && found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let text = |change: &dyn Fn(&mut Model)| {
        let mut model = model();
        change(&mut model);
        model.check().unwrap_err().to_string()
    };
    assert_eq!(text(&|m| m.blocks.clear()), "model: blocks 0, expected at least 1");
    assert_eq!(
        text(&|m| m.blocks[0].attention.heads = 3),
        "block 0: attention: heads of keys 2, expected a divisor of the 3 heads"
    );
    assert_eq!(text(&|m| m.blocks[0].attention.head_dim = 5), "block 0: attention: query: outputs 8, expected 10");
    assert_eq!(
        text(&|m| m.blocks[0].feed_forward.down.weight = Matrix::new(8, 11, vec![1.0; 88])),
        "block 0: feed-forward: down: inputs 11, expected 12"
    );
    assert_eq!(
        text(&|m| m.blocks[0].second_norm.gain[3] = f32::NAN),
        "block 0: second norm: number 3 is NaN, expected finite numbers"
    );
    assert!(text(&|m| m.blocks[0].first_norm.epsilon = 0.0).starts_with("block 0: first norm: epsilon 0"));
    assert!(
        text(&|m| m.blocks[0].attention.value.weight.values.fill(0.0)).starts_with("block 0: attention: value: all")
    );
    assert_eq!(
        text(&|m| m.stem =
            Stem::Frames { kernel: 10, stride: 1, padding: 0, dense: model().blocks[0].attention.out.clone() }),
        "stem: windows of 10×1 with strides 1×1 do not fit 9×1 values"
    );
    assert_eq!(text(&|m| m.input = Input::Features { steps: 9, channels: 0 }), "input: values 0, expected at least 1");
    assert_eq!(
        text(&|m| m.input = Input::Tokens { vocabulary: 3, length: 9 }),
        "the input is tokens, which a linear layer over frames cannot take"
    );
    assert_eq!(text(&|m| m.pool = Pool::First(10)), "pool: tokens 10, expected 1 to 9");
    assert_eq!(text(&|m| m.output = Output::Classes(vec!["a".into()])), "output: names 1, expected 2");
    let alibi = |m: &mut Model| {
        m.positions = Positions::Alibi { slopes: alibi_slopes(3, heedful_import::graph::AlibiRule::Paper) }
    };
    assert_eq!(text(&alibi), "positions: slopes 3, expected 2");
}

#[test]
fn inputs_that_do_not_fit_are_named() {
    let model = model();
    let run = |values: &[f32]| model.run(Sample::Values(values), &mut NoTaps).unwrap_err();
    assert_eq!(run(&[0.0; 26]), GraphError::Length { found: 26, expected: "27".into() });
    let mut values = series();
    values[4] = f32::NAN;
    assert_eq!(run(&values).to_string(), "Input: value 4 is NaN, expected finite numbers");
    let memory = Sample::WithMemory { values: &series(), memory: &[1.0] };
    let error = model.run(memory, &mut NoTaps).unwrap_err().to_string();
    assert_eq!(error, "the input has 1 values, expected a memory of 0");
}
