//! `cargo xtask count`: executed instructions of attention blocks, of encoder blocks and of a matrix product on
//! emulated boards.

mod encoder;
pub mod parts;

use crate::hosted::{self, HOSTED, Hosted};
use crate::report::{grouped, layout};
use crate::shape::macs;
use crate::targets::{TARGETS, Target};
use crate::{emulator, firmware, markdown, symbols, toolchain};
use anyhow::{Context, Result, ensure};
use encoder::Encoders;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// Shapes that are counted, those of the competitor's figures: large ones, and narrow ones as small models have them.
const SHAPES: &str = "32,32,8,32;81,32,8,32;128,64,4,16;64,64,4,16;16,64,1,64;197,192,3,64;98,64,1,64;\
     64,24,2,12;96,48,6,8;49,40,5,8;81,24,3,8;25,24,2,12;7,12,2,6";
const STAGES: [&str; 5] = ["qkv", "scores", "softmax", "weighted_sum", "output"];
/// MACs of a block that is more than its overhead.
const LARGE: u64 = 250_000;
/// The second table.
const ENCODER: &str = "An encoder block with feed-forward layers of twice the width";
/// What others need, as facts.
const COMPETITORS: &str = include_str!("../competitors.json");

/// One count.
#[derive(Debug)]
pub struct Count {
    target: &'static str,
    /// `block` or `product`.
    pub kernel: &'static str,
    shape: Vec<u64>,
    /// In total.
    pub instructions: u64,
    stages: Vec<(String, u64)>,
}

/// All counts of a target.
struct Counted {
    counts: Vec<Count>,
    encoders: Encoders,
    backend: String,
    /// Bytes of the kernels.
    code: u64,
}

/// Where `run` writes, besides the terminal.
#[derive(Default, Debug)]
pub struct Outputs {
    /// For machines.
    pub json: Option<PathBuf>,
    /// A document with a section of counts.
    pub markdown: Option<PathBuf>,
}

