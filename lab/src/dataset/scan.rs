//! Reading files: what they hold, and what examples are made of it.

use super::DataError;
use super::config::InputConfig;
use super::gather::{Found, LabelFrom};
use super::notice::Remark;
use super::series::{self, Part, Wanted};
use super::store::{Content, Store};
use super::windows::{Span, cut, majority};
use super::{image, sound};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

/// How files are read.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub input: InputConfig,
    pub labels: LabelFrom,
    /// Columns that tell recordings of a file apart: `take`, and fields that no name says.
    pub same: Vec<String>,
}

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub recordings: Vec<Recorded>,
    /// Labels of its rows or marks.
    pub labels: Vec<String>,
    /// A number that is equal for equal contents.
    pub hash: u64,
    /// Root mean square of a series.
    pub size: f64,
    /// Values of a row.
    pub channels: usize,
    /// Windows without a label.
    pub unlabelled: usize,
    pub remarks: Vec<Remark>,
}

/// A recording in a file.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub rows: Range<usize>,
    /// Values of [`Reader::same`].
    pub same: Vec<String>,
    pub rate: Option<f64>,
    /// Its windows, or none for all of it; with the index of a label of the file, if rows or marks have labels.
    pub examples: Vec<(Option<Span>, Option<u32>)>,
}

/// What was read: the values, the recordings, the labels of rows, and remarks.
type Loaded = (Content, Vec<Part>, Vec<String>, Vec<Remark>);

impl Reader {
    /// Reads all of a file.
    pub fn load(&self, found: &Found) -> Result<Loaded, DataError> {
        let path = &found.path;
        let one = |rows| vec![Part { rows: 0..rows, ..Part::default() }];
        match &self.input {
            InputConfig::Audio(audio) => {
                let (samples, remarks) = sound::read(path, audio.rate)?;
                let parts = one(samples.len());
                Ok((Content::Sound(samples), parts, vec![], remarks))
            }
            InputConfig::Image(image) => {
                let (values, remarks) = image::read(path, image)?;
                Ok((Content::Image(values), one(1), vec![], remarks))
            }
            InputConfig::Series(series) => {
                let label = series.label.as_deref().filter(|_| self.labels == LabelFrom::Rows && !found.nothing);
                // What is no label need not say who or which it is of.
                let same = if found.nothing { &series.take } else { &self.same };
                let table = series::read(path, Wanted { series, label, same, lenient: found.nothing })?;
                let content = Content::Series { values: table.values, channels: table.channels };
                Ok((content, table.parts, table.labels, table.remarks))
            }
        }
    }

    /// Reads a file, says what examples it has, and lets the store keep it.
    pub fn scan(&self, number: usize, found: &Found, store: &Store) -> Result<Scanned, DataError> {
        let (content, parts, mut labels, mut remarks) = self.load(found)?;
        let mut scanned = Scanned { hash: hash(&content), ..Scanned::default() };
        if let Content::Series { values, channels } = &content {
            let squares: f64 = values.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
            (scanned.size, scanned.channels) = ((squares / values.len() as f64).sqrt(), *channels);
        }
        let (length, stride) = self.window(found.nothing);
        for part in parts {
            let spans = stride.map_or(vec![], |stride| cut(&part.rows, length, stride));
            let examples = match self.labels {
                LabelFrom::Rows if !found.nothing => {
                    let whole = [Span { start: part.rows.start as i64, length: part.rows.len() }];
                    let windows = if spans.is_empty() { &whole[..] } else { &spans };
                    let labels = majority(&part.labels, part.rows.start, windows);
                    let of = |n: usize| spans.get(n).copied();
                    let labelled = labels.iter().enumerate().filter(|(_, label)| label.is_some());
                    let examples: Vec<_> = labelled.map(|(n, label)| (of(n), *label)).collect();
                    scanned.unlabelled += windows.len() - examples.len();
                    examples
                }
                _ if spans.is_empty() => vec![(None, None)],
                _ => spans.into_iter().map(|span| (Some(span), None)).collect(),
            };
            let Part { rows, same, rate, .. } = part;
            scanned.recordings.push(Recorded { rows, same, rate, examples });
        }
        if let (InputConfig::Series(series), Some(path)) = (&self.input, &found.marks) {
            scanned.recordings.iter_mut().for_each(|recording| recording.examples.clear());
            let mut marks = series::marks(path, series, content.rows())?;
            if let Some(between) = &series.between {
                let stride = series.stride.unwrap_or(series.steps);
                let places = scanned.recordings.iter().flat_map(|recording| recording.rows.clone().step_by(stride));
                let places = away(places, &marks, between.clear);
                marks.extend(places.into_iter().map(|row| (row, between.label.clone())));
            }
            for (row, label) in marks {
                let index = labels.iter().position(|known| *known == label).unwrap_or_else(|| {
                    labels.push(label);
                    labels.len() - 1
                });
                let example = (Some(Span::around(row, length)), Some(index as u32));
                let of = scanned.recordings.iter_mut().find(|recording| recording.rows.contains(&row));
                of.into_iter().for_each(|recording| recording.examples.push(example));
            }
        }
        scanned.labels = labels;
        let several = scanned.recordings.iter().map(|recording| recording.examples.len()).sum::<usize>() > 1;
        if let Err(error) = store.keep(number, content, several) {
            remarks.push(Remark::NotKept(error.to_string()));
        }
        scanned.remarks = remarks;
        Ok(scanned)
    }

    /// Rows of an input, and from one window to the next, if windows are cut. What is no label is always cut: it is
    /// often long, and of many kinds.
    pub fn window(&self, nothing: bool) -> (usize, Option<usize>) {
        match &self.input {
            InputConfig::Audio(audio) => {
                let length = audio.window().max(1);
                (length, audio.step().or(nothing.then_some(length)))
            }
            InputConfig::Series(series) => {
                let cut = nothing || self.labels == LabelFrom::Rows;
                let stride = series.stride.or(cut.then_some(series.steps));
                (series.steps, stride.filter(|_| nothing || self.labels != LabelFrom::Marks))
            }
            InputConfig::Image(_) => (1, None),
        }
    }
}

/// Those of the places that are so many rows away from each mark, at least.
fn away(places: impl Iterator<Item = usize>, marks: &[(usize, String)], clear: usize) -> Vec<usize> {
    let mut rows: Vec<usize> = marks.iter().map(|(row, _)| *row).collect();
    rows.sort_unstable();
    let is_away = |place: &usize| {
        let next = rows.partition_point(|row| row < place);
        let before = next.checked_sub(1).and_then(|last| rows.get(last));
        before.into_iter().chain(rows.get(next)).all(|row| row.abs_diff(*place) >= clear)
    };
    places.filter(is_away).collect()
}

fn hash(content: &Content) -> u64 {
    let mut hasher = DefaultHasher::new();
    match content {
        Content::Sound(samples) => samples.hash(&mut hasher),
        Content::Series { values, .. } => values.iter().for_each(|value| hasher.write_u32(value.to_bits())),
        Content::Image(values) => values.hash(&mut hasher),
    }
    hasher.finish()
}
