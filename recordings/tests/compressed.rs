//! The compressed kinds: one spoken digit as each of them, whole and damaged.

#[path = "support/file.rs"]
mod file;

use heedful_recordings::{Reason, Recording, Warning, decode, read};
use std::fs;
use std::path::{Path, PathBuf};

const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/clips/7_theo_5.wav");

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(fixture(name)).unwrap()
}

/// Signal-to-noise ratio against the plain file, dB, where the sound comes `late` samples later.
fn snr(found: &[i16], late: usize) -> f64 {
    let square = |x: f64| x * x;
    let (mut signal, mut noise) = (0.0, 0.0);
    for (&x, &y) in file::samples(CLIP).iter().zip(&found[late..]) {
        signal += square(x.into());
        noise += square(f64::from(x) - f64::from(y));
    }
    10.0 * f64::log10(signal / noise)
}

#[test]
fn lossless_kinds_are_exact() {
    for name in ["seven.flac", "seven_24.flac", "seven_flac.ogg"] {
        let Recording { samples, file_rate, channels, warnings } = read(&fixture(name), 8000).unwrap();
        assert!(samples == file::samples(CLIP), "{name}");
        assert_eq!((file_rate, channels, warnings), (8000, 1, Vec::new()), "{name}");
    }
}

#[test]
fn lossy_kinds_keep_place_and_length() {
    let cases = [
        ("seven.ogg", 8000, 1, 0, 20.0),
        ("seven.mp3", 8000, 1, 0, 15.0),
        ("seven_ima.wav", 8000, 1, 0, 20.0),
        ("seven_stereo.ogg", 22_050, 2, 0, 10.0),
    ];
    for (name, rate, channels, late, least) in cases {
        let recording = read(&fixture(name), 8000).unwrap();
        assert_eq!(
            (recording.file_rate, recording.channels, recording.warnings),
            (rate, channels, Vec::new()),
            "{name}"
        );
        assert!(recording.samples.len().abs_diff(2922) <= 1, "{name}: {} samples", recording.samples.len());
        let snr = snr(&recording.samples, late);
        assert!(snr > least, "{name}: {snr} dB");
    }
}

/// Without a tag, an MP3 file does not say what belongs to the sound and what to the filters around it.
#[test]
fn mp3_without_a_tag_is_whole() {
    for (name, rate, delay, padded) in [("seven_plain.mp3", 8000, 1105, 2922), ("seven_stereo.mp3", 44_100, 1105, 2922)]
    {
        let recording = read(&fixture(name), 8000).unwrap();
        assert_eq!((recording.file_rate, recording.warnings), (rate, Vec::new()), "{name}");
        let late = (delay * 8000 + rate / 2) / rate;
        assert!(recording.samples.len() > padded + late as usize, "{name}: {} samples", recording.samples.len());
        let snr = snr(&recording.samples, late as usize);
        assert!(snr > 10.0, "{name}: {snr} dB");
    }
}

#[test]
fn the_content_counts_and_not_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seven.wav");
    fs::copy(fixture("seven.flac"), &path).unwrap();
    assert!(read(&path, 8000).unwrap().samples == file::samples(CLIP));
}

#[test]
fn one_ogg_file_behind_the_other_is_one_sound() {
    let twice = [bytes("seven.ogg"), bytes("seven.ogg")].concat();
    let once = read(&fixture("seven.ogg"), 8000).unwrap().samples;
    let recording = decode(&twice, 8000).unwrap();
    assert!(recording.samples == [&once[..], &once].concat(), "{} samples", recording.samples.len());
    assert_eq!(recording.warnings, []);
    let other = [bytes("seven.ogg"), bytes("seven_stereo.ogg")].concat();
    assert!(matches!(decode(&other, 8000), Err(Reason::Changes(2922))), "{:?}", decode(&other, 8000));
}

#[test]
fn notes_before_mp3_are_passed_over() {
    let mut tagged = b"ID3\x03\0\0\0\0\x0f\x76".to_vec();
    tagged.extend(b"TIT2\0\0\x07\x6c\0\0\0");
    tagged.resize(10 + (0x0f << 7) + 0x76, b'x');
    tagged.extend(bytes("seven.mp3"));
    assert_eq!(decode(&tagged, 8000).unwrap(), read(&fixture("seven.mp3"), 8000).unwrap());
}

#[test]
fn other_kinds_in_ogg_are_named() {
    let error = read(&fixture("seven.opus"), 8000).unwrap_err().to_string();
    assert!(error.ends_with("seven.opus: samples stored as Opus, expected Vorbis or FLAC"), "{error}");
}

/// A file that breaks off is heard up to there, and says so; but for MP3 without a tag, which has no end to miss.
#[test]
fn a_file_cut_anywhere_says_so() {
    for (name, least) in [("seven.flac", 80), ("seven_stereo.ogg", 10), ("seven.mp3", 60)] {
        let (bytes, whole) = (bytes(name), read(&fixture(name), 8000).unwrap().samples);
        let mut heard = 0;
        for length in (0..100).map(|part| part * bytes.len() / 100) {
            match decode(&bytes[..length], 8000) {
                Ok(cut) => {
                    let said = cut.warnings.iter().any(|warning| matches!(warning, Warning::Truncated { .. }));
                    // What MP3 has behind the sound may be missing.
                    let all = name == "seven.mp3" && cut.samples.len() == whole.len();
                    assert!(said || all, "{name}, {length} bytes: {:?}, {} samples", cut.warnings, cut.samples.len());
                    assert!(cut.samples.len() <= whole.len());
                    heard += 1;
                }
                Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
            }
        }
        println!("{name}: {heard} cuts heard");
        assert!(heard >= least, "{name}: only {heard} heard");
    }
}

/// Whatever a byte becomes, the file is heard or refused.
#[test]
fn no_byte_brings_the_reader_down() {
    for name in ["seven.flac", "seven_flac.ogg", "seven.ogg", "seven.mp3", "seven_ima.wav", "seven.opus"] {
        let good = bytes(name);
        for place in (0..good.len()).filter(|place| *place < 120 || place % 61 == 0) {
            for value in [0, 1, 127, 255] {
                let mut bytes = good.clone();
                bytes[place] = value;
                if let Err(error) = decode(&bytes, 8000) {
                    assert_eq!(error.to_string().lines().count(), 1, "{error}");
                }
            }
        }
    }
}
