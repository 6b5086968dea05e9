//! `defmt::Format` for what firmware logs; in one place, so that the rest of the crate does not know of it.

use crate::events::{DistanceEvent, Event};
use crate::outcome::{Guess, Outcome};
use crate::{Allowed, Error, Mask, OutOfRange, RewindError, TextTooLong};
use defmt::{Format, Formatter, write};

impl Format for Error {
    fn format(&self, f: Formatter<'_>) {
        match *self {
            Self::Truncated { expected, found } => {
                write!(f, "truncated .heed file: {} bytes, expected at least {}", found, expected)
            }
            Self::Magic { found } => {
                write!(f, "not a .heed file: it begins with {:#010x}, expected {:#010x}", found, crate::format::MAGIC);
            }
            Self::Version { found, supported } => {
                write!(f, "version {} of the .heed format, this crate reads version {}", found, supported);
            }
            Self::Checksum { expected, found } => {
                write!(f, "damaged .heed file: checksum {:#010x}, expected {:#010x}", found, expected);
            }
            Self::Misaligned { found } => {
                write!(f, "the bytes start {} behind a word boundary, expected on one", found);
            }
            Self::Kind { expected, found } => {
                write!(f, "the .heed file holds {=str}, expected {=str}", found, expected);
            }
            Self::Missing { section, expected, found } => write!(
                f,
                "missing section of the .heed file: {=str}, {} found, expected at least {}",
                section, found, expected
            ),
            Self::Shape { what, allowed, found } => {
                write!(f, "wrong shape: {=str}: {} found, {}", what, found, allowed)
            }
            Self::Scale { what, found, allowed } => {
                write!(f, "out of bounds: {=str} is the word {:#010x}, allowed is {=str}", what, found, allowed)
            }
            Self::Label { class } => write!(f, "the label of class {} is not UTF-8", class),
            Self::Part { index, part, what, allowed: allowed @ (Allowed::Words(_) | Allowed::Known), found } => {
                write!(f, "part {} ({=str}): {=str}: {:#010x} found, {}", index, part, what, found as u32, allowed);
            }
            Self::Part { index, part, what, allowed, found } => {
                write!(f, "part {} ({=str}): {=str}: {} found, {}", index, part, what, found, allowed);
            }
            Self::Memory { expected, found } => {
                write!(f, "too little memory for the model: {} bytes, it needs {}", found, expected);
            }
        }
    }
}

impl Format for Allowed {
    fn format(&self, f: Formatter<'_>) {
        match *self {
            Self::Exactly(one) => write!(f, "expected {}", one),
            Self::Between(least, most) => write!(f, "allowed is {} to {}", least, most),
            Self::Either(one, other) => write!(f, "allowed is {} or {}", one, other),
            Self::MultipleOf(unit) => write!(f, "allowed are multiples of {}", unit),
            Self::AtLeast(least) => write!(f, "expected at least {}", least),
            Self::Words(range) => write!(f, "allowed is {=str}", range),
            Self::Known => write!(f, "allowed is what this version knows"),
        }
    }
}

impl Format for OutOfRange {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "{=str}: {} is out of range, allowed is {=str}", self.what, self.found, self.allowed);
    }
}

impl Format for Guess {
    fn format(&self, f: Formatter<'_>) {
        // Hundredths of a per cent: no floats in firmware.
        let basis_points = u32::from(self.probability.to_bits()) * 10_000 / 32_768;
        write!(f, "class {} ({}.{:02} %)", self.class, basis_points / 100, basis_points % 100);
    }
}

impl Format for Event {
    fn format(&self, f: Formatter<'_>) {
        let basis_points = u32::from(self.score.to_bits()) * 10_000 / 32_768;
        let (whole, hundredths) = (basis_points / 100, basis_points % 100);
        write!(f, "{=str} ({}.{:02} %), {} to {} ms", self.label, whole, hundredths, self.start_ms(), self.end_ms());
    }
}

impl Format for DistanceEvent {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "distance {}, {} to {} ms", self.peak, self.start_ms(), self.end_ms());
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
