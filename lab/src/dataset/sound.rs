//! Sounds, at the rate of the front end.

use super::DataError;
use super::notice::Remark;
use std::path::Path;

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
