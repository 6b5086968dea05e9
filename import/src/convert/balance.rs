//! Scales moved from the channels of a norm to the layers that read it (Xiao et al., "SmoothQuant", 2022, section 4):
//! channels of a norm differ in range, and an int8 tensor has one scale. The gains of a norm are free, so each channel
//! is divided by a factor, and the weights that read it are multiplied by the same.

use super::ConvertError;
use super::ranges::{Ranges, eighths, factor};
use crate::graph::{Block, Dense, Model, Norm, Order, Place, Site};
use std::collections::BTreeMap;

/// Factors of the channels of each norm, in eighths of an octave.
#[derive(Clone, Debug, Default)]
pub(super) struct Balance {
    of: BTreeMap<Place, Vec<i32>>,
}

impl Balance {
    /// The factors that make a norm's channels and the weights that read them alike.
    pub(super) fn new(model: &Model, ranges: &Ranges) -> Result<Self, ConvertError> {
        let mut balance = Self::default();
        for (index, block) in model.blocks.iter().enumerate() {
            let (a, f) = (&block.attention, &block.feed_forward);
            if !a.cross {
                balance.choose(ranges, attention_input(model, index), &[&a.query, &a.key, &a.value])?;
            }
            let layers: Vec<&Dense> = f.gate.iter().chain([&f.up]).collect();
            balance.choose(ranges, feed_input(block, index), &layers)?;
        }
        Ok(balance)
    }

    fn choose(&mut self, ranges: &Ranges, place: Place, layers: &[&Dense]) -> Result<(), ConvertError> {
        let values = ranges.channels(place)?;
        let weights = |channel: usize| {
            let columns =
                layers.iter().flat_map(|layer| layer.weight.values.iter().skip(channel).step_by(values.len()));
            columns.fold(0f32, |most, w| most.max(w.abs()))
        };
        let ratio = |channel: usize| (f64::from(values[channel]) / f64::from(weights(channel))).sqrt();
        let ratios: Vec<f64> = (0..values.len()).map(ratio).collect();
        // Dead channels keep their scale; of the others, the mean stays.
        let alive = ratios.iter().filter(|ratio| ratio.is_finite() && **ratio > 0.0);
        let mean = alive.clone().map(|ratio| ratio.log2()).sum::<f64>() / alive.count().max(1) as f64;
        let factor = |ratio: &f64| {
            if ratio.is_finite() && *ratio > 0.0 { eighths(ratio / mean.exp2()) } else { 0 }
        };
        self.of.insert(place, ratios.iter().map(factor).collect());
        Ok(())
    }

    /// Those of a norm's channels; none if they are left as they are.
    pub(super) fn at(&self, place: Place) -> &[i32] {
        self.of.get(&place).map_or(&[], Vec::as_slice)
    }

    /// A layer that reads that norm.
    pub(super) fn reader(&self, layer: &Dense, place: Place) -> Dense {
        let (mut layer, factors) = (layer.clone(), self.at(place));
        if !factors.is_empty() {
            for row in layer.weight.values.chunks_exact_mut(factors.len()) {
                row.iter_mut().zip(factors).for_each(|(w, &by)| *w = (f64::from(*w) * factor(by)) as f32);
            }
        }
        layer
    }

    /// The mean of what it reads, likewise divided.
    pub(super) fn means(&self, means: &[f64], place: Place) -> Vec<f64> {
        let by = |channel: usize| self.at(place).get(channel).map_or(1.0, |&by| factor(by));
        means.iter().enumerate().map(|(channel, mean)| mean / by(channel)).collect()
    }

    /// The norm itself.
    pub(super) fn norm(&self, norm: &Norm, place: Place) -> Norm {
        let (mut norm, factors) = (norm.clone(), self.at(place));
        for values in std::iter::once(&mut norm.gain).chain(&mut norm.bias) {
            values.iter_mut().zip(factors).for_each(|(x, &by)| *x = (f64::from(*x) / factor(by)) as f32);
        }
        norm
    }
}

/// What the attention of a block reads: the output of a norm, or the residual stream.
pub(super) fn attention_input(model: &Model, index: usize) -> Place {
    let Block { order, .. } = model.blocks[index];
    match order {
        Order::PreNorm => Place::Block(index, Site::FirstNorm),
        Order::PostNorm => match index.checked_sub(1) {
            Some(before) => Place::Block(before, Site::SecondNorm),
            None if model.embedding_norm.is_some() => Place::EmbeddingNorm,
            None => Place::Block(index, Site::AttentionInput),
        },
    }
}

/// The norm whose output the feed-forward layers of a block read.
pub(super) fn feed_input(block: &Block, index: usize) -> Place {
    let site = if block.order == Order::PreNorm { Site::SecondNorm } else { Site::FirstNorm };
    Place::Block(index, site)
}
