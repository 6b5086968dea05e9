//! What only a look at all samples tells: their scale, their place in the container, whether channels cancel.

use crate::error::{Reason, Warning};
use crate::source::{Facts, Padded, Planes, Source};

/// How samples become mono at full scale ±1.
#[derive(Debug)]
pub struct Plan {
    /// What samples are multiplied by.
    pub gain: f64,
    /// The channel to take instead of the mean of all.
    pub channel: Option<usize>,
    pub warnings: Vec<Warning>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { gain: 1.0, channel: None, warnings: Vec::new() }
    }
}

/// Sums over a channel.
#[derive(Clone, Copy, Default)]
struct Sums {
    sum: f64,
    squares: f64,
}

impl Sums {
    fn add(&mut self, x: f64) {
        self.sum += x;
        self.squares += x * x;
    }

    /// Of what moves: an offset is no sound.
    fn energy(self, frames: f64) -> f64 {
        (self.squares - self.sum * self.sum / frames).max(0.0)
    }
}

/// Reads a file to its end.
pub fn survey(source: &mut Source<'_>) -> Result<Plan, Reason> {
    let facts = source.facts();
    let mut planes = Planes::new();
    let mut channels = vec![Sums::default(); facts.channels];
    let mut mean = Sums::default();
    let mut float = Float::default();
    let mut low = facts.padded.map(Low::new);
    while source.next(&mut planes)? {
        for (plane, sums) in planes.iter().zip(&mut channels) {
            plane.iter().for_each(|&x| sums.add(x));
            if facts.float {
                plane.iter().for_each(|&x| float.add(x));
            }
            if let Some(low) = &mut low {
                plane.iter().for_each(|&x| low.add(x));
            }
        }
        (0..planes.first().map_or(0, Vec::len)).for_each(|at| mean.add(mix(&planes, at)));
    }
    let mut plan = Plan::default();
    let frames = source.frames.max(1) as f64;
    if let Some(bits) = float.integers(&facts, frames, &channels)? {
        plan.gain = 0.5f64.powi(bits as i32 - 1);
        plan.warnings.push(Warning::Scaled { bits });
    }
    if let Some(Low { padded: Padded { valid, container }, .. }) = low.filter(Low::is_used) {
        plan.gain = 2f64.powi(container as i32 - valid as i32);
        plan.warnings.push(Warning::RightAligned { valid, container });
    }
    plan.channel = cancelled(&channels, mean, frames);
    plan.warnings.extend(plan.channel.map(|channel| Warning::Cancelled { channel }));
    Ok(plan)
}

/// The mean of all channels at a place.
pub fn mix(planes: &Planes, at: usize) -> f64 {
    planes.iter().map(|plane| plane[at]).sum::<f64>() / planes.len() as f64
}

/// The loudest channel, where the mean is much quieter than that of as many sounds that have nothing in common: a
/// quarter of its energy, as of two channels whose correlation is -0.75.
fn cancelled(channels: &[Sums], mean: Sums, frames: f64) -> Option<usize> {
    let count = channels.len() as f64;
    let energies = channels.iter().map(|sums| sums.energy(frames));
    let unrelated = energies.clone().sum::<f64>() / (count * count);
    let cancel = channels.len() > 1 && mean.energy(frames) < 0.25 * unrelated;
    // The first of equals.
    let loudest = || energies.enumerate().rev().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(channel, _)| channel);
    cancel.then(loudest).flatten()
}

/// What tells the scale of float samples.
#[derive(Default)]
struct Float {
    peak: f64,
    /// Whether a sample is no integer.
    fractions: bool,
}

impl Float {
    fn add(&mut self, x: f64) {
        self.peak = self.peak.max(x.abs());
        self.fractions |= x.fract() != 0.0;
    }

    /// The bits of the integers whose range the samples have instead of ±1: they are integers themselves, or too loud
    /// for most of them to lie within ±1.
    fn integers(&self, facts: &Facts, frames: f64, channels: &[Sums]) -> Result<Option<u32>, Reason> {
        let squares: f64 = channels.iter().map(|sums| sums.squares).sum();
        let loud = self.peak > 16.0 && squares > frames * facts.channels as f64;
        if !facts.float || self.peak < 2.0 || self.fractions && !loud {
            return Ok(None);
        }
        let bits = [16, 24, 32].into_iter().find(|&bits| self.peak <= 2f64.powi(bits - 1));
        bits.map(|bits| Some(bits as u32)).ok_or(Reason::Range(self.peak))
    }
}

/// What tells whether samples lie in the low bits of their container.
struct Low {
    padded: Padded,
    /// Whether a sample is not 0.
    any: bool,
    /// Whether the bits below those of a left-aligned sample are used.
    below: bool,
    /// Whether the bits above those of a right-aligned one are.
    above: bool,
}

impl Low {
    fn new(padded: Padded) -> Self {
        Self { padded, any: false, below: false, above: false }
    }

    fn add(&mut self, x: f64) {
        let Padded { valid, container } = self.padded;
        let x = (x * 2f64.powi(container as i32 - 1)) as i64;
        self.any |= x != 0;
        self.below |= x & ((1 << (container - valid)) - 1) != 0;
        self.above |= x >> (valid - 1) != x >> 63;
    }

    /// Where both could be, as with 16-bit samples in the upper part of 24 low bits of 32: left-aligned, the whole
    /// recording would be below -48 dB of full scale.
    fn is_used(&self) -> bool {
        let Padded { valid, container } = self.padded;
        self.any && !self.above && (self.below || container - valid >= 8)
    }
}
