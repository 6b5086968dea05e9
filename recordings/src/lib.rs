//! Any recording in, mono 16-bit samples at a model's rate out.
//!
//! [`read`] takes WAV of nearly all kinds, FLAC, Ogg Vorbis and MP3; what a file is, its content says, not its name.
//! Channels are mixed, other rates resampled, and whatever had to be guessed or lost on the way is a [`Warning`].
//! symphonia decodes and rubato resamples. Around them stand the WAV container, which symphonia reads too strictly
//! (`wav`), and what only a look over the whole file can decide (`survey`).
//!
//! A file is read in blocks, twice if need be: an hour of it takes no more memory than its result.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "compressed")]
mod compressed;
mod error;
mod folder;
mod input;
mod render;
mod resample;
mod source;
mod survey;
mod wav;
mod write;

pub use error::{Error, Reason, Warning};
pub use folder::{Listing, is_recording, list};
pub use render::nearest;
pub use resample::Resampling;
pub use write::{to_wav, write_wav};

use input::Input;
use std::ops::RangeInclusive;
use std::path::Path;

/// Sample rates that are taken for sound, Hz.
pub const RATES: RangeInclusive<u32> = 1_000..=768_000;

/// What a file holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recording {
    /// Mono samples at the rate that was asked for.
    pub samples: Vec<i16>,
    /// Samples per second in the file.
    pub file_rate: u32,
    /// Channels in the file.
    pub channels: usize,
    /// What had to be guessed, changed or left out.
    pub warnings: Vec<Warning>,
}

/// Reads a file as mono at `rate` samples per second.
///
/// 16-bit mono at that rate comes out as it lies in the file. Other depths are rounded to the nearest step. Several
/// channels become their mean, or the loudest of them where they cancel each other.
///
/// # Errors
/// Names the file and why it cannot be read.
pub fn read(path: &Path, rate: u32) -> Result<Recording, Error> {
    let fault = |reason| Error { path: path.to_owned(), reason };
    let piped = input::piped(path).map_err(fault)?;
    let input = piped.as_deref().map_or(Input::File(path), Input::Bytes);
    take(&input, rate).map_err(fault)
}

/// Reads a file that lies in memory, as [`read`] does.
///
/// # Errors
/// Why it cannot be read.
pub fn decode(bytes: &[u8], rate: u32) -> Result<Recording, Reason> {
    take(&Input::Bytes(bytes), rate)
}

fn take(input: &Input<'_>, rate: u32) -> Result<Recording, Reason> {
    if !RATES.contains(&rate) {
        return Err(Reason::Rate(rate));
    }
    let source = source::open(input)?;
    let plan = if source.facts().is_plain() {
        survey::Plan::default()
    } else {
        let mut source = source::open(input)?;
        survey::survey(&mut source)?
    };
    render::render(source, plan, rate)
}
