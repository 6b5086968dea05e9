//! Rows of attention that a board sends as frames, held against the host's: the same bytes, none lost.

use crate::firmware::{NO_PANIC, WATCH, WATCHING};
use crate::output::Fields;
use crate::report::grouped;
use crate::targets::Target;
use crate::{emulator, firmware, host};
use anyhow::{Context, Result, ensure};
use heedful::audio::excerpt;
use heedful::watch::{FrameReader, Frames, Received};

/// Targets that send them.
pub const USUAL: &[&str] = &["cortex-m4", "rv32imac"];

heedful::model!(Digits = "../../models/digits.heed");

/// Builds and runs the firmware, and compares what it sends.
pub fn check(target: &Target) -> Result<String> {
    let elf = firmware::build(target, WATCH, &[])?;
    compare(&emulator::run_bytes(target, &elf)?)
}

/// Fails if a panic is left in what writes frames.
pub fn without_panics(target: &Target) -> Result<String> {
    firmware::build(target, NO_PANIC, &[WATCHING]).map(|_| "links without a panic handler".into())
}

fn compare(stream: &[u8]) -> Result<String> {
    let (mut lines, mut rows, mut reader) = (String::new(), 0, FrameReader::new());
    let mut see = |received: Received<'_>| match received {
        Received::Text(text) => lines += text,
        Received::Row(_) => rows += 1,
        _ => {}
    };
    reader.push(stream, &mut see);
    reader.finish(&mut see);
    let counts = reader.counts();
    ensure!(lines.lines().last() == Some("done"), "the board did not finish:\n{lines}");
    ensure!(counts.lost == 0 && counts.damaged == 0 && rows > 0, "{counts}");
    let clips: Vec<&str> = lines.lines().filter_map(|line| line.strip_prefix("clip ")).collect();
    let (sent, expected) = (frames_of(stream), expected(&clips)?);
    let first = sent.iter().zip(&expected).position(|(sent, expected)| sent != expected);
    if let Some(at) = first {
        let (sent, expected) = (&sent[at], &expected[at]);
        anyhow::bail!("frame {at}\n    host:  {expected:02x?}\n    board: {sent:02x?}");
    }
    ensure!(sent.len() == expected.len(), "{} frames, the host has {}", sent.len(), expected.len());
    let cost = lines.lines().find(|line| line.starts_with("cost ")).context("no cost")?;
    let number = |key: &str| Fields::of(cost).number::<u64>(key);
    let (unwatched, framed, bytes) = (number("unwatched")?, number("framed")?, number("bytes")?);
    let more = grouped(framed.saturating_sub(unwatched));
    Ok(format!("{rows} rows, the same bytes; an inference is {} bytes and {more} instructions more", grouped(bytes)))
}

/// What stands between zeros, but for text.
fn frames_of(stream: &[u8]) -> Vec<Vec<u8>> {
    let pieces = stream.split(|&byte| byte == 0).filter(|piece| piece.len() > 1 && piece[1] < b' ');
    pieces.map(<[u8]>::to_vec).collect()
}

/// The frames that the host makes of the same clips.
fn expected(clips: &[&str]) -> Result<Vec<Vec<u8>>> {
    let (mut sent, mut model) = (Vec::new(), Digits::new());
    let mut frames = Frames::of::<Digits>(|bytes: &[u8]| sent.extend_from_slice(bytes));
    for clip in clips {
        model.reset();
        for sample in excerpt(&host::clip(clip)?, Digits::SAMPLES) {
            model.push(sample);
        }
        frames.inference(|rows| model.infer_heard(rows));
    }
    Ok(frames_of(&sent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_every_byte() {
        let clips = [b"clip 0_george_5.wav\n", "clip 7_theo_5.wav\n".as_bytes()];
        let names = ["0_george_5.wav", "7_theo_5.wav"];
        let all: Vec<Vec<u8>> =
            expected(&names).unwrap().iter().map(|frame| [&[0], &frame[..], &[0]].concat()).collect();
        let head = b"watch digits kernels=x\ncost unwatched=5 framed=7 bytes=9\n";
        let stream = |frames: &[Vec<u8>]| [head, clips[0], clips[1], &frames.concat(), b"done\n"].concat();
        assert!(
            compare(&stream(&all)).unwrap().starts_with("450 rows, the same bytes; an inference is 9 bytes and 2 ")
        );
        for change in 0..4 {
            let mut frames = all.clone();
            match change {
                0 => frames[300][20] ^= 1,
                1 => _ = frames.remove(300),
                2 => _ = frames.pop(),
                _ => frames.swap(300, 301),
            }
            assert!(compare(&stream(&frames)).is_err(), "{change}");
        }
        assert!(compare(&stream(&all)[..5000]).is_err());
    }
}
