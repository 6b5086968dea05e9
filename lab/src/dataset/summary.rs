//! The report of a data set, and what is wrong with it as a whole.

use super::build::merge;
use super::gather::LabelFrom;
use super::notice::Notice;
use super::report::{Count, Line};
use super::scan::Scanned;
use super::{DataError, Dataset, InputConfig, Split};
use std::collections::{BTreeSet, HashMap};

/// Refuses what no model can be trained on.
pub(super) fn check(dataset: &Dataset) -> Result<(), DataError> {
    let side = |side, reason: &str| Err(DataError::Side { side, reason: reason.to_string() });
    if dataset.items.is_empty() {
        return side("train", "all of it is left out");
    }
    if let [label] = &dataset.labels[..] {
        return Err(DataError::OneLabel { label: label.clone() });
    }
    if dataset.split.validation.is_empty() {
        let reason =
            "`validate` chooses none; by a share, a label needs two groups or more for one of them to validate";
        return side("validate", reason);
    }
    let trained: BTreeSet<usize> = dataset.split.train.iter().map(|&item| dataset.items[item].class).collect();
    if let Some(label) = (0..dataset.labels.len()).find(|class| !trained.contains(class)) {
        let label = &dataset.labels[label];
        return side("train", &format!("`{label}` has no example that does not validate or is left out"));
    }
    Ok(())
}

/// A label with so many times fewer examples than another is worth a word.
const FEW: usize = 10;
/// Values so many times larger than those of others are probably of another unit.
const UNITS: f64 = 30.0;

/// Fills the report in.
pub(super) fn report(dataset: &mut Dataset, scanned: &[Scanned]) {
    let mut notices = vec![];
    for (found, file) in dataset.files.iter().zip(scanned) {
        file.remarks.iter().for_each(|remark| merge(&mut notices, &found.path, remark));
    }
    let unlabelled = scanned.iter().map(|file| file.unlabelled).sum();
    if unlabelled > 0 {
        notices.push(Notice::Unlabelled { count: unlabelled });
    }
    lengths(dataset, &mut notices);
    let (lines, all) = lines(dataset);
    labels(&lines, &mut notices);
    same(dataset, scanned, &mut notices);
    units(dataset, scanned, &mut notices);
    dataset.report.lines = lines;
    dataset.report.all = all;
    dataset.report.notices.extend(notices);
}

fn lines(dataset: &Dataset) -> (Vec<Line>, Line) {
    let of = |side: &[usize], class: Option<usize>| {
        let items = side.iter().map(|&item| &dataset.items[item]);
        let items = items.filter(|item| class.is_none_or(|class| class == item.class));
        let (mut windows, mut recordings, mut groups) = (0, BTreeSet::new(), BTreeSet::new());
        for item in items {
            windows += 1;
            recordings.insert(item.recording);
            groups.insert(item.group);
        }
        Count { recordings: recordings.len(), windows, groups: groups.len() }
    };
    let Split { train, validation } = &dataset.split;
    let line =
        |label: &str, class| Line { label: label.into(), train: of(train, class), validation: of(validation, class) };
    let lines = dataset.labels.iter().enumerate().map(|(class, label)| line(label, Some(class)));
    (lines.collect(), line("all", None))
}

fn labels(lines: &[Line], notices: &mut Vec<Notice>) {
    let windows = |line: &Line| line.train.windows + line.validation.windows;
    // The first of equals.
    let most = lines.iter().rev().max_by_key(|line| windows(line));
    for line in lines {
        let (label, sum) =
            (line.label.clone(), |of: fn(&super::Count) -> usize| of(&line.train) + of(&line.validation));
        let side = if line.train.windows > 0 { "train" } else { "validate" };
        let one = match (sum(|count| count.recordings), sum(|count| count.groups)) {
            (1, _) => Some("recording"),
            (_, 1) => Some("group"),
            _ => None,
        };
        // What trains not at all is an error.
        match one {
            Some(one) if line.validation.windows == 0 => notices.push(Notice::OneSide { label, one, side }),
            None if line.validation.windows == 0 => notices.push(Notice::NotOn { label, side: "validate" }),
            _ => {}
        }
        if let Some(most) = most.filter(|most| windows(most) >= FEW * windows(line)) {
            let (label, count) = (line.label.clone(), windows(line));
            notices.push(Notice::Few { label, count, most: most.label.clone(), of: windows(most) });
        }
    }
}

