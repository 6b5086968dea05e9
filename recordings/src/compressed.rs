//! FLAC, Ogg and MP3, by symphonia.

use crate::error::Reason;
use crate::input::Input;
use crate::source::{Blocks, Ending, Facts, Planes, copy};
use std::io;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, ReadOnlySource};
use symphonia::core::meta::MetadataOptions;

/// A compressed file that is being read.
pub struct Reader<'a> {
    format: Box<dyn FormatReader + 'a>,
    sound: Sound,
    facts: Facts,
    /// Samples per channel so far.
    frames: u64,
    ending: Ending,
}

impl<'a> Reader<'a> {
    /// Up to the first sample of a file that starts so.
    pub fn open(input: &Input<'a>, start: &[u8]) -> Result<Self, Reason> {
        // A source that cannot seek: what symphonia would look up at the end it only guesses for MP3, and cuts the
        // sound to it.
        let source = ReadOnlySource::new(input.open()?);
        let stream = MediaSourceStream::new(Box::new(source), Default::default());
        let format = symphonia::default::get_probe()
            .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(undecodable)?;
        let sound = sound(&*format, start)?;
        let parameters = sound.decoder.codec_params();
        let facts = Facts {
            rate: parameters.sample_rate.unwrap_or(0),
            channels: parameters.channels.as_ref().map_or(0, |channels| channels.count()),
            float: false,
            padded: None,
        };
        let ending = Ending { promised: sound.promised, ..Ending::default() };
        Ok(Self { format, sound, facts, frames: 0, ending })
    }
}

/// A sound in a file.
struct Sound {
    decoder: Box<dyn AudioDecoder>,
    /// Its number.
    track: u32,
    /// Samples per channel.
    promised: Option<u64>,
}

/// The first sound of a file.
fn sound(format: &dyn FormatReader, start: &[u8]) -> Result<Sound, Reason> {
    let none = || Reason::Undecodable("there is no sound in it".to_owned());
    let track = format.default_track(TrackType::Audio).ok_or_else(none)?;
    let Some(CodecParameters::Audio(parameters)) = &track.codec_params else { return Err(none()) };
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| {
            let found = [("Opus", &b"OpusHead"[..]), ("Speex", b"Speex   ")]
                .into_iter()
                .find(|(_, magic)| start.windows(magic.len()).any(|bytes| bytes == *magic));
            found.map_or_else(
                || undecodable(error),
                |(name, _)| Reason::Encoding { found: name.to_owned(), expected: "Vorbis or FLAC" },
            )
        })?;
    Ok(Sound { decoder, track: track.id, promised: track.num_frames })
}

impl Blocks for Reader<'_> {
    fn facts(&self) -> Facts {
        self.facts
    }

    fn next(&mut self, planes: &mut Planes) -> Result<bool, Reason> {
        loop {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(false),
                // One file after the other in the same Ogg file.
                Err(Error::ResetRequired) => {
                    self.sound = sound(&*self.format, &[])?;
                    let both = self.ending.promised.zip(self.sound.promised);
                    self.ending.promised = both.map(|(before, more)| before.saturating_add(more));
                    continue;
                }
                Err(Error::IoError(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                    return Err(Reason::Io(error));
                }
                // What cannot be cut into packets cannot be read on either.
                Err(_) => {
                    self.ending.broken_off = true;
                    return Ok(false);
                }
            };
            if packet.track_id != self.sound.track {
                continue;
            }
            match self.sound.decoder.decode(&packet) {
                Ok(decoded) => {
                    let spec = decoded.spec();
                    if spec.rate() != self.facts.rate || spec.channels().count() != self.facts.channels {
                        return Err(Reason::Changes(self.frames));
                    }
                    copy(&decoded, planes);
                }
                Err(Error::ResetRequired) => return Err(Reason::Changes(self.frames)),
                Err(_) => {
                    self.ending.damaged += 1;
                    continue;
                }
            }
            let count = planes.first().map_or(0, Vec::len);
            if count > 0 {
                self.frames += count as u64;
                return Ok(true);
            }
        }
    }

    fn ending(&self) -> Ending {
        self.ending
    }
}

fn undecodable(error: Error) -> Reason {
    match error {
        Error::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Reason::Undecodable("it ends within its header".to_owned())
        }
        Error::IoError(error) => Reason::Io(error),
        error => Reason::Undecodable(error.to_string()),
    }
}
