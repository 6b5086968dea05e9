//! State dicts under PyTorch's names, their TOML, and what is refused.

use heedful::dynamic::Heard;
use heedful::format::InputKind;
use heedful_import::ImportError;
use heedful_import::arrays::Array;
use heedful_import::convert::Settings;
use heedful_import::graph::{Model, NoTaps, Order, Positions, Sample, Stem};
use heedful_import::report::{Bench, Converted};
use heedful_import::samples::{HeedInputs, Samples};
use heedful_import::torch::{self, Config};
use heedful_import::weights::{Tensor, Tensors};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;

/// A state dict in the making: width 8, feed-forward 16.
struct Dict(BTreeMap<String, Tensor>, ChaCha8Rng);

impl Dict {
    fn new() -> Self {
        Self(BTreeMap::new(), ChaCha8Rng::seed_from_u64(1))
    }

    fn add(&mut self, name: &str, shape: &[usize]) {
        let values = (0..shape.iter().product()).map(|_| self.1.random_range(-0.5f32..0.5)).collect();
        let tensor = Tensor { shape: shape.to_vec(), dtype: "F32".into(), values: Some(values) };
        self.0.insert(name.to_string(), tensor);
    }

    fn layer(&mut self, name: &str, shape: &[usize]) {
        self.add(&format!("{name}.weight"), shape);
        self.add(&format!("{name}.bias"), &shape[..1]);
    }

    /// An encoder of two layers over a series of 5 steps of 3 channels, with a class token.
    fn encoder() -> Self {
        let mut dict = Self::new();
        dict.layer("embed", &[8, 3]);
        dict.add("class_token", &[1, 1, 8]);
        dict.add("positions", &[1, 6, 8]);
        for index in 0..2 {
            let start = format!("encoder.layers.{index}");
            dict.add(&format!("{start}.self_attn.in_proj_weight"), &[24, 8]);
            dict.add(&format!("{start}.self_attn.in_proj_bias"), &[24]);
            dict.layer(&format!("{start}.self_attn.out_proj"), &[8, 8]);
            dict.layer(&format!("{start}.linear1"), &[16, 8]);
            dict.layer(&format!("{start}.linear2"), &[8, 16]);
            dict.layer(&format!("{start}.norm1"), &[8]);
            dict.layer(&format!("{start}.norm2"), &[8]);
        }
        dict.layer("encoder.norm", &[8]);
        dict.layer("classifier", &[3, 8]);
        dict
    }

    fn tensors(&self) -> Tensors {
        Tensors::new(self.0.clone())
    }

    fn values(&mut self, name: &str) -> &mut Vec<f32> {
        self.0.get_mut(name).unwrap().values.as_mut().unwrap()
    }
}

const MODEL: &str = r#"
[model]
heads = 2
norm_first = true
activation = "gelu"
pool = "first"
output = "classes"
"#;
const INPUT: &str = r#"
[input]
kind = "series"
steps = 5
"#;
const NAMES: &str = r#"
[names]
embedding = "embed"
class_token = "class_token"
positions = "positions"
classifier = "classifier"
"#;

fn config(model: &str) -> Config {
    Config::parse(&[MODEL, model, INPUT, NAMES].concat()).unwrap()
}

fn read(dict: &Dict, model: &str) -> Result<Model, ImportError> {
    torch::read(dict.tensors(), &config(model))
}

fn refusal(dict: &Dict, model: &str) -> String {
    read(dict, model).unwrap_err().to_string()
}

fn run(model: &Model) -> Vec<f32> {
    let x: Vec<f32> = (0..15).map(|x| (x as f32 * 0.7).sin()).collect();
    model.run(Sample::Values(&x), &mut NoTaps).unwrap()
}

