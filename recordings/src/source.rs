//! Samples in blocks, whatever the kind of file.

#[cfg(feature = "compressed")]
use crate::compressed;
use crate::error::Reason;
use crate::input::Input;
use crate::wav;
use std::io::Read;
use symphonia::core::audio::GenericAudioBufferRef;

/// What is known of a file before its samples are decoded.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Samples per second.
    pub rate: u32,
    pub channels: usize,
    /// Whether float samples could have another full scale than 1.
    pub float: bool,
    /// Samples of fewer bits than their container.
    pub padded: Option<Padded>,
}

/// Samples in containers with bits to spare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Padded {
    /// Bits of a sample.
    pub valid: u32,
    /// Bits that hold it.
    pub container: u32,
}

impl Facts {
    /// Whether the samples mean what they say, so that nothing has to be found out from all of them.
    pub fn is_plain(&self) -> bool {
        self.channels == 1 && !self.float && self.padded.is_none()
    }
}

/// How a file ended.
#[derive(Clone, Copy, Default, Debug)]
pub struct Ending {
    /// Samples per channel that the header promises.
    pub promised: Option<u64>,
    /// Whether it breaks off.
    pub broken_off: bool,
    /// Packets that could not be decoded.
    pub damaged: u64,
}

/// Samples of all channels, full scale ±1, as many of each.
pub type Planes = Vec<Vec<f64>>;

/// A file that is being read.
pub struct Source<'a> {
    reader: Box<dyn Blocks + 'a>,
    /// Samples per channel so far.
    pub frames: u64,
}

/// What reads files of one kind.
pub trait Blocks {
    fn facts(&self) -> Facts;
    /// The next samples, all of them finite or not; false at the end.
    fn next(&mut self, planes: &mut Planes) -> Result<bool, Reason>;
    /// After the end.
    fn ending(&self) -> Ending;
}

/// Opens a file of any kind.
pub fn open<'a>(input: &Input<'a>) -> Result<Source<'a>, Reason> {
    let mut start = Vec::new();
    input.open()?.take(64).read_to_end(&mut start)?;
    let reader: Box<dyn Blocks + 'a> = match kind(&start)? {
        Kind::Wav => Box::new(wav::Reader::open(input)?),
        #[cfg(feature = "compressed")]
        Kind::Compressed => Box::new(compressed::Reader::open(input, &start)?),
        #[cfg(not(feature = "compressed"))]
        Kind::Compressed => return Err(Reason::Kind { found: "a compressed recording" }),
    };
    if !crate::RATES.contains(&reader.facts().rate) {
        return Err(Reason::Rate(reader.facts().rate));
    }
    Ok(Source { reader, frames: 0 })
}

impl Source<'_> {
    pub fn facts(&self) -> Facts {
        self.reader.facts()
    }

    /// The next samples, all finite; false at the end.
    pub fn next(&mut self, planes: &mut Planes) -> Result<bool, Reason> {
        if !self.reader.next(planes)? {
            return Ok(false);
        }
        for (channel, plane) in planes.iter().enumerate() {
            if let Some(at) = plane.iter().position(|x| !x.is_finite()) {
                return Err(Reason::NotFinite { sample: self.frames + at as u64, channel, value: plane[at] });
            }
        }
        self.frames += planes.first().map_or(0, Vec::len) as u64;
        Ok(true)
    }

    pub fn ending(&self) -> Ending {
        self.reader.ending()
    }
}

/// Copies what was decoded. f64 holds each kind of sample exactly.
pub fn copy(decoded: &GenericAudioBufferRef<'_>, planes: &mut Planes) {
    decoded.copy_to_vecs_planar(planes);
}

enum Kind {
    Wav,
    Compressed,
}

/// What a file is, from its first bytes.
fn kind(start: &[u8]) -> Result<Kind, Reason> {
    let at = |place: usize, text: &[u8]| start.get(place..).is_some_and(|rest| rest.starts_with(text));
    let found = match start {
        [] => return Err(Reason::Empty),
        _ if [&b"RIFF"[..], b"RIFX", b"RF64", b"BW64"].iter().any(|name| at(0, name)) => {
            if start.len() < 12 || at(8, b"WAVE") {
                return Ok(Kind::Wav);
            }
            "a RIFF file that is no WAVE"
        }
        _ if at(0, b"fLaC") || at(0, b"OggS") || at(0, b"ID3") => return Ok(Kind::Compressed),
        // An MPEG frame begins with eleven ones; its layer is not 0, which AAC has.
        &[0xff, second, ..] if second & 0xe0 == 0xe0 && second & 0x06 != 0 => return Ok(Kind::Compressed),
        &[0xff, second, ..] if second & 0xf6 == 0xf0 => "AAC",
        _ if at(0, b"riff\x2e\x91\xcf\x11") => "Wave64",
        _ if at(0, b"FORM") && (at(8, b"AIFF") || at(8, b"AIFC")) => "AIFF",
        _ if at(0, b"caff") => "CAF",
        _ if at(0, b".snd") => "Sun AU",
        _ if at(0, b"NIST_1A") => "NIST SPHERE",
        _ if at(4, b"ftyp") => "MP4 or M4A",
        _ if at(0, b"\x1a\x45\xdf\xa3") => "WebM or Matroska",
        _ if at(0, b"\x30\x26\xb2\x75") => "WMA",
        _ if at(0, b"#!AMR") => "AMR",
        _ if at(0, b"MThd") => "MIDI",
        _ if at(0, b"wvpk") => "WavPack",
        _ => "not a recording of a known kind",
    };
    Err(Reason::Kind { found })
}
