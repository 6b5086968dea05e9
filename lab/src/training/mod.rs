//! Training of any [`Network`] on any source of examples: AdamW with warm-up and cosine, rounding in the loop at the
//! end.
//!
//! Every random choice derives from the seed, the epoch and the example, and the roundings derive from the weights at
//! the start of an epoch. A checkpoint after each epoch is therefore all that an interrupted run needs to go on bit for
//! bit.

mod checkpoint;
mod curves;
mod gradients;
mod loss;
mod records;
mod schedule;
mod settings;
mod source;

pub use checkpoint::path_for;
pub use curves::svg;
pub(crate) use gradients::clip;
pub(crate) use loss::largest;
pub use records::{Record, csv};
pub(crate) use schedule::{Schedule, shuffled};
pub use settings::{Bits, Rounding, Settings};
pub use source::{Data, Example, Source, Taught};

use crate::network::file::Contents;
use crate::network::{Network, NetworkError, Pass};
use crate::{Error, file};
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use checkpoint::{Progress, State};
use heedful_import::convert::{Ranges, Roundings, roundings};
use heedful_import::graph::Unfolded;
use heedful_import::torch;
use loss::{Loss, of_block};
use source::{Batch, batch, send};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;

/// Examples of a forward pass that is not trained on.
const AT_ONCE: usize = 100;

/// Follows a run.
pub trait Observer {
    /// After each step of an epoch, with its number from 1, how many there are, and its loss.
    fn step(&mut self, step: usize, steps: usize, loss: f32) {
        let _ = (step, steps, loss);
    }
    /// After each epoch; false interrupts the run, which `resume` can go on with.
    fn epoch(&mut self, record: &Record) -> bool {
        let _ = record;
        true
    }
}

/// Follows nothing.
impl Observer for () {}

/// What a run writes after each epoch, each whole or not at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Files {
    /// All that it needs to go on.
    pub checkpoint: PathBuf,
    /// A line for each epoch.
    pub csv: Option<PathBuf>,
    /// Loss and accuracy over the epochs.
    pub svg: Option<PathBuf>,
}

impl Files {
    /// Beside the file that the weights will be in.
    #[must_use]
    pub fn beside(out: &Path) -> Self {
        let with = |extension| Some(out.with_extension(extension));
        Self { checkpoint: path_for(out), csv: with("csv"), svg: with("svg") }
    }
}

/// What a run ends with.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The weights.
    pub model: Unfolded,
    /// What happened.
    pub records: Vec<Record>,
    /// What its tensors are on training examples: for the conversion, with
    /// [`Rounding::conversion`].
    pub ranges: Ranges,
}

/// A run in progress.
pub struct Run {
    settings: Settings,
    loss: Loss,
    device: Device,
    network: Network,
    optimizer: ModuleOptimizer,
    /// The best weights since rounding began, or before that.
    best: Option<Unfolded>,
    progress: Progress,
}

impl Run {
    /// Starts from a model's weights.
    ///
    /// # Errors
    /// If a setting cannot be, or the model cannot be trained.
    pub fn new(model: &Unfolded, settings: Settings) -> Result<Self, Error> {
        settings.check().map_err(Error::Training)?;
        let progress = Progress { settings: settings.clone(), next: 0, records: vec![], stopped: false };
        let optimizer = optimizer(&settings);
        Self::from_state(settings, State { model: model.clone(), best: None, optimizer, progress })
    }

    /// Goes on from a checkpoint of a run that started with this model and these settings.
    ///
    /// # Errors
    /// If the checkpoint is absent, damaged, or of a run with other settings or another model.
    pub fn resume(model: &Unfolded, settings: Settings, path: &Path) -> Result<Self, Error> {
        let state = checkpoint::load(path, &settings, optimizer(&settings))?;
        if shape(model)? != shape(&state.model)? {
            return Err(Error::content(path, "belongs to a model of another shape"));
        }
        Self::from_state(settings, state)
    }

