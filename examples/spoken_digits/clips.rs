//! Which files are to be heard, and which digit their names promise.

use heedful_recordings::{Error, is_recording, list};
use std::path::{Path, PathBuf};

/// The digit in a name of the form `{digit}_{speaker}_{index}.wav` (or `.flac`, …), as the models name it.
pub fn label(path: &Path) -> Option<String> {
    if !is_recording(path) {
        return None;
    }
    let parts: Vec<&str> = path.file_stem()?.to_str()?.split('_').collect();
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match parts[..] {
        [digit, speaker, index] if digit.len() == 1 && number(digit) && !speaker.is_empty() && number(index) => {
            Some(digit.to_owned())
        }
        _ => None,
    }
}

/// The files of a folder in order of name, without hidden ones and the notes (`.md`)
/// that licences ask for beside recordings.
pub fn of_folder(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let listing = list(folder)?;
    let mut files = listing.recordings;
    // Not left out in silence: each is said to be no clip.
    files.extend(listing.others.into_iter().filter(|path| path.extension().is_none_or(|e| e != "md")));
    files.sort();
    Ok(files)
}
