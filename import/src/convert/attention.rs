//! Integers of attention.

use super::balance::attention_input;
use super::layer::linear;
use super::patches::in_units;
use super::scales::ROTATED;
use super::{Chain, ConvertError};
use crate::graph::{Attention, Dense, Place, Positions, Site};
use heedful::format::write::{AttentionModel, PartModel, PatternModel};
use heedful::{HeadScale, MemoryShape, Slope};
use std::f64::consts::{LOG2_E, TAU};

/// The largest bias of a score, in either direction: it decides alone.
const MOST_BIAS: f64 = 4_194_304.0;

impl Chain<'_> {
    pub(super) fn attention(&mut self, index: usize, a: &Attention) -> Result<(), ConvertError> {
        let (s, at) = (self.scales, |site| Place::Block(index, site));
        let name = |part: &str| format!("{part} of block {index}");
        let input = self.ensure_rows(at(Site::AttentionInput))?;
        let from = attention_input(self.model, index);
        let read = |layer: &Dense| s.balance.reader(layer, from);
        let means = s.balance.means(&self.ranges.means(from)?, from);
        // Keys and values are made of the same rows, or of the memory.
        let memory = self.model.memory.filter(|_| a.cross);
        let (key, value, key_input, key_means) = match memory {
            Some(_) => {
                let means = self.ranges.means(Place::Memory)?;
                let means = means.iter().zip(&s.memory).map(|(mean, step)| mean / step).collect();
                (in_units(&a.key, &s.memory), in_units(&a.value, &s.memory), 1.0, means)
            }
            None => (read(&a.key), read(&a.value), input, means.clone()),
        };
        let (queries, keys, values) = (s.heads(at(Site::Query)), s.heads(at(Site::Key)), s.heads(at(Site::Value)));
        let outputs = s.at(at(Site::HeadsOut));
        for (site, steps) in [(Site::Query, queries), (Site::Key, keys), (Site::Value, values)] {
            self.round(at(site), steps.iter().flat_map(|&step| std::iter::repeat_n(step, a.head_dim)));
        }
        self.round(at(Site::HeadsOut), [outputs]);
        let finer = if let Positions::Rotary { .. } = self.model.positions { ROTATED } else { 1.0 };
        let group = a.heads / a.kv_heads;
        let mut octaves = Vec::new();
        let heads = (0..a.heads).map(|head| {
            let (query, key, value) = (queries[head], keys[head / group], values[head / group]);
            let per_unit = LOG2_E * f64::from(a.scales[head]) * query * key;
            octaves.push(per_unit);
            let scale = HeadScale::from_real(per_unit, (value / outputs).max(1.0 / 255.9));
            scale.result().map_err(|error| ConvertError::scale(&name(&format!("head {head}")), error))
        });
        let heads = heads.collect::<Result<Vec<_>, _>>()?;
        let dim = a.head_dim;
        let per_head = |scales: &[f64], finer: f64| {
            let scales = scales.to_vec();
            move |row: usize| scales[row / dim] / finer
        };
        let attention = AttentionModel {
            key_heads: a.kv_heads,
            head_dim: dim,
            reduce: None,
            query: linear(&name("queries"), &read(&a.query), &means, input, per_head(queries, finer))?,
            key: Some(linear(&name("keys"), &key, &key_means, key_input, per_head(keys, finer))?),
            value: linear(&name("values"), &value, &key_means, key_input, per_head(values, 1.0))?,
            output: linear(
                &name("output of the attention"),
                &a.out,
                &self.ranges.means(at(Site::HeadsOut))?,
                outputs,
                |_| self.stream(),
            )?,
            pattern: self.pattern(index, a, &heads, &octaves)?,
            heads,
            memory: memory.map(|memory| MemoryShape { steps: memory.steps, channels: memory.channels }),
        };
        self.parts.push(PartModel::Attention(attention));
        Ok(())
    }

    fn pattern(
        &self,
        index: usize,
        a: &Attention,
        heads: &[HeadScale],
        octaves: &[f64],
    ) -> Result<PatternModel, ConvertError> {
        if a.cross {
            let plain = matches!(self.model.positions, Positions::None | Positions::Table(_));
            return if plain && !a.causal && a.windows.is_empty() {
                Ok(PatternModel::default())
            } else {
                Err(ConvertError::Unsupported("masks and relative positions of attention to a memory"))
            };
        }
        let mut pattern = PatternModel { causal: a.causal, windows: a.windows.clone(), ..PatternModel::default() };
        match &self.model.positions {
            Positions::None | Positions::Table(_) => {}
            Positions::Rotary { pairing, frequencies } => {
                let units = frequencies.iter().map(|radians| (radians / TAU * 4_294_967_296.0).round() as u32);
                pattern.rope = Some((*pairing, units.collect()));
            }
            Positions::Alibi { slopes } => {
                let slope = |(head, &slope): (usize, &f64)| {
                    let slope = Slope::from_real(slope, heads[head].steepness()).result();
                    let layer = format!("slope of head {head} of block {index}");
                    slope.map(|slope| slope.0).map_err(|error| ConvertError::scale(&layer, error))
                };
                pattern.slopes = slopes.iter().enumerate().map(slope).collect::<Result<_, _>>()?;
            }
            Positions::Relative { table } => {
                let biases = (0..a.heads).flat_map(|head| {
                    let unit = LOG2_E / octaves[head];
                    table.row(head).iter().map(move |&bias| (f64::from(bias) * unit).round())
                });
                let biases = biases.map(|bias| bias.clamp(-MOST_BIAS, MOST_BIAS) as i32).collect();
                pattern.relative = Some((table.columns, biases));
            }
        }
        Ok(pattern)
    }
}
