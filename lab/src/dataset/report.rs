//! What a data set has, by label and side of the split.

use super::notice::Notice;
use std::fmt::{Display, Formatter, Result};

/// What one side has of a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Files, or takes in files.
    pub recordings: usize,
    /// Windows cut from them; of a recording that is not cut, 1.
    pub windows: usize,
    /// Groups that they belong to.
    pub groups: usize,
}

/// A label and its two sides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The label.
    pub label: String,
    /// What trains.
    pub train: Count,
    /// What validates.
    pub validation: Count,
}

/// What is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its label; empty if that is not known.
    pub label: String,
    /// The key that says so.
    pub key: &'static str,
    /// Recordings, or windows where rows or marks have labels.
    pub count: usize,
}

/// The report of the split.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// A line of each class, in the order of the outputs.
    pub lines: Vec<Line>,
    /// All labels together: what has several of them is counted once.
    pub all: Line,
    /// What is not read.
    pub left_out: Vec<LeftOut>,
    /// What is noticeable.
    pub notices: Vec<Notice>,
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let lines: Vec<&Line> = self.lines.iter().chain([&self.all]).collect();
        let windows = lines.iter().any(|line| [line.train, line.validation].iter().any(|c| c.windows != c.recordings));
        let heads = if windows { &["recordings", "windows", "groups"][..] } else { &["recordings", "groups"] };
        let numbers = |count: Count| match windows {
            true => vec![count.recordings, count.windows, count.groups],
            false => vec![count.recordings, count.groups],
        };
        let width = lines.iter().map(|line| line.label.chars().count()).max().unwrap_or(0).max("label".len());
        let half: usize = heads.iter().map(|head| head.len() + 2).sum();
        writeln!(f, "{:width$}  {:half$}validation", "", "train")?;
        write!(f, "{:width$}", "label")?;
        [heads, heads].concat().iter().try_for_each(|head| write!(f, "  {head}"))?;
        writeln!(f)?;
        for line in lines {
            write!(f, "{:width$}", line.label)?;
            for (n, number) in [numbers(line.train), numbers(line.validation)].concat().iter().enumerate() {
                write!(f, "  {number:>width$}", width = heads[n % heads.len()].len())?;
            }
            writeln!(f)?;
        }
        for LeftOut { label, key, count } in &self.left_out {
            let of = if label.is_empty() { String::new() } else { format!(" of {label}") };
            writeln!(f, "left out by `{key}`: {count}{of}")?;
        }
        self.notices.iter().try_for_each(|notice| writeln!(f, "note: {notice}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Count, LeftOut, Line, Notice, Report};

    #[test]
    fn as_a_table() {
        let count = |recordings, windows, groups| Count { recordings, windows, groups };
        let line = |label: &str, train, validation| Line { label: label.into(), train, validation };
        let mut report = Report {
            lines: vec![
                line("up", count(12, 12, 3), count(4, 4, 1)),
                line("down, left", count(9, 9, 3), count(2, 2, 1)),
            ],
            all: line("all", count(21, 21, 4), count(6, 6, 2)),
            left_out: vec![LeftOut { label: "up".into(), key: "leave_out", count: 7 }],
            notices: vec![Notice::Unlabelled { count: 3 }],
        };
        let expected = "\
            \x20           train               validation\n\
            label       recordings  groups  recordings  groups\n\
            up                  12       3           4       1\n\
            down, left           9       3           2       1\n\
            all                 21       4           6       2\n\
            left out by `leave_out`: 7 of up\n\
            note: 3 windows without a label are left out\n";
        assert_eq!(report.to_string(), expected);
        report.lines[0].train.windows = 120;
        let text = report.to_string();
        assert!(text.contains("\nup                  12      120       3           4        4       1\n"), "{text}");
    }
}
