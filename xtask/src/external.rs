//! Weights that lie where the firmware puts them: what the linker placed, and what the board reads.

use crate::host::Reference;
use crate::targets::Target;
use crate::{emulator, firmware, output, root};
use anyhow::{Context, Result, bail, ensure};
use object::{Object, ObjectSection};
use std::fs;
use std::ops::Range;
use std::path::Path;

/// The model whose weights are placed.
const MODEL: &str = "digits";
/// The section that they are put into, and the memory of it in capitals.
const SECTION: &str = ".external";
/// Bytes of the weights that nothing else in the firmware may hold.
const SAMPLE: usize = 64;

/// Builds and runs the firmware; nothing on machines without such a memory.
pub fn check(target: &Target) -> Result<Option<String>> {
    let Some(memory) = memory(target)? else { return Ok(None) };
    let elf = firmware::build(target, firmware::EXTERNAL, &[])?;
    let file = fs::read(root().join("models").join(format!("{MODEL}.heed")))?;
    let placed = placed(&elf, &file)?;
    ensure!(
        memory.contains(&placed) && memory.contains(&(placed + file.len() as u64 - 1)),
        "{placed:#x} is not in the memory of {memory:#x?}"
    );
    let printed = emulator::run(target, &elf)?;
    ensure!(printed.contains("external done"), "the board did not finish");
    let line = printed.lines().next().unwrap_or_default();
    let expected = format!("external address={placed:x} bytes={}", file.len());
    ensure!(line == expected, "the linker says {expected:?}, the board {line:?}");
    let reference = Reference::load(MODEL)?;
    let mut clips = 0;
    for clip in printed.lines().filter_map(|line| line.strip_prefix("clip ")) {
        let (name, logits) = clip.split_once(" logits=").with_context(|| format!("line {clip:?}"))?;
        ensure!(output::logits(logits)? == reference.logits(name)?, "other logits than the host's: {name}");
        clips += 1;
    }
    ensure!(clips > 0, "the board heard no clip");
    Ok(Some(format!("{} bytes at {placed:#x} and nowhere else, {clips} clips as on the host", file.len())))
}

/// The addresses that the machine's linker script calls EXTERNAL.
fn memory(target: &Target) -> Result<Option<Range<u64>>> {
    let path = root().join("boards").join(target.board).join(format!("machines/{}.x", target.machine));
    // Other boards have one memory map.
    if !path.is_file() {
        return Ok(None);
    }
    let script = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let Some(line) = script.lines().find(|line| line.trim_start().starts_with("EXTERNAL :")) else { return Ok(None) };
    region(line).map(Some).with_context(|| format!("{}: {line:?}", path.display()))
}

/// `NAME : ORIGIN = 0x21000000, LENGTH = 16M`
fn region(line: &str) -> Result<Range<u64>> {
    let value = |name: &str| {
        let rest = line.split_once(name)?.1.split_once('=')?.1;
        Some(rest.split(',').next()?.trim())
    };
    let origin = value("ORIGIN").and_then(|text| text.strip_prefix("0x")).context("no ORIGIN = 0x…")?;
    let origin = u64::from_str_radix(origin, 16)?;
    let length: u64 = value("LENGTH").and_then(|text| text.strip_suffix('M')).context("no LENGTH = …M")?.parse()?;
    Ok(origin..origin + (length << 20))
}

/// Where the linker put the file: all of it, and no part of it a second time.
fn placed(elf: &Path, file: &[u8]) -> Result<u64> {
    let bytes = fs::read(elf).with_context(|| elf.display().to_string())?;
    let object = object::File::parse(&*bytes).with_context(|| elf.display().to_string())?;
    let section = object.section_by_name(SECTION).with_context(|| format!("no section {SECTION}"))?;
    ensure!(section.data()? == file, "the section {SECTION} holds something else than the model");
    let middle = file.len() / 2;
    let sample = file.get(middle..middle + SAMPLE).context("a model of a few bytes")?;
    for other in object.sections().filter(|other| other.index() != section.index()) {
        if other.data()?.windows(SAMPLE).any(|bytes| bytes == sample) {
            bail!("the weights lie in {}, too", other.name()?);
        }
    }
    Ok(section.address())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_line_of_a_linker_script() {
        let memory = region("  EXTERNAL : ORIGIN = 0x21000000, LENGTH = 16M").unwrap();
        assert_eq!(memory, 0x2100_0000..0x2200_0000);
        assert!(region("  EXTERNAL : ORIGIN = 0x21000000").is_err());
    }
}
