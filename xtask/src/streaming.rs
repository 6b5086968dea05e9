//! `cargo xtask streaming`: what a second of sound costs a model that takes a token at a time, beside one that takes a
//! window at a time.

use crate::output::{Fields, logits};
use crate::report::grouped;
use crate::targets::{TARGETS, Target};
use crate::{emulator, firmware, host, markdown, root, toolchain};
use anyhow::{Context, Result, ensure};
use heedful::dynamic::Model;
use std::path::{Path, PathBuf};

/// Targets that hear it, unless others are named.
const USUAL: &[&str] = &["cortex-m4", "cortex-m0", "cortex-m55", "rv32imac"];
/// The model beside it, and the frames from one of its windows to the next.
const WINDOWED: (&str, usize) = ("models/digits_nothing.heed", 10);

/// A model, and how it hears.
struct Ear {
    path: PathBuf,
    model: Model,
    /// Frames from one window to the next; none of a model that takes a token at a time.
    cadence: Option<usize>,
}

/// What a board printed, and the size of its firmware.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    state: u64,
    stack: u64,
    samples: u64,
    front: u64,
    network: u64,
    inferences: u64,
    clips: Vec<String>,
    outcomes: Vec<Vec<i16>>,
}

/// Runs the model, and the windowed one beside it, on each target.
pub fn run(targets: &[&'static Target], model: &Path, document: Option<&Path>) -> Result<()> {
    let ears = [Ear::read(model, None)?, Ear::read(&root().join(WINDOWED.0), Some(WINDOWED.1))?];
    let usual = TARGETS.iter().filter(|target| USUAL.contains(&target.name));
    let targets: Vec<&Target> = if targets.is_empty() { usual.collect() } else { targets.to_vec() };
    let mut table = HEAD.to_string();
    for target in targets {
        toolchain::ensure_emulator(target)?;
        toolchain::ensure_target(target.triple)?;
        for ear in &ears {
            let row = ear.on_board(&target.with_more_memory()).with_context(|| target.name)?;
            print!("{row}");
            table += &row;
        }
    }
    document.map_or(Ok(()), |document| markdown::replace(document, "streaming", |_| table))
}

const HEAD: &str = "\
| core | model | an inference each | of one inference | front end, a second | network, a second | \
instructions a second | RAM | stack | flash |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|
";

impl Ear {
    fn read(path: &Path, cadence: Option<usize>) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let model = Model::load(&bytes).with_context(|| path.display().to_string())?;
        ensure!(model.frontend().is_some(), "{}: it does not hear", path.display());
        if cadence.is_none() {
            model.streaming().with_context(|| path.display().to_string())?;
        }
        Ok(Self { path: std::path::absolute(path)?, model, cadence })
    }

    /// Builds and runs the firmware, holds its outcomes against the host's, and makes a row of a table.
    fn on_board(&self, target: &Target) -> Result<String> {
        let cadence = self.cadence.unwrap_or(1).to_string();
        let env = [("MODEL", self.path.to_str().context("the model's path is not UTF-8")?), ("CADENCE", &cadence)];
        let feature = if self.cadence.is_some() { firmware::WINDOWED } else { firmware::STREAMING };
        let elf = firmware::build_with(target, firmware::STREAMING, &[feature.into()], &env)?;
        let heard = parse(&emulator::run(target, &elf)?)?;
        let expected = self.outcomes(&heard)?;
        ensure!(!heard.outcomes.is_empty(), "the board ran no inference");
        for (index, (found, expected)) in heard.outcomes.iter().zip(&expected).enumerate() {
            ensure!(found == expected, "outcome {index}: the board gives {found:?}, the host {expected:?}");
        }
        ensure!(expected.len() as u64 == heard.inferences, "the board ran {} inferences", heard.inferences);
        self.row(target, &heard, firmware::flash(&elf)?)
    }

    /// What comes out on the host for the sound that the board heard.
    fn outcomes(&self, heard: &Heard) -> Result<Vec<Vec<i16>>> {
        let frontend = self.model.frontend().context("it does not hear")?;
        let clips = heard.clips.iter().map(|name| host::clip(name)).collect::<Result<Vec<_>>>()?.concat();
        let samples: Vec<i16> = clips.into_iter().cycle().take(heard.samples as usize).collect();
        let Some(cadence) = self.cadence else {
            let mut stream = self.model.streaming()?;
            let all = self.model.hear_all(&samples).context("it does not hear")?;
            return Ok(all.tokens(stream.token()).map(|token| stream.step(token).logits().to_vec()).collect());
        };
        let window = frontend.params.samples(self.model.shape().input.steps);
        let ends = (window..=samples.len()).step_by(cadence * frontend.params.hop as usize);
        let of = |end: usize| {
            let features = self.model.hear(&samples[end - window..end]).context("it does not hear")?;
            Ok(self.model.infer_input(features.input(), &[]).logits().to_vec())
        };
        ends.map(of).collect()
    }

    fn row(&self, target: &Target, heard: &Heard, flash: u64) -> Result<String> {
        let params = self.model.frontend().context("it does not hear")?.params;
        let frames = match self.cadence {
            Some(cadence) => cadence,
            None => self.model.streaming()?.steps(),
        };
        let milliseconds = frames * params.hop as usize * 1000 / params.sample_rate as usize;
        let second = |count: u64| count * u64::from(params.sample_rate) / heard.samples.max(1);
        let name = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let inference = heard.network.checked_div(heard.inferences).unwrap_or(0);
        // A window that is due each so many frames from the start on, not only once the first is full.
        let due = params.sample_rate as f64 / (frames * params.hop as usize) as f64;
        let network = (inference as f64 * due) as u64;
        let front = second(heard.front);
        let figures = [inference, front, network, front + network, heard.state, heard.stack, flash];
        let figures = figures.map(grouped).join(" | ");
        Ok(format!("| {} | {name} | {milliseconds} ms | {figures} |\n", target.core))
    }
}

fn parse(printed: &str) -> Result<Heard> {
    ensure!(printed.lines().any(|line| line == "done"), "the board did not finish:\n{printed}");
    let line = |start: &str| printed.lines().find(|line| line.starts_with(start)).context("no figures");
    let (head, spent) = (Fields::of(line("sound ")?), Fields::of(line("spent ")?));
    let mut heard = Heard {
        state: head.number("state")?,
        stack: head.number("stack")?,
        samples: head.number("samples")?,
        front: spent.number("front")?,
        network: spent.number("network")?,
        inferences: spent.number("inferences")?,
        ..Heard::default()
    };
    for line in printed.lines() {
        if let Some(name) = line.strip_prefix("clip ") {
            heard.clips.push(name.to_owned());
        } else if let Some(outputs) = line.strip_prefix("outcome ") {
            heard.outcomes.push(logits(outputs)?);
        }
    }
    Ok(heard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_board_prints() {
        let printed = "sound state=10 stack=2 samples=7 kernels=DSP\nclip a.wav\noutcome 1,-2\n\
                       spent front=5 network=6 inferences=1\ndone\n";
        let found = parse(printed).unwrap();
        assert_eq!((found.state, found.stack, found.samples), (10, 2, 7));
        assert_eq!((found.front, found.network, found.inferences), (5, 6, 1));
        assert_eq!((found.clips, found.outcomes), (vec!["a.wav".to_owned()], vec![vec![1, -2]]));
        assert!(parse("sound state=10 stack=2 samples=7\n").is_err());
    }
}
