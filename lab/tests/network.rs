//! The network that is trained computes what the float model of the importer computes, and rounds as its integers do.

#[path = "common/kinds.rs"]
mod kinds;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use heedful::dynamic;
use heedful_import::convert::{Clipping, Ranges, Roundings, Settings, convert, roundings};
use heedful_import::graph::{Input, Model, NoTaps, Pool, Sample, Unfolded};
use heedful_import::torch;
use heedful_import::weights::Tensors;
use heedful_lab::network::file::Contents;
use heedful_lab::network::{Description, Network, Pass};
use kinds::{Kind, all, inputs};
use std::collections::BTreeMap;
use std::path::Path;

const COARSE: Settings = Settings {
    clipping: Clipping::Range,
    fine_input: false,
    input_unit: None,
    fine_activations: false,
    softmax: heedful::format::Softmax::Wide,
};

fn batch(inputs: &[Vec<f32>], device: &Device) -> Tensor<2> {
    let values: Vec<f32> = inputs.iter().flatten().copied().collect();
    Tensor::from_data(TensorData::new(values, [inputs.len(), inputs[0].len()]), device)
}

fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

fn run(model: &Model, inputs: &[Vec<f32>]) -> Vec<f32> {
    inputs.iter().flat_map(|x| model.run(Sample::Values(x), &mut NoTaps).unwrap()).collect()
}

/// Signal over noise in dB.
fn decibels(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let square = |x: f32| f64::from(x).powi(2);
    let signal: f64 = expected.iter().map(|&x| square(x)).sum();
    let noise: f64 = found.iter().zip(expected).map(|(a, b)| square(a - b)).sum();
    10.0 * (signal / noise).log10()
}

#[test]
fn forward_equals_the_float_model() {
    let device = Device::flex();
    for Kind { name, unfolded } in all() {
        let inputs = inputs(&unfolded.model.input, 5, 1);
        let network = Network::unfolded(&unfolded, &device).unwrap();
        let model = unfolded.fold();
        assert_eq!(network.to_unfolded(), unfolded, "{name}");
        assert_eq!(network.to_graph(), model, "{name}");
        let found = numbers(network.forward(batch(&inputs, &device), &mut Pass::Float));
        let expected = run(&model, &inputs);
        let largest = expected.iter().fold(0f32, |most, x| most.max(x.abs()));
        let difference = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{name}: {difference:.1e} of {largest:.2}");
        assert!(difference <= 2e-5 * largest.max(1.0), "{name}: {difference} of {largest}");
    }
}

#[test]
fn what_it_sees_is_what_the_float_model_shows() {
    let device = Device::flex();
    for Kind { name, unfolded } in all() {
        let inputs = inputs(&unfolded.model.input, 4, 2);
        let (network, model) = (Network::unfolded(&unfolded, &device).unwrap(), unfolded.fold());
        let mut ranges = Ranges::default();
        network.forward(batch(&inputs, &device), &mut Pass::Observe(&mut ranges));
        assert_eq!(ranges.inputs(), 4);
        let expected = Ranges::observe(&model, inputs.iter().map(|x| Sample::Values(x))).unwrap();
        for settings in [COARSE, Settings::default()] {
            let [found, expected] = [&ranges, &expected].map(|ranges| roundings(&model, ranges, settings).unwrap());
            near(&name, &found, &expected);
        }
    }
}

fn near(name: &str, found: &Roundings, expected: &Roundings) {
    assert!(found.keys().eq(expected.keys()), "{name}");
    for (place, expected) in expected {
        let found = &found[place];
        assert_eq!(found.steps.len(), expected.steps.len());
        for (a, b) in found.steps.iter().zip(&expected.steps) {
            // Channels are balanced in eighths of an octave, where a last bit may decide.
            assert!((a / b).log2().abs() <= 0.1251, "{name}: {place}: {a}, {b}");
        }
    }
}

