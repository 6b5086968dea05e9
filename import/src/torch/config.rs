//! The TOML beside a state dict: what its tensors do not say.

use super::names::{BlockNames, Names};
use crate::graph::{Activation, Model};
use crate::words;
use crate::{AudioConfig, FrontEnd, ImportError};
use serde::{Deserialize, Serialize};

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The transformer.
    pub model: ModelConfig,
    /// What it is given.
    pub input: InputConfig,
    /// What made it of samples, if the file is to hear them.
    pub audio: Option<AudioConfig>,
    /// What attention looks at instead of the tokens, if it does.
    pub memory: Option<MemoryConfig>,
    /// What makes tokens of it.
    #[serde(default)]
    pub stem: StemConfig,
    /// Convolutions before the embedding, in turn.
    #[serde(default)]
    pub convolutions: Vec<ConvolutionConfig>,
    /// Names of tensors.
    #[serde(default)]
    pub names: Names,
}

impl Config {
    /// Names inside a layer.
    #[must_use]
    pub fn block_names(&self) -> BlockNames {
        let attention = if self.memory.is_some() { "multihead_attn" } else { "self_attn" };
        self.names.block.clone().unwrap_or_else(|| BlockNames::of(attention))
    }

    /// The front end of the model that [`read`](super::read) gives, if there is one.
    ///
    /// # Errors
    /// If it cannot be, or the model is given something else.
    pub fn front_end(&self, model: &Model) -> Result<Option<FrontEnd>, ImportError> {
        let Some(audio) = &self.audio else { return Ok(None) };
        let InputConfig { rate, names, offset, scale, .. } = &self.input;
        if rate.is_some() || [names.len(), offset.len(), scale.len()] != [0; 3] {
            let expected = "none of these: a front end makes the channels of samples";
            return Err(ImportError::setting("input", "rate, names, offset or scale beside `[audio]`", expected));
        }
        if self.memory.is_some() {
            return Err(ImportError::setting(
                "memory",
                "there beside `[audio]`",
                "no second input of a model that hears",
            ));
        }
        FrontEnd::new(audio, model).map(Some)
    }

    /// Reads the text.
    ///
    /// # Errors
    /// If it is no TOML, or has other keys or values than there are.
    pub fn parse(text: &str) -> Result<Self, ImportError> {
        words::parse(text)
    }

    /// The text that is read as this.
    ///
    /// # Errors
    /// If a number is larger than TOML can hold.
    pub fn to_toml(&self) -> Result<String, ImportError> {
        toml::to_string(self).map_err(|error| ImportError::Syntax { line: None, reason: error.to_string() })
    }
}

/// The `[model]` table. Names and defaults are those of `nn.TransformerEncoderLayer`; what would be wrong in silence
/// has no default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Heads of attention.
    pub heads: usize,
    /// Heads of keys and values, if they are fewer.
    pub kv_heads: Option<usize>,
    /// Values of a head, if not the width over the heads.
    pub head_dim: Option<usize>,
    /// Whether norms come before attention and feed-forward layers.
    pub norm_first: bool,
    /// The activation of the feed-forward layers.
    pub activation: ActivationName,
    /// The kind of norms.
    #[serde(default)]
    pub norm: NormName,
    /// The number in the norms that keeps them from dividing by 0.
    #[serde(default = "eps")]
    pub eps: f32,
    /// Whether tokens see only those before them.
    #[serde(default)]
    pub causal: bool,
    /// A window for all heads, or one for each.
    #[serde(default)]
    pub windows: Vec<WindowConfig>,
    /// What scores are divided by beside the root of the head's values: one for all heads, or one for each.
    #[serde(default)]
    pub temperature: Vec<f32>,
    /// The kind of positions; by default learned ones if their tensor is named, else none.
    pub positions: Option<PositionsName>,
    /// The base of rotary positions.
    #[serde(default = "rope_base")]
    pub rope_base: f64,
    /// Which values rotary positions turn together.
    #[serde(default)]
    pub rope_pairing: PairingName,
    /// The slopes of ALiBi for head counts that are no power of two.
    pub alibi: Option<AlibiName>,
    /// Distances from which a table of logarithmic buckets (as in T5) stops telling them apart.
    pub relative_farthest: Option<usize>,
    /// Whether the embedding is multiplied by the root of the width.
    #[serde(default)]
    pub scale_embedding: bool,
    /// What becomes of the tokens.
    pub pool: PoolName,
    /// How many tokens `first` takes the mean of.
    pub pool_tokens: Option<usize>,
    /// What the results mean.
    pub output: OutputName,
    /// Names of the results.
    #[serde(default)]
    pub labels: Vec<String>,
    /// The unit of `values`.
    #[serde(default)]
    pub unit: String,
    /// Whether an `embedding` is divided by its length.
    #[serde(default)]
    pub normalised: bool,
    /// As given to PyTorch; the weights are the same either way.
    pub batch_first: Option<bool>,
    /// As given to PyTorch.
    #[serde(default)]
    pub add_zero_attn: bool,
}

