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
use heedful::Outcome;
use heedful::audio::Params;
use heedful::dynamic::{Detector, Model, Streaming};
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

/// Runs a model over a stream, once every `cadence` frames of its front end, as a listener without a gate does: over a
/// window each time, or, if it can, a token at a time.
///
/// # Errors
/// If it has no front end, or what comes out are no classes or labels.
pub fn scores(model: &Model, samples: &[i16], cadence: u32) -> Result<Scores, Error> {
    let refused = |reason: &str| Error::Training(reason.to_owned());
    let params = model.frontend().ok_or_else(|| refused("the model has no audio front end"))?.params;
    if !matches!(model.shape().kind, OutputKind::Classes | OutputKind::Labels) {
        return Err(refused("what comes out of the model are no classes or labels"));
    }
    let window = params.samples(model.shape().input.steps);
    let inferences = match model.streaming() {
        Ok(stream) => of_tokens(model, stream, samples, cadence),
        Err(_) => of_windows(model, &params, samples, cadence),
    };
    Ok(Scores { rate: params.sample_rate, length: samples.len() as u64, window: window as u64, inferences })
}

/// What a listener tells of a stream: the middle of a window, and the probability of each output.
type Inferences = Vec<(u64, Vec<U1F15>)>;

fn posteriors(model: &Model, outcome: &Outcome<Vec<i16>>) -> Vec<U1F15> {
    match model.shape().kind {
        OutputKind::Labels => outcome.label_probabilities().collect(),
        _ => outcome.probabilities().collect(),
    }
}

/// Takes in a token after the other, and tells what is due once there are as many as the model was made for.
fn of_tokens(model: &Model, mut stream: Streaming<'_>, samples: &[i16], cadence: u32) -> Inferences {
    let (Some(frontend), Some(heard)) = (model.frontend(), model.hear_all(samples)) else { return vec![] };
    let window = frontend.params.samples(model.shape().input.steps);
    let (mut inferences, mut since) = (vec![], 0);
    for token in heard.tokens(stream.token()) {
        let outcome = stream.step(token);
        since += stream.steps();
        if stream.is_full() && since >= cadence as usize {
            since = 0;
            let end = frontend.params.samples(stream.seen() as usize * stream.steps());
            inferences.push((end.saturating_sub(window / 2) as u64, posteriors(model, &outcome)));
        }
    }
    inferences
}

fn of_windows(model: &Model, params: &Params, samples: &[i16], cadence: u32) -> Inferences {
    let window = params.samples(model.shape().input.steps);
    let step = params.hop as usize * cadence.max(1) as usize;
    // A listener waits until its window is full, and for so many frames.
    let first = params.samples(model.shape().input.steps.max(cadence as usize));
    let ends: Vec<usize> = (first..=samples.len()).step_by(step).collect();
    let hear = |&end: &usize| {
        let heard = model.hear(&samples[end - window..end])?;
        let outcome = model.infer_input(heard.input(), &[]);
        Some(((end - window / 2) as u64, posteriors(model, &outcome)))
    };
    ends.par_iter().filter_map(hear).collect()
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
