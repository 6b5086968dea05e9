//! Which files are to be heard, and which digit their names promise.

use std::io;
use std::path::{Path, PathBuf};

/// The digit in a name of the form `{digit}_{speaker}_{index}.wav`, as the models name it.
pub fn label(path: &Path) -> Option<String> {
    if !path.extension()?.eq_ignore_ascii_case("wav") {
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
pub fn of_folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"."));
        let note = path.extension().is_some_and(|e| e == "md");
        if !hidden && !note {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
