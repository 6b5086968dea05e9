//! The scale of every tensor.

use super::balance::{Balance, attention_input, feed_input};
use super::layer::{least_norm, least_output};
use super::patches::{PatchStem, in_units, memory_steps};
use super::ranges::{Clipping, Ranges};
use super::{ConvertError, Settings};
use crate::graph::{Activation, Block, Dense, HeadLayer, Model, Norm, Order, Place, Positions, Site};
use std::collections::BTreeMap;

/// The least ratio of a scale of an output to that of the accumulators, as requantisation takes factors below 1/4.
pub(super) const COARSER: f64 = 4.001;
/// Room of the int16 tensors above the largest value seen.
const ROOM: f64 = 1.25;
/// Queries and keys have so much finer a scale before they are rotated, in int16, than after it, in int8.
pub(super) const ROTATED: f64 = 64.0;
/// Values of a head over its outputs: at most so much.
pub(super) const MOST_RATIO: f64 = 31.9;

/// An int8 tensor whose values lie on one side of 0, mostly: what 0 is, in steps, lets it use all 255 of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine {
    /// The real value of a step.
    pub step: f64,
    /// What 0 is, in steps.
    pub zero: i32,
}

impl Affine {
    /// From `least` to `most`, in steps of at least `step`.
    pub(super) fn new([least, most]: [f64; 2], step: f64) -> Self {
        let step = positive((most - least) / 255.0).max(step);
        // What is in the middle becomes the middle, where there is room to spare.
        let zero = (-0.5 - (least + most) / 2.0 / step).round().clamp(-128.0, 127.0) as i32;
        Self { step, zero }
    }

    /// The real value of an integer.
    pub(super) fn real(self, integer: i32) -> f64 {
        f64::from(integer - self.zero) * self.step
    }

    /// An activation of int16 arguments of this step, to these values.
    pub(super) fn table(self, of: impl Fn(f64) -> f64, step: f64) -> [i16; 258] {
        std::array::from_fn(|index| {
            let value = of((index as f64 * 256.0 - 32_768.0) * step);
            let fine = (value / self.step + f64::from(self.zero)) * 256.0;
            fine.round().clamp(-32_768.0, 32_767.0) as i16
        })
    }

    /// The nearest integer, saturated.
    pub(super) fn integer(self, real: f64) -> i8 {
        (real / self.step + f64::from(self.zero)).round().clamp(-128.0, 127.0) as i8
    }
}

/// Scales of all tensors.
pub(super) struct Scales {
    of: BTreeMap<Place, f64>,
    /// Of values before and after an activation.
    affine: BTreeMap<Place, Affine>,
    /// Per head.
    heads: BTreeMap<Place, Vec<f64>>,
    /// Factors of the channels of norms.
    pub balance: Balance,
    /// What a stem over patches needs, if it is one.
    pub stem: Option<PatchStem>,
    /// Of each channel of the memory.
    pub memory: Vec<f64>,
    /// Of each stretch of the residual stream: a norm whose result goes on as the stream begins a new one, at any
    /// scale.
    pub streams: Vec<f64>,
    /// Of the outputs.
    pub logits: f64,
}

/// A scale for a tensor that may have been all zeros.
pub(super) fn positive(scale: f64) -> f64 {
    if scale > 0.0 { scale } else { 1.0 }
}

