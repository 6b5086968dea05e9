//! Recordings that a report draws, in bytes.

use super::flow::{Curve, curves};
use super::look::{Look, Said};
use super::measures::Map;
use super::source::Recording;
use heedful::dynamic::Model;

/// Bytes that all recordings of a report take, about.
const ALL: usize = 1_600_000;
/// Recordings that are drawn, at most.
const RECORDINGS: usize = 60;
/// Rows and columns of a map that is drawn; of longer ones, neighbours are drawn together.
pub const SIDE: usize = 100;
/// Times at which a wave is drawn.
const TIMES: usize = 300;

/// A recording as it is drawn.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What it is called.
    pub name: String,
    /// Its class, if that is known.
    pub class: Option<usize>,
    /// What the model says.
    pub said: usize,
    /// How probable that is to it.
    pub probability: f32,
    /// The weights of each head in 255ths of the largest one, `[queries][keys]`, at most [`SIDE`] of each.
    pub maps: Vec<Vec<u8>>,
    /// The largest weight of each.
    pub largest: Vec<f32>,
    /// What goes in, `[steps][values]`, from the least (0) to the largest (255).
    pub input: Vec<u8>,
    /// Of sound: the least and the largest sample at each time, in 127ths of the loudest, plus 128.
    pub wave: Vec<u8>,
    /// What the model depends on in it; of few recordings where that takes long.
    pub flow: Vec<Curve>,
}

/// How many recordings can be drawn.
#[must_use]
pub fn room(model: &Model) -> usize {
    let shape = model.shape();
    let (heads, side) = (model.heads().iter().sum::<usize>(), shape.positions.min(SIDE));
    let input = shape.input.steps * shape.input.columns * shape.input.channels;
    (ALL / (heads * side * side + input.min(INPUT) + 2 * TIMES)).clamp(1, RECORDINGS)
}

/// Bytes of an input that is drawn, at most.
const INPUT: usize = 16_384;

impl Shown {
    /// What is drawn where nothing but the maps and the answer are known.
    #[must_use]
    pub fn of_maps(name: String, said: &Said, maps: &[Map]) -> Self {
        let (maps, largest) = maps.iter().map(bytes).unzip();
        let (said, probability) = (said.best, said.probability);
        Self { name, class: None, said, probability, maps, largest, input: vec![], wave: vec![], flow: vec![] }
    }

    /// Takes what is drawn of a recording, and what the model depends on in it, if that is asked for.
    #[must_use]
    pub fn new(model: &Model, recording: &Recording, look: &Look, has_flow: bool) -> Self {
        let (maps, largest) = look.maps.iter().map(bytes).unzip();
        Self {
            name: recording.name.clone(),
            class: recording.class,
            said: look.said.best,
            probability: look.said.probability,
            maps,
            largest,
            input: input(model, &recording.heard.upper_bits()),
            wave: wave(&recording.wave),
            flow: if has_flow { curves(model, recording, look) } else { vec![] },
        }
    }
}

/// A map in bytes, at most [`SIDE`] a side, and its largest weight.
pub(super) fn bytes(map: &Map) -> (Vec<u8>, f32) {
    bytes_of(map.weights(), map.queries(), map.keys())
}

/// The same of any values from 0 on, `[queries][keys]`.
pub(super) fn bytes_of(values: &[f64], queries: usize, keys: usize) -> (Vec<u8>, f32) {
    let values: Vec<f32> = values.iter().map(|&x| x as f32).collect();
    scaled(&shrunk(&values, queries, keys))
}

/// Values from 0 to the largest as bytes, and the largest.
#[must_use]
pub fn scaled(values: &[f32]) -> (Vec<u8>, f32) {
    let largest = values.iter().copied().fold(0.0, f32::max);
    let byte = |x: &f32| (x / largest.max(f32::MIN_POSITIVE) * 255.0).round() as u8;
    (values.iter().map(byte).collect(), largest)
}

/// A map of at most [`SIDE`] rows and columns: of several that are drawn together, the largest weight counts, so that
/// no lone key is lost.
#[must_use]
pub fn shrunk(weights: &[f32], queries: usize, keys: usize) -> Vec<f32> {
    let (rows, columns) = (queries.min(SIDE), keys.min(SIDE));
    let mut small = vec![0.0f32; rows * columns];
    for (cell, &weight) in weights.iter().enumerate() {
        let (row, column) = (cell / keys * rows / queries, cell % keys * columns / keys);
        let to = &mut small[row * columns + column];
        *to = to.max(weight);
    }
    small
}

/// What goes in as bytes, every so many steps where there are too many.
fn input(model: &Model, values: &[i8]) -> Vec<u8> {
    let shape = &model.shape().input;
    let width = (shape.columns * shape.channels).max(1);
    let every = (values.len()).div_ceil(INPUT).max(1);
    let steps = values.chunks_exact(width).step_by(every);
    let (low, high) = values.iter().fold((127, -128), |(low, high), &x| (x.min(low), x.max(high)));
    let range = (i32::from(high) - i32::from(low)).max(1);
    steps.flatten().map(|&x| ((i32::from(x) - i32::from(low)) * 255 / range) as u8).collect()
}

fn wave(samples: &[i16]) -> Vec<u8> {
    let loudest = samples.iter().map(|x| i32::from(*x).abs()).max().unwrap_or(0).max(1);
    let byte = |x: i16| (i32::from(x) * 127 / loudest + 128) as u8;
    let each = samples.len().div_ceil(TIMES).max(1);
    let ends = |part: &[i16]| {
        let (low, high) = part.iter().fold((i16::MAX, i16::MIN), |(low, high), &x| (low.min(x), high.max(x)));
        [byte(low), byte(high)]
    };
    samples.chunks(each).flat_map(ends).collect()
}
