//! `defmt::Format` for what firmware logs; in one place, so that the rest of the crate does not know of it.

use crate::outcome::{Guess, Outcome};
use crate::{Error, Mask, RewindError, TextTooLong};
use defmt::{Format, Formatter, write};

impl Format for Error {
    fn format(&self, f: Formatter<'_>) {
        match *self {
            Self::Truncated { expected, found } => {
                write!(f, "truncated: {} bytes, expected at least {}", found, expected)
            }
            Self::Magic { found } => write!(f, "not a .heed file: it begins with {:#010x}", found),
            Self::Version { found, supported } => {
                write!(f, "version {} of the format, this crate reads up to {}", found, supported);
            }
            Self::Checksum { expected, found } => {
                write!(f, "damaged: checksum {:#010x}, expected {:#010x}", found, expected);
            }
            Self::Misaligned => write!(f, "the bytes do not start on a word boundary"),
            Self::Missing { section } => write!(f, "missing section: {=str}", section),
            Self::Shape { what, expected, found } => {
                write!(f, "shape: {=str} is {}, expected {}", what, found, expected);
            }
            Self::Scale { what } => write!(f, "out of bounds: {=str}", what),
            Self::Label => write!(f, "a label is not UTF-8"),
        }
    }
}

impl Format for Guess {
    fn format(&self, f: Formatter<'_>) {
        // Hundredths of a per cent: no floats in firmware.
        let basis_points = u32::from(self.probability.to_bits()) * 10_000 / 32_768;
        write!(f, "class {} ({}.{:02} %)", self.class, basis_points / 100, basis_points % 100);
    }
}

impl<L: AsRef<[i16]>> Format for Outcome<L> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "{}, logits {}", self.best(), self.logits());
    }
}

impl Format for Mask {
    fn format(&self, f: Formatter<'_>) {
        match *self {
            Self::None => write!(f, "no mask"),
            Self::Causal => write!(f, "causal"),
            Self::Length(length) => write!(f, "the first {}", length),
            Self::CausalLength(length) => write!(f, "causal, the first {}", length),
        }
    }
}

impl Format for RewindError {
    fn format(&self, f: Formatter<'_>) {
        match *self {
            Self::Ahead { seen } => write!(f, "the cache has seen only {} positions", seen),
            Self::Forgotten { earliest } => {
                write!(f, "the cache has forgotten positions: it can go back to a length of {} or more", earliest);
            }
        }
    }
}

impl Format for TextTooLong {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "the text needs room for up to {} tokens, there is room for {}", self.needed, self.found);
    }
}