/// Recordings that are no input as they are.
fn lengths(dataset: &Dataset, notices: &mut Vec<Notice>) {
    if matches!(dataset.reader.input, InputConfig::Image(_)) {
        return;
    }
    let (length, _) = dataset.reader.window(false);
    let whole = dataset.items.iter().filter(|item| item.span.is_none());
    let (mut short, mut long): (Vec<(usize, usize)>, Vec<_>) = (vec![], vec![]);
    for item in whole {
        let rows = dataset.recordings[item.recording].rows.len();
        match rows.cmp(&length) {
            std::cmp::Ordering::Less => short.push((rows, item.recording)),
            std::cmp::Ordering::Greater => long.push((rows, item.recording)),
            std::cmp::Ordering::Equal => {}
        }
    }
    let told = |(rows, recording): (usize, usize)| (dataset.path(recording).to_owned(), rows as f64 / length as f64);
    if let Some((path, share)) = short.iter().copied().min().map(told) {
        notices.push(Notice::Short { count: short.len(), path, share });
    }
    // The first of the longest.
    if let Some((path, share)) = long.iter().copied().max_by_key(|&(rows, n)| (rows, std::cmp::Reverse(n))).map(told) {
        notices.push(Notice::Long { count: long.len(), path, share });
    }
}

const OTHER_LABEL: &str = "with different labels";
const ON_BOTH_SIDES: &str = "of which one trains and the other validates";

/// Files with the same contents.
fn same(dataset: &Dataset, scanned: &[Scanned], notices: &mut Vec<Notice>) {
    let mut of_file: HashMap<usize, (usize, bool)> = HashMap::new();
    for (items, validates) in [(&dataset.split.train, false), (&dataset.split.validation, true)] {
        for item in items.iter().map(|&item| &dataset.items[item]) {
            of_file.entry(dataset.recordings[item.recording].file).or_insert((item.class, validates));
        }
    }
    let mut first: HashMap<u64, usize> = HashMap::new();
    let mut count = 0;
    let mut told: Option<(usize, usize, Option<&str>)> = None;
    for (file, found) in scanned.iter().enumerate() {
        let Some(&(class, side)) = of_file.get(&file) else { continue };
        let before = *first.entry(found.hash).or_insert(file);
        if before == file {
            continue;
        }
        count += 1;
        let (other_class, other_side) = of_file[&before];
        let matters = match (class != other_class, side != other_side) {
            (true, _) => Some(OTHER_LABEL),
            (_, true) => Some(ON_BOTH_SIDES),
            _ => None,
        };
        // The one that is told is the first of those that matter most.
        let weight = |matters: Option<&str>| [ON_BOTH_SIDES, OTHER_LABEL].iter().position(|of| Some(*of) == matters);
        if told.is_none_or(|(_, _, told)| weight(told) < weight(matters)) {
            told = Some((before, file, matters));
        }
    }
    if let Some((before, file, matters)) = told {
        let [first, second] = [before, file].map(|file| dataset.files[file].path.clone());
        notices.push(Notice::Same { count, first, second, matters });
    }
}

/// Whether the values of one class are of another size: the middle of its files against the middle of all others.
fn units(dataset: &Dataset, scanned: &[Scanned], notices: &mut Vec<Notice>) {
    // Of sounds and pictures, loud and bright ones are rightly so; a file of several labels says nothing of one.
    if dataset.reader.labels != LabelFrom::File {
        return;
    }
    let mut sizes: Vec<Vec<f64>> = vec![vec![]; dataset.labels.len()];
    let mut last = None;
    for item in &dataset.items {
        let file = dataset.recordings[item.recording].file;
        if last.replace(file) != Some(file) && scanned[file].size > 0.0 {
            sizes[item.class].push(scanned[file].size);
        }
    }
    let middle = |mut sizes: Vec<f64>| {
        sizes.sort_by(f64::total_cmp);
        sizes.get(sizes.len() / 2).copied()
    };
    let middles: Vec<Option<f64>> = sizes.into_iter().map(middle).collect();
    for (class, own) in middles.iter().enumerate() {
        let others = middles.iter().enumerate().filter(|(other, _)| *other != class).filter_map(|(_, size)| *size);
        let (Some(own), Some(others)) = (own, middle(others.collect())) else { continue };
        let times = own / others;
        if !(1.0 / UNITS..=UNITS).contains(&times) {
            notices.push(Notice::Units { label: dataset.labels[class].clone(), times });
        }
    }
}
