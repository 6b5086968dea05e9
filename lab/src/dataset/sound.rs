//! Sounds, at the rate of the front end.

use super::DataError;
use super::notice::Remark;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Extensions of what is read.
pub(super) const EXTENSIONS: &[&str] = &["wav", "wave", "bwf", "rf64", "flac", "ogg", "oga", "mp3"];

/// Samples of a file, mono, and what was noticed.
pub(super) fn read(path: &Path, rate: u32) -> Result<(Vec<i16>, Vec<Remark>), DataError> {
    let recording = heedful_recordings::read(path, rate).map_err(|error| DataError::file(&error.path, error.reason))?;
    let mut remarks: Vec<Remark> = recording.warnings.into_iter().map(Remark::Sound).collect();
    if recording.file_rate != rate {
        remarks.push(Remark::Resampled { found: f64::from(recording.file_rate), rate: f64::from(rate) });
    }
    if recording.channels > 1 {
        remarks.push(Remark::Mixed { channels: recording.channels });
    }
    Ok((recording.samples, remarks))
}

/// Windows of all sounds below a folder, one after the other, of `length` samples each.
///
/// # Errors
/// Names the folder that cannot be searched, or the file that cannot be read.
pub fn windows_of(folder: &Path, rate: u32, length: usize) -> Result<Vec<Vec<i16>>, DataError> {
    let files = super::files::list(folder, EXTENSIONS, &[])?.paths;
    let of = |path: &PathBuf| read(path, rate).map(|(samples, _)| samples);
    let read: Result<Vec<_>, DataError> = files.par_iter().map(of).collect();
    let windows = |samples: Vec<i16>| -> Vec<Vec<i16>> { samples.chunks(length.max(1)).map(<[i16]>::to_vec).collect() };
    Ok(read?.into_iter().flat_map(windows).collect())
}
