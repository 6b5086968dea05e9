//! Training: AdamW with warm-up and cosine decay, quantisation in the loop at the end.
//!
//! Every random choice derives from the seed, the epoch and the recording, and the
//! scales derive from the weights at the start of an epoch. A checkpoint after each
//! epoch is therefore all that an interrupted run needs to continue bit for bit.

use crate::augment::draw;
use crate::calibrate::calibrate;
use crate::checkpoint::{self, Progress};
use crate::data::{Clip, Split};
use crate::encoder::{Encoder, Pass, batch, classes};
use crate::features::Extractor;
use crate::low_rank;
use crate::settings::Settings;
use crate::training::{Schedule, clip, shuffled};
use crate::weights::{Scales, Weights};
use crate::{Config, Error};
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// Share of the steps in which the learning rate rises.
const WARM_UP: f64 = 0.05;
/// The learning rate ends at this share of its largest value.
const FINAL_RATE: f64 = 0.01;
/// Share of the target that is spread over all classes.
const SMOOTHING: f32 = 0.1;
/// Largest norm of the gradient of all parameters together.
const CLIP: f64 = 1.0;
const WEIGHT_DECAY: f32 = 0.01;
/// Recordings that scales are calibrated on, spread evenly over the training set.
const CALIBRATION: usize = 400;

/// What happened in an epoch.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Report {
    /// Epochs done, this one included.
    pub epoch: usize,
    /// Mean training loss.
    pub loss: f32,
    /// Share of validation recordings recognised, none if there are none.
    pub accuracy: Option<f32>,
    /// Whether weights and activations were rounded to int8.
    pub quantised: bool,
}

/// Follows a run.
pub trait Observer {
    /// After each step, with its loss.
    fn step(&mut self, loss: f32) {
        let _ = loss;
    }
    /// After each epoch; false interrupts the run, which `resume` can continue.
    fn epoch(&mut self, report: Report) -> bool {
        let _ = report;
        true
    }
}

/// A run in progress.
pub struct Run<'a> {
    config: &'a Config,
    settings: Settings,
    extractor: Extractor,
    device: Device,
    encoder: Encoder,
    optimizer: ModuleOptimizer,
    epochs_done: usize,
}

impl<'a> Run<'a> {
    /// Starts from random weights.
    ///
    /// # Errors
    /// If the front end cannot be built, or the settings demand a rank that the projections cannot have.
    pub fn new(config: &'a Config, settings: Settings) -> Result<Self, Error> {
        let weights = Weights::initial(config, settings.seed);
        Self::from_state(config, settings, &weights, optimizer(), 0)
    }

    /// Continues from a checkpoint.
    ///
    /// # Errors
    /// If the checkpoint is absent, damaged or of a run with other settings or shapes.
    pub fn resume(config: &'a Config, settings: Settings, path: &Path) -> Result<Self, Error> {
        let (weights, optimizer, epochs_done) = checkpoint::load(path, &settings, optimizer())?;
        if weights.config != *config {
            return Err(Error::content(path, "belongs to a model of another shape"));
        }
        Self::from_state(config, settings, &weights, optimizer, epochs_done)
    }

    fn from_state(
        config: &'a Config,
        settings: Settings,
        weights: &Weights,
        optimizer: ModuleOptimizer,
        epochs_done: usize,
    ) -> Result<Self, Error> {
        if let Some(rank) = settings.rank {
            low_rank::check(config, rank)?;
        }
        let device = Device::flex().autodiff();
        let encoder = Encoder::new(weights, &device)?;
        let extractor = Extractor::new(config)?;
        Ok(Self { config, settings, extractor, device, encoder, optimizer, epochs_done })
    }

    /// Epochs done so far.
    #[must_use]
    pub fn epochs_done(&self) -> usize {
        self.epochs_done
    }

    /// Steps of one epoch; an incomplete last batch is left out.
    #[must_use]
    pub fn steps_per_epoch(&self, clips: usize) -> usize {
        clips / self.settings.batch
    }

    /// Trains to the end, or until the observer interrupts (then `None`). After every
    /// epoch the state goes to `checkpoint`. The weights of the last epoch are the
    /// result: none are picked by their validation accuracy.
    ///
    /// # Errors
    /// If there are too few recordings, the loss is not finite or the checkpoint cannot
    /// be written.
    pub fn finish(
        mut self,
        data: &Split,
        checkpoint: &Path,
        observer: &mut dyn Observer,
    ) -> Result<Option<Weights>, Error> {
        if data.train.len() < self.settings.batch {
            let (found, batch) = (data.train.len(), self.settings.batch);
            return Err(Error::Training(format!("{found} training recordings, fewer than one batch of {batch}")));
        }
        let validation: Vec<_> = data.validation.iter().map(|c| self.extractor.plain(&c.samples)).collect();
        let stride = data.train.len().div_ceil(CALIBRATION);
        let calibration: Vec<_> = data.train.iter().step_by(stride).map(|c| self.extractor.plain(&c.samples)).collect();
        let mut scales = Scales::new();
        let mut last = None;
        while self.epochs_done < self.settings.epochs {
            let quantised = self.epochs_done >= self.settings.epochs * 2 / 3;
            scales = self.calibrate(&calibration);
            let loss = self.epoch(&data.train, quantised.then_some(&scales), observer)?;
            self.epochs_done += 1;
            if let Some(rank) = self.settings.rank {
                let mut weights = self.weights(&scales);
                low_rank::truncate(&mut weights, rank)?;
                self.encoder = Encoder::new(&weights, &self.device)?;
            }
            let accuracy = self.accuracy(&validation, &data.validation, quantised.then_some(&scales));
            let report = Report { epoch: self.epochs_done, loss, accuracy, quantised };
            self.pass_checkpoint(checkpoint, &scales)?;
            last = Some(report);
            if !observer.epoch(report) {
                return Ok(None);
            }
        }
        // A checkpoint of the very last epoch resumes to here, without scales at hand.
        if scales.is_empty() {
            scales = self.calibrate(&calibration);
        }
        let mut weights = self.weights(&scales);
        weights.training = serde_json::json!({
            "settings": self.settings,
            "recordings": data.train.len(),
            "validation_recordings": data.validation.len(),
            "validation_accuracy": last.and_then(|r| r.accuracy),
        });
        Ok(Some(weights))
    }

