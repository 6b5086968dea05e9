//! The `.heed` file: a model, from training to flash, in one file.
//!
//! Little-endian words of 32 bits. A header of four words (magic `HEED`, version, length in words,
//! CRC-32 of all that follows the header), then sections: a tag, a length in words, the
//! content. Readers skip sections that they do not know; a change that old readers
//! would get wrong raises the major version. `docs/format.md` describes every section.
//!
//! All of it is read in place, and by `const fn`s: [`model!`](crate::model!) checks a file when the firmware
//! is compiled.

#[cfg(feature = "audio")]
mod audio;
mod chain;
#[cfg(feature = "std")]
mod chain_model;
mod decoder;
mod events;
mod flow;
mod input_parts;
mod language;
#[cfg(feature = "std")]
mod load;
mod part;
mod reader;
mod shape;
mod streaming;
mod tables;
mod v1;
#[cfg(feature = "std")]
pub mod write;
#[cfg(feature = "std")]
mod write_chain;
#[cfg(feature = "std")]
mod write_decoder;
#[cfg(feature = "std")]
mod write_events;

pub use decoder::DecoderConfig;
pub use events::is_silent;
pub(crate) use part::Read;
pub use shape::{InputKind, InputShape, OutputKind, Shape, Softmax};
#[doc(hidden)]
pub use tables::Tables;
pub use v1::Config;

/// The parts of a file as the crate reads them, for its own tests. No part of the interface.
#[doc(hidden)]
pub mod parts {
    pub use super::v1::{BlockView, EncoderView};
    pub use crate::activation::FineActivation;
    pub use crate::attention::{AttentionView, ProjectionView};
    pub use crate::embedding::EmbeddingView;
    pub use crate::feed_forward::{GatedView, PlainView};
    pub use crate::linear::LinearView;
    pub use crate::norm::NormView;
    pub use crate::parts::{
        AllKinds, AttentionPart, Carry, Convolution, DenseView, Embedding, FilePattern, FineFeedForward, Kinds,
        MemoryShape, Part, Pool, Positions, Stem, TokenTypes, Uses, WeightedPool,
    };
    pub use crate::pattern::RelativeTable;
}

use crate::Error;
use bytemuck::must_cast_slice;
use crc::{CRC_32_ISO_HDLC, Crc, Table};
use reader::{Reader, tri};

#[cfg(not(target_endian = "little"))]
compile_error!("heedful reads int8 weights out of little-endian words; big-endian targets are not supported");

/// The first word of a file: `HEED`.
pub const MAGIC: u32 = u32::from_le_bytes(*b"HEED");
/// Major version that this crate reads and writes.
pub const MAJOR: u16 = 2;
/// An older one that it reads, too.
pub const OLD_MAJOR: u16 = 1;
/// Minor version that this crate writes where a file needs it; 0 where it does not.
pub const MINOR: u16 = 1;

const HEADER: usize = 4;
pub(crate) const CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

/// A section's tag, and its name for errors.
#[derive(Clone, Copy)]
pub(crate) struct Tag {
    word: u32,
    name: &'static str,
}

impl Tag {
    /// What a file with this section holds, of the two that tell what a file is.
    const fn holds(self) -> &'static str {
        if self.word == DECODER.word { "a language model" } else { "a classifier" }
    }
}

const fn tag(word: [u8; 4], name: &'static str) -> Tag {
    Tag { word: u32::from_le_bytes(word), name }
}

pub(crate) const CONFIG: Tag = tag(*b"CONF", "configuration");
#[cfg(feature = "audio")]
pub(crate) const AUDIO: Tag = tag(*b"AUDI", "audio front end");
pub(crate) const EMBEDDING: Tag = tag(*b"EMBD", "embedding");
pub(crate) const POSITIONS: Tag = tag(*b"POSI", "positions");
pub(crate) const DECODER: Tag = tag(*b"DECO", "decoder configuration");
pub(crate) const BLOCK: Tag = tag(*b"BLCK", "encoder block");
pub(crate) const BLOCK_VARIANT: Tag = tag(*b"BLKV", "variant of an encoder block");
pub(crate) const DECODER_BLOCK: Tag = tag(*b"DBLK", "decoder block");
pub(crate) const NORM: Tag = tag(*b"NORM", "final norm");
pub(crate) const CLASSIFIER: Tag = tag(*b"CLAS", "classifier");
pub(crate) const TOKENS: Tag = tag(*b"TOKN", "tokens");
pub(crate) const LABELS: Tag = tag(*b"LABL", "labels");

/// A `.heed` file whose header and checksum have been found right.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    sections: &'a [u32],
    major: u16,
    /// Whether all of it was found right before.
    trusted: bool,
}

