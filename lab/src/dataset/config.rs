//! The tables `[data]` and `[input]` of a training's TOML.

use super::DataError;
use super::pattern::Pattern;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The `[data]` table: where examples are, what they are called, and how they are split.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The folder of the files, searched with all folders in it.
    pub folder: Option<PathBuf>,
    /// Or a table of files, labels and more columns; its paths are relative to it.
    pub table: Option<PathBuf>,
    /// What a path below the folder says, without its extension. By default `{label}/{}`, or nothing if labels come
    /// from elsewhere.
    pub name: Option<Pattern>,
    /// What must not stand on both sides: fields of the names or columns. By default each file is its own group.
    #[serde(default, deserialize_with = "words")]
    pub group: Vec<String>,
    /// What validates.
    #[serde(default)]
    pub validate: Part,
    /// What is never read.
    pub leave_out: Option<Part>,
    /// Folders of what has no label: the class "nothing", which is the last.
    #[serde(default, deserialize_with = "words")]
    pub nothing: Vec<String>,
    /// Other names for labels as they are found: `{ "0" = "normal" }`. Several may become one.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
}

/// Part of the data: about this share of the groups, or what has one of the values in each of these fields.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "a share such as 0.2, or fields such as { speaker = [\"theo\", \"nicolas\"] }")]
pub enum Part {
    /// A share above 0 and below 1.
    Share(f64),
    /// Values by field.
    Fields(#[serde(deserialize_with = "lists")] BTreeMap<String, Vec<String>>),
}

impl Default for Part {
    fn default() -> Self {
        Self::Share(0.2)
    }
}

/// A word, or a list of them; numbers are words, too.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a word or a list of words")]
enum Words {
    One(Word),
    Many(Vec<Word>),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a word or a whole number")]
enum Word {
    Text(String),
    Number(i64),
}

impl From<Words> for Vec<String> {
    fn from(words: Words) -> Self {
        let text = |word| match word {
            Word::Text(text) => text,
            Word::Number(number) => number.to_string(),
        };
        match words {
            Words::One(word) => vec![text(word)],
            Words::Many(words) => words.into_iter().map(text).collect(),
        }
    }
}

fn words<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Words::deserialize(from).map(Vec::from)
}

fn lists<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Vec<String>>, D::Error> {
    let lists = BTreeMap::<String, Words>::deserialize(from)?;
    Ok(lists.into_iter().map(|(field, words)| (field, words.into())).collect())
}

impl Data {
    /// Refuses values that no data set can have, before anything is read.
    pub(super) fn check(&self) -> Result<(), DataError> {
        match (&self.folder, &self.table) {
            (None, None) => return Err(DataError::setting("folder", "missing", "`folder` or `table`")),
            (Some(_), Some(_)) => return Err(DataError::setting("folder", "there beside `table`", "one of both")),
            _ => {}
        }
        for (key, part) in [("validate", Some(&self.validate)), ("leave_out", self.leave_out.as_ref())] {
            match part {
                Some(Part::Share(share)) if !(*share > 0.0 && *share < 1.0) => {
                    return Err(DataError::setting(key, share, "a share above 0 and below 1, or fields"));
                }
                Some(Part::Fields(fields)) if fields.values().all(Vec::is_empty) => {
                    return Err(DataError::setting(key, "without values", "a share, or fields with values"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The `[input]` table: what one input of the model is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "super::keys::Keys")]
pub enum InputConfig {
    /// Sounds.
    Audio(Audio),
    /// Series of sensors.
    Series(Series),
    /// Pictures.
    Image(Image),
}

/// Sounds, and the front end that makes features of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Audio {
    /// Samples per second, to which all recordings are brought.
    pub rate: u32,
    /// Length of an input.
    pub seconds: f64,
    /// From one window to the next in a long recording; without it, a labelled recording is one example.
    pub stride: Option<f64>,
    /// The front end, as far as it is given.
    pub front_end: FrontEnd,
}

/// What the front end is asked to be: only read here, for the part that designs it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FrontEnd {
    /// Samples under a window.
    pub window: Option<u32>,
    /// Samples from one window to the next.
    pub hop: Option<u32>,
    /// Mel bands.
    pub bands: Option<u32>,
    /// Lower edge, Hz.
    pub low: Option<u32>,
    /// Upper edge, Hz.
    pub high: Option<u32>,
    /// Power that maps to 0, as a logarithm to base 2.
    pub floor: Option<i32>,
    /// Whether the mean of the samples under a window is subtracted.
    pub remove_dc: Option<bool>,
    /// Bands are held against running means of this shift, not against the mean of all.
    pub running: Option<u32>,
}

impl Audio {
    /// Samples of a window.
    #[must_use]
    pub fn window(&self) -> usize {
        (self.seconds * f64::from(self.rate)).round() as usize
    }

    /// Samples from one window to the next.
    #[must_use]
    pub fn step(&self) -> Option<usize> {
        self.stride.map(|stride| ((stride * f64::from(self.rate)).round() as usize).max(1))
    }
}

/// Series: rows of values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Columns of the CSV that are the channels. Files of `.npy` have no names, only as many.
    pub columns: Vec<String>,
    /// Rows per second.
    pub rate: Option<f64>,
    /// The column of time stamps.
    pub time: Option<String>,
    /// Time stamps per second: 1, 1,000 for milliseconds, and so on.
    pub time_unit: TimeUnit,
    /// The column of labels of rows, or of marks.
    pub label: Option<String>,
    /// Columns that tell recordings in one file apart.
    pub take: Vec<String>,
    /// The file of marks that belongs to a recording; a window around each is an example.
    pub marks: Option<String>,
    /// What is between marks.
    pub between: Option<Between>,
    /// The value of one step of what the sensor's driver gives, whole numbers of 16 bits.
    pub resolution: Option<f64>,
    /// What values of a label are multiplied with, where its files have another unit than the others.
    pub factors: BTreeMap<String, f64>,
    /// Rows of an input.
    pub steps: usize,
    /// Rows from one window to the next in a long recording.
    pub stride: Option<usize>,
}

/// Windows between marks, as a label of their own: what a stream mostly consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Between {
    /// Their label.
    pub label: String,
    /// Rows from the middle of a window to the nearest mark, at least.
    pub clear: usize,
}

/// Unit of time stamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
pub enum TimeUnit {
    /// Seconds.
    #[default]
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Microseconds.
    #[serde(rename = "us")]
    Microseconds,
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
}

impl TimeUnit {
    /// How many make a second.
    #[must_use]
    pub fn per_second(self) -> f64 {
        match self {
            Self::Seconds => 1.0,
            Self::Milliseconds => 1e3,
            Self::Microseconds => 1e6,
            Self::Nanoseconds => 1e9,
        }
    }
}

/// Pictures; those of another size are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 of brightness, or 3 of colour.
    pub channels: usize,
}

impl InputConfig {
    /// Extensions of the files that are read, in lower case.
    #[must_use]
    pub fn extensions(&self) -> &'static [&'static str] {
        match self {
            Self::Audio(_) => super::sound::EXTENSIONS,
            Self::Series(_) => &["csv", "tsv", "txt", "npy"],
            Self::Image(_) => &["png", "pgm", "ppm", "pnm", "pbm"],
        }
    }
}
