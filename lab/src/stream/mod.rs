//! Models on streams: what a detector makes of hours of sound or readings, and how many events are right.
//!
//! [`scores`] runs the model over a stream once; [`Scores::events`] tries settings on what it gave, [`score`] holds the
//! events against what is known to be in the stream ([`truth`]), and [`thresholds`] chooses by that. [`mix`] makes such
//! streams of labelled recordings.

pub mod curve;
pub mod mix;
pub mod score;
pub mod thresholds;
pub mod truth;

pub use score::{Score, by_label, score};
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
    /// Samples or readings a second; 0 where that is not known.
    pub rate: f64,
    /// Samples or readings of the stream.
    pub length: u64,
    /// Samples or readings of the model's window.
    pub window: u64,
    /// Seconds that an event may lie beside what it tells of.
    pub near: f64,
    /// For each inference that is due: the middle of its window, in samples or readings, and the probability of each
    /// output; none where the gate was closed.
    pub inferences: Vec<(u64, Vec<U1F15>)>,
}

/// Runs a model over a stream, as a listener of firmware does, by the cadence and the gate of the settings. The values
/// are samples of sound, or raw readings of sensors, `[reading][channel]`.
///
/// # Errors
/// If it takes neither, what comes out are no classes or labels, or a setting is out of its bounds.
pub fn scores(model: &Model, values: &[i16], settings: &EventsModel) -> Result<Scores, Error> {
    let refused = |reason: String| Error::Training(reason);
    let mut ear = Ear::new(model, settings.clone()).map_err(|error| refused(error.to_string()))?;
    let mut inferences = vec![];
    // Not all at once: what an hour's windows hold is a lot.
    for chunk in values.chunks(1 << 20) {
        let due = ear.push(chunk);
        let ear = &ear;
        inferences.par_extend(due.par_iter().map(|due| (due.position, ear.posteriors(due))));
    }
    let (rate, window) = (rate_of(model), ear.window());
    Ok(Scores { rate, length: ear.heard(), window, near: window as f64 / 4.0 / rate.max(1e-9), inferences })
}

/// Samples or readings that a model takes in a second; 0 where its file does not say.
#[must_use]
pub fn rate_of(model: &Model) -> f64 {
    model.shape().input.millihertz as f64 / 1000.0
}

impl Scores {
    /// The events that a detector finds; their labels are empty.
    ///
    /// # Errors
    /// If a setting is out of its bounds.
    pub fn events(&self, settings: &EventsModel) -> Result<Vec<Event>, Error> {
        let wrong = |error: heedful::Error| Error::Training(error.to_string());
        let mut detector = Detector::new(settings.clone(), (self.rate * 1000.0).round() as u64).map_err(wrong)?;
        let mut events = vec![];
        for (position, posteriors) in &self.inferences {
            events.extend(detector.step(posteriors.iter().copied(), *position));
        }
        Ok(events)
    }

    /// Hours of the stream.
    #[must_use]
    pub fn hours(&self) -> f64 {
        self.length as f64 / self.rate.max(1e-9) / 3600.0
    }
}