#[test]
fn an_encoder_is_read() {
    let model = read(&Dict::encoder(), "").unwrap();
    assert_eq!((model.width(), model.blocks.len(), model.tokens().unwrap(), model.outputs()), (8, 2, 6, 3));
    assert!(model.final_norm.is_some() && model.class_count() == 1);
    assert!(model.blocks.iter().all(|block| block.order == Order::PreNorm && block.attention.head_dim == 4));
    assert_eq!(run(&model).len(), 3);
}

/// Separate projections with the bias in one, as PyTorch has it.
#[test]
fn separate_projections_are_the_same_model() {
    let mut dict = Dict::encoder();
    let fused = run(&read(&dict, "").unwrap());
    for index in 0..2 {
        let start = format!("encoder.layers.{index}.self_attn");
        let all = dict.0.remove(&format!("{start}.in_proj_weight")).unwrap().values.unwrap();
        for (name, part) in ["q_proj_weight", "k_proj_weight", "v_proj_weight"].iter().zip(all.chunks(64)) {
            dict.add(&format!("{start}.{name}"), &[8, 8]);
            dict.values(&format!("{start}.{name}")).copy_from_slice(part);
        }
    }
    assert_eq!(run(&read(&dict, "").unwrap()), fused);
    dict.add("encoder.layers.1.self_attn.k_proj_weight", &[8, 5]);
    assert_eq!(
        refusal(&dict, ""),
        "tensor encoder.layers.1.self_attn.k_proj_weight has the shape [8, 5], expected [8, 8]"
    );
}

#[test]
fn layers_without_biases_and_alone_are_read() {
    let mut dict = Dict::encoder();
    dict.0.retain(|name, _| !name.ends_with("bias"));
    let model = read(&dict, "").unwrap();
    assert!(model.blocks[0].attention.query.bias.is_none() && model.blocks[0].first_norm.bias.is_none());

    let mut dict = Dict::encoder();
    dict.0.retain(|name, _| !name.starts_with("encoder.layers.1") && name != "encoder.norm.weight");
    let tensors = |dict: &Dict| {
        let alone = dict.0.iter().filter(|(name, _)| !name.starts_with("encoder.norm"));
        let name = |name: &String| name.replace("encoder.layers.0", "layer");
        Tensors::new(alone.map(|(n, tensor)| (name(n), tensor.clone())).collect())
    };
    let model = torch::read(tensors(&dict), &config("")).unwrap();
    assert!(model.blocks.len() == 1 && model.final_norm.is_none());
}

#[test]
fn tensors_that_are_wrong_are_named() {
    let text = |change: &dyn Fn(&mut Dict)| {
        let mut dict = Dict::encoder();
        change(&mut dict);
        refusal(&dict, "")
    };
    let missing = text(&|dict| _ = dict.0.remove("encoder.layers.1.linear1.weight"));
    assert!(
        missing.starts_with("tensor encoder.layers.1.linear1.weight is missing; near it is encoder.layers.1.linear")
    );
    assert_eq!(
        text(&|dict| dict.add("extra.weight", &[2, 3])),
        "not used: extra.weight [2, 3]; name them in the \
         configuration, or ignore them there"
    );
    assert_eq!(
        text(&|dict| dict.add("encoder.layers.0.linear2.weight", &[8, 15])),
        "tensor encoder.layers.0.linear2.weight has the shape [8, 15], expected [8, 16]"
    );
    assert_eq!(
        text(&|dict| dict.values("encoder.layers.0.norm1.bias")[3] = f32::INFINITY),
        "tensor encoder.layers.0.norm1.bias: number 3 is inf, expected finite numbers"
    );
    assert_eq!(
        text(&|dict| dict.values("encoder.layers.1.linear1.weight").fill(0.0)),
        "block 1: feed-forward: up: all weights are 0; was the model trained, and read under the right names?"
    );
    assert_eq!(
        text(&|dict| dict.add("positions", &[1, 4, 8])),
        "positions: rows 4, expected at least the 6 tokens, class tokens among them"
    );
    let none = text(&|dict| dict.0.retain(|name, _| !name.starts_with("encoder")));
    assert_eq!(none, "`names.layers` is nothing that can be found, expected the list of layers, before their numbers");
}

