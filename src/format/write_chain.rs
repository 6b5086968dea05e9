//! Host side: writing a chain of parts from integer parameters.

use super::chain_model::{AttentionModel, ChainModel, InputModel, PartModel};
use super::part::{
    ATTENTION, CHANNELS, CONVOLUTION, DENSE, EMBEDDING, FEATURES, FEED_FORWARD, FINE_FEED_FORWARD, GATED, LABELS,
    MEMORY, MODEL, NORM, OUTPUT, POOL, POSITIONS, RESIDUAL, ROWS, STEM, TOKEN_INPUT, TOKEN_TYPES, TOKENIZER, UNIT,
};
use super::shape::OutputKind;
use super::write::{LinearModel, Writer, linear, norm, pack, same};
use super::write_decoder::tokenizer;
use super::{AUDIO, File, Tag};
use crate::arithmetic::requantise::Channel;
use crate::parts::{Patches, PoolKind};
use crate::{Allowed, Error};
use std::string::String;
use std::vec;
use std::vec::Vec;

impl ChainModel {
    /// The bytes of the file.
    ///
    /// # Errors
    /// If parts do not fit together or a value is out of bounds: all that a reader would refuse.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut file = Writer::new();
        file.section(MODEL, vec![self.softmax.bits()]);
        match &self.input {
            InputModel::Features { steps, columns, fine, millihertz, channels } => {
                let readings: Vec<Channel> = channels.iter().filter_map(|channel| channel.reading).collect();
                let mut words = counts(&[*steps, *columns, channels.len(), if *fine { 15 } else { 8 }]);
                words.extend([*millihertz, u32::from(!readings.is_empty())]);
                words.extend(channels.iter().flat_map(|channel| [channel.zero.to_bits(), channel.unit.to_bits()]));
                if !readings.is_empty() {
                    same("channels of raw readings", channels.len(), readings.len())?;
                    words.extend(bytemuck::cast_slice::<_, u32>(&readings));
                }
                file.section(FEATURES, words);
                if channels.iter().any(|channel| !channel.name.is_empty()) {
                    let names: Vec<String> = channels.iter().map(|channel| channel.name.clone()).collect();
                    file.section(CHANNELS, super::write::labels(&names)?);
                }
            }
            InputModel::Audio { frames, is_picture, tables } => {
                let mut words = counts(&[*frames]);
                words.extend(super::write::audio(tables, *is_picture)?);
                file.section(AUDIO, words);
            }
            InputModel::Tokens { positions, vocabulary } => {
                file.section(TOKEN_INPUT, counts(&[*positions, *vocabulary]));
            }
        }
        for part in &self.parts {
            part.write(&mut file)?;
        }
        let outputs = match self.parts.last() {
            Some(PartModel::Output { width, layer, .. }) => layer.as_ref().map_or(*width, |layer| layer.channels.len()),
            Some(PartModel::TiedOutput { outputs, .. }) => *outputs,
            _ => 0,
        };
        if !self.labels.is_empty() {
            same("labels", outputs, self.labels.len())?;
            file.section(LABELS, super::write::labels(&self.labels)?);
        }
        if !self.unit.is_empty() {
            file.section(UNIT, super::write::labels(core::slice::from_ref(&self.unit))?);
        }
        if !self.tokens.is_empty() {
            file.section(TOKENIZER, tokenizer(&self.tokens)?);
        }
        let bytes = file.finish();
        // Whatever a reader would refuse is refused here.
        let words: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|&word| u32::from_le_bytes(word)).collect();
        let file = File::open(&words)?;
        file.tokenizer(file.shape()?.input.channels)?;
        Ok(bytes)
    }
}

fn counts(counts: &[usize]) -> Vec<u32> {
    // What does not fit is more than a reader allows.
    counts.iter().map(|&count| u32::try_from(count).unwrap_or(u32::MAX)).collect()
}

/// Inputs of a layer, as its weights have them.
fn inputs(layer: &LinearModel) -> usize {
    layer.weights.len().checked_div(layer.channels.len()).unwrap_or(0)
}

/// What tells patches, of values of 15 bits or 8.
fn patches(p: &Patches, fine: bool) -> Vec<u32> {
    let [rows, columns, channels] = p.input;
    let mut words = counts(&[rows, columns, channels, if fine { 15 } else { 8 }]);
    words.extend(counts(&[p.kernel, p.stride, p.padding].concat()));
    words.push(u32::from(p.zero.cast_unsigned()));
    words
}

/// Two layers, and the table of what lies between them.
fn feed_forward(
    file: &mut Writer,
    tag: Tag,
    expand: &LinearModel,
    table: &[u8],
    contract: &LinearModel,
) -> Result<(), Error> {
    let (width, hidden) = (contract.channels.len(), expand.channels.len());
    let mut words = counts(&[width, hidden]);
    words.extend(linear("first feed-forward layer", expand, width, hidden)?);
    words.extend(pack(table));
    words.extend(linear("second feed-forward layer", contract, hidden, width)?);
    file.section(tag, words);
    Ok(())
}

