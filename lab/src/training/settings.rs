//! What a run is started with; travels in the checkpoint and in the metadata of the weights.

use super::schedule::Schedule;
use heedful::format::Softmax;
use heedful_import::convert;
use serde::{Deserialize, Serialize};

/// The `[train]` table of a project.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Passes over the training examples.
    pub epochs: usize,
    /// Examples per batch.
    pub batch: usize,
    /// Largest learning rate.
    pub rate: f64,
    /// Share of the steps in which the rate rises.
    pub warm_up: f64,
    /// Share of its largest value at which the rate ends, along half a cosine.
    pub final_rate: f64,
    /// Share of the target that is spread over all classes.
    pub smoothing: f32,
    /// What weights lose in a step, in units of the rate (AdamW).
    pub weight_decay: f32,
    /// Largest norm of the gradient of all parameters together.
    pub clip: f64,
    /// Ends after so many epochs in which the validation loss was never better, and takes the best weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// Training examples that scales are found on, spread evenly.
    pub calibration: usize,
    /// Rounding in the loop.
    pub rounding: Rounding,
    /// Origin of all random choices.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            epochs: 100,
            batch: 64,
            rate: 2e-3,
            warm_up: 0.05,
            final_rate: 0.01,
            smoothing: 0.1,
            weight_decay: 0.01,
            clip: 1.0,
            patience: None,
            calibration: 400,
            rounding: Rounding::default(),
            seed: 1,
        }
    }
}

/// How weights and activations are rounded in the last epochs, and how the integers are chosen after them.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rounding {
    /// Share of the epochs before it begins; from 1 on, it never does.
    pub from: f64,
    /// Bits of the input: 8 or 15.
    pub input_bits: Bits,
    /// The real value of a unit of an input of 8 bits, where a front end decides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_unit: Option<f64>,
    /// Bits of what goes into activations: 8 or 16.
    pub activation_bits: Bits,
    /// Share of the values of a tensor that 8 bits hold; the others saturate. 1 holds all, and a tenth more.
    pub inside: f64,
}

impl Default for Rounding {
    fn default() -> Self {
        Self {
            from: 2.0 / 3.0,
            input_bits: Bits::Coarse,
            input_unit: None,
            activation_bits: Bits::Coarse,
            inside: 0.9998,
        }
    }
}

/// How fine the integers of a tensor are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub enum Bits {
    /// 8 bits: fast.
    #[default]
    Coarse,
    /// 15 or 16 bits.
    Fine,
}

impl TryFrom<u32> for Bits {
    type Error = String;

    fn try_from(bits: u32) -> Result<Self, String> {
        match bits {
            8 => Ok(Self::Coarse),
            15 | 16 => Ok(Self::Fine),
            _ => Err(format!("{bits} bits, expected 8, or 15 of an input, or 16 of what goes into activations")),
        }
    }
}

impl From<Bits> for u32 {
    fn from(bits: Bits) -> Self {
        if bits == Bits::Coarse { 8 } else { 15 }
    }
}

impl Rounding {
    /// As the conversion takes it.
    #[must_use]
    pub fn conversion(&self) -> convert::Settings {
        convert::Settings {
            clipping: match self.inside {
                inside if inside < 1.0 => convert::Clipping::Percentile(inside),
                _ => convert::Clipping::Range,
            },
            fine_input: self.input_bits == Bits::Fine,
            input_unit: self.input_unit,
            fine_activations: self.activation_bits == Bits::Fine,
            softmax: Softmax::Wide,
        }
    }
}

impl Settings {
    /// The first epoch in which values are rounded; as many as there are epochs if none is.
    #[must_use]
    pub fn rounded_from(&self) -> usize {
        let first = (self.epochs as f64 * self.rounding.from.clamp(0.0, 1.0)).floor() as usize;
        first.min(self.epochs)
    }

    /// Learning rate of a step: rises linearly, then falls along half a cosine.
    #[must_use]
    pub fn rate_at(&self, step: usize, steps: usize) -> f64 {
        let Self { rate, warm_up, final_rate, .. } = *self;
        Schedule { rate, warm_up, final_rate }.at(step, steps)
    }

    /// Refuses what cannot be.
    ///
    /// # Errors
    /// Says which setting it is, what was found and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        let counts = [("epochs", self.epochs), ("batch", self.batch), ("calibration", self.calibration)];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(format!("`{key}` is 0, expected at least 1"));
        }
        if self.patience == Some(0) {
            return Err("`patience` is 0, expected at least 1, or none".to_owned());
        }
        let above = [("rate", self.rate), ("clip", self.clip), ("rounding.inside", self.rounding.inside)];
        if let Some((key, found)) = above.into_iter().find(|(_, x)| !(*x > 0.0 && x.is_finite())) {
            return Err(format!("`{key}` is {found}, expected a number above 0"));
        }
        let shares = [
            ("warm_up", self.warm_up),
            ("final_rate", self.final_rate),
            ("smoothing", self.smoothing.into()),
            ("weight_decay", self.weight_decay.into()),
        ];
        if let Some((key, found)) = shares.into_iter().find(|(_, x)| !(0.0..1.0).contains(x)) {
            return Err(format!("`{key}` is {found}, expected 0 or more, and less than 1"));
        }
        if !(self.rounding.from >= 0.0 && self.rounding.from.is_finite()) {
            return Err(format!("`rounding.from` is {}, expected a number from 0 on", self.rounding.from));
        }
        Ok(())
    }
}
