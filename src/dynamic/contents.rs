//! What is in a file: its parts, their bytes and their work.

use super::Model;
use crate::format::{InputKind, Read};
use crate::linear::LinearView;
use crate::parts::{AttentionPart, Patches, PoolKind};
use std::format;
use std::string::String;
use std::vec::Vec;

/// A section of a model's file.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PartInfo {
    /// What it is.
    pub name: &'static str,
    /// Its shapes.
    pub shape: String,
    /// Its bytes in the file.
    pub bytes: usize,
    /// What it does in an inference over all positions.
    pub work: Work,
    /// Which slice of an inference it is ([`Slices`](crate::model::Slices)); none of what is only read.
    pub slice: Option<usize>,
}

/// What is done, counted. Where keys are hidden from queries, less is done than this says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Work {
    /// Multiply-accumulates of layers.
    pub products: usize,
    /// Multiply-accumulates of scores and of weighted sums of values.
    pub attended: usize,
    /// Outputs of layers.
    pub results: usize,
    /// Weights of the softmax.
    pub weights: usize,
    /// Values that are normalised, or rounded from the residual stream.
    pub normed: usize,
}

impl Work {
    /// Multiply-accumulates of all kinds.
    #[must_use]
    pub fn macs(&self) -> usize {
        self.products.saturating_add(self.attended)
    }

    fn layer(&mut self, rows: usize, layer: &LinearView<'_>) {
        self.products += rows * layer.products();
        self.results += rows * layer.channels.len();
    }

    fn layers(rows: usize, layers: &[&LinearView<'_>]) -> Self {
        let mut work = Self::default();
        layers.iter().for_each(|layer| work.layer(rows, layer));
        work
    }
}

impl core::ops::AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.products += other.products;
        self.attended += other.attended;
        self.results += other.results;
        self.weights += other.weights;
        self.normed += other.normed;
    }
}

impl Model {
    /// The sections of the file, in order.
    #[must_use]
    pub fn parts(&self) -> Vec<PartInfo> {
        let (mut parts, mut rows) = (Vec::new(), self.shape.positions);
        self.file().each_section(|place, name, bytes, read| {
            let said = |shape: String| (shape, Work::default());
            let bits = if self.shape.softmax.is_wide() { 15 } else { 8 };
            let (shape, work) = match (read, place) {
                (Some(read), _) => describe(&read, &mut rows),
                (None, Some(0)) => said(format!("softmax weights of {bits} bits")),
                (None, Some(1)) => said(self.input()),
                (None, _) => said(String::new()),
            };
            // Before the parts that run are those that say what the model is and what goes in.
            let slice = place.and_then(|place| place.checked_sub(2));
            parts.push(PartInfo { name, shape, bytes, work, slice });
        });
        parts
    }

    /// Rows and columns of the patches that positions stand for, class tokens aside: one column of series and of sound,
    /// whose positions follow one another in time. None where positions are tokens.
    #[must_use]
    pub fn grid(&self) -> Option<[usize; 2]> {
        let mut grid = None;
        self.file().each_read(|read| {
            if let Read::Stem(stem) = read {
                grid = Some(stem.patches.counts());
            }
        });
        grid
    }

    /// The part that each position has in the row that the outputs are made of: of a mean, and of one position alone.
    /// Where the largest values or weights of the rows' own make that row, all have an equal part. None where the
    /// outputs are made of each row.
    #[must_use]
    pub fn pooled(&self) -> Option<Vec<f32>> {
        let positions = self.shape.positions;
        let mut range = None;
        self.file().each_read(|read| {
            range = match read {
                Read::Pool { pool, .. } => Some(match pool.kind {
                    PoolKind::Mean => 0..pool.count.min(positions),
                    PoolKind::First => 0..positions.min(1),
                    PoolKind::Last => positions.saturating_sub(1)..positions,
                    PoolKind::Max => 0..positions,
                }),
                Read::WeightedPool(_) => Some(0..positions),
                _ => range.take(),
            }
        });
        let range = range?;
        let share = 1.0 / range.len().max(1) as f32;
        Some((0..positions).map(|position| if range.contains(&position) { share } else { 0.0 }).collect())
    }

    /// The work of all parts.
    #[must_use]
    pub fn work(&self) -> Work {
        let mut all = Work::default();
        self.parts().iter().for_each(|part| all += part.work);
        all
    }

    fn input(&self) -> String {
        let input = &self.shape.input;
        let bits = if input.fine { 15 } else { 8 };
        match input.kind {
            InputKind::Tokens => format!("up to {}, of {}", input.steps, input.channels),
            InputKind::Audio => {
                let (values, what) = (input.columns * input.channels, if input.fine { "cepstra" } else { "bands" });
                format!("{} frames of {values} {what} at {} Hz", input.steps, input.sample_rate())
            }
            InputKind::Features if input.columns > 1 => {
                format!("[{}][{}][{}] of {bits} bits", input.steps, input.columns, input.channels)
            }
            InputKind::Features => format!("[{}][{}] of {bits} bits", input.steps, input.channels),
        }
    }
}

