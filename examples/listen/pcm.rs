//! Raw samples from a pipe, as they come.

use std::io::{self, ErrorKind, Read};

/// Bytes that are read at once, at most.
const BLOCK: usize = 4096;

/// Samples of 16 bits, little-endian.
pub struct Samples<R> {
    input: R,
    bytes: [u8; BLOCK],
    /// The first byte of a sample whose second one is still to come stands at the start.
    kept: usize,
    samples: Vec<i16>,
}

impl<R: Read> Samples<R> {
    pub fn of(input: R) -> Self {
        Self { input, bytes: [0; BLOCK], kept: 0, samples: vec![] }
    }

    /// Those that have come, as soon as there are any; none at the end.
    pub fn next(&mut self) -> io::Result<Option<&[i16]>> {
        let count = loop {
            match self.input.read(&mut self.bytes[self.kept..]) {
                Ok(0) => return Ok(None),
                Ok(count) => break self.kept + count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        let (pairs, rest) = self.bytes[..count].as_chunks();
        self.samples.clear();
        self.samples.extend(pairs.iter().map(|&pair| i16::from_le_bytes(pair)));
        let rest = rest.first().copied();
        self.kept = usize::from(rest.is_some());
        self.bytes[0] = rest.unwrap_or(0);
        Ok(Some(&self.samples))
    }

    /// Whether a byte without its second one was left at the end.
    pub fn is_odd(&self) -> bool {
        self.kept > 0
    }
}
