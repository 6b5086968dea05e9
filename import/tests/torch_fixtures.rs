//! Models that PyTorch and the transformers library made and trained: in f32 they give the logits of their makers.

mod common;

use common::skip::{Lack, skipped};
use heedful::dynamic;
use heedful_import::convert::{Ranges, Settings, convert};
use heedful_import::graph::{Input, Model, NoTaps, Place, Pool, Sample, Site, Stem};
use heedful_import::hf;
use heedful_import::torch::{self, Config};
use heedful_import::weights::{Tensors, Wanted};
use std::fs;
use std::path::{Path, PathBuf};

/// Where they are.
fn folder() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/torch");
    std::env::var_os("HEEDFUL_TORCH_FIXTURES").map_or(beside, PathBuf::from)
}

/// All that is there.
fn files() -> Option<Vec<PathBuf>> {
    let folder = folder();
    let Ok(files) = fs::read_dir(&folder) else {
        let why = format_args!("no {}; HEEDFUL_TORCH_FIXTURES names another folder", folder.display());
        skipped(Lack::Data, why);
        return None;
    };
    Some(files.map(|file| file.unwrap().path()).collect())
}

/// Inputs, and what their makers answer.
struct Cases {
    bytes: Vec<u8>,
    tensors: Tensors,
    scale: f32,
    offset: f32,
}

impl Cases {
    fn open(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let mut tensors = Tensors::safetensors(&bytes).unwrap();
        let mut scalar = |name: &str| tensors.take(name, &[]).unwrap().1[0];
        let (scale, offset) = (scalar("input_scale"), scalar("input_offset"));
        Self { bytes, tensors, scale, offset }
    }

    fn has(&self, name: &str) -> bool {
        self.tensors.has(name)
    }

    /// Numbers of a tensor of any type, as they are stored.
    fn numbers(&self, name: &str) -> (usize, Vec<f64>) {
        let file = safetensors::SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(name).unwrap();
        let data = view.data();
        let numbers = match view.dtype() {
            safetensors::Dtype::I8 => data.iter().map(|&x| f64::from(x as i8)).collect(),
            safetensors::Dtype::U8 => data.iter().map(|&x| f64::from(x)).collect(),
            safetensors::Dtype::I32 => {
                data.as_chunks::<4>().0.iter().map(|x| f64::from(i32::from_le_bytes(*x))).collect()
            }
            _ => {
                let mut tensors = self.tensors.clone();
                let wanted = vec![Wanted::Any; view.shape().len()];
                tensors.take(name, &wanted).unwrap().1.into_iter().map(f64::from).collect()
            }
        };
        (view.shape()[0], numbers)
    }

    /// As the model gets them.
    fn values(&self, name: &str) -> (usize, Vec<f32>) {
        let (count, numbers) = self.numbers(name);
        (count, numbers.into_iter().map(|x| x as f32 * self.scale + self.offset).collect())
    }

