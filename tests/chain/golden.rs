//! Files that an earlier writer wrote are read as they were, and give what they gave: also compiled into a program.

use crate::chain::{Given, chain, input, outputs};
use crate::support::{Random, seal, to_bytes};
use crate::whole::{file, of_tokens, sections};
use heedful::dynamic::Model;
use heedful::format::InputKind;
use heedful::{Input, MemoryShape};
use std::fs;
use std::path::{Path, PathBuf};

/// Names of the files, and from which chain of the generator of its day each was made.
const FILES: [(&str, u64); 11] = [
    ("chain_series", 10),
    ("chain_series_fine", 25),
    ("chain_image", 1),
    ("chain_image_fine", 6),
    ("chain_tokens", 8),
    ("chain_tokens_pooled", 3),
    ("chain_sound", 9),
    ("chain_convolutions", 53_420),
    ("chain_memory", 2860),
    ("chain_types", 3053),
    ("chain_tied", 568),
];
/// Inferences of each.
const INFERENCES: usize = 3;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models")
}

fn model(name: &str) -> Model {
    Model::load(&fs::read(models().join(format!("{name}.heed"))).unwrap()).unwrap()
}

/// Each file, an input and what came out when it was written, as [`chains.json`](../models/chains.json) has them.
fn rows() -> Vec<(String, Given, Vec<i64>)> {
    let text = fs::read_to_string(models().join("chains.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["chain"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row[0].as_str().unwrap().to_owned(), given(row), list(&row[5])))
        .collect()
}

fn list(json: &serde_json::Value) -> Vec<i64> {
    json.as_array().unwrap().iter().map(|x| x.as_i64().unwrap()).collect()
}

fn given(row: &serde_json::Value) -> Given {
    let shape = *model(row[0].as_str().unwrap().trim_start_matches("tests/models/").trim_end_matches(".heed")).shape();
    let [values, types, memory] = [1, 3, 4].map(|at| list(&row[at]));
    let narrow = |values: &[i64]| values.iter().map(|&x| x as i8).collect();
    let wide = |values: &[i64]| values.iter().map(|&x| x as i16).collect();
    let given = match shape.input.kind {
        InputKind::Tokens => {
            Given::Tokens(values.iter().map(|&x| x as u16).collect(), types.iter().map(|&x| x as u8).collect())
        }
        _ if row[2].as_bool().unwrap() => Given::Readings(wide(&values)),
        _ if shape.input.fine => Given::Fine(wide(&values)),
        _ => Given::Narrow(narrow(&values)),
    };
    if shape.memory.is_some() { Given::Beside(Box::new(given), narrow(&memory)) } else { given }
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

/// Writes the files that have no rows, and these, and nothing else: `HEEDFUL_BLESS=1`.
fn bless() {
    for (name, words) in wrong() {
        fs::write(models().join(format!("{name}.heed")), to_bytes(&words)).unwrap();
    }
    let path = models().join("chains.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut rows: Vec<String> = text.lines().filter(|line| line.starts_with("[\"")).map(String::from).collect();
    rows.iter_mut().for_each(|row| *row = row.trim_end_matches(',').to_owned());
    for (name, number) in FILES {
        let (random, file) = (&mut Random(number), format!("tests/models/{name}.heed"));
        if rows.iter().any(|row| row.contains(&file)) {
            continue;
        }
        let bytes = chain(&mut Random(number), number).to_bytes().unwrap();
        fs::write(models().join(format!("{name}.heed")), bytes).unwrap();
        let model = model(name);
        for _ in 0..INFERENCES {
            let given = input(random, model.shape());
            rows.push(given.row(&file, &outputs(&model, &given)));
        }
    }
    fs::write(path, format!("{{\"chain\": [\n{}\n]}}\n", rows.join(",\n"))).unwrap();
}

#[test]
fn golden_files_give_what_they_gave() {
    if std::env::var_os("HEEDFUL_BLESS").is_some() {
        bless();
    }
    let rows = rows();
    assert_eq!(rows.len(), INFERENCES * FILES.len());
    for (file, given, expected) in rows {
        let name = file.trim_start_matches("tests/models/").trim_end_matches(".heed");
        let model = model(name);
        assert!(model.flash_bytes() <= 8192, "{name}: {} bytes", model.flash_bytes());
        let outputs = outputs(&model, &given);
        assert_eq!(outputs.into_iter().map(i64::from).collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn wrong_files_are_current() {
    for (name, words) in wrong() {
        assert!(fs::read(models().join(format!("{name}.heed"))).is_ok_and(|found| found == to_bytes(&words)), "{name}");
    }
}

/// Files compiled in: features, features of 15 bits and raw readings, features beside a memory, tokens of some types.
mod compiled {
    heedful::model!(pub Series = "../models/chain_series.heed");
    heedful::model!(pub SeriesFine = "../models/chain_series_fine.heed");
    heedful::model!(pub Image = "../models/chain_image.heed");
    heedful::model!(pub ImageFine = "../models/chain_image_fine.heed");
    heedful::model!(pub Tokens = "../models/chain_tokens.heed");
    heedful::model!(pub TokensPooled = "../models/chain_tokens_pooled.heed");
    heedful::model!(pub Sound = "../models/chain_sound.heed");
    heedful::model!(pub Convolutions = "../models/chain_convolutions.heed", sample_rate = 62, channels = 2, steps = 12);
    heedful::model!(pub Remembering = "../models/chain_memory.heed", columns = 1);
    heedful::model!(pub Types = "../models/chain_types.heed");
    heedful::model!(pub Tied = "../models/chain_tied.heed");
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
            let by_any_door = model.infer_input(given.input(), &[]).logits().to_vec();
            let found = match &given {
                Given::Narrow(values) => {
                    let rows = as_rows::<_, { FEATURES[1] }, { FEATURES[0] }>(values);
                    model.infer_features(rows).logits().to_vec()
                }
                Given::Fine(values) => {
                    model.infer_fine(as_rows::<_, { FEATURES[1] }, { FEATURES[0] }>(values)).logits().to_vec()
                }
                Given::Tokens(tokens, types) => model.infer_typed_tokens(tokens, types).logits().to_vec(),
                // Only some models take them.
                Given::Readings(_) => continue,
                Given::Beside(..) => unreachable!(),
            };
            assert_eq!(found, by_any_door, "{}: {given:?}", $file);
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
        Convolutions "chain_convolutions"
        Types "chain_types"
        Tied "chain_tied"
    }
}

/// Raw readings, all of them: some are beyond what the model takes.
#[test]
fn compiled_models_take_raw_readings() {
    use compiled::Convolutions;
    const INPUT: [usize; 2] = Convolutions::INPUT;
    let (host, random) = (model("chain_convolutions"), &mut Random(78));
    let mut model = Convolutions::new();
    for _ in 0..20 {
        let readings: Vec<i16> = (0..INPUT[0] * INPUT[1]).map(|_| random.next() as i16).collect();
        let found = model.infer_readings(as_rows::<_, { INPUT[1] }, { INPUT[0] }>(&readings));
        assert_eq!(found.logits()[..], outputs(&host, &Given::Readings(readings)));
    }
}

/// A memory of any length, also none. The other doors of such a model do not compile.
#[test]
fn compiled_models_look_at_a_memory() {
    use compiled::Remembering;
    const INPUT: [usize; 2] = Remembering::INPUT;
    let (host, random) = (model("chain_memory"), &mut Random(79));
    let MemoryShape { steps, channels } = Remembering::SHAPE.memory.unwrap();
    let (mut model, mut seen) = (Remembering::new(), std::collections::BTreeSet::new());
    let values = random.i8s(INPUT[0] * INPUT[1], 128);
    let features = as_rows::<_, { INPUT[1] }, { INPUT[0] }>(&values);
    let all = random.i8s((steps + 1) * channels, 128);
    for count in 0..=all.len() {
        let found = model.infer_input(Input::Features(features.as_flattened()), &all[..count]).logits().to_vec();
        let given = Given::Beside(Box::new(Given::Narrow(values.clone())), all[..count].to_vec());
        assert_eq!(found, outputs(&host, &given));
        seen.insert(found);
    }
    // Half a row, and what is more than the model takes, are not looked at.
    assert!((2..=steps + 1).contains(&seen.len()), "{} outputs", seen.len());
}

/// What a type says of its model.
#[test]
fn constants_of_compiled_models() {
    use compiled::{Convolutions, Remembering, Series, Sound, Tied, Tokens};
    for (name, shape, input, output) in [
        ("chain_convolutions", Convolutions::SHAPE, Convolutions::INPUT, Convolutions::OUTPUT),
        ("chain_memory", Remembering::SHAPE, Remembering::INPUT, Remembering::OUTPUT),
        ("chain_series", Series::SHAPE, Series::INPUT, Series::OUTPUT),
        ("chain_sound", Sound::SHAPE, Sound::INPUT, Sound::OUTPUT),
        ("chain_tied", Tied::SHAPE, Tied::INPUT, Tied::OUTPUT),
    ] {
        let host = *model(name).shape();
        assert_eq!((shape, input, output), (host, host.features(), [host.rows, host.outputs]), "{name}");
    }
    // A row for each step where convolutions read them.
    assert_eq!(Convolutions::INPUT, [12, 2]);
    assert_eq!((Convolutions::SAMPLE_RATE, Sound::SAMPLE_RATE, Series::SAMPLE_RATE), (62, 8000, 0));
    assert_eq!((Tokens::INPUT, Tied::INPUT), ([0, 0], [0, 0]));
    assert_eq!([Convolutions::CLASSES, Tied::CLASSES], [Convolutions::OUTPUT[1], 0]);
    assert_eq!((Convolutions::SAMPLES, Sound::SAMPLES > 0), (0, true));
    assert_eq!(Convolutions::LABELS.len(), Convolutions::OUTPUT[0] * Convolutions::OUTPUT[1]);
}

/// A compiled-in model that hears gives what its features give.
#[test]
fn a_chain_that_hears() {
    let (host, random) = (model("chain_sound"), &mut Random(5));
    let samples: Vec<i16> = (0..compiled::Sound::SAMPLES).map(|_| (random.normal() * 2000.0) as i16).collect();
    let mut model = compiled::Sound::new();
    let frames = samples.iter().filter(|&&sample| model.push(sample)).count();
    assert_eq!(frames, host.shape().input.steps);
    assert!(model.is_full());
    let heard = host.hear(&samples).unwrap();
    assert_eq!(model.infer().logits(), host.infer_input(heard.input(), &[]).logits());
}
