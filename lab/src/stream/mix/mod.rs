//! Streams made of labelled recordings and backgrounds, with what is in them.

mod readings;
mod sound;

use super::Spoken;
use crate::Error;
use crate::augment::{Draw, draw};
use crate::dataset::Dataset;
use crate::project::Inputs;
use rand::RngExt;
use rand::seq::SliceRandom;

/// What a background is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Behind {
    /// Recordings that validate of classes that are no events, such as "nothing".
    Nothing,
    /// These, one after the other in an order by chance.
    Recordings(Vec<Vec<i16>>),
    /// White noise, 40 dB below full scale; of readings, as far as they usually vary.
    Noise,
    /// Zeros; of readings, their mean.
    Silence,
}

/// How a stream is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Its length, minutes.
    pub minutes: f64,
    /// Decibels of each recording above the background, or of readings above noise; none without one.
    pub ratio: Option<f64>,
    /// Seconds between two recordings, at least and at most.
    pub pause: [f64; 2],
    /// Whether recordings of labels are left away: the background alone, as loud as it was recorded.
    pub is_background: bool,
    /// What the background is.
    pub behind: Behind,
    /// What chance depends on.
    pub seed: u64,
}

/// What a stream is made of.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// The recordings: those that validate.
    pub data: &'a Dataset,
    /// What makes numbers of them.
    pub inputs: &'a Inputs,
    /// For each class whether it is no event, and so belongs to the background.
    pub silent: &'a [bool],
}

/// A stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixed {
    /// Samples of sound; of readings, as a sensor gives them, `[reading][channel]`.
    pub values: Vec<i16>,
    /// Values of a reading; 1 of sound.
    pub channels: usize,
    /// Samples or readings a second.
    pub rate: f64,
    /// What is in it.
    pub said: Vec<Spoken>,
}

/// Makes a stream of what validates in a data set: its labels in turn, and a background.
///
/// The background of sound lies behind the recordings. Between recordings of sensors there are others of classes that
/// are no events; without such classes, whole recordings follow one another.
///
/// # Errors
/// If the data set holds images, or nothing of what is asked for.
pub fn mix(of: &Material, settings: &Settings) -> Result<Mixed, Error> {
    match of.inputs {
        Inputs::Sound { .. } => sound::mix(of, settings),
        Inputs::Series { .. } => readings::mix(of, settings),
        Inputs::Image { .. } => Err(refused("images are no stream")),
    }
}

/// Whether there is a background to listen to alone. Series may have what is no event only in the same recordings as
/// the rest.
#[must_use]
pub fn has_background(of: &Material) -> bool {
    match of.inputs {
        Inputs::Series { .. } => readings::has_background(of),
        Inputs::Sound { .. } => of.data.split.validation.iter().any(|&item| of.silent[of.data.items[item].class]),
        Inputs::Image { .. } => false,
    }
}

fn refused(reason: &str) -> Error {
    Error::Training(reason.to_owned())
}

/// Things of some classes without end: the classes in turn, in an order by chance for each round, so that each comes as
/// often as the others, however many it has.
fn in_turn<T: Copy>(mut of_classes: Vec<Vec<T>>, random: &mut Draw) -> impl Iterator<Item = T> + use<T> {
    of_classes.retain(|class| !class.is_empty());
    of_classes.iter_mut().for_each(|class| class.shuffle(random));
    let mut random = draw(random.random(), 0, 0);
    let mut order: Vec<usize> = (0..of_classes.len()).collect();
    (0usize..).flat_map(move |round| {
        order.shuffle(&mut random);
        order.iter().map(|&class| of_classes[class][round % of_classes[class].len()]).collect::<Vec<_>>()
    })
}

/// A length by chance between two, in samples or readings.
fn between([least, most]: [f64; 2], rate: f64, random: &mut Draw) -> usize {
    let seconds = if least < most { random.random_range(least..most) } else { least };
    (seconds * rate) as usize
}
