//! The reader of recordings.

use crate::bytes::Bytes;
use heedful_recordings::decode;

/// How files of the kinds that are read begin.
const KINDS: [&[u8]; 7] = [b"RIFF", b"RIFX", b"RF64", b"BW64", b"fLaC", b"OggS", b"\xff\xfb"];

/// What begins as a recording is one; anything else says what is in a WAV file. True if it could be heard.
pub fn run(data: &[u8]) -> bool {
    let mut from = Bytes::new(data);
    let whole = KINDS.iter().any(|kind| data.starts_with(kind));
    let file = if whole { data.to_vec() } else { file(&mut from) };
    // Resampling takes its time, and each rate makes filters of its own.
    let rate = if data.len().is_multiple_of(2) { 8_000 } else { 16_000 };
    match decode(&file, rate) {
        Ok(recording) => {
            assert!(!recording.samples.is_empty());
            assert!(recording.warnings.iter().all(|warning| warning.to_string().lines().count() == 1));
            true
        }
        Err(error) => {
            assert_eq!(error.to_string().lines().count(), 1);
            false
        }
    }
}

/// A file with chunks of any kind, most of them right.
fn file(from: &mut Bytes<'_>) -> Vec<u8> {
    let mut chunks = Vec::new();
    for _ in 0..from.within(0, 3) {
        let name = [*b"LIST", *b"data", *b"fmt ", *b"note"][usize::from(from.byte() % 4)];
        let content = from.byte() % 20;
        let content = from.bytes(content.into());
        chunk(&mut chunks, name, &content, from);
    }
    let bits = [8, 16, 24, 32, 12, 64][usize::from(from.byte() % 6)];
    let kind = match from.byte() % 6 {
        0 => 3u16,
        1 => 0xfffe,
        2 => from.byte().into(),
        _ => 1,
    };
    let channels = if from.once_in(8) { from.word() as u16 } else { from.count(3) as u16 };
    let rate = match from.byte() % 8 {
        0 => from.word(),
        1 => 11_025,
        2 => 44_100,
        3 => from.within(1_000, 50_000),
        _ => 8_000,
    };
    let block = channels.wrapping_mul(bits / 8);
    let mut format: Vec<u8> = [kind.to_le_bytes(), channels.to_le_bytes()].concat();
    format.extend(rate.to_le_bytes());
    format.extend(rate.wrapping_mul(block.into()).to_le_bytes());
    format.extend([block.to_le_bytes(), bits.to_le_bytes()].concat());
    if kind == 0xfffe {
        format.extend(22u16.to_le_bytes());
        format.extend(bits.to_le_bytes());
        format.extend([0, 0, 0, 0, if from.once_in(2) { 1 } else { 3 }, 0]);
        format.extend(b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71");
    }
    if from.once_in(8) {
        let at = from.within(0, format.len() as u32 - 1) as usize;
        format[at] = from.byte();
    }
    chunk(&mut chunks, *b"fmt ", &format, from);
    let frames = from.within(0, 200) as usize;
    let length = frames * usize::from(block).min(32);
    let samples = from.bytes(length);
    chunk(&mut chunks, *b"data", &samples, from);
    let length = if from.once_in(8) { from.word() } else { chunks.len() as u32 + 4 };
    [&b"RIFF"[..], &length.to_le_bytes(), b"WAVE", &chunks].concat()
}

/// Mostly with the length that it has.
fn chunk(to: &mut Vec<u8>, name: [u8; 4], content: &[u8], from: &mut Bytes<'_>) {
    to.extend(name);
    let length = if from.once_in(16) { from.word() } else { content.len() as u32 };
    to.extend(length.to_le_bytes());
    to.extend(content);
    if content.len() % 2 == 1 {
        to.push(0);
    }
}
