//! From chunk to chunk, to the samples.

use super::format::{Format, Order};
use crate::error::Reason;
use crate::input::Stream;
use std::io::{Read, SeekFrom};

/// More chunks before the data are taken for damage.
const MOST_CHUNKS: usize = 1000;
/// The longest format chunk, as far as it is looked at.
const FORMAT_BYTES: u64 = 64;

/// Where the samples lie.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub format: Format,
    /// Place of the first byte.
    pub start: u64,
    /// Whole blocks that are there, and the samples per channel in them.
    pub blocks: u64,
    pub frames: u64,
    /// Samples per channel that the header promises; nothing where it cannot know.
    pub promised: Option<u64>,
}

/// A chunk's name, the length that it claims, and the place of its content.
struct Chunk {
    name: [u8; 4],
    length: u64,
    start: u64,
}

/// What the chunks before the data say.
#[derive(Default)]
struct Before {
    format: Option<Format>,
    /// The length of the data in `ds64`.
    long: Option<u64>,
    /// Samples per channel in `fact`.
    fact: Option<u64>,
}

impl Layout {
    /// Reads all that lies before the samples.
    pub fn find(input: &mut dyn Stream) -> Result<Self, Reason> {
        let end = input.seek(SeekFrom::End(0))?;
        let cut = Reason::Malformed("it ends within its header");
        let Some(head) = bytes::<12>(input, 0, end)? else { return Err(cut) };
        let order = if head.starts_with(b"RIFX") { Order::Big } else { Order::Little };
        let mut file = File { input, end, order };
        let mut before = Before::default();
        let mut at = 12;
        for _ in 0..MOST_CHUNKS {
            let Some(chunk) = file.chunk(at)? else {
                // The last chunk may lack the byte that pads it.
                let whole = (end..=end + 1).contains(&at);
                return Err(if whole { Reason::Malformed("it has no data chunk") } else { cut });
            };
            match &chunk.name {
                b"fmt " => before.format = Some(file.format(&chunk)?),
                b"ds64" => before.long = file.long(&chunk)?,
                b"fact" => before.fact = file.number(&chunk)?.map(u64::from),
                b"data" => return file.data(&chunk, &before),
                _ => {}
            }
            at = file.after(&chunk)?;
        }
        Err(Reason::Malformed("more than 1000 chunks before its data"))
    }
}

struct File<'a> {
    input: &'a mut dyn Stream,
    end: u64,
    order: Order,
}

impl File<'_> {
    /// The chunk at a place, unless the file ends before its content.
    fn chunk(&mut self, at: u64) -> Result<Option<Chunk>, Reason> {
        let Some(head) = bytes::<8>(self.input, at, self.end)? else { return Ok(None) };
        let [a, b, c, d, length @ ..] = head;
        Ok(Some(Chunk { name: [a, b, c, d], length: self.order.u32(length).into(), start: at + 8 }))
    }

    fn format(&mut self, chunk: &Chunk) -> Result<Format, Reason> {
        let mut content = Vec::new();
        self.input.seek(SeekFrom::Start(chunk.start))?;
        self.input.take(chunk.length.min(FORMAT_BYTES)).read_to_end(&mut content)?;
        Format::parse(&content, self.order)
    }

    /// The length of the data, if `ds64` knows it.
    fn long(&mut self, chunk: &Chunk) -> Result<Option<u64>, Reason> {
        let Some(content) = bytes::<16>(self.input, chunk.start, self.end)? else { return Ok(None) };
        let length = content.last_chunk().map(|&length| self.order.u64(length));
        Ok(length.filter(|&length| length > 0 && chunk.length >= 16))
    }

    fn number(&mut self, chunk: &Chunk) -> Result<Option<u32>, Reason> {
        Ok(bytes::<4>(self.input, chunk.start, self.end)?.map(|number| self.order.u32(number)))
    }

    fn data(&mut self, chunk: &Chunk, before: &Before) -> Result<Layout, Reason> {
        let format = before.format.ok_or(Reason::Malformed("its data come before their format"))?;
        let present = self.end - chunk.start;
        let length = match before.long {
            Some(long) if chunk.length == u64::from(u32::MAX) => Some(long),
            _ if chunk.length == 0 => self.is_empty(chunk)?.then_some(0),
            _ => Some(chunk.length).filter(|&length| length <= present || !stands_for_unknown(length)),
        };
        let blocks = |bytes: u64| bytes / u64::from(format.block_bytes);
        // Whole blocks of a compressed file can hold more than the sound.
        let frames = |blocks: u64| {
            let all = blocks.saturating_mul(format.block_frames.into());
            let fits = |fact: &u64| *fact <= all && all - fact < u64::from(format.block_frames);
            before.fact.filter(fits).unwrap_or(all)
        };
        let there = blocks(length.map_or(present, |length| length.min(present)));
        if there == 0 {
            return Err(Reason::NoSamples);
        }
        let promised = length.map(|length| frames(blocks(length)));
        Ok(Layout { format, start: chunk.start, blocks: there, frames: frames(there), promised })
    }

    /// Whether data of length 0 are none: nothing but chunks follows. Else their length was not known.
    fn is_empty(&mut self, data: &Chunk) -> Result<bool, Reason> {
        let mut at = data.start;
        for _ in 0..MOST_CHUNKS {
            if at >= self.end {
                return Ok(true);
            }
            match self.chunk(at)? {
                Some(chunk) if is_name(chunk.name) && chunk.length <= self.end - chunk.start => {
                    at = self.after(&chunk)?;
                }
                _ => return Ok(false),
            }
        }
        Ok(false)
    }

    /// The place of the next chunk: at an even place, unless a chunk of odd length was not padded.
    fn after(&mut self, chunk: &Chunk) -> Result<u64, Reason> {
        let next = chunk.start.saturating_add(chunk.length);
        if chunk.length.is_multiple_of(2) {
            return Ok(next);
        }
        let mut names = [None; 2];
        for (name, at) in names.iter_mut().zip([next + 1, next]) {
            *name = self.chunk(at)?.map(|chunk| chunk.name);
        }
        let [padded, unpadded] = names;
        let padding = match (padded, unpadded) {
            (Some(name), _) if is_known(name) => true,
            (_, Some(name)) if is_known(name) => false,
            (Some(name), _) if is_name(name) => true,
            (_, Some(name)) if is_name(name) => false,
            _ => true,
        };
        Ok(next + u64::from(padding))
    }
}

/// Lengths that recorders write who cannot know it: 0xFFFFFFFF and somewhat less (ffmpeg), 0x7FFFF000 (sox),
/// 0x80000000 (arecord).
fn stands_for_unknown(length: u64) -> bool {
    length >= 0xffff_0000 || (0x7fff_0000..=0x8000_0000).contains(&length)
}

fn is_known(name: [u8; 4]) -> bool {
    [b"fmt ", b"data", b"fact", b"LIST", b"bext", b"cue ", b"smpl", b"JUNK", b"PEAK"].contains(&&name)
}

fn is_name(name: [u8; 4]) -> bool {
    name.iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// Some bytes at a place, if the file reaches so far.
fn bytes<const N: usize>(input: &mut dyn Stream, at: u64, end: u64) -> Result<Option<[u8; N]>, Reason> {
    if at.checked_add(N as u64).is_none_or(|last| last > end) {
        return Ok(None);
    }
    let mut bytes = [0; N];
    input.seek(SeekFrom::Start(at))?;
    input.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}
