//! Where examples come from.

use crate::Error;
use std::sync::mpsc::SyncSender;

/// An input and what the model should make of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// As the float model takes it.
    pub values: Vec<f32>,
    /// One number for each output: the probability of each class (soft ones as well, of mixed or taught examples), of
    /// each label, or the values themselves.
    pub target: Vec<f32>,
    /// What the last block of a teacher holds, as [`Source::taught`] says: nothing, what tokens attend to in the mean
    /// of its heads, cosines of their vectors with each other, or both in this order; `[tokens][tokens]` each.
    pub inside: Vec<f32>,
}

/// How much of the loss is about what the last block of a teacher holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Taught {
    /// Of the divergence of what tokens attend to, in nats.
    pub attention: f32,
    /// Of the mean square of the differences of cosines.
    pub hidden: f32,
}

impl Taught {
    /// Maps that an example has for it.
    pub(crate) fn maps(self) -> usize {
        [self.attention, self.hidden].into_iter().filter(|weight| *weight > 0.0).count()
    }
}

impl Example {
    /// Of one class of so many.
    #[must_use]
    pub fn of_class(values: Vec<f32>, class: usize, classes: usize) -> Self {
        let target = (0..classes).map(|at| f32::from(u8::from(at == class))).collect();
        Self { values, target, inside: vec![] }
    }
}

/// Examples by their number. Equal epochs, numbers and seeds give equal examples, whatever was asked for before: that
/// is what lets an interrupted run go on unchanged.
pub trait Source: Sync {
    /// Examples of an epoch.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of them: altered at random where it is to train on, and as it is where it is to validate or calibrate on.
    ///
    /// # Errors
    /// If it cannot be read.
    fn example(&self, epoch: usize, index: usize, seed: u64) -> Result<Example, Error>;

    /// What else than targets there is to learn of its examples.
    fn taught(&self) -> Taught {
        Taught::default()
    }
}

impl Source for [Example] {
    fn len(&self) -> usize {
        <[Example]>::len(self)
    }

    fn example(&self, _: usize, index: usize, _: u64) -> Result<Example, Error> {
        Ok(self[index].clone())
    }
}

impl Source for Vec<Example> {
    fn len(&self) -> usize {
        <[Example]>::len(self)
    }

    fn example(&self, _: usize, index: usize, _: u64) -> Result<Example, Error> {
        Ok(self[index].clone())
    }
}

/// What a run learns from.
#[derive(Clone, Copy)]
pub struct Data<'a> {
    /// To train on.
    pub train: &'a dyn Source,
    /// The same examples as they are, to find scales on; labels do not matter.
    pub plain: &'a dyn Source,
    /// To judge by; may be empty.
    pub validation: &'a dyn Source,
}

/// Examples side by side.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Batch {
    pub count: usize,
    pub values: Vec<f32>,
    pub targets: Vec<f32>,
    pub inside: Vec<f32>,
}

/// Makes a batch of some examples; `shape` is of an example: values, targets, and what a teacher's last block holds.
pub(super) fn batch(
    source: &dyn Source,
    epoch: usize,
    indices: &[usize],
    seed: u64,
    shape: [usize; 3],
) -> Result<Batch, Error> {
    let mut batch = Batch {
        count: indices.len(),
        values: Vec::with_capacity(indices.len() * shape[0]),
        targets: Vec::with_capacity(indices.len() * shape[1]),
        inside: Vec::with_capacity(indices.len() * shape[2]),
    };
    for &index in indices {
        let Example { values, target, inside } = source.example(epoch, index, seed)?;
        let found = [("values", &values), ("targets", &target), ("values of a teacher's block", &inside)];
        for ((what, found), expected) in found.into_iter().zip(shape) {
            let found = found.len();
            if found != expected {
                let reason = format!("example {index} has {found} {what}, the model {expected}");
                return Err(Error::Training(reason));
            }
        }
        if let Some(value) = values.iter().chain(&target).chain(&inside).find(|x| !x.is_finite()) {
            return Err(Error::Training(format!("example {index} holds {value}, expected finite numbers")));
        }
        batch.values.extend(values);
        batch.targets.extend(target);
        batch.inside.extend(inside);
    }
    Ok(batch)
}

/// Makes the batches of some examples in turn and sends them, or the first error.
pub(super) fn send(
    source: &dyn Source,
    epoch: usize,
    batches: &[Vec<usize>],
    seed: u64,
    shape: [usize; 3],
    to: &SyncSender<Result<Batch, Error>>,
) {
    for indices in batches {
        let made = batch(source, epoch, indices, seed, shape);
        let failed = made.is_err();
        // The receiver is gone if training failed; it reports that itself.
        if to.send(made).is_err() || failed {
            return;
        }
    }
}
