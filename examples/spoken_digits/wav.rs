//! Any WAV file in, mono 16-bit samples at a model's rate out.

use hound::{SampleFormat, WavReader, WavSpec};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Resampler, SincInterpolationParameters, WindowFunction};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The largest file that is read, bytes: five minutes at 48 kHz, stereo, 16 bit.
const MAX_BYTES: u64 = 1 << 26;
/// Sample rates that are taken for sound, Hz.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// Why a file cannot be heard.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be opened or read.
    Io(io::Error),
    /// It has no bytes.
    Empty,
    /// It has more than this many bytes.
    TooLong(u64),
    /// It is no WAV file, or one that contradicts itself.
    Malformed(&'static str),
    /// Samples of a kind that is not decoded, such as A-law or 64-bit float.
    Encoding,
    /// It ends before the end that its header promises.
    Truncated {
        /// Bytes that the part that breaks off should have.
        promised: u64,
        /// Bytes that it has.
        present: u64,
    },
    /// Samples per second outside [`RATES`].
    Rate(u32),
    /// No samples at all.
    NoSamples,
    /// A sample, counted from 0 over all channels, is infinite or not a number.
    NotFinite(usize),
    /// All samples are equal.
    Silent,
    /// The resampler refuses the sound.
    Resample(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(e) if e.kind() == io::ErrorKind::NotFound => f.write_str("no such file"),
            Self::Io(e) => write!(f, "cannot be read: {e}"),
            Self::Empty => f.write_str("empty file"),
            Self::TooLong(limit) => write!(f, "more than {} MiB", limit >> 20),
            Self::Malformed(reason) => write!(f, "not a valid WAV file: {reason}"),
            Self::Encoding => f.write_str("unsupported encoding, expected PCM of 8, 16, 24 or 32 bits or 32-bit float"),
            Self::Truncated { promised, present } => {
                write!(f, "truncated: {present} bytes where the header promises {promised}")
            }
            Self::Rate(rate) => {
                write!(f, "sample rate of {rate} Hz, expected {} to {} Hz", RATES.start(), RATES.end())
            }
            Self::NoSamples => f.write_str("no samples"),
            Self::NotFinite(index) => write!(f, "sample {index} is not a finite number"),
            Self::Silent => f.write_str("silent: all samples are equal"),
            Self::Resample(reason) => write!(f, "cannot be resampled: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// Reads a file and decodes it; see [`decode`].
pub fn read(path: &Path, rate: u32) -> Result<Vec<i16>, Error> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Error::Io)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(Error::Io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::TooLong(MAX_BYTES));
    }
    decode(&bytes, rate)
}

/// Decodes a WAV file: the mean of its channels, at `rate` samples per second.
///
/// 16-bit mono at that rate comes out as it lies in the file.
pub fn decode(bytes: &[u8], rate: u32) -> Result<Vec<i16>, Error> {
    let reader = WavReader::new(essentials(bytes)?).map_err(malformed)?;
    let spec = reader.spec();
    if !RATES.contains(&spec.sample_rate) {
        return Err(Error::Rate(spec.sample_rate));
    }
    let mono = mono(reader)?;
    refuse_silence(&mono)?;
    let sound = if spec.sample_rate == rate { mono } else { resample(&mono, spec.sample_rate, rate)? };
    let sound: Vec<i16> = sound.iter().map(|x| (x * 32768.0).round() as i16).collect();
    // Again: what is quieter than half a step of 16 bits has become silence.
    refuse_silence(&sound)?;
    Ok(sound)
}

