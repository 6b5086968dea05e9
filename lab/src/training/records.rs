//! What happened in each epoch, as a table.

use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// An epoch.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Its number, from 1.
    pub epoch: usize,
    /// Mean loss of its training batches.
    pub loss: f32,
    /// Share of its training examples, altered as they were, that were told right; none of numbers.
    pub accuracy: Option<f32>,
    /// Mean loss of the validation examples after it, none if there are none.
    pub validation_loss: Option<f32>,
    /// Share of the validation examples that are told right after it.
    pub validation_accuracy: Option<f32>,
    /// Learning rate of its last step.
    pub rate: f32,
    /// Whether weights and activations were rounded.
    pub rounded: bool,
}

/// A CSV with a line for each; what there is not, is empty.
#[must_use]
pub fn csv(records: &[Record]) -> String {
    let mut out = String::from("epoch,loss,accuracy,validation_loss,validation_accuracy,rate,rounded\n");
    let maybe = |x: Option<f32>| x.map_or(String::new(), |x| x.to_string());
    for r in records {
        let [accuracy, loss, right] = [r.accuracy, r.validation_loss, r.validation_accuracy].map(maybe);
        _ = writeln!(out, "{},{},{accuracy},{loss},{right},{},{}", r.epoch, r.loss, r.rate, r.rounded);
    }
    out
}
