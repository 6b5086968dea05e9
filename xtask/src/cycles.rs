//! `cargo xtask cycles`: an estimate of Cortex-M4 cycles, from the log of executed instructions and Arm's timings.

use crate::report::{grouped, layout};
use crate::symbols::Symbols;
use crate::timing::{Kind, Timing};
use crate::trace::{self, Instruction, Visitor};
use crate::{firmware, markdown, shape, targets, toolchain};
use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Shapes that others have measured on hardware.
const SHAPES: &str = "4,32,8,32;32,32,16,32;32,64,16,64";
/// Cycles that the pipeline's refill may take, of which the one in the middle counts.
const REFILLS: [u64; 3] = [1, 2, 3];
/// MAC per cycle of the whole attention on an STM32L4: Burrello et al. 2021, and CMSIS-NN as they measured it.
const MEASURED: [([u64; 4], f64, f64); 3] =
    [([4, 32, 8, 32], 0.170, 0.101), ([32, 32, 16, 32], 0.170, 0.099), ([32, 64, 16, 64], 0.177, 0.101)];
/// The one that a document shows in detail.
const DETAILED: [u64; 4] = [32, 32, 16, 32];
const TARGET: &str = "cortex-m4";
/// Functions with less than this share of the cycles are summed up.
const SMALL: f64 = 0.005;

/// What was executed somewhere.
#[derive(Clone, Copy, Default, Debug)]
struct Spent {
    instructions: u64,
    /// For each of [`REFILLS`].
    cycles: [u64; REFILLS.len()],
}

impl Spent {
    fn add(&mut self, other: Self) {
        self.instructions += other.instructions;
        for (cycles, further) in self.cycles.iter_mut().zip(other.cycles) {
            *cycles += further;
        }
    }

    /// With the refill in the middle.
    fn middle(&self) -> u64 {
        self.cycles[REFILLS.len() / 2]
    }
}

