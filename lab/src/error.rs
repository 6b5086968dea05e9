//! What can go wrong, each with the file it concerns.

use crate::dataset::DataError;
use crate::inspect::language::LanguageError;
use crate::network::NetworkError;
use crate::watch::WatchError;
use heedful_import::ImportError;
use heedful_import::convert::ConvertError;
use heedful_import::weights::WeightsError;
use std::path::{Path, PathBuf};

/// A failure of a command; prints as one line that names the file and the reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A recording cannot be read.
    #[error(transparent)]
    Recording(#[from] heedful_recordings::Error),
    /// A file's contents are not what they should be.
    #[error("{}: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder holds no recording of the task.
    #[error("{}: no recordings named {{digit}}_{{speaker}}_{{index}}.wav", path.display())]
    NoClips {
        /// The folder.
        path: PathBuf,
    },
    /// No data set can be made of what was found.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A tensor of a weights file is absent or has another shape.
    #[error("tensor {name}: {reason}")]
    Tensor {
        /// Name in the weights file.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A calibrated scale cannot be expressed in the integers of a `.heed` file.
    #[error("{site}: {reason}; train longer with quantisation or calibrate on other data")]
    Scale {
        /// Where in the model.
        site: String,
        /// Which limit it breaks.
        reason: String,
    },
    /// A model has no such head.
    #[error("there is no head {block}.{head}; blocks and heads count from 0")]
    Head {
        /// Of which block.
        block: usize,
        /// Its place in the block.
        head: usize,
    },
    /// A float model cannot be trained.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A float model has no integers.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// A model cannot be inspected on what is there.
    #[error("{0}")]
    Inspect(String),
    /// A language model, or its texts, cannot be inspected.
    #[error("{}: {source}", path.display())]
    Language {
        /// The model's file, or that of the texts.
        path: PathBuf,
        /// Why not.
        source: LanguageError,
    },
    /// Rows from a device are not what a model or this program can take.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// Training cannot go on.
    #[error("{0}")]
    Training(String),
}

impl Error {
    /// An error about the contents of `path`.
    pub fn content(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Content { path: path.to_owned(), reason: reason.to_string() }
    }

    /// For `map_err` after something was imported from `path`; errors that name a file already do so once.
    pub fn import(path: &Path) -> impl Fn(ImportError) -> Self + '_ {
        move |error| match error {
            ImportError::File { path, reason } | ImportError::Weights(WeightsError::File { path, reason }) => {
                Self::Content { path, reason }
            }
            error => {
                let text = error.to_string();
                Self::content(path, text.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&text))
            }
        }
    }

    /// For `map_err` after a file operation on `path`.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::Io { path: path.to_owned(), source }
    }
}
