//! The `[events]` table: what a trained model's file says of events, chosen on streams of what validates.

use super::{Inputs, Task};
use crate::Error;
use crate::stream::mix::{Behind, Material, Settings, has_background, mix};
use crate::stream::{Spoken, rate_of, scores, thresholds};
use heedful::dynamic::{Ear, Model};
use heedful::events::MAX_SMOOTHING;
use heedful::format::is_silent;
use heedful::format::write::EventsModel;
use serde::{Deserialize, Serialize};

/// The longest stream that is made of what validates, minutes.
const LONGEST: f64 = 120.0;
/// Seconds between two recordings.
const PAUSE: [f64; 2] = [0.5, 1.5];
/// The longest time that an event may be given, seconds.
const LONGEST_TIME: f64 = 3600.0;
/// Decibels of a recording above what is behind it.
const RATIO: f64 = 15.0;
/// Seconds between a mark and its event, at most, as the standards for detectors of heartbeats allow (ANSI/AAMI EC57).
const NEAR_MARK: f64 = 0.15;

/// What events are made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventsConfig {
    /// False alarms in an hour of "nothing", at most.
    pub false_alarms: f64,
    /// Frames of the front end from an inference to the next.
    pub cadence: u32,
    /// Each inference moves the smoothed probabilities by `2^-smoothing` of the way to its own.
    pub smoothing: u32,
    /// Labels that are no events, beside "nothing", "silence" and "unknown".
    pub silent: Vec<String>,
    /// Seconds that an event lasts, at least.
    pub shortest: Option<f64>,
    /// Seconds after which an event is told, though it lasts longer.
    pub longest: Option<f64>,
    /// Seconds after an event in which there is none of the label.
    pub hold_off: Option<f64>,
    /// Seconds after an event in which there is none of another label.
    pub separation: Option<f64>,
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self {
            false_alarms: 1.0,
            cadence: 10,
            smoothing: 1,
            silent: vec![],
            shortest: None,
            longest: None,
            hold_off: None,
            separation: None,
        }
    }
}

