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
use heedful::dynamic::{Detector, Ear, Model};
use heedful::events::Event;
use heedful::fixed::types::U1F15;
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
    /// For each inference that is due: the middle of its window, in samples, and the probability of each output; none
    /// where the gate was closed.
    pub inferences: Vec<(u64, Vec<U1F15>)>,
}

/// Runs a model over a stream, as a listener of firmware does, by the cadence and the gate of the settings.
///
/// # Errors
/// If it has no audio front end, what comes out are no classes or labels, or a setting is out of its bounds.
pub fn scores(model: &Model, samples: &[i16], settings: &EventsModel) -> Result<Scores, Error> {
    let refused = |reason: String| Error::Training(reason);
    let frontend = model.frontend().ok_or_else(|| refused("the model has no audio front end".to_owned()))?;
    let mut ear = Ear::new(model, settings.clone()).map_err(|error| refused(error.to_string()))?;
    let mut inferences = vec![];
    // Not all at once: what an hour's windows hold is a lot.
    for chunk in samples.chunks(1 << 20) {
        let due = ear.push(chunk);
        let ear = &ear;
        inferences.par_extend(due.par_iter().map(|due| (due.position, ear.posteriors(due))));
    }
    let (rate, length) = (frontend.params.sample_rate, samples.len() as u64);
    Ok(Scores { rate, length, window: ear.window(), inferences })
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
