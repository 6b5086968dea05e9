//! The `[events]` table: what a trained model's file says of events, chosen on streams of what validates.

use super::{Inputs, Task};
use crate::Error;
use crate::stream::mix::{Behind, Settings, mix};
use crate::stream::{scores, thresholds};
use heedful::dynamic::Model;
use heedful::events::MAX_SMOOTHING;
use heedful::format::write::EventsModel;
use serde::{Deserialize, Serialize};

/// The longest stream that is made of what validates, minutes.
const LONGEST: f64 = 120.0;
/// Seconds between two recordings.
const PAUSE: [f64; 2] = [0.5, 1.5];
/// Decibels of a recording above what is behind it.
const RATIO: f64 = 15.0;

/// What events are made of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventsConfig {
    /// False alarms in an hour of "nothing", at most.
    pub false_alarms: f64,
    /// Frames of the front end from an inference to the next.
    pub cadence: u32,
    /// Each inference moves the smoothed probabilities by `2^-smoothing` of the way to its own.
    pub smoothing: u32,
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self { false_alarms: 1.0, cadence: 10, smoothing: 1 }
    }
}

impl EventsConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        if !(self.false_alarms >= 0.0 && self.false_alarms.is_finite()) {
            return Err(format!("`events.false_alarms` is {}, expected a number from 0 on", self.false_alarms));
        }
        match (self.cadence, self.smoothing) {
            (0, _) => Err("`events.cadence` is 0, expected at least 1".to_owned()),
            (_, ..=MAX_SMOOTHING) => Ok(()),
            (_, found) => Err(format!("`events.smoothing` is {found}, expected {MAX_SMOOTHING} at most")),
        }
    }
}

impl Task {
    /// How many examples of "nothing" validate, and how many of all.
    fn validating(&self) -> (usize, usize) {
        let nothing = self.data.labels.len() - 1;
        let validation = &self.data.split.validation;
        let count = validation.iter().filter(|&&item| self.data.items[item].class == nothing).count();
        (count, validation.len())
    }

    /// Whether there is what thresholds can be chosen on.
    fn chooses_thresholds(&self) -> bool {
        let (count, all) = self.validating();
        let is_sound = matches!(self.inputs, Inputs::Sound { .. });
        is_sound && self.data.nothing && count > 0 && count < all
    }

    /// A file with room for thresholds, if they will be chosen.
    pub(super) fn with_room(&self, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
        if !self.chooses_thresholds() {
            return Ok(bytes);
        }
        let room = EventsModel::of(&bytes).and_then(|events| events.write(&bytes));
        room.map_err(|error| Error::Training(format!("thresholds: {error}")))
    }

    /// A file with thresholds for each class: the lowest that give as few false alarms as asked for, in a stream of the
    /// sounds of "nothing" that validate and then of the labels, each once, over such sounds. The file as it is where
    /// there are none.
    ///
    /// # Errors
    /// If a recording cannot be read, or something is wrong with the file.
    pub fn with_thresholds(&self, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
        let wrong = |error: heedful::Error| Error::Training(format!("thresholds: {error}"));
        let model = Model::load(&bytes).map_err(wrong)?;
        let Some(params) = model.frontend().map(|frontend| frontend.params) else { return Ok(bytes) };
        let (count, all) = self.validating();
        if !self.chooses_thresholds() {
            return Ok(bytes);
        }
        let rate = params.sample_rate;
        let window = params.samples(model.shape().input.steps) as f64 / f64::from(rate);
        let minutes = |count: usize, each: f64| (count as f64 * each / 60.0).min(LONGEST);
        let seed = self.project.train.seed;
        let background = Settings {
            minutes: minutes(count, window),
            ratio: None,
            pause: PAUSE,
            is_background: true,
            behind: Behind::Nothing,
            seed,
        };
        let words = Settings {
            minutes: minutes(all - count, window + PAUSE[1]),
            ratio: Some(RATIO),
            is_background: false,
            ..background.clone()
        };
        let (mut samples, _) = mix(&self.data, rate, &background)?;
        let (said, mut truth) = mix(&self.data, rate, &words)?;
        let after = samples.len() as f64 / f64::from(rate);
        truth.iter_mut().for_each(|spoken| (spoken.start, spoken.end) = (spoken.start + after, spoken.end + after));
        samples.extend(said);
        let EventsConfig { false_alarms, cadence, smoothing } = self.project.events;
        let settings = EventsModel { cadence, smoothing, ..model.events() };
        let heard = scores(&model, &samples, &settings)?;
        let chosen = thresholds::choose(&heard, &self.data.labels, &settings, &truth, false_alarms)?;
        chosen.write(&bytes).map_err(wrong)
    }
}
