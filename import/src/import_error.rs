//! Why a model of another program cannot be taken over.

use crate::graph::GraphError;
use crate::weights::WeightsError;
use std::path::PathBuf;

/// What is wrong with a model or its configuration.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file cannot be read.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A tensor is not what the model needs.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The parts do not fit together.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The configuration is no TOML or JSON, or a value has another type.
    #[error("{}{reason}", place(*line))]
    Syntax {
        /// Where, from 1.
        line: Option<usize>,
        /// What is wrong.
        reason: String,
    },
    /// The configuration has a key or a word that is not known.
    #[error("{}unknown {what} `{found}`{}; known: {}", place(*line), meant(nearest.as_deref()), known.join(", "))]
    Unknown {
        /// Where, from 1.
        line: Option<usize>,
        /// Key or value.
        what: &'static str,
        /// The word.
        found: String,
        /// What it may have been meant to be.
        nearest: Option<String>,
        /// What it can be.
        known: Vec<String>,
    },
    /// A setting has a value that it cannot have.
    #[error("`{key}` is {found}, expected {expected}")]
    Setting {
        /// Its name.
        key: String,
        /// Its value.
        found: String,
        /// What it can be.
        expected: String,
    },
    /// The model is of a kind that heedful has not got.
    #[error("{found}: heedful has not got this; the nearest that it has: {nearest}")]
    Architecture {
        /// What was found.
        found: String,
        /// What comes nearest.
        nearest: String,
    },
}

impl ImportError {
    /// A setting that has a value which it cannot have.
    pub(crate) fn setting(key: &str, found: impl ToString, expected: impl Into<String>) -> Self {
        Self::Setting { key: key.to_string(), found: found.to_string(), expected: expected.into() }
    }
}

fn place(line: Option<usize>) -> String {
    line.map_or(String::new(), |line| format!("line {line}: "))
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |nearest| format!(", did you mean `{nearest}`?"))
}
