//! Pooling, the head, and what the results mean.

use super::{Activation, Dense, Norm};

/// What becomes of the tokens.
#[derive(Clone, Debug, PartialEq)]
pub enum Pool {
    /// The mean of all, class tokens among them.
    Mean,
    /// The mean of the first so many; of one, that one.
    First(usize),
    /// The last.
    Last,
    /// The largest value of each channel.
    Max,
    /// A weighted mean: the softmax of a score for each token, `[1][width]`.
    Weighted(Dense),
    /// Each for itself.
    Every,
}

/// A layer of the head.
#[derive(Clone, Debug, PartialEq)]
pub enum HeadLayer {
    /// A norm.
    Norm(Norm),
    /// A linear layer.
    Dense(Dense),
    /// An activation.
    Activation(Activation),
}

/// What the results mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// One of several classes: softmax. Their names, or none.
    Classes(Vec<String>),
    /// Each holds or does not: sigmoid. Their names, or none.
    Labels(Vec<String>),
    /// Numbers, with their unit.
    Values {
        /// Their names, or none.
        names: Vec<String>,
        /// Such as `m/s`, or nothing.
        unit: String,
    },
    /// A vector to compare with others.
    Embedding {
        /// Whether it is divided by its length. [`Model::run`](super::Model::run) gives it undivided.
        normalised: bool,
    },
    /// A score for each token that may follow.
    NextToken {
        /// Whether the stem's embedding is the last layer, transposed; the head then ends before it.
        tied: bool,
    },
}

impl Output {
    /// Names of the results; none if they have none.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Self::Classes(names) | Self::Labels(names) | Self::Values { names, .. } => names,
            Self::Embedding { .. } | Self::NextToken { .. } => &[],
        }
    }
}