    /// Writes the state and goes on from what was written. The numbers are the same, but
    /// their layout in memory is not, and that decides the order in which burn sums.
    fn pass_checkpoint(&mut self, path: &Path, scales: &Scales) -> Result<(), Error> {
        let progress = Progress { settings: self.settings.clone(), epochs_done: self.epochs_done };
        checkpoint::save(path, &self.weights(scales), &self.optimizer, &progress)?;
        let (weights, optimizer, _) = checkpoint::load(path, &self.settings, optimizer())?;
        self.encoder = Encoder::new(&weights, &self.device)?;
        self.optimizer = optimizer;
        Ok(())
    }

    fn weights(&self, scales: &Scales) -> Weights {
        Weights {
            config: self.config.clone(),
            tensors: self.encoder.tensors(),
            scales: scales.clone(),
            training: serde_json::Value::Null,
        }
    }

    fn calibrate(&self, features: &[Vec<i8>]) -> Scales {
        calibrate(&self.encoder.valid(), features, &self.device.clone().inner())
    }

    /// One pass over the training recordings; returns the mean loss.
    fn epoch(&mut self, clips: &[Clip], scales: Option<&Scales>, observer: &mut dyn Observer) -> Result<f32, Error> {
        let steps = self.steps_per_epoch(clips.len());
        let (settings, epoch, extractor) = (self.settings.clone(), self.epochs_done, self.extractor.clone());
        thread::scope(|scope| {
            // The next batches are made while this one is trained on.
            let (sender, batches) = sync_channel(2);
            scope.spawn(move || {
                for some in shuffled(clips.len(), settings.seed, epoch).chunks_exact(settings.batch) {
                    let made = some.iter().map(|&i| {
                        let mut draw = draw(settings.seed, epoch as u64, i as u64);
                        (extractor.augmented(&clips[i], &mut draw), clips[i].class)
                    });
                    // The receiver is gone if training failed; it reports that itself.
                    if sender.send(made.unzip()).is_err() {
                        break;
                    }
                }
            });
            self.steps(batches, steps, scales, observer)
        })
    }

    fn steps(
        &mut self,
        batches: Receiver<(Vec<Vec<i8>>, Vec<usize>)>,
        steps: usize,
        scales: Option<&Scales>,
        observer: &mut dyn Observer,
    ) -> Result<f32, Error> {
        let (mut total, mut step) = (0.0, self.epochs_done * steps);
        for (features, labels) in batches {
            let x = batch(&features, self.config.tokens, &self.device);
            let logits = self.encoder.forward(x, &mut scales.map_or(Pass::Float, Pass::Quantised));
            let loss = cross_entropy(logits, &labels);
            let value: f32 = loss.clone().into_scalar();
            if !value.is_finite() {
                return Err(Error::Training(format!("the loss is {value} at step {step}; try another seed")));
            }
            let gradients = GradientsParams::from_grads(loss.backward(), &self.encoder);
            let gradients = clip(gradients, &self.encoder, CLIP);
            let schedule = Schedule { rate: self.settings.rate, warm_up: WARM_UP, final_rate: FINAL_RATE };
            let rate = schedule.at(step, self.settings.epochs * steps);
            self.encoder = self.optimizer.step(rate, self.encoder.clone(), gradients);
            total += value;
            step += 1;
            observer.step(value);
        }
        Ok(total / steps as f32)
    }

    fn accuracy(&self, features: &[Vec<i8>], clips: &[Clip], scales: Option<&Scales>) -> Option<f32> {
        let (encoder, device) = (self.encoder.valid(), self.device.clone().inner());
        let right: usize = features
            .chunks(100)
            .zip(clips.chunks(100))
            .map(|(features, clips)| {
                let x = batch(features, self.config.tokens, &device);
                let logits = encoder.forward(x, &mut scales.map_or(Pass::Float, Pass::Quantised));
                classes(&logits).iter().zip(clips).filter(|(class, clip)| **class == clip.class).count()
            })
            .sum();
        (!clips.is_empty()).then(|| right as f32 / clips.len() as f32)
    }
}

fn optimizer() -> ModuleOptimizer {
    AdamWConfig::new().with_weight_decay(WEIGHT_DECAY).init()
}

/// Mean cross-entropy against smoothed targets.
fn cross_entropy(logits: Tensor<2>, labels: &[usize]) -> Tensor<1> {
    let [batch, classes] = logits.dims();
    let mut targets = vec![SMOOTHING / classes as f32; batch * classes];
    for (row, &label) in targets.chunks_exact_mut(classes).zip(labels) {
        row[label] += 1.0 - SMOOTHING;
    }
    let targets = Tensor::from_data(TensorData::new(targets, [batch, classes]), &logits.device());
    -(log_softmax(logits, 1) * targets).sum().div_scalar(batch as f32)
}
