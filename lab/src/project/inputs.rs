//! What the model is given: features of sounds, normalised readings of sensors, brightness of images.

use super::alter;
use super::augment::Augment;
use crate::Error;
use crate::augment::Draw;
use crate::dataset::config::{Audio, Image, Series};
use crate::dataset::{Content, DataError, Dataset, InputConfig, Item};
use crate::network::Description;
use crate::training::{Bits, Rounding};
use heedful::MAX_INPUTS;
use heedful::audio::{Level, Params, Tables, features};
use heedful::format::write::{ChainModel, InputModel};
use heedful_import::graph::{Input, Reading, Series as SeriesOf};

/// Real value of a log-mel feature of 1.
pub(super) const OCTAVE_EIGHTH: f64 = 0.125;
/// The brightness that is 0 to the model, and what a step of it is.
const GREY: f32 = 127.5;
const BRIGHTNESS: f32 = 1.0 / 64.0;
/// Recordings whose values say what is usual for a channel.
const LOOKED_AT: usize = 2000;

/// A kind of input, and all that makes numbers of it.
#[derive(Clone, Debug)]
pub enum Inputs {
    /// Sound.
    Sound {
        /// The front end.
        tables: Tables,
        /// Frames of an input.
        frames: usize,
        /// Samples that these cover.
        samples: usize,
        /// Whether frames are rows of a picture: the stem is of convolutions in two dimensions.
        is_picture: bool,
    },
    /// Sensors.
    Series {
        /// Names, rate, and what a raw reading is.
        of: SeriesOf,
        /// What values of each class are multiplied with.
        factors: Vec<f32>,
        /// Mean and standard deviation of each channel.
        usual: Vec<[f32; 2]>,
        /// Rows of an input.
        steps: usize,
    },
    /// Images.
    Image {
        /// Rows, columns, channels.
        size: [usize; 3],
    },
}

/// Refuses what features of sound cannot be.
pub(super) fn check_rounding(rounding: &Rounding) -> Result<(), String> {
    match rounding.input_bits {
        Bits::Coarse => Ok(()),
        Bits::Fine => Err("`train.rounding.input_bits` is 15, expected 8 of sound: the front end gives 8".into()),
    }
}

impl Inputs {
    /// Designs what a data set needs.
    ///
    /// # Errors
    /// If a front end cannot be, or values are not ones a sensor could read.
    pub fn new(config: &InputConfig, model: &Description, data: &Dataset) -> Result<Self, Error> {
        match config {
            InputConfig::Audio(audio) => sound(audio, model),
            InputConfig::Series(series) => readings(series, data),
            InputConfig::Image(Image { height, width, channels }) => {
                Ok(Self::Image { size: [*height, *width, *channels] })
            }
        }
    }

    /// As the float model takes it.
    #[must_use]
    pub fn graph(&self) -> Input {
        match *self {
            Self::Sound { ref tables, frames, .. } => {
                Input::Features { steps: frames, channels: tables.params.bands as usize }
            }
            Self::Series { ref usual, steps, .. } => Input::Features { steps, channels: usual.len() },
            Self::Image { size: [height, width, channels] } => Input::Image { channels, height, width },
        }
    }

    /// What else the float model knows of it.
    #[must_use]
    pub fn series(&self) -> SeriesOf {
        match self {
            Self::Series { of, .. } => of.clone(),
            Self::Sound { .. } => SeriesOf::default(),
            Self::Image { size: [.., channels] } => {
                let reading = Reading { offset: GREY.into(), scale: BRIGHTNESS.into() };
                SeriesOf { readings: vec![reading; *channels], ..SeriesOf::default() }
            }
        }
    }

    /// Samples or rows more on both sides of a window that alterations may reach.
    #[must_use]
    pub fn margin(&self, augment: &Augment) -> usize {
        let length = match self {
            Self::Sound { samples, .. } => *samples,
            Self::Series { steps, .. } => *steps,
            Self::Image { .. } => return 0,
        };
        let rate = if let Self::Sound { tables, .. } = self { f64::from(tables.params.sample_rate) } else { 1.0 };
        let shift = augment.shift.unwrap_or(0.0) * rate;
        let fastest = augment.speed.map_or(1.0, |[_, most]| f64::from(most).max(1.0));
        ((length as f64 / 2.0 + shift) * fastest - length as f64 / 2.0).ceil() as usize
    }