#[test]
fn settings_that_cannot_be_are_named() {
    let text = |from: &str, to: &str| {
        let whole = [MODEL, INPUT, NAMES].concat();
        assert!(whole.contains(from), "{from}");
        let config = match Config::parse(&whole.replace(from, to)) {
            Ok(config) => config,
            Err(error) => return error.to_string(),
        };
        torch::read(Dict::encoder().tensors(), &config).unwrap_err().to_string()
    };
    assert_eq!(text("heads = 2", "heads = 3"), "`heads` is 3, expected a divisor of the width 8");
    assert_eq!(text("heads = 2", "heads = 0"), "`heads` is 0, expected at least 1");
    assert_eq!(text("heads = 2", "heads = 4\nkv_heads = 3"), "`kv_heads` is 3, expected a divisor of the 4 heads");
    let typo = text("heads = 2", "hedas = 2");
    assert!(typo.starts_with("line 3: unknown key `hedas`, did you mean `heads`?; known: heads, "), "{typo}");
    let word = text("\"gelu\"", "\"gelo\"");
    assert!(word.starts_with("line 5: unknown word `gelo`, did you mean `gelu`?; known: relu, gelu, "), "{word}");
    assert!(text("embedding = \"embed\"", "embeding = \"embed\"").contains("did you mean `embedding`?"));
    assert_eq!(text("heads = 2", ""), "line 2: missing field `heads`");
    assert!(text("heads = 2", "heads = \"2\"").starts_with("line 3: invalid type: string \"2\""));
    assert_eq!(text("pool = \"first\"", "pool = \"first\"\npool_tokens = 7"), "pool: tokens 7, expected 1 to 6");
    assert_eq!(text("heads = 2", "heads = 2\nlabels = [\"a\", \"b\"]"), "output: names 2, expected 3");
    assert_eq!(text("steps = 5", "length = 5").split(';').next().unwrap(), "`input.length` is set, expected nothing");
    assert_eq!(text("steps = 5", ""), "`input.steps` is nothing, expected a number");
    assert_eq!(
        text("steps = 5", "steps = 5\nchannels = 4"),
        "tensor embed.weight has the shape [8, 3], expected [?, 4]"
    );
    let embed = text("embedding = \"embed\"", "embedding = \"embde\"");
    assert_eq!(embed, "tensor embde.weight is missing; near it is embed.weight");
}

#[test]
fn other_architectures_are_refused_with_the_nearest() {
    let text = |name: &str| {
        let mut dict = Dict::encoder();
        dict.add(name, &[8, 8]);
        refusal(&dict, "")
    };
    let decoder = text("encoder.layers.0.multihead_attn.in_proj_weight");
    assert!(decoder.starts_with("layers of nn.TransformerDecoder") && decoder.contains("`causal = true`"), "{decoder}");
    let bias = text("encoder.layers.0.self_attn.bias_k");
    assert!(bias.starts_with("nn.MultiheadAttention with add_bias_kv (encoder.layers.0.self_attn.bias_k)"), "{bias}");
    assert!(text("lstm.weight_ih_l0").contains("the nearest that it has: a causal nn.TransformerEncoder"));
    let zero = refusal(&Dict::encoder(), "add_zero_attn = true");
    assert!(zero.starts_with("nn.MultiheadAttention with add_zero_attn: heedful has not got this"), "{zero}");
    assert!(refusal(&Dict::encoder(), "batch_first = false").starts_with("`batch_first` is false, expected true"));
}

