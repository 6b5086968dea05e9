//! Why a float model cannot be trained.

use heedful_import::ImportError;
use heedful_import::graph::{GraphError, Input, Output, Pool, Unfolded};

/// What does not fit.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The parts of the model do not fit together.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The model has something that training has not.
    #[error("training has not got {found}; it has {allowed}")]
    Unsupported {
        /// What was found.
        found: &'static str,
        /// What there is instead.
        allowed: &'static str,
    },
    /// What is beside a model has another shape.
    #[error("{what}: {found} values, expected {expected}")]
    Size {
        /// A BatchNorm or temperatures.
        what: String,
        /// Its values.
        found: usize,
        /// As many as there are channels or heads.
        expected: usize,
    },
    /// A setting of a description has a value that it cannot have.
    #[error("`{key}` is {found}, expected {allowed}")]
    Setting {
        /// Its name.
        key: &'static str,
        /// Its value.
        found: String,
        /// What it can be.
        allowed: String,
    },
    /// A file of weights cannot be written or read.
    #[error(transparent)]
    Import(#[from] ImportError),
}

impl NetworkError {
    pub(super) fn setting(key: &'static str, found: impl ToString, allowed: impl Into<String>) -> Self {
        Self::Setting { key, found: found.to_string(), allowed: allowed.into() }
    }
}

/// Refuses what cannot be trained, and what does not fit.
pub(super) fn check(unfolded: &Unfolded) -> Result<(), NetworkError> {
    let model = &unfolded.model;
    let unsupported = |found, allowed| Err(NetworkError::Unsupported { found, allowed });
    if let Input::Tokens { .. } = model.input {
        return unsupported("inputs of tokens", "series and images");
    }
    if model.memory.is_some() || model.blocks.iter().any(|block| block.attention.cross) {
        return unsupported("attention to a memory", "attention of tokens to each other");
    }
    if model.pool == Pool::Every {
        return unsupported("outputs for every position", "pooling: mean, first, last, max, weighted");
    }
    if let Output::NextToken { .. } = model.output {
        return unsupported("outputs of next tokens", "classes, labels, values");
    }
    model.check()?;
    for (index, layer) in unfolded.convolutions().iter().enumerate() {
        if let Some(norm) = unfolded.batch_norm(index) {
            let parts = [&norm.gain, &norm.offset, &norm.mean, &norm.variance];
            size(&format!("BatchNorm after convolution {index}"), &parts, layer.dense.outputs())?;
        }
    }
    for (index, block) in model.blocks.iter().enumerate() {
        if let Some(values) = unfolded.log_temperatures.get(index).and_then(Option::as_ref) {
            size(&format!("temperatures of block {index}"), &[values], block.attention.heads)?;
        }
    }
    Ok(())
}

fn size(what: &str, parts: &[&Vec<f32>], expected: usize) -> Result<(), NetworkError> {
    match parts.iter().find(|part| part.len() != expected) {
        Some(part) => Err(NetworkError::Size { what: what.to_owned(), found: part.len(), expected }),
        None => Ok(()),
    }
}
