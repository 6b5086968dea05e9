//! Which files are recordings.

use crate::error::{Error, Reason};
use std::path::{Path, PathBuf};

/// Extensions of recordings, in small letters.
#[cfg(feature = "compressed")]
const EXTENSIONS: &[&str] = &["wav", "wave", "bwf", "rf64", "flac", "ogg", "oga", "mp3"];
#[cfg(not(feature = "compressed"))]
const EXTENSIONS: &[&str] = &["wav", "wave", "bwf", "rf64"];

/// Whether a file is a recording by its name, whatever the case: `.wav`, `.WAV`, `.flac`, `.ogg`, `.mp3` and the like.
#[must_use]
pub fn is_recording(path: &Path) -> bool {
    path.extension().is_some_and(|found| EXTENSIONS.iter().any(|known| found.eq_ignore_ascii_case(known)))
}

/// The files of a folder, in the order of their names.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Listing {
    /// Those that are recordings by their names.
    pub recordings: Vec<PathBuf>,
    /// The others, so that a caller can say what it leaves out. Neither folders nor hidden files.
    pub others: Vec<PathBuf>,
}

/// Lists a folder, without the folders in it. Files whose names begin with a dot are left out: some systems keep notes
/// of their own beside each file as `._NAME`.
///
/// # Errors
/// Names the folder if it cannot be read.
pub fn list(folder: &Path) -> Result<Listing, Error> {
    let fault = |error: std::io::Error| Error { path: folder.to_owned(), reason: Reason::Io(error) };
    let mut listing = Listing::default();
    for entry in folder.read_dir().map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden || path.is_dir() {
            continue;
        }
        if is_recording(&path) { listing.recordings.push(path) } else { listing.others.push(path) }
    }
    // The order in which a folder lists its files differs between machines.
    listing.recordings.sort();
    listing.others.sort();
    Ok(listing)
}
