//! Observers of a forward pass.

/// A tensor of a forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// What the model is given, in rows of a step (a series) or of a row of a picture; tokens are not shown.
    Input,
    /// What attention looks at instead of the tokens.
    Memory,
    /// After a convolution of the stem, before its activation.
    Convolved(usize),
    /// After the activation of a convolution of the stem.
    Convolution(usize),
    /// What the stem makes, before class tokens and positions.
    Stem,
    /// With class tokens and positions.
    Embedded,
    /// After the norm behind the positions.
    EmbeddingNorm,
    /// In a block.
    Block(usize, Site),
    /// After the last norm.
    FinalNorm,
    /// What the head reads.
    Pooled,
    /// After a layer of the head.
    Head(usize),
    /// What the model gives.
    Logits,
}

/// A tensor of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Site {
    /// What queries, keys and values are made of: after the first norm in pre-norm, the residual stream in post-norm.
    AttentionInput,
    /// Queries, before they are turned; only with rotary positions.
    UnturnedQuery,
    /// Keys, before they are turned; only with rotary positions.
    UnturnedKey,
    /// `[heads · head_dim]`, as they enter the scores.
    Query,
    /// `[kv_heads · head_dim]`, as they enter the scores.
    Key,
    /// `[kv_heads · head_dim]`
    Value,
    /// The weights of a head: a row per query, a value per key.
    Weights(usize),
    /// `[heads · head_dim]`, the weighted sums of values.
    HeadsOut,
    /// What attention adds to the residual stream.
    AttentionOut,
    /// The residual stream after that addition (in post-norm, before the norm).
    AfterAttention,
    /// What the feed-forward layers read: after the second norm in pre-norm, after the first one in post-norm.
    FeedInput,
    /// Before the activation; of gated layers, what goes into it.
    Gate,
    /// Of gated layers, what the gate is multiplied with.
    Up,
    /// After the activation; of gated layers, after the product.
    Hidden,
    /// What the feed-forward layers add to the residual stream.
    FeedOut,
    /// The residual stream after that addition (in post-norm, before the norm).
    AfterFeed,
    /// After the first norm.
    FirstNorm,
    /// After the second norm.
    SecondNorm,
}

/// Is shown every tensor of a forward pass.
pub trait Taps {
    /// Sees rows of `width` values.
    fn see(&mut self, place: Place, rows: &[f32], width: usize);
}

/// Sees nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTaps;

impl Taps for NoTaps {
    fn see(&mut self, _: Place, _: &[f32], _: usize) {}
}

impl<F: FnMut(Place, &[f32], usize)> Taps for F {
    fn see(&mut self, place: Place, rows: &[f32], width: usize) {
        self(place, rows, width);
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Convolved(index) => write!(f, "convolution {index}, before its activation"),
            Self::Convolution(index) => write!(f, "convolution {index}"),
            Self::Block(index, site) => write!(f, "block {index}: {site:?}"),
            Self::Head(index) => write!(f, "layer {index} of the head"),
            place => write!(f, "{place:?}"),
        }
    }
}
