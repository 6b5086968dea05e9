//! `cargo xtask count --verify`: the count of one block by the board's timer against the emulator's log.

use crate::report::grouped;
use crate::symbols::Symbols;
use crate::targets::Target;
use crate::trace::{self, Instruction, Visitor};
use crate::{count, firmware, markdown, targets, toolchain};
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;

/// The block that is counted twice, unless another is named.
const SHAPE: &str = "32,32,8,32";
const TARGET: &str = "cortex-m4";
/// The timer's two readings are rounded down to whole instructions; nothing else may differ.
const TOLERANCE: u64 = 1;

#[derive(Default)]
struct Counter {
    block: u64,
    blocks: Vec<u64>,
}

impl Visitor for Counter {
    fn executed(&mut self, _: &Instruction, _: u32, _: u32, _: &Symbols) {
        self.block += 1;
    }

    fn block_ends(&mut self) {
        self.blocks.push(std::mem::take(&mut self.block));
    }
}

/// Counts in both ways, prints both and fails if they differ; puts them into a document if asked to.
pub fn run(targets: &[&'static Target], shapes: &[String], document: Option<&Path>) -> Result<()> {
    let target = match targets {
        [] => targets::TARGETS.iter().find(|target| target.name == TARGET).context(TARGET)?,
        [target] if target.board == "qemu-cortex-m" => target,
        _ => bail!("--verify takes one --target, a Cortex-M"),
    };
    toolchain::ensure_emulator(target)?;
    toolchain::ensure_target(target.triple)?;
    let target = target.with_more_memory();
    let shapes = if shapes.is_empty() { SHAPE.to_owned() } else { shapes.join(";") };
    let elf = firmware::build_with(&target, firmware::COUNT, &[], &[("SHAPES", &shapes)])?;
    let mut counter = Counter::default();
    let printed = trace::run(&target, &elf, &mut counter)?;
    let timed: Vec<_> = printed
        .lines()
        .filter_map(|line| count::parse(target.name, line))
        .filter(|count| count.kernel == "block")
        .collect();
    ensure!(timed.len() == counter.blocks.len() && !timed.is_empty(), "the log and the board show different blocks");
    let mut text = String::new();
    for (timed, &logged) in timed.iter().zip(&counter.blocks) {
        let difference = timed.instructions.abs_diff(logged);
        text += &format!(
            "{}, block {}: {} by SysTick, {} in the emulator's log of executed instructions, difference {difference}\n",
            target.core,
            timed.shape(),
            grouped(timed.instructions),
            grouped(logged),
        );
        ensure!(difference <= TOLERANCE, "{text}the two counts may differ by {TOLERANCE}");
    }
    println!("{text}They agree: each reading of SysTick is rounded down to whole instructions.");
    document.map_or(Ok(()), |path| markdown::replace(path, "second count", |_| text.replace("\nC", "\n\nC")))
}
