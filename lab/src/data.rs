//! Recordings, their labels and the split into training and validation.

use crate::{Error, file};
use std::fs;
use std::io::Cursor;
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

/// Digit, speaker and index of a file named `{digit}_{speaker}_{index}.wav`.
#[must_use]
pub fn parse_name(path: &Path) -> Option<(usize, &str, u32)> {
    let name = path.file_name()?.to_str()?.strip_suffix(".wav")?;
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
    let mut paths = fs::read_dir(folder)
        .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>())
        .map_err(Error::io(folder))?;
    // The order in which a folder lists its files differs between machines.
    paths.sort();
    let mut clips = Vec::new();
    for path in paths {
        match parse_name(&path) {
            Some((class, _, index)) if wanted(index) => {
                let samples = read_wav(&path, sample_rate)?;
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

/// Reads a mono 16-bit WAV file at the given rate, the form of the training data.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn read_wav(path: &Path, sample_rate: u32) -> Result<Vec<i16>, Error> {
    let bytes = file::read(path)?;
    let wav = |source| Error::Wav { path: path.to_owned(), source };
    let reader = hound::WavReader::new(Cursor::new(bytes)).map_err(wav)?;
    let spec = reader.spec();
    if spec.channels != 1 || spec.bits_per_sample != 16 || spec.sample_format != hound::SampleFormat::Int {
        return Err(Error::content(path, "not 16-bit mono"));
    }
    if spec.sample_rate != sample_rate {
        return Err(Error::content(path, format!("{} samples a second, expected {sample_rate}", spec.sample_rate)));
    }
    let samples = reader.into_samples().collect::<Result<Vec<i16>, _>>().map_err(wav)?;
    if samples.is_empty() {
        return Err(Error::content(path, "no samples"));
    }
    Ok(samples)
}