impl PartModel {
    fn write(&self, file: &mut Writer) -> Result<(), Error> {
        match self {
            Self::Memory { steps, channels } => {
                let mut words = counts(&[*steps, channels.len()]);
                words.extend(channels.iter().flat_map(|(zero, unit)| [zero.to_bits(), unit.to_bits()]));
                file.section(MEMORY, words);
            }
            Self::Convolution { patches: p, depthwise, layer, fine, table } => {
                let outputs = layer.channels.len();
                let mut words = counts(&[outputs, usize::from(*depthwise)]);
                words.extend(patches(p, !fine.is_empty()));
                let values = if *depthwise { p.kernel[0] * p.kernel[1] } else { p.values() };
                words.extend(linear("convolution", layer, values, outputs)?);
                words.extend(bytemuck::cast_slice::<_, u32>(fine));
                words.extend(pack(bytemuck::cast_slice(table)));
                file.section(CONVOLUTION, words);
            }
            Self::TokenTypes { class_tokens, width, values } => {
                let types = values.len().checked_div(*width).unwrap_or(0);
                same("values of the token types", types * width, values.len())?;
                let mut words = counts(&[types, *width, *class_tokens]);
                words.extend(pack(bytemuck::cast_slice(values)));
                file.section(TOKEN_TYPES, words);
            }
            Self::WeightedPool { layer, scale } => {
                let width = inputs(layer);
                let mut words = counts(&[width, 4, 1]);
                words.extend(bytemuck::cast_slice::<_, u32>(&[*scale]));
                words.extend(linear("scores of the pooling", layer, width, 1)?);
                file.section(POOL, words);
            }
            Self::Positions { count, width, class_tokens, values } => {
                let mut words = counts(&[*count, *width, *class_tokens, usize::from(!values.is_empty())]);
                if !values.is_empty() {
                    same("values of the positions", count * width, values.len())?;
                    words.extend(pack(bytemuck::cast_slice(values)));
                }
                file.section(POSITIONS, words);
            }
            Self::Stem { class_tokens, patches: p, layer, fine } => {
                let width = layer.channels.len();
                let mut words = counts(&[width, *class_tokens]);
                words.extend(patches(p, !fine.is_empty()));
                words.extend(linear("stem", layer, p.values(), width)?);
                words.extend(bytemuck::cast_slice::<_, u32>(fine));
                file.section(STEM, words);
            }
            Self::Embedding { class_tokens, factor, layer } => {
                let (tokens, width) = (layer.channels.len(), inputs(layer));
                let mut words = counts(&[tokens, width, *class_tokens]);
                words.push(*factor);
                words.extend(linear("embedding", layer, width, tokens)?);
                file.section(EMBEDDING, words);
            }
            Self::Norm { norm: layer, rms, carry } => {
                let mut words = counts(&[layer.channels.len(), usize::from(*rms), usize::from(carry.is_some())]);
                words.extend(norm(layer, layer.channels.len())?);
                if let Some((channels, scale)) = carry {
                    same("channels of the residual stream", layer.channels.len(), channels.len())?;
                    words.push(scale.to_word());
                    words.extend(bytemuck::cast_slice::<_, u32>(channels));
                }
                file.section(NORM, words);
            }
            Self::Rows(channels) => {
                let mut words = counts(&[channels.len()]);
                words.extend(bytemuck::cast_slice::<_, u32>(channels));
                file.section(ROWS, words);
            }
            Self::Residual { width, scale } => {
                file.section(RESIDUAL, [counts(&[*width]), vec![scale.to_word()]].concat());
            }
            Self::Attention(attention) => file.section(ATTENTION, attention.words()?),
            Self::FeedForward { expand, activation, contract } => {
                feed_forward(file, FEED_FORWARD, expand, bytemuck::cast_slice(activation), contract)?;
            }
            Self::FineFeedForward { expand, table, contract } => {
                feed_forward(file, FINE_FEED_FORWARD, expand, bytemuck::cast_slice(table), contract)?;
            }
            Self::Gated { gate, up, table, product, down, hidden15 } => {
                let (width, hidden) = (down.channels.len(), gate.channels.len());
                let mut words = counts(&[width, hidden, usize::from(*hidden15)]);
                words.extend(linear("gate", gate, width, hidden)?);
                words.extend(linear("layer beside the gate", up, width, hidden)?);
                words.extend(pack(bytemuck::cast_slice(table)));
                words.push(product.to_word());
                words.extend(linear("layer after the gate", down, hidden, width)?);
                file.section(GATED, words);
            }
            Self::Pool { width, kind, count, scale } => {
                let kind = match kind {
                    PoolKind::Mean => 0,
                    PoolKind::First => 1,
                    PoolKind::Last => 2,
                    PoolKind::Max => 3,
                };
                file.section(POOL, [counts(&[*width, kind, *count]), vec![scale.to_word()]].concat());
            }
            Self::Dense { layer, activation } => {
                let (from, to) = (inputs(layer), layer.channels.len());
                let mut words = counts(&[from, to, usize::from(activation.is_some())]);
                words.extend(linear("dense layer", layer, from, to)?);
                words.extend(activation.iter().flat_map(|table| pack(bytemuck::cast_slice(table))));
                file.section(DENSE, words);
            }
            Self::Output { width, kind, logit, step, layer } => {
                let kind = match kind {
                    OutputKind::Classes => 0,
                    OutputKind::Labels => 1,
                    OutputKind::Values => 2,
                    OutputKind::Embedding => 3,
                    OutputKind::NextToken => 4,
                };
                let outputs = layer.as_ref().map_or(*width, |layer| layer.channels.len());
                let mut words = counts(&[*width, outputs, kind, usize::from(layer.is_some())]);
                words.extend([logit.to_word(), step.to_bits()]);
                if let Some(layer) = layer {
                    words.extend(linear("output", layer, *width, outputs)?);
                }
                file.section(OUTPUT, words);
            }
            Self::TiedOutput { width, outputs, logit, step } => {
                let words = [counts(&[*width, *outputs, 4, 2]), vec![logit.to_word(), step.to_bits()]];
                file.section(OUTPUT, words.concat());
            }
        }
        Ok(())
    }
}