#[test]
fn positions_of_each_kind() {
    let with = |kind: &str| {
        let mut dict = Dict::encoder();
        dict.0.remove("positions");
        let text = [MODEL, kind, INPUT, &NAMES.replace("positions = \"positions\"", "")].concat();
        torch::read(dict.tensors(), &Config::parse(&text).unwrap()).map(|model| (run(&model), model.positions))
    };
    assert!(matches!(with("").unwrap().1, Positions::None));
    assert!(matches!(with("positions = \"sinusoidal\"").unwrap().1, Positions::Table(table) if table.rows == 6));
    assert!(matches!(with("positions = \"rope\"").unwrap().1, Positions::Rotary { .. }));
    assert!(matches!(with("positions = \"alibi\"").unwrap().1, Positions::Alibi { slopes } if slopes.len() == 2));
    let missing = with("positions = \"learned\"").unwrap_err().to_string();
    assert_eq!(missing, "`names.positions` is nothing, expected the tensor of the positions");
    assert!(with("positions = \"rope\"\nrope_base = 0").unwrap_err().to_string().starts_with("`rope_base` is 0"));

    // Tokens alone have positions, the class token none.
    let mut dict = Dict::encoder();
    dict.add("positions", &[5, 8]);
    let Positions::Table(table) = read(&dict, "").unwrap().positions else { panic!("no table") };
    assert!(table.rows == 6 && table.row(0).iter().all(|&x| x == 0.0));

    // By distance, heads first or last.
    dict.add("positions", &[2, 11]);
    let relative = run(&read(&dict, "positions = \"relative\"").unwrap());
    let turned = dict.values("positions").clone();
    dict.add("positions", &[11, 2]);
    (0..22).for_each(|i| dict.values("positions")[i % 11 * 2 + i / 11] = turned[i]);
    assert_eq!(run(&read(&dict, "positions = \"relative\"").unwrap()), relative);
}

/// Layers of `multihead_attn` with `kdim` and `vdim` of their own.
#[test]
fn attention_to_a_memory_is_read() {
    let mut dict = Dict::encoder();
    for index in 0..2 {
        let start = format!("encoder.layers.{index}");
        dict.0.remove(&format!("{start}.self_attn.in_proj_weight"));
        for (name, inputs) in [("q_proj_weight", 8), ("k_proj_weight", 4), ("v_proj_weight", 4)] {
            dict.add(&format!("{start}.self_attn.{name}"), &[8, inputs]);
        }
    }
    let renamed = dict.0.iter().map(|(name, tensor)| (name.replace("self_attn", "multihead_attn"), tensor.clone()));
    let tensors = Tensors::new(renamed.collect());
    let error = torch::read(tensors.clone(), &config("")).unwrap_err().to_string();
    assert!(error.starts_with("`memory` is nothing, expected a table with the steps and channels"), "{error}");
    let read = |memory: &str| {
        let config = Config::parse(&[MODEL, INPUT, NAMES, "\n[memory]\n", memory].concat()).unwrap();
        torch::read(tensors.clone(), &config)
    };
    let model = read("steps = 7\nchannels = 4").unwrap();
    let memory: Vec<f32> = (0..28).map(|x| (x as f32 * 0.3).cos()).collect();
    let values: Vec<f32> = (0..15).map(|x| (x as f32 * 0.7).sin()).collect();
    let run = |memory: &[f32]| model.run(Sample::WithMemory { values: &values, memory }, &mut NoTaps).unwrap();
    // Rows of a memory have no order.
    let turned: Vec<f32> = memory.chunks(4).rev().flatten().copied().collect();
    assert!(run(&memory).iter().zip(run(&turned)).all(|(a, b)| (a - b).abs() < 1e-5));
    assert_ne!(run(&memory), run(&memory.iter().map(|x| 2.0 * x).collect::<Vec<_>>()));
    let wide = read("steps = 7\nchannels = 5").unwrap_err().to_string();
    assert!(wide.ends_with("k_proj_weight has the shape [8, 4], expected [8, 5]"), "{wide}");
    let text = torch::inspect(&tensors);
    assert!(text.contains("[memory]") && text.contains("channels = 4"), "{text}");
}

