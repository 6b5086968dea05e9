//! Where a model's integers lose accuracy, and what helps.

use crate::compare::{Comparison, compare, decibels, judge, outputs};
use crate::convert::{Clipping, ConvertError, Ranges, Settings, convert, residual_steps};
use crate::graph::{Model, Place, Site};
use crate::samples::Samples;
use crate::{FrontEnd, ImportError};
use heedful::dynamic;
use heedful::format::write::{ChainModel, PartModel};
use std::collections::BTreeMap;

/// A float model, and inputs to convert it by and to judge its integers on.
#[derive(Clone, Debug)]
pub struct Bench<'a> {
    model: &'a Model,
    samples: &'a Samples,
    ranges: Ranges,
    front_end: Option<FrontEnd>,
    /// The outputs of the float model.
    expected: Vec<Vec<f32>>,
}

/// Integers of a model, and how near they are to float.
#[derive(Clone, Debug)]
pub struct Converted {
    /// What was chosen.
    pub settings: Settings,
    /// The parts.
    pub chain: ChainModel,
    /// The file.
    pub bytes: Vec<u8>,
    /// The file as it runs.
    pub heed: dynamic::Model,
    /// How near it is to float on the inputs that it was converted by.
    pub seen: Comparison,
}

/// The least gain that counts, in dB: below, chance decides.
const GAIN: f64 = 0.2;

