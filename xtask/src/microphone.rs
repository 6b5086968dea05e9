//! The listening loop of the README, and how many samples it loses on a board.

use crate::targets::Target;
use crate::{emulator, firmware};
use anyhow::{Context, Result, ensure};

/// The core that the README speaks of.
pub const TARGET: &str = "cortex-m4";

/// A loop, as the board printed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loop {
    /// Frames from one inference to the next.
    pub every: u64,
    /// Instructions per second.
    pub rate: u64,
    /// Samples that the queue before the loop holds.
    pub queue: u64,
    /// Samples that the microphone brought.
    pub samples: u64,
    /// Those that found the queue full.
    pub lost: u64,
}

/// Runs the loops.
pub fn run(target: &Target) -> Result<Vec<Loop>> {
    let elf = firmware::build(target, firmware::MICROPHONE, &[firmware::feature("digits")])?;
    parse(&emulator::run(target, &elf)?)
}

/// For `cargo xtask on-target`: an inference at each frame loses samples, one at every fifth none.
pub fn check(target: &Target) -> Result<String> {
    let loops = run(target)?;
    let lost = |every| loops.iter().find(|one| one.every == every).map(|one| one.lost).context("a loop is missing");
    let (each, fifth) = (lost(1)?, lost(5)?);
    ensure!(fifth == 0, "the loop of the README loses {fifth} samples");
    ensure!(each > 0, "a loop that cannot keep up loses nothing: the measurement is wrong");
    Ok(format!("the loop of the README loses no sample, one that infers at each frame {each}"))
}

fn parse(printed: &str) -> Result<Vec<Loop>> {
    ensure!(printed.contains("microphone done"), "the board did not finish");
    let lines = printed.lines().filter_map(|line| line.strip_prefix("microphone every="));
    lines
        .map(|line| {
            let figure = |name: &str| -> Result<u64> {
                let word = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
                Ok(word.with_context(|| format!("no {name} in {line:?}"))?.parse()?)
            };
            Ok(Loop {
                every: line.split(' ').next().unwrap_or_default().parse()?,
                rate: figure("rate")?,
                queue: figure("queue")?,
                samples: figure("samples")?,
                lost: figure("lost")?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_board_prints() {
        let line = "microphone every=5 rate=6 queue=7 samples=8 lost=9 inferences=10\n";
        let expected = Loop { every: 5, rate: 6, queue: 7, samples: 8, lost: 9 };
        assert_eq!(parse(&format!("{line}microphone done\n")).unwrap(), [expected]);
        assert!(parse(line).is_err());
    }
}
