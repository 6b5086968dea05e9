//! Reading whole files and replacing them without a moment in which they are half written.

use crate::Error;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Reads a file.
///
/// # Errors
/// Names the file if it cannot be read or is empty.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = fs::read(path).map_err(Error::io(path))?;
    if bytes.is_empty() {
        return Err(Error::content(path, "the file is empty"));
    }
    Ok(bytes)
}

/// Writes to a temporary file beside `path`, then renames it: an interruption leaves
/// either the old file or the new one.
///
/// # Errors
/// Names the file if it cannot be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(Error::io(folder))?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(OsString::from(format!(".{}.partial", std::process::id())));
    let partial = PathBuf::from(name);
    let written = fs::File::create(&partial)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        // The reason to report is the first failure, not a failure to tidy up.
        let _ = fs::remove_file(&partial);
    }
    written.map_err(Error::io(path))
}
