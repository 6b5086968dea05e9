//! The example `stories`, run as a user runs it.

#[path = "../examples/stories/args.rs"]
mod args;
#[path = "support/example.rs"]
mod example;
#[path = "support/skip.rs"]
mod skip;

use args::Args;
use heedful_import::calibrate::own_texts;
use heedful_import::quantise::quantise;
use heedful_import::{Checkpoint, Layer, Shape, Token, Tokenizer};
use skip::{Lack, skipped};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| example::program("stories"));

/// A folder with a tiny model of made-up weights: as checkpoint, tokenizer and .heed.
static TINY: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = folder("tiny");
    // A sine stands in for random weights.
    let tensor = |count: usize, size: f32| -> Vec<f32> {
        (0..count).map(|i| size * (12.9898 * i as f32 + count as f32 / size).sin()).collect()
    };
    let shape = Shape { width: 16, hidden: 24, layers: 1, heads: 4, kv_heads: 2, vocabulary: 300, context: 32 };
    let layer = Layer {
        attention_norm: vec![1.0; 16],
        query: tensor(256, 0.5),
        key: tensor(128, 0.5),
        value: tensor(128, 0.5),
        output: tensor(256, 0.4),
        hidden_norm: vec![1.0; 16],
        gate: tensor(384, 0.5),
        down: tensor(384, 0.5),
        up: tensor(384, 0.5),
    };
    let model =
        Checkpoint { shape, embedding: tensor(4800, 0.8), layers: vec![layer], norm: vec![1.5; 16], frequencies: None };
    let bytes = |byte| Token { bytes: format!("<0x{byte:02X}>").into_bytes(), score: 0.0 };
    let pieces =
        (0..41u8).map(|i| Token { bytes: vec![b' ' + i, b'a'][..1 + usize::from(i > 30)].to_vec(), score: 0.0 });
    let special = ["<unk>", "<s>", "</s>"].map(|s| Token { bytes: s.into(), score: 0.0 });
    let tokens: Vec<Token> = special.into_iter().chain((0..256).map(bytes)).chain(pieces).collect();

    fs::write(folder.join("tiny.bin"), checkpoint(&model)).unwrap();
    fs::write(folder.join("tokens.bin"), tokenizer(&tokens)).unwrap();
    fs::write(folder.join("fewer.bin"), tokenizer(&tokens[..299])).unwrap();
    let heed = quantise(&model, &Tokenizer::new(tokens).unwrap(), &own_texts(&model, 4, 1)).unwrap();
    fs::write(folder.join("tiny.heed"), heed.to_bytes().unwrap()).unwrap();
    folder
});

fn checkpoint(model: &Checkpoint) -> Vec<u8> {
    let (Shape { width, hidden, layers, heads, kv_heads, vocabulary, context }, layer) =
        (model.shape, &model.layers[0]);
    let header = [width, hidden, layers, heads, kv_heads, vocabulary, context].map(|value| value as i32);
    let Layer { attention_norm, query, key, value, output, hidden_norm, gate, down, up } = layer;
    // Cosines, then sines: base 10,000.
    let pairs = width / heads / 2;
    let angle = |i: usize| (i / pairs) as f64 * 10_000f64.powf(-((i % pairs) as f64) / pairs as f64);
    let angles = |of: fn(f64) -> f64| (0..context * pairs).map(move |i| of(angle(i)) as f32);
    let angles: Vec<f32> = angles(f64::cos).chain(angles(f64::sin)).collect();
    let tensors =
        [&model.embedding, attention_norm, query, key, value, output, hidden_norm, gate, down, up, &model.norm];
    let values = tensors.into_iter().chain([&angles]).flatten().flat_map(|value| value.to_le_bytes());
    header.into_iter().flat_map(i32::to_le_bytes).chain(values).collect()
}

fn tokenizer(tokens: &[Token]) -> Vec<u8> {
    let records = tokens.iter().flat_map(|token| {
        [&token.score.to_le_bytes()[..], &(token.bytes.len() as i32).to_le_bytes(), &token.bytes].concat()
    });
    6i32.to_le_bytes().into_iter().chain(records).collect()
}

