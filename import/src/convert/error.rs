//! Why a float model has no integers.

use crate::graph::{GraphError, Place};

/// What does not fit.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The float model refuses an input.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// There is nothing to choose scales by.
    #[error("no inputs to calibrate on")]
    NoInputs,
    /// No value was seen at a place that needs a scale.
    #[error("calibration has not seen {0}")]
    Unseen(Place),
    /// A scale or a value is out of its range.
    #[error("{layer}: {reason}")]
    Scale {
        /// Where.
        layer: String,
        /// What is allowed, and what was found.
        reason: String,
    },
    /// A file cannot say this yet.
    #[error("{0}: a .heed file cannot hold this yet")]
    Unsupported(&'static str),
}

impl ConvertError {
    pub(crate) fn scale(layer: &str, reason: impl ToString) -> Self {
        Self::Scale { layer: layer.to_owned(), reason: reason.to_string() }
    }
}