/// By the roundings of its own conversion, the network gives what the integers give, but for values at the border of
/// two steps: the integers' softmax is within 0.2 % of the real one, and each step that falls the other way moves
/// others.
#[test]
fn rounded_equals_the_integers() {
    let mut gains = vec![];
    for Kind { name, unfolded } in all() {
        // Where blocks add little, and heads look at all tokens almost alike, few steps fall the other way.
        let mut calm = unfolded.clone();
        for block in &mut calm.model.blocks {
            let layers = [&mut block.attention.query, &mut block.attention.out, &mut block.feed_forward.down];
            for layer in layers {
                layer.weight.values.iter_mut().chain(layer.bias.iter_mut().flatten()).for_each(|x| *x *= 0.1);
            }
        }
        for (what, settings) in [("8 bits", COARSE), ("15 and 16 bits", Settings::default())] {
            for (how, unfolded, least) in [("lively", &unfolded, 25.0), ("calm", &calm, 33.0)] {
                let [near, far] = rounded(unfolded, settings);
                println!("{name}, {what}, {how}: integers against rounded {near:.1} dB, against float {far:.1} dB");
                assert!(near >= least, "{name}, {what}, {how}: {near:.1} dB");
                gains.push((how, near - far));
            }
        }
    }
    for (how, least) in [("lively", 1.0), ("calm", 4.0)] {
        let gains: Vec<f64> = gains.iter().filter(|(of, _)| *of == how).map(|(_, gain)| *gain).collect();
        let mean = gains.iter().sum::<f64>() / gains.len() as f64;
        let worst = gains.iter().copied().fold(f64::INFINITY, f64::min);
        println!("{how}: nearer to rounded than to float by {mean:.1} dB, at least {worst:.1} dB");
        assert!(mean >= least, "{how}: {mean:.1} dB");
    }
}

/// The integers of a model against the rounded network, and against the float model, in dB.
fn rounded(unfolded: &Unfolded, settings: Settings) -> [f64; 2] {
    let device = Device::flex();
    let (network, model) = (Network::unfolded(unfolded, &device).unwrap(), unfolded.fold());
    let inputs = inputs(&model.input, 16, 3);
    let x = batch(&inputs, &device);
    let mut ranges = Ranges::default();
    network.forward(x.clone(), &mut Pass::Observe(&mut ranges));
    let ranges = ranges.without_means();
    let heed = convert(&model, &ranges, settings).unwrap().to_bytes().unwrap();
    let heed = dynamic::Model::load(&heed).unwrap();
    let integers: Vec<f32> =
        inputs.iter().flat_map(|x| heed.infer_real(&kinds::channels_last(&model.input, x))).collect();
    let rounds = roundings(&model, &ranges, settings).unwrap();
    let rounded = numbers(network.forward(x.clone(), &mut Pass::Quantised(&rounds)));
    let float = numbers(network.forward(x, &mut Pass::Float));
    [&rounded, &float].map(|other| decibels(&integers, other))
}

/// The parameters of a network by their number.
#[derive(Default)]
struct All(BTreeMap<u64, Vec<f32>>);

impl ModuleVisitor for All {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.insert(param.id.val(), numbers(param.val()));
    }
}

fn parameters(network: &Network) -> BTreeMap<u64, Vec<f32>> {
    let mut all = All::default();
    network.visit(&mut all);
    all.0
}

#[test]
fn gradients_reach_every_parameter() {
    let device = Device::flex().autodiff();
    for Kind { name, unfolded } in all() {
        let model = unfolded.fold();
        let inputs = inputs(&model.input, 6, 4);
        let ranges = Ranges::observe(&model, inputs.iter().map(|x| Sample::Values(x))).unwrap();
        let rounds = roundings(&model, &ranges, COARSE).unwrap();
        for quantised in [false, true] {
            let network = Network::unfolded(&unfolded, &device).unwrap();
            let before = parameters(&network);
            let count = before.len() as u64;
            assert!(before.keys().copied().eq(1..=count), "{name}: numbers from 1 on");
            let mut statistics = vec![];
            let mut pass = if quantised { Pass::Quantised(&rounds) } else { Pass::Learn(&mut statistics) };
            let outputs = network.forward(batch(&inputs, &device), &mut pass);
            // No softmax: constants added to all keys or all outputs would have no gradient.
            let loss = outputs.powf_scalar(3.0).mean();
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            let network = AdamWConfig::new().with_weight_decay(0.0).init().step(1e-2, network, gradients);
            for (number, after) in parameters(&network) {
                let changed = after.iter().zip(&before[&number]).filter(|(a, b)| a != b).count();
                // What softmax takes out again, such as the bias of keys, moves by rounding alone; max pooling and ReLU
                // leave some out.
                assert!(changed > 0, "{name}, quantised {quantised}: parameter {number} of {count} stays");
            }
        }
    }
}

