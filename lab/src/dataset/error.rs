//! Why no data set can be made of what was found.

use heedful_import::nearest::nearest;
use std::path::{Path, PathBuf};

/// What is wrong, where, and what is allowed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The system cannot read a file or folder.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file or folder that is not there.
    #[error("{}: there is no such {what}{}", path.display(), meant(nearest.as_deref()))]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// File or folder.
        what: &'static str,
        /// What lies beside and has a like name.
        nearest: Option<String>,
    },
    /// A folder has no file that can be read.
    #[error("{}: no file to read among {others} files; read are {expected}", path.display())]
    NoFiles {
        /// The folder.
        path: PathBuf,
        /// Files that are of no use.
        others: usize,
        /// What is read.
        expected: String,
    },
    /// No file's name is as the pattern says.
    #[error("no file is named as `{pattern}` says, such as {example}")]
    NoMatch {
        /// The pattern.
        pattern: String,
        /// The first of the files.
        example: String,
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
    /// A name that is not among those there are.
    #[error("{place}: there is no {what} `{found}`{}; there {}", meant(nearest.as_deref()), list(known))]
    Unknown {
        /// A key of the configuration or a file.
        place: String,
        /// What is named.
        what: &'static str,
        /// The name.
        found: String,
        /// What it may have been meant to be.
        nearest: Option<String>,
        /// What there is.
        known: Vec<String>,
    },
    /// The contents of a file are not what they should be.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was found and what is allowed.
        reason: String,
    },
    /// A row of a file is not what it should be.
    #[error("{}, line {line}: {reason}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: u64,
        /// What was found and what is allowed.
        reason: String,
    },
    /// A file is named twice.
    #[error("{}, lines {first} and {second}: both name {file}", path.display())]
    Twice {
        /// The table.
        path: PathBuf,
        /// A line, from 1.
        first: u64,
        /// The other line.
        second: u64,
        /// The file that they name.
        file: String,
    },
    /// A group both trains and validates.
    #[error(
        "{group} `{value}` stands on both sides: {} trains, {} validates; name another `group`, or validate by {group}",
        train.display(), validation.display()
    )]
    BothSides {
        /// The field that `group` names.
        group: String,
        /// Its value.
        value: String,
        /// A file that trains.
        train: PathBuf,
        /// A file that validates.
        validation: PathBuf,
    },
    /// A side of the split has nothing.
    #[error("nothing {side}s: {reason}")]
    Side {
        /// Train or validate.
        side: &'static str,
        /// Why.
        reason: String,
    },
    /// There are no two classes to tell apart.
    #[error("only one label, `{label}`: expected two or more, or one and `nothing`")]
    OneLabel {
        /// The label.
        label: String,
    },
    /// Several files have something wrong.
    #[error("{}", several(first, *count))]
    Several {
        /// The first of them.
        first: Vec<DataError>,
        /// How many there are.
        count: usize,
    },
}

/// Of several wrong files, so many are told.
pub(super) const TOLD: usize = 10;

impl DataError {
    pub(super) fn file(path: &Path, reason: impl ToString) -> Self {
        Self::File { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(super) fn row(path: &Path, line: u64, reason: impl ToString) -> Self {
        Self::Row { path: path.to_owned(), line, reason: reason.to_string() }
    }

    pub(super) fn setting(key: &str, found: impl ToString, expected: impl ToString) -> Self {
        Self::Setting { key: key.to_string(), found: found.to_string(), expected: expected.to_string() }
    }

    pub(super) fn unknown<'a>(
        place: impl ToString,
        what: &'static str,
        found: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let nearest = nearest(found, known.iter().copied()).map(str::to_string);
        let known = known.into_iter().map(str::to_string).collect();
        Self::Unknown { place: place.to_string(), what, found: found.to_string(), nearest, known }
    }

    /// For `map_err` after `path` could not be opened: what is not there is answered by what lies beside.
    pub(super) fn open<'a>(path: &'a Path, what: &'static str) -> impl FnOnce(std::io::Error) -> Self + 'a {
        move |source| match source.kind() {
            std::io::ErrorKind::NotFound => Self::missing(path, what),
            _ => Self::Io { path: path.to_owned(), source },
        }
    }

    pub(super) fn missing(path: &Path, what: &'static str) -> Self {
        let folder = path.parent().map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p });
        let beside: Vec<String> = folder.and_then(|folder| std::fs::read_dir(folder).ok()).map_or(vec![], |entries| {
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            names.filter(|name| !name.starts_with('.')).collect()
        });
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let nearest = nearest(&name, beside.iter().map(String::as_str)).map(str::to_string);
        Self::Missing { path: path.to_owned(), what, nearest }
    }

    /// One error of many.
    pub(super) fn several(mut all: Vec<Self>) -> Self {
        let count = all.len();
        match count {
            1 => all.remove(0),
            _ => {
                all.truncate(TOLD);
                Self::Several { first: all, count }
            }
        }
    }
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |nearest| format!(", did you mean `{nearest}`?"))
}

fn list(known: &[String]) -> String {
    match known {
        [] => "are none".to_string(),
        [one] => format!("is: {one}"),
        some if some.len() <= 40 => format!("are: {}", some.join(", ")),
        some => format!("are: {}, … ({} in all)", some[..40].join(", "), some.len()),
    }
}

fn several(first: &[DataError], count: usize) -> String {
    let mut text = format!("{count} files cannot be used:");
    for error in first {
        text += &format!("\n  {error}");
    }
    if count > first.len() {
        text += &format!("\n  and {} more", count - first.len());
    }
    text
}
