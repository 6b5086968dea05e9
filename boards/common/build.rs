//! Packs the clips of `examples/clips` into one blob of samples and an index of it.
//!
//! `CLIP_BYTES` in the environment limits the blob for boards with little flash: clips are
//! then taken in an order that mixes digits and speakers, as many as fit. `DIGITS` names another `.heed` file than
//! `models/digits.heed`, `SHAPES` other shapes than the usual ones.

use std::path::{Path, PathBuf};
use std::{env, fs};

const CLIPS: &str = "../../examples/clips";
/// The format of the clips that the models expect, Hz.
const SAMPLE_RATE: u32 = 8000;

/// The attention blocks that are counted, unless `SHAPES` names others: positions, width, heads, head dimension.
const SHAPES: &str = "32,32,8,32;81,32,8,32;128,64,4,16;64,64,4,16;16,64,1,64;49,40,5,8;81,24,3,8;7,12,2,6";

/// The model that hears the clips, unless `DIGITS` names another.
const DIGITS: &str = "../../models/digits.heed";

fn main() {
    digits();
    shapes();
    clips();
}

/// Where the model of digits lies: `heedful::model!` takes its path from the environment.
fn digits() {
    println!("cargo::rerun-if-env-changed=DIGITS");
    let usual = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("set by cargo")).join(DIGITS);
    let path = env::var_os("DIGITS").map_or(usual, PathBuf::from);
    println!("cargo::rustc-env=DIGITS={}", path.display());
}

/// A measured `block!` for each shape.
fn shapes() {
    println!("cargo::rerun-if-env-changed=SHAPES");
    let shapes = env::var("SHAPES").unwrap_or(SHAPES.into());
    let mut calls = String::from("{\n");
    for shape in shapes.split(';') {
        assert!(shape.split(',').filter_map(|n| n.parse::<usize>().ok()).count() == 4, "SHAPES: not a shape: {shape}");
        calls += &format!("    measure(block!({shape}));\n");
    }
    let out = PathBuf::from(env::var("OUT_DIR").expect("set by cargo"));
    fs::write(out.join("shapes.rs"), calls + "}\n").expect("OUT_DIR is writable");
}

fn clips() {
    println!("cargo::rerun-if-changed={CLIPS}");
    println!("cargo::rerun-if-env-changed=CLIP_BYTES");
    let limit = match env::var("CLIP_BYTES") {
        Ok(bytes) => bytes.parse().expect("CLIP_BYTES is not a number of bytes"),
        Err(_) => usize::MAX,
    };
    let mut samples: Vec<u8> = Vec::new();
    let mut index: Vec<(String, usize, usize)> = Vec::new();
    for path in mixed(heedful_recordings::list(Path::new(CLIPS)).unwrap_or_else(|e| panic!("{e}")).recordings) {
        let clip = read(&path);
        if samples.len() + clip.len() > limit {
            continue;
        }
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        index.push((name, samples.len(), clip.len()));
        samples.extend(clip);
    }
    assert!(!index.is_empty(), "{CLIPS}: no clip fits into {limit} bytes");
    index.sort();

    let out = PathBuf::from(env::var("OUT_DIR").expect("set by cargo"));
    fs::write(out.join("clips.bin"), &samples).expect("OUT_DIR is writable");
    let entries: String = index
        .iter()
        .map(|(name, start, bytes)| format!("    Entry {{ name: {name:?}, start: {start}, bytes: {bytes} }},\n"))
        .collect();
    fs::write(out.join("clips.rs"), format!("&[\n{entries}]\n")).expect("OUT_DIR is writable");
}

/// Another order of files sorted by digit, then speaker: strides through the list, so that
/// the first few already have many digits and speakers.
fn mixed(files: Vec<PathBuf>) -> Vec<PathBuf> {
    let count = files.len();
    // A stride without a divisor in common with the count meets every file.
    let stride = (7..).find(|&stride| gcd(stride, count) == 1).unwrap_or(1);
    (0..count).map(|i| files[i * stride % count].clone()).collect()
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The samples of a clip, little-endian as on every target.
fn read(path: &Path) -> Vec<u8> {
    let recording = heedful_recordings::read(path, SAMPLE_RATE).unwrap_or_else(|e| panic!("{e}"));
    assert!(
        recording.channels == 1 && recording.file_rate == SAMPLE_RATE && recording.warnings.is_empty(),
        "{}: expected 8 kHz mono, found {} Hz, {} channels, {:?}",
        path.display(),
        recording.file_rate,
        recording.channels,
        recording.warnings
    );
    recording.samples.into_iter().flat_map(i16::to_le_bytes).collect()
}