    /// One input of several.
    fn with<T>(&self, model: &Model, inputs: &str, case: usize, run: impl Fn(Sample<'_>) -> T) -> T {
        let of = |name: &str| {
            let (count, values) = self.values(name);
            let each = values.len() / count;
            values[case * each..][..each].to_vec()
        };
        let values = of(inputs);
        let tokens: Vec<u32> = values.iter().map(|&x| x as u32).collect();
        let types = if self.has("token_types") { token_types(&tokens) } else { vec![] };
        match (model.input, model.memory) {
            (Input::Tokens { .. }, _) => run(Sample::Tokens { tokens: &tokens, types: &types }),
            (_, Some(_)) => run(Sample::WithMemory { values: &values, memory: &of("memory") }),
            (_, None) => run(Sample::Values(&values)),
        }
    }

    /// The largest difference of a weight of the heads, for the first input.
    fn attention(&self, model: &Model) -> f32 {
        let weights = self.with(model, "inputs", 0, |sample| {
            let mut weights = Vec::new();
            let mut see = |place: Place, rows: &[f32], _: usize| {
                if let Place::Block(_, Site::Weights(_)) = place {
                    weights.extend_from_slice(rows);
                }
            };
            model.run(sample, &mut see).unwrap();
            weights
        });
        let expected = self.numbers("attention").1;
        let mut expected: Vec<f32> = expected.into_iter().map(|x| x as f32).collect();
        let mut weights = weights;
        if model.class_count() == 2 && matches!(model.stem, Stem::Patches { .. }) {
            // AST has its patches in another order.
            weights.sort_by(f32::total_cmp);
            expected.sort_by(f32::total_cmp);
        }
        assert_eq!(weights.len(), expected.len());
        weights.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    /// The largest difference of a logit over their root mean square.
    fn compare(&self, model: &Model, inputs: &str, logits: &str) -> f32 {
        let (count, expected) = self.numbers(logits);
        let wide = expected.len() / count;
        let size = (expected.iter().map(|x| x * x).sum::<f64>() / expected.len() as f64).sqrt() as f32;
        let mut worst = 0.0f32;
        for case in 0..count {
            let found = self.with(model, inputs, case, |sample| model.run(sample, &mut NoTaps).unwrap());
            let found = if found.len() > wide { &found[found.len() - wide..] } else { &found };
            assert_eq!(found.len(), wide);
            for (found, expected) in found.iter().zip(&expected[case * wide..]) {
                worst = worst.max((found - *expected as f32).abs() / size);
            }
        }
        worst
    }
}

/// Types as the makers of the BERT have them: 1 after the first separator, token 2.
fn token_types(tokens: &[u32]) -> Vec<u32> {
    let first = tokens.iter().position(|&token| token == 2).unwrap_or(tokens.len());
    (0..tokens.len()).map(|at| u32::from(at > first)).collect()
}

/// All that is compared of a model.
fn compare(name: &str, model: &Model) {
    let cases = Cases::open(&folder().join(format!("{name}.io.safetensors")));
    let mut pairs = vec![("inputs".to_string(), "logits".to_string())];
    if cases.has("logits_all") && model.pool == Pool::Every {
        pairs.push(("inputs".into(), "logits_all".into()));
    }
    let short = |name: &str| name.strip_suffix("_logits").filter(|name| name.starts_with("short")).map(str::to_string);
    let short: Vec<String> = cases.tensors.iter().filter_map(|(name, _)| short(name)).collect();
    pairs.extend(short.into_iter().map(|name| (name.clone(), format!("{name}_logits"))));
    if cases.has("attention") {
        let worst = cases.attention(model);
        println!("{name}: largest difference of a weight {worst:e}");
        // They are stored as f16.
        assert!(worst < 1e-3, "{name}: {worst}");
    }
    for (inputs, logits) in pairs {
        let worst = cases.compare(model, &inputs, &logits);
        println!("{name}: {logits}: largest difference {worst:e}");
        assert!(worst < 1e-4, "{name}: {worst}");
    }
}

#[test]
fn state_dicts_give_the_logits_of_pytorch() {
    let Some(files) = files() else { return };
    for path in files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "toml")) {
        let config =
            Config::parse(&fs::read_to_string(&path).unwrap()).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let tensors = Tensors::read(&path.with_extension("safetensors")).unwrap();
        let model = torch::read(tensors, &config).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        compare(&path.file_stem().unwrap().to_string_lossy(), &model);
    }
}

#[test]
fn directories_give_the_logits_of_transformers() {
    let Some(files) = files() else { return };
    for path in files.into_iter().filter(|path| path.join("config.json").exists()) {
        let model = hf::read(&path, &hf::Options::default()).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        compare(&path.file_name().unwrap().to_string_lossy(), &model);
    }
}

/// An input as the integer model takes it: channels last.
fn channels_last(model: &Model, values: &[f32]) -> Vec<f32> {
    let Input::Image { channels, height, width } = model.input else { return values.to_vec() };
    let area = height * width;
    (0..area * channels).map(|i| values[i % channels * area + i / channels]).collect()
}

/// An input of a case, as the float model is given it and as the integer model is.
struct Given {
    values: Vec<f32>,
    memory: Vec<f32>,
    tokens: Vec<u32>,
    types: Vec<u32>,
}

