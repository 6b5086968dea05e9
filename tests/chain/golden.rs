//! Files that an earlier writer wrote are read as they were, and give what they gave: also compiled into a program.

use crate::chain::{Given, chain, input, outputs};
use crate::support::{Random, seal, to_bytes};
use crate::whole::{file, of_tokens, sections};
use heedful::dynamic::Model;
use std::fs;
use std::path::{Path, PathBuf};

/// Names of the files, and from which generated chain each was made.
const FILES: [(&str, u64); 7] = [
    ("chain_series", 10),
    ("chain_series_fine", 25),
    ("chain_image", 1),
    ("chain_image_fine", 6),
    ("chain_tokens", 8),
    ("chain_tokens_pooled", 3),
    ("chain_sound", 9),
];
/// Inferences of each.
const INFERENCES: usize = 3;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models")
}

fn model(name: &str) -> Model {
    Model::load(&fs::read(models().join(format!("{name}.heed"))).unwrap()).unwrap()
}

fn numbers(given: &Given) -> Vec<i64> {
    match given {
        Given::Narrow(values) => values.iter().map(|&x| x.into()).collect(),
        Given::Fine(values) => values.iter().map(|&x| x.into()).collect(),
        Given::Tokens(tokens) => tokens.iter().map(|&x| x.into()).collect(),
    }
}

