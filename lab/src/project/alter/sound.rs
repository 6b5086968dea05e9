//! Sounds: speed, place, room, background, tilt, loudness, noise, and masks over their features.

use super::{between, normal, within};
use crate::augment::{Draw, at_speed};
use crate::project::Augment;
use heedful::audio::excerpt;
use rand::RngExt;

/// The longest time in which a room's sound falls by 60 dB, and the shortest, seconds.
const ROOM: [f32; 2] = [0.1, 0.6];
/// Echoes of a room.
const ECHOES: usize = 60;

/// A training example's samples, `length` of them. The recording may be of any length; if it `is_window`, what counts
/// lies in its middle.
pub fn alter(
    recording: &[i16],
    is_window: bool,
    length: usize,
    rate: u32,
    augment: &Augment,
    draw: &mut Draw,
) -> Vec<f32> {
    let speed = augment.speed.map_or(1.0, |range| between(draw, range));
    let replayed = if speed == 1.0 { recording.to_vec() } else { at_speed(recording, speed) };
    let shift = (augment.shift.unwrap_or(0.0) * f64::from(rate)) as usize;
    let from = if shift > 0 { draw.random_range(0..=2 * shift) } else { 0 };
    let wide = length + 2 * shift;
    let placed: Vec<i16> = match is_window {
        true => middle(&replayed, wide).collect(),
        false => excerpt(&replayed, wide).collect(),
    };
    let mut samples: Vec<f32> = placed[from..from + length].iter().map(|&s| f32::from(s)).collect();
    if augment.room.is_some_and(|share| draw.random_bool(share)) {
        samples = in_a_room(&samples, rate, draw);
    }
    samples
}

/// The middle of a sound, or all of it in the middle of silence.
fn middle(samples: &[i16], length: usize) -> impl Iterator<Item = i16> {
    let (before, skipped) = (length.saturating_sub(samples.len()) / 2, samples.len().saturating_sub(length) / 2);
    let heard = samples.iter().skip(skipped).take(length).copied();
    std::iter::repeat_n(0, before).chain(heard).chain(std::iter::repeat(0)).take(length)
}

/// What the microphone makes of a sound: a tilt of its spectrum, loudness and noise.
pub fn microphone(samples: &mut [f32], augment: &Augment, draw: &mut Draw) {
    if let Some(most) = augment.tilt.filter(|most| *most > 0.0) {
        tilt(samples, within(draw, most));
    }
    if let Some(range) = augment.gain {
        let gain = 10f32.powf(between(draw, range) / 20.0);
        samples.iter_mut().for_each(|s| *s *= gain);
    }
    if let Some(range) = augment.noise
        && draw.random_bool(0.5)
    {
        let level = level(samples) * 10f32.powf(-between(draw, range) / 20.0);
        let colour = draw.random_range(0.0..0.95);
        add(samples, &noise(samples.len(), colour, draw), level);
    }
}

/// Lays another sound behind this one, so many decibels below what it is from `start` on.
pub fn behind(samples: &mut [f32], start: usize, background: &[f32], decibels: f32) {
    let level = level(&samples[start..]) * 10f32.powf(-decibels / 20.0);
    add(samples, background, level);
}

/// Silence, noise of any colour, a hum or clicks, of any loudness.
pub fn nothing(length: usize, rate: u32, draw: &mut Draw) -> Vec<f32> {
    let level = 10f32.powf(draw.random_range(-0.3..3.8));
    let mut samples = vec![0.0; length];
    match draw.random_range(0..6) {
        0 => samples.iter_mut().for_each(|s| *s = draw.random_range(-1.5..1.5)),
        1 | 2 => {
            let colour = draw.random_range(0.0..0.99);
            add(&mut samples, &noise(length, colour, draw), level);
        }
        3 => {
            let turn = std::f32::consts::TAU * draw.random_range(40.0..1500.0) / rate as f32;
            let tones: Vec<f32> =
                (0..length).map(|n| (turn * n as f32).sin() + 0.3 * (3.0 * turn * n as f32).sin()).collect();
            add(&mut samples, &tones, level);
        }
        4 => {
            // Noise that comes and goes.
            let turn = std::f32::consts::TAU * draw.random_range(0.5..8.0) / rate as f32;
            let colour = draw.random_range(0.0..0.99);
            let mut swells = noise(length, colour, draw);
            swells.iter_mut().enumerate().for_each(|(n, s)| *s *= 1.0 + (turn * n as f32).sin());
            add(&mut samples, &swells, level);
        }
        _ => {
            let clicks = draw.random_range(1..6);
            for _ in 0..clicks {
                let (at, decay) = (draw.random_range(0..length), draw.random_range(0.9..0.999f32));
                let mut height = level * 8.0;
                for s in samples[at..].iter_mut().take(rate as usize / 4) {
                    *s += height * draw.random_range(-1.0..1.0);
                    height *= decay;
                }
            }
        }
    }
    samples
}

/// As a converter gives it: whole numbers that saturate.
#[must_use]
pub fn converted(samples: &[f32]) -> Vec<i16> {
    samples.iter().map(|s| s.round() as i16).collect()
}