/// A file's bytes as words; what fills no word is left out. For use in a `const`.
///
/// Where the bytes already lie on a word boundary, [`File::from_bytes`] spares the copy.
#[must_use]
pub const fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let mut words = [0; N];
    let (chunks, _) = bytes.as_chunks::<4>();
    let mut i = 0;
    while i < N && i < chunks.len() {
        words[i] = u32::from_le_bytes(chunks[i]);
        i += 1;
    }
    words
}

/// [`words`], as many as there are.
#[cfg(feature = "std")]
fn words_of(bytes: &[u8]) -> std::vec::Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|&word| u32::from_le_bytes(word)).collect()
}

impl<'a> File<'a> {
    /// Checks header and checksum.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Magic`], [`Error::Version`] or [`Error::Checksum`].
    pub const fn open(words: &'a [u32]) -> Result<Self, Error> {
        let Some((header, _)) = words.split_first_chunk::<HEADER>() else {
            return Err(Error::Truncated { expected: 4 * HEADER, found: 4 * words.len() });
        };
        let [magic, version, length, checksum] = *header;
        if magic != MAGIC {
            return Err(Error::Magic { found: magic });
        }
        let major = (version >> 16) as u16;
        if major != MAJOR && major != OLD_MAJOR {
            return Err(Error::Version { found: major, supported: MAJOR });
        }
        let length = length as usize;
        let expected = if length < HEADER { HEADER } else { length };
        let Some((file, _)) = words.split_at_checked(expected) else {
            return Err(Error::Truncated { expected: expected.saturating_mul(4), found: 4 * words.len() });
        };
        let (_, sections) = file.split_at(HEADER);
        let found = CRC.checksum(must_cast_slice(sections));
        if found != checksum {
            return Err(Error::Checksum { expected: checksum, found });
        }
        Ok(Self { sections, major, trusted: false })
    }

    /// The major version of its format.
    #[must_use]
    pub const fn major(&self) -> u16 {
        self.major
    }

    /// The checksum in its header, which tells one file from another.
    #[must_use]
    pub const fn checksum(&self) -> u32 {
        CRC.checksum(must_cast_slice(self.sections))
    }

    /// A file that [`File::open`] has accepted before.
    #[cfg(feature = "std")]
    pub(crate) fn reopen(words: &'a [u32]) -> Self {
        let length = words.get(2).map_or(0, |&length| length as usize);
        let major = words.get(1).map_or(0, |&version| (version >> 16) as u16);
        Self { sections: words.get(HEADER..length).unwrap_or(&[]), major, trusted: true }
    }

    /// The same, all of which has been found right.
    pub(crate) const fn trusting(mut self) -> Self {
        self.trusted = true;
        self
    }

    /// [`File::open`] on bytes that start on a word boundary, such as a flash partition.
    ///
    /// # Errors
    /// Those of [`File::open`], and [`Error::Misaligned`].
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, Error> {
        // Bytes after the last whole word cannot be part of a file; a cut one fails its length.
        let whole = bytes.get(..bytes.len() & !3).unwrap_or(&[]);
        match bytemuck::try_cast_slice(whole) {
            Ok(words) => Self::open(words),
            Err(_) => Err(Error::Misaligned { found: bytes.as_ptr().addr() % size_of::<u32>() }),
        }
    }

    /// The one section with a tag that files of one kind have; those of the other have `other` in its place.
    const fn kind(&self, tag: Tag, other: Tag) -> Result<Reader<'a>, Error> {
        match self.section(tag, 0) {
            Err(Error::Missing { .. }) if self.section(other, 0).is_ok() => {
                Err(Error::Kind { expected: tag.holds(), found: other.holds() })
            }
            result => result,
        }
    }

    /// The content of the `index`th section with a tag.
    const fn section(&self, tag: Tag, index: usize) -> Result<Reader<'a>, Error> {
        match self.section_of(tag, None, index) {
            Ok((content, _)) => Ok(content),
            Err(e) => Err(e),
        }
    }

    /// The content of the `index`th section with one of two tags, and whether its tag is the other.
    const fn section_of(&self, tag: Tag, other: Option<Tag>, index: usize) -> Result<(Reader<'a>, bool), Error> {
        if self.major != OLD_MAJOR {
            return Err(Error::Version { found: self.major, supported: OLD_MAJOR });
        }
        let (mut sections, mut skip) = (self.sections_in_order(self.trusted), index);
        while let Some((found, content)) = tri!(sections.next()) {
            let is_other = match other {
                Some(other) => found == other.word,
                None => false,
            };
            if found == tag.word || is_other {
                if skip == 0 {
                    return Ok((content, is_other));
                }
                skip -= 1;
            }
        }
        Err(Error::Missing { section: tag.name, expected: index.saturating_add(1), found: index - skip })
    }
}