/// Counts on these targets, and prints a table for each.
pub fn run(
    targets: &[&'static Target],
    hosted: &[&'static Hosted],
    shapes: &[String],
    outputs: &Outputs,
) -> Result<()> {
    let competitor: Value = serde_json::from_str(COMPETITORS).context("competitors.json")?;
    let shapes = if shapes.is_empty() { SHAPES.to_owned() } else { shapes.join(";") };
    let mut rows = Vec::new();
    let mut parts = Vec::new();
    let mut encoder_parts = Vec::new();
    for target in targets {
        toolchain::ensure_emulator(target)?;
        toolchain::ensure_target(target.triple)?;
        let counted = count(target, &shapes).with_context(|| target.name)?;
        let text = counted.text(&competitor);
        let encoders = counted.encoders.text();
        println!("### {}\n\n{text}\n{ENCODER}:\n\n{encoders}", target.core);
        parts.push((target.core.to_owned(), text));
        encoder_parts.push((target.core.to_owned(), encoders));
        rows.extend(counted.counts.iter().map(|count| count.json(&competitor)));
        rows.extend(counted.encoders.json(target.name));
    }
    for target in hosted {
        let Some(printed) = hosted::count(target.name, &shapes).with_context(|| target.name)? else { continue };
        let counted: Vec<_> = printed.lines().filter_map(|line| parse(target.name, line)).collect();
        let all = Encoders::parse(&printed);
        let (text, encoders) = (table(&counted, &competitor), all.text());
        println!("### {}\n\n{text}\n{ENCODER}:\n\n{encoders}", target.core);
        parts.push((target.core.to_owned(), text));
        encoder_parts.push((target.core.to_owned(), encoders));
        rows.extend(counted.iter().map(|count| count.json(&competitor)));
        rows.extend(all.json(target.name));
    }
    let [name, version, counted] = ["name", "version", "counted"].map(|key| competitor[key].as_str().unwrap_or("?"));
    println!("Executed instructions, counted by the emulator; they are not cycles.\n{name} {version}: {counted}");
    if let Some(path) = &outputs.json {
        let text = serde_json::to_string_pretty(&rows)?;
        fs::write(path, text + "\n").with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &outputs.markdown {
        let headings: Vec<String> =
            TARGETS.iter().map(|t| t.core).chain(HOSTED.iter().map(|t| t.core)).map(str::to_owned).collect();
        markdown::replace(path, "counts", |old| markdown::merged(old, &parts, &headings))?;
        markdown::replace(path, "encoder counts", |old| markdown::merged(old, &encoder_parts, &headings))?;
    }
    Ok(())
}

/// Runs the counting firmware.
fn count(target: &'static Target, shapes: &str) -> Result<Counted> {
    let target = target.with_more_memory();
    let env = [("SHAPES", shapes)];
    let elf = firmware::build_with(&target, firmware::COUNT, &[], &env)?;
    let printed = emulator::run(&target, &elf)?;
    let backend = printed.lines().find_map(|line| line.strip_prefix("count done backend="));
    let backend = backend.context("the board did not finish")?.to_owned();
    let counts: Vec<_> = printed.lines().filter_map(|line| parse(target.name, line)).collect();
    let encoders = Encoders::parse(&printed);
    let expected = shapes.split(';').count();
    ensure!(counts.len() == expected + 1 && encoders.len() == expected, "the board left out a shape");
    Ok(Counted { counts, encoders, backend, code: symbols::read(&elf)?.kernels() })
}

/// `block 32,32,8,32 total=1 qkv=2 …` or `product 128,64,64 total=1`
pub fn parse(target: &'static str, line: &str) -> Option<Count> {
    let mut words = line.split(' ');
    let kernel = match words.next()? {
        "block" => "block",
        "product" => "product",
        _ => return None,
    };
    let shape = words.next()?.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
    let mut figures = words.filter_map(|word| {
        let (name, figure) = word.split_once('=')?;
        Some((name.to_owned(), figure.parse().ok()?))
    });
    let (_, instructions) = figures.next()?;
    Some(Count { target, kernel, shape, instructions, stages: figures.collect() })
}

impl Counted {
    /// The table, and what else there is to say.
    fn text(&self, competitor: &Value) -> String {
        let Self { counts, backend, code, .. } = self;
        let code = grouped(*code);
        let mut text = table(counts, competitor);
        text += &format!("\nKernels of the block: {backend}, {code} bytes of code.");
        let target = counts.first().map_or("", |count| count.target);
        if let Some((instruction, limit)) = multiplications(backend, target) {
            let times = |kernel| {
                let of = |count: &&Count| count.kernel == kernel && macs(&count.shape) >= LARGE;
                let each = counts.iter().filter(of).map(|count| count.per_mac() / limit);
                each.fold((f64::INFINITY, 0.0_f64), |(least, most), times| (least.min(times), most.max(times)))
            };
            let ((_, product), (least, most)) = (times("product"), times("block"));
            text += &format!(
                " Int8 products alone would take {limit:.4} {instruction} per MAC: \
                 the product takes {product:.2} times that"
            );
            if most > 0.0 {
                text += &format!(", the larger blocks {least:.2} to {most:.2}");
            }
            text += ".";
        }
        text + "\n"
    }
}

/// The instruction that does a backend's int8 products, and how many of it a MAC needs.
fn multiplications(backend: &str, target: &str) -> Option<(&'static str, f64)> {
    Some(match (backend, target) {
        ("DSP", _) => ("SMLAD", 1.0 / 2.0),
        ("Helium", _) => ("VMLADAVA", 1.0 / 16.0),
        // Two multiplications for three products.
        ("Thumb", "cortex-m0") => ("MULS", 2.0 / 3.0),
        ("Thumb", _) => ("MLA", 2.0 / 3.0),
        ("RV32", _) => ("MUL", 2.0 / 3.0),
        // Eight registers of 32-bit lanes.
        ("RVV", "rvv128") => ("VWMACC", 1.0 / 32.0),
        ("RVV", "rvv256") => ("VWMACC", 1.0 / 64.0),
        ("RVV", "rvv512") => ("VWMACC", 1.0 / 128.0),
        _ => return None,
    })
}

impl Count {
    fn per_mac(&self) -> f64 {
        self.instructions as f64 / macs(&self.shape) as f64
    }

    /// Such as `32,32,8,32`.
    pub fn shape(&self) -> String {
        let sizes: Vec<String> = self.shape.iter().map(u64::to_string).collect();
        sizes.join(",")
    }

    /// What the competitor needs for the same, where it is known.
    fn competitor<'v>(&self, competitor: &'v Value) -> Option<&'v Value> {
        let figures = competitor["figures"].as_array()?;
        let same = |figure: &&Value| {
            figure["target"] == self.target && figure["kernel"] == self.kernel && figure["shape"] == json!(self.shape)
        };
        figures.iter().find(same)
    }

    fn json(&self, competitor: &Value) -> Value {
        let other = self.competitor(competitor).and_then(|other| other["instructions"].as_u64());
        let stages: serde_json::Map<String, Value> =
            self.stages.iter().map(|(name, count)| (name.clone(), json!(count))).collect();
        json!({
            "target": self.target,
            "kernel": self.kernel,
            "shape": self.shape,
            "macs": macs(&self.shape),
            "instructions": self.instructions,
            "per_mac": (self.per_mac() * 1e4).round() / 1e4,
            "stages": stages,
            "competitor": other,
            "ratio": other.map(|other| (self.instructions as f64 / other as f64 * 1e4).round() / 1e4),
        })
    }
}

/// A Markdown table of one target's counts, with those of the competitor below each that is known.
fn table(counts: &[Count], competitor: &Value) -> String {
    let name = competitor["name"].as_str().unwrap_or("competitor");
    let mut head = vec!["shape S,E,H,P".to_owned(), "instructions".into(), "per MAC".into()];
    head.extend(STAGES.map(|stage| stage.replace('_', " ")));
    head.push("ratio".into());
    let mut rows = vec![head];
    for count in counts {
        let shape = match count.kernel {
            "product" => format!("product {}", count.shape()),
            _ => count.shape(),
        };
        let mut row = vec![shape, grouped(count.instructions), format!("{:.3}", count.per_mac())];
        for stage in STAGES {
            let figure = count.stages.iter().find(|(name, _)| name == stage);
            row.push(figure.map_or(String::new(), |(_, figure)| grouped(*figure)));
        }
        let other = count.competitor(competitor).and_then(|other| Some((other, other["instructions"].as_u64()?)));
        row.push(other.map_or(String::new(), |(_, total)| format!("{:.2}", count.instructions as f64 / total as f64)));
        rows.push(row);
        if let Some((other, total)) = other {
            let per_mac = total as f64 / macs(&count.shape) as f64;
            let mut row = vec![format!("— {name}"), grouped(total), format!("{per_mac:.3}")];
            row.extend(STAGES.map(|stage| other["stages"][stage].as_u64().map_or(String::new(), grouped)));
            row.push(String::new());
            rows.push(row);
        }
    }
    layout(&rows)
}
