//! Alterations of a recording that leave its meaning alone.

use heedful::audio::excerpt;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

/// Source of the random choices.
pub type Draw = ChaCha8Rng;

/// The draw for one purpose of one run: equal arguments give equal choices, whatever
/// was drawn before, which is what lets an interrupted run continue unchanged.
#[must_use]
pub fn draw(seed: u64, epoch: u64, item: u64) -> Draw {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&epoch.to_le_bytes());
    key[16..24].copy_from_slice(&item.to_le_bytes());
    Draw::from_seed(key)
}

/// A draw of the normal distribution, by the sum of twelve even ones.
#[must_use]
pub fn normal(draw: &mut Draw) -> f32 {
    (0..12).map(|_| draw.random_range(-0.5f32..0.5)).sum()
}

/// Speeds between which a recording is replayed.
const SPEED: std::ops::Range<f32> = 0.85..1.18;
/// Largest displacement from the middle, samples.
const SHIFT: usize = 800;
/// Gain, octaves of amplitude.
const GAIN: std::ops::Range<f32> = -2.0..1.0;
/// Signal-to-noise ratio of added noise, dB.
const NOISE: std::ops::Range<f32> = 10.0..45.0;
/// Widest mask, frames and bands.
const MASKED_FRAMES: usize = 12;
const MASKED_BANDS: usize = 5;

/// Another speed, place, gain and background, in exactly `length` samples.
#[must_use]
pub fn waveform(recording: &[i16], length: usize, draw: &mut Draw) -> Vec<i16> {
    let replayed = at_speed(recording, draw.random_range(SPEED));
    let shift = draw.random_range(0..=2 * SHIFT);
    let placed = excerpt(&replayed, length + 2 * SHIFT).skip(shift).take(length);
    let gain = draw.random_range(GAIN).exp2();
    let mut samples: Vec<f32> = placed.map(|s| f32::from(s) * gain).collect();
    if draw.random_bool(0.5) {
        let energy: f32 = samples.iter().map(|s| s * s).sum();
        let rms = (energy / samples.len().max(1) as f32).sqrt();
        // Uniform noise of half-width a has an RMS of a / sqrt(3).
        let half_width = 3f32.sqrt() * rms * 10f32.powf(-draw.random_range(NOISE) / 20.0);
        for s in &mut samples {
            *s += half_width * draw.random_range(-1.0..1.0);
        }
    }
    // The cast saturates, as a converter does.
    samples.into_iter().map(|s| s.round() as i16).collect()
}

/// Linear interpolation at every `speed`-th sample.
#[must_use]
pub fn at_speed(recording: &[i16], speed: f32) -> Vec<i16> {
    let length = (recording.len() as f32 / speed) as usize;
    (0..length)
        .map(|n| {
            let place = n as f32 * speed;
            let (index, part) = (place as usize, place.fract());
            let here = f32::from(recording[index.min(recording.len() - 1)]);
            let next = f32::from(recording[(index + 1).min(recording.len() - 1)]);
            (here + part * (next - here)).round() as i16
        })
        .collect()
}

/// Sets a stretch of frames, a range of bands, or both to the mean (0).
pub fn masks(features: &mut [i8], bands: usize, draw: &mut Draw) {
    let frames = features.len() / bands;
    if draw.random_bool(0.5) {
        let width = draw.random_range(1..=MASKED_FRAMES.min(frames));
        let start = draw.random_range(0..=frames - width);
        features[start * bands..(start + width) * bands].fill(0);
    }
    if draw.random_bool(0.5) {
        let width = draw.random_range(1..=MASKED_BANDS.min(bands));
        let start = draw.random_range(0..=bands - width);
        for frame in features.chunks_exact_mut(bands) {
            frame[start..start + width].fill(0);
        }
    }
}
