//! Host side: writing a chain of parts from integer parameters.

use super::part::{
    ATTENTION, CHANNELS, CONVOLUTION, DENSE, EMBEDDING, FEATURES, FEED_FORWARD, FINE_FEED_FORWARD, GATED, LABELS,
    MEMORY, MODEL, NORM, OUTPUT, POOL, POSITIONS, RESIDUAL, ROWS, STEM, TOKEN_INPUT, TOKEN_TYPES, TOKENIZER, UNIT,
};
use super::shape::{OutputKind, Softmax};
use super::write::{BlockModel, EncoderModel, LinearModel, NormModel, Writer, linear, norm, pack, same};
use super::write_decoder::{TokenModel, tokenizer};
use super::{AUDIO, File};
use crate::arithmetic::head_scale::HeadScale;
use crate::arithmetic::requantise::{Channel, Scale};
use crate::arithmetic::softmax::Steepness;
use crate::audio::Tables;
use crate::block::ResidualScale;
use crate::norm::NormChannel;
use crate::parts::{MemoryShape, Patches, PoolKind};
use crate::pattern::Window;
use crate::rope::Pairing;
use crate::{Allowed, Error};
use std::string::String;
use std::vec;
use std::vec::Vec;

/// A model as a chain of parts.
#[derive(Clone, PartialEq, Debug)]
pub struct ChainModel {
    /// Softmax weights.
    pub softmax: Softmax,
    /// What goes in.
    pub input: InputModel,
    /// First to last; the last is [`PartModel::Output`].
    pub parts: Vec<PartModel>,
    /// Names of the outputs: none, or one each of at most 255 bytes.
    pub labels: Vec<String>,
    /// The unit of outputs that are values, of at most 255 bytes; or empty.
    pub unit: String,
    /// Of a language model: one per token, or none: the tokenizer.
    pub tokens: Vec<TokenModel>,
}

/// What goes in.
#[derive(Clone, PartialEq, Debug)]
pub enum InputModel {
    /// Numbers `[steps][columns][channels]`.
    Features {
        /// Steps of a series, rows of an image.
        steps: usize,
        /// Columns of an image; else 1.
        columns: usize,
        /// Whether they have 15 bits, not 8.
        fine: bool,
        /// Readings in a thousand seconds; 0 where that is not known.
        millihertz: u32,
        /// The channels.
        channels: Vec<ChannelModel>,
    },
    /// So many frames of sound.
    Audio {
        /// Frames.
        frames: usize,
        /// The front end.
        tables: Tables,
    },
    /// Tokens.
    Tokens {
        /// How many, at most.
        positions: usize,
        /// Of how many kinds.
        vocabulary: usize,
    },
}

/// A channel of features.
#[derive(Clone, PartialEq, Debug)]
pub struct ChannelModel {
    /// Its name, of at most 255 bytes; or empty.
    pub name: String,
    /// The real value of 0.
    pub zero: f32,
    /// The real value of a unit.
    pub unit: f32,
    /// From a raw reading of a sensor, int16, times 4,096 to the unit; for all channels or none.
    pub reading: Option<Channel>,
}

impl ChannelModel {
    /// A channel without a name, whose 0 is 0.
    #[must_use]
    pub const fn of_unit(unit: f32) -> Self {
        Self { name: String::new(), zero: 0.0, unit, reading: None }
    }
}