/// A convolution whose BatchNorm does something is the same as one that has it folded in.
#[test]
fn batch_norm_is_folded() {
    let mut dict = Dict::encoder();
    dict.0.retain(|name, _| !name.starts_with("embed"));
    dict.layer("conv", &[8, 3, 3]);
    let text = |norm: &str| {
        let conv = format!("\n[[convolutions]]\nname = \"conv\"\npadding = 1\nactivation = \"relu\"\n{norm}");
        let input = format!("{INPUT}channels = 3\n");
        [MODEL, &input, &conv, &NAMES.replace("embedding = \"embed\"", "")].concat()
    };
    let plain = torch::read(dict.tensors(), &Config::parse(&text("")).unwrap()).unwrap();
    for (name, value) in [("weight", 0.5), ("bias", 0.25), ("running_mean", 0.1), ("running_var", 4.0)] {
        dict.add(&format!("bn.{name}"), &[8]);
        dict.values(&format!("bn.{name}")).fill(value);
    }
    dict.add("bn.num_batches_tracked", &[1]);
    let normed =
        torch::read(dict.tensors(), &Config::parse(&text("batch_norm = \"bn\"\neps = 1e-9")).unwrap()).unwrap();
    let convolution = |model: &Model| match &model.stem {
        Stem::Convolutions { layers, .. } => layers[0].dense.clone(),
        stem => panic!("{stem:?}"),
    };
    let (plain, normed) = (convolution(&plain), convolution(&normed));
    for (a, b) in plain.weight.values.iter().zip(&normed.weight.values) {
        assert!((a / 4.0 - b).abs() < 1e-6);
    }
    for (a, b) in plain.bias.unwrap().iter().zip(normed.bias.unwrap()) {
        assert!(((a - 0.1) / 4.0 + 0.25 - b).abs() < 1e-6);
    }
}

