//! What was read of files, kept within a number of bytes.
//!
//! Training reads all files once an epoch, so that nothing is gained by throwing out what was used longest ago: what
//! comes first stays. Of the rest, files of several examples go to a temporary file, from which a window is read
//! without the hour around it; others are read again.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// Values of a file or of a stretch of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Samples at the rate of the input.
    Sound(Vec<i16>),
    /// `[row][channel]`, as in the file.
    Series {
        /// The values.
        values: Vec<f32>,
        /// Values of a row.
        channels: usize,
    },
    /// `[row][column][channel]`, from 0 to 255.
    Image(Vec<u8>),
}

impl Content {
    /// Samples or rows; of a picture, 1.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::Sound(samples) => samples.len(),
            Self::Series { values, channels } => values.len() / (*channels).max(1),
            Self::Image(_) => 1,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Sound(samples) => 2 * samples.len(),
            Self::Series { values, .. } => 4 * values.len(),
            Self::Image(values) => values.len(),
        }
    }

    /// Some of its rows.
    pub(super) fn part(&self, rows: Range<usize>) -> Self {
        match self {
            Self::Sound(samples) => Self::Sound(samples[rows].to_vec()),
            Self::Series { values, channels } => {
                let values = values[rows.start * channels..rows.end * channels].to_vec();
                Self::Series { values, channels: *channels }
            }
            Self::Image(_) => self.clone(),
        }
    }

    /// Filled up on both sides: sounds with silence; series with their first and last row, since a jump to 0 would be
    /// an event. What is empty stays empty.
    pub(super) fn filled_up(self, before: usize, after: usize) -> Self {
        match self {
            Self::Sound(samples) => Self::Sound([vec![0; before], samples, vec![0; after]].concat()),
            Self::Series { values, channels } if !values.is_empty() => {
                let [first, last] = [&values[..channels], &values[values.len() - channels..]];
                Self::Series { values: [first.repeat(before), values.clone(), last.repeat(after)].concat(), channels }
            }
            other => other,
        }
    }
}

/// What is kept, by number of the file.
pub(super) struct Store {
    limit: usize,
    used: AtomicUsize,
    slots: Vec<OnceLock<Slot>>,
    spool: Mutex<Option<Spool>>,
}

enum Slot {
    Memory(Content),
    /// Where it begins in the temporary file, and the channels of a series.
    Spool(u64, Option<usize>),
}

struct Spool {
    file: File,
    end: u64,
}

impl Store {
    pub fn new(files: usize, limit: usize) -> Self {
        let slots = (0..files).map(|_| OnceLock::new()).collect();
        Self { limit, used: AtomicUsize::new(0), slots, spool: Mutex::new(None) }
    }

    /// Keeps a file in memory if there is room, else beside if it is of several examples.
    pub fn keep(&self, file: usize, content: Content, several: bool) -> io::Result<()> {
        let bytes = content.bytes();
        let used = self.used.fetch_add(bytes, Ordering::Relaxed);
        if used.saturating_add(bytes) <= self.limit {
            let _ = self.slots[file].set(Slot::Memory(content));
            return Ok(());
        }
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        let channels = match &content {
            Content::Sound(_) => None,
            Content::Series { channels, .. } => Some(*channels),
            Content::Image(_) => return Ok(()),
        };
        if !several {
            return Ok(());
        }
        let mut spool = self.spool.lock().unwrap_or_else(|error| error.into_inner());
        let mut open = match spool.take() {
            Some(open) => open,
            None => Spool { file: tempfile::tempfile()?, end: 0 },
        };
        let start = open.end;
        let written = open.file.seek(SeekFrom::Start(start)).and_then(|_| write(&open.file, &content));
        if written.is_ok() {
            open.end += bytes as u64;
            let _ = self.slots[file].set(Slot::Spool(start, channels));
        }
        // What others have there stays readable, even if the disk is full.
        *spool = Some(open);
        written
    }

    /// Some rows of a file, if it is kept.
    pub fn rows(&self, file: usize, rows: Range<usize>) -> Option<io::Result<Content>> {
        match self.slots[file].get()? {
            Slot::Memory(content) => Some(Ok(content.part(rows))),
            Slot::Spool(start, channels) => Some(self.spooled(*start, *channels, rows)),
        }
    }

    fn spooled(&self, start: u64, channels: Option<usize>, rows: Range<usize>) -> io::Result<Content> {
        let row = channels.map_or(2, |channels| 4 * channels);
        let mut bytes = vec![0; rows.len() * row];
        let mut spool = self.spool.lock().unwrap_or_else(|error| error.into_inner());
        let open = spool.as_mut().ok_or(io::ErrorKind::NotFound)?;
        open.file.seek(SeekFrom::Start(start + (rows.start * row) as u64))?;
        open.file.read_exact(&mut bytes)?;
        drop(spool);
        Ok(match channels {
            None => Content::Sound(bytes.as_chunks().0.iter().map(|two| i16::from_le_bytes(*two)).collect()),
            Some(channels) => Content::Series {
                values: bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect(),
                channels,
            },
        })
    }

    /// Bytes in memory.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

fn write(file: &File, content: &Content) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, file);
    match content {
        Content::Sound(samples) => samples.iter().try_for_each(|sample| out.write_all(&sample.to_le_bytes()))?,
        Content::Series { values, .. } => values.iter().try_for_each(|value| out.write_all(&value.to_le_bytes()))?,
        Content::Image(values) => out.write_all(values)?,
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::{Content, Store};

    #[test]
    fn within_its_limit() {
        let store = Store::new(5, 100);
        let sound = Content::Sound((0..40).map(|n| n - 20).collect());
        let series = Content::Series { values: (0..30).map(|n| n as f32 / 3.0).collect(), channels: 3 };
        store.keep(0, sound.clone(), false).unwrap();
        assert_eq!(store.used(), 80);
        store.keep(1, sound.clone(), false).unwrap(); // No room: is read again.
        store.keep(2, sound.clone(), true).unwrap();
        store.keep(3, series.clone(), true).unwrap();
        store.keep(4, Content::Sound(vec![7; 10]), true).unwrap(); // Small enough.
        assert_eq!(store.used(), 100);
        assert!(store.rows(1, 0..1).is_none());
        for rows in [0..40, 3..9, 39..40, 5..5] {
            for file in [0, 2] {
                assert_eq!(store.rows(file, rows.clone()).unwrap().unwrap(), sound.part(rows.clone()), "{file}");
            }
        }
        assert_eq!(store.rows(3, 2..5).unwrap().unwrap(), series.part(2..5));
        assert_eq!(series.part(2..3), Content::Series { values: vec![2.0, 7.0 / 3.0, 8.0 / 3.0], channels: 3 });
    }

    #[test]
    fn filled_up() {
        assert_eq!(Content::Sound(vec![5, 6]).filled_up(2, 1), Content::Sound(vec![0, 0, 5, 6, 0]));
        let series = |values: &[f32]| Content::Series { values: values.to_vec(), channels: 2 };
        let expected = series(&[1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0, 3.0, 4.0]);
        assert_eq!(series(&[1.0, 2.0, 3.0, 4.0]).filled_up(1, 2), expected);
        assert_eq!(series(&[]).filled_up(1, 2), series(&[]));
        assert_eq!(expected.rows(), 5);
    }
}
