//! WAV files of any kind, right and wrong, made part by part.
#![allow(dead_code)] // Each test uses some of it.

pub const PCM: u16 = 1;
pub const FLOAT: u16 = 3;
pub const A_LAW: u16 = 6;
pub const MU_LAW: u16 = 7;
pub const EXTENSIBLE: u16 = 0xfffe;

/// What a header can say, and the bytes that follow.
#[derive(Clone, Debug)]
pub struct Wav {
    pub outer: [u8; 4],
    /// Whether numbers of the header are big-endian; the data are as they are given.
    pub big: bool,
    pub tag: u16,
    pub channels: u16,
    pub rate: u32,
    pub bits: u16,
    /// Bytes of a frame; what channels and bits give, unless said.
    pub align: Option<u16>,
    pub byte_rate: Option<u32>,
    /// What the format chunk has behind its 16 bytes.
    pub extension: Vec<u8>,
    /// Chunks before the format, between it and the data, and what follows the data.
    pub first: Vec<u8>,
    pub before: Vec<u8>,
    pub after: Vec<u8>,
    pub data: Vec<u8>,
    /// The lengths, unless they are right.
    pub outer_length: Option<u32>,
    pub length: Option<u32>,
}

impl Wav {
    /// One channel at 8 kHz.
    pub fn new(tag: u16, bits: u16, data: Vec<u8>) -> Self {
        Self {
            outer: *b"RIFF",
            big: false,
            tag,
            channels: 1,
            rate: 8000,
            bits,
            align: None,
            byte_rate: None,
            extension: Vec::new(),
            first: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
            data,
            outer_length: None,
            length: None,
        }
    }

    /// WAVE_FORMAT_EXTENSIBLE, with what the tag was before.
    #[must_use]
    pub fn extensible(self, valid: u16) -> Self {
        let kind = self.tag;
        let mut extension = self.u16(22).to_vec();
        extension.extend(self.u16(valid));
        extension.extend(self.u32(4));
        extension.extend(self.u32(kind.into()));
        extension.extend([self.u16(0), self.u16(16)].concat());
        extension.extend(b"\x80\x00\x00\xaa\x00\x38\x9b\x71");
        Self { tag: EXTENSIBLE, extension, ..self }
    }

    pub fn u16(&self, number: u16) -> [u8; 2] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    pub fn u32(&self, number: u32) -> [u8; 4] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    /// A chunk with the byte that pads it.
    pub fn chunk(&self, name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let mut chunk = [&name[..], &self.u32(content.len() as u32), content].concat();
        chunk.resize(chunk.len().next_multiple_of(2), 0);
        chunk
    }

    pub fn bytes(&self) -> Vec<u8> {
        let align = self.align.unwrap_or(self.channels * self.bits.div_ceil(8));
        let mut format = [self.u16(self.tag), self.u16(self.channels)].concat();
        format.extend(self.u32(self.rate));
        format.extend(self.u32(self.byte_rate.unwrap_or(self.rate.wrapping_mul(align.into()))));
        format.extend([self.u16(align), self.u16(self.bits)].concat());
        format.extend(&self.extension);
        let mut rest = [&b"WAVE"[..], &self.first, &self.chunk(b"fmt ", &format), &self.before, b"data"].concat();
        rest.extend(self.u32(self.length.unwrap_or(self.data.len() as u32)));
        rest.extend(&self.data);
        rest.extend(&self.after);
        let length = self.outer_length.unwrap_or(rest.len() as u32);
        [&self.outer[..], &self.u32(length), &rest].concat()
    }
}

/// The samples of a clip of the repository, by no reader but this line.
pub fn samples(clip: &str) -> Vec<i16> {
    let bytes = std::fs::read(clip).unwrap();
    assert!(bytes.starts_with(b"RIFF") && &bytes[36..40] == b"data", "{clip} has a plain header");
    bytes[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// Samples as bytes, each by a function.
pub fn data<const N: usize>(samples: &[i16], bytes: impl Fn(i16) -> [u8; N]) -> Vec<u8> {
    samples.iter().flat_map(|&sample| bytes(sample)).collect()
}
