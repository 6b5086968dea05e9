//! `cargo xtask count`: executed instructions of attention blocks and of a matrix product on emulated boards.

use crate::report::{grouped, layout};
use crate::targets::{TARGETS, Target};
use crate::{emulator, firmware, toolchain};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Shapes that are counted: those of the competitor's figures, and three that fit no tile.
const SHAPES: &str =
    "32,32,8,32;81,32,8,32;128,64,4,16;64,64,4,16;16,64,1,64;197,192,3,64;49,40,5,8;81,24,3,8;7,12,2,6";
const STAGES: [&str; 5] = ["qkv", "scores", "softmax", "weighted_sum", "output"];
/// What others need, as facts.
const COMPETITORS: &str = include_str!("../competitors.json");

/// One count.
#[derive(Debug)]
struct Count {
    target: &'static str,
    kernel: &'static str,
    shape: Vec<u64>,
    instructions: u64,
    stages: Vec<(String, u64)>,
}

/// Counts on these targets (all if none is named), prints a table for each, and writes `json` if asked to.
pub fn run(targets: &[&'static Target], shape: Option<&str>, json: Option<&Path>) -> Result<()> {
    let competitor: Value = serde_json::from_str(COMPETITORS).context("competitors.json")?;
    let chosen: Vec<&'static Target> = if targets.is_empty() { TARGETS.iter().collect() } else { targets.to_vec() };
    let mut counts = Vec::new();
    for target in chosen {
        toolchain::ensure_emulator(target)?;
        toolchain::ensure_target(target)?;
        let counted = count(target, shape.unwrap_or(SHAPES)).with_context(|| target.name)?;
        println!("### {}\n\n{}", target.core, table(&counted, &competitor));
        counts.extend(counted);
    }
    let [name, version, counted] = ["name", "version", "counted"].map(|key| competitor[key].as_str().unwrap_or("?"));
    println!("Executed instructions, counted by the emulator; they are not cycles.\n{name} {version}: {counted}");
    if let Some(path) = json {
        let rows: Vec<Value> = counts.iter().map(|count| count.json(&competitor)).collect();
        let text = serde_json::to_string_pretty(&rows)?;
        fs::write(path, text + "\n").with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Runs the counting firmware.
fn count(target: &'static Target, shapes: &str) -> Result<Vec<Count>> {
    let target = roomy(target);
    for shape in shapes.split(';') {
        let sizes: Vec<_> = shape.split(',').map(str::parse::<u64>).collect();
        ensure!(
            sizes.len() == 4 && sizes.iter().all(|size| matches!(size, Ok(1..=4096))),
            "not a shape: {shape}; expected positions,width,heads,head dimension"
        );
    }
    let env = [("SHAPES", shapes)];
    let elf = firmware::build_with(&target, firmware::COUNT, &[], &env)?;
    let printed = emulator::run(&target, &elf)?;
    ensure!(printed.contains("count done"), "the board did not finish");
    let counts: Vec<_> = printed.lines().filter_map(|line| parse(target.name, line)).collect();
    ensure!(counts.len() == shapes.split(';').count() + 1, "the board left out a shape");
    Ok(counts)
}

/// Boards with little memory are counted on one with the same instruction set and more of it.
fn roomy(target: &Target) -> Target {
    match target.name {
        "cortex-m0" => Target {
            env: &[("MACHINE", "mps2-an385")],
            machine: &["-M", "mps2-an385", "-icount", "shift=6"],
            ..*target
        },
        _ => *target,
    }
}

/// `block 32,32,8,32 total=1 qkv=2 …` or `product 128,64,64 total=1`
fn parse(target: &'static str, line: &str) -> Option<Count> {
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

impl Count {
    fn macs(&self) -> u64 {
        match *self.shape.as_slice() {
            [s, e, h, p] => 4 * s * e * h * p + 2 * s * s * h * p,
            [rows, inputs, outputs] => rows * inputs * outputs,
            _ => 0,
        }
    }

    fn per_mac(&self) -> f64 {
        self.instructions as f64 / self.macs() as f64
    }

    fn shape(&self) -> String {
        let sizes: Vec<String> = self.shape.iter().map(u64::to_string).collect();
        sizes.join(",")
    }

    /// What the competitor needs for the same, where it is known.
    fn competitor(&self, competitor: &Value) -> Option<u64> {
        let figures = competitor["figures"].as_array()?;
        let same = |figure: &&Value| {
            figure["target"] == self.target && figure["kernel"] == self.kernel && figure["shape"] == json!(self.shape)
        };
        figures.iter().find(same)?["instructions"].as_u64()
    }

    fn json(&self, competitor: &Value) -> Value {
        let other = self.competitor(competitor);
        let stages: serde_json::Map<String, Value> =
            self.stages.iter().map(|(name, count)| (name.clone(), json!(count))).collect();
        json!({
            "target": self.target,
            "kernel": self.kernel,
            "shape": self.shape,
            "macs": self.macs(),
            "instructions": self.instructions,
            "per_mac": (self.per_mac() * 1e4).round() / 1e4,
            "stages": stages,
            "competitor": other,
            "ratio": other.map(|other| (self.instructions as f64 / other as f64 * 1e4).round() / 1e4),
        })
    }
}

/// A Markdown table of one target's counts.
fn table(counts: &[Count], competitor: &Value) -> String {
    let name = competitor["name"].as_str().unwrap_or("competitor");
    let mut head = vec!["shape S,E,H,P".to_owned(), "instructions".into(), "per MAC".into()];
    head.extend(STAGES.map(|stage| stage.replace('_', " ")));
    head.extend([name.to_owned(), "ratio".into()]);
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
        let other = count.competitor(competitor);
        row.push(other.map_or(String::new(), grouped));
        row.push(other.map_or(String::new(), |other| format!("{:.2}", count.instructions as f64 / other as f64)));
        rows.push(row);
    }
    layout(&rows)
}

/// Checks `--shape`.
pub fn shape(text: String) -> Result<String> {
    let sizes: Vec<_> = text.split(',').map(|size| size.trim().parse::<u32>()).collect();
    match sizes.as_slice() {
        [Ok(1..), Ok(1..), Ok(1..), Ok(1..)] => Ok(text.replace(' ', "")),
        _ => bail!("--shape {text:?}: expected positions,width,heads,head dimension, such as 32,32,8,32"),
    }
}
