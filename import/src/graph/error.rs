//! Why a model's parts do not fit together.

use super::{Grid, Place, Window2};

/// What is wrong with a float model, or an input for it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A size is not what its neighbours ask for.
    #[error("{layer}: {what} {found}, expected {expected}")]
    Size {
        /// The layer.
        layer: String,
        /// Which size of it.
        what: &'static str,
        /// What it is.
        found: usize,
        /// What it has to be.
        expected: String,
    },
    /// The stem cannot take such an input.
    #[error("the input is {found}, which {stem} cannot take")]
    Input {
        /// The kind of input.
        found: &'static str,
        /// The kind of stem.
        stem: &'static str,
    },
    /// A window does not fit what it goes over.
    #[error(
        "{layer}: windows of {}×{} with strides {}×{} do not fit {}×{} values",
        window.kernel.rows, window.kernel.columns, window.stride.rows, window.stride.columns, grid.rows, grid.columns
    )]
    Windows {
        /// The layer.
        layer: String,
        /// The window.
        window: Window2,
        /// What it goes over.
        grid: Grid,
    },
    /// The weights of a layer are all 0.
    #[error("{layer}: all weights are 0; was the model trained, and read under the right names?")]
    Zero {
        /// The layer.
        layer: String,
    },
    /// A weight is infinite or not a number.
    #[error("{layer}: number {index} is {value}, expected finite numbers")]
    Weight {
        /// The layer.
        layer: String,
        /// Its index.
        index: usize,
        /// What it is.
        value: f32,
    },
    /// A part of a model that heedful cannot run.
    #[error("{layer}: {reason}")]
    Unsupported {
        /// The layer.
        layer: String,
        /// What is wrong, and what is allowed.
        reason: String,
    },
    /// An input is of another length.
    #[error("the input has {found} values, expected {expected}")]
    Length {
        /// Its values.
        found: usize,
        /// What they have to be.
        expected: String,
    },
    /// A token of the input is none of the vocabulary, or its type none of the types.
    #[error("{what} {index} of the input is {found}, expected below {limit}")]
    Token {
        /// Token or type.
        what: &'static str,
        /// Which one.
        index: usize,
        /// What it is.
        found: u32,
        /// The size of the vocabulary.
        limit: usize,
    },
    /// A value of the input or of an activation is infinite or not a number.
    #[error("{place}: value {index} is {value}, expected finite numbers")]
    NotFinite {
        /// The tensor.
        place: Place,
        /// Its index.
        index: usize,
        /// What it is.
        value: f32,
    },
}