/// An empty folder of this name.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("stories_{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs the program in the folder of the tiny model.
fn run<A: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = A>) -> Output {
    Command::new(&*PROGRAM).current_dir(&*TINY).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What a run that succeeded wrote to standard output.
fn written(output: &Output) -> &[u8] {
    assert!(output.status.success(), "{}", text(&output.stderr));
    &output.stdout
}

const FLOAT: [&str; 5] = ["--checkpoint", "tiny.bin", "--tokenizer", "tokens.bin", "--float"];

#[test]
fn texts_go_on_from_any_prompt() {
    for prompt in ["", "!!!", "a \"quoted\" & plain one", "žluťoučký 🦉"] {
        let output = run(["--model", "tiny.heed", "--steps", "60", "--prompt", prompt]);
        let story = written(&output);
        assert!(story.starts_with(prompt.as_bytes()) && story.ends_with(b"\n"));
        let rate = text(&output.stderr);
        assert!(rate.lines().count() == 1 && rate.contains(" tokens per second ("), "{rate}");
        assert!(rate.contains(heedful::backend()), "{rate}");
        let float = run(FLOAT.into_iter().chain(["--prompt", prompt]));
        assert!(written(&float).starts_with(prompt.as_bytes()) && text(&float.stderr).ends_with("(float)\n"));
    }
}

#[test]
#[cfg(unix)]
fn a_prompt_need_not_be_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let prompt = std::ffi::OsStr::from_bytes(b"a\xff\xc3");
    let args = ["--model", "tiny.heed", "--prompt"].map(std::ffi::OsStr::new);
    assert!(written(&run(args.into_iter().chain([prompt]))).starts_with(b"a\xff\xc3"));
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let tell = |model: &[&str], seed: &str, temperature: &str| {
        let options = ["--seed", seed, "--temperature", temperature, "--steps", "40"];
        written(&run(model.iter().copied().chain(options))).to_vec()
    };
    let model = ["--model", "tiny.heed"];
    assert_eq!(tell(&model, "5", "0.8"), tell(&model, "5", "0.8"));
    assert_ne!(tell(&model, "5", "0.8"), tell(&model, "6", "0.8"));
    assert_eq!(tell(&model, "5", "0"), tell(&model, "6", "0"));
    assert_eq!(tell(&FLOAT, "5", "0.8"), tell(&FLOAT, "5", "0.8"));
    // Converted in memory.
    assert_eq!(tell(&FLOAT[..4], "5", "0.8"), tell(&FLOAT[..4], "5", "0.8"));
}

#[test]
fn perplexity_in_the_last_line() {
    fs::write(TINY.join("text.txt"), "!\"#$%&'()*+,-./ some text &c. ".repeat(20)).unwrap();
    let judged = |args: &[&str]| {
        let output = run(args.iter().copied().chain(["--perplexity", "text.txt"]));
        assert!(output.stderr.is_empty());
        text(written(&output)).lines().next_back().unwrap().to_owned()
    };
    let line = judged(&FLOAT[..4]);
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!([words[0], words[1], words[3], words[5]], ["perplexity", "float", "int8", "ratio"], "{line}");
    let [float, integer, ratio] = [2, 4, 6].map(|i| words[i].parse::<f64>().unwrap());
    assert!(float > 1.0 && (integer / float - ratio).abs() < 2e-3 && (ratio - 1.0).abs() < 0.1, "{line}");
    assert_eq!(judged(&[&FLOAT[..2], &["--model", "tiny.heed"]].concat()).split(' ').nth(2), Some(words[2]));
    let alone = judged(&["--model", "tiny.heed"]);
    assert!(alone.starts_with("perplexity int8 ") && alone.split(' ').count() == 3, "{alone}");
}

