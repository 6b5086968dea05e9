//! Sounds, at the rate of the front end.

use super::DataError;
use crate::{Error, data};
use std::path::Path;

/// Extensions of what is read.
pub(super) const EXTENSIONS: &[&str] = &["wav", "wave", "bwf", "rf64", "flac", "ogg", "oga", "mp3"];

/// Samples of a file, mono, and what was noticed.
pub(super) fn read(path: &Path, rate: u32) -> Result<(Vec<i16>, Vec<String>), DataError> {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    if extension != "wav" && extension != "wave" {
        return Err(DataError::file(path, NOT_YET));
    }
    match data::read_wav(path, rate) {
        Ok(samples) => Ok((samples, vec![])),
        Err(Error::Io { path, source }) => Err(DataError::Io { path, source }),
        Err(Error::Content { path, reason }) => Err(DataError::File { path, reason }),
        Err(Error::Wav { path, source }) => Err(DataError::file(&path, source)),
        Err(error) => Err(DataError::file(path, error)),
    }
}

/// What is said of files that are no WAV.
pub const NOT_YET: &str = "sounds other than WAV cannot be read yet";
