//! Series of sensors, from CSV files and arrays of NumPy.

use super::DataError;
use super::config::Series;
use super::notice::Remark;
use super::rows::Rows;
use super::timing::{self, Timing};
use heedful_import::ImportError;
use heedful_import::arrays::Array;
use std::ops::Range;
use std::path::Path;

/// A file of one recording or several.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// `[row][channel]`.
    pub values: Vec<f32>,
    /// Values of a row.
    pub channels: usize,
    /// The recordings, in the order of their rows.
    pub parts: Vec<Part>,
    /// The labels of rows.
    pub labels: Vec<String>,
    /// What was noticed.
    pub remarks: Vec<Remark>,
}

/// A recording.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Part {
    /// Its rows.
    pub rows: Range<usize>,
    /// What the columns say that are the same in all its rows.
    pub same: Vec<String>,
    /// Indices of the labels of its rows, if rows have labels.
    pub labels: Vec<Option<u32>>,
    /// Rows per second by its time stamps, if it has them.
    pub rate: Option<f64>,
}

/// What is wanted of a file beside its channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub series: &'a Series,
    /// The column of labels of rows.
    pub label: Option<&'a str>,
    /// The columns that tell recordings apart.
    pub same: &'a [String],
    /// Whether these may be missing.
    pub lenient: bool,
}

/// Reads a file.
pub(super) fn read(path: &Path, wanted: Wanted) -> Result<Table, DataError> {
    let array = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"));
    let table = if array { of_array(path, wanted)? } else { of_csv(path, wanted)? };
    match table.parts.is_empty() {
        true => Err(DataError::file(path, "no rows, expected at least one")),
        false => Ok(table),
    }
}

fn of_array(path: &Path, Wanted { series, label, same, lenient }: Wanted) -> Result<Table, DataError> {
    let column = label.or(series.time.as_deref()).or(same.first().filter(|_| !lenient).map(String::as_str));
    if let Some(column) = column {
        return Err(DataError::file(path, format!("an array has no columns with names, expected a `{column}`")));
    }
    let array = Array::read(path).map_err(|error| match error {
        ImportError::File { path, reason } => DataError::File { path, reason },
        error => DataError::file(path, error),
    })?;
    let (recordings, rows, channels) = match array.shape[..] {
        [rows] => (1, rows, 1),
        [rows, channels] => (1, rows, channels),
        [recordings, rows, channels] => (recordings, rows, channels),
        _ => {
            let expected = "[rows], [rows, channels] or [recordings, rows, channels]";
            return Err(DataError::file(path, format!("an array of the shape {:?}, expected {expected}", array.shape)));
        }
    };
    if !series.columns.is_empty() && series.columns.len() != channels {
        let expected = format!("{} as `columns` has", series.columns.len());
        return Err(DataError::file(path, format!("{channels} channels, expected {expected}")));
    }
    let values: Vec<f32> = array.values.iter().map(|&value| value as f32).collect();
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        return Err(DataError::file(path, format!("value {at} is {}, expected less than 3.4e38", array.values[at])));
    }
    let part = |n| Part { rows: n * rows..(n + 1) * rows, ..Part::default() };
    let parts = if values.is_empty() { vec![] } else { (0..recordings).map(part).collect() };
    Ok(Table { values, channels, parts, ..Table::default() })
}

