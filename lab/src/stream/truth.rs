//! What is in a stream: a CSV of `start_s,end_s,label`.

use crate::Error;
use crate::dataset::write_row;
use std::io;
use std::path::Path;

/// Something in a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Spoken {
    /// Where it begins, seconds.
    pub start: f64,
    /// Where it ends, seconds.
    pub end: f64,
    /// What it is.
    pub label: String,
}

/// Reads a table of what is in a stream, in the order of the starts.
///
/// # Errors
/// Names the file, the line, and what is wrong there.
pub fn read(path: &Path) -> Result<Vec<Spoken>, Error> {
    let mut reader = csv::Reader::from_path(path).map_err(|error| Error::content(path, error))?;
    let headers = reader.headers().map_err(|error| Error::content(path, error))?.clone();
    let column = |name: &str| {
        let at = headers.iter().position(|header| header.trim() == name);
        let found = headers.iter().collect::<Vec<_>>().join(",");
        at.ok_or_else(|| Error::content(path, format!("no column {name} in {found}; expected start_s,end_s,label")))
    };
    let [start, end, label] = [column("start_s")?, column("end_s")?, column("label")?];
    let mut all = vec![];
    for row in reader.records() {
        let row = row.map_err(|error| Error::content(path, error))?;
        let line = row.position().map_or(0, csv::Position::line);
        let wrong = |what: &str| Error::content(path, format!("line {line}: {what}"));
        let seconds = |at: usize| {
            let value = row.get(at).and_then(|text| text.trim().parse::<f64>().ok());
            value.filter(|x| x.is_finite() && *x >= 0.0).ok_or_else(|| wrong("expected seconds from 0 on"))
        };
        let (start, end) = (seconds(start)?, seconds(end)?);
        if end < start {
            return Err(wrong("it ends before it begins"));
        }
        all.push(Spoken { start, end, label: row.get(label).unwrap_or_default().trim().to_owned() });
    }
    all.sort_by(|a, b| a.start.total_cmp(&b.start));
    Ok(all)
}

/// Writes such a table.
///
/// # Errors
/// If it cannot be written.
pub fn write(out: &mut dyn io::Write, all: &[Spoken]) -> io::Result<()> {
    write_row(&mut *out, ["start_s", "end_s", "label"])?;
    all.iter().try_for_each(|Spoken { start, end, label }| {
        write_row(&mut *out, [&format!("{start:.3}"), &format!("{end:.3}"), label.as_str()].map(AsRef::as_ref))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("truth.csv");
        let of = |start, end, label: &str| Spoken { start, end, label: label.into() };
        let all = [of(0.5, 1.25, "seven"), of(2.0, 2.0, "a, \"b\"")];
        write(&mut std::fs::File::create(&path).unwrap(), &all).unwrap();
        assert_eq!(read(&path).unwrap(), all);
        for (text, expected) in [
            ("start,end,label\n1,2,x\n", "no column start_s in start,end,label"),
            ("start_s,end_s,label\n1,x,y\n", "line 2: expected seconds"),
            ("start_s,end_s,label\n1,2,y\n3,2,y\n", "line 3: it ends before it begins"),
            ("start_s,end_s,label\n1,2\n", "line"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
