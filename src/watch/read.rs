//! Frames out of a stream of bytes, of which any may be damaged, lost or something else.

use super::{CRC, VERSION, cobs, kind};
use crate::arithmetic::softmax::{MAX_POSITIONS, Narrow, Weight, Wide};
use std::string::String;
use std::vec::Vec;

/// Bytes of a frame, at most: a row of [`MAX_POSITIONS`] weights of two bytes, its numbers, and its encoding.
const LONGEST: usize = 2 * MAX_POSITIONS + 64 + 2 * MAX_POSITIONS / 254;

/// What a [`FrameReader`] finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Received<'a> {
    /// An inference begins.
    Start(Start),
    /// A row, or a part of one.
    Row(ReceivedRow<'a>),
    /// An inference ends.
    End(End<'a>),
    /// What stands between frames and is no frame, such as a line of a log.
    Text(&'a str),
    /// A whole frame of another version, or of a kind that this version does not know.
    Unknown {
        /// Its version; this crate reads [`VERSION`].
        version: u8,
        /// Its kind.
        kind: u8,
    },
}

/// The start of an inference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Start {
    /// Its number, modulo 256.
    pub inference: u8,
    /// The checksum of the model's file, if it is told.
    pub file: Option<u32>,
    /// Rows sent before it, modulo 65,536.
    pub rows: u16,
}

/// A row as [`Row`](crate::Row) has it, out of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ReceivedRow<'a> {
    /// The number of its inference, modulo 256.
    pub inference: u8,
    /// The attention.
    pub layer: usize,
    /// The head.
    pub head: usize,
    /// Position of the query.
    pub query: usize,
    /// The key that the first weight belongs to.
    pub first: usize,
    /// From one weight's key to the next one's.
    pub dilation: usize,
    /// The weights as integers, up to `full_scale`.
    pub weights: &'a [u16],
    /// What the largest weight of a row is: 255, or 32767.
    pub full_scale: u16,
}

/// The end of an inference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct End<'a> {
    /// Its number, modulo 256.
    pub inference: u8,
    /// Rows sent before it, modulo 65,536.
    pub rows: u16,
    /// The likeliest class, or the largest output.
    pub class: usize,
    /// Its probability in 32768ths, as [`Guess`](crate::Guess) has it.
    pub probability: u16,
    /// All outputs.
    pub outputs: &'a [i16],
}

/// What came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Whole frames.
    pub frames: u64,
    /// Rows in them.
    pub rows: u64,
    /// Rows that were sent and did not come, or came damaged; exact where fewer than 65,536 are lost in a stretch.
    pub lost: u64,
    /// Pieces that are neither a whole frame nor text.
    pub damaged: u64,
    /// Times that the sender began anew: its first frame after another one.
    pub restarts: u64,
}

/// Reads frames of [`Frames`](super::Frames), in pieces of any size.
///
/// A frame whose checksum is wrong is counted and never shown; the next zero byte begins another. What was sent before
/// the first frame that is read is not counted as lost.
#[derive(Clone, Debug, Default)]
pub struct FrameReader {
    piece: Vec<u8>,
    frame: Vec<u8>,
    weights: Vec<u16>,
    outputs: Vec<i16>,
    /// Rows sent, as the last frame says.
    sent: Option<u16>,
    /// Whether the piece is longer than a frame can be: it is dropped up to the next zero.
    overlong: bool,
    counts: Counts,
}