#[test]
fn what_cannot_start_says_why_in_one_line() {
    for (name, bytes) in [("cut.bin", 3000), ("cut.heed", 3000), ("cuttok.bin", 300)] {
        let from = match name {
            "cut.heed" => "tiny.heed",
            "cut.bin" => "tiny.bin",
            _ => "tokens.bin",
        };
        fs::write(TINY.join(name), &fs::read(TINY.join(from)).unwrap()[..bytes]).unwrap();
    }
    fs::write(TINY.join("empty.txt"), "").unwrap();
    let cases: [(&[&str], i32, &str); 13] = [
        (&["--model", "no_such.heed"], 1, "no_such.heed: "),
        (&["--model", "no\nsuch.heed"], 1, "no\u{fffd}such.heed: "),
        (&["--model", "cut.heed"], 1, "cut.heed: truncated"),
        (&["--model", "tiny.bin"], 1, "tiny.bin: not a .heed file"),
        (&["--checkpoint", "cut.bin", "--tokenizer", "tokens.bin"], 1, "cut.bin: truncated: 3000 bytes"),
        (&["--checkpoint", "tiny.heed", "--tokenizer", "tokens.bin"], 1, "tiny.heed: not a llama2.c checkpoint"),
        (&["--checkpoint", "tiny.bin", "--tokenizer", "cuttok.bin"], 1, "cuttok.bin: "),
        (&["--checkpoint", "tiny.bin", "--tokenizer", "fewer.bin"], 1, "fewer.bin: the tokenizer has 299 tokens"),
        (&["--model", "tiny.heed", "--perplexity", "empty.txt"], 1, "empty.txt: no text"),
        (&["--model", "tiny.heed", "--float"], 2, "--float needs --checkpoint"),
        (&["--checkpoint", "tiny.bin"], 2, "--tokenizer"),
        (&["--model", "tiny.heed", "--temperature", "-1"], 2, "--temperature"),
        (&["--loud"], 2, "--loud"),
    ];
    for (args, code, reason) in cases {
        let output = run(args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.lines().count() == 1 && stderr.contains(reason), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_reader_that_stops_is_no_fault() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut program = Command::new(&*PROGRAM);
    program.current_dir(&*TINY).args(["--model", "tiny.heed", "--steps", "100000"]).stdout(writer);
    let output = program.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn help_tells_every_option() {
    let output = run(["--help"]);
    assert_eq!(text(written(&output)), args::HELP);
    for option in ["model", "checkpoint", "tokenizer", "prompt", "temperature", "seed", "steps", "float", "perplexity"]
    {
        assert!(args::HELP.contains(&format!("--{option} ")), "{option}");
    }
}

#[test]
fn arguments() {
    let parse = |args: &[&str]| args::parse(args.iter().map(OsString::from));
    let typed = ["--model", "m.heed", "--prompt", "Once", "--temperature", "0.8", "--seed", "7", "--steps", "9"];
    let expected = Args {
        model: Some("m.heed".into()),
        checkpoint: None,
        tokenizer: None,
        prompt: b"Once".to_vec(),
        temperature: 0.8,
        seed: 7,
        steps: 9,
        float: false,
        perplexity: None,
    };
    assert_eq!(parse(&typed).unwrap(), Some(expected));
    for wrong in [
        &["--model"][..],
        &["--model", "m", "--steps", "0"],
        &["--model", "m", "--steps", "-3"],
        &["--model", "m", "--temperature", "NaN"],
        &["--model", "m", "--temperature", "inf"],
        &["--model", "m", "extra"],
        &["--tokenizer", "t"],
    ] {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
}

/// The published model, where it is at hand.
#[test]
fn the_float_model_writes_the_published_texts() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/stories260k");
    let folder = std::env::var_os("HEEDFUL_STORIES").map_or(beside, PathBuf::from);
    let [checkpoint, tokenizer] = ["stories260K.bin", "tok512.bin"].map(|name| folder.join(name));
    if !checkpoint.exists() {
        let why = format_args!("no stories260K.bin in {}; HEEDFUL_STORIES names another folder", folder.display());
        return skipped(Lack::Data, why);
    }
    let prompts = [("empty", ""), ("LilyandTomwe", "Lily and Tom went to the park"), ("Thedogwas", "The dog was")];
    for (name, prompt) in prompts {
        let mut program = Command::new(&*PROGRAM);
        program.arg("--checkpoint").arg(&checkpoint).arg("--tokenizer").arg(&tokenizer);
        let output = program.args(["--float", "--temperature", "0", "--prompt", prompt]).output().unwrap();
        let expected = fs::read(folder.join(format!("expected_greedy_{name}.txt"))).unwrap();
        assert_eq!(text(written(&output)), text(&expected));
    }
}
