//! What `cargo xtask` runs on cores with an operating system, under an emulator or a WebAssembly runtime.
//!
//! ```text
//! hosted kernels                      kernels cases=1200 digest=0123456789abcdef backend=NEON
//! hosted listen MODEL.heed CLIPS      clip 0_george_5.wav 120,-40,…
//! hosted kinds                        kind multi-head 0123456789abcdef
//! hosted write                        text greedy 0123456789abcdef 12,34,56
//! hosted count                        block 32,32,8,32  (what it marks is counted by the emulator)
//! ```

#[path = "../../../tests/support/adversarial.rs"]
mod adversarial;
#[path = "../../../tests/support/kernels.rs"]
mod cases;
mod count;
#[path = "../../../tests/support/instances.rs"]
mod instances;
#[path = "../../../tests/support/writing.rs"]
mod writing;

use cases::{Memory, differs};
use heedful::dynamic::Model;
use heedful::internals::{Active, Portable};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

/// Cases, by their seeds.
const CASES: u64 = 4000;
/// Cases whose lengths and strides do not fit together.
const ADVERSARIAL: u64 = 20_000;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["kernels"] => kernels(),
        ["listen", model, clips] => listen(Path::new(model), Path::new(clips)),
        ["kinds"] => {
            kinds();
            Ok(())
        }
        ["write"] => {
            write();
            Ok(())
        }
        ["count"] => {
            count::count();
            Ok(())
        }
        _ => Err("expected kernels, listen MODEL CLIPS, kinds, write or count".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// All cases on the kernels of this core and on the portable ones.
fn kernels() -> Result<(), Box<dyn Error>> {
    let mut memory = Box::new(Memory::new());
    for seed in 0..CASES {
        if let Some(kernel) = differs::<Active, Portable>(seed, &mut memory) {
            return Err(format!("{} differs from portable in {kernel}, case {seed}", heedful::backend()).into());
        }
    }
    for seed in 0..ADVERSARIAL {
        if let Some(kernel) = adversarial::differs::<Active, Portable>(seed) {
            let backend = heedful::backend();
            return Err(format!("{backend} differs from portable in {kernel}, adversarial case {seed}").into());
        }
    }
    println!("kernels cases={CASES} digest={:016x} backend={}", memory.digest, heedful::backend());
    Ok(())
}

/// A small instance of each kind of attention.
fn kinds() {
    instances::each::<Active>(|name, digest| println!("kind {name} {digest:016x}"));
    println!("kinds done backend={}", heedful::backend());
}

/// The texts of a small language model.
fn write() {
    writing::each(
        &mut Box::new(writing::Tiny::new()),
        &mut Box::new(writing::Stream::new()),
        |name, tokens, digest| {
            let tokens: Vec<String> = tokens.iter().map(u16::to_string).collect();
            println!("text {name} {digest:016x} {}", tokens.join(","));
        },
    );
    println!("texts done state={} backend={}", size_of::<writing::Tiny>(), heedful::backend());
}

/// The logits of all clips of a file: for each, a line `NAME SAMPLES`, then its samples, 16 bits each, little-endian.
fn listen(model: &Path, clips: &Path) -> Result<(), Box<dyn Error>> {
    let model = Model::load(&fs::read(model)?)?;
    let clips = fs::read(clips)?;
    let mut rest = &clips[..];
    while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
        let (name, count) = std::str::from_utf8(&rest[..end])?.split_once(' ').ok_or("a clip without a number")?;
        let (bytes, after) =
            rest[end + 1..].split_at_checked(2 * count.parse::<usize>()?).ok_or("the clips end early")?;
        let samples: Vec<i16> = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        let heard = model.hear(&samples).ok_or("the model has no audio front end")?;
        let outcome = model.infer_input(heard.input(), &[]);
        let logits: Vec<String> = outcome.logits().iter().map(i16::to_string).collect();
        println!("clip {name} {}", logits.join(","));
        rest = after;
    }
    println!("listen done backend={}", heedful::backend());
    Ok(())
}