impl AttentionModel {
    fn words(&self) -> Result<Vec<u32>, Error> {
        let (heads, width) = (self.heads.len(), self.output.channels.len());
        let rank = self.reduce.as_ref().map(|reduce| reduce.channels.len() / 3);
        if self.memory.is_some() {
            same("reductions of attention to a memory", 0, usize::from(self.reduce.is_some()))?;
            same("key projections of attention to a memory", 1, usize::from(self.key.is_some()))?;
        }
        let kind = match (&self.key, rank) {
            (Some(_), None) if self.memory.is_some() => 3,
            (Some(_), None) => 0,
            (None, None) => 1,
            (Some(_), Some(_)) => 2,
            // Fused weights are whole ones.
            (None, Some(_)) => {
                return Err(Error::Shape {
                    what: "key projections of attention of low rank",
                    allowed: Allowed::Exactly(1),
                    found: 0,
                });
            }
        };
        let (dim, inner) = (if kind == 1 { width } else { self.head_dim }, heads * self.head_dim);
        let (inputs, key_inner) = (rank.unwrap_or(width), self.key_heads * self.head_dim);
        let key_inputs = self.memory.map_or(inputs, |memory| memory.channels);
        let p = &self.pattern;
        let flags = [p.causal, !p.windows.is_empty(), !p.slopes.is_empty(), p.relative.is_some(), p.rope.is_some()];
        let flags = flags.iter().enumerate().map(|(bit, &on)| u32::from(on) << bit).sum();
        let rank = rank.or(self.memory.map(|memory| memory.channels)).unwrap_or(0);
        let mut words = counts(&[width, heads, self.key_heads, self.head_dim, kind, rank]);
        words.push(flags);
        words.extend(self.memory.iter().flat_map(|memory| counts(&[memory.steps])));
        words.extend(bytemuck::cast_slice::<_, u32>(&self.heads));
        if let Some(reduce) = &self.reduce {
            words.extend(linear("reduction", reduce, width, 3 * inputs)?);
        }
        words.extend(linear("query projection", &self.query, inputs, heads * dim)?);
        if let Some(key) = &self.key {
            words.extend(linear("key projection", key, key_inputs, key_inner)?);
        }
        words.extend(linear("value projection", &self.value, key_inputs, key_inner)?);
        words.extend(linear("output projection", &self.output, inner, width)?);
        if !p.windows.is_empty() {
            same("windows", heads, p.windows.len())?;
            words.extend(p.windows.iter().flat_map(|w| counts(&[w.back, w.ahead, w.dilation, w.sinks])));
        }
        if !p.slopes.is_empty() {
            same("slopes", heads, p.slopes.len())?;
            words.extend(&p.slopes);
        }
        if let Some((span, biases)) = &p.relative {
            same("biases by distance", heads * span, biases.len())?;
            words.extend(counts(&[*span]));
            words.extend(bytemuck::cast_slice::<_, u32>(biases));
        }
        if let Some((pairing, frequencies)) = &p.rope {
            words.extend([*pairing as u32, frequencies.len() as u32]);
            words.extend(frequencies);
        }
        Ok(words)
    }
}
