//! Distillation: another model says what it makes of each training example (Hinton et al. 2015).

use super::inputs::Inputs;
use crate::Error;
use crate::dataset::windows_of;
use crate::network::file;
use crate::training::Taught;
use heedful::Row;
use heedful::dynamic::Model;
use heedful_import::graph::{Model as Graph, Order, Place, Sample, Site};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The `[distil]` table: how much a teacher says; `heedful train --teacher` names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Distil {
    /// Share of the target that is the teacher's; the rest is the label.
    pub weight: f32,
    /// What its logits are divided by: above 1, it says more of what is unlikely.
    pub temperature: f32,
    /// How much it counts what tokens attend to in the last block, in the mean of the heads, beside the targets.
    pub attention: f32,
    /// How much the relations between tokens count that leave the last block: it needs a float teacher.
    pub hidden: f32,
    /// Folders of sounds without labels: what the teacher makes of them is learned, too.
    pub unlabelled: Vec<PathBuf>,
}

impl Default for Distil {
    fn default() -> Self {
        Self { weight: 0.7, temperature: 1.0, attention: 0.0, hidden: 0.0, unlabelled: vec![] }
    }
}

impl Distil {
    pub(super) fn check(&self) -> Result<(), String> {
        if !(self.weight > 0.0 && self.weight <= 1.0) {
            return Err(format!("`distil.weight` is {}, expected more than 0, 1 at most", self.weight));
        }
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            return Err(format!("`distil.temperature` is {}, expected a number above 0", self.temperature));
        }
        for (key, weight) in [("attention", self.attention), ("hidden", self.hidden)] {
            if !(weight >= 0.0 && weight.is_finite()) {
                return Err(format!("`distil.{key}` is {weight}, expected a number from 0 on"));
            }
        }
        Ok(())
    }
}

/// A model that is learned from.
pub struct Teacher {
    of: Kind,
    /// For each output, that of the teacher.
    outputs: Vec<usize>,
    distil: Distil,
    /// Windows of sound without labels.
    pub unlabelled: Vec<Vec<i16>>,
}

/// What a teacher makes of an example.
pub struct Says {
    /// Of the outputs.
    pub probabilities: Vec<f32>,
    /// What its last block holds, as [`Example::inside`](crate::training::Example::inside).
    pub inside: Vec<f32>,
}

enum Kind {
    Integers(Box<Model>),
    Float(Box<Graph>),
}

impl Teacher {
    /// Reads a `.heed` file, or the float weights of one.
    ///
    /// # Errors
    /// If it is no model, knows other labels, is given something else, or has no block to compare one of so many tokens
    /// with, where that is asked for.
    pub fn load(
        path: &Path,
        distil: &Distil,
        root: &Path,
        labels: &[String],
        inputs: &Inputs,
        tokens: usize,
    ) -> Result<Self, Error> {
        let wrong = |reason: String| Error::content(path, reason);
        let is_heed = path.extension().is_some_and(|extension| extension == "heed");
        let (of, known) = if is_heed {
            let model = Model::load(&crate::file::read(path)?).map_err(|error| wrong(error.to_string()))?;
            let known = model.labels().to_vec();
            (Kind::Integers(Box::new(model)), known)
        } else {
            let model = file::model(path)?;
            let known = model.output.names().to_vec();
            (Kind::Float(Box::new(model)), known)
        };
        let output = |label: &String| {
            let at = known.iter().position(|other| other == label);
            at.ok_or_else(|| wrong(format!("the teacher has no label {label}: it has {}", known.join(", "))))
        };
        let outputs = labels.iter().map(output).collect::<Result<_, _>>()?;
        let mut teacher = Self { of, outputs, distil: distil.clone(), unlabelled: vec![] };
        teacher.check(inputs).and_then(|()| teacher.check_inside(inputs, tokens)).map_err(wrong)?;
        if let (Inputs::Sound { tables, samples, .. }, false) = (inputs, distil.unlabelled.is_empty()) {
            for folder in &distil.unlabelled {
                teacher.unlabelled.extend(windows_of(&root.join(folder), tables.params.sample_rate, *samples)?);
            }
        } else if !distil.unlabelled.is_empty() {
            return Err(Error::Training("`distil.unlabelled` is for sound".to_owned()));
        }
        Ok(teacher)
    }

    /// Whether it can be given what the model is given.
    fn check(&self, inputs: &Inputs) -> Result<(), String> {
        let wanted = inputs.graph().len();
        let found = match (&self.of, inputs) {
            (Kind::Integers(model), Inputs::Sound { tables, .. }) => {
                let rate = tables.params.sample_rate;
                return match model.frontend() {
                    Some(frontend) if frontend.params.sample_rate == rate => Ok(()),
                    Some(frontend) => {
                        Err(format!("the teacher hears {} samples a second, not {rate}", frontend.params.sample_rate))
                    }
                    None => Err("the teacher has no front end".to_owned()),
                };
            }
            (Kind::Integers(model), _) => {
                model.shape().input.steps * model.shape().input.columns * model.channels().len()
            }
            (Kind::Float(model), _) => model.input.len(),
        };
        if found == wanted { Ok(()) } else { Err(format!("the teacher is given {found} values, not {wanted}")) }
    }

