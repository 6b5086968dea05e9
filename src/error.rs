//! What can be wrong with a `.heed` file.

use crate::message::Message;

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
    Misaligned {
        /// Bytes that they start behind one.
        found: usize,
    },
    /// It holds a model of another kind.
    Kind {
        /// What is read here.
        expected: &'static str,
        /// What the file holds.
        found: &'static str,
    },
    /// A section is missing.
    Missing {
        /// Name of the section.
        section: &'static str,
        /// Sections of this name that the model needs, as far as known.
        expected: usize,
        /// Those there are.
        found: usize,
    },
    /// A shape is out of bounds, or two do not agree.
    Shape {
        /// Which one.
        what: &'static str,
        /// The values that fit.
        allowed: Allowed,
        /// The value found.
        found: usize,
    },
    /// A scale, bias, steepness, ε or a number of what makes events is out of bounds.
    Scale {
        /// Which one.
        what: &'static str,
        /// Its word in the file.
        found: u32,
        /// Which ones are in bounds.
        allowed: &'static str,
    },
    /// A label is not UTF-8.
    Label {
        /// The class that it names.
        class: usize,
    },
    /// A part of a model is wrong, or does not fit what comes before it.
    Part {
        /// Which one, counted from 0 after the input.
        index: usize,
        /// Its name.
        part: &'static str,
        /// What is wrong with it.
        what: &'static str,
        /// The values that fit.
        allowed: Allowed,
        /// The value found.
        found: usize,
    },
    /// The working memory given to a model is too small.
    Memory {
        /// Bytes that it needs.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
}

/// The values of a shape that fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Allowed {
    /// This one.
    Exactly(usize),
    /// From the first to the second, both included.
    Between(usize, usize),
    /// One of the two.
    Either(usize, usize),
    /// Multiples of this one.
    MultipleOf(usize),
    /// So many or more.
    AtLeast(usize),
    /// Words of a file that stand for numbers in this range.
    Words(&'static str),
    /// Those that this version of the crate knows.
    Known,
}

impl Error {
    /// The same, with the part that it is in.
    pub(crate) const fn in_part(self, index: usize, part: &'static str) -> Self {
        let (what, allowed, found) = match self {
            Self::Shape { what, allowed, found } => (what, allowed, found),
            Self::Scale { what, found, allowed } => (what, Allowed::Words(allowed), found as usize),
            Self::Truncated { expected, found } => ("bytes", Allowed::AtLeast(expected), found),
            Self::Missing { section, expected, found } => (section, Allowed::AtLeast(expected), found),
            other => return other,
        };
        Self::Part { index, part, what, allowed, found }
    }

    /// What [`Display`](core::fmt::Display) writes, for a panic in a `const`.
    #[must_use]
    pub const fn message(&self) -> Message {
        let m = Message::new();
        match *self {
            Self::Truncated { expected, found } => {
                m.text("truncated .heed file: ").count(found).text(" bytes, expected at least ").count(expected)
            }
            Self::Magic { found } => {
                m.text("not a .heed file: it begins with ").word(found).text(", expected ").word(crate::format::MAGIC)
            }
            Self::Version { found, supported } => {
                let m = m.text("version ").number(found as u64).text(" of the .heed format, this crate reads version ");
                m.number(supported as u64)
            }
            Self::Checksum { expected, found } => {
                m.text("damaged .heed file: checksum ").word(found).text(", expected ").word(expected)
            }
            Self::Misaligned { found } => {
                m.text("the bytes start ").count(found).text(" behind a word boundary, expected on one")
            }
            Self::Kind { expected, found } => {
                m.text("the .heed file holds ").text(found).text(", expected ").text(expected)
            }
            Self::Missing { section, expected, found } => {
                let m = m.text("missing section of the .heed file: ").text(section);
                m.text(", ").count(found).text(" found, expected at least ").count(expected)
            }
            Self::Shape { what, allowed, found } => {
                allowed.write(m.text("wrong shape: ").text(what).text(": ").count(found).text(" found, "))
            }
            Self::Scale { what, found, allowed } => m
                .text("out of bounds: ")
                .text(what)
                .text(" is the word ")
                .word(found)
                .text(", allowed is ")
                .text(allowed),
            Self::Label { class } => m.text("the label of class ").count(class).text(" is not UTF-8"),
            Self::Part { index, part, what, allowed, found } => {
                let m = m.text("part ").count(index).text(" (").text(part).text("): ").text(what).text(": ");
                allowed.write(match allowed {
                    Allowed::Words(_) | Allowed::Known => m.word(found as u32).text(" found, "),
                    _ => m.count(found).text(" found, "),
                })
            }
            Self::Memory { expected, found } => {
                m.text("too little memory for the model: ").count(found).text(" bytes, it needs ").count(expected)
            }
        }
    }
}

impl Allowed {
    const fn write(self, m: Message) -> Message {
        match self {
            Self::Exactly(one) => m.text("expected ").count(one),
            Self::Between(least, most) => m.text("allowed is ").count(least).text(" to ").count(most),
            Self::Either(one, other) => m.text("allowed is ").count(one).text(" or ").count(other),
            Self::MultipleOf(unit) => m.text("allowed are multiples of ").count(unit),
            Self::AtLeast(least) => m.text("expected at least ").count(least),
            Self::Words(range) => m.text("allowed is ").text(range),
            Self::Known => m.text("allowed is what this version knows"),
        }
    }
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.message().as_str())
    }
}

impl core::fmt::Display for Allowed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.write(Message::new()).as_str())
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