    /// The values of an example, with so many samples or rows more on both sides of a window, in the unit of all.
    ///
    /// # Errors
    /// As [`Dataset::content`].
    pub fn content(&self, data: &Dataset, item: &Item, margin: usize) -> Result<Content, DataError> {
        let mut content = data.content_wider(item, margin)?;
        if let (Self::Series { factors, .. }, Content::Series { values, .. }) = (self, &mut content)
            && factors[item.class] != 1.0
        {
            values.iter_mut().for_each(|x| *x *= factors[item.class]);
        }
        Ok(content)
    }

    /// The numbers of an example as it is.
    #[must_use]
    pub fn plain(&self, content: &Content, is_window: bool) -> Vec<f32> {
        match (self, content) {
            (Self::Sound { samples, tables, .. }, Content::Sound(recording)) => {
                let draw = &mut crate::augment::draw(0, 0, 0);
                let rate = tables.params.sample_rate;
                let placed = alter::sound::alter(recording, is_window, *samples, rate, &Augment::default(), draw);
                self.features(&alter::sound::converted(&placed))
            }
            (Self::Series { usual, steps, .. }, Content::Series { values, .. }) => {
                let draw = &mut crate::augment::draw(0, 0, 0);
                let deviations: Vec<f32> = usual.iter().map(|[_, deviation]| *deviation).collect();
                self.normalised(&alter::series::alter(values, &deviations, *steps, &Augment::default(), draw))
            }
            (Self::Image { size }, Content::Image(values)) => brightness(values.iter().map(|&x| f32::from(x)), *size),
            _ => vec![],
        }
    }

    /// The numbers of an altered series or image; sounds are altered by their samples.
    #[must_use]
    pub fn altered(&self, content: &Content, augment: &Augment, draw: &mut Draw) -> Vec<f32> {
        match (self, content) {
            (Self::Series { usual, steps, .. }, Content::Series { values, .. }) => {
                let deviations: Vec<f32> = usual.iter().map(|[_, deviation]| *deviation).collect();
                self.normalised(&alter::series::alter(values, &deviations, *steps, augment, draw))
            }
            (Self::Image { size }, Content::Image(values)) => {
                brightness(alter::image::alter(values, *size, augment, draw).into_iter(), *size)
            }
            _ => vec![],
        }
    }

    /// Features of as many samples as an input has, at the end of those that are given; what comes before counts for
    /// running means.
    #[must_use]
    pub fn features(&self, samples: &[i16]) -> Vec<f32> {
        let Self::Sound { tables, frames, samples: length, .. } = self else { return vec![] };
        let (bands, hop) = (tables.params.bands as usize, tables.params.hop as usize);
        let before = samples.len().saturating_sub(*length) / hop;
        let mut heard = vec![0i8; (before + frames) * bands];
        features(&tables.frontend(), samples, before + frames, &mut heard);
        heard.drain(..before * bands);
        heard.into_iter().map(|x| f32::from(x) * OCTAVE_EIGHTH as f32).collect()
    }

    /// What a sensor's driver would have given for values of a recording of a class: its steps, not yet rounded. Of no
    /// class, the values are in the unit of all.
    #[must_use]
    pub fn readings(&self, values: &[f32], class: Option<usize>) -> Vec<f32> {
        let Self::Series { of, factors, usual, .. } = self else { return vec![] };
        let factor = class.map_or(1.0, |class| factors[class]);
        let resolution = of.readings.iter().zip(usual).map(|(reading, [_, usual])| reading.scale as f32 * usual);
        let resolution: Vec<f32> = resolution.collect();
        values.iter().zip(resolution.iter().cycle()).map(|(x, resolution)| x * factor / resolution).collect()
    }

    fn normalised(&self, values: &[f32]) -> Vec<f32> {
        let Self::Series { usual, .. } = self else { return vec![] };
        values.iter().zip(usual.iter().cycle()).map(|(x, [mean, deviation])| (x - mean) / deviation).collect()
    }

    /// Puts a front end before the integers.
    pub fn finish(&self, chain: &mut ChainModel) {
        if let Self::Sound { tables, frames, is_picture, .. } = self {
            chain.input = InputModel::Audio { frames: *frames, is_picture: *is_picture, tables: tables.clone() };
        }
    }
}