fn eps() -> f32 {
    1e-5
}

fn rope_base() -> f64 {
    10_000.0
}

/// A type of words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $word:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(missing_docs)] // The words are the documentation.
        pub enum $name { $($(#[$of])* $word),+ }
    };
}

words! {
    /// An activation.
    ActivationName { #[default] Relu, Gelu, GeluTanh, Silu, Tanh, Identity }
}
words! {
    /// A kind of norm.
    NormName { #[default] Layer, Rms }
}
words! {
    /// A kind of positions.
    PositionsName { #[default] None, Learned, Sinusoidal, Rope, Alibi, Relative }
}
words! {
    /// Neighbours, or one of each half.
    PairingName { #[default] Interleaved, Halves }
}
words! {
    /// The text of the paper, or the code of its authors.
    AlibiName { #[default] Paper, Reference }
}
words! {
    /// A kind of pooling.
    PoolName { #[default] Mean, First, Last, Max, Weighted, Every }
}
words! {
    /// A kind of output.
    OutputName { #[default] Classes, Labels, Values, Embedding, NextToken }
}
words! {
    /// A kind of input.
    InputKind { #[default] Series, Image, Tokens }
}
words! {
    /// Which dimension of a flat patch is the outermost.
    PatchOrder { #[default] Channels, Pixels }
}
words! {
    /// What becomes a token after convolutions.
    TokensName { #[default] Places, Rows }
}

impl From<ActivationName> for Activation {
    fn from(name: ActivationName) -> Self {
        match name {
            ActivationName::Relu => Self::Relu,
            ActivationName::Gelu => Self::Gelu,
            ActivationName::GeluTanh => Self::GeluTanh,
            ActivationName::Silu => Self::Silu,
            ActivationName::Tanh => Self::Tanh,
            ActivationName::Identity => Self::Identity,
        }
    }
}

/// Where a head looks; what is not said has no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowConfig {
    /// Keys before the query.
    pub back: Option<usize>,
    /// Keys after it.
    pub ahead: Option<usize>,
    /// From one key to the next.
    pub dilation: Option<usize>,
    /// Keys at the start that are always seen.
    #[serde(default)]
    pub sinks: usize,
}

/// The `[input]` table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputConfig {
    /// The kind.
    pub kind: InputKind,
    /// Steps of a series.
    pub steps: Option<usize>,
    /// Channels of a series or an image; by default as many as the stem takes.
    pub channels: Option<usize>,
    /// Rows of an image.
    pub height: Option<usize>,
    /// Columns of an image.
    pub width: Option<usize>,
    /// The most tokens of a text; by default as many as there are positions.
    pub length: Option<usize>,
    /// Of a series: steps per second.
    pub rate: Option<f64>,
    /// Of a series: names of its channels.
    #[serde(default)]
    pub names: Vec<String>,
    /// Of a series of sensors: the raw reading of each channel that stands for 0.
    #[serde(default)]
    pub offset: Vec<f64>,
    /// What a step of a raw reading is in the model's input: `(reading - offset) * scale`.
    #[serde(default)]
    pub scale: Vec<f64>,
}

/// The `[memory]` table: a second input, that layers of `multihead_attn` make keys and values of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryConfig {
    /// Rows.
    pub steps: usize,
    /// Values of each: `kdim` and `vdim`.
    pub channels: usize,
}

/// One number for both directions, or rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Both {
    /// For both.
    One(usize),
    /// Rows, columns.
    Two([usize; 2]),
}

/// The `[stem]` table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StemConfig {
    /// Of a linear layer: frames of a token, or rows and columns of a patch. A convolution's tensor says it.
    pub kernel: Option<Both>,
    /// From one token to the next; by default the kernel.
    pub stride: Option<Both>,
    /// Zeros before and after.
    pub padding: Option<Both>,
    /// The order of a flat patch.
    #[serde(default)]
    pub order: PatchOrder,
    /// What becomes a token after convolutions.
    #[serde(default)]
    pub tokens: TokensName,
    /// Whether convolutions see a series as a picture of one channel; by default, those of two dimensions.
    pub image: Option<bool>,
}

/// An entry of `[[convolutions]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvolutionConfig {
    /// Its tensors.
    pub name: String,
    /// The tensors of the BatchNorm after it.
    pub batch_norm: Option<String>,
    /// The number in the BatchNorm that keeps it from dividing by 0.
    #[serde(default = "eps")]
    pub eps: f32,
    /// After it.
    pub activation: Option<ActivationName>,
    /// From one place to the next.
    pub stride: Option<Both>,
    /// Zeros before and after.
    pub padding: Option<Both>,
    /// Groups of channels.
    #[serde(default = "one")]
    pub groups: usize,
}

fn one() -> usize {
    1
}
