//! `cargo xtask listening`: what it takes to listen, on boards, and what the gate spares in a quiet hour.

use crate::firmware::{self, NO_PANIC};
use crate::markdown;
use crate::microphone::{DigitsNothing, EVERY_100_MS};
use crate::output::Fields;
use crate::report::grouped;
use crate::targets::{TARGETS, Target};
use crate::{emulator, root, toolchain};
use anyhow::{Context, Result, ensure};
use heedful::events::Listener;
use std::path::{Path, PathBuf};

/// The models of the table, unless another is named, and the target.
const MODELS: [&str; 2] = ["digits_nothing", "commands"];
const USUAL: &str = "cortex-m4";

/// Samples per second, seconds, and the largest sample of the quiet hour's noise.
const RATE: usize = 8000;
const HOUR: usize = 3600;
const LOUDEST: u64 = 12;
/// Seconds of a loud sound, such as a door: samples 50 times as large.
const KNOCK: usize = 1;

/// Instructions that a board counted.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Of an inference.
    pub inference: u64,
    slices: u64,
    /// Of its largest slice.
    pub largest: u64,
    /// Of a second of sound with an inference every 100 ms.
    pub sound: u64,
    /// Of a second of silence.
    pub silence: u64,
}

/// Builds the firmware that counts, and runs it.
pub fn count(target: &Target, model: &Path) -> Result<Counts> {
    let model = std::path::absolute(model)?;
    let env = [("MODEL", model.to_str().context("the model's path is not UTF-8")?)];
    let elf = firmware::build_with(target, firmware::SLICES, &[firmware::SLICES.into()], &env)?;
    parse(&emulator::run(target, &elf)?)
}

/// For `cargo xtask on-target`: a listener with a queue and slices where a panic does not link.
pub fn without_panics(target: &Target) -> Result<String> {
    // It holds a listener and a model beside it, which no firmware needs.
    firmware::build(&target.with_more_memory(), NO_PANIC, &[firmware::HEARING])
        .map(|_| "links without a panic handler".into())
}

/// Counts, prints the tables and writes them into a document.
pub fn run(targets: &[&'static Target], model: Option<PathBuf>, document: Option<&Path>) -> Result<()> {
    let usual = TARGETS.iter().filter(|target| target.name == USUAL);
    let targets: Vec<&Target> = if targets.is_empty() { usual.collect() } else { targets.to_vec() };
    for target in &targets {
        toolchain::ensure_emulator(target)?;
        toolchain::ensure_target(target.triple)?;
    }
    let (text, _) = section(&targets, model)?;
    println!("{text}");
    document.map_or(Ok(()), |document| markdown::replace(document, "listening", |_| text))
}

/// The usual section of the document, and the counts of its first row: `digits_nothing` on a Cortex-M4.
pub fn usual() -> Result<(String, Counts)> {
    let target = TARGETS.iter().find(|target| target.name == USUAL).context("no such target")?;
    section(&[target], None)
}

fn section(targets: &[&Target], model: Option<PathBuf>) -> Result<(String, Counts)> {
    let shipped = || MODELS.map(|name| root().join("models").join(name).with_extension("heed")).to_vec();
    let models = model.map_or_else(shipped, |model| vec![model]);
    let mut text = HEAD.to_owned();
    let mut first = None;
    for target in targets {
        for model in &models {
            let counts = count(target, model).with_context(|| target.name)?;
            first = first.or(Some(counts));
            let name = model.file_stem().unwrap_or_default().to_string_lossy();
            let Counts { inference, slices, largest, sound, silence } = counts;
            let [inference, slices, largest, sound, silence] =
                [inference, slices, largest, sound, silence].map(grouped);
            text +=
                &format!("| {} | {name} | {inference} | {slices} | {largest} | {sound} | {silence} |\n", target.core);
        }
    }
    let counts = first.context("no target")?;
    if models.len() != MODELS.len() || targets.len() != 1 {
        return Ok((text, counts));
    }
    text += "\n";
    text += QUIET;
    for (what, every) in [("noise alone", None), ("a knock every five minutes", Some(300)), ("every minute", Some(60))]
    {
        let (run, of) = quiet_hour(every)?;
        let spared = of - run;
        let share = 100.0 * spared as f64 / of as f64;
        let [left, saved] = [run * counts.inference, spared * counts.inference].map(|x| grouped(x / 1_000_000));
        text += &format!("| {what} | {} of {} | {share:.1} % | {left} | {saved} |\n", grouped(run), grouped(of));
    }
    Ok((text, counts))
}

const HEAD: &str = "\
| core | model | an inference | slices | the largest | a second of sound | a second of silence |
|---|---|---:|---:|---:|---:|---:|
";
const QUIET: &str = "\
| a quiet hour | inferences | spared | million instructions left | spared |
|---|---:|---:|---:|---:|
";

/// Inferences of `digits_nothing` in an hour of quiet noise, with a loud sound every so many seconds: those that run,
/// and those that would without the gate.
fn quiet_hour(every: Option<usize>) -> Result<(u64, u64)> {
    let mut ear = Box::new(Listener::<DigitsNothing>::new().with_settings(&EVERY_100_MS));
    let mut state = 1u64;
    for second in 0..HOUR {
        let is_loud = every.is_some_and(|every| second % every >= every - KNOCK);
        let samples: Vec<i16> = (0..RATE).map(|_| noise(&mut state) * if is_loud { 50 } else { 1 }).collect();
        ensure!(ear.push(&samples).count() == 0, "a digit in the noise of second {second}");
    }
    // One every 10 frames of 80 samples, but for the first window.
    Ok((ear.inferences(), ((HOUR * RATE - DigitsNothing::SAMPLES) / 800 + 1) as u64))
}

/// A sample of equal probability from `-LOUDEST` to `LOUDEST` (splitmix64).
fn noise(state: &mut u64) -> i16 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) % (2 * LOUDEST + 1)) as i16 - LOUDEST as i16
}

fn parse(printed: &str) -> Result<Counts> {
    ensure!(printed.lines().any(|line| line == "slices done"), "the board did not finish:\n{printed}");
    let line = |name: &str| {
        let line = printed.lines().find(|line| line.split(' ').next() == Some(name));
        line.map(Fields::of).with_context(|| format!("no line of {name}"))
    };
    let second = |name: &str, inferences: &[u64]| -> Result<u64> {
        let fields = line(name)?;
        let (seconds, found): (u64, u64) = (fields.number("seconds")?, fields.number("inferences")?);
        ensure!(inferences.contains(&found), "{found} inferences of {name}");
        fields.number::<u64>("instructions")?.checked_div(seconds).context("no seconds")
    };
    let inference = line("inference")?;
    Ok(Counts {
        inference: inference.number("instructions")?,
        slices: inference.number("slices")?,
        largest: inference.number("largest")?,
        sound: second("sound", &[50])?,
        silence: second("silence", &[0])?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_board_prints() {
        let printed = "inference instructions=9 slices=3 largest=4\n\
            sound seconds=5 cadence=10 inferences=50 instructions=500\n\
            silence seconds=5 cadence=10 inferences=0 instructions=50\nslices done\n";
        let counts = parse(printed).unwrap();
        assert_eq!((counts.inference, counts.slices, counts.largest), (9, 3, 4));
        assert_eq!((counts.sound, counts.silence), (100, 10));
        assert!(parse(&printed.replace("inferences=0", "inferences=1")).is_err());
        assert!(parse(&printed.replace("done", "")).is_err());
    }
}