    /// Whether its last block can be compared with one of so many tokens, if it shall be.
    fn check_inside(&self, inputs: &Inputs, tokens: usize) -> Result<(), String> {
        if self.taught().maps() == 0 {
            return Ok(());
        }
        let found = match &self.of {
            Kind::Integers(_) if self.distil.hidden > 0.0 => {
                return Err("`distil.hidden` needs the float weights of the teacher, a .safetensors file".to_owned());
            }
            Kind::Integers(_) if !matches!(inputs, Inputs::Sound { .. }) => {
                return Err("`distil.attention` of other inputs than sound needs the float weights".to_owned());
            }
            Kind::Integers(model) if !model.heads().is_empty() => model.shape().positions,
            Kind::Float(model) if !model.blocks.is_empty() => model.tokens().map_err(|error| error.to_string())?,
            _ => return Err("the teacher has no attention".to_owned()),
        };
        match found == tokens {
            true => Ok(()),
            false => Err(format!("the teacher attends to {found} tokens, expected {tokens}, as the model has")),
        }
    }

    /// How much its last block counts.
    #[must_use]
    pub fn taught(&self) -> Taught {
        Taught { attention: self.distil.attention, hidden: self.distil.hidden }
    }

    /// What it says of an example. `samples` are those of a sound, `values` what the model is given.
    pub fn says(&self, samples: &[i16], values: &[f32]) -> Says {
        let Taught { attention, hidden } = self.taught();
        let (mut weights, mut stream, mut heads) = (vec![], (vec![], 1), 0.0);
        let logits = match &self.of {
            Kind::Integers(model) => match model.hear(samples).filter(|_| !samples.is_empty()) {
                Some(heard) if attention > 0.0 => {
                    let (last, tokens) = (model.heads().len() - 1, model.shape().positions);
                    weights = vec![0.0; tokens * tokens];
                    heads = model.heads()[last] as f32;
                    let outcome = model.infer_observed(heard.input(), |row: Row<'_, f32>| {
                        if row.layer == last {
                            add(&mut weights[row.query * tokens..], row.weights);
                        }
                    });
                    model.real(outcome.logits())
                }
                Some(heard) => model.real(model.infer_input(heard.input(), &[]).logits()),
                None => model.infer_real(values),
            },
            Kind::Float(model) => {
                let last = model.blocks.len().wrapping_sub(1);
                let leaves = match model.blocks.last().map(|block| block.order) {
                    Some(Order::PostNorm) => Site::SecondNorm,
                    _ => Site::AfterFeed,
                };
                let mut taps = |place: Place, rows: &[f32], width: usize| match place {
                    Place::Block(block, Site::Weights(_)) if block == last && attention > 0.0 => {
                        weights.resize(rows.len(), 0.0);
                        add(&mut weights, rows);
                        heads += 1.0;
                    }
                    Place::Block(block, site) if block == last && site == leaves && hidden > 0.0 => {
                        stream = (rows.to_vec(), width);
                    }
                    _ => {}
                };
                // Of the right size, as was checked.
                model.run(Sample::Values(values), &mut taps).unwrap_or_default()
            }
        };
        let of = |&at: &usize| logits.get(at).copied().unwrap_or(f32::MIN) / self.distil.temperature;
        weights.iter_mut().for_each(|weight| *weight /= heads);
        weights.extend(cosines(&stream.0, stream.1));
        Says { probabilities: softmax(&self.outputs.iter().map(of).collect::<Vec<_>>()), inside: weights }
    }

    /// The label and what the teacher says, in one.
    pub fn correct(&self, target: &mut [f32], says: &[f32]) {
        let weight = self.distil.weight;
        target.iter_mut().zip(says).for_each(|(x, says)| *x += weight * (says - *x));
    }
}

fn add(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(sum, x)| *sum += x);
}

/// Of the rows of a matrix with each other.
fn cosines(rows: &[f32], width: usize) -> Vec<f32> {
    let rows: Vec<&[f32]> = rows.chunks_exact(width).collect();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let lengths: Vec<f32> = rows.iter().map(|row| dot(row, row).sqrt().max(1e-6)).collect();
    let pairs = (0..rows.len()).flat_map(|a| (0..rows.len()).map(move |b| (a, b)));
    pairs.map(|(a, b)| dot(rows[a], rows[b]) / (lengths[a] * lengths[b])).collect()
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let powers: Vec<f32> = logits.iter().map(|x| (x - most).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|x| x / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::softmax;

    #[test]
    fn probabilities() {
        let found = softmax(&[0.0, 3f32.ln(), f32::MIN]);
        assert!((found[0] - 0.25).abs() < 1e-6 && (found[1] - 0.75).abs() < 1e-6 && found[2] == 0.0, "{found:?}");
    }
}