fn sound(audio: &Audio, model: &Description) -> Result<Inputs, Error> {
    let rate = audio.rate;
    let asked = audio.front_end;
    let params = Params {
        sample_rate: rate,
        window: asked.window.unwrap_or(rate * 32 / 1000),
        hop: asked.hop.unwrap_or(rate / 100),
        bands: asked.bands.unwrap_or(Params::DEFAULT.bands),
        low_hz: asked.low.unwrap_or(Params::DEFAULT.low_hz),
        high_hz: asked.high.unwrap_or(rate / 2),
        floor_log2: asked.floor.unwrap_or(Params::DEFAULT.floor_log2),
        remove_dc: asked.remove_dc.unwrap_or(false),
        level: asked.running.map_or(Level::Mean, |shift| Level::Running { shift }),
        ..Params::DEFAULT
    };
    let tables = Tables::design(params).map_err(|error| Error::Training(format!("`[input]`: {error}")))?;
    let whole = audio.window().saturating_sub(params.window as usize).div_ceil(params.hop as usize) + 1;
    let frames = if model.stem.is_empty() { whole.next_multiple_of(model.frames_per_token) } else { whole };
    let input = Input::Features { steps: frames, channels: params.bands as usize };
    let is_picture = !model.stem.is_empty() && !model.is_flat(&input);
    if frames > MAX_INPUTS {
        return Err(Error::Training(format!("{frames} frames of {} seconds, at most {MAX_INPUTS}", audio.seconds)));
    }
    Ok(Inputs::Sound { samples: params.samples(frames), tables, frames, is_picture })
}

fn readings(series: &Series, data: &Dataset) -> Result<Inputs, Error> {
    let channels = data.channels;
    if let Some(label) = series.factors.keys().find(|label| !data.labels.contains(label)) {
        let known = data.labels.join(", ");
        return Err(Error::Training(format!("`factors` has {label}, which is no label: there are {known}")));
    }
    let factor = |label: &String| series.factors.get(label).map_or(1.0, |&factor| factor as f32);
    let of = SeriesOf::default();
    let mut inputs =
        Inputs::Series { of, factors: data.labels.iter().map(factor).collect(), usual: vec![], steps: series.steps };
    let mut sums = vec![[0f64; 2]; channels];
    let mut rows = 0usize;
    let mut largest = 0f32;
    let train = &data.split.train;
    for &item in train.iter().step_by(train.len().div_ceil(LOOKED_AT).max(1)) {
        let Content::Series { values, .. } = inputs.content(data, &data.items[item], 0)? else { continue };
        rows += values.len() / channels.max(1);
        for (at, &x) in values.iter().enumerate() {
            let [sum, squares] = &mut sums[at % channels];
            *sum += f64::from(x);
            *squares += f64::from(x).powi(2);
            largest = largest.max(x.abs());
        }
    }
    let usual: Vec<[f32; 2]> = sums
        .iter()
        .map(|[sum, squares]| {
            let mean = sum / rows.max(1) as f64;
            let deviation = (squares / rows.max(1) as f64 - mean * mean).max(0.0).sqrt();
            [mean as f32, if deviation > 0.0 { deviation as f32 } else { 1.0 }]
        })
        .collect();
    let resolution = series.resolution.unwrap_or(1.0);
    let steps = usual.iter().map(|[_, deviation]| f64::from(*deviation) / resolution).fold(f64::MAX, f64::min);
    let most = f64::from(largest) / resolution;
    if steps < 2.0 || most > 32_767.0 {
        return Err(Error::Training(format!(
            "`resolution` is {resolution}: values up to {largest} would be readings up to {most:.0}, usual ones {:.3}; \
             expected at most 32767, and usual ones of some hundreds: say the value of one step of the sensor",
            steps * resolution
        )));
    }
    let reading = |[mean, deviation]: &[f32; 2]| Reading {
        offset: f64::from(*mean) / resolution,
        scale: resolution / f64::from(*deviation),
    };
    let names = if series.columns.len() == channels { series.columns.clone() } else { vec![] };
    if let Inputs::Series { of, usual: channels, .. } = &mut inputs {
        let readings = usual.iter().map(reading).collect();
        *of = SeriesOf { rate: data.rate.unwrap_or(0.0), names, readings };
        *channels = usual;
    }
    Ok(inputs)
}

/// Values from 0 to 255, channels last, as numbers round 0, channels first.
fn brightness(values: impl Iterator<Item = f32>, [height, width, channels]: [usize; 3]) -> Vec<f32> {
    let mut planes = vec![0.0; height * width * channels];
    for (at, x) in values.enumerate() {
        planes[at % channels * height * width + at / channels] = (x - GREY) * BRIGHTNESS;
    }
    planes
}