/// One part.
#[derive(Clone, PartialEq, Debug)]
pub enum PartModel {
    /// A second input `[steps][channels]` of 8 bits, for attention to look at.
    Memory {
        /// Rows.
        steps: usize,
        /// For each channel, the real value of 0 and of a unit.
        channels: Vec<(f32, f32)>,
    },
    /// A convolution over the input, or over what the last one made of it.
    Convolution {
        /// Which places it looks at.
        patches: Patches,
        /// Whether each output looks at one channel alone.
        depthwise: bool,
        /// `[outputs][kernel rows][kernel columns][channels]`, or without the channels; to int16.
        layer: LinearModel,
        /// Of an input of 15 bits: channels of its lower 7 bits. Else empty.
        fine: Vec<Channel>,
        /// The activation in 256ths of the steps of the map, at every 256th argument from -32,768 on; the last two are
        /// one end.
        table: [i16; 258],
    },
    /// What the residual stream starts from.
    Positions {
        /// How many, class tokens among them.
        count: usize,
        /// Width of the residual stream.
        width: usize,
        /// Class tokens.
        class_tokens: usize,
        /// `[count][width]`, or empty for zeros.
        values: Vec<i16>,
    },
    /// Adds a linear layer of each patch of the input.
    Stem {
        /// Class tokens before the first patch.
        class_tokens: usize,
        /// Which patches there are.
        patches: Patches,
        /// `[width][kernel rows][kernel columns][channels]`
        layer: LinearModel,
        /// Of an input of 15 bits: channels of its lower 7 bits. Else empty.
        fine: Vec<Channel>,
    },
    /// Adds the rows of tokens.
    Embedding {
        /// Class tokens before the first token.
        class_tokens: usize,
        /// From a weight times its channel's scale to the residual stream.
        factor: u32,
        /// `[vocabulary][width]`
        layer: LinearModel,
    },
    /// Adds the rows of their types.
    TokenTypes {
        /// Class tokens before the first token.
        class_tokens: usize,
        /// Width of the residual stream.
        width: usize,
        /// `[types][width]`
        values: Vec<i16>,
    },
    /// Residual stream to rows, by a norm.
    Norm {
        /// The norm.
        norm: NormModel,
        /// Whether it is an RMSNorm.
        rms: bool,
        /// Where its result is the residual stream, too, as after a post-norm block: the gains and offsets for that,
        /// and their scale over that of the residual stream, over 65,536.
        carry: Option<(Vec<NormChannel>, Scale)>,
    },
    /// Residual stream to rows: a bias and a factor for each value.
    Rows(Vec<Channel>),
    /// Rows to the residual stream, by a factor.
    Residual {
        /// Width of both.
        width: usize,
        /// The factor.
        scale: ResidualScale,
    },
    /// Adds attention.
    Attention(AttentionModel),
    /// Adds two layers with an activation between them.
    FeedForward {
        /// `[hidden][width]`
        expand: LinearModel,
        /// Activation, indexed by the value's bits.
        activation: [i8; 256],
        /// `[width][hidden]`
        contract: LinearModel,
    },
    /// The same, with the activation of int16.
    FineFeedForward {
        /// `[hidden][width]`, to int16.
        expand: LinearModel,
        /// The activation in 256ths of the steps of the hidden values, at every 256th argument from -32,768 on; the
        /// last two are one end.
        table: [i16; 258],
        /// `[width][hidden]`
        contract: LinearModel,
    },
    /// Adds gated layers.
    Gated {
        /// `[hidden][width]`
        gate: LinearModel,
        /// `[hidden][width]`
        up: LinearModel,
        /// Activation of the gate, indexed by its bits.
        table: [i16; 256],
        /// From the activation times the other half to the hidden values.
        product: Scale,
        /// `[width][hidden]`
        down: LinearModel,
        /// Whether hidden values keep seven more bits.
        hidden15: bool,
    },
    /// All rows to one.
    Pool {
        /// Width of the rows.
        width: usize,
        /// How.
        kind: PoolKind,
        /// Of a mean: of how many rows.
        count: usize,
        /// Of a mean: from the sum to the mean.
        scale: Scale,
    },
    /// All rows to one: their mean by weights, which are the softmax of a score for each.
    WeightedPool {
        /// `[1][width]`, to the scores.
        layer: LinearModel,
        /// Of these, and from the rows to their mean.
        scale: HeadScale,
    },
    /// Rows to rows, by a layer.
    Dense {
        /// `[outputs][inputs]`
        layer: LinearModel,
        /// Activation, indexed by the value's bits.
        activation: Option<[i8; 256]>,
    },
    /// What comes out.
    Output {
        /// Values of a row.
        width: usize,
        /// What they mean.
        kind: OutputKind,
        /// Octaves of probability per unit of a logit.
        logit: Steepness,
        /// Real value of a unit.
        step: f32,
        /// `[outputs][width]`; without it, the row is the output.
        layer: Option<LinearModel>,
    },
    /// What comes out of a language model whose output layer is the embedding.
    TiedOutput {
        /// Values of a row.
        width: usize,
        /// Tokens.
        outputs: usize,
        /// Octaves of probability per unit of a logit.
        logit: Steepness,
        /// Real value of a unit.
        step: f32,
    },
}

/// Attention as a part.
#[derive(Clone, PartialEq, Debug)]
pub struct AttentionModel {
    /// One per head.
    pub heads: Vec<HeadScale>,
    /// Heads of keys and values.
    pub key_heads: usize,
    /// Dimension of a head.
    pub head_dim: usize,
    /// `[3 * rank][width]`, for queries, keys and values: with it these three projections are of low rank, and read
    /// `[rank]` instead of `[width]`.
    pub reduce: Option<LinearModel>,
    /// `[heads * head_dim][width]`, or `[heads * width][width]` without a key projection.
    pub query: LinearModel,
    /// `[key_heads * head_dim][width]`; `None` where it is fused into that of the queries.
    pub key: Option<LinearModel>,
    /// `[key_heads * head_dim][width]`
    pub value: LinearModel,
    /// `[width][heads * head_dim]`
    pub output: LinearModel,
    /// Which keys the heads look at.
    pub pattern: PatternModel,
    /// What keys and values are made of, if not of the rows.
    pub memory: Option<MemoryShape>,
}

