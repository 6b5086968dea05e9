//! Shapes of a model and its front end; travels in the metadata of the weights file.

use heedful::audio::Params;
use heedful::{MAX_HEAD_DIM, MAX_INPUTS, MAX_POSITIONS, MAX_WIDTH};
use serde::{Deserialize, Serialize};

/// Everything about a model but its numbers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Front end.
    pub audio: Audio,
    /// A name per class, in the order of the logits.
    pub labels: Vec<String>,
    /// Positions per inference.
    pub tokens: usize,
    /// Consecutive frames that make up one token.
    pub frames_per_token: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Heads per block.
    pub heads: usize,
    /// Dimension of each head.
    pub head_width: usize,
    /// Width inside the feed-forward layer.
    pub hidden: usize,
    /// Encoder blocks.
    pub layers: usize,
    /// Added to the variance in every LayerNorm.
    pub epsilon: f32,
    /// Whether each head has a temperature, found in training.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub temperature: bool,
}

/// Front-end parameters, as [`heedful::audio::Params`] names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Audio {
    /// Samples per second.
    pub sample_rate: u32,
    /// Samples under a window.
    pub window: u32,
    /// Samples from one window to the next.
    pub hop: u32,
    /// Mel bands.
    pub bands: u32,
    /// Lower edge, Hz.
    pub low_hz: u32,
    /// Upper edge, Hz.
    pub high_hz: u32,
    /// Power that maps to 0, as a logarithm to base 2.
    pub floor_log2: i32,
}

impl From<Audio> for Params {
    fn from(a: Audio) -> Self {
        let Audio { sample_rate, window, hop, bands, low_hz, high_hz, floor_log2 } = a;
        Self { sample_rate, window, hop, bands, low_hz, high_hz, floor_log2, ..Self::DEFAULT }
    }
}

/// The most encoder blocks of a `.heed` file.
const MAX_LAYERS: usize = 1024;

impl Config {
    /// Refuses a shape that no `.heed` file can have, before anything of its size is made.
    ///
    /// # Errors
    /// Says what was found and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        let numbers = [
            ("tokens", self.tokens, MAX_POSITIONS),
            ("frames_per_token", self.frames_per_token, MAX_INPUTS / (self.audio.bands as usize).max(1)),
            ("bands", self.audio.bands as usize, MAX_INPUTS),
            ("width", self.width, MAX_WIDTH),
            ("head_width", self.head_width, MAX_HEAD_DIM),
            ("heads", self.heads, MAX_INPUTS / self.head_width.max(1)),
            ("hidden", self.hidden, MAX_INPUTS),
            ("layers", self.layers, MAX_LAYERS),
            ("number of labels", self.labels.len(), MAX_INPUTS),
        ];
        for (name, found, most) in numbers {
            if !(1..=most).contains(&found) {
                return Err(format!("{name}: {found}, expected 1 to {most}"));
            }
        }
        if !(self.epsilon.is_finite() && self.epsilon >= 0.0) {
            return Err(format!("epsilon: {}, expected a finite number of at least 0", self.epsilon));
        }
        Ok(())
    }

    /// Values per token: frames times bands.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.frames_per_token * self.audio.bands as usize
    }

    /// Frames per inference.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.tokens * self.frames_per_token
    }

    /// Features per inference.
    #[must_use]
    pub fn features(&self) -> usize {
        self.tokens * self.inputs()
    }

    /// Samples that the frames of an inference cover.
    #[must_use]
    pub fn samples(&self) -> usize {
        Params::from(self.audio).samples(self.frames())
    }
}

/// Ready-made shapes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Preset {
    /// Spoken digits in at most 64 KiB of flash and 24 KiB of RAM.
    Digits,
    /// Spoken digits in at most 16 KiB of flash and 8 KiB of RAM.
    DigitsSmall,
}

impl Preset {
    /// The shapes of the preset.
    #[must_use]
    pub fn config(self) -> Config {
        let audio =
            Audio { sample_rate: 8000, window: 256, hop: 80, bands: 32, low_hz: 60, high_hz: 4000, floor_log2: 10 };
        let digits = Config {
            audio,
            labels: (0..10).map(|d: u8| d.to_string()).collect(),
            tokens: 25,
            frames_per_token: 4,
            width: 48,
            heads: 3,
            head_width: 16,
            hidden: 48,
            layers: 3,
            epsilon: 1e-5,
            temperature: false,
        };
        match self {
            Self::Digits => digits,
            Self::DigitsSmall => Config {
                audio: Audio { bands: 24, ..audio },
                width: 24,
                heads: 2,
                head_width: 12,
                hidden: 28,
                layers: 2,
                ..digits
            },
        }
    }

    /// Epochs that the shipped model of this shape was trained for.
    #[must_use]
    pub fn epochs(self) -> usize {
        match self {
            Self::Digits => 150,
            Self::DigitsSmall => 250,
        }
    }
}