    fn from_state(settings: Settings, state: State) -> Result<Self, Error> {
        let State { model, best, optimizer, progress } = state;
        let device = Device::flex().autodiff();
        let network = Network::unfolded(&model, &device)?;
        let loss = Loss::of(network.output())?;
        Ok(Self { settings, loss, device, network, optimizer, best, progress })
    }

    /// What happened so far.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.progress.records
    }

    /// Trains to the end, or until the observer interrupts (then `None`). The weights of the last epoch are the result;
    /// with patience, the best since rounding began.
    ///
    /// # Errors
    /// If there are no examples, one cannot be read or does not fit, the loss is not finite, or a file cannot be
    /// written.
    pub fn finish(
        mut self,
        data: Data<'_>,
        files: &Files,
        observer: &mut dyn Observer,
    ) -> Result<Option<Trained>, Error> {
        for (what, source) in [("training", data.train), ("calibration", data.plain)] {
            if source.is_empty() {
                return Err(Error::Training(format!("no {what} examples")));
            }
        }
        if self.settings.patience.is_some() && data.validation.is_empty() {
            return Err(Error::Training("`patience` is set, and there are no validation examples".to_owned()));
        }
        while self.progress.next < self.settings.epochs && !self.progress.stopped {
            let rounded = self.progress.next >= self.settings.rounded_from();
            let roundings = if rounded { Some(self.roundings(data.plain)?) } else { None };
            let record = self.epoch(data, roundings.as_ref(), observer)?;
            self.progress.records.push(record);
            self.progress.next += 1;
            self.judge()?;
            self.pass_checkpoint(files)?;
            if !observer.epoch(&record) {
                return Ok(None);
            }
        }
        if let Some(best) = &self.best {
            self.network = Network::unfolded(best, &self.device)?;
        }
        let ranges = self.ranges(data.plain)?;
        // Rounded in training, biases have found by themselves what makes up for it.
        let learnt = self.progress.records.last().is_some_and(|record| record.rounded);
        let ranges = if learnt { ranges.without_means() } else { ranges };
        Ok(Some(Trained { model: self.network.to_unfolded(), records: self.progress.records, ranges }))
    }

    /// After an epoch: keeps the best weights, and ends what has stopped getting better, if that is asked for.
    fn judge(&mut self) -> Result<(), Error> {
        let Some(patience) = self.settings.patience else { return Ok(()) };
        let records = &self.progress.records;
        let rounded = records.last().is_some_and(|record| record.rounded);
        // Before and after rounding began, losses do not compare.
        let losses = records.iter().filter(|record| record.rounded == rounded);
        let losses: Vec<f32> = losses.filter_map(|record| record.validation_loss).collect();
        let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap_or(0);
        let since = losses.len() - 1 - best;
        if since == 0 {
            self.best = Some(self.network.to_unfolded());
        } else if since >= patience {
            let next = self.settings.rounded_from();
            if rounded || next >= self.settings.epochs {
                self.progress.stopped = true;
            } else if let Some(best) = &self.best {
                // On to rounding, from the best so far.
                self.network = Network::unfolded(best, &self.device)?;
                self.progress.next = next;
            }
        }
        Ok(())
    }

    /// Writes the state and goes on from what was written. The numbers are the same, but their layout in memory is
    /// not, and that decides the order in which burn sums.
    fn pass_checkpoint(&mut self, files: &Files) -> Result<(), Error> {
        let state = State {
            model: self.network.to_unfolded(),
            best: self.best.take(),
            optimizer: self.optimizer.clone(),
            progress: self.progress.clone(),
        };
        checkpoint::save(&files.checkpoint, &state)?;
        let State { model, best, optimizer, progress } =
            checkpoint::load(&files.checkpoint, &self.settings, optimizer(&self.settings))?;
        self.network = Network::unfolded(&model, &self.device)?;
        (self.best, self.optimizer, self.progress) = (best, optimizer, progress);
        if let Some(path) = &files.csv {
            file::write_atomically(path, csv(&self.progress.records).as_bytes())?;
        }
        if let Some(path) = &files.svg {
            let svg = svg(&self.progress.records).map_err(|e| Error::content(path, e))?;
            file::write_atomically(path, svg.as_bytes())?;
        }
        Ok(())
    }

    /// Values and targets of an example.
    fn shape(&self) -> [usize; 2] {
        [self.network.input().len(), self.network.outputs()]
    }

    /// The same, and what of a teacher's last block.
    fn taught_shape(&self, taught: Taught) -> [usize; 3] {
        let [values, targets] = self.shape();
        [values, targets, taught.maps() * self.network.tokens().pow(2)]
    }

    /// One pass over the training examples, and what it did.
    fn epoch(
        &mut self,
        data: Data<'_>,
        roundings: Option<&Roundings>,
        observer: &mut dyn Observer,
    ) -> Result<Record, Error> {
        let (epoch, seed, taught) = (self.progress.next, self.settings.seed, data.train.taught());
        let shape = self.taught_shape(taught);
        let size = self.settings.batch.min(data.train.len());
        let batches: Vec<Vec<usize>> =
            shuffled(data.train.len(), seed, epoch).chunks_exact(size).map(<[usize]>::to_vec).collect();
        let steps = batches.len();
        let (mut sum, mut right, mut rate) = (0.0, [0, 0], 0.0);
        thread::scope(|scope| {
            // The next batches are made while this one is trained on.
            let (sender, made) = sync_channel(2);
            scope.spawn(move || send(data.train, epoch, &batches, seed, shape, &sender));
            for (index, batch) in made.into_iter().enumerate() {
                let step = epoch * steps + index;
                rate = self.settings.rate_at(step, self.settings.epochs * steps);
                let (loss, told) = self.step(batch?, taught, rate, roundings)?;
                if !loss.is_finite() {
                    let reason = format!("the loss is {loss} in epoch {}; a lower rate may help", epoch + 1);
                    return Err(Error::Training(reason));
                }
                sum += loss;
                right = [0, 1].map(|at| right[at] + told.map_or(0, |told: [usize; 2]| told[at]));
                observer.step(index + 1, steps, loss);
            }
            Ok(())
        })?;
        let share = |right: [usize; 2]| (right[1] > 0).then(|| right[0] as f32 / right[1] as f32);
        let validation = self.validate(data.validation, roundings)?;
        Ok(Record {
            epoch: self.progress.records.len() + 1,
            loss: sum / steps as f32,
            accuracy: share(right),
            validation_loss: validation.map(|(loss, _)| loss),
            validation_accuracy: validation.and_then(|(_, right)| share(right)),
            rate: rate as f32,
            rounded: roundings.is_some(),
        })
    }

    /// A step; gives the loss before it, and how many examples were told right.
    fn step(
        &mut self,
        batch: Batch,
        taught: Taught,
        rate: f64,
        roundings: Option<&Roundings>,
    ) -> Result<(f32, Option<[usize; 2]>), Error> {
        let [values, outputs] = self.shape();
        let Batch { count, values: inputs, targets: plain, inside: maps } = batch;
        let mut targets = plain.clone();
        self.loss.smooth(&mut targets, outputs, self.settings.smoothing);
        let mut statistics = vec![];
        let mut pass = roundings.map_or(Pass::Learn(&mut statistics), Pass::Quantised);
        let (result, inside) = self.network.forward_inside(tensor(inputs, [count, values], &self.device), &mut pass);
        let told = self.loss.right(&numbers(&result), &plain, outputs);
        let mut loss = self.loss.mean(result, tensor(targets, [count, outputs], &self.device));
        if let (Some(inside), 1..) = (inside, taught.maps()) {
            let maps = tensor(maps.clone(), [count, maps.len() / count.max(1)], &self.device);
            loss = loss + of_block(&inside, maps, taught);
        }
        let value: f32 = loss.clone().into_scalar();
        if value.is_finite() {
            let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
            let gradients = clip(gradients, &self.network, self.settings.clip);
            self.network = self.optimizer.step(rate, self.network.clone(), gradients);
            self.network.remember(statistics);
        }
        Ok((value, told))
    }

    /// Mean loss, and how many are told right; none if there are no examples.
    fn validate(&self, source: &dyn Source, roundings: Option<&Roundings>) -> Result<Option<(f32, [usize; 2])>, Error> {
        let (network, [values, outputs]) = (self.network.valid(), self.shape());
        let device = self.device.clone().inner();
        let (mut sum, mut right) = (0.0, [0, 0]);
        for batch in self.plain(source, source.len()) {
            let Batch { count, values: inputs, targets, .. } = batch?;
            let mut pass = roundings.map_or(Pass::Float, Pass::Quantised);
            let result = network.forward(tensor(inputs, [count, values], &device), &mut pass);
            let told = self.loss.right(&numbers(&result), &targets, outputs);
            right = [0, 1].map(|at| right[at] + told.map_or(0, |told: [usize; 2]| told[at]));
            let loss: f32 = self.loss.mean(result, tensor(targets, [count, outputs], &device)).into_scalar();
            sum += f64::from(loss) * count as f64;
        }
        let mean = (sum / source.len().max(1) as f64) as f32;
        if !mean.is_finite() {
            return Err(Error::Training(format!("the loss of the validation examples is {mean}")));
        }
        Ok((!source.is_empty()).then_some((mean, right)))
    }

    /// Batches of so many examples of a source, spread evenly.
    fn plain<'s>(&self, source: &'s dyn Source, count: usize) -> impl Iterator<Item = Result<Batch, Error>> + 's {
        let (seed, shape) = (self.settings.seed, self.taught_shape(source.taught()));
        let stride = source.len().div_ceil(count.max(1)).max(1);
        let all: Vec<usize> = (0..source.len()).step_by(stride).collect();
        let batches: Vec<Vec<usize>> = all.chunks(AT_ONCE).map(<[usize]>::to_vec).collect();
        batches.into_iter().map(move |indices| batch(source, 0, &indices, seed, shape))
    }

    /// What the tensors are on some training examples.
    fn ranges(&self, source: &dyn Source) -> Result<Ranges, Error> {
        let (network, [values, _]) = (self.network.valid(), self.shape());
        let device = self.device.clone().inner();
        let mut ranges = Ranges::default();
        for batch in self.plain(source, self.settings.calibration) {
            let Batch { count, values: inputs, .. } = batch?;
            network.forward(tensor(inputs, [count, values], &device), &mut Pass::Observe(&mut ranges));
        }
        Ok(ranges)
    }

    /// How the integers of the network as it is now would round.
    fn roundings(&self, source: &dyn Source) -> Result<Roundings, Error> {
        let ranges = self.ranges(source)?;
        Ok(roundings(&self.network.to_graph(), &ranges, self.settings.rounding.conversion())?)
    }
}

impl Trained {
    /// As a file of weights, with the settings and what came of them as its note.
    #[must_use]
    pub fn contents(&self, settings: &Settings) -> Contents {
        let training = serde_json::json!({ "settings": settings, "last": self.records.last() });
        Contents { model: self.model.clone(), training, extra: BTreeMap::new() }
    }
}

fn optimizer(settings: &Settings) -> ModuleOptimizer {
    AdamWConfig::new().with_weight_decay(settings.weight_decay).init()
}

/// All of a model but its numbers: the TOML, and the shapes of its tensors.
fn shape(model: &Unfolded) -> Result<(torch::Config, BTreeMap<String, Vec<usize>>), NetworkError> {
    let (config, tensors) = torch::write(model)?;
    Ok((config, tensors.into_iter().map(|(name, tensor)| (name, tensor.shape)).collect()))
}

fn tensor(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn numbers(x: &Tensor<2>) -> Vec<f32> {
    x.to_data().iter::<f32>().collect()
}