/// Sets a stretch of frames, some bands, or both to the mean, 0.
pub fn mask(features: &mut [f32], bands: usize, augment: &Augment, draw: &mut Draw) {
    let frames = features.len() / bands.max(1);
    let stretch = |most: usize, of: usize, draw: &mut Draw| {
        let width = draw.random_range(1..=most.min(of));
        let start = draw.random_range(0..=of - width);
        start..start + width
    };
    if augment.mask_frames > 0 && frames > 0 && draw.random_bool(0.5) {
        let masked = stretch(augment.mask_frames, frames, draw);
        features[masked.start * bands..masked.end * bands].fill(0.0);
    }
    if augment.mask_bands > 0 && bands > 0 && draw.random_bool(0.5) {
        let masked = stretch(augment.mask_bands, bands, draw);
        features.chunks_exact_mut(bands).for_each(|frame| frame[masked.clone()].fill(0.0));
    }
}

fn level(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

/// Adds a sound at a level.
fn add(samples: &mut [f32], other: &[f32], wanted: f32) {
    let factor = wanted / level(other).max(1e-6);
    samples.iter_mut().zip(other).for_each(|(s, other)| *s += factor * other);
}

/// Noise whose high sound is the weaker, the nearer `colour` is to 1.
fn noise(length: usize, colour: f32, draw: &mut Draw) -> Vec<f32> {
    let mut last = 0.0;
    let mut next = || {
        last = colour * last + draw.random_range(-1.0..1.0f32);
        last
    };
    (0..length).map(|_| next()).collect()
}

/// Makes high sound louder (or softer) than low by so many decibels, by a filter of one zero.
fn tilt(samples: &mut [f32], decibels: f32) {
    let ratio = 10f32.powf(decibels / 20.0);
    let zero = (1.0 - ratio) / (1.0 + ratio);
    let mut last = 0.0;
    for s in samples {
        let now = *s;
        *s = now + zero * last;
        last = now;
    }
}

/// Echoes that fade: a sparse response of a room.
fn in_a_room(samples: &[f32], rate: u32, draw: &mut Draw) -> Vec<f32> {
    let fade = between(draw, ROOM) * rate as f32;
    let loudness = draw.random_range(0.1..0.5);
    let mut heard = samples.to_vec();
    for _ in 0..ECHOES {
        let delay = draw.random_range(0.002..0.5) * fade;
        let gain = loudness * normal(draw) * 10f32.powf(-3.0 * delay / fade) / (ECHOES as f32 / 6.0).sqrt();
        let delay = (delay as usize).max(1);
        heard.iter_mut().skip(delay).zip(samples).for_each(|(heard, s)| *heard += gain * s);
    }
    heard
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::draw;

    fn tone(length: usize, turn: f32) -> Vec<i16> {
        (0..length).map(|n| (8000.0 * (turn * n as f32).sin()) as i16).collect()
    }

    #[test]
    fn nothing_altered() {
        let (recording, plain) = (tone(900, 0.1), Augment::default());
        let altered = alter(&recording, false, 1000, 8000, &plain, &mut draw(1, 1, 1));
        assert_eq!(converted(&altered), excerpt(&recording, 1000).collect::<Vec<_>>());
        let window = alter(&recording, true, 700, 8000, &plain, &mut draw(1, 1, 1));
        assert_eq!(converted(&window), recording[100..800]);
    }

    #[test]
    fn levels() {
        let mut samples = vec![1000.0; 4000];
        let noise = noise(4000, 0.5, &mut draw(1, 2, 3));
        behind(&mut samples, 0, &noise, 20.0);
        let rest: Vec<f32> = samples.iter().map(|s| s - 1000.0).collect();
        assert!((level(&rest) - 100.0).abs() < 1.0, "{}", level(&rest));
    }

    #[test]
    fn tilts() {
        let ratio = |turn: f32| {
            let mut samples: Vec<f32> = tone(8000, turn).iter().map(|&s| f32::from(s)).collect();
            let before = level(&samples);
            tilt(&mut samples, 6.0);
            20.0 * (level(&samples) / before).log10()
        };
        let found = ratio(3.0) - ratio(0.01);
        assert!((found - 6.0).abs() < 0.3, "{found}");
    }

    #[test]
    fn rooms_and_noise_are_finite_and_new() {
        let augment =
            Augment { room: Some(1.0), gain: Some([-6.0, 6.0]), noise: Some([5.0, 20.0]), ..Augment::default() };
        let of = |item| {
            let random = &mut draw(1, 1, item);
            let mut samples = alter(&tone(8000, 0.3), false, 8000, 8000, &augment, random);
            microphone(&mut samples, &augment, random);
            samples
        };
        assert_ne!(of(1), of(2));
        assert_eq!(of(1), of(1));
        for item in 0..40 {
            assert!(nothing(800, 8000, &mut draw(3, 3, item)).iter().chain(&of(item)).all(|s| s.is_finite()));
        }
    }

    #[test]
    fn masks() {
        let augment = Augment { mask_frames: 3, mask_bands: 2, ..Augment::default() };
        let count = |item| {
            let mut features = vec![1.0; 20 * 8];
            mask(&mut features, 8, &augment, &mut draw(1, 1, item));
            features.iter().filter(|x| **x == 0.0).count()
        };
        let counts: Vec<usize> = (0..50).map(count).collect();
        assert!(counts.iter().all(|&masked| masked <= 3 * 8 + 2 * 20) && counts.iter().any(|&masked| masked > 0));
    }
}
