//! What other documents and programs measure: ratios to the competitor, signal to noise.

use super::{Figures, clips};
use crate::root;
use anyhow::{Context, Result, ensure};
use std::fs;

/// Reads the counts of `docs/performance.md`, which `cargo xtask count` writes, and runs the example `snr`.
pub fn measure(figures: &mut Figures) -> Result<()> {
    let performance = fs::read_to_string(root().join("docs/performance.md"))?;
    for (name, heading) in [("M4 ratios", "Cortex-M4 with FPU"), ("M55 ratios", "Cortex-M55 with Helium")] {
        figures.set(name, ratios(&performance, heading).with_context(|| heading.to_owned())?);
    }
    let snr = clips::example("snr", &[])?;
    let row =
        snr.lines().find(|line| line.starts_with("| 64 | 512 |")).context("snr prints no row of 512 positions")?;
    let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
    for (name, column) in [("exact dB", 2), ("wide dB", 3), ("usual dB", 5)] {
        let real = cells.get(column).and_then(|cell| cell.split(" / ").next()).context("snr prints fewer columns")?;
        figures.set(name, real);
    }
    Ok(())
}

/// The least and the largest ratio of a target's blocks, in per cent.
fn ratios(document: &str, heading: &str) -> Result<String> {
    let start = document.find(&format!("### {heading}\n")).context("no such heading")?;
    let blocks = document[start..].lines().skip(1).take_while(|line| !line.starts_with("### "));
    let ratio = |line: &str| line.trim_end_matches('|').rsplit('|').next()?.trim().parse::<f64>().ok();
    let ratios: Vec<f64> = blocks.filter(|line| !line.starts_with("| product")).filter_map(ratio).collect();
    ensure!(!ratios.is_empty(), "no ratios");
    let (least, most) = ratios.iter().fold((f64::MAX, 0f64), |(least, most), &x| (least.min(x), most.max(x)));
    Ok(format!("{:.0} to {:.0} %", 100.0 * least, 100.0 * most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ratios() {
        let document = "### A\n\n| s | ratio |\n|--|--:|\n| x | 0.26 |\n| y | 0.14 |\n| z |  |\n| product | 0.9 |\n\
            \n### B\n| x | 0.01 |\n";
        assert_eq!(ratios(document, "A").unwrap(), "14 to 26 %");
        assert!(ratios(document, "C").is_err());
    }
}
