//! What the format chunk says of the samples.

use crate::error::Reason;
use crate::source::Padded;
use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known as codecs;

/// What is decoded.
const ENCODINGS: &str = "PCM of 8 to 32 bits, float of 32 or 64 bits, A-law, mu-law or IMA ADPCM";

/// The order of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    Little,
    Big,
}

impl Order {
    pub fn u16(self, bytes: [u8; 2]) -> u16 {
        if self == Self::Little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) }
    }

    pub fn u32(self, bytes: [u8; 4]) -> u32 {
        if self == Self::Little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    }

    pub fn u64(self, bytes: [u8; 8]) -> u64 {
        if self == Self::Little { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) }
    }
}

/// How samples are stored.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    pub codec: AudioCodecId,
    pub channels: u16,
    /// Samples per second.
    pub rate: u32,
    /// What belongs together, and the samples per channel in it: a frame, or a block of a compressed file.
    pub block_bytes: u32,
    pub block_frames: u32,
    /// PCM with bits to spare.
    pub padded: Option<Padded>,
}

/// The fields that matter. The byte rate is often wrong and never needed.
struct Fields {
    tag: u16,
    channels: u16,
    rate: u32,
    /// Bytes of a block, by the header.
    align: u16,
    /// Bits of a container.
    bits: u16,
    /// Bits of a sample.
    valid: u16,
}

impl Format {
    /// From the content of a format chunk.
    pub fn parse(content: &[u8], order: Order) -> Result<Self, Reason> {
        let fields = Fields::parse(content, order)?;
        if fields.channels == 0 {
            return Err(Reason::Malformed("it has no channels"));
        }
        let channels = u32::from(fields.channels);
        let big = order == Order::Big;
        let of = |little, other| if big { other } else { little };
        let (codec, bytes) = match (fields.tag, fields.bits) {
            (1, 1..=32) => return Ok(fields.pcm(big)),
            (3, 32) => (of(codecs::CODEC_ID_PCM_F32LE, codecs::CODEC_ID_PCM_F32BE), 4),
            (3, 64) => (of(codecs::CODEC_ID_PCM_F64LE, codecs::CODEC_ID_PCM_F64BE), 8),
            (6, _) => (codecs::CODEC_ID_PCM_ALAW, 1),
            (7, _) => (codecs::CODEC_ID_PCM_MULAW, 1),
            (0x11, 4) if !big => return fields.ima(),
            _ => return Err(Reason::Encoding { found: fields.encoding(), expected: ENCODINGS }),
        };
        Ok(fields.format(codec, bytes * channels, 1))
    }

    /// Whether samples are float.
    pub fn is_float(&self) -> bool {
        let floats = [
            codecs::CODEC_ID_PCM_F32LE,
            codecs::CODEC_ID_PCM_F32BE,
            codecs::CODEC_ID_PCM_F64LE,
            codecs::CODEC_ID_PCM_F64BE,
        ];
        floats.contains(&self.codec)
    }
}

impl Fields {
    fn parse(content: &[u8], order: Order) -> Result<Self, Reason> {
        let field = |place: usize| content.get(place..)?.first_chunk().map(|&bytes| order.u16(bytes));
        let word = |place: usize| content.get(place..)?.first_chunk().map(|&bytes| order.u32(bytes));
        let short = Reason::Malformed("its format chunk is too short");
        let (Some(tag), Some(channels), Some(rate), Some(align), Some(bits)) =
            (field(0), field(2), word(4), field(12), field(14))
        else {
            return Err(short);
        };
        let mut fields = Self { tag, channels, rate, align, bits, valid: bits };
        if tag == 0xfffe {
            let (Some(valid), Some(kind), Some(guid)) = (field(18), word(24), content.get(32..40)) else {
                return Err(short);
            };
            // What remains of the identifier is the same for all kinds, but for those of Ambisonics.
            let usual = [b"\x80\x00\x00\xaa\x00\x38\x9b\x71", b"\x86\x44\xc8\xc1\xca\x00\x00\x00"];
            if !usual.iter().any(|usual| usual[..] == *guid) || kind >= 0xfffe {
                return Err(Reason::Encoding { found: "an unknown extension".to_owned(), expected: ENCODINGS });
            }
            fields.tag = kind as u16;
            if (1..bits).contains(&valid) {
                fields.valid = valid;
            }
        }
        Ok(fields)
    }

    /// Integers: a container of whole bytes, as the alignment says, unless it cannot be.
    fn pcm(&self, big: bool) -> Format {
        let (align, channels) = (u32::from(self.align), u32::from(self.channels));
        let least = u32::from(self.bits).div_ceil(8);
        let aligned = Some(align / channels).filter(|&bytes| bytes * channels == align && bytes <= 4);
        let bytes = aligned.filter(|&bytes| bytes >= least).unwrap_or(least);
        let codec = match (bytes, big) {
            (1, _) => codecs::CODEC_ID_PCM_U8,
            (2, false) => codecs::CODEC_ID_PCM_S16LE,
            (2, true) => codecs::CODEC_ID_PCM_S16BE,
            (3, false) => codecs::CODEC_ID_PCM_S24LE,
            (3, true) => codecs::CODEC_ID_PCM_S24BE,
            (_, false) => codecs::CODEC_ID_PCM_S32LE,
            (_, true) => codecs::CODEC_ID_PCM_S32BE,
        };
        let (valid, container) = (u32::from(self.valid), 8 * bytes);
        let padded = (bytes > 1 && valid < container).then_some(Padded { valid, container });
        Format { padded, ..self.format(codec, bytes * channels, 1) }
    }

    /// Blocks of four bytes per channel that begin anew, and four bits for each further sample.
    fn ima(&self) -> Result<Format, Reason> {
        let (align, channels) = (u32::from(self.align), u32::from(self.channels));
        let found = || Reason::Encoding { found: self.encoding(), expected: "one or two channels" };
        let rest = align.checked_sub(4 * channels).filter(|rest| rest.is_multiple_of(4 * channels));
        match rest {
            _ if channels > 2 => Err(found()),
            Some(rest) => Ok(self.format(codecs::CODEC_ID_ADPCM_IMA_WAV, align, 2 * rest / channels + 1)),
            None => Err(Reason::Malformed("its blocks have no length of IMA ADPCM")),
        }
    }

    fn format(&self, codec: AudioCodecId, block_bytes: u32, block_frames: u32) -> Format {
        let (channels, rate) = (self.channels, self.rate);
        Format { codec, channels, rate, block_bytes, block_frames, padded: None }
    }

    /// The name of an encoding that is not decoded.
    fn encoding(&self) -> String {
        let Self { tag, bits, channels, .. } = self;
        match tag {
            0x01 => format!("PCM of {bits} bits"),
            0x02 => "Microsoft ADPCM".to_owned(),
            0x03 => format!("float of {bits} bits"),
            0x11 => format!("IMA ADPCM of {bits} bits and {channels} channels"),
            0x31 => "GSM 6.10".to_owned(),
            0x50 | 0x55 => "MPEG".to_owned(),
            0x64 => "G.726".to_owned(),
            0x160..=0x163 => "WMA".to_owned(),
            0xff => "AAC".to_owned(),
            _ => format!("kind {tag:#06x}"),
        }
    }
}
