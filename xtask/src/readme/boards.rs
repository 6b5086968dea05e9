//! The table of emulated boards, and what one target's firmware needs.

use super::{Figures, clips};
use crate::firmware;
use crate::on_target::{against_host, listen};
use crate::output::ModelRun;
use crate::report::grouped;
use crate::targets::{TARGETS, Target};
use crate::{listening, microphone, toolchain};
use anyhow::{Context, Result};

/// Rows of the README: a target, its name, the model.
const ROWS: &[(&str, &str, &str)] = &[
    ("cortex-m4", "Cortex-M4", "digits"),
    ("cortex-m7", "Cortex-M7", "digits"),
    ("cortex-m33", "Cortex-M33", "digits"),
    ("cortex-m55", "Cortex-M55", "digits"),
    ("cortex-m3", "Cortex-M3", "digits"),
    ("cortex-m0", "Cortex-M0", "digits_small"),
    ("rv32imac", "RV32IMAC", "digits"),
    ("rv32imc", "RV32IMC", "digits"),
    ("rvv128", "RV32 with V, VLEN 128", "digits"),
];
/// The core that the README's listener speaks of.
const LISTENS: &str = "cortex-m4";
/// Frames of the front end in a second.
const FRAMES: u64 = 100;

/// Runs the firmware with the clips on each.
pub fn measure(figures: &mut Figures) -> Result<()> {
    if figures.no_firmware.is_some() {
        return Ok(());
    }
    let mut table = vec![
        "| core | model | kernels | clips equal to the host | instructions per inference \
         | flash, all in | RAM | stack |"
            .to_owned(),
        "|---|---|---|---|---|---|---|---|".into(),
    ];
    let mut heard = vec!["| core | bands | a frame | a second of sound |".to_owned(), "|---|---:|---:|---:|".into()];
    for &(name, core, model) in ROWS {
        let target = TARGETS.iter().find(|target| target.name == name).context("no such target")?;
        println!("  {}", target.core);
        toolchain::ensure_emulator(target)?;
        toolchain::ensure_target(target.triple)?;
        let runs = listen(target)?;
        let run = runs.iter().find(|run| run.name == model).context("the board ran another model")?;
        table.push(row(target, core, run)?);
        let mean = inference(run);
        figures.set(&format!("{name} inference"), grouped(mean));
        let frame = front_end(run);
        // In millions, for a text.
        figures.set(&format!("{name} front end"), format!("{:.1} million", (frame * FRAMES) as f64 / 1e6));
        let bands = if model == "digits" { 32 } else { 24 };
        heard.push(format!("| {core} | {bands} | {} | {} |", grouped(frame), grouped(frame * FRAMES)));
        for run in &runs {
            figures.set(&format!("{name} {} RAM", run.name), grouped(run.state));
        }
        if name == LISTENS {
            lost(figures, target)?;
            listens(figures)?;
        }
    }
    figures.set("boards", table.join("\n"));
    figures.set("front end", heard.join("\n"));
    models(figures)
}

fn row(target: &Target, core: &str, run: &ModelRun) -> Result<String> {
    let (equal, verdict) = against_host(target, run);
    verdict?;
    let flash = firmware::flash(&firmware::smallest(target, &run.name)?)?;
    let fit = if target.all_clips { "" } else { " that fit" };
    Ok(format!(
        "| {core} | {} | {} | {equal} of {}{fit} | {} | {} | {} | {} |",
        run.name,
        run.kernels,
        run.clips.len(),
        grouped(inference(run)),
        grouped(flash),
        grouped(run.state),
        grouped(run.stack)
    ))
}

/// Instructions, mean over the clips.
pub fn inference(run: &ModelRun) -> u64 {
    run.clips.iter().map(|clip| clip.inference).sum::<u64>() / run.clips.len().max(1) as u64
}

/// Instructions of the front end for a frame.
fn front_end(run: &ModelRun) -> u64 {
    let sum = |of: fn(&crate::output::ClipRun) -> u64| run.clips.iter().map(of).sum::<u64>();
    sum(|clip| clip.front_end) / sum(|clip| clip.frames).max(1)
}

/// What the listener of the README loses of a minute, and with a queue that is too short.
fn lost(figures: &mut Figures, target: &Target) -> Result<()> {
    let minutes = microphone::run(target)?;
    microphone::check(target, &minutes)?;
    for (name, queue) in [("", minutes.long), ("short ", minutes.short)] {
        figures.set(&format!("{name}queue"), grouped(queue.holds));
        figures.set(&format!("{name}lost"), format!("{} of {}", grouped(queue.lost), grouped(queue.brought)));
    }
    figures.set("rate", format!("{:.1} million", target.rate()? / 1e6));
    Ok(())
}

/// What it takes to listen there.
fn listens(figures: &mut Figures) -> Result<()> {
    let (section, counts) = listening::usual()?;
    figures.set("listening", section.trim());
    for (name, instructions) in [("sound M4", counts.sound), ("silence M4", counts.silence)] {
        figures.set(name, format!("{:.1} million", instructions as f64 / 1e6));
    }
    figures.set("slice M4", grouped(counts.largest));
    Ok(())
}

/// The table of models, from what is known by now.
fn models(figures: &mut Figures) -> Result<()> {
    for (model, target) in clips::MODELS.into_iter().zip(["cortex-m4", "cortex-m0"]) {
        let ram = figures.get(&format!("{target} {model} RAM"))?.unwrap_or_default();
        figures.set(&format!("{model} RAM"), ram);
    }
    Ok(())
}
