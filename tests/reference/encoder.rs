//! The encoder, put together again from its parts; and what only shows at the end of a model: the mean
//! over the positions, and probabilities.

use crate::support::{Errors, Random, UNIT, config, random_model, vary};
use heedful::dynamic::Model;
use heedful::format::write::{EncoderModel, LinearModel, NormModel};
use heedful::format::{Config, Softmax};
use heedful::internals::{Epilogue, Kernels, Layer, Matrix, NormView, Portable, RowScale, Rows, linear as linear_on};
use heedful::{Activation, Channel, LayerNorm, Narrow, NormChannel, Scale, Steepness, Weight, Wide};

const S: usize = 7;
const E: usize = 10;

/// A model that adds nothing to its positions but normalises and averages them, and whose
/// logits are the mean.
fn averaging(random: &mut Random, pool: f64) -> EncoderModel {
    let mut model = random_model(random.next(), config(Softmax::Wide), None);
    let silence = |layer: &mut LinearModel| {
        layer.weights.fill(0);
        layer.channels.iter_mut().for_each(|channel| channel.bias = 0);
    };
    silence(&mut model.embedding);
    for block in &mut model.blocks {
        silence(&mut block.output);
        silence(&mut block.contract);
    }
    model.positions = (0..S * E).map(|_| random.next() as i16).collect();
    model.config.pool = Scale::from_real(pool).unwrap();
    model.config.classes = E;
    model.classifier.weights = (0..E * E).map(|i| if i % (E + 1) == 0 { 64 } else { 0 }).collect();
    model.classifier.channels = vec![UNIT; E];
    model.labels.clear();
    model
}

#[test]
fn mean_over_positions() {
    let mut random = Random(9);
    let mut pairs = Vec::new();
    for _ in 0..300 {
        // From the sum of seven to a mean of up to twice the scale.
        let pool = (0.3 + 1.4 * random.uniform()) / S as f64;
        let model = averaging(&mut random, pool);
        let channels: [NormChannel; E] = model.norm.channels.clone().try_into().unwrap();
        let residual: &[[i16; E]; S] = model.positions.as_chunks().0.try_into().unwrap();
        let mut normed = [[0; E]; S];
        LayerNorm::new(crate::support::leak(channels), model.norm.epsilon).forward(residual, &mut normed);

        let model = Model::load(&model.to_bytes().unwrap()).unwrap();
        let outcome = model.infer(&random.i8s(S * 6, 127));
        for (e, &found) in outcome.logits().iter().enumerate() {
            let sum: f64 = normed.iter().map(|row| f64::from(row[e])).sum();
            pairs.push((f64::from(found), (sum * pool).clamp(-128.0, 127.0)));
        }
    }
    // At a factor of 1/7 the halves that round up are rare, and the mean is that of a rounding.
    Errors::of(pairs).within(0.02, 0.295, 0.501);
}

/// Models whose logits are given: weights of 0, and the logits as biases.
#[test]
fn probabilities() {
    let mut random = Random(10);
    let (mut pairs, mut relative) = (Vec::new(), Vec::new());
    for i in 0..400 {
        let mut model = averaging(&mut random, 0.1);
        let classes = random.int(1, 40) as usize;
        // From all alike to one that takes it all.
        let spread = (12.0 * random.uniform()).exp2();
        let logits: Vec<i16> = match i {
            0 => vec![i16::MIN; classes],
            1 => (0..classes).map(|c| if c == 0 { i16::MAX } else { i16::MIN }).collect(),
            _ => (0..classes).map(|_| (spread * random.normal()) as i16).collect(),
        };
        let c = (-4.1 - 12.0 * random.uniform()).exp2();
        model.config.classes = classes;
        model.config.logit = Steepness::from_real(c).unwrap();
        model.classifier.weights = vec![0; classes * E];
        model.classifier.channels =
            logits.iter().map(|&logit| Channel { bias: i32::from(logit) * 64, ..UNIT }).collect();
        let outcome = Model::load(&model.to_bytes().unwrap()).unwrap().infer(&[]);
        assert_eq!(outcome.logits(), logits);

        let max = f64::from(*logits.iter().max().unwrap());
        let weights: Vec<f64> = logits.iter().map(|&logit| (c * (f64::from(logit) - max)).exp2()).collect();
        let sum: f64 = weights.iter().sum();
        let exact = |class: usize| weights[class] / sum;
        for class in 0..classes {
            let found = outcome.probability(class).to_num::<f64>();
            // Weights are rounded to steps of 2^-15, too.
            let steps = (1.0 + classes as f64 * exact(class)) / 32768.0;
            assert!((found - exact(class)).abs() <= 0.004 * exact(class) + steps, "{found}, {}", exact(class));
            pairs.push((found, exact(class)));
            if exact(class) > 0.01 {
                relative.push((found / exact(class), 1.0));
            }
        }
        assert_eq!(outcome.probability(classes), 0);

        // The best and the second, the first of several alike.
        let mut order: Vec<usize> = (0..classes).collect();
        order.sort_by_key(|&class| -i32::from(logits[class]));
        assert_eq!(outcome.best().class, order[0]);
        assert_eq!(outcome.best().probability, outcome.probability(order[0]));
        if let Some(&second) = order.get(1) {
            assert_eq!(outcome.runner_up().class, second);
        }
    }
    Errors::of(pairs).within(0.0001, 0.0005, 0.002);
    print!("relative, above 1 %: ");
    Errors::of(relative).within(0.001, 0.002, 0.006);
}

