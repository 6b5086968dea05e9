//! The figures of a model's card.

use super::{Judged, Task};
use crate::dataset::Report;
use crate::target::CORES;
use crate::{Error, file};
use heedful::dynamic::Model;
use std::fmt::Write;
use std::path::Path;

/// What stands before and after the figures in a card.
const BEGIN: &str = "<!-- figures: written by `heedful evaluate --card` -->";
const END: &str = "<!-- /figures -->";

/// The figures of a model on what validates: of the integers, and of the float model if it is there.
#[must_use]
pub fn figures(task: &Task, heed: &Model, int8: &Judged, float: Option<&Judged>) -> String {
    let mut text = String::new();
    let share = |judged: &Judged| {
        let confusion = &judged.confusion;
        format!("{:.4} ({} of {})", confusion.accuracy(), confusion.right(), confusion.total())
    };
    let mut row = |what: &str, figure: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {what} | {figure} |");
    };
    row("accuracy, int8", share(int8));
    if let Some(float) = float {
        row("accuracy, float", share(float));
    }
    for (class, label) in task.data.labels.iter().enumerate() {
        row(&format!("F1 of {label}, int8"), format!("{:.4}", int8.confusion.f1(class)));
    }
    row("flash", format!("{} bytes", heed.flash_bytes()));
    for core in CORES.iter().filter(|core| ["cortex-m0", "cortex-m4"].contains(&core.name)) {
        let (bytes, instructions) = (core.memory(heed), core.instructions(&heed.work()));
        row(&format!("working memory on {}", core.name), format!("{bytes} bytes"));
        row(
            &format!("instructions of an inference on {}, estimated", core.name),
            format!("{:.2} million", instructions / 1e6),
        );
    }
    row("multiply-accumulates of an inference", heed.macs().to_string());
    text += &by_group(task, int8);
    // Notes name files of one machine.
    let report = Report { notices: vec![], ..task.data.report.clone() };
    let _ = write!(
        text,
        "\nThe split (seed {}):\n\n```text\n{}```\n\nRows: said, columns: recognised (int8):\n\n```text\n{}\n```\n",
        task.project.train.seed, report, int8.confusion
    );
    format!("| on what validates | |\n|---|---|\n{text}")
}

/// Recall and precision in each group that the project names, such as each patient or speaker; none of one group.
#[must_use]
pub fn by_group(task: &Task, judged: &Judged) -> String {
    let group = task.project.data.group.join(", ");
    if group.is_empty() || judged.groups.len() < 2 {
        return String::new();
    }
    let share = |(right, all): (usize, usize)| match all {
        0 => "none".to_owned(),
        _ => format!("{:.4} ({right} of {all})", right as f64 / all as f64),
    };
    let mut text = format!("\n| {group} | class | recall (sensitivity) | precision |\n|---|---|---|---|\n");
    for (&at, confusion) in &judged.groups {
        for (class, label) in task.data.labels.iter().enumerate() {
            let (recall, precision) = (confusion.recall(class), confusion.precision(class));
            if recall.1 + precision.1 > 0 {
                let group = &task.data.groups[at];
                let _ = writeln!(text, "| {group} | {label} | {} | {} |", share(recall), share(precision));
            }
        }
    }
    text
}

/// Replaces the figures of a card.
///
/// # Errors
/// If it cannot be read or written, or has no place for them.
pub fn replace(card: &Path, figures: &str) -> Result<(), Error> {
    let text = std::fs::read_to_string(card).map_err(Error::io(card))?;
    let place = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) =
        place.ok_or_else(|| Error::content(card, format!("no lines `{BEGIN}` and `{END}` for the figures")))?;
    file::write_atomically(card, format!("{before}{BEGIN}\n\n{figures}\n{END}{after}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_its_lines() {
        let folder = tempfile::tempdir().unwrap();
        let card = folder.path().join("card.md");
        std::fs::write(&card, format!("# A\n\n{BEGIN}\nold\n{END}\n\nrest\n")).unwrap();
        replace(&card, "| new |").unwrap();
        let text = std::fs::read_to_string(&card).unwrap();
        assert_eq!(text, format!("# A\n\n{BEGIN}\n\n| new |\n{END}\n\nrest\n"));
        std::fs::write(&card, "# A\n").unwrap();
        assert!(replace(&card, "").unwrap_err().to_string().contains("<!-- figures"));
    }
}