impl Scales {
    pub(super) fn new(model: &Model, ranges: &Ranges, settings: Settings) -> Result<Self, ConvertError> {
        let (of, affine, heads) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (balance, memory) = (Balance::new(model, ranges)?, memory_steps(model, ranges)?);
        let stem = PatchStem::new(model, ranges, settings)?;
        let mut scales = Self { of, affine, heads, balance, memory, stem, streams: vec![], logits: 0.0 };
        let embedded = room(ranges, Place::Embedded)?.max(super::stem::largest(model) / 32_767.0);
        scales.streams.push(embedded.max(scales.stem.as_ref().map_or(0.0, PatchStem::least)));
        let clipping = settings.clipping;
        if let Some(norm) = &model.embedding_norm {
            scales.set_norm(ranges, Place::EmbeddingNorm, clipping, norm)?;
            scales.streams.push(room(ranges, Place::EmbeddingNorm)?);
        }
        for (index, block) in model.blocks.iter().enumerate() {
            let adding = scales.block(model, ranges, settings, index, block)?;
            scales.stream(ranges, index, block.order, adding)?;
        }
        if let Some(norm) = &model.final_norm {
            scales.set(ranges, Place::FinalNorm, clipping, least_norm(norm))?;
        }
        scales.set(ranges, Place::Pooled, clipping, 0.0)?;
        for (index, layer) in model.head.iter().enumerate() {
            let least = if let HeadLayer::Norm(norm) = layer { least_norm(norm) } else { 0.0 };
            // Heads are small, and what is lost in them is lost.
            scales.set(ranges, Place::Head(index), Clipping::Range, least)?;
        }
        scales.streams.iter_mut().for_each(|scale| *scale = positive(*scale));
        scales.logits = positive(room(ranges, Place::Logits)?);
        Ok(scales)
    }

    /// The scale of a tensor.
    pub(super) fn at(&self, place: Place) -> f64 {
        self.of.get(&place).copied().unwrap_or(1.0)
    }

    /// Of a norm whose channels are balanced.
    fn set_norm(&mut self, ranges: &Ranges, place: Place, clip: Clipping, norm: &Norm) -> Result<f64, ConvertError> {
        let width = ranges.channels(place)?.len();
        let most = ranges.clipped_under(place, 0..width, clip, self.balance.at(place))?;
        let scale = positive(most / 127.0).max(least_norm(&self.balance.norm(norm, place)));
        self.of.insert(place, scale);
        Ok(scale)
    }

    /// The steps of values before or after an activation.
    pub(super) fn affine(&self, place: Place) -> Affine {
        self.affine.get(&place).copied().unwrap_or(Affine { step: 1.0, zero: 0 })
    }

    /// Chooses the steps of such values.
    fn set_affine(
        &mut self,
        ranges: &Ranges,
        place: Place,
        clipping: Clipping,
        lowest: f64,
        step: f64,
    ) -> Result<f64, ConvertError> {
        let width = ranges.channels(place)?.len();
        let clip = ranges.clipped(place, 0..width, clipping)?;
        let [least, most] = ranges.ends(place)?;
        let affine = Affine::new([least.max(-clip).max(lowest), most.min(clip)], step);
        self.affine.insert(place, affine);
        Ok(affine.step)
    }

    /// Those of a tensor's heads.
    pub(super) fn heads(&self, place: Place) -> &[f64] {
        self.heads.get(&place).map_or(&[], Vec::as_slice)
    }

    fn set(&mut self, ranges: &Ranges, place: Place, clipping: Clipping, least: f64) -> Result<f64, ConvertError> {
        let width = ranges.channels(place)?.len();
        let scale = positive(ranges.clipped(place, 0..width, clipping)? / 127.0).max(least);
        self.of.insert(place, scale);
        Ok(scale)
    }

    /// The residual stream through a block, and after it; `adding` is what attention and feed-forward layers need.
    fn stream(&mut self, ranges: &Ranges, index: usize, order: Order, adding: [f64; 2]) -> Result<(), ConvertError> {
        let sums = [Site::AfterAttention, Site::AfterFeed];
        for ((sum, norm), adding) in sums.into_iter().zip([Site::FirstNorm, Site::SecondNorm]).zip(adding) {
            let least = room(ranges, Place::Block(index, sum))?.max(adding);
            if let Some(scale) = self.streams.last_mut() {
                *scale = scale.max(least);
            }
            if order == Order::PostNorm {
                self.streams.push(room(ranges, Place::Block(index, norm))?);
            }
        }
        Ok(())
    }

