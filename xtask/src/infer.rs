//! `cargo xtask infer`: a model of any kind in firmware, held against the host.

use crate::output::{Fields, logits};
use crate::report::grouped;
use crate::targets::{TARGETS, Target};
use crate::{emulator, firmware, markdown, root, toolchain};
use anyhow::{Context, Result, bail, ensure};
use heedful::Input;
use heedful::dynamic::{Heard, Model};
use heedful_import::arrays::Array;
use std::path::Path;

/// Targets that run it, unless others are named.
pub const USUAL: &[&str] = &["cortex-m4", "cortex-m55"];

/// A model and its inputs, as the firmware takes them.
#[derive(Debug)]
pub struct Case {
    model: Model,
    /// Of each input: values in 15 bits.
    inputs: Vec<Vec<i16>>,
}

/// What a board printed, and the size of its firmware.
#[derive(Debug)]
pub struct Inferred {
    /// Bytes of RAM.
    pub state: u64,
    /// Bytes of stack.
    pub stack: u64,
    /// Instructions to load the model.
    pub load: u64,
    /// Bytes of flash.
    pub flash: u64,
    /// Instructions of each inference.
    pub instructions: Vec<u64>,
    outputs: Vec<Vec<i16>>,
}

impl Case {
    /// A model and an array `[N, …]` of real inputs; `[N, samples]`, of 16 bits, where it hears.
    pub fn read(model: &Path, input: &Path) -> Result<Self> {
        let bytes = std::fs::read(model).with_context(|| model.display().to_string())?;
        let model = Model::load(&bytes).with_context(|| model.display().to_string())?;
        let array = Array::read(input).with_context(|| input.display().to_string())?;
        if let (Some(_), [_, samples]) = (model.frontend(), array.shape.as_slice()) {
            let sounds = array.parts("input", *samples)?;
            let inputs = sounds.map(|sound| hear(&model, sound)).collect();
            return Ok(Self { model, inputs });
        }
        let shape = model.shape().input;
        let (channels, bits) = (model.feature_units(), if shape.fine { 0 } else { 7 });
        ensure!(!channels.is_empty(), "the model takes no features");
        let unit = |(&x, (zero, unit)): (&f64, &(f32, f32))| {
            let limit = if shape.fine { 16_384.0 } else { 128.0 };
            let x = ((x - f64::from(*zero)) / f64::from(*unit)).round().clamp(-limit, limit - 1.0);
            (x as i16) << bits
        };
        let parts = array.parts("input", shape.steps * shape.columns * shape.channels)?;
        let inputs = parts.map(|part| part.iter().zip(channels.iter().cycle()).map(unit).collect()).collect();
        Ok(Self { model, inputs })
    }

    /// Builds and runs the firmware; fails where an output differs from the host's.
    pub fn on_board(&self, target: &Target, model: &Path, loaded: bool) -> Result<Inferred> {
        let inputs = std::env::temp_dir().join(format!("heedful-inputs-{}", std::process::id()));
        let bytes: Vec<u8> = self.inputs.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
        std::fs::write(&inputs, bytes).with_context(|| inputs.display().to_string())?;
        let model = std::path::absolute(model)?;
        let env = [
            ("MODEL", model.to_str().context("the model's path is not UTF-8")?),
            ("MODEL_INPUTS", inputs.to_str().context("the path for temporary files is not UTF-8")?),
        ];
        let mut features = vec![firmware::INFER.into()];
        features.extend(loaded.then(|| firmware::LOADED.into()));
        let elf = firmware::build_with(target, firmware::INFER, &features, &env);
        std::fs::remove_file(&inputs).with_context(|| inputs.display().to_string())?;
        let elf = elf?;
        let mut inferred = parse(&emulator::run(target, &elf)?)?;
        inferred.flash = firmware::flash(&elf)?;
        ensure!(inferred.outputs.len() == self.inputs.len(), "the board ran {} inputs", inferred.outputs.len());
        for (index, (input, found)) in self.inputs.iter().zip(&inferred.outputs).enumerate() {
            let host = self.model.infer_input(Input::FineFeatures(input), &[]);
            if host.logits() != found {
                bail!("input {index}: the board gives {found:?}, the host {:?}", host.logits());
            }
        }
        Ok(inferred)
    }
}