fn linear(x: &[i8], inputs: usize, layer: &LinearModel, epilogue: Epilogue<'_>) {
    let weights = Matrix { data: &layer.weights, inputs, stride: inputs };
    linear_on::<Portable>(Rows::new(x, inputs), &mut [Layer { weights, channels: &layer.channels, epilogue }]);
}

fn to_int8(x: &[i8], inputs: usize, layer: &LinearModel) -> Vec<i8> {
    let outputs = layer.channels.len();
    let mut out = vec![0; x.len() / inputs * outputs];
    linear(x, inputs, layer, Epilogue::Store { out: &mut out, row_stride: outputs, output_stride: 1 });
    out
}

fn add(x: &[i8], inputs: usize, layer: &LinearModel, residual: &mut [i16]) {
    linear(x, inputs, layer, Epilogue::Add { out: residual, width: layer.channels.len() });
}

fn normalise(residual: &[i16], norm: &NormModel) -> Vec<i8> {
    let width = norm.channels.len();
    let mut out = vec![0; residual.len()];
    for (x, out) in residual.chunks(width).zip(out.chunks_mut(width)) {
        Portable::layer_norm(x, NormView { channels: &norm.channels, epsilon: norm.epsilon, centred: true }, out);
    }
    out
}

/// Layer, head and query, and the row's shares.
type Shown = Vec<(usize, usize, usize, Vec<f32>)>;

/// The whole encoder without tiles, views or scratch: whole tensors, one operation after the other.
fn plain<W: Weight>(model: &EncoderModel, features: &[i8]) -> (Vec<i16>, Shown) {
    let Config { positions, inputs, width, head_dim, hidden, classes, pool, .. } = model.config;
    let mut shown = Vec::new();
    let mut residual = model.positions.clone();
    add(features, inputs, &model.embedding, &mut residual);
    for (layer, block) in model.blocks.iter().enumerate() {
        let x = normalise(&residual, &block.attention_norm);
        // Queries, keys and values are made from the rows, or each from its third of the reduced rows.
        let rank = block.reduce.as_ref().map(|reduce| reduce.channels.len() / 3);
        let thirds = block.reduce.as_ref().map(|reduce| to_int8(&x, width, reduce));
        let input = |third: usize| match (&thirds, rank) {
            (Some(thirds), Some(rank)) => {
                thirds.chunks(3 * rank).flat_map(|row| &row[third * rank..][..rank]).copied().collect()
            }
            _ => x.clone(),
        };
        let inputs = rank.unwrap_or(width);
        let [query, value] =
            [(&block.query, 0), (&block.value, 2)].map(|(layer, third)| to_int8(&input(third), inputs, layer));
        let key = block.key.as_ref().map(|key| to_int8(&input(1), inputs, key));
        let dim = if key.is_some() { head_dim } else { width };
        let inner = block.heads.len() * head_dim;
        let mut attended = vec![0; positions * inner];
        for (head, scale) in block.heads.iter().enumerate() {
            let part = |x: &[i8], dim: usize, position: usize| {
                x[(position * block.heads.len() + head) * dim..][..dim].to_vec()
            };
            let keys: Vec<i8> = match &key {
                Some(key) => (0..positions).flat_map(|position| part(key, dim, position)).collect(),
                None => x.clone(),
            };
            let values: Vec<i8> = (0..head_dim)
                .flat_map(|d| (0..positions).map(|position| part(&value, head_dim, position)[d]).collect::<Vec<_>>())
                .collect();
            for position in 0..positions {
                let mut scores = vec![0; positions];
                let max = Portable::scores(&part(&query, dim, position), &keys, &mut scores);
                let mut weights = vec![W::ZERO; positions];
                let sum = Portable::exp2(&scores, max, scale.steepness(), &mut weights);
                let out = &mut attended[position * inner + head * head_dim..][..head_dim];
                Portable::weighted_sum(&weights, &values, positions, RowScale::new(sum, scale.value()), out);
                let share = |w: &W| (f64::from(w.to_int()) / f64::from(sum)) as f32;
                shown.push((layer, head, position, weights.iter().map(share).collect()));
            }
        }
        if inner > 0 {
            add(&attended, inner, &block.output, &mut residual);
        } else {
            // Rows of no values: the biases are left. A row of one value, times weights of 0, is the same.
            let output = LinearModel { weights: vec![0; width], channels: block.output.channels.clone() };
            add(&vec![1; positions], 1, &output, &mut residual);
        }
        let mut x = to_int8(&normalise(&residual, &block.hidden_norm), width, &block.expand);
        Activation(&block.activation).forward(&mut x);
        add(&x, hidden, &block.contract, &mut residual);
    }
    let x = normalise(&residual, &model.norm);
    let mean: Vec<i8> = (0..width)
        .map(|e| pool.to_i8((0..positions).map(|position| i32::from(x[position * width + e])).sum()))
        .collect();
    let mut logits = vec![0; classes];
    add(&mean, width, &model.classifier, &mut logits);
    (logits, shown)
}

