//! Bytes that can be read from their start more than once.

use crate::Reason;
use std::fs::{self, File};
use std::io::{BufReader, Cursor, Read, Seek};
use std::path::Path;

/// The most that is read from a pipe, bytes: two hours at 16 kHz, mono, 16 bit.
const PIPE_BYTES: u64 = 1 << 28;

/// Where the bytes lie.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    File(&'a Path),
    Bytes(&'a [u8]),
}

pub trait Stream: Read + Seek + Send + Sync {}

impl<T: Read + Seek + Send + Sync> Stream for T {}

impl<'a> Input<'a> {
    /// From the start.
    pub fn open(&self) -> Result<Box<dyn Stream + 'a>, Reason> {
        Ok(match self {
            Self::File(path) => Box::new(BufReader::new(File::open(path)?)),
            Self::Bytes(bytes) => Box::new(Cursor::new(*bytes)),
        })
    }
}

/// The content of what is no regular file and gives its bytes only once.
pub fn piped(path: &Path) -> Result<Option<Vec<u8>>, Reason> {
    let kind = fs::metadata(path)?;
    if kind.is_file() || kind.is_dir() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(PIPE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > PIPE_BYTES { Err(Reason::TooLong(PIPE_BYTES)) } else { Ok(Some(bytes)) }
}