#[test]
fn batch_norms_fold() {
    let device = Device::flex().autodiff();
    let kinds = all().into_iter().filter(|kind| kind.unfolded.batch_norms.iter().any(Option::is_some));
    let mut found = 0;
    for Kind { name, mut unfolded } in kinds {
        found += 1;
        // As training begins.
        for norm in unfolded.batch_norms.iter_mut().flatten() {
            (norm.mean, norm.variance) = (vec![0.0; norm.gain.len()], vec![1.0; norm.gain.len()]);
        }
        let mut network = Network::unfolded(&unfolded, &device).unwrap();
        let inputs = inputs(&unfolded.model.input, 24, 5);
        let x = batch(&inputs, &device);
        let learn = |network: &mut Network, x: Tensor<2>| {
            let mut statistics = vec![];
            let outputs = numbers(network.forward(x, &mut Pass::Learn(&mut statistics)));
            assert_eq!(statistics.len(), unfolded.batch_norms.iter().flatten().count(), "{name}");
            let seen: Vec<Vec<f32>> = statistics.iter().map(|(_, [mean, _])| numbers(mean.clone())).collect();
            network.remember(statistics);
            (outputs, seen)
        };
        let (learnt, first) = learn(&mut network, x.clone());
        // All that is remembered is the batch: by it, or as it is run, the network gives the same.
        let float = numbers(network.forward(x.clone(), &mut Pass::Float));
        let folded = run(&network.to_graph(), &inputs);
        assert!(decibels(&folded, &float) > 90.0, "{name}: {:.1} dB", decibels(&folded, &float));
        assert!(decibels(&learnt, &float) > 90.0, "{name}: {:.1} dB", decibels(&learnt, &float));
        // From then on, a tenth of each batch.
        let (_, second) = learn(&mut network, x.mul_scalar(0.5).add_scalar(0.3));
        let kept = network.to_unfolded().batch_norms;
        for (norm, (first, second)) in kept.iter().flatten().zip(first.iter().zip(&second)) {
            for (kept, (first, second)) in norm.mean.iter().zip(first.iter().zip(second)) {
                assert!((kept - (0.9 * first + 0.1 * second)).abs() < 1e-5, "{name}");
            }
        }
    }
    assert!(found >= 2);
}

#[test]
fn files_are_read_back() {
    for Kind { name, unfolded } in all() {
        let extra = BTreeMap::from([("optimizer".to_owned(), vec![1, 2, 3])]);
        let contents = Contents { model: unfolded.clone(), training: serde_json::json!({ "epochs": 3 }), extra };
        let bytes = contents.to_bytes().unwrap();
        assert_eq!(bytes, contents.to_bytes().unwrap(), "{name}");
        let back = Contents::from_bytes(&bytes, Path::new("x.safetensors")).unwrap();
        assert_eq!(back, contents, "{name}");
        // As any state dict.
        let bytes = Contents { extra: BTreeMap::new(), ..contents }.to_bytes().unwrap();
        let config = torch::embedded(&bytes).unwrap().unwrap();
        assert_eq!(torch::Config::parse(&config.to_toml().unwrap()).unwrap(), config);
        assert_eq!(torch::read(Tensors::safetensors(&bytes).unwrap(), &config).unwrap(), unfolded.fold(), "{name}");
    }
    let error = |bytes: &[u8]| Contents::from_bytes(bytes, Path::new("x.safetensors")).unwrap_err().to_string();
    assert!(error(b"nothing at all").starts_with("x.safetensors: not a safetensors file"));
}

