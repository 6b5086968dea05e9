//! `cargo xtask`: what needs more than one build, such as firmware on emulated boards
//! compared with the host.

mod constant;
mod count;
mod cycles;
mod decoder;
mod embassy;
mod emulator;
mod events;
mod external;
mod firmware;
mod golden;
mod host;
mod hosted;
mod infer;
mod kernels;
mod kinds;
mod listening;
mod markdown;
mod microphone;
mod on_target;
mod output;
mod readme;
mod report;
mod sanitize;
mod shape;
#[path = "../../tests/support/skip.rs"]
mod skip;
mod stories;
mod strangers;
mod streaming;
mod symbols;
mod targets;
mod timing;
mod toolchain;
mod trace;
mod verify;
mod watch;
mod web;
mod web_test;

use anyhow::{Context, Result, bail};
use count::Outputs;
use hosted::{HOSTED, Hosted};
use lexopt::prelude::*;
use std::path::PathBuf;
use std::process::ExitCode;
use targets::{TARGETS, Target};

const HELP: &str = "\
cargo xtask on-target [--target NAME]... [--all] [--bless]

Builds firmware with the models and clips of this repository for each board, runs it
under QEMU and compares its logits, byte for byte, with the host's and with the golden
files in boards/golden. Does the same with programs for AArch64 and WebAssembly. Fails if
anything differs, or could panic. Boards that run the very program of another, on another
core, hear no minute of sound, unless they are named, or all is asked for.

cargo xtask count [--target NAME]... [--shape S,E,H,P]... [--json FILE] [--markdown FILE]

Executed instructions of attention blocks and of a matrix product, by stage, beside
those of CMSIS-NN where they are known, and the bytes of the kernels; then those of
encoder blocks around them, and what norms, tables and results take.

cargo xtask count --model FILE [--target NAME]...

Executed instructions of an inference by the parts of a model of any kind, a column for each
target, and of its front end in a second of sound. With a folder, all models in it, summed up by
what the parts are for, on one target for each kind of kernels unless others are named.

cargo xtask count --verify [--target NAME] [--shape S,E,H,P]... [--markdown FILE]

Counts a block in two independent ways: by the board's timer and by the emulator's log
of executed instructions. Fails if they differ.

cargo xtask cycles [--shape S,E,H,P]... [--markdown FILE]

An estimate of Cortex-M4 cycles, from that log and Arm's published timings.

cargo xtask stories --model FILE [--target NAME]... [--prompt TEXT] [--tokens N]

Builds a language model into firmware (Cortex-M4 and RV32, unless others are named), runs it
and compares its tokens with the host's; prints instructions per token, RAM and flash.

cargo xtask infer --model FILE --input FILE.npy [--target NAME]... [--markdown FILE]

Builds a model into firmware (Cortex-M4 and M55, unless others are named), runs it on inputs
[N, ...] of real numbers and compares what it gives with the host; then the same with the model
loaded at run time. Prints instructions per inference, RAM and flash.

cargo xtask listening [--target NAME]... [--model FILE] [--markdown FILE]

Executed instructions of an inference, of its largest slice, and of a listener in a second of
sound and of silence, for digits_nothing and commands on Cortex-M4, unless others are named;
and what the listener's gate spares in a quiet hour.

cargo xtask events --data DIR [--model FILE] [--markdown FILE]

Lets each model of this repository, or one, run over streams of what validates and of backgrounds
(heedful mix, heedful stream): recall, false alarms and delay. DIR is the folder that the models are
trained on (models/digits.py, models/commands_small.py, models/running_speech.py).

cargo xtask streaming --model FILE [--target NAME]... [--markdown FILE]

Builds a model that hears a token at a time into firmware (Cortex-M4, M0, M55 and RV32, unless
others are named), lets it hear the clips of this repository, and compares what it gives with
the host; then the same with models/digits_nothing.heed, a window at a time. Prints instructions
per second of sound, RAM and flash.

cargo xtask readme [--check [--all]]

Writes every figure of the README and of the model cards anew, or fails where one differs from
what the examples, the boards and the models give now. What needs data that are not here is
left as it is, and said to be skipped: HEEDFUL_FSDD (Free Spoken Digit Dataset) and
HEEDFUL_STORIES name folders. --check leaves the table of models with fewer heads out, unless
all is asked for.

cargo xtask constant [--target NAME]... [--markdown FILE]

Executed instructions on random and extreme inputs. Fails where they depend on the
data.

cargo xtask sanitize [--all]

The cases of the kernels under AddressSanitizer, and a few of them and all kinds of attention
under Miri; with --all, which takes long, also the library's own tests and the inputs
of the fuzz targets. Adds the nightly compiler that both need. What cannot be run here is
skipped, which fails where HEEDFUL_SKIPS is set and does not name `tool`.

cargo xtask strangers

Small projects outside this workspace, as somebody else would write them: the oldest compiler
in an older edition, firmware for cores without atomic instructions, the choice of kernels by
flags; and each published crate: what its archive misses.

cargo xtask kinds [--target NAME]... [--markdown FILE]

Executed instructions and bytes of weights of each kind of attention.

cargo xtask web [--test]

