//! A long recording takes little more memory than what comes out. Alone in its program, whose memory it measures.

#[path = "support/file.rs"]
mod file;
#[path = "../../tests/support/skip.rs"]
mod skip;

use file::{PCM, Wav};
use heedful_recordings::{Warning, read};
use skip::{Lack, skipped};
use std::fs;
use std::io::Write;

/// The most memory that this program has had so far, bytes.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib << 10)
}

#[test]
fn a_long_recording_takes_little_memory() {
    let Some(before) = peak() else {
        return skipped(Lack::Tool, "this system does not tell the memory of a program");
    };
    // Two minutes in two channels of 48 kHz and 32 bits: nothing but zeros, most of which no disk has to hold.
    let length = 2 * 60 * 48_000 * 8;
    let header = Wav { channels: 2, rate: 48_000, length: Some(length), ..Wav::new(PCM, 32, Vec::new()) };
    let mut long = tempfile::NamedTempFile::new().unwrap();
    long.write_all(&header.bytes()).unwrap();
    long.as_file().set_len(u64::from(length) + 44).unwrap();
    let recording = read(long.path(), 8000).unwrap();
    assert_eq!((recording.samples.len(), recording.warnings), (2 * 60 * 8000, vec![Warning::Silent]));
    let grown = peak().unwrap() - before;
    println!("{} MiB for a file of {} MiB", grown >> 20, length >> 20);
    assert!(grown < 16 << 20, "{grown} bytes for a file of {length} bytes");
}
