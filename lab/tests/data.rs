//! The split, and what is said of files that cannot be used.

mod common;

use heedful_lab::data::{VALIDATION, digits, parse_name, read};
use heedful_lab::weights::Weights;
use heedful_lab::{Preset, features::Extractor};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[test]
fn names() {
    let parse = |name: &str| parse_name(Path::new(name)).map(|(d, s, i)| (d, s.to_owned(), i));
    assert_eq!(parse("clips/7_jackson_32.wav"), Some((7, "jackson".to_owned(), 32)));
    assert_eq!(parse("3_de_la_cruz_5.wav"), Some((3, "de_la_cruz".to_owned(), 5)));
    assert_eq!(parse("3_theo_5.WAV"), Some((3, "theo".to_owned(), 5)));
    assert_eq!(parse("3_theo_5.flac"), Some((3, "theo".to_owned(), 5)));
    for name in ["x_george_1.wav", "12_george_1.wav", "1_george.wav", "1__3.wav", "1_george_3.txt", "README.md"] {
        assert_eq!(parse(name), None, "{name}");
    }
}

#[test]
fn split_by_index() {
    let folder = tempfile::tempdir().unwrap();
    for index in 0..12 {
        // An extension in capitals is one, too.
        let extension = if index % 2 == 0 { "wav" } else { "WAV" };
        write(&folder.path().join(format!("4_theo_{index}.{extension}")));
    }
    let split = digits(folder.path(), 8000).unwrap();
    let indices = |clips: &[heedful_lab::data::Clip]| {
        let mut indices: Vec<_> = clips.iter().map(|c| c.index).collect();
        indices.sort_unstable();
        indices
    };
    assert_eq!(indices(&split.validation), [5, 6, 7, 8, 9]);
    assert_eq!(indices(&split.train), [10, 11]); // 0 to 4 belong to the test split
}

#[test]
fn split_of_the_data_set() {
    let Some(folder) = common::spoken_digits() else { return };
    let split = digits(&folder, 8000).unwrap();
    assert_eq!((split.train.len(), split.validation.len()), (2400, 300));
    assert!(split.validation.iter().all(|c| VALIDATION.contains(&c.index)));
    let mut per_class = BTreeMap::new();
    split.validation.iter().for_each(|c| *per_class.entry(c.class).or_insert(0) += 1);
    assert!(per_class.values().all(|&n| n == 30), "{per_class:?}");
}

#[test]
fn errors_name_the_file_and_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1_theo_6.wav");
    let error = || read(&path, 8000).unwrap_err().to_string();
    assert!(error().ends_with("1_theo_6.wav: no such file or folder"), "{}", error());
    fs::write(&path, b"").unwrap();
    assert!(error().ends_with("1_theo_6.wav: empty file"), "{}", error());
    fs::write(&path, b"RIFF\x24\0\0\0WAVEfmt ").unwrap();
    assert!(error().ends_with("1_theo_6.wav: not a valid WAV file: it ends within its header"), "{}", error());
    // Another rate is resampled; what is left of a recording that was cut off in transit is heard.
    write(&path);
    assert_eq!(read(&path, 16_000).unwrap().len(), 800);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
    assert_eq!(read(&path, 8000).unwrap().len(), 350);

    let empty = tempfile::tempdir().unwrap();
    assert!(digits(empty.path(), 8000).unwrap_err().to_string().contains("no recordings named"));
    assert!(digits(&empty.path().join("absent"), 8000).unwrap_err().to_string().contains("absent: no such file"));
}

/// Numbers that no model has are refused before anything of their size is made.
#[test]
fn descriptions_are_checked() {
    type Change = fn(&mut heedful_lab::Config);
    let path = Path::new("m.safetensors");
    let weights = Weights::initial(&common::config(), 1);
    let changes: [(Change, &str); 10] = [
        (|c| c.tokens = usize::MAX, "tokens: 18446744073709551615, expected 1 to 65536"),
        (|c| c.frames_per_token = 1 << 60, "frames_per_token: 1152921504606846976, expected 1 to 4096"),
        (|c| c.audio.bands = 0, "bands: 0, expected 1 to 32768"),
        (|c| c.width = 0, "width: 0, expected 1 to 1024"),
        (|c| c.head_width = 257, "head_width: 257, expected 1 to 256"),
        (|c| c.heads = 8193, "heads: 8193, expected 1 to 8192"),
        (|c| c.hidden = usize::MAX, "hidden: 18446744073709551615, expected 1 to 32768"),
        (|c| c.layers = usize::MAX / 2, "layers: 9223372036854775807, expected 1 to 1024"),
        (|c| c.labels.clear(), "number of labels: 0, expected 1 to 32768"),
        (|c| c.epsilon = -1.0, "epsilon: -1, expected a finite number of at least 0"),
    ];
    for (change, reason) in changes {
        let mut other = weights.clone();
        change(&mut other.config);
        let error = Weights::from_bytes(&other.to_bytes(&[]).unwrap(), path).unwrap_err().to_string();
        assert_eq!(error, format!("m.safetensors: model description: {reason}"));
    }
}

#[test]
fn weights_files_are_checked() {
    let path = Path::new("m.safetensors");
    let weights = Weights::initial(&common::config(), 1);
    let bytes = weights.to_bytes(&[]).unwrap();
    assert_eq!(Weights::from_bytes(&bytes, path).unwrap().0, weights);
    let error = |bytes: &[u8]| Weights::from_bytes(bytes, path).unwrap_err().to_string();
    assert!(error(&bytes[..100]).starts_with("m.safetensors: not a safetensors file: "));
    assert!(error(&bytes[..bytes.len() - 4]).starts_with("m.safetensors: not a safetensors file: "));

    let mut other = weights.clone();
    other.tensors.remove("norm.bias");
    assert_eq!(error(&other.to_bytes(&[]).unwrap()), "m.safetensors: tensor norm.bias: absent");
    let mut other = weights.clone();
    other.config.width = 12;
    assert!(error(&other.to_bytes(&[]).unwrap()).contains("expected [12"));
    let mut other = weights;
    other.tensors.get_mut("norm.bias").unwrap().data[3] = f32::NAN;
    assert_eq!(error(&other.to_bytes(&[]).unwrap()), "m.safetensors: tensor norm.bias: not all numbers are finite");
}

/// Equal draws alter a recording equally; others differently, but never its length.
#[test]
fn augmentation_follows_the_draw() {
    let config = Preset::Digits.config();
    let extractor = Extractor::new(&config).unwrap();
    let clip = &common::tones().train[1];
    let alter = |item| extractor.augmented(clip, &mut heedful_lab::augment::draw(1, 2, item));
    assert_eq!(alter(5), alter(5));
    assert_ne!(alter(5), alter(6));
    assert_eq!(alter(5).len(), config.features());
    assert_eq!(extractor.plain(&clip.samples).len(), config.features());
}

fn write(path: &Path) {
    let samples: Vec<i16> = (0..400).map(|n| n * 37 % 1000).collect();
    heedful_recordings::write_wav(path, &samples, 8000).unwrap();
}