/// Finds the chunks that matter and checks that they are whole.
///
/// The decoder is given these alone: it takes chunks of odd length for unpadded,
/// and would find no sound behind one.
fn essentials(bytes: &[u8]) -> Result<impl Read, Error> {
    if bytes.is_empty() {
        return Err(Error::Empty);
    }
    let (riff, mut rest) = part(bytes, 12)?;
    if &riff[..4] != b"RIFF" || &riff[8..] != b"WAVE" {
        return Err(Error::Malformed("it does not begin with RIFF and WAVE"));
    }
    let mut format = None;
    loop {
        if rest.is_empty() {
            let (promised, present) = (u64::from(length(&riff[4..])) + 8, bytes.len() as u64);
            let cut = Error::Truncated { promised, present };
            return Err(if promised > present { cut } else { Error::Malformed("it has no data chunk") });
        }
        let (header, body) = part(rest, 8)?;
        let (content, after) = part(body, length(&header[4..]) as usize)?;
        match (&header[..4], format) {
            (b"fmt ", _) => {
                refuse_encoding(content)?;
                format = Some((header, content));
            }
            (b"data", None) => return Err(Error::Malformed("its data come before their format")),
            (b"data", Some(_)) if content.is_empty() => return Err(Error::NoSamples),
            (b"data", Some((name, format))) => {
                return Ok(riff.chain(name).chain(format).chain(header).chain(content));
            }
            _ => {}
        }
        // A chunk begins at an even place; the last one's padding is often left out.
        rest = after.get(content.len() % 2..).unwrap_or_default();
    }
}

/// Tells a sound in another encoding from a damaged file, which the decoder does not.
fn refuse_encoding(format: &[u8]) -> Result<(), Error> {
    let field = |place: usize| format.get(place..place + 2).map(|b| u16::from(b[0]) | u16::from(b[1]) << 8);
    match (field(0), field(14)) {
        // PCM, "extensible" (which the decoder looks into), float of 32 bits.
        (Some(0x0001 | 0xfffe), _) | (Some(0x0003), Some(32)) | (_, None) => Ok(()),
        _ => Err(Error::Encoding),
    }
}

/// The first `length` bytes and the rest.
fn part(bytes: &[u8], length: usize) -> Result<(&[u8], &[u8]), Error> {
    let error = Error::Truncated { promised: length as u64, present: bytes.len() as u64 };
    bytes.split_at_checked(length).ok_or(error)
}

/// The little-endian length at the start of `bytes`, of which there are at least four.
fn length(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |&b| u32::from_le_bytes(b))
}

fn malformed(error: hound::Error) -> Error {
    match error {
        hound::Error::FormatError(reason) => Error::Malformed(reason),
        // All bytes that the header promises are there, so only a chunk too short
        // for what it has to hold can end early.
        hound::Error::IoError(_) => Error::Malformed("a chunk is too short"),
        _ => Error::Encoding,
    }
}

/// The mean of the channels, full scale ±1.
fn mono(reader: WavReader<impl Read>) -> Result<Vec<f32>, Error> {
    let WavSpec { channels, bits_per_sample, sample_format, .. } = reader.spec();
    let samples: Vec<f32> = match sample_format {
        SampleFormat::Float => reader.into_samples::<f32>().collect::<Result<_, _>>().map_err(malformed)?,
        SampleFormat::Int => {
            let full_scale = 2f32.powi(i32::from(bits_per_sample) - 1);
            let scaled = reader.into_samples::<i32>().map(|s| s.map(|s| s as f32 / full_scale));
            scaled.collect::<Result<_, _>>().map_err(malformed)?
        }
    };
    if let Some(index) = samples.iter().position(|s| !s.is_finite()) {
        return Err(Error::NotFinite(index));
    }
    let channels = usize::from(channels);
    Ok(samples.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect())
}

fn refuse_silence<T: PartialEq>(samples: &[T]) -> Result<(), Error> {
    let first = samples.first().ok_or(Error::NoSamples)?;
    if samples.iter().all(|s| s == first) { Err(Error::Silent) } else { Ok(()) }
}

/// Band-limited resampling from `from` to `to` samples per second.
fn resample(samples: &[f32], from: u32, to: u32) -> Result<Vec<f32>, Error> {
    // The filter spans 128 periods of the slower rate, so that it cuts equally steeply at any ratio.
    let taps = 128 * from.div_ceil(to).max(1) as usize;
    let filter = SincInterpolationParameters::new(taps, WindowFunction::BlackmanHarris2);
    let ratio = f64::from(to) / f64::from(from);
    let mut resampler = Async::new_sinc(ratio, 1.0, &filter, 1024, 1, FixedAsync::Input).map_err(refused)?;
    let input = InterleavedSlice::new(samples, 1, samples.len()).map_err(refused)?;
    let output = resampler.process_all(&input, samples.len(), None).map_err(refused)?;
    Ok(output.take_data())
}

fn refused(reason: impl fmt::Display) -> Error {
    Error::Resample(reason.to_string())
}
