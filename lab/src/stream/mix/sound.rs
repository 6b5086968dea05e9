//! Streams of sound.

use super::{Behind, Material, Mixed, Settings, between, in_turn, refused};
use crate::Error;
use crate::augment::draw;
use crate::dataset::Content;
use crate::project::Inputs;
use crate::stream::Spoken;
use rand::RngExt;
use rand::seq::SliceRandom;

/// Level of a background that lies behind recordings.
const QUIET: f32 = 1000.0;
/// Decibels of noise that is listened to, of full scale.
const NOISE: f64 = -40.0;

pub(super) fn mix(of: &Material, settings: &Settings) -> Result<Mixed, Error> {
    let Inputs::Sound { tables, .. } = of.inputs else { return Err(refused("the data set holds no sounds")) };
    let (data, rate) = (of.data, f64::from(tables.params.sample_rate));
    let random = &mut draw(settings.seed, 0, 0);
    let mut labelled = vec![vec![]; data.labels.len()];
    let mut others = vec![];
    for &item in &data.split.validation {
        let class = data.items[item].class;
        if of.silent[class] { others.push(item) } else { labelled[class].push(item) }
    }
    // Of its own, so that the labels are the same whatever is behind them.
    let behind = &mut draw(settings.seed, 1, 0);
    others.shuffle(behind);
    let length = (settings.minutes * 60.0 * rate) as usize;
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
                stream.iter_mut().for_each(|x| *x = behind.random_range(-most..most));
            }
            Behind::Nothing => fill(&mut stream, others.len(), even, |at| sound(others[at]))?,
            Behind::Recordings(recordings) => {
                let mut order: Vec<usize> = (0..recordings.len()).collect();
                order.shuffle(behind);
                fill(&mut stream, order.len(), even, |at| Ok(recordings[order[at]].clone()))?;
            }
        }
    }
    let mut said = vec![];
    if !settings.is_background {
        if labelled.iter().all(Vec::is_empty) {
            return Err(refused("no recording of a label validates"));
        }
        let mut at = between(settings.pause, rate, random);
        for item in in_turn(labelled, random) {
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
            let seconds = |at: usize| at as f64 / rate;
            let label = data.labels[data.items[item].class].clone();
            said.push(Spoken { start: seconds(at), end: seconds(at + samples.len()), label });
            at += samples.len() + between(settings.pause, rate, random).max(1);
        }
    }
    // Nothing is clipped: all is made softer, if it must be.
    let most = stream.iter().fold(0f32, |most, x| most.max(x.abs()));
    let factor = if most > 32_000.0 { 32_000.0 / most } else { 1.0 };
    let values = stream.iter().map(|x| (factor * x).round() as i16).collect();
    Ok(Mixed { values, channels: 1, rate, said })
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
        0 => Err(refused("there are no sounds for the background")),
        _ => Ok(()),
    }
}

fn level(samples: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = samples.len().max(1) as f32;
    (samples.map(|s| s * s).sum::<f32>() / count).sqrt()
}