impl EventsConfig {
    /// Refuses labels to be silent that are none.
    pub(super) fn check_labels(&self, labels: &[String]) -> Result<(), Error> {
        match self.silent.iter().find(|label| !labels.contains(label)) {
            None => Ok(()),
            Some(unknown) => {
                let known = labels.join(", ");
                Err(Error::Training(format!("`events.silent` has {unknown}, which is no label: there are {known}")))
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if !(self.false_alarms >= 0.0 && self.false_alarms.is_finite()) {
            return Err(format!("`events.false_alarms` is {}, expected a number from 0 on", self.false_alarms));
        }
        if self.cadence == 0 {
            return Err("`events.cadence` is 0, expected at least 1".to_owned());
        }
        if self.smoothing > MAX_SMOOTHING {
            let found = self.smoothing;
            return Err(format!("`events.smoothing` is {found}, expected {MAX_SMOOTHING} at most"));
        }
        let Self { shortest, longest, hold_off, separation, .. } = *self;
        let times = [("shortest", shortest), ("longest", longest), ("hold_off", hold_off), ("separation", separation)];
        for (key, seconds) in times.iter().filter_map(|(key, seconds)| Some((key, (*seconds)?))) {
            if !(0.0..=LONGEST_TIME).contains(&seconds) {
                return Err(format!("`events.{key}` is {seconds}, expected seconds from 0 to {LONGEST_TIME}"));
            }
        }
        match (shortest, longest) {
            (Some(shortest), Some(longest)) if shortest > longest => {
                Err(format!("`events.shortest` is {shortest}, expected {longest} at most, as `events.longest` is"))
            }
            _ => Ok(()),
        }
    }

    /// The same settings with these times, in samples or readings of which there are so many a second.
    fn timed(&self, mut settings: EventsModel, rate: f64) -> EventsModel {
        let rows = |seconds: f64| (seconds * rate).round() as u32;
        settings.separation = self.separation.map_or(settings.separation, rows);
        for class in &mut settings.classes {
            class.hold_off = self.hold_off.map_or(class.hold_off, rows);
            class.longest = self.longest.map_or(class.longest, rows).max(1);
            class.shortest = self.shortest.map_or(class.shortest, rows);
            // The one that is not given gives way.
            match self.longest {
                Some(_) => class.shortest = class.shortest.min(class.longest),
                None => class.longest = class.longest.max(class.shortest),
            }
        }
        settings
    }
}

impl Task {
    /// For each class whether it is no event.
    #[must_use]
    pub fn silent(&self) -> Vec<bool> {
        let silent = &self.project.events.silent;
        self.data.labels.iter().map(|label| is_silent(label) || silent.contains(label)).collect()
    }

    /// Whether there is what thresholds can be chosen on.
    fn chooses_thresholds(&self) -> bool {
        let is_stream = match self.inputs {
            Inputs::Sound { .. } => true,
            Inputs::Series { .. } => self.data.rate.is_some(),
            Inputs::Image { .. } => false,
        };
        let [silent, events] = self.validating();
        is_stream && silent > 0 && events > 0
    }

    /// How many examples validate of classes that are no events, and of those that are.
    fn validating(&self) -> [usize; 2] {
        let (silent, validation) = (self.silent(), &self.data.split.validation);
        let count = validation.iter().filter(|&&item| silent[self.data.items[item].class]).count();
        [count, validation.len() - count]
    }

    /// What the file says of events before thresholds are chosen.
    fn events_of(&self, bytes: &[u8]) -> Result<EventsModel, Error> {
        let said = EventsModel::of(bytes).map_err(wrong)?;
        let EventsConfig { cadence, smoothing, .. } = self.project.events;
        let settings = EventsModel { cadence, smoothing, ..said };
        let rate = self.data.rate.unwrap_or_default();
        let mut settings = self.project.events.timed(settings, rate);
        settings.classes.iter_mut().zip(self.silent()).for_each(|(class, silent)| class.is_silent = silent);
        Ok(settings)
    }

    /// A file with room for thresholds, if they will be chosen.
    pub(super) fn with_room(&self, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
        match self.chooses_thresholds() {
            true => self.events_of(&bytes)?.write(&bytes).map_err(wrong),
            false => Ok(bytes),
        }
    }

    /// A file with thresholds for each class: the lowest that give as few false alarms as asked for, in a stream of
    /// what validates of classes that are no events, and then of the labels over or between such recordings. The file
    /// as it is where there are none.
    ///
    /// # Errors
    /// If a recording cannot be read, or something is wrong with the file.
    pub fn with_thresholds(&self, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
        if !self.chooses_thresholds() {
            return Ok(bytes);
        }
        let model = Model::load(&bytes).map_err(wrong)?;
        let settings = self.events_of(&bytes)?;
        let is_sound = matches!(self.inputs, Inputs::Sound { .. });
        let silent = self.silent();
        let material = Material { data: &self.data, inputs: &self.inputs, silent: &silent };
        let window = Ear::new(&model, settings.clone()).map_err(wrong)?.window();
        let window = window as f64 / rate_of(&model).max(1e-9);
        let minutes = |count: usize, each: f64| (count as f64 * each / 60.0).min(LONGEST);
        let [nothing, events] = self.validating();
        let background = Settings {
            minutes: minutes(nothing, window),
            ratio: None,
            pause: PAUSE,
            is_background: true,
            behind: Behind::Nothing,
            seed: self.project.train.seed,
        };
        let words = Settings {
            minutes: minutes(events, window + PAUSE[1]),
            ratio: is_sound.then_some(RATIO),
            is_background: false,
            ..background.clone()
        };
        let mut stream = match has_background(&material) {
            true => mix(&material, &background)?.values,
            false => vec![],
        };
        let said = mix(&material, &words)?;
        let after = (stream.len() / said.channels) as f64 / said.rate;
        let later = |spoken: Spoken| Spoken { start: spoken.start + after, end: spoken.end + after, ..spoken };
        let truth: Vec<Spoken> = said.said.into_iter().map(later).collect();
        stream.extend(said.values);
        let mut heard = scores(&model, &stream, &settings)?;
        if self.data.has_marks() {
            heard.near = NEAR_MARK;
        }
        let chosen =
            thresholds::choose(&heard, &self.data.labels, &settings, &truth, self.project.events.false_alarms)?;
        chosen.write(&bytes).map_err(wrong)
    }
}

fn wrong(error: heedful::Error) -> Error {
    Error::Training(format!("thresholds: {error}"))
}