    /// Those of a block; gives the least scales of the residual stream that its two halves can add to.
    fn block(
        &mut self,
        model: &Model,
        ranges: &Ranges,
        settings: Settings,
        index: usize,
        block: &Block,
    ) -> Result<[f64; 2], ConvertError> {
        let at = |site| Place::Block(index, site);
        let clipping = settings.clipping;
        self.set_norm(ranges, at(Site::FirstNorm), clipping, &block.first_norm)?;
        self.set_norm(ranges, at(Site::SecondNorm), clipping, &block.second_norm)?;
        let width = model.width();
        let place = at(Site::AttentionInput);
        let most = ranges.clipped_under(place, 0..width, clipping, self.balance.at(place))?;
        self.of.insert(place, positive(most / 127.0));
        // What attention and feed-forward layers read.
        let before = attention_input(model, index);
        let between = feed_input(block, index);
        let (attention_input, feed_input) = (self.at(before), self.at(between));
        let a = &block.attention;
        let finer = if let Positions::Rotary { .. } = model.positions { ROTATED } else { 1.0 };
        for (site, layer, finer) in
            [(Site::Query, &a.query, finer), (Site::Key, &a.key, finer), (Site::Value, &a.value, 1.0)]
        {
            let of_memory = a.cross && site != Site::Query;
            let dim = a.head_dim;
            let (layer, attention_input) = if of_memory {
                (in_units(layer, &self.memory), 1.0)
            } else {
                (self.balance.reader(layer, before), attention_input)
            };
            let heads = (0..layer.outputs() / dim).map(|head| {
                let rows = head * dim..(head + 1) * dim;
                let weight = layer.weight.some_rows(rows.clone());
                let least = finer * least_output(&Dense { weight, bias: None }, attention_input);
                // A clipped query or key leads its whole head astray.
                Ok(positive(ranges.clipped(at(site), rows, Clipping::Range)? / 127.0).max(least))
            });
            let heads = heads.collect::<Result<Vec<_>, ConvertError>>()?;
            self.heads.insert(at(site), heads);
        }
        let values = self.heads(at(Site::Value)).iter().copied().fold(0.0, f64::max);
        let outputs = self.set(ranges, at(Site::HeadsOut), clipping, values / MOST_RATIO)?;
        let f = &block.feed_forward;
        let first = f.gate.as_ref().unwrap_or(&f.up);
        let least = least_output(&self.balance.reader(first, between), feed_input);
        let hidden = if f.gate.is_some() {
            let gate = self.set(ranges, at(Site::Gate), clipping, least)?;
            let up = self.set(
                ranges,
                at(Site::Up),
                clipping,
                least_output(&self.balance.reader(&f.up, between), feed_input),
            )?;
            self.set(ranges, at(Site::Hidden), clipping, COARSER * table_scale(f.activation, gate) * up)?
        } else {
            self.set_affine(ranges, at(Site::Gate), clipping, flat_below(f.activation), least)?;
            self.set_affine(ranges, at(Site::Hidden), clipping, f64::NEG_INFINITY, 0.0)?
        };
        self.set(ranges, at(Site::AfterFeed), clipping, 0.0)?;
        Ok([least_output(&a.out, outputs), least_output(&f.down, hidden)])
    }
}

/// Below this, an activation hardly changes.
fn flat_below(activation: Activation) -> f64 {
    match activation {
        Activation::Relu => 0.0,
        Activation::Gelu | Activation::GeluTanh => -3.5,
        Activation::Silu => -9.0,
        Activation::Tanh => -4.0,
        Activation::Identity => f64::NEG_INFINITY,
    }
}

/// Scale of a gate's table, which its largest entry fills.
pub(super) fn table_scale(activation: Activation, gate: f64) -> f64 {
    let largest = (-128..=127).map(|q| activation.of(f64::from(q) * gate).abs()).fold(0.0, f64::max);
    positive(largest) / 32767.0
}

/// The least scale of an int16 tensor.
pub(super) fn room(ranges: &Ranges, place: Place) -> Result<f64, ConvertError> {
    Ok(ranges.largest(place)? * ROOM / 32767.0)
}
