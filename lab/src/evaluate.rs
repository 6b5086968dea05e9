//! Judging models on recordings.

use crate::Error;
use crate::data::Clip;
use crate::encoder::{Encoder, Pass, batch, classes};
use crate::features::Extractor;
use crate::head_index::HeadIndex;
use crate::weights::Weights;
use burn::tensor::Device;
use heedful::dynamic::{Heard, Model};
use std::fmt;

/// The most characters of a label over a column.
const HEADING: usize = 8;

/// A confusion matrix: which class was recognised in recordings of each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Confusion {
    labels: Vec<String>,
    /// `[class said][class recognised]`
    counts: Vec<Vec<usize>>,
}

impl Confusion {
    /// Counts pairs of class indices (said, recognised).
    #[must_use]
    pub fn new(labels: &[String], pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut counts = vec![vec![0; labels.len()]; labels.len()];
        for (said, recognised) in pairs {
            counts[said][recognised] += 1;
        }
        Self { labels: labels.to_vec(), counts }
    }

    /// `[class said][class recognised]`.
    #[must_use]
    pub fn counts(&self) -> &[Vec<usize>] {
        &self.counts
    }

    /// Recordings judged.
    #[must_use]
    pub fn total(&self) -> usize {
        self.counts.iter().flatten().sum()
    }

    /// Recordings recognised.
    #[must_use]
    pub fn right(&self) -> usize {
        self.counts.iter().enumerate().map(|(class, row)| row[class]).sum()
    }

    /// Share recognised, 0 of none.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.right() as f64 / self.total().max(1) as f64
    }

    /// Of those of a class, how many are recognised (sensitivity), and how many there are.
    #[must_use]
    pub fn recall(&self, class: usize) -> (usize, usize) {
        (self.counts[class][class], self.counts[class].iter().sum())
    }

    /// Of those recognised as a class, how many are of it, and how many there are.
    #[must_use]
    pub fn precision(&self, class: usize) -> (usize, usize) {
        (self.counts[class][class], self.counts.iter().map(|row| row[class]).sum())
    }

    /// Harmonic mean of recall and precision of a class; 0 where it is never recognised.
    #[must_use]
    pub fn f1(&self, class: usize) -> f64 {
        let ((right, said), (_, recognised)) = (self.recall(class), self.precision(class));
        if right > 0 { 2.0 * right as f64 / (said + recognised) as f64 } else { 0.0 }
    }
}

impl fmt::Display for Confusion {
    /// A row per class said, a column per class recognised, headed by the beginning of its name; zeros as dots.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.labels.iter().map(|l| l.chars().count()).max().unwrap_or(0).max(4);
        let column = width.min(HEADING);
        write!(f, "{:width$}", "")?;
        for label in &self.labels {
            write!(f, " {label:>column$.column$}")?;
        }
        for (label, row) in self.labels.iter().zip(&self.counts) {
            write!(f, "\n{label:>width$}")?;
            for count in row {
                match count {
                    0 => write!(f, " {:>column$}", ".")?,
                    n => write!(f, " {n:>column$}")?,
                }
            }
        }
        Ok(())
    }
}

/// What a model is given, and what it should say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Example {
    /// Index of the class said.
    pub class: usize,
    /// What the front end makes of it.
    pub heard: Heard,
}

/// Recordings as the front end of a `.heed` model gives them.
///
/// # Errors
/// If it has no front end.
pub fn examples(model: &Model, clips: &[Clip]) -> Result<Vec<Example>, Error> {
    if model.frontend().is_none() {
        return Err(Error::Training("the model has no audio front end".to_owned()));
    }
    // With a front end, it hears.
    let example = |clip: &Clip| Some(Example { class: clip.class, heard: model.hear(&clip.samples)? });
    Ok(clips.iter().filter_map(example).collect())
}

/// Judges a `.heed` model with its own front end.
///
/// # Errors
/// If it has no front end, or labels fewer classes than were said.
pub fn integer(model: &Model, clips: &[Clip]) -> Result<Confusion, Error> {
    integer_without(model, clips, &[])
}

/// [`integer`] with some heads switched off.
///
/// # Errors
/// Those of [`integer`], and if the model has no such head.
pub fn integer_without(model: &Model, clips: &[Clip], heads: &[HeadIndex]) -> Result<Confusion, Error> {
    for head in heads {
        head.check(model.heads())?;
    }
    let off = HeadIndex::pairs(heads);
    let recognised = |example: Example| (example.class, model.infer_without(example.heard.input(), &off).best().class);
    confusion(model.labels(), examples(model, clips)?.into_iter().map(recognised).collect())
}

/// Judges the float model.
///
/// # Errors
/// If a tensor is absent, or it labels fewer classes than were said.
pub fn float(weights: &Weights, clips: &[Clip]) -> Result<Confusion, Error> {
    let device = Device::flex();
    let encoder = Encoder::new(weights, &device)?;
    let extractor = Extractor::new(&weights.config)?;
    let mut pairs = Vec::new();
    for some in clips.chunks(100) {
        let features: Vec<_> = some.iter().map(|c| extractor.plain(&c.samples)).collect();
        let logits = encoder.forward(batch(&features, weights.config.tokens, &device), &mut Pass::Float);
        pairs.extend(some.iter().map(|c| c.class).zip(classes(&logits)));
    }
    confusion(&weights.config.labels, pairs)
}

fn confusion(labels: &[String], pairs: Vec<(usize, usize)>) -> Result<Confusion, Error> {
    match pairs.iter().map(|p| p.0).max() {
        Some(class) if class >= labels.len() => {
            Err(Error::Training(format!("a recording of class {class}, but the model has {}", labels.len())))
        }
        _ => Ok(Confusion::new(labels, pairs)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recall_and_precision_of_a_class() {
        let labels = ["a".to_owned(), "b".to_owned()];
        // Of three of a, two are recognised; of two of b, one.
        let confusion = Confusion::new(&labels, [(0, 0), (0, 0), (0, 1), (1, 1), (1, 0)]);
        assert_eq!([confusion.recall(0), confusion.recall(1)], [(2, 3), (1, 2)]);
        assert_eq!([confusion.precision(0), confusion.precision(1)], [(2, 3), (1, 2)]);
        assert!((confusion.f1(0) - 2.0 / 3.0).abs() < 1e-9 && (confusion.f1(1) - 0.5).abs() < 1e-9);
        assert_eq!(confusion.accuracy(), 0.6);
        assert_eq!(Confusion::new(&labels, []).f1(0), 0.0);
    }
}
