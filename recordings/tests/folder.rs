//! Which files are recordings, and files that are written.

#[path = "support/file.rs"]
mod file;

use file::{PCM, Wav, data};
use heedful_recordings::{Reason, decode, is_recording, list, read, to_wav, write_wav};
use std::fs;
use std::path::Path;

#[test]
fn recordings_are_known_by_their_extensions_in_any_case() {
    for name in ["a.wav", "b/A.WAV", "a.b.Wav", "a.wave", "a.flac", "a.FLAC", "a.ogg", "a.oga", "a.mp3", "a.Mp3"] {
        assert!(is_recording(Path::new(name)), "{name}");
    }
    for name in ["wav", "a.wav.txt", "a.wa", "README.md", "a.aiff", "a.opus", "a", ""] {
        assert!(!is_recording(Path::new(name)), "{name}");
    }
}

#[test]
fn folders_are_listed_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b.WAV", "a.wav", "c.Flac", "B.wav", "notes.md", "a.aiff", ".hidden.wav", "._a.wav", ".DS_Store"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    fs::create_dir(folder.path().join("d.wav")).unwrap();
    let listing = list(folder.path()).unwrap();
    let names = |paths: &[std::path::PathBuf]| {
        paths.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&listing.recordings), ["B.wav", "a.wav", "b.WAV", "c.Flac"]);
    assert_eq!(names(&listing.others), ["a.aiff", "notes.md"]);
    let error = list(&folder.path().join("absent")).unwrap_err();
    assert!(error.to_string().ends_with("absent: no such file or folder"), "{error}");
}

#[test]
fn what_is_written_is_read() {
    let samples: Vec<i16> = (i16::MIN..=i16::MAX).step_by(99).collect();
    let plain = Wav { rate: 11_025, ..Wav::new(PCM, 16, data(&samples, i16::to_le_bytes)) };
    assert_eq!(to_wav(&samples, 11_025), plain.bytes());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    write_wav(&path, &samples, 11_025).unwrap();
    let recording = read(&path, 11_025).unwrap();
    assert!(recording.samples == samples && recording.warnings.is_empty());
    assert!(matches!(decode(&to_wav(&[], 8000), 8000), Err(Reason::NoSamples)));
    let error = write_wav(&folder.path().join("absent/a.wav"), &samples, 8000).unwrap_err();
    assert!(error.to_string().ends_with("a.wav: no such file or folder"), "{error}");
}

/// What comes through a pipe can be read once, and must serve twice.
#[cfg(unix)]
#[test]
fn a_pipe_is_a_recording_too() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    if !std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()) {
        return;
    }
    let samples: Vec<i16> = (0..20_000).map(|n| (n % 311) as i16).collect();
    let stereo =
        Wav { channels: 2, ..Wav::new(PCM, 16, data::<4>(&samples, |x| (i32::from(x) * 0x1_0001).to_le_bytes())) };
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, stereo.bytes())
    });
    assert!(read(&pipe, 8000).unwrap().samples == samples);
    writer.join().unwrap().unwrap();
}
