//! How often the models hear a digit where none is spoken.

use super::Figures;
use crate::root;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

heedful::model!(Digits = "../../../models/digits.heed");

/// Samples per second.
const RATE: u32 = 8000;
/// As in the loop of the README.
const EVERY: u32 = 5;
const SURE: f64 = 0.8;
/// Seconds of noise, its seed and its largest sample.
const NOISE: (u32, u64, i16) = (60, 1, 2047);

/// What the model made of a sound.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    inferences: u32,
    /// Inferences that were sure of a digit.
    sure: u32,
    /// Times that one began to be sure, or of another digit.
    alarms: u32,
}

/// Lets `digits` hear white noise and, where they are, the sounds of ESC-10.
pub fn measure(figures: &mut Figures) -> Result<()> {
    let (seconds, seed, largest) = NOISE;
    let noise = hear(white(seed, largest).take((seconds * RATE) as usize));
    figures.set("noise", format!("{} of {} inferences", noise.sure, noise.inferences));
    let Some(folder) = esc10() else {
        figures.skip(&["sounds", "alarms"], "no ESC-10; HEEDFUL_ESC10 names its folder");
        return Ok(());
    };
    let mut sound = Vec::new();
    for path in recordings(&folder)? {
        sound.extend(heedful_recordings::read(&path, RATE)?.samples);
    }
    let minutes = sound.len() as f64 / f64::from(60 * RATE);
    let heard = hear(sound.into_iter());
    figures.set("sounds", format!("{minutes:.0} minutes"));
    figures.set("alarms", format!("{:.0} times a minute", f64::from(heard.alarms) / minutes));
    Ok(())
}

/// The loop of the README.
fn hear(sound: impl Iterator<Item = i16>) -> Heard {
    let mut digits = Box::new(Digits::new());
    let (mut heard, mut frames, mut last) = (Heard::default(), 0, None);
    for sample in sound {
        frames += u32::from(digits.push(sample));
        if frames >= EVERY && digits.is_full() {
            frames = 0;
            let best = digits.infer().best();
            let now = (best.probability.to_num::<f64>() > SURE).then_some(best.class);
            heard.inferences += 1;
            heard.sure += u32::from(now.is_some());
            heard.alarms += u32::from(now.is_some() && now != last);
            last = now;
        }
    }
    heard
}

/// Samples of equal probability from `-largest` to `largest` (splitmix64).
fn white(mut state: u64, largest: i16) -> impl Iterator<Item = i16> {
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let levels = 2 * u64::from(largest.unsigned_abs()) + 1;
        ((z ^ (z >> 31)) % levels) as i16 - largest
    })
}

/// The folder that `HEEDFUL_ESC10` names, or the one beside the repository.
fn esc10() -> Option<PathBuf> {
    let beside = root().join("../shared/data/esc10");
    Some(std::env::var_os("HEEDFUL_ESC10").map_or(beside, PathBuf::from)).filter(|folder| folder.exists())
}

/// The recordings of all classes, in order.
fn recordings(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for class in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let class = class?.path();
        if class.is_dir() {
            paths.extend(heedful_recordings::list(&class)?.recordings);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_the_same_each_time_and_silence_no_digit() {
        let (mut first, second) = (white(1, 100), white(1, 100));
        assert!(second.take(1000).all(|sample| Some(sample) == first.next() && sample.abs() <= 100));
        let heard = hear(white(1, 2047).take(2 * RATE as usize));
        // Frames of 256 samples each 80, a hundred of them before the first inference.
        assert_eq!(heard.inferences, 1 + (2 * RATE - 256 - 99 * 80) / (80 * EVERY));
    }
}