/// What inspection writes is a configuration, once its questions are answered.
#[test]
fn inspection_writes_the_configuration() {
    let dict = Dict::encoder();
    let text = torch::inspect(&dict.tensors());
    for line in [
        "# embed.weight                                [8, 3]              F32   -0.",
        "# 2 layers of width 8, feed-forward 16.",
        "open: one of 1, 2, 4, 8",
        "layers = \"encoder.layers\"",
        "class_token = \"class_token\"",
        "final_norm = \"encoder.norm\"",
        "head = \"classifier\"",
        "steps = 5 ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let error = Config::parse(&text).unwrap_err().to_string();
    assert!(error.contains("missing field `heads`"), "{error}");
    let answers = [
        ("# heads = ", "heads = 2"),
        ("# norm_first = ", "norm_first = true"),
        ("# activation = ", "activation = \"gelu\""),
        ("# output = ", "output = \"classes\""),
    ];
    let answered = answers.iter().fold(text, |text, (question, answer)| text.replace(question, answer));
    let config = Config::parse(&answered).unwrap_or_else(|error| panic!("{error}\n{answered}"));
    assert_eq!(torch::read(dict.tensors(), &config).unwrap(), read(&dict, "").unwrap());
}

const AUDIO: &str = r#"
[audio]
rate = 8000
window = 200
hop = 80
bands = 12
low = 100
high = 3500
spectrum = "power"
floor = 1e-10
full_scale = 1.0
cepstra = 3
"#;

/// A series of cepstra, and a picture of them: the file hears, and gives for samples what it gives for their features.
#[test]
fn with_a_front_end_the_file_hears() {
    let series = (Dict::encoder(), [MODEL, INPUT, NAMES, AUDIO].concat());
    let mut dict = Dict::encoder();
    dict.0.retain(|name, _| !name.starts_with("embed"));
    dict.layer("conv", &[8, 1, 1, 3]);
    let conv = "\n[[convolutions]]\nname = \"conv\"\nactivation = \"relu\"\n";
    let names = NAMES.replace("embedding = \"embed\"", "");
    let picture = (dict, [MODEL, INPUT, "channels = 3\n", conv, &names, AUDIO].concat());
    let sound: Vec<i16> = (0..520).map(|i| (9000.0 * ((i * i) as f64 / 900.0).sin()) as i16).collect();
    for ((dict, text), columns) in [(series, 1), (picture, 3)] {
        let config = Config::parse(&text).unwrap();
        let model = torch::read(dict.tensors(), &config).unwrap();
        let wave = |seed: usize| (0..15).map(|i| 70.0 * ((i * seed) as f32 * 0.7).sin()).collect::<Vec<f32>>();
        let samples = Samples::Values { values: (1..9).map(wave).collect(), memory: vec![] };
        let front_end = config.front_end(&model).unwrap();
        let bench = Bench::new(&model, &samples).unwrap().hearing(front_end);
        let Converted { heed, seen, .. } = bench.convert(Settings::default()).unwrap();
        let input = heed.shape().input;
        assert_eq!((input.kind, input.sample_rate(), heed.shape().features()), (InputKind::Audio, 8000, [5, 3]));
        assert_eq!((input.steps, input.columns), (5, columns));
        assert!(seen.decibels > 25.0, "{seen:?}");
        assert_eq!(bench.layers(&bench.convert(Settings::default()).unwrap()).unwrap().last().unwrap().name, "outputs");

        let Some(Heard::FineFeatures(heard)) = heed.hear(&sound) else { panic!("it hears nothing") };
        let units = heed.feature_units();
        let features: Vec<f64> =
            heard.iter().zip(units.iter().cycle()).map(|(&x, &(_, unit))| f64::from(x) * f64::from(unit)).collect();
        let arrays = [
            Array { shape: vec![1, 520], values: sound.iter().map(|&x| f64::from(x)).collect(), integers: true },
            Array { shape: vec![1, 5, 3], values: features, integers: false },
        ];
        let [by_sound, by_features] =
            arrays.map(|array| HeedInputs::new(heed.shape(), "input", &array, None).unwrap().run(&heed));
        assert_eq!(by_sound, by_features);
        assert!(by_sound[0].iter().any(|&x| x != 0.0));

        let coarse = bench.convert(Settings { fine_input: false, ..Settings::default() }).unwrap_err().to_string();
        assert!(coarse.starts_with("a front end of cepstra before a stem of 8 bits, not 15"), "{coarse}");
    }
}

#[test]
fn front_ends_that_cannot_be_are_named() {
    let text = |from: &str, to: &str| {
        let whole = [MODEL, INPUT, NAMES, AUDIO].concat();
        assert!(whole.contains(from), "{from}");
        let config = match Config::parse(&whole.replace(from, to)) {
            Ok(config) => config,
            Err(error) => return error.to_string(),
        };
        let model = torch::read(Dict::encoder().tensors(), &config).unwrap();
        config.front_end(&model).unwrap_err().to_string()
    };
    let typo = text("window =", "widow =");
    assert!(typo.contains("unknown key `widow`, did you mean `window`?; known: rate, "), "{typo}");
    let word = text("\"power\"", "\"powr\"");
    assert!(word.contains("unknown word `powr`, did you mean `power`?"), "{word}");
    assert!(text("full_scale = 1.0\n", "").contains("missing field `full_scale`"));
    assert_eq!(
        text("cepstra = 3", "cepstra = 4"),
        "`audio.cepstra` is 4, expected 3, which the model is given of each frame"
    );
    assert!(text("cepstra = 3", "").starts_with("`audio.cepstra` is nothing, expected how many"));
    assert!(text("hop = 80", "hop = 201").starts_with("`audio.hop` is 201, expected 1 to 200 samples"));
    let rate = text("steps = 5", "steps = 5\nrate = 100.0");
    assert!(rate.starts_with("`input` is rate, names, offset or scale beside `[audio]`"), "{rate}");
}
