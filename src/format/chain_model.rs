//! Host side: a model as a chain of parts, in integers.

use super::shape::{OutputKind, Softmax};
use super::write::{BlockModel, EncoderModel, LinearModel, NormModel, TokenModel};
use crate::arithmetic::head_scale::HeadScale;
use crate::arithmetic::requantise::{Channel, Scale};
use crate::arithmetic::softmax::Steepness;
use crate::audio::Tables;
use crate::block::ResidualScale;
use crate::norm::NormChannel;
use crate::parts::{MemoryShape, Patches, PoolKind};
use crate::pattern::Window;
use crate::rope::Pairing;
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
        /// Whether these are rows of a picture: columns of one channel, not channels of one column.
        is_picture: bool,
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

impl AttentionModel {
    /// A block's heads all look everywhere: those of version 1 of the format.
    fn plain(block: &BlockModel, head_dim: usize) -> Self {
        let BlockModel { heads, reduce, query, key, value, output, .. } = block.clone();
        let (key_heads, pattern) = (heads.len(), PatternModel::default());
        Self { heads, key_heads, head_dim, reduce, query, key, value, output, pattern, memory: None }
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
                (
                    InputModel::Audio { frames, is_picture: false, tables },
                    Patches::of_series(frames, bands, per_position),
                )
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