#[test]
fn encoder_from_its_parts() {
    let mut random = Random(19);
    for case in 0..40 {
        let softmax = if case % 2 == 0 { Softmax::Wide } else { Softmax::Narrow };
        // Positions that fill whole tiles and such that do not.
        let (positions, heads) = (random.int(1, 13) as usize, random.int(1, 4) as usize);
        // Every other model has blocks of all kinds, of up to as many heads as the configuration says.
        let head_dim = if case % 4 < 2 { 5 } else { 10 + case / 4 };
        let config = Config { positions, heads, head_dim, layers: 1 + case % 3, ..config(softmax) };
        let mut model = random_model(case as u64, config, None);
        if case % 4 >= 2 {
            vary(&mut model, &mut random);
        }
        let features = random.i8s(positions * config.inputs, 127);
        let (logits, weights) = match softmax {
            Softmax::Wide => plain::<Wide>(&model, &features),
            Softmax::Narrow => plain::<Narrow>(&model, &features),
        };
        assert_eq!(EncoderModel::load(&model.to_bytes().unwrap()).as_ref(), Ok(&model));
        let read = Model::load(&model.to_bytes().unwrap()).unwrap();
        assert_eq!(read.infer(&features).logits(), logits);
        let mut shown = Vec::new();
        let outcome = read.infer_observed(heedful::Input::Features(&features), |row| {
            shown.push((row.layer, row.head, row.query, row.weights.to_vec()))
        });
        assert_eq!((outcome.logits(), shown), (&*logits, weights));
    }
}

/// Where the heads' outputs are shorter than a row of the model, rows of low rank are made one at a time.
#[test]
fn short_heads_of_low_rank() {
    let mut random = Random(23);
    for (positions, head_dim) in [(1, 3), (3, 3), (9, 1), (5, 7)] {
        let config = Config { positions, heads: 1, head_dim, ..config(Softmax::Wide) };
        let mut model = random_model(positions as u64, config, None);
        for (block, rank) in model.blocks.iter_mut().zip([3, 2]) {
            let mut linear = |inputs, outputs| crate::support::linear(&mut random, inputs, outputs, 1.0);
            block.reduce = Some(linear(E, 3 * rank));
            (block.query, block.key) = (linear(rank, head_dim), Some(linear(rank, head_dim)));
            block.value = linear(rank, head_dim);
        }
        let features = random.i8s(positions * config.inputs, 127);
        let read = Model::load(&model.to_bytes().unwrap()).unwrap();
        assert_eq!(read.infer(&features).logits(), plain::<Wide>(&model, &features).0);
    }
}
