//! What the checks found: a line for each, a table of figures and the count.

use crate::output::ModelRun;
use crate::skip::{self, Lack};
use anyhow::{Result, anyhow};
use std::time::Instant;

/// The results so far.
#[derive(Debug)]
pub struct Report {
    /// When the last check ended.
    since: Instant,
    passed: usize,
    failed: usize,
    skipped: usize,
    rows: Vec<Row>,
}

/// Figures of one model on one target.
#[derive(Debug)]
pub struct Row {
    /// Name of the target.
    pub target: &'static str,
    /// What the board printed.
    pub run: ModelRun,
    /// Clips with the host's logits.
    pub equal: usize,
    /// Bytes of flash of the smallest firmware, if it links.
    pub flash: Option<u64>,
}

const COLUMNS: [&str; 12] = [
    "target",
    "model",
    "kernels",
    "clips",
    "equal",
    "different",
    "inference",
    "watching",
    "per frame",
    "flash",
    "RAM",
    "stack",
];
const LEGEND: &str = "\
inference: executed instructions of the attention model, mean over the clips
watching: further instructions, on the first clip, with an observer of the heads; without one, the hook is
  not there (negative where the compiler happens to arrange the other copy of the code better)
per frame: executed instructions of the front end for one frame, the loop that feeds it included
flash: bytes of the smallest firmware: start-up code, front end, inference and model file
RAM: bytes of the model with all its state; stack: bytes used to hear a clip and classify it
Instructions are counted by the emulator; they are not cycles.";

impl Default for Report {
    fn default() -> Self {
        Self { since: Instant::now(), passed: 0, failed: 0, skipped: 0, rows: vec![] }
    }
}

impl Report {
    /// Counts a check that ends now; prints how it went, and the seconds since the last.
    pub fn check(&mut self, target: &str, what: &str, result: Result<String>) {
        let seconds = self.since.elapsed().as_secs();
        self.since = Instant::now();
        match result {
            Ok(how) => {
                self.passed += 1;
                println!("{target}  passed  {what} ({seconds} s): {how}");
            }
            Err(error) => {
                self.failed += 1;
                println!("{target}  FAILED  {what}: {error:#}");
            }
        }
    }

    /// Takes over what another found.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.rows.extend(other.rows);
    }

    /// Counts a check that cannot be made here, as failed if that is not allowed.
    pub fn skip(&mut self, target: &str, what: &str, lack: Lack, why: &str) {
        match skip::skip(lack, format_args!("{what} ({target}): {why}")) {
            Ok(()) => self.skipped += 1,
            Err(error) => self.check(target, what, Err(anyhow!(error))),
        }
    }

    /// Keeps figures for the table.
    pub fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Prints table and count; whether everything passed.
    pub fn close(self) -> bool {
        if !self.rows.is_empty() {
            println!("\n{}\n{LEGEND}\n", table(&self.rows));
        }
        match self.skipped {
            0 => println!("{} passed, {} failed", self.passed, self.failed),
            skipped => println!("{} passed, {} failed, {skipped} skipped", self.passed, self.failed),
        }
        self.failed == 0 && self.passed > 0
    }
}

fn table(rows: &[Row]) -> String {
    let cells: Vec<[String; COLUMNS.len()]> =
        std::iter::once(COLUMNS.map(String::from)).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| cells.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; COLUMNS.len()] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &cells {
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            // Names to the left, numbers to the right.
            match column {
                0..3 => text += &format!("{cell:<width$}  "),
                _ => text += &format!("{cell:>width$}  "),
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

fn cells(row: &Row) -> [String; COLUMNS.len()] {
    let clips = &row.run.clips;
    let sum = |of: fn(&crate::output::ClipRun) -> u64| clips.iter().map(of).sum::<u64>();
    let mean = |sum: u64, count: u64| sum.checked_div(count).map_or("-".into(), grouped);
    [
        row.target.into(),
        row.run.name.clone(),
        row.run.kernels.clone(),
        clips.len().to_string(),
        row.equal.to_string(),
        (clips.len() - row.equal).to_string(),
        mean(sum(|clip| clip.inference), clips.len() as u64),
        clips.first().map_or("-".into(), |first| watching(row.run.watched, first.inference)),
        mean(sum(|clip| clip.front_end), sum(|clip| clip.frames)),
        row.flash.map_or("-".into(), grouped),
        grouped(row.run.state),
        grouped(row.run.stack),
    ]
}

/// What an observer adds, with its sign.
fn watching(with: u64, without: u64) -> String {
    let sign = if with < without { '-' } else { '+' };
    format!("{sign}{}", grouped(with.abs_diff(without)))
}

/// A number with commas between thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A Markdown table whose first row is its head, numbers to the right.
pub fn layout(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> =
        (0..columns).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for (i, row) in rows.iter().enumerate() {
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            match column {
                0 => text += &format!("| {cell:<width$} |"),
                _ => text += &format!(" {cell:>width$} |"),
            }
        }
        text.push('\n');
        if i == 0 {
            for (column, &width) in widths.iter().enumerate() {
                match column {
                    0 => text += &format!("|{}|", "-".repeat(width + 2)),
                    _ => text += &format!("{}:|", "-".repeat(width + 1)),
                }
            }
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_thousands() {
        let groups = [0, 999, 1000, 1_234_567].map(grouped);
        assert_eq!(groups, ["0", "999", "1,000", "1,234,567"]);
    }
}
