//! Streams made of labelled recordings and backgrounds, with what is in them.

use super::Spoken;
use crate::Error;
use crate::augment::draw;
use crate::dataset::{Content, Dataset};
use rand::RngExt;
use rand::seq::SliceRandom;

/// How a stream is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Its length, minutes.
    pub minutes: f64,
    /// Decibels of each recording above the background; none without one.
    pub ratio: Option<f64>,
    /// Seconds between two recordings, at least and at most.
    pub pause: [f64; 2],
    /// Whether recordings of labels are left away: the background alone, as loud as it was recorded.
    pub is_background: bool,
    /// What chance depends on.
    pub seed: u64,
}

/// Makes a stream of what validates in a data set: its labels one after the other, each as often as the others, and
/// "nothing" behind them.
///
/// # Errors
/// If the data set holds no sounds, or nothing of what is asked for.
pub fn mix(data: &Dataset, rate: u32, settings: Settings) -> Result<(Vec<i16>, Vec<Spoken>), Error> {
    let refused = |reason: &str| Error::Training(reason.to_owned());
    let nothing = data.nothing.then(|| data.labels.len() - 1);
    let random = &mut draw(settings.seed, 0, 0);
    let validation = &data.split.validation;
    let (mut labelled, mut others): (Vec<usize>, Vec<usize>) =
        validation.iter().partition(|&&item| Some(data.items[item].class) != nothing);
    labelled.shuffle(random);
    others.shuffle(random);
    let length = (settings.minutes * 60.0 * f64::from(rate)) as usize;
    let sound = |item: usize| match data.content(&data.items[item])? {
        Content::Sound(samples) => Ok(samples),
        _ => Err(refused("the data set holds no sounds")),
    };

    let mut stream = vec![0f32; length];
    let needs_background = settings.is_background || settings.ratio.is_some();
    if needs_background {
        if others.is_empty() {
            return Err(refused("nothing of the class \"nothing\" validates, expected backgrounds"));
        }
        let mut at = 0;
        for &item in others.iter().cycle() {
            if at >= length {
                break;
            }
            let samples = sound(item)?;
            if samples.is_empty() {
                continue;
            }
            let level = level(samples.iter().map(|&s| f32::from(s)));
            // As loud as each other, unless it is the background itself that is listened to.
            let factor = if settings.is_background || level == 0.0 { 1.0 } else { 1000.0 / level };
            for &sample in samples.iter().take(length - at) {
                stream[at] = factor * f32::from(sample);
                at += 1;
            }
        }
    }
    let mut truth = vec![];
    if !settings.is_background {
        if labelled.is_empty() {
            return Err(refused("no recording of a label validates"));
        }
        let pause = |random: &mut crate::augment::Draw| {
            let [least, most] = settings.pause;
            let seconds = if least < most { random.random_range(least..most) } else { least };
            (seconds * f64::from(rate)) as usize
        };
        let mut at = pause(random);
        for &item in labelled.iter().cycle() {
            let samples = sound(item)?;
            if at + samples.len() >= length {
                break;
            }
            let level = level(samples.iter().map(|&s| f32::from(s)));
            let factor = match settings.ratio {
                Some(ratio) if level > 0.0 => 1000.0 / level * 10f32.powf(ratio as f32 / 20.0),
                _ => 1.0,
            };
            stream[at..].iter_mut().zip(&samples).for_each(|(x, &s)| *x += factor * f32::from(s));
            let seconds = |at: usize| at as f64 / f64::from(rate);
            let label = data.labels[data.items[item].class].clone();
            truth.push(Spoken { start: seconds(at), end: seconds(at + samples.len()), label });
            at += samples.len() + pause(random).max(1);
        }
    }
    // Nothing is clipped: all is made softer, if it must be.
    let most = stream.iter().fold(0f32, |most, x| most.max(x.abs()));
    let factor = if most > 32_000.0 { 32_000.0 / most } else { 1.0 };
    Ok((stream.iter().map(|x| (factor * x).round() as i16).collect(), truth))
}

fn level(samples: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = samples.len().max(1) as f32;
    (samples.map(|s| s * s).sum::<f32>() / count).sqrt()
}
