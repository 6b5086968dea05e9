//! Models on streams: what a detector makes of hours of sound, and how many events are right.
//!
//! [`scores`] runs the model over a stream once; [`Scores::events`] tries settings on what it gave, [`score`] holds the
//! events against what is known to be in the stream ([`truth`]), and [`thresholds`] chooses by that. [`mix`] makes such
//! streams of labelled recordings.

pub mod curve;
pub mod mix;
pub mod score;
pub mod thresholds;
pub mod truth;

pub use score::{Score, score};
pub use truth::Spoken;

use crate::Error;
use heedful::dynamic::{Detector, Model};
use heedful::events::Event;
use heedful::fixed::types::U1F15;
use heedful::format::OutputKind;
use heedful::format::write::EventsModel;
use rayon::prelude::*;

/// What a model says along a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Samples a second.
    pub rate: u32,
    /// Samples of the stream.
    pub length: u64,
    /// Samples of the model's window.
    pub window: u64,
    /// For each inference: the middle of its window, in samples, and the probability of each output.
    pub inferences: Vec<(u64, Vec<U1F15>)>,
}

/// Runs a model over a stream, once every `cadence` frames of its front end, as a listener without a gate does.
///
/// # Errors
/// If it has no front end, or what comes out are no classes or labels.
pub fn scores(model: &Model, samples: &[i16], cadence: u32) -> Result<Scores, Error> {
    let refused = |reason: &str| Error::Training(reason.to_owned());
    let params = model.frontend().ok_or_else(|| refused("the model has no audio front end"))?.params;
    let is_label = match model.shape().kind {
        OutputKind::Classes => false,
        OutputKind::Labels => true,
        _ => return Err(refused("what comes out of the model are no classes or labels")),
    };
    let window = params.samples(model.shape().input.steps);
    let step = params.hop as usize * cadence.max(1) as usize;
    // A listener waits until its window is full, and for so many frames.
    let first = params.samples(model.shape().input.steps.max(cadence as usize));
    let ends: Vec<usize> = (first..=samples.len()).step_by(step).collect();
    let hear = |&end: &usize| {
        let heard = model.hear(&samples[end - window..end])?;
        let outcome = model.infer_input(heard.input(), &[]);
        let posteriors =
            if is_label { outcome.label_probabilities().collect() } else { outcome.probabilities().collect() };
        Some(((end - window / 2) as u64, posteriors))
    };
    let inferences = ends.par_iter().filter_map(hear).collect();
    Ok(Scores { rate: params.sample_rate, length: samples.len() as u64, window: window as u64, inferences })
}

impl Scores {
    /// The events that a detector finds; their labels are empty.
    ///
    /// # Errors
    /// If a setting is out of its bounds.
    pub fn events(&self, settings: &EventsModel) -> Result<Vec<Event>, Error> {
        let wrong = |error: heedful::Error| Error::Training(error.to_string());
        let mut detector = Detector::new(settings.clone(), u64::from(self.rate) * 1000).map_err(wrong)?;
        let mut events = vec![];
        for (position, posteriors) in &self.inferences {
            events.extend(detector.step(posteriors.iter().copied(), *position));
        }
        Ok(events)
    }

    /// Hours of the stream.
    #[must_use]
    pub fn hours(&self) -> f64 {
        self.length as f64 / f64::from(self.rate.max(1)) / 3600.0
    }
}
