//! From the tables `[data]` and `[input]` of a training's TOML to labelled examples with groups, split into training
//! and validation.
//!
//! [`Dataset::read`] looks for the files ([`Data`] says where, and what their names mean), reads each of them once, so
//! that what is wrong is said before training starts, cuts windows, and splits by groups. What it keeps is bounded:
//! paths and fields of all files, and contents up to [`Options::memory`]. [`Dataset::content`] gives the values of an
//! example.
//!
//! - A *file* has one *recording*, or several: takes in a CSV, or the first axis of an array.
//! - A recording is one *example* ([`Item`]), or has several: windows cut from it, or around its marks.
//! - A recording belongs to a *group*, which stands on one side of the split only.

mod build;
pub mod config;
mod error;
mod files;
mod gather;
mod image;
mod keys;
mod notice;
pub mod pattern;
mod report;
mod rows;
mod scan;
mod series;
mod sides;
mod sound;
mod split;
mod store;
mod summary;
mod timing;
mod windows;

pub use config::{Data, InputConfig};
pub use error::DataError;
pub use notice::{Notice, Remark};
pub use report::{Count, LeftOut, Line, Report};
pub(crate) use rows::write_row;
pub use sound::windows_of;
pub use store::Content;
pub use windows::Span;

use gather::Found;
use scan::Reader;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;
use store::Store;

/// The field of names and the column of tables that has the label.
const LABEL: &str = "label";

/// The label of what has no label.
pub const NOTHING: &str = "nothing";

/// What [`Dataset::read`] needs beside the two tables.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The folder that paths in `[data]` are relative to.
    pub root: &'a Path,
    /// What chance depends on.
    pub seed: u64,
    /// The labels in the order of the outputs; if there are none, those that are found, sorted. Others are left out.
    pub labels: &'a [String],
    /// Bytes of contents to keep in memory.
    pub memory: usize,
    /// Is told how many files are read, of how many.
    pub progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
}

impl<'a> Options<'a> {
    /// All labels, and half a gigabyte.
    #[must_use]
    pub fn new(root: &'a Path, seed: u64) -> Self {
        Self { root, seed, labels: &[], memory: 512 << 20, progress: None }
    }
}

/// Labelled examples.
pub struct Dataset {
    /// Names of the classes, in the order of the outputs; "nothing" is the last.
    pub labels: Vec<String>,
    /// Whether the last class is "nothing".
    pub nothing: bool,
    /// Names of the groups.
    pub groups: Vec<String>,
    /// The recordings.
    pub recordings: Vec<Recording>,
    /// The examples, in the order of the files.
    pub items: Vec<Item>,
    /// Which of them train and which validate.
    pub split: Split,
    /// Rows per second of series, if that is known; samples per second of sounds.
    pub rate: Option<f64>,
    /// Values of a row of series.
    pub channels: usize,
    /// What there is.
    pub report: Report,
    files: Vec<Found>,
    reader: Reader,
    store: Store,
}

/// A recording: a file, or some rows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    file: usize,
    /// Its samples or rows in the file.
    pub rows: Range<usize>,
    /// Index of its group.
    pub group: usize,
}

/// An example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Index of its recording.
    pub recording: usize,
    /// Index of its label.
    pub class: usize,
    /// Index of its group.
    pub group: usize,
    /// The window; none if it is the whole recording, whatever its length.
    pub span: Option<Span>,
}

/// Indices of items, each list in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// What the weights are fitted to.
    pub train: Vec<usize>,
    /// What is only ever judged.
    pub validation: Vec<usize>,
}

impl fmt::Debug for Dataset {
    /// Without the contents, which may be of gigabytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { labels, report, .. } = self;
        f.debug_struct("Dataset").field("labels", labels).field("report", report).finish_non_exhaustive()
    }
}

impl Dataset {
    /// Reads all files and splits what they hold.
    ///
    /// # Errors
    /// Says which file or key is wrong, what was found, and what is allowed.
    pub fn read(data: &Data, input: &InputConfig, options: &Options) -> Result<Self, DataError> {
        build::build(data, input, options)
    }

    /// The file of a recording.
    #[must_use]
    pub fn path(&self, recording: usize) -> &Path {
        &self.files[self.recordings[recording].file].path
    }

    /// Whether examples are windows round marks.
    #[must_use]
    pub fn has_marks(&self) -> bool {
        self.files.iter().any(|file| file.marks.is_some())
    }

    /// The values of an example: exactly those of its window, or the whole recording.
    ///
    /// # Errors
    /// If its file can be read no longer, or has changed.
    pub fn content(&self, item: &Item) -> Result<Content, DataError> {
        self.content_wider(item, 0)
    }

    /// [`Dataset::content`], of a window with so many samples or rows more on both sides, for alterations that shift
    /// it. A whole recording has no more.
    ///
    /// # Errors
    /// As [`Dataset::content`].
    pub fn content_wider(&self, item: &Item, margin: usize) -> Result<Content, DataError> {
        let recording = &self.recordings[item.recording];
        let Some(span) = item.span else { return self.stretch(recording.file, recording.rows.clone()) };
        let (before, rows, after) = span.wider(margin).within(&recording.rows);
        Ok(self.stretch(recording.file, rows)?.filled_up(before, after))
    }

    /// All of a recording, such as a background for others.
    ///
    /// # Errors
    /// As [`Dataset::content`].
    pub fn recording(&self, recording: usize) -> Result<Content, DataError> {
        let recording = &self.recordings[recording];
        self.stretch(recording.file, recording.rows.clone())
    }

    fn stretch(&self, file: usize, rows: Range<usize>) -> Result<Content, DataError> {
        let found = &self.files[file];
        if let Some(kept) = self.store.rows(file, rows.clone()) {
            return kept.map_err(|source| DataError::Io { path: found.path.clone(), source });
        }
        let (content, ..) = self.reader.load(found)?;
        match content.rows() >= rows.end {
            true => Ok(content.part(rows)),
            false => Err(DataError::file(&found.path, "it is shorter than when training started")),
        }
    }

    /// Bytes of contents in memory.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.store.used()
    }

    /// Writes a table of all examples: `file,label,group,side,start,length`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_table(&self, out: &mut dyn io::Write) -> io::Result<()> {
        rows::write_row(&mut *out, ["file", "label", "group", "side", "start", "length"])?;
        let mut sides = vec!["train"; self.items.len()];
        self.split.validation.iter().for_each(|&item| sides[item] = "validation");
        for (item, side) in self.items.iter().zip(sides) {
            let rows = &self.recordings[item.recording].rows;
            let (start, length) =
                item.span.map_or((rows.start.to_string(), rows.len()), |span| (span.start.to_string(), span.length));
            let path = self.path(item.recording).to_string_lossy();
            let (label, group) = (&self.labels[item.class], &self.groups[item.group]);
            rows::write_row(&mut *out, [&path, label.as_str(), group, side, &start, &length.to_string()])?;
        }
        Ok(())
    }
}
