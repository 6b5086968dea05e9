//! Distillation: another model says what it makes of each training example (Hinton et al. 2015).

use super::inputs::Inputs;
use crate::Error;
use crate::dataset::windows_of;
use crate::network::file;
use heedful::dynamic::Model;
use heedful_import::graph::{Model as Graph, NoTaps, Sample};
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
    /// Folders of sounds without labels: what the teacher makes of them is learned, too.
    pub unlabelled: Vec<PathBuf>,
}

impl Default for Distil {
    fn default() -> Self {
        Self { weight: 0.7, temperature: 1.0, unlabelled: vec![] }
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

enum Kind {
    Integers(Box<Model>),
    Float(Box<Graph>),
}

impl Teacher {
    /// Reads a `.heed` file, or the float weights of one.
    ///
    /// # Errors
    /// If it is no model, knows other labels, or is given something else.
    pub fn load(path: &Path, distil: &Distil, root: &Path, labels: &[String], inputs: &Inputs) -> Result<Self, Error> {
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
        teacher.check(inputs).map_err(wrong)?;
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

    /// What it says of an example: probabilities of the outputs. `samples` are those of a sound, `values` what the
    /// model is given.
    pub fn says(&self, samples: &[i16], values: &[f32]) -> Vec<f32> {
        let logits = match &self.of {
            Kind::Integers(model) => match model.hear(samples).filter(|_| !samples.is_empty()) {
                Some(heard) => model.real(model.infer_input(heard.input(), &[]).logits()),
                None => model.infer_real(values),
            },
            // Of the right size, as was checked.
            Kind::Float(model) => model.run(Sample::Values(values), &mut NoTaps).unwrap_or_default(),
        };
        let of = |&at: &usize| logits.get(at).copied().unwrap_or(f32::MIN) / self.distil.temperature;
        softmax(&self.outputs.iter().map(of).collect::<Vec<_>>())
    }

    /// The label and what the teacher says, in one.
    pub fn correct(&self, target: &mut [f32], says: &[f32]) {
        let weight = self.distil.weight;
        target.iter_mut().zip(says).for_each(|(x, says)| *x += weight * (says - *x));
    }
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