/// One block.
#[derive(Default, Debug)]
struct Block {
    total: Spent,
    kinds: BTreeMap<Kind, Spent>,
    /// By stage and function.
    places: BTreeMap<(&'static str, String), Spent>,
}

/// Estimates the cycles of blocks, prints them and puts them into a document if asked to.
pub fn run(shapes: &[String], document: Option<&Path>) -> Result<()> {
    let target = targets::TARGETS.iter().find(|target| target.name == TARGET).context(TARGET)?;
    toolchain::ensure_emulator(target)?;
    toolchain::ensure_target(target.triple)?;
    let shapes = if shapes.is_empty() { SHAPES.to_owned() } else { shapes.join(";") };
    let mut meter = Meter::default();
    let elf = firmware::build_with(target, firmware::COUNT, &[], &[("SHAPES", &shapes)])?;
    trace::run(target, &elf, &mut meter)?;
    let shapes: Vec<[u64; 4]> = shapes.split(';').map(shape::parse).collect::<Result<_>>()?;
    ensure!(shapes.len() == meter.blocks.len(), "the emulator's log shows {} blocks", meter.blocks.len());

    let summary = summary(&shapes, &meter.blocks);
    println!("{summary}");
    let mut written = summary;
    for (shape, block) in shapes.iter().zip(&meter.blocks) {
        let [s, e, h, p] = shape;
        let places = format!("Where the cycles go at {s},{e},{h},{p}:\n\n{}\n{}", by_place(block), by_kind(block));
        println!("{places}");
        if *shape == DETAILED {
            written += &format!("\n{places}");
        }
    }
    println!(
        "An estimate: executed instructions by kind and order, times Arm's published cycles (xtask/src/timing.rs)."
    );
    document.map_or(Ok(()), |path| markdown::replace(path, "cycles", |_| written))
}

fn summary(shapes: &[[u64; 4]], blocks: &[Block]) -> String {
    let head = [
        "shape S,E,H,P",
        "MACs",
        "instructions",
        "cycles",
        "MAC per cycle",
        "refill 3 to 1",
        "measured by others",
        "CMSIS-NN then",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    for (shape, block) in shapes.iter().zip(blocks) {
        let [s, e, h, p] = *shape;
        let macs = shape::macs(&[s, e, h, p]);
        let rate = |cycles: u64| format!("{:.3}", macs as f64 / cycles as f64);
        let [best, _, worst] = block.total.cycles;
        let measured = MEASURED.iter().find(|(of, ..)| of == shape);
        rows.push(vec![
            format!("{s},{e},{h},{p}"),
            grouped(macs),
            grouped(block.total.instructions),
            grouped(block.total.middle()),
            rate(block.total.middle()),
            format!("{} to {}", rate(worst), rate(best)),
            measured.map_or(String::new(), |(_, rate, _)| format!("{rate:.3}")),
            measured.map_or(String::new(), |(.., rate)| format!("{rate:.3}")),
        ]);
    }
    layout(&rows)
}

fn by_place(block: &Block) -> String {
    let mut rows = vec![["stage and function", "instructions", "cycles", "share"].map(String::from).to_vec()];
    let share = |spent: &Spent| spent.middle() as f64 / block.total.middle() as f64;
    let row = |stage: &str, function: &str, spent: &Spent| {
        let percent = format!("{:.1} %", 100.0 * share(spent));
        vec![format!("{stage}: {function}"), grouped(spent.instructions), grouped(spent.middle()), percent]
    };
    for stage in STAGES.map(|(_, stage)| stage).into_iter().chain([OUTPUT, BETWEEN]) {
        let mut functions: Vec<_> = block.places.iter().filter(|((of, _), _)| *of == stage).collect();
        functions.sort_by_key(|(_, spent)| std::cmp::Reverse(spent.middle()));
        let mut rest = Spent::default();
        for ((_, function), spent) in functions {
            if share(spent) < SMALL {
                rest.add(*spent);
            } else {
                rows.push(row(stage, function, spent));
            }
        }
        if rest.instructions > 0 {
            rows.push(row(stage, "others", &rest));
        }
    }
    layout(&rows)
}

fn by_kind(block: &Block) -> String {
    let mut rows = vec![["kind", "instructions", "cycles", "share"].map(String::from).to_vec()];
    for (kind, spent) in &block.kinds {
        let percent = format!("{:.1} %", 100.0 * spent.middle() as f64 / block.total.middle() as f64);
        rows.push(vec![kind.name().into(), grouped(spent.instructions), grouped(spent.middle()), percent]);
    }
    layout(&rows)
}

/// The kernels that start a stage. The last `linear` of a block is the output projection.
const STAGES: [(&str, &str); 4] = [
    (" as heedful::kernels::Kernels>::linear", "QKV"),
    (" as heedful::kernels::Kernels>::tile_scores", "scores"),
    (" as heedful::kernels::Kernels>::tile_softmax", "softmax"),
    (" as heedful::kernels::Kernels>::tile_weighted_sum", "weighted sum"),
];
const OUTPUT: &str = "output";
const BETWEEN: &str = "between";

/// Adds up cycles.
#[derive(Default)]
struct Meter {
    timings: HashMap<u32, Timing>,
    before: Option<u32>,
    stage: Option<&'static str>,
    /// Of the stage that runs, by function.
    running: HashMap<usize, Spent>,
    names: HashMap<usize, String>,
    block: Block,
    blocks: Vec<Block>,
}

impl Meter {
    /// The stage that ran is over.
    fn close(&mut self, stage: Option<&'static str>) {
        for (function, spent) in self.running.drain() {
            let name = self.names.get(&function).cloned().unwrap_or_default();
            self.block.places.entry((stage.unwrap_or(BETWEEN), name)).or_default().add(spent);
        }
    }
}

impl Visitor for Meter {
    fn executed(&mut self, instruction: &Instruction, pc: u32, next: u32, symbols: &Symbols) {
        let full = symbols.name(instruction.function);
        if instruction.entry
            && let Some((_, stage)) = STAGES.iter().find(|(name, _)| full.contains(name))
        {
            let ended = self.stage.replace(stage);
            self.close(ended);
        }
        self.timings.entry(pc).or_insert_with(|| Timing::of(instruction));
        let Some(timing) = self.timings.get(&pc) else { return };
        let before = self.before.and_then(|before| self.timings.get(&before));
        let taken = next != pc + instruction.bytes;
        let cycles = REFILLS.map(|refill| timing.cycles(before, taken, refill));
        let spent = Spent { instructions: 1, cycles };
        self.before = Some(pc);
        if full.starts_with("firmware::") || full.starts_with("heedful::attention::") || full.contains("counter::") {
            self.block.places.entry((BETWEEN, short(full).to_owned())).or_default().add(spent);
        } else {
            self.names.entry(instruction.function).or_insert_with(|| short(full).to_owned());
            self.running.entry(instruction.function).or_default().add(spent);
        }
        self.block.kinds.entry(timing.kind).or_default().add(spent);
        self.block.total.add(spent);
    }

    fn block_ends(&mut self) {
        let ended = self.stage.take().map(|stage| if stage == "QKV" { OUTPUT } else { stage });
        self.close(ended);
        self.before = None;
        self.blocks.push(std::mem::take(&mut self.block));
    }
}

/// A function's name without its path.
fn short(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}