fn of_csv(path: &Path, Wanted { series, label, same, lenient }: Wanted) -> Result<Table, DataError> {
    let mut rows = Rows::open(path)?;
    let time = series.time.as_deref().map(|name| rows.column(name)).transpose()?;
    let label = label.map(|name| rows.column(name)).transpose()?;
    let mut same_at = vec![];
    for name in same {
        match rows.column(name) {
            Ok(column) => same_at.push(Some(column)),
            Err(_) if lenient => same_at.push(None),
            Err(error) => return Err(error),
        }
    }
    let channels: Vec<usize> = if series.columns.is_empty() {
        let other = |column: &usize| Some(*column) != time && Some(*column) != label;
        (0..rows.header.len()).filter(|column| other(column) && !same_at.contains(&Some(*column))).collect()
    } else {
        series.columns.iter().map(|name| rows.column(name)).collect::<Result<_, _>>()?
    };
    if channels.is_empty() {
        return Err(DataError::file(path, "no columns beside those of time, labels and takes"));
    }

    let mut table = Table { channels: channels.len(), ..Table::default() };
    let mut part = Part::default();
    let mut timing = Timing::default();
    while rows.next()? {
        let here = |column: &Option<usize>| column.map_or("", |column| rows.text(column));
        let fresh = part.rows.is_empty();
        if !fresh && !part.same.iter().map(String::as_str).eq(same_at.iter().map(here)) {
            finish(&mut table, &mut part, &mut timing, series);
        }
        if part.rows.is_empty() {
            part.same = same_at.iter().map(|column| here(column).to_string()).collect();
        }
        if let Some(column) = time {
            let now = rows.number(column)? / series.time_unit.per_second();
            match timing.add(now) {
                timing::Step::On => {}
                timing::Step::Gap(seconds) => {
                    table.remarks.push(Remark::Gap { line: rows.line, seconds });
                    let same = part.same.clone();
                    finish(&mut table, &mut part, &mut timing, series);
                    part.same = same;
                    timing.add(now);
                }
                timing::Step::Back(before) => {
                    let (name, unit) = (&rows.header[column], series.time_unit.per_second());
                    let reason = format!("`{name}` is {}, expected more than {}", now * unit, before * unit);
                    return Err(rows.wrong(format!("{reason} of the row before; `take` names what parts recordings")));
                }
            }
        }
        if part.rows.is_empty() {
            let start = table.values.len() / table.channels;
            part.rows = start..start;
        }
        for &column in &channels {
            table.values.push(rows.number(column)? as f32);
        }
        if let Some(column) = label {
            part.labels.push(index(&mut table.labels, rows.text(column)));
        }
        part.rows.end += 1;
    }
    finish(&mut table, &mut part, &mut timing, series);
    Ok(table)
}

/// The index of a label, which is added if it is new; none of an empty one.
fn index(labels: &mut Vec<String>, label: &str) -> Option<u32> {
    if label.is_empty() {
        return None;
    }
    // Rows next to each other mostly have the same.
    let at = labels.iter().rposition(|known| known == label).unwrap_or_else(|| {
        labels.push(label.to_string());
        labels.len() - 1
    });
    Some(at as u32)
}

/// Ends a recording; its rows are brought to the rate, if there is one and time stamps say that they have another.
fn finish(table: &mut Table, part: &mut Part, timing: &mut Timing, series: &Series) {
    let (mut part, timing) = (std::mem::take(part), std::mem::take(timing));
    if part.rows.is_empty() {
        return;
    }
    part.rate = timing.rate();
    if let (Some(rate), Some(found)) = (series.rate, part.rate)
        && !timing.regular(rate)
    {
        let values = table.values.split_off(part.rows.start * table.channels);
        let (places, steps) = timing.places(rate);
        for &(row, share) in &places {
            let next = (row + 1).min(part.rows.len() - 1);
            for channel in 0..table.channels {
                let [a, b] = [row, next].map(|row| values[row * table.channels + channel]);
                table.values.push(a + share * (b - a));
            }
        }
        if !part.labels.is_empty() {
            part.labels = places.iter().map(|&(row, share)| part.labels[row + usize::from(share >= 0.5)]).collect();
        }
        part.rows.end = part.rows.start + steps;
        part.rate = Some(rate);
        table.remarks.push(Remark::Resampled { found, rate });
    }
    table.parts.push(part);
}

/// The events of a file of marks: the row that each is at, and its label.
pub(super) fn marks(path: &Path, series: &Series, rows: usize) -> Result<Vec<(usize, String)>, DataError> {
    let mut marks = Rows::open(path)?;
    let place = marks.column("sample").or_else(|error| marks.column("time").map_err(|_| error))?;
    let seconds = marks.header[place] == "time";
    let label = match &series.label {
        Some(name) => marks.column(name)?,
        None if marks.header.len() == 2 => 1 - place,
        None => marks.column(super::LABEL)?,
    };
    let mut found = vec![];
    while marks.next()? {
        let number = marks.number(place)?;
        let row = match (seconds, series.rate) {
            (true, Some(rate)) => (number / series.time_unit.per_second() * rate).round(),
            (true, None) => return Err(DataError::setting("rate", "missing", "one, since marks have a time")),
            (false, _) => number,
        };
        if !(row >= 0.0 && row < rows as f64 && row.fract() == 0.0) {
            let name = &marks.header[place];
            let reason = format!("`{name}` is {number}, expected one of the {rows} rows of the recording, from 0");
            return Err(marks.wrong(reason));
        }
        match marks.text(label) {
            "" => return Err(marks.wrong(format!("`{}` is empty", marks.header[label]))),
            text => found.push((row as usize, text.to_string())),
        }
    }
    Ok(found)
}