impl Given {
    /// All of a name.
    fn all(cases: &Cases, model: &Model, values: &str, memory: &str) -> Vec<Self> {
        let rows = |name: &str| {
            let (count, values) = cases.values(name);
            let each = values.len() / count;
            values.chunks_exact(each).map(<[f32]>::to_vec).collect::<Vec<_>>()
        };
        let memories = if model.memory.is_some() { rows(memory) } else { vec![] };
        let given = |(index, values): (usize, Vec<f32>)| {
            let tokens: Vec<u32> = values.iter().map(|&x| x as u32).collect();
            let types = if cases.has("token_types") { token_types(&tokens) } else { vec![] };
            Self { values, memory: memories.get(index).cloned().unwrap_or_default(), tokens, types }
        };
        rows(values).into_iter().enumerate().map(given).collect()
    }

    fn sample(&self, model: &Model) -> Sample<'_> {
        match (model.input, model.memory) {
            (Input::Tokens { .. }, _) => Sample::Tokens { tokens: &self.tokens, types: &self.types },
            (_, Some(_)) => Sample::WithMemory { values: &self.values, memory: &self.memory },
            (_, None) => Sample::Values(&self.values),
        }
    }

    fn integers(&self, model: &Model, heed: &dynamic::Model) -> Vec<f32> {
        if let Input::Tokens { .. } = model.input {
            let tokens: Vec<u16> = self.tokens.iter().map(|&token| token as u16).collect();
            let types: Vec<u8> = self.types.iter().map(|&of| of as u8).collect();
            return heed.real(heed.infer_input(heedful::Input::Tokens(&tokens, &types), &[]).logits());
        }
        heed.infer_real_with(&channels_last(model, &self.values), &self.memory)
    }
}

/// Signal over noise of the integers' logits, in dB, and the share of the inputs with the float model's class.
fn integers(cases: &Cases, model: &Model) -> (f64, f64) {
    let calibrate = Given::all(cases, model, "calibrate", "calibrate_memory");
    let ranges = Ranges::observe(model, calibrate.iter().map(|given| given.sample(model))).unwrap();
    let bytes = convert(model, &ranges, Settings::default()).unwrap().to_bytes().unwrap();
    let heed = dynamic::Model::load(&bytes).unwrap();
    let (mut signal, mut noise, mut same, mut rows) = (0.0, 0.0, 0, 0);
    for given in Given::all(cases, model, "inputs", "memory") {
        let expected = model.run(given.sample(model), &mut NoTaps).unwrap();
        let found = given.integers(model, &heed);
        assert_eq!(expected.len(), found.len());
        // Of a language model what follows the last token, as its makers do: before, anything may follow.
        let last = expected.len() - model.outputs();
        let (expected, found) = (&expected[last..], &found[last..]);
        let best = |row: &[f32]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
        rows += 1;
        same += usize::from(best(expected) == best(found));
        for (a, b) in expected.iter().zip(found) {
            signal += f64::from(*a).powi(2);
            noise += f64::from(a - b).powi(2);
        }
    }
    (10.0 * (signal / noise).log10(), f64::from(same as u32) / f64::from(rows))
}

#[test]
fn integers_keep_logits_and_classes() {
    let Some(files) = files() else { return };
    for path in files {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let model = if path.extension().is_some_and(|end| end == "toml") {
            let config = Config::parse(&fs::read_to_string(&path).unwrap()).unwrap();
            torch::read(Tensors::read(&path.with_extension("safetensors")).unwrap(), &config).unwrap()
        } else if path.join("config.json").exists() {
            hf::read(&path, &hf::Options::default()).unwrap()
        } else {
            continue;
        };
        let cases = Cases::open(&folder().join(format!("{name}.io.safetensors")));
        let (quality, same) = integers(&cases, &model);
        println!("{name}: {quality:.1} dB, {:.1} % of the classes", 100.0 * same);
        // Language models are not there yet.
        let least = if model.pool == Pool::Every { 20.0 } else { 32.0 };
        assert!(quality >= least && same >= 0.97, "{name}: {quality} {same}");
    }
}

#[cfg(feature = "pickle")]
#[test]
fn files_of_pytorch_are_read() {
    let path = folder().join("post_relu.pt");
    let tensors = Tensors::read(&path).unwrap();
    let same = Tensors::read(&path.with_extension("safetensors")).unwrap();
    assert!(tensors.iter().eq(same.iter()));
}
