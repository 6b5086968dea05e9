//! Recordings, their labels and the split into training and validation.

use crate::Error;
use heedful_recordings::{is_recording, list};
use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// One labelled recording.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clip {
    /// Where it was read from.
    pub path: PathBuf,
    /// Index of its class.
    pub class: usize,
    /// Number of the recording among those of its digit and speaker.
    pub index: u32,
    /// Mono samples at the rate of the front end.
    pub samples: Vec<i16>,
}

/// Recordings by purpose.
#[derive(Clone, Debug, Default)]
pub struct Split {
    /// What the weights are fitted to.
    pub train: Vec<Clip>,
    /// What is only ever judged.
    pub validation: Vec<Clip>,
}

/// Indices (per digit and speaker) that validate. The data set's own test split,
/// 0 to 4, takes part in neither: it stays unseen.
pub const VALIDATION: std::ops::RangeInclusive<u32> = 5..=9;

/// Digit, speaker and index of a file named `{digit}_{speaker}_{index}.wav`, or of another kind of recording.
#[must_use]
pub fn parse_name(path: &Path) -> Option<(usize, &str, u32)> {
    let name = path.file_stem().filter(|_| is_recording(path))?.to_str()?;
    let (digit, rest) = name.split_once('_')?;
    let (speaker, index) = rest.rsplit_once('_')?;
    let digit = digit.parse().ok().filter(|d| *d < 10)?;
    (!speaker.is_empty()).then_some((digit, speaker, index.parse().ok()?))
}

/// Reads the spoken digits of a folder and splits them.
///
/// # Errors
/// As [`recordings`].
pub fn digits(folder: &Path, sample_rate: u32) -> Result<Split, Error> {
    let clips = recordings(folder, sample_rate, |index| index >= *VALIDATION.start())?;
    let (validation, train) = clips.into_iter().partition(|clip| VALIDATION.contains(&clip.index));
    Ok(Split { train, validation })
}

/// Reads the recordings of a folder whose index is `wanted`, in the order of their names.
///
/// # Errors
/// Names the folder if it holds none, or the first file that cannot be read.
pub fn recordings(folder: &Path, sample_rate: u32, wanted: impl Fn(u32) -> bool) -> Result<Vec<Clip>, Error> {
    let mut clips = Vec::new();
    for path in list(folder)?.recordings {
        match parse_name(&path) {
            Some((class, _, index)) if wanted(index) => {
                let samples = read(&path, sample_rate)?;
                clips.push(Clip { class, index, samples, path });
            }
            _ => {}
        }
    }
    if clips.is_empty() {
        return Err(Error::NoClips { path: folder.to_owned() });
    }
    Ok(clips)
}

/// A line on standard error, if anyone reads it.
pub fn warn(what: impl Display) {
    let _ = writeln!(io::stderr(), "warning: {what}");
}

/// Reads a recording as mono at the given rate. What had to be guessed or is missing goes to standard error.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn read(path: &Path, sample_rate: u32) -> Result<Vec<i16>, Error> {
    let recording = heedful_recordings::read(path, sample_rate)?;
    for warning in &recording.warnings {
        warn(format_args!("{}: {warning}", path.display()));
    }
    Ok(recording.samples)
}
