//! The models that judge a sound: the ones compiled in, as in firmware, any other one loaded from a
//! file, and the float model beside them.

use crate::float_model::FloatModel;
use crate::heads::Heads;
use heedful::audio::{self, Frontend};
use heedful::dynamic;
use std::path::Path;

heedful::model!(Digits = "../../models/digits.heed");
heedful::model!(DigitsSmall = "../../models/digits_small.heed");

/// Where the default model lies.
pub const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/digits.heed");
const DIGITS: &[u8] = include_bytes!("../../models/digits.heed");
const DIGITS_SMALL: &[u8] = include_bytes!("../../models/digits_small.heed");

/// A class, by index, and its probability.
pub type Guess = (usize, f64);

/// What was heard in one sound.
pub struct Verdict {
    pub best: Guess,
    pub runner_up: Guess,
}

/// A model that this program contains, as firmware does.
trait Compiled {
    /// Judges a sound as it comes from a microphone, sample by sample.
    fn hear(&mut self, sound: &[i16], heads: Option<&mut Heads>) -> Verdict;
    /// Bytes of RAM.
    fn ram(&self) -> usize;
}

macro_rules! compiled {
    ($model:ident) => {
        impl Compiled for $model {
            fn hear(&mut self, sound: &[i16], heads: Option<&mut Heads>) -> Verdict {
                self.reset();
                for sample in audio::excerpt(sound, Self::SAMPLES) {
                    self.push(sample);
                }
                verdict(&match heads {
                    None => self.infer(),
                    Some(heads) => self.infer_heard(heads),
                })
            }

            fn ram(&self) -> usize {
                size_of::<Self>()
            }
        }
    };
}

compiled!(Digits);
compiled!(DigitsSmall);

/// An int8 model.
pub struct Judge {
    /// Any `.heed` file; knows the shape, the labels and the front end.
    model: dynamic::Model,
    /// The same model compiled in, if it is.
    compiled: Option<Box<dyn Compiled>>,
}

impl Judge {
    /// The default model.
    pub fn digits() -> Result<Self, String> {
        Self::load(DIGITS)
    }

    /// A model out of the bytes of a `.heed` file.
    pub fn load(bytes: &[u8]) -> Result<Self, String> {
        let model = dynamic::Model::load(bytes).map_err(|e| e.to_string())?;
        if model.frontend().is_none() {
            return Err("the model has no audio front end".to_owned());
        }
        let compiled: Option<Box<dyn Compiled>> = if bytes == DIGITS {
            Some(Box::new(Digits::new()))
        } else if bytes == DIGITS_SMALL {
            Some(Box::new(DigitsSmall::new()))
        } else {
            None
        };
        Ok(Self { model, compiled })
    }

    pub fn model(&self) -> &dynamic::Model {
        &self.model
    }

    pub fn frontend(&self) -> Frontend<'_> {
        self.model.frontend().expect("no model comes to be without one")
    }

    /// Bytes of RAM on this host; unknown for a file that was not compiled in.
    pub fn ram_bytes(&self) -> Option<usize> {
        self.compiled.as_deref().map(Compiled::ram)
    }

    /// The name of a class.
    pub fn name(&self, class: usize) -> String {
        let label = self.model.labels().get(class).filter(|label| !label.is_empty());
        label.map_or_else(|| class.to_string(), Clone::clone)
    }

    /// Seconds from the first position to the end of the last.
    pub fn seconds(&self) -> f64 {
        let params = self.frontend().params;
        self.model.shape().input.steps as f64 * f64::from(params.hop) / f64::from(params.sample_rate)
    }

    /// Which part of a longer sound is judged.
    pub fn stretch(&self, sound: &[i16]) -> Option<String> {
        let params = self.frontend().params;
        let length = params.samples(self.model.shape().input.steps);
        let start = audio::excerpt_start(sound, length);
        let [all, from, to] = [sound.len(), start, start + length].map(|n| n as f64 / f64::from(params.sample_rate));
        (sound.len() > length).then(|| format!("{all:.1} seconds long, judged from {from:.1} to {to:.1}"))
    }

    /// What the front end makes of a sound.
    pub fn heard(&self, sound: &[i16]) -> dynamic::Heard {
        self.model.hear(sound).expect("no model comes to be without a front end")
    }

    /// Features of a sound, `[positions][inputs]`, eighths of an octave.
    pub fn features(&self, sound: &[i16]) -> Vec<i8> {
        self.heard(sound).upper_bits()
    }

    /// The loudness of a sound at each position, octaves above an arbitrary zero.
    pub fn loudness(&self, sound: &[i16]) -> Vec<f64> {
        let mean = |position: &[i8]| position.iter().map(|&f| f64::from(f)).sum::<f64>() / position.len() as f64;
        self.features(sound).chunks_exact(self.model.shape().inputs).map(|p| mean(p) / 8.0).collect()
    }

    /// Judges a sound, and lets `heads` watch.
    pub fn hear(&mut self, sound: &[i16], heads: Option<&mut Heads>) -> Verdict {
        if let Some(compiled) = &mut self.compiled {
            return compiled.hear(sound, heads);
        }
        let heard = self.heard(sound);
        verdict(&match heads {
            None => self.model.infer_input(heard.input(), &[]),
            Some(heads) => self.model.infer_observed(heard.input(), |row| {
                heads.add(row.layer, row.head, row.weights.iter().map(|&w| f64::from(w)));
            }),
        })
    }
}

fn verdict<L: AsRef<[i16]>>(outcome: &heedful::Outcome<L>) -> Verdict {
    let guess = |guess: heedful::Guess| (guess.class, guess.probability.to_num());
    Verdict { best: guess(outcome.best()), runner_up: guess(outcome.runner_up()) }
}

/// Reads the float model that lies beside a `.heed` file.
pub fn float_beside(heed: &Path) -> Result<FloatModel, String> {
    let path = heed.with_extension("safetensors");
    let fault = |reason: String| format!("{}: {reason}", path.display());
    let bytes = std::fs::read(&path).map_err(|e| fault(e.to_string()))?;
    FloatModel::from_bytes(&bytes).map_err(|e| fault(e.to_string()))
}

/// The class with the largest logit.
pub fn likeliest(logits: &[f32]) -> usize {
    (0..logits.len()).reduce(|best, c| if logits[c] > logits[best] { c } else { best }).unwrap_or(0)
}