impl FrameReader {
    /// Nothing has come yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes, and hands what they complete to `see`.
    pub fn push(&mut self, bytes: &[u8], see: &mut dyn FnMut(Received<'_>)) {
        for &byte in bytes {
            match byte {
                0 => self.piece_ends(see),
                _ if self.overlong => {}
                _ => {
                    self.piece.push(byte);
                    // A log that goes on between frames is shown line by line. The second byte of a frame is no text.
                    if byte == b'\n' && text(&self.piece).is_some() {
                        self.piece_ends(see);
                    }
                    if self.piece.len() > LONGEST {
                        self.piece.clear();
                        self.counts.damaged += 1;
                        self.overlong = true;
                    }
                }
            }
        }
    }

    /// The stream is at its end: what it ends with is text, or else a frame that is cut.
    pub fn finish(&mut self, see: &mut dyn FnMut(Received<'_>)) {
        self.piece_ends(see);
    }

    /// What came so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// A zero has come.
    fn piece_ends(&mut self, see: &mut dyn FnMut(Received<'_>)) {
        if !core::mem::take(&mut self.overlong) && !self.piece.is_empty() {
            let piece = core::mem::take(&mut self.piece);
            if self.read(&piece, see).is_none() {
                match text(&piece) {
                    Some(text) => see(Received::Text(text)),
                    None => self.counts.damaged += 1,
                }
            }
            self.piece = piece;
        }
        self.piece.clear();
    }

    /// Shows a whole frame; none of anything else.
    fn read(&mut self, piece: &[u8], see: &mut dyn FnMut(Received<'_>)) -> Option<()> {
        cobs::decode(piece, &mut self.frame)?;
        let (content, sum) = self.frame.split_last_chunk()?;
        if CRC.checksum(content) != u32::from_le_bytes(*sum) {
            return None;
        }
        let (&[first, inference, low, high], content) = content.split_first_chunk()?;
        let (version, kind, sent) = (first >> 4, first & 15, u16::from_le_bytes([low, high]));
        let mut fields = Fields(content);
        // What is whole and yet makes no sense was not written by this version.
        let unknown = Received::Unknown { version, kind };
        let received = match kind {
            _ if version != VERSION => unknown,
            kind::START => fields.start(inference, sent).unwrap_or(unknown),
            kind::NARROW | kind::WIDE => fields.row(inference, kind, &mut self.weights).unwrap_or(unknown),
            kind::END => fields.end(inference, sent, &mut self.outputs).unwrap_or(unknown),
            _ => unknown,
        };
        self.counts.frames += 1;
        if version == VERSION {
            let is_row = matches!(kind, kind::NARROW | kind::WIDE);
            self.counts.rows += u64::from(matches!(received, Received::Row(_)));
            match self.sent.replace(sent.wrapping_add(u16::from(is_row))) {
                Some(before) if before != sent && kind == kind::START && (inference, sent) == (0, 0) => {
                    self.counts.restarts += 1;
                }
                Some(before) => self.counts.lost += u64::from(sent.wrapping_sub(before)),
                None => {}
            }
        }
        see(received);
        Some(())
    }
}

/// Bytes as text, if they are printable.
fn text(bytes: &[u8]) -> Option<&str> {
    let is_control = |c: char| c.is_control() && !matches!(c, '\t' | '\r' | '\n' | '\u{1b}');
    core::str::from_utf8(bytes).ok().filter(|text| !text.contains(is_control))
}

/// What is left of a frame's content.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn number(&mut self) -> Option<usize> {
        let mut number = 0usize;
        for place in 0.. {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = usize::from(byte & 0x7f);
            let shifted = bits.checked_shl(7 * place).filter(|shifted| shifted >> (7 * place) == bits)?;
            number |= shifted;
            if byte < 0x80 {
                break;
            }
        }
        Some(number)
    }

    fn start(&mut self, inference: u8, rows: u16) -> Option<Received<'static>> {
        let file = u32::from_le_bytes(*self.0.first_chunk()?);
        Some(Received::Start(Start { inference, file: (file != 0).then_some(file), rows }))
    }

    fn row<'w>(&mut self, inference: u8, kind: u8, weights: &'w mut Vec<u16>) -> Option<Received<'w>> {
        let (layer, head, query) = (self.number()?, self.number()?, self.number()?);
        let (first, dilation) = (self.number()?, self.number()?);
        weights.clear();
        let full_scale = if kind == kind::NARROW {
            weights.extend(self.0.iter().copied().map(u16::from));
            Narrow::FULL_SCALE
        } else {
            let (pairs, rest) = self.0.as_chunks();
            weights.extend(pairs.iter().copied().map(u16::from_le_bytes));
            rest.is_empty().then_some(Wide::FULL_SCALE)?
        } as u16;
        let most = weights.iter().copied().max().unwrap_or(0);
        let row = ReceivedRow { inference, layer, head, query, first, dilation, weights, full_scale };
        (most <= full_scale).then_some(Received::Row(row))
    }

    fn end<'o>(&mut self, inference: u8, rows: u16, outputs: &'o mut Vec<i16>) -> Option<Received<'o>> {
        let class = self.number()?;
        let (probability, rest) = self.0.split_first_chunk()?;
        let (pairs, odd) = rest.as_chunks();
        outputs.clear();
        outputs.extend(pairs.iter().copied().map(i16::from_le_bytes));
        let probability = u16::from_le_bytes(*probability);
        odd.is_empty().then_some(Received::End(End { inference, rows, class, probability, outputs }))
    }
}

impl ReceivedRow<'_> {
    /// The weights as shares of 1, as [`Model::infer_observed`](crate::dynamic::Model::infer_observed) shows them; all
    /// 0 of a query that sees no key.
    pub fn shares(&self) -> impl Iterator<Item = f32> + '_ {
        let sum = self.weights.iter().map(|&weight| u64::from(weight)).sum::<u64>().max(1) as f64;
        self.weights.iter().map(move |&weight| (f64::from(weight) / sum) as f32)
    }
}

impl core::fmt::Display for Counts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { rows, lost, damaged, restarts, .. } = self;
        write!(f, "{rows} rows, {lost} lost, {damaged} damaged pieces")?;
        let restarts: String = if *restarts > 0 { std::format!(", {restarts} restarts") } else { String::new() };
        f.write_str(&restarts)
    }
}
