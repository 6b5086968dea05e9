//! Narrow softmax weights, of 8 bits instead of 15, where they cost nothing on the user's own recordings.
//!
//! On long rows, where a few positions stand out, narrow weights round too much of a row to nothing
//! (`docs/numerics.md`). Whether a model has such rows shows in its logits: how far those of the integer model are from
//! the float model's, with wide weights and with narrow ones.

use crate::Error;
use crate::encoder::{Encoder, Pass, batch};
use crate::training::largest;
use crate::weights::Weights;
use burn::tensor::Device;
use heedful::dynamic::Model;
use heedful::format::Softmax;
use heedful::format::write::EncoderModel;
use std::fmt;

/// What `auto` lets go of, in dB of the logits' signal-to-noise: as much as some hundred recordings can tell.
pub const TOLERANCE: f64 = 0.1;
/// Recordings per forward pass.
const BATCH: usize = 100;

/// Whether softmax weights are narrow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Narrow {
    /// Where they cost at most [`TOLERANCE`], and no recording its class.
    #[default]
    Auto,
    /// Never.
    Never,
    /// Whatever they cost.
    Always,
}

/// What one kind of weights makes of the recordings, held against the float model.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Level {
    /// Signal-to-noise of the logits, dB.
    pub db: f64,
    /// Recordings that get the float model's class.
    pub agreed: usize,
}

/// Both kinds of weights on the same recordings.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Measured {
    /// With weights of 15 bits.
    pub wide: Level,
    /// With weights of 8 bits.
    pub narrow: Level,
    /// Recordings measured.
    pub recordings: usize,
}

impl Measured {
    /// Whether narrow weights cost nothing.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.narrow.db >= self.wide.db - TOLERANCE && self.narrow.agreed >= self.wide.agreed
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wide, narrow, recordings } = self;
        write!(
            f,
            "logits {:.1} dB from the float model, {:.1} dB with wide ones; \
             its class for {} of {recordings} recordings, {} with wide ones",
            narrow.db, wide.db, narrow.agreed, wide.agreed
        )
    }
}

/// Gives a converted model the weights that `narrow` says. `None` where nothing was measured: without features, or
/// where they are not wanted.
///
/// # Errors
/// If a tensor is absent, or the model cannot be written.
pub fn choose(
    model: &mut EncoderModel,
    weights: &Weights,
    features: &[Vec<i8>],
    narrow: Narrow,
) -> Result<Option<Measured>, Error> {
    model.config.softmax = Softmax::Wide;
    let measured = match narrow {
        Narrow::Never => None,
        _ if features.is_empty() => None,
        _ => Some(measure(model, weights, features)?),
    };
    if narrow == Narrow::Always || measured.is_some_and(|measured| measured.holds()) {
        model.config.softmax = Softmax::Narrow;
    }
    Ok(measured)
}

/// Both kinds of weights in a converted model.
///
/// # Errors
/// If a tensor is absent, or the model cannot be written.
pub fn measure(model: &EncoderModel, weights: &Weights, features: &[Vec<i8>]) -> Result<Measured, Error> {
    let device = Device::flex();
    let encoder = Encoder::new(weights, &device)?;
    let mut expected: Vec<f32> = Vec::new();
    for some in features.chunks(BATCH) {
        let logits = encoder.forward(batch(some, weights.config.tokens, &device), &mut Pass::Float);
        expected.extend(logits.into_data().iter::<f32>());
    }
    let level = |softmax: Softmax| {
        let mut model = model.clone();
        model.config.softmax = softmax;
        let refused = |e: heedful::Error| Error::Training(format!("the converted model cannot be read: {e}"));
        let bytes = model.to_bytes().map_err(refused)?;
        Ok::<_, Error>(level(&Model::load(&bytes).map_err(refused)?, features, &expected))
    };
    Ok(Measured { wide: level(Softmax::Wide)?, narrow: level(Softmax::Narrow)?, recordings: features.len() })
}

fn level(model: &Model, features: &[Vec<i8>], expected: &[f32]) -> Level {
    let unit = model.shape().logit.to_real() / std::f64::consts::LOG2_E;
    let (mut signal, mut noise, mut agreed) = (0.0, 0.0, 0);
    for (features, expected) in features.iter().zip(expected.chunks(model.shape().classes())) {
        let outcome = model.infer(features);
        for (&found, &expected) in outcome.logits().iter().zip(expected) {
            let expected = f64::from(expected);
            signal += expected * expected;
            noise += (f64::from(found) * unit - expected).powi(2);
        }
        agreed += usize::from(outcome.best().class == largest(expected));
    }
    Level { db: 10.0 * (signal / noise).log10(), agreed }
}
