//! Milliseconds of a training step: the encoder of `heedful train` and the same model as a network, side by side.
//!
//! `cargo run --release --package heedful-lab --example step_time`

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};
use heedful_import::convert::{Clipping, Ranges, Settings, roundings};
use heedful_import::graph::{Input, Output, Unfolded};
use heedful_lab::Preset;
use heedful_lab::augment::draw;
use heedful_lab::calibrate::calibrate;
use heedful_lab::encoder::{self, Encoder};
use heedful_lab::network::{Description, Network, Pass};
use heedful_lab::weights::Weights;
use rand::RngExt;
use std::time::Instant;

const BATCH: usize = 64;
const STEPS: usize = 12;
const ROUNDS: usize = 4;

/// A model that takes steps.
struct Steps<M> {
    name: &'static str,
    module: M,
    optimizer: burn::optim::ModuleOptimizer,
    forward: Box<dyn Fn(&M) -> Tensor<2>>,
    /// Milliseconds of each step.
    times: Vec<f64>,
}

impl<M: Module> Steps<M> {
    fn new(name: &'static str, module: M, forward: impl Fn(&M) -> Tensor<2> + 'static) -> Self {
        Self { name, module, optimizer: AdamWConfig::new().init(), forward: Box::new(forward), times: vec![] }
    }

    fn step(&mut self, targets: &Tensor<2>) {
        let start = Instant::now();
        let loss = -(log_softmax((self.forward)(&self.module), 1) * targets.clone()).sum().div_scalar(BATCH as f32);
        let gradients = GradientsParams::from_grads(loss.backward(), &self.module);
        self.module = self.optimizer.step(1e-3, self.module.clone(), gradients);
        self.times.push(start.elapsed().as_secs_f64() * 1e3);
    }

    fn report(&mut self) {
        self.times.sort_by(f64::total_cmp);
        println!("{:28} {:7.1} ms median, {:7.1} ms least", self.name, self.times[self.times.len() / 2], self.times[0]);
    }
}

fn network(text: &str, input: Input, device: &Device) -> (Unfolded, Network) {
    let description: Description = serde_json::from_str(text).unwrap();
    let model = description.initial(input, Output::Classes(vec![]), 10, 1).unwrap();
    let network = Network::unfolded(&model, device).unwrap();
    (model, network)
}

/// A network in both ways, and the time of finding how it rounds on 400 inputs.
fn both(names: [&'static str; 2], (model, network): (Unfolded, Network), x: &Tensor<2>) -> [Steps<Network>; 2] {
    let start = Instant::now();
    let mut ranges = Ranges::default();
    for _ in 0..400 / BATCH {
        network.valid().forward(x.clone().inner(), &mut Pass::Observe(&mut ranges));
    }
    let settings = Settings {
        clipping: Clipping::Percentile(0.9998),
        fine_input: false,
        fine_activations: false,
        ..Settings::default()
    };
    let rounds = roundings(&model.fold(), &ranges, settings).unwrap();
    println!("{:28} {:7.1} ms to calibrate", names[1], start.elapsed().as_secs_f64() * 1e3);
    let (a, b) = (x.clone(), x.clone());
    [
        Steps::new(names[0], network.clone(), move |network| network.forward(a.clone(), &mut Pass::Learn(&mut vec![]))),
        Steps::new(names[1], network, move |network| network.forward(b.clone(), &mut Pass::Quantised(&rounds))),
    ]
}

fn main() {
    let device = Device::flex().autodiff();
    let config = Preset::Digits.config();
    let mut random = draw(1, 1, 1);
    let features: Vec<Vec<i8>> =
        (0..BATCH).map(|_| (0..config.features()).map(|_| random.random_range(-60..=127)).collect()).collect();
    let weights = Weights::initial(&config, 1);
    let old = Encoder::new(&weights, &device).unwrap();
    let scales = calibrate(&old.valid(), &features, &device.clone().inner());
    let [old_x, x] = [0; 2].map(|_| encoder::batch(&features, config.tokens, &device));
    let flat = x.reshape([BATCH, config.features()]);
    let input = Input::Features { steps: config.frames(), channels: config.audio.bands as usize };
    let digits = r#"{ "width": 48, "heads": 3, "hidden": 48, "blocks": 3, "frames_per_token": 4 }"#;
    let targets = (0..BATCH * 10).map(|at| f32::from(u8::from(at / 10 % 10 == at % 10))).collect::<Vec<f32>>();
    let targets: Tensor<2> = Tensor::from_data(TensorData::new(targets, [BATCH, 10]), &device);

    let other = old_x.clone();
    let mut old_float = Steps::new("encoder, float", old.clone(), move |encoder: &Encoder| {
        encoder.forward(old_x.clone(), &mut encoder::Pass::Float)
    });
    let mut old_rounded = Steps::new("encoder, rounded", old, move |encoder: &Encoder| {
        encoder.forward(other.clone(), &mut encoder::Pass::Quantised(&scales))
    });
    let mut new = both(["network, float", "network, rounded"], network(digits, input, &device), &flat);
    for _ in 0..ROUNDS {
        for _ in 0..STEPS {
            old_float.step(&targets);
            new[0].step(&targets);
            old_rounded.step(&targets);
            new[1].step(&targets);
        }
    }
    old_float.report();
    old_rounded.report();
    new.iter_mut().for_each(Steps::report);

    let spectrogram = r#"{ "width": 64, "heads": 4, "hidden": 128, "blocks": 2, "stem": [
        { "channels": 16, "kernel": [5, 5], "stride": [2, 2], "norm": "batch" },
        { "kernel": [3, 3], "stride": [2, 2], "depthwise": true, "norm": "batch" },
        { "channels": 32, "kernel": [1, 1], "norm": "batch" },
        { "kernel": [3, 3], "stride": [1, 2], "depthwise": true, "norm": "batch" },
        { "channels": 48, "kernel": [1, 1], "norm": "batch" },
        { "kernel": [3, 3], "stride": [2, 2], "depthwise": true, "norm": "batch" },
        { "channels": 64, "kernel": [1, 1], "norm": "batch" }] }"#;
    let input = Input::Features { steps: 250, channels: 64 };
    let values: Vec<f32> = (0..BATCH * input.len()).map(|_| random.random_range(-1.0..1.0)).collect();
    let x: Tensor<2> = Tensor::from_data(TensorData::new(values, [BATCH, input.len()]), &device);
    let made = network(spectrogram, input, &device);
    let mut stem = both(["spectrogram, float", "spectrogram, rounded"], made, &x);
    for _ in 0..STEPS {
        stem.iter_mut().for_each(|steps| steps.step(&targets));
    }
    stem.iter_mut().for_each(Steps::report);
}