/// Which keys heads look at, and what positions add to their scores.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PatternModel {
    /// Whether keys after the query are hidden.
    pub causal: bool,
    /// One per head, or none.
    pub windows: Vec<Window>,
    /// One per head, or none: how much a score falls per position, in units of the score over 256.
    pub slopes: Vec<u32>,
    /// Distances, and `[heads][distances]` biases.
    pub relative: Option<(usize, Vec<i32>)>,
    /// Rotation: the pairing, and the frequency of each pair.
    pub rope: Option<(Pairing, Vec<u32>)>,
}

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
            InputModel::Audio { frames, tables } => {
                let mut words = counts(&[*frames]);
                words.extend(super::write::audio(tables)?);
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
                let (width, hidden) = (contract.channels.len(), expand.channels.len());
                let mut words = counts(&[width, hidden]);
                words.extend(linear("first feed-forward layer", expand, width, hidden)?);
                words.extend(pack(bytemuck::cast_slice(activation)));
                words.extend(linear("second feed-forward layer", contract, hidden, width)?);
                file.section(FEED_FORWARD, words);
            }
            Self::FineFeedForward { expand, table, contract } => {
                let (width, hidden) = (contract.channels.len(), expand.channels.len());
                let mut words = counts(&[width, hidden]);
                words.extend(linear("first feed-forward layer", expand, width, hidden)?);
                words.extend(pack(bytemuck::cast_slice(table)));
                words.extend(linear("second feed-forward layer", contract, hidden, width)?);
                file.section(FINE_FEED_FORWARD, words);
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
    /// A block's heads all look everywhere: those of version 1 of the format.
    fn plain(block: &BlockModel, head_dim: usize) -> Self {
        let BlockModel { heads, reduce, query, key, value, output, .. } = block.clone();
        let (key_heads, pattern) = (heads.len(), PatternModel::default());
        Self { heads, key_heads, head_dim, reduce, query, key, value, output, pattern, memory: None }
    }

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

impl From<EncoderModel> for ChainModel {
    /// A pre-norm encoder with a classifier, as version 1 of the format has it.
    fn from(model: EncoderModel) -> Self {
        let c = model.config;
        let (input, patches) = match model.audio {
            Some(tables) => {
                let (frames, bands) = (c.inputs * c.positions, tables.params.bands as usize);
                let (frames, per_position) = (frames / bands, c.inputs / bands);
                (InputModel::Audio { frames, tables }, Patches::of_series(frames, bands, per_position))
            }
            None => {
                let channels = vec![ChannelModel::of_unit(1.0); c.inputs];
                let (steps, millihertz) = (c.positions, 0);
                let input = InputModel::Features { steps, columns: 1, fine: false, millihertz, channels };
                (input, Patches::of_series(c.positions, c.inputs, 1))
            }
        };
        let layer_norm = |norm: &NormModel| PartModel::Norm { norm: norm.clone(), rms: false, carry: None };
        let mut parts = vec![
            PartModel::Positions { count: c.positions, width: c.width, class_tokens: 0, values: model.positions },
            PartModel::Stem { class_tokens: 0, patches, layer: model.embedding, fine: vec![] },
        ];
        for block in model.blocks {
            parts.push(layer_norm(&block.attention_norm));
            parts.push(PartModel::Attention(AttentionModel::plain(&block, c.head_dim)));
            parts.push(layer_norm(&block.hidden_norm));
            let BlockModel { expand, activation, contract, .. } = block;
            parts.push(PartModel::FeedForward { expand, activation, contract });
        }
        parts.push(layer_norm(&model.norm));
        parts.push(PartModel::Pool { width: c.width, kind: PoolKind::Mean, count: c.positions, scale: c.pool });
        let step = (c.logit.to_real() / core::f64::consts::LOG2_E) as f32;
        let (kind, layer) = (OutputKind::Classes, Some(model.classifier));
        parts.push(PartModel::Output { width: c.width, kind, logit: c.logit, step, layer });
        Self { softmax: c.softmax, input, parts, labels: model.labels, unit: String::new(), tokens: vec![] }
    }
}
