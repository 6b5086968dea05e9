//! Kinds of input, stem and pooling: integers of random float models give what these give.

use heedful::dynamic;
use heedful_import::convert::{Ranges, Settings, convert};
use heedful_import::graph::{
    Activation, Attention, Block, Convolution, Dense, FeedForward, Grid, Input, Matrix, Memory, Model, NoTaps, Norm,
    NormKind, Order, Output, Pool, Positions, Reading, Sample, Series, Stem, Window2,
};
use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

type Random = ChaCha8Rng;

fn random(seed: u64) -> Random {
    Random::seed_from_u64(seed)
}

fn values(random: &mut Random, count: usize, size: f32) -> Vec<f32> {
    (0..count).map(|_| size * (random.random::<f32>() + random.random::<f32>() - 1.0)).collect()
}

fn dense(random: &mut Random, outputs: usize, inputs: usize) -> Dense {
    let size = 2.0 / (inputs as f32).sqrt();
    let weight = Matrix::new(outputs, inputs, values(random, outputs * inputs, size));
    Dense { weight, bias: Some(values(random, outputs, 0.3)) }
}

fn norm(width: usize) -> Norm {
    Norm { kind: NormKind::Layer, gain: vec![1.0; width], bias: Some(vec![0.0; width]), epsilon: 1e-5 }
}

/// A pre-norm block of two heads.
fn block(random: &mut Random, width: usize) -> Block {
    let attention = Attention {
        heads: 2,
        kv_heads: 2,
        head_dim: width / 2,
        query: dense(random, width, width),
        key: dense(random, width, width),
        value: dense(random, width, width),
        out: dense(random, width, width),
        cross: false,
        causal: false,
        windows: vec![],
        scales: Attention::plain_scales(2, width / 2),
    };
    let feed_forward = FeedForward {
        up: dense(random, 2 * width, width),
        gate: None,
        activation: Activation::Gelu,
        down: dense(random, width, 2 * width),
    };
    Block { order: Order::PreNorm, first_norm: norm(width), attention, second_norm: norm(width), feed_forward }
}

/// A model of one block and five classes.
fn model(random: &mut Random, input: Input, stem: Stem) -> Model {
    let width = stem.width();
    let head = vec![heedful_import::graph::HeadLayer::Dense(dense(random, 5, width))];
    let model = Model {
        input,
        series: heedful_import::graph::Series::default(),
        memory: None,
        stem,
        class_tokens: None,
        positions: Positions::None,
        embedding_norm: None,
        blocks: vec![block(random, width)],
        final_norm: Some(norm(width)),
        pool: Pool::Mean,
        head,
        output: Output::Classes(vec![]),
    };
    model.check().unwrap();
    model
}

/// Signal over noise of the outputs of integers, in dB.
fn decibels(model: &Model, settings: Settings) -> f64 {
    let random = &mut random(9);
    let inputs: Vec<Vec<f32>> = (0..64).map(|_| values(random, model.input.len(), 1.0)).collect();
    let ranges = Ranges::observe(model, inputs.iter().map(|x| Sample::Values(x))).unwrap();
    let chain = convert(model, &ranges, settings).unwrap();
    let heed = dynamic::Model::load(&chain.to_bytes().unwrap()).unwrap();
    let (mut signal, mut noise) = (0.0, 0.0);
    for values in &inputs {
        let expected = model.run(Sample::Values(values), &mut NoTaps).unwrap();
        let found = heed.infer_real(&channels_last(model, values));
        assert_eq!(expected.len(), found.len());
        for (a, b) in expected.iter().zip(found) {
            signal += f64::from(*a).powi(2);
            noise += f64::from(a - b).powi(2);
        }
    }
    10.0 * (signal / noise).log10()
}

fn channels_last(model: &Model, values: &[f32]) -> Vec<f32> {
    let Input::Image { channels, height, width } = model.input else { return values.to_vec() };
    let area = height * width;
    (0..area * channels).map(|i| values[i % channels * area + i / channels]).collect()
}

