//! The `[model]` table of a project: an architecture in a few words.

use super::NetworkError;
use heedful::{MAX_HEAD_DIM, MAX_INPUTS, MAX_WIDTH};
use heedful_import::graph::{Activation, Grid, Input, Window2};
use heedful_import::torch::{ActivationName, Both, NormName, PoolName, PositionsName};
use serde::{Deserialize, Serialize};

/// The most blocks of a `.heed` file.
const MAX_BLOCKS: usize = 1024;

/// What a model is like; its input and its outputs are said elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Values of a token.
    pub width: usize,
    /// Heads of attention in a block.
    pub heads: usize,
    /// Values of a head; by default the width over the heads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_width: Option<usize>,
    /// Heads of keys and values, if they are fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_heads: Option<usize>,
    /// Values between the feed-forward layers.
    pub hidden: usize,
    /// Blocks.
    pub blocks: usize,
    /// Of a series without a `stem`: consecutive steps that make a token.
    #[serde(default = "one")]
    pub frames_per_token: usize,
    /// Of an image without a `stem`: rows and columns that make a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Both>,
    /// Convolutions before the tokens, in turn. Over a series, kernels of one number go along its steps; if a kernel
    /// has two, the series is a picture of one channel (a spectrogram), and each row after the last convolution is a
    /// token. Of an image, each place is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stem: Vec<StemLayer>,
    /// How tokens know where they are.
    #[serde(default = "learned")]
    pub positions: PositionsName,
    /// Whether norms come before attention and feed-forward layers, or after them.
    #[serde(default = "yes")]
    pub norm_first: bool,
    /// The kind of norms.
    #[serde(default)]
    pub norm: NormName,
    /// The activation of the feed-forward layers.
    #[serde(default = "gelu")]
    pub activation: ActivationName,
    /// Whether the feed-forward layers have a gate.
    #[serde(default)]
    pub gated: bool,
    /// Whether tokens see only those before them.
    #[serde(default)]
    pub causal: bool,
    /// Of tokens that see only those before them: the last so many, the token itself among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
    /// Whether each head learns how sharply it looks.
    #[serde(default)]
    pub temperature: bool,
    /// What becomes of the tokens; `first` puts a class token before them.
    #[serde(default)]
    pub pool: PoolName,
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

fn learned() -> PositionsName {
    PositionsName::Learned
}

fn gelu() -> ActivationName {
    ActivationName::GeluTanh
}

/// A convolution of the stem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StemLayer {
    /// Channels that it makes; of a depthwise one by default as many as it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
    /// Its size.
    pub kernel: Both,
    /// From one place to the next.
    #[serde(default = "step")]
    pub stride: Both,
    /// Zeros before and after; by default half the kernel, so that a stride of 1 keeps the size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padding: Option<Both>,
    /// Whether each channel is for itself.
    #[serde(default)]
    pub depthwise: bool,
    /// The norm after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm: Option<StemNorm>,
    /// The activation after that.
    #[serde(default)]
    pub activation: ActivationName,
}

fn step() -> Both {
    Both::One(1)
}

/// A norm after a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StemNorm {
    /// BatchNorm, which is folded into the convolution when training is over.
    Batch,
}

impl StemLayer {
    /// Its windows; `flat` along the steps of a series.
    pub(super) fn window(&self, flat: bool) -> Window2 {
        let grid = |both: Both, beside: usize| match both {
            Both::One(rows) if flat => Grid { rows, columns: beside },
            Both::One(both) => Grid { rows: both, columns: both },
            Both::Two([rows, columns]) => Grid { rows, columns },
        };
        let kernel = grid(self.kernel, 1);
        let half = Grid { rows: kernel.rows / 2, columns: kernel.columns / 2 };
        Window2 { kernel, stride: grid(self.stride, 1), padding: self.padding.map_or(half, |both| grid(both, 0)) }
    }

    pub(super) fn activation(&self) -> Activation {
        self.activation.into()
    }
}

impl Description {
    /// Values of a head.
    #[must_use]
    pub fn head_width(&self) -> usize {
        self.head_width.unwrap_or(self.width / self.heads.max(1))
    }

    /// Whether convolutions go along the steps of a series, not over a picture.
    pub(crate) fn is_flat(&self, input: &Input) -> bool {
        let two = |layer: &StemLayer| matches!(layer.kernel, Both::Two(_));
        matches!(input, Input::Features { .. }) && !self.stem.iter().any(two)
    }

    /// Refuses what no `.heed` file can have, before anything of its size is made.
    ///
    /// # Errors
    /// Says which setting it is, what was found and what is allowed.
    pub fn check(&self) -> Result<(), NetworkError> {
        if self.heads > 0 && self.head_width.is_none() && !self.width.is_multiple_of(self.heads) {
            let allowed = format!("a divisor of the width {}, or a `head_width` beside it", self.width);
            return Err(NetworkError::setting("heads", self.heads, allowed));
        }
        let numbers = [
            ("width", self.width, MAX_WIDTH),
            ("head_width", self.head_width(), MAX_HEAD_DIM),
            ("heads", self.heads, MAX_INPUTS / self.head_width().max(1)),
            ("hidden", self.hidden, MAX_INPUTS),
            ("blocks", self.blocks, MAX_BLOCKS),
            ("frames_per_token", self.frames_per_token, MAX_INPUTS),
        ];
        for (key, found, most) in numbers {
            if !(1..=most).contains(&found) {
                return Err(NetworkError::setting(key, found, format!("1 to {most}")));
            }
        }
        let keys = self.key_heads.unwrap_or(self.heads);
        if keys == 0 || !self.heads.is_multiple_of(keys) {
            return Err(NetworkError::setting("key_heads", keys, format!("a divisor of the {} heads", self.heads)));
        }
        if self.pool == PoolName::Every {
            return Err(NetworkError::setting("pool", "every", "mean, first, last, max or weighted"));
        }
        match self.window {
            Some(tokens) if !self.causal => {
                return Err(NetworkError::setting("window", tokens, "nothing without `causal = true` beside it"));
            }
            Some(0) => return Err(NetworkError::setting("window", 0, "at least 1, the token itself")),
            _ => {}
        }
        if self.positions == PositionsName::Rope && self.head_width() % 2 == 1 {
            let allowed = format!("another kind, or heads of an even number of values, not {}", self.head_width());
            return Err(NetworkError::setting("positions", "rope", allowed));
        }
        Ok(())
    }
}