/// An array of rows, as numpy writes it.
fn npy(rows: &[Vec<f32>]) -> Vec<u8> {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, 22, 5), }}", rows.len());
    header += &" ".repeat(127 - (10 + header.len()) % 128);
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    let values = rows.iter().flatten().flat_map(|x| x.to_le_bytes());
    b"\x93NUMPY\x01\x00".iter().copied().chain(length).chain(header.into_bytes()).chain(values).collect()
}

#[test]
fn the_command_imports_files_without_a_toml() {
    let folder = tempfile::tempdir().unwrap();
    let Kind { unfolded, .. } = all().remove(0);
    let Input::Features { steps: 22, channels: 5 } = unfolded.model.input else { panic!("as the array is written") };
    std::fs::write(folder.path().join("c.npy"), npy(&inputs(&unfolded.model.input, 40, 6))).unwrap();
    let contents = Contents { model: unfolded, training: serde_json::Value::Null, extra: BTreeMap::new() };
    contents.save(&folder.path().join("m.safetensors")).unwrap();
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_heedful"));
    let arguments = ["import", "torch", "m.safetensors", "--calibrate", "c.npy"];
    let output = program.current_dir(folder.path()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let heed = std::fs::read(folder.path().join("m.heed")).unwrap();
    assert_eq!(dynamic::Model::load(&heed).unwrap().labels(), ["a", "b", "c", "d"]);
}

#[test]
fn descriptions() {
    let parse =
        |text: &str| -> Result<Description, String> { serde_json::from_str(text).map_err(|error| error.to_string()) };
    let plain = r#"{ "width": 16, "heads": 2, "hidden": 24, "blocks": 1, "frames_per_token": 4 }"#;
    let input = Input::Features { steps: 40, channels: 6 };
    let output = heedful_import::graph::Output::Classes(vec![]);
    let made = |text: &str, seed: u64| parse(text).unwrap().initial(input, output.clone(), 5, seed).unwrap();
    let model = made(plain, 1);
    assert_eq!((model.model.tokens().unwrap(), model.model.width(), model.model.outputs()), (10, 16, 5));
    assert_eq!(made(plain, 1), model);
    assert_ne!(made(plain, 2), model);
    assert!(parse(&plain.replace("hidden", "hiden")).unwrap_err().contains("unknown field `hiden`"));
    let refused = |text: &str| parse(text).unwrap().initial(input, output.clone(), 5, 1).unwrap_err().to_string();
    let wrong = refused(&plain.replace("\"heads\": 2", "\"heads\": 3"));
    assert_eq!(wrong, "`heads` is 3, expected a divisor of the width 16, or a `head_width` beside it");
    assert!(refused(&plain.replace("\"blocks\": 1", "\"blocks\": 0")).starts_with("`blocks` is 0, expected 1 to"));
    assert!(refused(&plain.replace("\"frames_per_token\": 4", "\"frames_per_token\": 50")).contains("do not fit"));
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let device = Device::flex();
    let Kind { unfolded, .. } = all().into_iter().next().unwrap();
    let refused = |unfolded: &Unfolded| Network::unfolded(unfolded, &device).unwrap_err().to_string();
    let mut every = unfolded.clone();
    every.model.pool = Pool::Every;
    assert!(refused(&every).starts_with("training has not got outputs for every position; it has pooling"));
    let mut memory = unfolded.clone();
    memory.model.blocks[0].attention.cross = true;
    assert!(refused(&memory).starts_with("training has not got attention to a memory"));
    let mut tokens = unfolded.clone();
    tokens.model.input = Input::Tokens { vocabulary: 10, length: 10 };
    assert!(refused(&tokens).starts_with("training has not got inputs of tokens"));
    let mut warm = unfolded;
    warm.log_temperatures = vec![Some(vec![0.0; 7])];
    assert_eq!(refused(&warm), "temperatures of block 0: 7 values, expected 2");
}
