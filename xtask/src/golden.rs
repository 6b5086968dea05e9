//! The golden files: a target's logits and events as they were when somebody last looked and agreed.
//!
//! They notice a change of bits that host and target share.

use crate::output::ModelRun;
use crate::root;
use crate::targets::Target;
use anyhow::{Context, Result, bail};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

const HEADER: &str = "# model clip logits; then the events of a minute; written by `cargo xtask on-target --bless`\n";

/// How lines of events begin.
const EVENT: &str = "event ";

fn path(target: &Target) -> PathBuf {
    root().join("boards/golden").join(format!("{}.txt", target.name))
}

fn text(models: &[ModelRun], events: &[String]) -> String {
    let mut text = String::from(HEADER);
    for model in models {
        for clip in &model.clips {
            let logits: Vec<_> = clip.logits.iter().map(i16::to_string).collect();
            _ = writeln!(text, "{} {} {}", model.name, clip.name, logits.join(","));
        }
    }
    for event in events {
        _ = writeln!(text, "{event}");
    }
    text
}

/// Writes the golden file anew.
pub fn bless(target: &Target, models: &[ModelRun], events: &[String]) -> Result<()> {
    let path = path(target);
    fs::create_dir_all(root().join("boards/golden"))?;
    fs::write(&path, text(models, events)).with_context(|| path.display().to_string())
}

/// Compares a run with the golden file, without its events where the run has none; gives the number of lines.
pub fn compare(target: &Target, models: &[ModelRun], events: Option<&[String]>) -> Result<usize> {
    let path = path(target);
    let golden = fs::read_to_string(&path)
        .with_context(|| format!("{} (cargo xtask on-target --bless writes it)", path.display()))?;
    let is_compared = |line: &&str| !line.starts_with('#') && (events.is_some() || !line.starts_with(EVENT));
    let mut expected = golden.lines().filter(is_compared);
    let now = text(models, events.unwrap_or_default());
    let mut equal = 0;
    for line in now.lines().filter(|line| !line.starts_with('#')) {
        match expected.next() {
            Some(golden) if golden == line => equal += 1,
            Some(golden) => bail!("golden: {golden}\n   now: {line}"),
            None => bail!("not in the golden file: {line}"),
        }
    }
    if let Some(missing) = expected.next() {
        bail!("only in the golden file: {missing}");
    }
    Ok(equal)
}

/// The clips that a model heard, and the events of the minute.
#[cfg(test)]
pub fn heard(target: &Target, model: &str) -> Result<(Vec<String>, Vec<String>)> {
    let golden = fs::read_to_string(path(target))?;
    let clip = |line: &str| Some(line.strip_prefix(model)?.strip_prefix(' ')?.split(' ').next()?.to_owned());
    let events = golden.lines().filter(|line| line.starts_with(EVENT)).map(str::to_owned);
    Ok((golden.lines().filter_map(clip).collect(), events.collect()))
}
