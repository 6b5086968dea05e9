//! The kinds of attention: each board against the host, and `cargo xtask kinds`, their instructions and bytes.

#[path = "../../tests/support/instances.rs"]
mod instances;

use crate::report::{grouped, layout};
use crate::targets::{TARGETS, Target};
use crate::{emulator, firmware, markdown, toolchain};
use anyhow::{Context, Result, ensure};
use heedful::internals::Active;
use std::collections::BTreeMap;
use std::path::Path;

/// Targets that are counted unless others are chosen.
const COUNTED: [&str; 3] = ["cortex-m4", "cortex-m55", "rv32imac"];

/// Rows of the tables: the board's name of a kind, and what it is. Those without a name are headings.
const TABLES: [(&str, &[(&str, &str)]); 4] = [
    (
        "layouts",
        &[
            ("multi-head", "multi-head"),
            ("grouped-query", "grouped-query, 2 heads of keys and values"),
            ("multi-query", "multi-query"),
            ("shared", "shared projections, each head its biases"),
            ("low-rank", "low rank, 16"),
            ("heads-3", "one of four heads removed for good"),
            ("heads-2", "two removed"),
            ("heads-1", "three removed"),
            ("heads-off-1", "one of four heads switched off"),
            ("heads-off-2", "two switched off"),
            ("heads-off-3", "three switched off"),
        ],
    ),
    (
        "patterns",
        &[
            ("multi-head", "all keys"),
            ("around-16", "16 back and ahead"),
            ("around-8", "8 back and ahead"),
            ("around-4", "4 back and ahead"),
            ("causal", "causal"),
            ("back-32", "32 keys back"),
            ("back-16", "16 keys back"),
            ("back-8", "8 keys back"),
            ("dilated-2", "every second key"),
            ("dilated-4", "every fourth key"),
        ],
    ),
    (
        "positions",
        &[
            ("multi-head", "none"),
            ("rope", "RoPE"),
            ("alibi", "ALiBi"),
            ("bit-mask", "bit mask"),
            ("long", "long rows, 16 scores at a time"),
        ],
    ),
    ("folded", &[("unfolded", "queries and keys apart"), ("folded", "fused query-key weights")]),
];

/// What a kind takes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost {
    instructions: u64,
    bytes: u64,
}

/// Runs an instance of each kind on the board and on the host; their digests must agree.
pub fn check(target: &Target) -> Result<String> {
    let elf = firmware::build(target, firmware::KINDS, &[])?;
    compare(&emulator::run(target, &elf)?)
}

/// What a program printed, against the host.
pub fn compare(printed: &str) -> Result<String> {
    ensure!(printed.contains("kinds done"), "the program did not finish");
    let mut kinds = 0;
    let mut different = Vec::new();
    instances::each::<Active>(|name, digest| {
        kinds += 1;
        if !printed.lines().any(|line| line == format!("kind {name} {digest:016x}")) {
            different.push(name);
        }
    });
    ensure!(different.is_empty(), "other bits than the host's: {}", different.join(", "));
    let lines = printed.lines().filter(|line| line.starts_with("kind ")).count();
    ensure!(lines == kinds, "the program ran {lines} of {kinds} kinds");
    Ok(format!("{kinds} kinds, the same bits as the host"))
}

/// Counts, and writes the tables into their sections of the document.
pub fn run(chosen: &[&'static Target], document: Option<&Path>) -> Result<()> {
    let usual: Vec<&Target> = TARGETS.iter().filter(|target| COUNTED.contains(&target.name)).collect();
    let targets = if chosen.is_empty() { &usual } else { chosen };
    let mut columns = Vec::new();
    for target in targets {
        toolchain::ensure_emulator(target)?;
        toolchain::ensure_target(target.triple)?;
        columns.push((target.core, count(target).with_context(|| target.name)?));
    }
    for (section, rows) in TABLES {
        let text = table(rows, &columns).with_context(|| section)?;
        println!("{section}\n\n{text}");
        if let Some(path) = document {
            markdown::replace(path, section, |_| text)?;
        }
    }
    Ok(())
}

fn count(target: &Target) -> Result<BTreeMap<String, Cost>> {
    let target = target.with_more_memory();
    let elf = firmware::build(&target, firmware::KINDS_COUNT, &[])?;
    let printed = emulator::run(&target, &elf)?;
    ensure!(printed.contains("kinds done"), "the board did not finish");
    Ok(printed.lines().filter_map(parse).collect())
}

/// `kind multi-head total=10 bytes=20`
fn parse(line: &str) -> Option<(String, Cost)> {
    let mut words = line.strip_prefix("kind ")?.split(' ');
    let name = words.next()?.to_owned();
    let mut figure = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=')?.parse().ok();
    Some((name, Cost { instructions: figure("total")?, bytes: figure("bytes")? }))
}

/// A row per kind, with the instructions on each target and their share of the first row's.
fn table(rows: &[(&str, &str)], columns: &[(&str, BTreeMap<String, Cost>)]) -> Result<String> {
    let head = ["", "bytes"].into_iter().map(str::to_owned);
    let mut text =
        vec![head.chain(columns.iter().flat_map(|(core, _)| [(*core).to_owned(), "of the first".into()])).collect()];
    let mut first: Option<Vec<u64>> = None;
    for (name, words) in rows {
        let costs: Vec<Cost> = columns
            .iter()
            .map(|(core, counted)| counted.get(*name).copied().with_context(|| format!("{core} left out {name}")))
            .collect::<Result<_>>()?;
        let bytes = costs.first().map_or(0, |cost| cost.bytes);
        let all: Vec<u64> = costs.iter().map(|cost| cost.instructions).collect();
        let whole = first.get_or_insert(all.clone());
        let share = |(&own, &all): (&u64, &u64)| [grouped(own), format!("{:.0} %", 100.0 * own as f64 / all as f64)];
        let figures = all.iter().zip(whole.iter()).flat_map(share);
        text.push([(*words).to_owned(), grouped(bytes)].into_iter().chain(figures).collect());
    }
    Ok(layout(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_board_prints() {
        let expected = ("long".to_owned(), Cost { instructions: 12, bytes: 34 });
        assert_eq!(parse("kind long total=12 bytes=34"), Some(expected));
        assert_eq!(parse("kind long 0123456789abcdef"), None);
        assert_eq!(parse("kinds done backend=DSP"), None);
    }

    #[test]
    fn shares_are_of_the_first_row() {
        let cost = |instructions| Cost { instructions, bytes: 5 };
        let counted = BTreeMap::from([("a".to_owned(), cost(1000)), ("b".to_owned(), cost(250))]);
        let text = table(&[("a", "A"), ("b", "B")], &[("core", counted.clone())]).unwrap();
        assert!(text.contains("| 1,000 |") && text.contains("25 %"));
        assert!(table(&[("c", "C")], &[("core", counted)]).is_err());
    }
}
