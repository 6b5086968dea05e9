//! An integer model beside the float model that it was made of.

use crate::ImportError;
use crate::graph::{Model, NoTaps, Pool};
use crate::samples::Samples;
use heedful::dynamic;

/// What they have in common, on some inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Inputs.
    pub inputs: usize,
    /// Signal over noise of the outputs, in dB.
    pub decibels: f64,
    /// The largest difference of an output.
    pub largest: f64,
    /// Share of the inputs with the same largest output.
    pub same: f64,
    /// Mean cosine between the outputs.
    pub cosine: f64,
}

/// The outputs of the float model.
///
/// # Errors
/// If it refuses an input.
pub fn outputs(model: &Model, samples: &Samples) -> Result<Vec<Vec<f32>>, ImportError> {
    samples.iter().map(|sample| Ok(model.run(sample, &mut NoTaps)?)).collect()
}

/// Runs both.
///
/// # Errors
/// If the float model refuses an input, or the integer model has other outputs.
pub fn compare(model: &Model, heed: &dynamic::Model, samples: &Samples) -> Result<Comparison, ImportError> {
    judge(model, &outputs(model, samples)?, heed, samples)
}

/// Runs the integer model beside outputs of the float model that are known.
///
/// # Errors
/// If the integer model has other outputs.
pub fn judge(
    model: &Model,
    expected: &[Vec<f32>],
    heed: &dynamic::Model,
    samples: &Samples,
) -> Result<Comparison, ImportError> {
    let (mut signal, mut noise, mut largest, mut same, mut cosine) = (0.0, 0.0, 0f64, 0, 0.0);
    for (index, expected) in expected.iter().enumerate() {
        let found = samples.integers(index, model, heed);
        if expected.len() != found.len() {
            return Err(ImportError::setting("outputs of the .heed file", found.len(), expected.len().to_string()));
        }
        // Of a language model what follows the last token: before, anything may follow.
        let from = if model.pool == Pool::Every { expected.len() - model.outputs() } else { 0 };
        let (expected, found) = (&expected[from..], &found[from..]);
        let (mut product, mut squares) = (0.0, [0.0; 2]);
        for (a, b) in expected.iter().zip(found).map(|(&a, &b)| (f64::from(a), f64::from(b))) {
            signal += a * a;
            noise += (a - b).powi(2);
            largest = largest.max((a - b).abs());
            product += a * b;
            squares = [squares[0] + a * a, squares[1] + b * b];
        }
        same += usize::from(best(expected) == best(found));
        // Two vectors of zeros are alike.
        let lengths = (squares[0] * squares[1]).sqrt();
        cosine += if lengths > 0.0 { product / lengths } else { f64::from(squares[0] == squares[1]) };
    }
    let count = expected.len().max(1) as f64;
    Ok(Comparison {
        inputs: expected.len(),
        decibels: decibels(signal, noise),
        largest,
        same: same as f64 / count,
        cosine: cosine / count,
    })
}

/// A ratio of powers, in dB; of no noise, a number that stands for all that are beyond measure.
pub(crate) fn decibels(signal: f64, noise: f64) -> f64 {
    if noise > 0.0 { 10.0 * (signal / noise).log10() } else { 200.0 }
}

/// The place of the largest; the first of several.
fn best(values: &[f32]) -> Option<usize> {
    (0..values.len()).rev().max_by(|&a, &b| values[a].total_cmp(&values[b]))
}
