//! A model in f32, as a chain of parts: what importers make and quantisers read.
//!
//! [`Model::check`] holds its shapes against each other, [`Model::run`] computes it, and [`Taps`] see every tensor on
//! the way.

mod activation;
mod attention;
mod batch_norm;
mod block;
mod check;
mod error;
mod forward;
mod matrix;
mod output;
mod positions;
mod stem;
mod taps;
mod unfolded;

pub use activation::Activation;
pub use attention::Attention;
pub use batch_norm::BatchNorm;
pub use block::{Block, FeedForward, Norm, NormKind, Order};
pub use error::GraphError;
pub use forward::Sample;
pub use matrix::{Dense, Matrix};
pub use output::{HeadLayer, Output, Pool};
pub use positions::{AlibiRule, Positions, RopeScaling, alibi_slopes, relative_buckets, rope_frequencies, sinusoidal};
pub use stem::{Convolution, Grid, Stem, Window2};
pub use taps::{NoTaps, Place, Site, Taps};
pub use unfolded::Unfolded;

/// What a model is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A series: `[steps][channels]`.
    Features {
        /// Frames or moments.
        steps: usize,
        /// Values of each.
        channels: usize,
    },
    /// A picture: `[channels][height][width]`.
    Image {
        /// Colours, mostly.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// Numbers of a vocabulary, up to `length` of them.
    Tokens {
        /// How many numbers there are.
        vocabulary: usize,
        /// The most tokens of a text.
        length: usize,
    },
}

impl Input {
    /// Values of an input; of tokens, the most there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match *self {
            Self::Features { steps, channels } => steps.saturating_mul(channels),
            Self::Image { channels, height, width } => channels.saturating_mul(height).saturating_mul(width),
            Self::Tokens { length, .. } => length,
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A second input, which attention makes keys and values of: `[steps][channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Rows.
    pub steps: usize,
    /// Values of each.
    pub channels: usize,
}

/// What is known of a series beside its shape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Steps per second; 0 where that is not known.
    pub rate: f64,
    /// Names of the channels, or none.
    pub names: Vec<String>,
    /// Of each channel, what makes an input of a raw reading of the sensor: `(reading - offset) · scale`. None where
    /// the model is not given raw readings.
    pub readings: Vec<Reading>,
}

/// How a raw reading becomes an input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The reading that stands for 0.
    pub offset: f64,
    /// A step of the reading.
    pub scale: f64,
}

/// A transformer: input, stem, class tokens, positions, blocks, pooling, head.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// What it is given.
    pub input: Input,
    /// More of that, where it is a series.
    pub series: Series,
    /// What its attention looks at instead of the tokens, if it does.
    pub memory: Option<Memory>,
    /// What makes tokens of `width` values of the input.
    pub stem: Stem,
    /// Learned tokens that are put first, `[count][width]`.
    pub class_tokens: Option<Matrix>,
    /// How tokens know where they are.
    pub positions: Positions,
    /// The norm after the positions, as BERT has it.
    pub embedding_norm: Option<Norm>,
    /// The layers, in turn.
    pub blocks: Vec<Block>,
    /// The norm after the last block.
    pub final_norm: Option<Norm>,
    /// What becomes of the tokens.
    pub pool: Pool,
    /// Layers after the pooling.
    pub head: Vec<HeadLayer>,
    /// What the results mean.
    pub output: Output,
}

impl Model {
    /// Values of a token.
    #[must_use]
    pub fn width(&self) -> usize {
        self.stem.width()
    }

    /// Class tokens.
    #[must_use]
    pub fn class_count(&self) -> usize {
        self.class_tokens.as_ref().map_or(0, |tokens| tokens.rows)
    }

    /// Tokens that the blocks see, class tokens among them; of texts, the most.
    ///
    /// # Errors
    /// If the stem does not fit the input.
    pub fn tokens(&self) -> Result<usize, GraphError> {
        Ok(self.stem.tokens(&self.input)? + self.class_count())
    }

    /// Values that the head gives, for each pooled vector.
    #[must_use]
    pub fn outputs(&self) -> usize {
        if let (Output::NextToken { tied: true }, Stem::Embedding { tokens, .. }) = (&self.output, &self.stem) {
            return tokens.rows;
        }
        let dense = |layer: &HeadLayer| match layer {
            HeadLayer::Dense(dense) => Some(dense.outputs()),
            _ => None,
        };
        self.head.iter().rev().find_map(dense).unwrap_or(self.width())
    }

    /// Multiply-accumulates of a full input.
    ///
    /// # Errors
    /// If the stem does not fit the input.
    pub fn multiplications(&self) -> Result<u64, GraphError> {
        let tokens = self.tokens()? as u64;
        let block = |block: &Block| {
            let (a, f) = (&block.attention, &block.feed_forward);
            let keys = if a.cross { self.memory.map_or(0, |memory| memory.steps as u64) } else { tokens };
            let size = |dense: &Dense| dense.weight.values.len() as u64;
            let own = [&a.query, &a.out, &f.up, &f.down].into_iter().chain(&f.gate).map(size);
            let scores = 2 * tokens * keys * (a.heads * a.head_dim) as u64;
            tokens * own.sum::<u64>() + keys * (size(&a.key) + size(&a.value)) + scores
        };
        let pooled = if self.pool == Pool::Every { tokens } else { 1 };
        let head = |layer: &HeadLayer| match layer {
            HeadLayer::Dense(dense) => dense.weight.values.len() as u64,
            _ => 0,
        };
        let tied = match (&self.output, &self.stem) {
            (Output::NextToken { tied: true }, Stem::Embedding { tokens, .. }) => tokens.values.len() as u64,
            _ => 0,
        };
        let head = pooled * (self.head.iter().map(head).sum::<u64>() + tied);
        Ok(self.stem.multiplications(&self.input)? + self.blocks.iter().map(block).sum::<u64>() + head)
    }
}
