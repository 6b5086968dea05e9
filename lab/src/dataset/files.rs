//! Files of a folder and of all folders in it.

use super::DataError;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// What a folder holds.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The files that are read, in the order of their names.
    pub paths: Vec<PathBuf>,
    /// How many files are of another kind, and the first.
    pub others: (usize, Option<PathBuf>),
    /// Folders right below that hold no file that is read.
    pub empty: Vec<PathBuf>,
}

/// Lists the files that have one of the extensions, whatever their case. What is hidden is left out, and so are the
/// folders in `skip`, which are canonical.
///
/// # Errors
/// Names what cannot be listed, or the folder if it has no such file.
pub(super) fn list(folder: &Path, extensions: &[&str], skip: &[PathBuf]) -> Result<Listing, DataError> {
    let kind = std::fs::metadata(folder).map_err(DataError::open(folder, "folder"))?;
    if !kind.is_dir() {
        return Err(DataError::file(folder, "it is a file, expected a folder"));
    }
    let wanted = |entry: &DirEntry| {
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let skipped = || !skip.is_empty() && entry.path().canonicalize().is_ok_and(|path| skip.contains(&path));
        entry.depth() == 0 || !(hidden || entry.file_type().is_dir() && skipped())
    };
    let (mut listing, mut folders, mut full) = (Listing::default(), vec![], HashSet::new());
    // The order in which a folder lists its files differs between machines.
    for entry in WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter().filter_entry(wanted) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(folder).to_owned();
            DataError::Io { path, source: error.into() }
        })?;
        if entry.file_type().is_dir() {
            if entry.depth() == 1 {
                folders.push(entry.into_path());
            }
            continue;
        }
        let extension = entry.path().extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        if extensions.contains(&extension.as_str()) {
            // Folders come before what is in them.
            if entry.depth() > 1
                && let Some(last) = folders.last()
                && !full.contains(last)
            {
                full.insert(last.clone());
            }
            listing.paths.push(entry.into_path());
        } else {
            listing.others.0 += 1;
            listing.others.1.get_or_insert(entry.into_path());
        }
    }
    if listing.paths.is_empty() {
        let expected = extensions.join(", ");
        return Err(DataError::NoFiles { path: folder.to_owned(), others: listing.others.0, expected });
    }
    listing.empty = folders.into_iter().filter(|folder| !full.contains(folder)).collect();
    Ok(listing)
}

/// A path below a folder without its extension, parted by `/` on all systems.
pub(super) fn stem(path: &Path, folder: &Path) -> Result<String, DataError> {
    let below = path.strip_prefix(folder).unwrap_or(path).with_extension("");
    let parts: Option<Vec<&str>> = below.components().map(|part| part.as_os_str().to_str()).collect();
    Ok(parts.ok_or_else(|| DataError::file(path, "its name is no Unicode"))?.join("/"))
}

#[cfg(test)]
mod tests {
    use super::{list, stem};
    use crate::dataset::DataError;
    use std::fs;
    use std::path::Path;

    #[test]
    fn sorted_without_what_is_hidden() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b/2.WAV", "b/10.wav", "a/x.Wav", ".hidden/1.wav", "a/.1.wav", "a/notes.txt", "skip/1.wav"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        fs::create_dir(folder.path().join("empty")).unwrap();
        let skip = [folder.path().join("skip").canonicalize().unwrap()];
        let listing = list(folder.path(), &["wav"], &skip).unwrap();
        let stems: Vec<_> = listing.paths.iter().map(|path| stem(path, folder.path()).unwrap()).collect();
        assert_eq!(stems, ["a/x", "b/10", "b/2"]);
        assert_eq!(listing.others, (1, Some(folder.path().join("a/notes.txt"))));
        assert_eq!(listing.empty, [folder.path().join("empty")]);
    }

    #[test]
    fn no_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        fs::create_dir(folder.path().join("sounds")).unwrap();
        let error = list(folder.path(), &["wav", "ogg"], &[]).unwrap_err();
        assert!(error.to_string().ends_with("no file to read among 1 files; read are wav, ogg"), "{error}");
        let error = list(&folder.path().join("sound"), &["wav"], &[]).unwrap_err();
        assert!(matches!(&error, DataError::Missing { what: "folder", nearest: Some(n), .. } if n == "sounds"));
        assert!(list(&folder.path().join("notes.txt"), &["wav"], &[]).unwrap_err().to_string().contains("a folder"));
    }

    #[test]
    fn stems() {
        assert_eq!(stem(Path::new("a/b/c.d.wav"), Path::new("a")).unwrap(), "b/c.d");
    }
}
