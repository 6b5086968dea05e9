//! Data sets from their tables: what is found, how it is split, and what is said of what cannot be used.

#[path = "../../../tests/support/skip.rs"]
mod skip;

mod bad_input;
mod public;
mod series;
mod sounds;
mod splits;

use heedful_import::words;
use heedful_lab::dataset::{Data, DataError, Dataset, InputConfig, Notice, Options};
use std::fs;
use std::path::{Path, PathBuf};

/// The part of a training's TOML that is of data.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    pub labels: Vec<String>,
    pub data: Data,
    pub input: InputConfig,
}

/// A folder of files made for a test.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    /// A WAV file of 1,000 samples a second that count up from `first`.
    pub fn wav(&self, path: &str, first: i16, samples: usize) -> &Self {
        self.wav_at(path, first, samples, 1000)
    }

    pub fn wav_at(&self, path: &str, first: i16, samples: usize, sample_rate: u32) -> &Self {
        self.write(path, "");
        let counted: Vec<i16> = (0..samples).map(|n| first.wrapping_add(n as i16)).collect();
        heedful_recordings::write_wav(&self.path(path), &counted, sample_rate).unwrap();
        self
    }

    pub fn read(&self, toml: &str) -> Result<Dataset, DataError> {
        read(self.root(), toml, 1)
    }

    pub fn works(&self, toml: &str) -> Dataset {
        let dataset = self.read(toml).unwrap_or_else(|error| panic!("{error}"));
        check(&dataset);
        dataset
    }

    pub fn fails(&self, toml: &str) -> String {
        self.read(toml).map(|dataset| panic!("{}", dataset.report)).unwrap_err().to_string()
    }
}

pub fn read(root: &Path, toml: &str, seed: u64) -> Result<Dataset, DataError> {
    let config: Config = words::parse(toml).unwrap_or_else(|error| panic!("{error}"));
    let options = Options { labels: &config.labels, ..Options::new(root, seed) };
    Dataset::read(&config.data, &config.input, &options)
}

/// What is true of every data set.
pub fn check(dataset: &Dataset) {
    let mut all: Vec<usize> = dataset.split.train.iter().chain(&dataset.split.validation).copied().collect();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..dataset.items.len()), "an item on no side, or on both");
    assert!(dataset.split.train.is_sorted() && dataset.split.validation.is_sorted());
    for item in &dataset.items {
        assert!(item.class < dataset.labels.len() && item.group == dataset.recordings[item.recording].group);
    }
    let total = &dataset.report.all;
    assert_eq!(total.train.windows, dataset.split.train.len());
    assert_eq!(total.validation.windows, dataset.split.validation.len());
}

/// Names of the groups of a side.
pub fn groups<'a>(dataset: &'a Dataset, side: &[usize]) -> Vec<&'a str> {
    let mut names: Vec<&str> = side.iter().map(|&item| dataset.groups[dataset.items[item].group].as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Examples that train and validate, by label.
pub fn counts(dataset: &Dataset) -> Vec<(&str, usize, usize)> {
    dataset.report.lines.iter().map(|line| (line.label.as_str(), line.train.windows, line.validation.windows)).collect()
}

pub fn notices(dataset: &Dataset) -> Vec<String> {
    dataset.report.notices.iter().map(Notice::to_string).collect()
}

#[track_caller]
pub fn noticed(dataset: &Dataset, text: &str) {
    assert!(notices(dataset).iter().any(|notice| notice.contains(text)), "{text}: {:#?}", notices(dataset));
}
