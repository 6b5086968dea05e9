//! The `[augment]` table: how training examples are altered, so that a model meets more than was recorded.

use crate::dataset::InputConfig;
use crate::dataset::config::Audio;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Least and largest of a random number.
pub type Between = [f32; 2];

/// Alterations; what is not said does not happen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// How often the examples of a label are drawn, 1 being once an epoch.
    pub often: BTreeMap<String, f64>,
    /// Share of the examples that are mixed with another one, label and all.
    pub mix_up: f64,
    /// Sound and series: how much faster it goes.
    pub speed: Option<Between>,
    /// Sound: seconds, series: steps, images: pixels, either way.
    pub shift: Option<f64>,
    /// Sound: decibels. Series: a factor.
    pub gain: Option<Between>,
    /// Sound: decibels of a recording above the noise that half of them get. Series: standard deviations of
    /// it. Images: of 255.
    pub noise: Option<Between>,
    /// Sound: decibels by which high sound is louder or softer, either way.
    pub tilt: Option<f32>,
    /// Sound: share of the recordings that are heard in a room.
    pub room: Option<f64>,
    /// Sound: decibels of a label above the "nothing" that lies behind it; half of them get one.
    pub background: Option<Between>,
    /// Sound that is held against running means: seconds that were heard before an example, of silence, "nothing" or
    /// another example, so that the means are as they are in a stream.
    pub before: f64,
    /// Sound: share of the examples that are silence, noise and hum made up, and "nothing".
    pub made_nothing: f64,
    /// Sound: the most frames that are masked.
    pub mask_frames: usize,
    /// Sound: the most bands that are masked.
    pub mask_bands: usize,
    /// Series of three axes: degrees by which the sensor is turned, at most.
    pub turn: Option<f32>,
    /// Series: share of the examples whose sign is turned.
    pub flip: Option<f64>,
    /// Series: what is added to each channel, standard deviations at most.
    pub offset: Option<f32>,
}

/// Which kinds of input a key is for.
const SOUND: &[&str] = &["audio"];
const SERIES: &[&str] = &["series"];

impl Augment {
    /// Refuses what cannot be, or is of another kind of input.
    pub(super) fn check(&self, input: &InputConfig) -> Result<(), String> {
        let kind = match input {
            InputConfig::Audio(_) => "audio",
            InputConfig::Series(_) => "series",
            InputConfig::Image(_) => "image",
        };
        let keys: [(&str, bool, &[&str]); 14] = [
            ("speed", self.speed.is_some(), &["audio", "series"]),
            ("gain", self.gain.is_some(), &["audio", "series"]),
            ("noise", self.noise.is_some(), &["audio", "series", "image"]),
            ("tilt", self.tilt.is_some(), SOUND),
            ("room", self.room.is_some(), SOUND),
            ("background", self.background.is_some(), SOUND),
            ("before", self.before != 0.0, SOUND),
            ("made_nothing", self.made_nothing > 0.0, SOUND),
            ("mask_frames", self.mask_frames > 0, SOUND),
            ("mask_bands", self.mask_bands > 0, SOUND),
            ("turn", self.turn.is_some(), SERIES),
            ("flip", self.flip.is_some(), SERIES),
            ("offset", self.offset.is_some(), SERIES),
            ("shift", self.shift.is_some(), &["audio", "series", "image"]),
        ];
        if let Some((key, _, of)) = keys.iter().find(|(_, set, of)| *set && !of.contains(&kind)) {
            return Err(format!("`augment.{key}` is for {}, not for {kind}", of.join(" and ")));
        }
        let positive = kind == "series";
        let ranges = [("speed", self.speed, true), ("gain", self.gain, positive), ("noise", self.noise, positive)];
        for (key, range, positive) in ranges.into_iter().chain([("background", self.background, false)]) {
            let Some([least, most]) = range else { continue };
            if !(least <= most && least.is_finite() && most.is_finite()) || (positive && least < 0.0) {
                let from = if positive { "numbers from 0 on, " } else { "" };
                return Err(format!("`augment.{key}` is [{least}, {most}], expected {from}the least and the largest"));
            }
        }
        if let Some([least, _]) = self.speed.filter(|[least, most]| *least < 0.1 || *most > 10.0) {
            return Err(format!("`augment.speed` begins at {least}, expected 0.1 to 10"));
        }
        if !(0.0..=60.0).contains(&self.before) {
            return Err(format!("`augment.before` is {}, expected seconds from 0 to 60", self.before));
        }
        let runs = |audio: &Audio| audio.front_end.running.is_some();
        if self.before > 0.0 && !matches!(input, InputConfig::Audio(audio) if runs(audio)) {
            return Err("`augment.before` is for running means: `input.running` is missing".to_owned());
        }
        let shares = [("mix_up", self.mix_up), ("made_nothing", self.made_nothing)];
        let shares = shares.into_iter().chain(self.room.map(|x| ("room", x))).chain(self.flip.map(|x| ("flip", x)));
        for (key, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("`augment.{key}` is {share}, expected a share from 0 to 1"));
            }
        }
        let sizes = [("shift", self.shift), ("tilt", self.tilt.map(f64::from)), ("turn", self.turn.map(f64::from))];
        for (key, size) in sizes.into_iter().chain([("offset", self.offset.map(f64::from))]) {
            if size.is_some_and(|size| !(size >= 0.0 && size.is_finite())) {
                return Err(format!("`augment.{key}` is {}, expected a number from 0 on", size.unwrap_or_default()));
            }
        }
        if let Some((label, found)) = self.often.iter().find(|(_, often)| !(**often > 0.0 && **often <= 1000.0)) {
            return Err(format!("`augment.often` of {label} is {found}, expected more than 0, 1000 at most"));
        }
        Ok(())
    }
}
