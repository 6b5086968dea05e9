//! Recordings to be written: WAV, mono, 16-bit.

use crate::error::Error;
use std::path::Path;

/// The bytes of a WAV file with these samples.
#[must_use]
pub fn to_wav(samples: &[i16], rate: u32) -> Vec<u8> {
    // A length that does not fit is written as unknown.
    let length = u32::try_from(2 * samples.len()).ok().filter(|length| *length < u32::MAX - 36);
    let whole = length.map_or(u32::MAX, |length| length + 36).to_le_bytes();
    let mut bytes = [&b"RIFF"[..], &whole, b"WAVEfmt \x10\0\0\0\x01\0\x01\0"].concat();
    bytes.extend([rate.to_le_bytes(), rate.wrapping_mul(2).to_le_bytes()].concat());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend(length.unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

/// Writes a WAV file.
///
/// # Errors
/// Names the file if it cannot be written.
pub fn write_wav(path: &Path, samples: &[i16], rate: u32) -> Result<(), Error> {
    std::fs::write(path, to_wav(samples, rate)).map_err(|error| Error { path: path.to_owned(), reason: error.into() })
}
