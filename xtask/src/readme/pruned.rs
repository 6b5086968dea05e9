//! What is left of the model of digits when heads go.

#[path = "../../../lab/src/remove_heads.rs"]
mod remove_heads;

use super::{Figures, boards, clips};
use crate::firmware::{LISTEN, feature};
use crate::report::grouped;
use crate::targets::TARGETS;
use crate::{emulator, firmware, output, root, toolchain};
use anyhow::{Context, Result};
use heedful::format::write::EncoderModel;
use remove_heads::remove_heads;
use std::fs;
use std::path::Path;

/// The order in which `heedful prune --keep` removes heads.
const ORDER: [&str; 6] = ["1.0", "0.1", "0.0", "2.0", "0.2", "1.1"];
/// Blocks, and heads of each.
const SHAPE: (usize, usize) = (3, 3);
/// What [`measure`] sets.
pub const FIGURES: [&str; 2] = ["pruned", "each head"];

/// The table of the card, and what is left without each head alone.
pub fn measure(figures: &mut Figures) -> Result<()> {
    if figures.no_firmware.is_some() {
        return Ok(());
    }
    let Some(recordings) = clips::recordings()? else {
        figures.skip(&FIGURES, clips::NO_DATA);
        return Ok(());
    };
    let path = root().join("models/digits.heed");
    let whole = EncoderModel::load(&fs::read(&path)?)?;
    let pruned = std::env::temp_dir().join(format!("heedful-pruned-{}.heed", std::process::id()));
    let head =
        "| heads kept | removed (block.head) | recognised | bytes | multiply-accumulates | instructions, Cortex-M4 |";
    let mut table = vec![head.to_owned(), "|---:|---|---:|---:|---:|---:|".into()];
    for removed in 0..=ORDER.len() {
        println!("  {removed} heads removed");
        prune(&whole, &ORDER[..removed], &pruned)?;
        let model = heedful::dynamic::Model::load(&fs::read(&pruned)?)?;
        let last = removed.checked_sub(1).map(|i| ORDER[i]);
        let name = match (removed, last) {
            (_, None) => String::new(),
            (1, Some(head)) => format!("{head} "),
            (_, Some(head)) => format!("and {head} "),
        };
        table.push(format!(
            "| {} | {name}| {} | {} | {} | {} |",
            SHAPE.0 * SHAPE.1 - removed,
            recognised(&pruned, &recordings)?,
            grouped(model.flash_bytes() as u64),
            grouped(model.macs() as u64),
            grouped(instructions(&pruned)?)
        ));
    }
    figures.set("pruned", table.join("\n"));
    let mut each = Vec::new();
    for (block, head) in (0..SHAPE.0).flat_map(|block| (0..SHAPE.1).map(move |head| (block, head))) {
        prune(&whole, &[&format!("{block}.{head}")], &pruned)?;
        let verb = if each.is_empty() { "leaves " } else { "" };
        each.push(format!("{block}.{head} {verb}{}", recognised(&pruned, &recordings)?));
    }
    figures.set("each head", each.join(", "));
    fs::remove_file(&pruned)?;
    fs::remove_dir_all(&recordings)?;
    Ok(())
}

/// Writes the model without some heads, as `heedful prune` does.
fn prune(model: &EncoderModel, heads: &[&str], out: &Path) -> Result<()> {
    let pruned = remove_heads(model, |block, head| heads.contains(&format!("{block}.{head}").as_str()));
    fs::write(out, pruned.to_bytes()?).with_context(|| out.display().to_string())
}

fn recognised(model: &Path, recordings: &Path) -> Result<u64> {
    let [model, recordings] = [model, recordings].map(|path| path.to_str().context("a path that is not UTF-8"));
    let printed = clips::example("spoken_digits", &["--model", model?, "--dir", recordings?])?;
    Ok(clips::score(&printed, "accuracy ")?.0)
}

/// Of an inference, with the file in the place of `models/digits.heed`.
fn instructions(model: &Path) -> Result<u64> {
    let target = TARGETS.iter().find(|target| target.name == "cortex-m4").context("no such target")?;
    toolchain::ensure_emulator(target)?;
    toolchain::ensure_target(target.triple)?;
    let path = model.to_str().context("a path that is not UTF-8")?;
    // The firmware of the table of boards, so that the whole model takes what it takes there.
    let features: Vec<String> = target.models.iter().map(|model| feature(model)).collect();
    let elf = firmware::build_with(target, LISTEN, &features, &[("DIGITS", path)])?;
    let runs = output::parse(&emulator::run(target, &elf)?)?;
    Ok(boards::inference(runs.iter().find(|run| run.name == "digits").context("the board ran another model")?))
}