Builds the page that runs a model in a browser into target/web, as static files, and prints
their sizes. With --test, it is held against the host, under node and in Chromium, and
target/web-test/page.png shows it.

  --target NAME    only this target; may be repeated
  --bless          write the golden files anew
  --check          compare, and write nothing
  --test           test what was built
  --shape S,E,H,P  a shape of one's own: positions, width, heads, head dimension
  --json FILE      write the counts for machines, too
  --markdown FILE  put the tables into their section of a document";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all checks passed.
fn run() -> Result<bool> {
    let mut args = lexopt::Parser::from_env();
    let mut command = None;
    let mut chosen = Vec::new();
    let mut programs: Vec<&'static Hosted> = Vec::new();
    let mut bless = false;
    let mut verify = false;
    let mut check = false;
    let mut test = false;
    let mut all = false;
    let mut shapes = Vec::new();
    let mut outputs = Outputs::default();
    let (mut model, mut input, mut data) = (None, None, None);
    let mut prompt = String::from("Once upon a time");
    let mut tokens = 160;
    while let Some(arg) = args.next()? {
        match arg {
            Short('h') | Long("help") => {
                println!("{HELP}\n\nTargets:");
                for target in TARGETS {
                    println!("  {:<10} {}, {} under {}", target.name, target.core, target.triple, target.qemu);
                }
                println!("and, for on-target and count:");
                for target in HOSTED {
                    println!("  {:<10} {}", target.name, target.core);
                }
                return Ok(true);
            }
            Long("target") => {
                let name = args.value()?.string()?;
                match hosted::named(&name) {
                    Some(target) => programs.push(target),
                    None => chosen.push(named(&name)?),
                }
            }
            Long("bless") => bless = true,
            Long("verify") => verify = true,
            Long("check") => check = true,
            Long("test") => test = true,
            Long("all") => all = true,
            Long("shape") => shapes.push(shape::checked(&args.value()?.string()?)?),
            Long("model") => model = Some(PathBuf::from(args.value()?)),
            Long("input") => input = Some(PathBuf::from(args.value()?)),
            Long("data") => data = Some(PathBuf::from(args.value()?)),
            Long("prompt") => prompt = args.value()?.string()?,
            Long("tokens") => tokens = args.value()?.parse()?,
            Long("json") => outputs.json = Some(args.value()?.into()),
            Long("markdown") => outputs.markdown = Some(args.value()?.into()),
            Value(value) if command.is_none() => command = Some(value.string()?),
            other => return Err(other.unexpected()).context("see cargo xtask --help"),
        }
    }
    let document = outputs.markdown.as_deref();
    match command.as_deref() {
        Some("on-target") => {
            let all = all || bless || !chosen.is_empty();
            let (chosen, programs) = all_if_none(chosen, programs);
            on_target::run(&chosen, &programs, bless, all)
        }
        Some("count") if verify => verify::run(&chosen, &shapes, document).map(|()| true),
        Some("count") => match model {
            Some(model) => count::parts::run(&model, &chosen, document).map(|()| true),
            None => {
                let (chosen, programs) = all_if_none(chosen, programs);
                count::run(&chosen, &programs, &shapes, &outputs).map(|()| true)
            }
        },
        Some("cycles") => cycles::run(&shapes, document).map(|()| true),
        Some("stories") => {
            let model = model.context("which model? --model stories.heed")?;
            stories::run(&chosen, &stories::Story { model, prompt, tokens }).map(|()| true)
        }
        Some("infer") => {
            let model = model.context("which model? --model model.heed")?;
            let input = input.context("which inputs? --input inputs.npy")?;
            infer::run(&chosen, &model, &input, document).map(|()| true)
        }
        Some("listening") => listening::run(&chosen, model, document).map(|()| true),
        Some("events") => {
            let data = data.context("which data? --data DIR")?;
            events::run(&data, model.as_deref(), document).map(|()| true)
        }
        Some("streaming") => {
            let model = model.context("which model? --model model.heed")?;
            streaming::run(&chosen, &model, document).map(|()| true)
        }
        Some("readme") => readme::run(check, all || !check),
        Some("sanitize") => sanitize::run(all),
        Some("strangers") => strangers::run(),
        Some("kinds") => kinds::run(&chosen, document).map(|()| true),
        Some("web") if test => web_test::run(),
        Some("web") => web::build().map(|()| true),
        Some("constant") => constant::run(&chosen, document).map(|()| true),
        Some(other) => bail!("no command {other:?}: see cargo xtask --help"),
        None => bail!("no command: see cargo xtask --help"),
    }
}

/// What was chosen, or everything.
fn all_if_none(
    mut chosen: Vec<&'static Target>,
    mut programs: Vec<&'static Hosted>,
) -> (Vec<&'static Target>, Vec<&'static Hosted>) {
    if chosen.is_empty() && programs.is_empty() {
        chosen.extend(TARGETS);
        programs.extend(HOSTED);
    }
    (chosen, programs)
}

fn named(name: &str) -> Result<&'static Target> {
    TARGETS.iter().find(|target| target.name == name).with_context(|| {
        let names: Vec<_> = TARGETS.iter().map(|t| t.name).chain(HOSTED.iter().map(|t| t.name)).collect();
        format!("no target {name:?}: there are {}", names.join(", "))
    })
}

/// The repository's root.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), PathBuf::from)
}