/// The shapes of a part that reads `rows` rows, and its work.
fn describe(read: &Read<'_>, rows: &mut usize) -> (String, Work) {
    let sizes = |layer: &LinearView<'_>| format!("{} to {}", layer.weights.inputs, layer.channels.len());
    match read {
        Read::Memory(memory) => (format!("[{}][{}] of 8 bits", memory.steps, memory.channels), Work::default()),
        Read::Convolution(convolution) => {
            let Patches { kernel, stride, .. } = convolution.patches;
            let [down, across] = convolution.patches.counts();
            let mut work = Work::layers(down * across, &[&convolution.layer]);
            work.products *= if convolution.fine.is_empty() { 1 } else { 2 };
            let kind = if convolution.depthwise { "depthwise, " } else { "" };
            let outputs = convolution.layer.channels.len();
            let [from, to] = [convolution.patches.input[2], outputs];
            let kernel = format!("{}x{} every {}x{}", kernel[0], kernel[1], stride[0], stride[1]);
            (format!("{kind}{from} to {to} channels, {kernel}, to [{down}][{across}]"), work)
        }
        Read::Positions { positions, count, first } => {
            let class = if *first > 0 { format!(", {first} of them class tokens") } else { String::new() };
            (format!("{count} of width {}{class}", positions.width), Work::default())
        }
        Read::Stem(stem) => {
            let Patches { kernel, stride, .. } = stem.patches;
            let mut work = Work::layers(stem.patches.total(), &[&stem.layer]);
            work.products *= if stem.fine.is_empty() { 1 } else { 2 };
            let shape = format!(
                "{}, {} patches of {}x{} every {}x{}",
                sizes(&stem.layer),
                stem.patches.total(),
                kernel[0],
                kernel[1],
                stride[0],
                stride[1]
            );
            (shape, work)
        }
        Read::Embedding(embedding) => {
            let layer = embedding.view.layer;
            (format!("{} tokens of width {}", layer.channels.len(), layer.weights.inputs), Work::default())
        }
        Read::TokenTypes(types) => {
            let count = types.values.len().checked_div(types.width).unwrap_or(0);
            (format!("{count} of width {}", types.width), Work::default())
        }
        Read::Norm { norm, carry } => {
            let kind = if norm.centred { "LayerNorm" } else { "RMSNorm" };
            let (shape, times) = if carry.is_some() { (", carried", 2) } else { ("", 1) };
            let normed = times * *rows * norm.channels.len();
            (format!("{kind} of width {}{shape}", norm.channels.len()), Work { normed, ..Work::default() })
        }
        Read::Rows(channels) => {
            (format!("width {}", channels.len()), Work { normed: *rows * channels.len(), ..Work::default() })
        }
        Read::Residual { width, .. } => (format!("width {width}"), Work::default()),
        Read::Attention(part) => attention(part, *rows),
        Read::FeedForward(layers) => (sizes(&layers.expand), Work::layers(*rows, &[&layers.expand, &layers.contract])),
        Read::FineFeedForward(layers) => {
            (sizes(&layers.expand), Work::layers(*rows, &[&layers.expand, &layers.contract]))
        }
        Read::Gated(layers) => (sizes(&layers.gate), Work::layers(*rows, &[&layers.gate, &layers.up, &layers.down])),
        Read::Pool { width, pool } => {
            let shape = match pool.kind {
                PoolKind::Mean => format!("mean of {} of width {width}", pool.count),
                PoolKind::First => format!("the first of width {width}"),
                PoolKind::Last => format!("the last of width {width}"),
                PoolKind::Max => format!("the largest of width {width}"),
            };
            *rows = 1;
            (shape, Work::default())
        }
        Read::WeightedPool(pool) => {
            let attended = *rows * pool.layer.weights.inputs;
            let work = Work { weights: *rows, attended, ..Work::layers(*rows, &[&pool.layer]) };
            *rows = 1;
            (format!("by weights, of width {}", pool.layer.weights.inputs), work)
        }
        Read::Dense(dense) => {
            let activation = if dense.activation.is_some() { ", activation" } else { "" };
            (format!("{}{activation}", sizes(&dense.layer)), Work::layers(*rows, &[&dense.layer]))
        }
        Read::Output(output) => {
            let shape = format!("{} to {}, {:?}", output.width, output.outputs, output.kind);
            (shape, output.layer.map_or(Work::default(), |layer| Work::layers(*rows, &[&layer])))
        }
    }
}

fn attention(part: &AttentionPart<'_>, rows: usize) -> (String, Work) {
    let AttentionPart { reduce, attention: a, pattern, memory } = part;
    let heads = a.heads();
    let mut work = Work::default();
    if heads > 0 {
        let keys = memory.map_or(rows, |memory| memory.steps);
        work = Work::layers(rows, &[&a.query.layer(), &a.output]);
        work.layer(keys, &a.value.layer());
        if let Some(key) = a.key {
            work.layer(keys, &key.layer());
        }
        if let Some(reduce) = reduce {
            work.layer(rows, reduce);
        }
        work.weights = heads * rows * keys;
        work.attended = work.weights * (a.dim + a.head_dim);
    }
    let mut shape = format!("width {}, {heads} heads of {}", a.output.channels.len(), a.head_dim);
    if let Some(key) = a.key
        && key.layer().channels.len() < heads * a.head_dim
    {
        shape += &format!(" with keys for {}", key.layer().channels.len() / a.head_dim);
    }
    let said = [
        (pattern.causal, "causal"),
        (!pattern.windows.is_empty(), "windows"),
        (!pattern.slopes.is_empty(), "ALiBi"),
        (!pattern.relative.biases.is_empty(), "relative biases"),
        (!pattern.rope.frequencies.is_empty(), "RoPE"),
        (memory.is_some(), "to the memory"),
        (a.key.is_none() && heads > 0, "fused query-key weights"),
    ];
    for (_, what) in said.iter().filter(|(is, _)| *is) {
        shape += &format!(", {what}");
    }
    if let Some(reduce) = reduce {
        shape += &format!(", rank {}", reduce.channels.len() / 3);
    }
    (shape, work)
}