fn window(kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Window2 {
    let grid = |[rows, columns]: [usize; 2]| Grid { rows, columns };
    Window2 { kernel: grid(kernel), stride: grid(stride), padding: grid(padding) }
}

/// `groups`: 1, or as many as inputs.
fn convolution(
    random: &mut Random,
    [inputs, outputs, groups]: [usize; 3],
    window: Window2,
    activation: Activation,
) -> Convolution {
    let dense = dense(random, outputs, inputs / groups * window.kernel.area());
    Convolution { window, inputs, groups, dense, activation }
}

const BOTH: [Settings; 2] = [
    Settings {
        clipping: heedful_import::convert::Clipping::Range,
        fine_input: true,
        input_unit: None,
        fine_activations: true,
        softmax: heedful::format::Softmax::Wide,
    },
    Settings {
        clipping: heedful_import::convert::Clipping::Range,
        fine_input: false,
        input_unit: None,
        fine_activations: false,
        softmax: heedful::format::Softmax::Wide,
    },
];

#[track_caller]
fn at_least(name: &str, model: &Model) {
    for (settings, least) in BOTH.into_iter().zip([31.0, 26.0]) {
        let found = decibels(model, settings);
        println!("{name}, input of {} bits: {found:.1} dB", if settings.fine_input { 15 } else { 8 });
        assert!(found >= least, "{name}: {found:.1} dB, expected {least}");
    }
}

#[test]
fn convolutions_of_images() {
    let random = &mut random(1);
    for activation in [Activation::Relu, Activation::Gelu, Activation::Tanh] {
        let layers = vec![
            convolution(random, [3, 8, 1], window([3, 3], [2, 2], [1, 1]), activation),
            convolution(random, [8, 16, 8], window([3, 3], [1, 1], [1, 1]), activation),
            convolution(random, [16, 16, 1], window([1, 1], [1, 1], [0, 0]), activation),
            convolution(random, [16, 12, 1], window([2, 3], [2, 1], [0, 1]), activation),
        ];
        let stem = Stem::Convolutions { image: true, layers, rows: false, dense: None };
        let model = model(random, Input::Image { channels: 3, height: 12, width: 9 }, stem);
        at_least(&format!("image, {activation:?}"), &model);
    }
}

#[test]
fn convolutions_whose_rows_are_tokens() {
    let random = &mut random(2);
    let layers = vec![
        convolution(random, [1, 6, 1], window([5, 5], [2, 2], [2, 2]), Activation::Relu),
        convolution(random, [6, 10, 1], window([3, 3], [2, 2], [1, 1]), Activation::Silu),
    ];
    let dense = Some(dense(random, 16, 10 * 5));
    let stem = Stem::Convolutions { image: true, layers, rows: true, dense };
    let model = model(random, Input::Features { steps: 25, channels: 20 }, stem);
    at_least("spectrogram", &model);
}

#[test]
fn convolutions_of_series() {
    let random = &mut random(3);
    for first in [1, 6] {
        let layers = vec![
            convolution(random, [6, 12, first], window([7, 1], [2, 1], [3, 0]), Activation::Relu),
            convolution(random, [12, 24, 12], window([5, 1], [2, 1], [2, 0]), Activation::Relu),
        ];
        let stem = Stem::Convolutions { image: false, layers, rows: false, dense: Some(dense(random, 20, 24)) };
        let model = model(random, Input::Features { steps: 40, channels: 6 }, stem);
        at_least(&format!("series, {first} groups"), &model);
    }
}

#[test]
fn pooling_by_weights() {
    let random = &mut random(4);
    let stem = Stem::Frames { kernel: 2, stride: 1, padding: 1, dense: dense(random, 16, 2 * 5) };
    let mut model = model(random, Input::Features { steps: 20, channels: 5 }, stem);
    for size in [1.0, 4.0] {
        let mut score = dense(random, 1, 16);
        score.weight.values.iter_mut().for_each(|w| *w *= size);
        model.pool = Pool::Weighted(score);
        model.check().unwrap();
        at_least(&format!("scores of {size}"), &model);
    }
}

#[test]
fn the_mean_of_a_residual_stream() {
    let random = &mut random(7);
    let stem = Stem::Frames { kernel: 1, stride: 1, padding: 0, dense: dense(random, 16, 4) };
    let mut model = model(random, Input::Features { steps: 24, channels: 4 }, stem);
    model.final_norm = None;
    // What goes into the mean is far larger than it.
    model.blocks[0].feed_forward.down.weight.values.iter_mut().for_each(|w| *w *= 10.0);
    model.blocks[0].feed_forward.activation = Activation::Tanh;
    at_least("without a final norm", &model);
}

#[test]
fn types_of_tokens() {
    let random = &mut random(5);
    let tokens = Matrix::new(30, 16, values(random, 30 * 16, 1.0));
    let types = Some(Matrix::new(3, 16, values(random, 3 * 16, 1.0)));
    let input = Input::Tokens { vocabulary: 30, length: 12 };
    let model = model(random, input, Stem::Embedding { tokens, types });
    let mut texts = Vec::new();
    for _ in 0..64 {
        let length = random.random_range(1..=12);
        let tokens: Vec<u32> = (0..length).map(|_| random.random_range(0..30)).collect();
        let types: Vec<u32> = (0..length).map(|_| random.random_range(0..3)).collect();
        texts.push((tokens, types));
    }
    let samples = texts.iter().map(|(tokens, types)| Sample::Tokens { tokens, types });
    let ranges = Ranges::observe(&model, samples.clone()).unwrap();
    let chain = convert(&model, &ranges, Settings::default()).unwrap();
    let heed = dynamic::Model::load(&chain.to_bytes().unwrap()).unwrap();
    let (mut signal, mut noise, mut untyped) = (0.0, 0.0, 0.0);
    for (sample, (tokens, types)) in samples.zip(&texts) {
        let expected = model.run(sample, &mut NoTaps).unwrap();
        let tokens: Vec<u16> = tokens.iter().map(|&token| token as u16).collect();
        let types: Vec<u8> = types.iter().map(|&of| of as u8).collect();
        let found = |types| heed.real(heed.infer_input(heedful::Input::Tokens(&tokens, types), &[]).logits());
        for ((a, b), c) in expected.iter().zip(found(&types)).zip(found(&[])) {
            signal += f64::from(*a).powi(2);
            noise += f64::from(a - b).powi(2);
            untyped += f64::from(a - c).powi(2);
        }
    }
    let [found, without] = [noise, untyped].map(|noise| 10.0 * (signal / noise).log10());
    println!("with their types {found:.1} dB, without {without:.1} dB");
    assert!(found >= 32.0 && without < 20.0);
}

#[test]
fn attention_to_a_memory() {
    let random = &mut random(6);
    let stem = Stem::Frames { kernel: 1, stride: 1, padding: 0, dense: dense(random, 16, 3) };
    let mut model = model(random, Input::Features { steps: 8, channels: 3 }, stem);
    model.memory = Some(Memory { steps: 32, channels: 6 });
    for layer in 0..2 {
        if layer == 1 {
            let block = model.blocks[0].clone();
            model.blocks.push(block);
        }
        let attention = &mut model.blocks[layer].attention;
        attention.cross = true;
        (attention.key, attention.value) = (dense(random, 16, 6), dense(random, 16, 6));
        model.check().unwrap();
        let inputs: Vec<[Vec<f32>; 2]> =
            (0..64).map(|_| [24, 32 * 6].map(|count| values(random, count, 1.0))).collect();
        let samples = inputs.iter().map(|[values, memory]| Sample::WithMemory { values, memory });
        let ranges = Ranges::observe(&model, samples.clone()).unwrap();
        let chain = convert(&model, &ranges, Settings::default()).unwrap();
        let heed = dynamic::Model::load(&chain.to_bytes().unwrap()).unwrap();
        let (mut signal, mut noise) = (0.0, 0.0);
        for (sample, [values, memory]) in samples.zip(&inputs) {
            let expected = model.run(sample, &mut NoTaps).unwrap();
            for (a, b) in expected.iter().zip(heed.infer_real_with(values, memory)) {
                signal += f64::from(*a).powi(2);
                noise += f64::from(a - b).powi(2);
            }
        }
        let found = 10.0 * (signal / noise).log10();
        println!("{} blocks: {found:.1} dB", layer + 1);
        assert!(found >= 32.0);
    }
}

/// An accelerometer of two channels in steps of a thousandth and a gyroscope that rests at 512.
#[test]
fn raw_readings_of_sensors() {
    let random = &mut random(8);
    let stem = Stem::Frames { kernel: 2, stride: 2, padding: 0, dense: dense(random, 16, 2 * 3) };
    let mut model = model(random, Input::Features { steps: 40, channels: 3 }, stem);
    let channel = |offset, scale| Reading { offset, scale };
    model.series = Series {
        rate: 104.5,
        names: ["x", "y", "turn"].map(str::to_string).to_vec(),
        readings: vec![channel(0.0, 0.001), channel(-20.5, 0.001), channel(512.0, 0.02)],
    };
    let readings: Vec<Vec<i16>> = (0..64)
        .map(|_| {
            let reading = |i: usize| match i % 3 {
                2 => random.random_range(462..=562),
                _ => random.random_range(-1000..=1000),
            };
            (0..120).map(reading).collect()
        })
        .collect();
    let real = |readings: &Vec<i16>| -> Vec<f32> {
        let of = model.series.readings.iter().cycle();
        readings.iter().zip(of).map(|(&x, of)| ((f64::from(x) - of.offset) * of.scale) as f32).collect()
    };
    let inputs: Vec<Vec<f32>> = readings.iter().map(real).collect();
    let ranges = Ranges::observe(&model, inputs.iter().map(|x| Sample::Values(x))).unwrap();
    for (settings, least) in BOTH.into_iter().zip([31.0, 26.0]) {
        let chain = convert(&model, &ranges, settings).unwrap();
        let bytes = chain.to_bytes().unwrap();
        let heed = dynamic::Model::load(&bytes).unwrap();
        assert_eq!((heed.shape().input.sample_rate(), heed.shape().input.millihertz), (104, 104_500));
        assert_eq!(heed.channel_names(), ["x", "y", "turn"]);
        let (mut signal, mut noise) = (0.0, 0.0);
        for (readings, values) in readings.iter().zip(&inputs) {
            let expected = model.run(Sample::Values(values), &mut NoTaps).unwrap();
            let found = heed.real(heed.infer_input(heedful::Input::Readings(readings), &[]).logits());
            for (a, b) in expected.iter().zip(found) {
                signal += f64::from(*a).powi(2);
                noise += f64::from(a - b).powi(2);
            }
        }
        let found = 10.0 * (signal / noise).log10();
        println!("raw readings: {found:.1} dB");
        assert!(found >= least);
    }
}
