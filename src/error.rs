//! What can be wrong with a `.heed` file.

/// Why a `.heed` file is refused. Nothing of a refused file is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The file ends before it should.
    Truncated {
        /// Bytes expected, as far as known.
        expected: usize,
        /// Bytes there.
        found: usize,
    },
    /// It does not begin with `HEED`.
    Magic {
        /// The first word, little-endian.
        found: u32,
    },
    /// It was written for a newer major version of the format.
    Version {
        /// The file's major version.
        found: u16,
        /// The newest that this crate reads.
        supported: u16,
    },
    /// Its bytes have changed since it was written.
    Checksum {
        /// As the header says.
        expected: u32,
        /// As the bytes give.
        found: u32,
    },
    /// Its bytes do not start on a word boundary.
    Misaligned,
    /// A section is missing.
    Missing {
        /// Name of the section.
        section: &'static str,
    },
    /// A shape is out of bounds, or two do not agree.
    Shape {
        /// Which one.
        what: &'static str,
        /// The value that would fit, or the bound.
        expected: usize,
        /// The value found.
        found: usize,
    },
    /// A scale, bias, steepness or ε is out of bounds.
    Scale {
        /// Which one.
        what: &'static str,
    },
    /// A label is not UTF-8.
    Label,
}

impl Error {
    /// A fixed description, for a panic in a `const`.
    #[must_use]
    pub const fn message(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "the .heed file is truncated",
            Self::Magic { .. } => "not a .heed file",
            Self::Version { .. } => "the .heed file has a newer version than this crate reads",
            Self::Checksum { .. } => "the .heed file is damaged: its checksum does not match",
            Self::Misaligned => "the .heed file does not start on a word boundary",
            Self::Missing { section } => section,
            Self::Shape { what, .. } | Self::Scale { what } => what,
            Self::Label => "a label of the .heed file is not UTF-8",
        }
    }
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::Truncated { expected, found } => {
                write!(f, "truncated: {found} bytes, expected at least {expected}")
            }
            Self::Magic { found } => write!(f, "not a .heed file: it begins with {found:#010x}"),
            Self::Version { found, supported } => {
                write!(f, "version {found} of the format, this crate reads up to {supported}")
            }
            Self::Checksum { expected, found } => {
                write!(f, "damaged: checksum {found:#010x}, expected {expected:#010x}")
            }
            Self::Misaligned => write!(f, "the bytes do not start on a word boundary"),
            Self::Missing { section } => write!(f, "missing section: {section}"),
            Self::Shape { what, expected, found } => write!(f, "shape: {what} is {found}, expected {expected}"),
            Self::Scale { what } => write!(f, "out of bounds: {what}"),
            Self::Label => write!(f, "a label is not UTF-8"),
        }
    }
}

impl core::error::Error for Error {}

/// An assertion for constants, whose compile error points at the user's own line.
#[track_caller]
pub(crate) const fn require(fits: bool, what: &str) {
    if !fits {
        panic!("{}", what)
    }
}
