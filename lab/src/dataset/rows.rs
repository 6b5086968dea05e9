//! Rows of CSV files: their columns by name, and every complaint with its line.

use super::DataError;
use csv::{ErrorKind, StringRecord, Trim};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// A CSV file that has a header.
pub(super) struct Rows {
    path: PathBuf,
    reader: csv::Reader<Box<dyn Read>>,
    /// Names of the columns.
    pub header: Vec<String>,
    /// The row read last, and its line.
    pub row: StringRecord,
    pub line: u64,
}

impl Rows {
    /// Opens a file. Values may be parted by commas, semicolons or tabs: by what the header has most of.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::open(path, "file"))?;
        let mut file = BufReader::with_capacity(1 << 16, file);
        let start = file.fill_buf().map_err(DataError::open(path, "file"))?;
        if start.is_empty() {
            return Err(DataError::file(path, "the file is empty, expected a header and rows"));
        }
        let first = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let count = |delimiter: u8| first.iter().filter(|&&byte| byte == delimiter).count();
        // The last of equals is taken.
        let delimiter = [b'\t', b';', b','].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',');
        // A mark that some spreadsheets write first.
        if start.starts_with(b"\xEF\xBB\xBF") {
            file.consume(3);
        }
        let file: Box<dyn Read> = Box::new(NewLines { file, after_return: false });
        let reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(Trim::All).from_reader(file);
        let mut rows = Self { path: path.to_owned(), reader, header: vec![], row: StringRecord::new(), line: 1 };
        let header = rows.reader.headers().map_err(|error| wrong(path, &error))?;
        rows.header = header.iter().map(str::to_string).collect();
        Ok(rows)
    }

    /// The place of a column.
    pub fn column(&self, name: &str) -> Result<usize, DataError> {
        let at = self.header.iter().position(|column| column == name);
        at.ok_or_else(|| {
            if !self.header.is_empty() && self.header.iter().all(|name| name.parse::<f64>().is_ok()) {
                let row = self.header.join(",");
                return self.wrong_at(1, format!("the first row is {row}, expected names of columns"));
            }
            DataError::unknown(self.path.display(), "column", name, self.header.iter().map(String::as_str))
        })
    }

    /// Goes on to the next row, if there is one.
    pub fn next(&mut self) -> Result<bool, DataError> {
        let more = self.reader.read_record(&mut self.row).map_err(|error| wrong(&self.path, &error))?;
        self.line = self.row.position().map_or(self.line, csv::Position::line);
        Ok(more)
    }

    /// A value of the row.
    pub fn text(&self, column: usize) -> &str {
        self.row.get(column).unwrap_or_default()
    }

    /// A value of the row that must be a finite number.
    pub fn number(&self, column: usize) -> Result<f64, DataError> {
        let text = self.text(column);
        match text.parse::<f64>() {
            // What is too large for the values of a model is as bad as infinite.
            Ok(number) if (number as f32).is_finite() => Ok(number),
            _ => {
                let name = self.header.get(column).map_or("", String::as_str);
                Err(self.wrong(format!("`{name}` is {}, expected a finite number", quoted(text))))
            }
        }
    }

    /// A complaint about the row.
    pub fn wrong(&self, reason: impl ToString) -> DataError {
        self.wrong_at(self.line, reason)
    }

    fn wrong_at(&self, line: u64, reason: impl ToString) -> DataError {
        DataError::row(&self.path, line, reason)
    }
}

/// Text whose lines all end in a line feed: the parser counts lines of other systems one too few.
struct NewLines<R> {
    file: R,
    after_return: bool,
}

impl<R: Read> Read for NewLines<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.file.read(out)?;
            let mut kept = 0;
            for at in 0..read {
                let byte = out[at];
                if !(byte == b'\n' && self.after_return) {
                    out[kept] = if byte == b'\r' { b'\n' } else { byte };
                    kept += 1;
                }
                self.after_return = byte == b'\r';
            }
            // Nothing would mean the end.
            if kept > 0 || read == 0 {
                return Ok(kept);
            }
        }
    }
}

fn quoted(text: &str) -> String {
    if text.is_empty() { "empty".to_string() } else { format!("{text:?}") }
}

fn wrong(path: &Path, error: &csv::Error) -> DataError {
    match error.kind() {
        ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(1, csv::Position::line);
            DataError::row(path, line, format!("{len} values, expected {expected_len} as in the header"))
        }
        ErrorKind::Utf8 { pos, .. } => {
            DataError::row(path, pos.as_ref().map_or(1, csv::Position::line), "the text is no UTF-8")
        }
        _ => DataError::file(path, error),
    }
}

/// A row of CSV, with what needs them in quotes.
pub(crate) fn write_row<'a>(out: impl Write, values: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(values)?;
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::Rows;
    use std::fs;

    fn file(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.csv");
        fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    fn all(bytes: &[u8]) -> Result<Vec<Vec<String>>, String> {
        let (_folder, path) = file(bytes);
        let mut rows = Rows::open(&path).map_err(|error| error.to_string())?;
        let mut found = vec![rows.header.clone()];
        while rows.next().map_err(|error| error.to_string())? {
            found.push(rows.row.iter().map(str::to_string).collect());
        }
        Ok(found)
    }

    #[test]
    fn of_all_kinds() {
        let expected = vec![vec!["a", "b c"], vec!["1", "x, y"]];
        for text in
            ["a,b c\n1,\"x, y\"\n", "\u{feff}a,b c\r\n1 ,\"x, y\"\r\n\r\n", "a;b c\n1;x, y", "a\tb c\n1\tx, y\n"]
        {
            assert_eq!(all(text.as_bytes()).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn complaints() {
        assert!(all(b"").unwrap_err().ends_with("the file is empty, expected a header and rows"));
        for text in ["a,b\n1,2\n1\n", "a,b\r\n1,2\r\n1\r\n", "a,b\n\"1\",2\n1"] {
            let error = all(text.as_bytes()).unwrap_err();
            assert!(error.ends_with("some.csv, line 3: 1 values, expected 2 as in the header"), "{error}");
        }
        let error = all(b"a,b\n1,\xff\n").unwrap_err();
        assert!(error.ends_with("some.csv, line 2: the text is no UTF-8"), "{error}");

        let (_folder, path) = file(b"time,speed\n1,nan\n2,\n3,inf\n4,5e-1\n");
        let mut rows = Rows::open(&path).unwrap();
        let error = rows.column("sped").unwrap_err().to_string();
        assert!(error.ends_with("no column `sped`, did you mean `speed`?; there are: time, speed"), "{error}");
        let speed = rows.column("speed").unwrap();
        for found in ["\"nan\"", "empty", "\"inf\""] {
            assert!(rows.next().unwrap());
            let error = rows.number(speed).unwrap_err().to_string();
            let expected = format!("line {}: `speed` is {found}, expected a finite number", rows.line);
            assert!(error.ends_with(&expected), "{error}");
        }
        assert!(rows.next().unwrap() && rows.number(speed).unwrap() == 0.5 && !rows.next().unwrap());

        let (_folder, path) = file(b"1,2\n3,4\n");
        let error = Rows::open(&path).unwrap().column("x").unwrap_err().to_string();
        assert!(error.ends_with("line 1: the first row is 1,2, expected names of columns"), "{error}");
    }
}