/// Each file's inputs and what came out when it was written, as [`chains.json`](../models/chains.json) has them.
fn rows() -> Vec<(String, Vec<i64>, Vec<i64>)> {
    let text = fs::read_to_string(models().join("chains.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let integers = |json: &serde_json::Value| json.as_array().unwrap().iter().map(|x| x.as_i64().unwrap()).collect();
    let row = |row: &serde_json::Value| (row[0].as_str().unwrap().to_owned(), integers(&row[1]), integers(&row[2]));
    json["chain"].as_array().unwrap().iter().map(row).collect()
}

fn given(model: &Model, numbers: &[i64]) -> Given {
    use heedful::format::InputKind;
    match model.shape().input.kind {
        InputKind::Tokens => Given::Tokens(numbers.iter().map(|&x| x as u16).collect()),
        _ if model.shape().input.fine => Given::Fine(numbers.iter().map(|&x| x as i16).collect()),
        _ => Given::Narrow(numbers.iter().map(|&x| x as i8).collect()),
    }
}

/// Files that are wrong, for programs that do not compile: rows of another width, and a part that is not known.
fn wrong() -> [(&'static str, Vec<u32>); 2] {
    let words = file(&of_tokens());
    let rows = sections(&words)[4].clone();
    let (mut wide, mut unknown) = (words.clone(), words);
    wide[rows.start + 1] += 2;
    wide[rows.start + 2] += 1;
    wide.splice(rows.end..rows.end, [0, wide[rows.end - 1]]);
    unknown[rows.start] = u32::from_le_bytes(*b"WHAT");
    let mut files = [("wrong_width", wide), ("wrong_part", unknown)];
    files.iter_mut().for_each(|(_, words)| seal(words));
    files
}

/// Writes what is missing, and nothing else: `HEEDFUL_BLESS=1`.
fn bless() {
    for (name, words) in wrong() {
        fs::write(models().join(format!("{name}.heed")), to_bytes(&words)).unwrap();
    }
    for (name, number) in FILES {
        let path = models().join(format!("{name}.heed"));
        if !path.exists() {
            fs::write(path, chain(&mut Random(number), number).to_bytes().unwrap()).unwrap();
        }
    }
    let path = models().join("chains.json");
    if !path.exists() {
        let mut rows = Vec::new();
        for (name, number) in FILES {
            let (model, random) = (model(name), &mut Random(number));
            for _ in 0..INFERENCES {
                let given = input(random, model.shape());
                let (numbers, outputs) = (numbers(&given), outputs(&model, &given));
                rows.push(format!("[\"tests/models/{name}.heed\",{numbers:?},{outputs:?}]").replace(", ", ","));
            }
        }
        fs::write(path, format!("{{\"chain\": [\n{}\n]}}\n", rows.join(",\n"))).unwrap();
    }
}

#[test]
fn golden_files_give_what_they_gave() {
    if std::env::var_os("HEEDFUL_BLESS").is_some() {
        bless();
    }
    let rows = rows();
    assert_eq!(rows.len(), INFERENCES * FILES.len());
    for (file, numbers, expected) in rows {
        let name = file.trim_start_matches("tests/models/").trim_end_matches(".heed");
        let model = model(name);
        assert!(model.flash_bytes() <= 8192, "{name}: {} bytes", model.flash_bytes());
        let outputs = outputs(&model, &given(&model, &numbers));
        assert_eq!(outputs.into_iter().map(i64::from).collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn wrong_files_are_current() {
    for (name, words) in wrong() {
        assert!(fs::read(models().join(format!("{name}.heed"))).is_ok_and(|found| found == to_bytes(&words)), "{name}");
    }
}

/// Files compiled in: features, features of 15 bits, tokens.
mod compiled {
    heedful::model!(pub Series = "../models/chain_series.heed");
    heedful::model!(pub SeriesFine = "../models/chain_series_fine.heed");
    heedful::model!(pub Image = "../models/chain_image.heed");
    heedful::model!(pub ImageFine = "../models/chain_image_fine.heed");
    heedful::model!(pub Tokens = "../models/chain_tokens.heed");
    heedful::model!(pub TokensPooled = "../models/chain_tokens_pooled.heed");
    heedful::model!(pub Sound = "../models/chain_sound.heed");
}

/// Values as rows; patches that lie side by side may leave the last ones out.
fn as_rows<T: Copy, const VALUES: usize, const ROWS: usize>(values: &[T]) -> &[[T; VALUES]; ROWS] {
    values.as_chunks().0[..ROWS].try_into().unwrap()
}

macro_rules! compiled {
    ($($model:ident $file:literal)*) => { $({
        use compiled::$model;
        const FEATURES: [usize; 2] = $model::SHAPE.features();
        let (host, random) = (model($file), &mut Random(77));
        assert_eq!(*host.shape(), $model::SHAPE);
        let mut model = $model::new();
        for _ in 0..20 {
            let given = input(random, host.shape());
            let expected = outputs(&host, &given);
            let found = match &given {
                Given::Narrow(values) => {
                    model.infer_features(as_rows::<_, { FEATURES[1] }, { FEATURES[0] }>(values)).logits().to_vec()
                }
                Given::Fine(values) => {
                    model.infer_fine(as_rows::<_, { FEATURES[1] }, { FEATURES[0] }>(values)).logits().to_vec()
                }
                Given::Tokens(tokens) => model.infer_tokens(tokens).logits().to_vec(),
            };
            // Of fewer tokens than positions, what comes out for the others is 0.
            let (there, rest) = found.split_at(expected.len());
            assert_eq!(there, expected, "{}: {given:?}", $file);
            assert!(rest.iter().all(|&x| x == 0), "{}: {given:?} {rest:?}", $file);
        }
        println!("{}: {} bytes of memory, {} bytes of file", $file, size_of::<$model>(), $model::FLASH);
    })* };
}

#[test]
fn compiled_models_give_the_same_bits() {
    compiled! {
        Series "chain_series"
        SeriesFine "chain_series_fine"
        Image "chain_image"
        ImageFine "chain_image_fine"
        Tokens "chain_tokens"
        TokensPooled "chain_tokens_pooled"
        Sound "chain_sound"
    }
}

/// A compiled-in model that hears gives what its features give.
#[test]
fn a_chain_that_hears() {
    let (host, random) = (model("chain_sound"), &mut Random(5));
    let frontend = host.frontend().unwrap();
    let samples: Vec<i16> = (0..compiled::Sound::SAMPLES).map(|_| (random.normal() * 2000.0) as i16).collect();
    let mut model = compiled::Sound::new();
    let frames = samples.iter().filter(|&&sample| model.push(sample)).count();
    assert_eq!(frames, host.shape().input.steps);
    assert!(model.is_full());
    let mut features = vec![0; frames * host.shape().input.channels];
    heedful::audio::features(&frontend, &samples, frames, &mut features);
    assert_eq!(model.infer().logits(), host.infer(&features).logits());
}
