//! Why a file cannot be read, and what is to be known of one that was.

use crate::RATES;
use std::io;
use std::path::PathBuf;

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct Error {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub reason: Reason,
}

/// The kinds that are read.
#[cfg(feature = "compressed")]
pub(crate) const KINDS: &str = "WAV, FLAC, Ogg Vorbis or MP3";
#[cfg(not(feature = "compressed"))]
pub(crate) const KINDS: &str = "WAV";

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// It cannot be opened or read.
    #[error("{}", io_text(.0))]
    Io(io::Error),
    /// It has no bytes.
    #[error("empty file")]
    Empty,
    /// It comes through a pipe and has more than this many bytes.
    #[error("more than {} MiB through a pipe", .0 >> 20)]
    TooLong(u64),
    /// It is of another kind.
    #[error("{found}, expected {KINDS}")]
    Kind {
        /// What it seems to be.
        found: &'static str,
    },
    /// It is a WAV file that contradicts itself.
    #[error("not a valid WAV file: {0}")]
    Malformed(&'static str),
    /// Its samples are stored in a way that is not decoded.
    #[error("samples stored as {found}, expected {expected}")]
    Encoding {
        /// The way.
        found: String,
        /// What it can be in such a file.
        expected: &'static str,
    },
    /// Samples per second, found or asked for, outside [`RATES`].
    #[error("sample rate of {} Hz, expected {} to {} Hz", .0, RATES.start(), RATES.end())]
    Rate(u32),
    /// No samples at all.
    #[error("no samples")]
    NoSamples,
    /// A sample is infinite or not a number.
    #[error("sample {sample} of channel {} is {value}, expected finite numbers", channel + 1)]
    NotFinite {
        /// Its place in the channel, from 0.
        sample: u64,
        /// Its channel, from 0.
        channel: usize,
        /// The sample.
        value: f64,
    },
    /// Float samples beyond the range of any integers that they could come from.
    #[error("float samples up to {0:e}, expected a full scale of 1 or the range of 16-, 24- or 32-bit integers")]
    Range(f64),
    /// The sample rate or the number of channels is not the same throughout.
    #[error("its sample rate or number of channels changes at sample {0}, expected one for the whole file")]
    Changes(u64),
    /// The decoder refuses it.
    #[error("cannot be decoded: {0}")]
    Undecodable(String),
    /// The resampler refuses it.
    #[error("cannot be resampled: {0}")]
    Resample(String),
}

impl From<io::Error> for Reason {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn io_text(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

/// What had to be guessed, changed or left out; the recording can be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// It ends before the end that its header promises, or breaks off.
    #[error("{}", truncated(*present, *promised))]
    Truncated {
        /// Samples per channel that are there.
        present: u64,
        /// Samples per channel that the header promises, if it does.
        promised: Option<u64>,
    },
    /// Parts that cannot be decoded are left out.
    #[error("damaged packets, left out: {packets}")]
    Damaged {
        /// How many.
        packets: u64,
    },
    /// Samples beyond full scale were set to it.
    #[error("samples beyond full scale, clipped: {samples}")]
    Clipped {
        /// How many, after the channels were mixed.
        samples: u64,
    },
    /// Float samples have the range of integers instead of ±1, and were divided by it.
    #[error("float samples at the range of {bits}-bit integers instead of 1.0, taken as such")]
    Scaled {
        /// Bits of such integers.
        bits: u32,
    },
    /// Samples lie in the low bits of a larger container, against the rules of WAV, and were taken from there.
    #[error("{valid}-bit samples lie in the low bits of {container}, taken as such")]
    RightAligned {
        /// Bits of a sample.
        valid: u32,
        /// Bits that hold it.
        container: u32,
    },
    /// The channels cancel each other, as where one is inverted, and the loudest was taken.
    #[error("the channels cancel each other, channel {} alone is taken", channel + 1)]
    Cancelled {
        /// The loudest, from 0.
        channel: usize,
    },
    /// All samples are equal.
    #[error("silent: all samples are equal")]
    Silent,
}

fn truncated(present: u64, promised: Option<u64>) -> String {
    match promised {
        Some(promised) => format!("truncated: {present} samples where its header promises {promised}"),
        None => format!("truncated: it breaks off after {present} samples"),
    }
}