impl Converted {
    /// By how much it is nearer to float than another, in dB; `None` if that is within chance, or the best outputs are
    /// the same for fewer inputs.
    #[must_use]
    pub fn gain_over(&self, other: &Self) -> Option<f64> {
        let gain = self.seen.decibels - other.seen.decibels;
        (gain >= GAIN && self.seen.same >= other.seen.same).then_some(gain)
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The float model has no integers.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The integers are refused by the format.
    #[error(transparent)]
    Heed(#[from] heedful::Error),
    /// The two cannot be compared.
    #[error(transparent)]
    Import(#[from] ImportError),
}

/// A layer of the integer model beside the same one of the float model.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// Signal over noise after it, in dB; noise from before it is part of that.
    pub decibels: f64,
    /// Noise over signal that it adds, as a ratio of powers; 0 where it takes noise away.
    pub added: f64,
}

impl<'a> Bench<'a> {
    /// Runs the float model on the inputs.
    ///
    /// # Errors
    /// If it refuses one, or there are none.
    pub fn new(model: &'a Model, samples: &'a Samples) -> Result<Self, ReportError> {
        let ranges = Ranges::observe(model, samples.iter())?;
        Ok(Self { model, samples, ranges, front_end: None, expected: outputs(model, samples)? })
    }

    /// The same, for files that make the inputs of sound themselves.
    #[must_use]
    pub fn hearing(self, front_end: Option<FrontEnd>) -> Self {
        Self { front_end, ..self }
    }

    /// Converts and judges.
    ///
    /// # Errors
    /// If a scale does not fit, or the parts do not fit together.
    pub fn convert(&self, settings: Settings) -> Result<Converted, ReportError> {
        let mut chain = convert(self.model, &self.ranges, settings)?;
        if let Some(front_end) = &self.front_end {
            chain = front_end.hear(chain)?;
        }
        let bytes = chain.to_bytes()?;
        let heed = dynamic::Model::load(&bytes)?;
        let seen = judge(self.model, &self.expected, &heed, self.samples)?;
        Ok(Converted { settings, chain, bytes, heed, seen })
    }

    /// Signal over noise after each layer of the residual stream, and of the outputs.
    ///
    /// # Errors
    /// If the float model refuses an input, or a scale does not fit.
    pub fn layers(&self, converted: &Converted) -> Result<Vec<Layer>, ReportError> {
        let Self { model, samples, ranges, .. } = self;
        let steps = residual_steps(model, ranges, converted.settings, &converted.chain.parts)?;
        let places = places(&converted.chain);
        let mut sums = vec![[0.0; 2]; places.len()];
        for index in 0..samples.len() {
            let mut float = BTreeMap::new();
            let mut keep = |place: Place, rows: &[f32], _: usize| {
                if places.iter().any(|(_, found, _)| *found == place) {
                    float.insert(place, rows.to_vec());
                }
            };
            model.run(samples.sample(index), &mut keep).map_err(ImportError::from)?;
            samples.trace(index, model, &converted.heed, |trace| {
                for ((part, place, _), [signal, noise]) in places.iter().zip(&mut sums) {
                    if *part == trace.part
                        && let Some(expected) = float.get(place)
                    {
                        let step = steps.get(trace.part).copied().unwrap_or(1.0);
                        for (&a, &b) in expected.iter().zip(trace.residual) {
                            *signal += f64::from(a).powi(2);
                            *noise += (f64::from(a) - f64::from(b) * step).powi(2);
                        }
                    }
                }
            });
        }
        let mut before = 0.0;
        let mut layer = |name: String, ratio: f64, decibels: f64| {
            let added = (ratio - before).max(0.0);
            before = ratio;
            Layer { name, decibels, added }
        };
        let stream = places.into_iter().zip(sums).map(|((_, _, name), [signal, noise])| {
            layer(name, if signal > 0.0 { noise / signal } else { 0.0 }, decibels(signal, noise))
        });
        let mut layers: Vec<Layer> = stream.collect();
        let of_outputs = converted.seen.decibels;
        layers.push(layer("outputs".into(), 10f64.powf(-of_outputs / 10.0), of_outputs));
        Ok(layers)
    }

    /// What single changes of the settings do, the best first. Those that have no integers are left out.
    ///
    /// # Errors
    /// If the integers have other outputs.
    pub fn trials(&self, settings: Settings) -> Result<Vec<(&'static str, Converted)>, ReportError> {
        let mut trials = Vec::new();
        for (what, settings) in changes(settings) {
            match self.convert(settings) {
                Ok(converted) => trials.push((what, converted)),
                Err(ReportError::Convert(_) | ReportError::Heed(_)) => {}
                Err(error) => return Err(error),
            }
        }
        trials.sort_by(|a, b| b.1.seen.decibels.total_cmp(&a.1.seen.decibels));
        Ok(trials)
    }

    /// How much nearer to float a model is on inputs that its scales were chosen by than on others, in dB: much, if
    /// there are too few. `None` of fewer than two inputs.
    ///
    /// # Errors
    /// If a scale does not fit.
    pub fn flattery(&self, settings: Settings) -> Result<Option<f64>, ReportError> {
        let (own, others) = (self.samples.half(0), self.samples.half(1));
        if others.is_empty() {
            return Ok(None);
        }
        let converted = Bench::new(self.model, &own)?.hearing(self.front_end).convert(settings)?;
        let on_others = compare(self.model, &converted.heed, &others)?;
        Ok(Some(converted.seen.decibels - on_others.decibels))
    }
}

/// The layer that adds the most noise.
#[must_use]
pub fn worst(layers: &[Layer]) -> Option<&Layer> {
    layers.iter().max_by(|a, b| a.added.total_cmp(&b.added))
}

/// Parts after which the residual stream is a tensor of the float model.
fn places(chain: &ChainModel) -> Vec<(usize, Place, String)> {
    let mut places = Vec::new();
    let (mut blocks, mut fed) = (0usize, true);
    for (part, model) in chain.parts.iter().enumerate() {
        let block = blocks.saturating_sub(1);
        let (place, name) = match model {
            PartModel::Stem { .. } => (Place::Embedded, "stem and positions".to_string()),
            PartModel::Embedding { .. } => (Place::Embedded, "embedding and positions".to_string()),
            PartModel::Norm { carry: Some(_), .. } if blocks == 0 => {
                (Place::EmbeddingNorm, "norm of the embedding".to_string())
            }
            PartModel::Norm { carry: Some(_), .. } if fed => {
                (Place::Block(block, Site::SecondNorm), format!("second norm of block {block}"))
            }
            PartModel::Norm { carry: Some(_), .. } => {
                (Place::Block(block, Site::FirstNorm), format!("first norm of block {block}"))
            }
            PartModel::Attention(_) => {
                (blocks, fed) = (blocks + 1, false);
                (Place::Block(blocks - 1, Site::AfterAttention), format!("attention of block {}", blocks - 1))
            }
            PartModel::FeedForward { .. } | PartModel::FineFeedForward { .. } | PartModel::Gated { .. } => {
                fed = true;
                (Place::Block(block, Site::AfterFeed), format!("feed-forward layers of block {block}"))
            }
            _ => continue,
        };
        places.push((part, place, name));
    }
    places
}

/// Changes of the settings that may help.
fn changes(settings: Settings) -> Vec<(&'static str, Settings)> {
    use heedful::format::Softmax;
    let mut changes = Vec::new();
    if settings.softmax == Softmax::Narrow {
        changes.push(("softmax weights of 15 bits", Settings { softmax: Softmax::Wide, ..settings }));
    }
    if !settings.fine_activations {
        let fine = Settings { fine_activations: true, ..settings };
        changes.push(("arguments of 16 bits in the feed-forward layers", fine));
    }
    if !settings.fine_input {
        changes.push(("an input of 15 bits", Settings { fine_input: true, ..settings }));
    }
    let clippings = [
        ("ranges that hold all that was seen", Clipping::Range),
        ("ranges clipped at a percentile", Clipping::Percentile(0.9999)),
        ("ranges of the least squared error", Clipping::LeastSquares),
    ];
    for (what, clipping) in clippings.into_iter().filter(|(_, clipping)| *clipping != settings.clipping) {
        changes.push((what, Settings { clipping, ..settings }));
    }
    changes
}