/// What the model's front end makes of samples, in 15 bits.
fn hear(model: &Model, samples: &[f64]) -> Vec<i16> {
    // The cast saturates.
    let samples: Vec<i16> = samples.iter().map(|&x| x as i16).collect();
    match model.hear(&samples) {
        Some(Heard::FineFeatures(features)) => features,
        Some(heard) => heard.upper_bits().into_iter().map(|x| i16::from(x) << 7).collect(),
        None => vec![],
    }
}

/// For `cargo xtask on-target`: the keyword transformer, compiled in.
pub fn check(target: &Target) -> Result<String> {
    let (model, input) = (root().join("models/commands.heed"), root().join("tests/fixtures/commands/features.npy"));
    let inferred = Case::read(&model, &input)?.on_board(target, &model, false)?;
    let (count, first) = (inferred.outputs.len(), inferred.instructions.first().copied().unwrap_or(0));
    Ok(format!("{count} inputs, the same bits as the host; {} instructions for each", grouped(first)))
}

/// Runs the model on each target, compiled in and loaded at run time.
pub fn run(targets: &[&'static Target], model: &Path, input: &Path, document: Option<&Path>) -> Result<()> {
    let case = Case::read(model, input)?;
    let usual = TARGETS.iter().filter(|target| USUAL.contains(&target.name));
    let targets: Vec<&Target> = if targets.is_empty() { usual.collect() } else { targets.to_vec() };
    println!("{} bytes, {} multiply-accumulates", grouped(case.model.flash_bytes() as u64), case.model.macs());
    let mut table = HEAD.to_string();
    for target in targets {
        toolchain::ensure_emulator(target)?;
        toolchain::ensure_target(target.triple)?;
        for loaded in [false, true] {
            let inferred = case.on_board(target, model, loaded).with_context(|| target.name)?;
            let row = inferred.row(target.core, loaded);
            print!("{row}");
            table += &row;
        }
    }
    document.map_or(Ok(()), |document| markdown::replace(document, "infer", |_| table))
}

const HEAD: &str = "\
| core | model | instructions per inference | to load it | RAM | stack | flash |
|---|---|---:|---:|---:|---:|---:|
";

impl Inferred {
    fn row(&self, core: &str, loaded: bool) -> String {
        let mean = self.instructions.iter().sum::<u64>() / self.instructions.len().max(1) as u64;
        let figures = [mean, self.load, self.state, self.stack, self.flash].map(grouped).join(" | ");
        format!("| {core} | {} | {figures} |\n", if loaded { "loaded at run time" } else { "compiled in" })
    }
}

fn parse(printed: &str) -> Result<Inferred> {
    ensure!(printed.lines().any(|line| line == "done"), "the board did not finish:\n{printed}");
    let head = printed.lines().find(|line| line.starts_with("model ")).context("no figures")?;
    let head = Fields::of(head);
    let (mut instructions, mut outputs) = (Vec::new(), Vec::new());
    for line in printed.lines().filter(|line| line.starts_with("inference ")) {
        let fields = Fields::of(line);
        instructions.push(fields.number("instructions")?);
        outputs.push(logits(fields.text("outputs")?)?);
    }
    let (state, stack, load) = (head.number("state")?, head.number("stack")?, head.number("load")?);
    Ok(Inferred { state, stack, load, flash: 0, instructions, outputs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_board_prints() {
        let printed = "model state=10 stack=2 load=7 kernels=DSP\ninference instructions=5 outputs=1,-2\ndone\n";
        let found = parse(printed).unwrap();
        assert_eq!((found.state, found.stack, found.load), (10, 2, 7));
        assert_eq!((found.instructions, found.outputs), (vec![5], vec![vec![1, -2]]));
        assert!(parse("model state=10 stack=2 load=7\n").is_err());
    }
}
