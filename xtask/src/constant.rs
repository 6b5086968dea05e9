//! `cargo xtask constant`: whether executed instructions depend on the data.

use crate::report::{grouped, layout};
use crate::targets::{TARGETS, Target};
use crate::{emulator, firmware, markdown, toolchain};
use anyhow::{Context, Result, ensure};
use std::path::Path;

/// Targets whose checks include it: one with the kernels of each kind.
pub const USUAL: &[&str] = &["cortex-m0", "cortex-m4", "cortex-m55", "rv32imc", "rvv128"];
/// Blocks that the firmware runs.
const BLOCKS: usize = 3;

/// Two equal measurements may differ by as much, for a reading of the counter lags by less than one instruction. One
/// instruction more in each repeat makes more than that.
const SLACK: u64 = 2;

/// The counts of one block over all inputs.
#[derive(Debug)]
struct Range {
    shape: String,
    inputs: u64,
    /// Runs that are counted together.
    repeats: u64,
    least: u64,
    most: u64,
}

impl Range {
    fn constant(&self) -> bool {
        self.most - self.least <= SLACK
    }

    /// Of one run: the least and the most.
    fn each(&self) -> [u64; 2] {
        let least = self.least / self.repeats;
        [least, least + (self.most - self.least).saturating_sub(SLACK).div_ceil(self.repeats)]
    }
}

/// Runs all targets and prints a table; fails if they depend on the data somewhere.
pub fn run(targets: &[&'static Target], document: Option<&Path>) -> Result<()> {
    let chosen: Vec<&Target> = if targets.is_empty() { TARGETS.iter().collect() } else { targets.to_vec() };
    let mut rows = vec![["target", "block S,E,H,P", "inputs", "least", "most", "constant"].map(String::from).to_vec()];
    let mut broken = Vec::new();
    for target in chosen {
        toolchain::ensure_emulator(target)?;
        toolchain::ensure_target(target.triple)?;
        for range in ranges(target).with_context(|| target.name)? {
            let constant = range.constant();
            let [least, most] = range.each();
            if !constant {
                broken.push(target.name);
            }
            rows.push(vec![
                target.name.into(),
                range.shape,
                range.inputs.to_string(),
                grouped(least),
                grouped(most),
                if constant { "yes" } else { "no" }.into(),
            ]);
        }
    }
    let text = layout(&rows);
    println!("{text}");
    ensure!(broken.is_empty(), "instructions depend on the data on {}", broken.join(", "));
    document.map_or(Ok(()), |path| markdown::replace(path, "constant", |_| text))
}

/// For `cargo xtask on-target`.
pub fn check(target: &Target) -> Result<String> {
    let ranges = ranges(target)?;
    let inputs = ranges.first().map_or(0, |range| range.inputs);
    let varying: Vec<String> = ranges
        .iter()
        .filter(|range| !range.constant())
        .map(|range| {
            let [least, most] = range.each();
            format!("{}: {} to {}", range.shape, grouped(least), grouped(most))
        })
        .collect();
    ensure!(varying.is_empty(), "they depend on the data: {}", varying.join("; "));
    Ok(format!("the same number on {inputs} inputs of {} blocks", ranges.len()))
}

fn ranges(target: &Target) -> Result<Vec<Range>> {
    let target = target.with_more_memory();
    let elf = firmware::build(&target, firmware::CONSTANT, &[])?;
    let printed = emulator::run(&target, &elf)?;
    ensure!(printed.contains("constant done"), "the board did not finish");
    let ranges: Vec<Range> = printed.lines().filter_map(parse).collect();
    ensure!(ranges.len() == BLOCKS, "the board ran {} of {BLOCKS} blocks", ranges.len());
    Ok(ranges)
}

/// `constant 32,32,8,32 inputs=109 repeats=5 least=10 most=11`
fn parse(line: &str) -> Option<Range> {
    let mut words = line.strip_prefix("constant ")?.split(' ');
    let shape = words.next()?.to_owned();
    let mut figure = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=')?.parse().ok();
    let [inputs, repeats, least, most] = [figure("inputs")?, figure("repeats")?, figure("least")?, figure("most")?];
    (repeats > 0 && least <= most).then_some(Range { shape, inputs, repeats, least, most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instruction_in_each_run_is_seen() {
        let range = |most: u64| parse(&format!("constant 1,2,3,4 inputs=9 repeats=5 least=500 most={most}")).unwrap();
        assert!(range(502).constant() && !range(503).constant());
        assert_eq!((range(502).each(), range(503).each()), ([100, 100], [100, 101]));
        assert!(parse("constant done backend=DSP").is_none());
    }
}
