//! Streams made of labelled recordings and backgrounds, with what is in them.

use super::Spoken;
use crate::Error;
use crate::augment::draw;
use crate::dataset::{Content, Dataset};
use rand::RngExt;
use rand::seq::SliceRandom;

/// Level of a background that lies behind recordings.
const QUIET: f32 = 1000.0;
/// Decibels of noise that is listened to, of full scale.
const NOISE: f64 = -40.0;

/// What a background is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Behind {
    /// Recordings of "nothing" that validate.
    Nothing,
    /// These, one after the other in an order by chance.
    Recordings(Vec<Vec<i16>>),
    /// White noise, 40 dB below full scale.
    Noise,
    /// Zeros.
    Silence,
}

/// How a stream is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Its length, minutes.
    pub minutes: f64,
    /// Decibels of each recording above the background; none without one.
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

/// Makes a stream of what validates in a data set: its labels one after the other, each as often as the others, and
/// a background behind them.
///
/// # Errors
/// If the data set holds no sounds, or nothing of what is asked for.
pub fn mix(data: &Dataset, rate: u32, settings: &Settings) -> Result<(Vec<i16>, Vec<Spoken>), Error> {
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
    if settings.is_background || settings.ratio.is_some() {
        // As loud as each other, unless it is the background itself that is listened to.
        let even = !settings.is_background;
        match &settings.behind {
            Behind::Silence => {}
            Behind::Noise => {
                // Uniform noise has a third of the power of its largest values.
                let most = 32768.0 * 10f32.powf(NOISE as f32 / 20.0) * 3f32.sqrt();
                let most = if even { QUIET * 3f32.sqrt() } else { most };
                stream.iter_mut().for_each(|x| *x = random.random_range(-most..most));
            }
            Behind::Nothing => fill(&mut stream, others.len(), even, |at| sound(others[at]))?,
            Behind::Recordings(recordings) => {
                let mut order: Vec<usize> = (0..recordings.len()).collect();
                order.shuffle(random);
                fill(&mut stream, order.len(), even, |at| Ok(recordings[order[at]].clone()))?;
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
                Some(ratio) if level > 0.0 => QUIET / level * 10f32.powf(ratio as f32 / 20.0),
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

/// Fills a stream with so many recordings in turn, each brought to the same level if it shall be.
fn fill(
    stream: &mut [f32],
    count: usize,
    even: bool,
    recording: impl Fn(usize) -> Result<Vec<i16>, Error>,
) -> Result<(), Error> {
    let (mut at, mut empty) = (0, 0);
    for next in (0..count).cycle() {
        let samples = recording(next)?;
        let level = level(samples.iter().map(|&s| f32::from(s)));
        let factor = if even && level > 0.0 { QUIET / level } else { 1.0 };
        let room = stream.get_mut(at..).unwrap_or_default();
        room.iter_mut().zip(&samples).for_each(|(x, &sample)| *x = factor * f32::from(sample));
        at += samples.len();
        empty = if samples.is_empty() { empty + 1 } else { 0 };
        if at >= stream.len() || empty == count {
            break;
        }
    }
    match at {
        0 => Err(Error::Training("there are no sounds for the background".to_owned())),
        _ => Ok(()),
    }
}

fn level(samples: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = samples.len().max(1) as f32;
    (samples.map(|s| s * s).sum::<f32>() / count).sqrt()
}
