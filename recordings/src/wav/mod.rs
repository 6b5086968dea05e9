//! The WAV container: where the samples lie and what they are. symphonia's decoder turns them into numbers.
//!
//! Its own reader of the container refuses or misreads much of what recorders write, so it is read here, as the
//! samples allow rather than as headers promise:
//!
//! - RIFF, RIFX (big-endian), RF64 and BW64 (lengths of 64 bits in `ds64`). The outer length is not looked at.
//! - Chunks of odd length with the byte that pads them, and without.
//! - A length of the data that a recorder could not know (0, 0xFFFFFFFF, about 2 GiB): they reach to the file's end.
//!   Any other that is too large is a truncation, with a warning. A frame of which a part is missing is left out.
//! - Format chunks of any length that holds their fields; byte rates are not looked at ([`format`]).

mod chunks;
mod format;

use crate::error::Reason;
use crate::input::{Input, Stream};
use crate::source::{Blocks, Ending, Facts, Planes, copy};
use chunks::Layout;
use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};

/// About as many bytes are decoded at once.
const BLOCK: usize = 1 << 16;

/// A WAV file that is being read.
pub struct Reader<'a> {
    input: Box<dyn Stream + 'a>,
    layout: Layout,
    decoder: Box<dyn AudioDecoder>,
    bytes: Vec<u8>,
    /// Blocks and frames to come.
    blocks: u64,
    frames: u64,
}

impl<'a> Reader<'a> {
    /// Up to the first sample.
    pub fn open(input: &Input<'a>) -> Result<Self, Reason> {
        let mut input = input.open()?;
        let layout = Layout::find(&mut *input)?;
        let format = layout.format;
        let block_frames = u64::from(format.block_frames);
        let packet = (BLOCK / format.block_bytes as usize).max(1) as u64;
        let mut codec = AudioCodecParameters::new();
        codec
            .for_codec(format.codec)
            .with_sample_rate(format.rate)
            .with_channels(Channels::Discrete(format.channels))
            .with_max_frames_per_packet((packet * block_frames).min(layout.blocks.saturating_mul(block_frames)))
            .with_frames_per_block(block_frames);
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(&codec, &AudioDecoderOptions::default())
            .map_err(|error| Reason::Undecodable(error.to_string()))?;
        input.seek(std::io::SeekFrom::Start(layout.start))?;
        let (blocks, frames) = (layout.blocks, layout.frames);
        Ok(Self { input, layout, decoder, bytes: Vec::new(), blocks, frames })
    }
}

impl Blocks for Reader<'_> {
    fn facts(&self) -> Facts {
        let format = self.layout.format;
        Facts { rate: format.rate, channels: format.channels.into(), float: format.is_float(), padded: format.padded }
    }

    fn next(&mut self, planes: &mut Planes) -> Result<bool, Reason> {
        if self.blocks == 0 || self.frames == 0 {
            return Ok(false);
        }
        let format = self.layout.format;
        let blocks = self.blocks.min((BLOCK / format.block_bytes as usize).max(1) as u64);
        self.bytes.resize(blocks as usize * format.block_bytes as usize, 0);
        self.input.read_exact(&mut self.bytes)?;
        let duration = Duration::from(blocks * u64::from(format.block_frames));
        let packet = PacketRef::new(0, Timestamp::ZERO, duration, &self.bytes);
        let decoded = self.decoder.decode_ref(&packet).map_err(|error| Reason::Undecodable(error.to_string()))?;
        copy(&decoded, planes);
        // The last block of a compressed file may be longer than the sound.
        let there = usize::try_from(self.frames).unwrap_or(usize::MAX);
        planes.iter_mut().for_each(|plane| plane.truncate(there));
        self.blocks -= blocks;
        self.frames -= planes.first().map_or(0, Vec::len) as u64;
        Ok(true)
    }

    fn ending(&self) -> Ending {
        let promised = self.layout.promised.filter(|&promised| promised > self.layout.frames);
        Ending { promised, ..Ending::default() }
    }
}
