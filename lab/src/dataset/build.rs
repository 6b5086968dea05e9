//! A data set from its tables, in steps: files, what is left out of them, their contents, classes and groups, sides.

use super::config::{Data, InputConfig, Part};
use super::gather::{Found, Gathered, LabelFrom, gather};
use super::notice::Notice;
use super::rows::Rows;
use super::scan::{Reader, Scanned};
use super::sides::{Groups, Member, check_label, left_out, unused, validating};
use super::store::Store;
use super::{DataError, Dataset, Item, LABEL, LeftOut, NOTHING, Options, Recording, Split, summary};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) fn build(data: &Data, input: &InputConfig, options: &Options) -> Result<Dataset, DataError> {
    data.check()?;
    let Gathered { mut fields, files, mut notices } = gather(data, input, options.root)?;
    let group = match data.group.is_empty() && data.table.is_some() && fields.iter().any(|field| field == "group") {
        true => vec!["group".to_string()],
        false => data.group.clone(),
    };
    let same = columns(data, &group, input, &fields, &files)?;
    let mut names = Names::new(data, options)?;
    let of_files = LabelFrom::of(input) == LabelFrom::File;
    let label_at = fields.iter().position(|field| field == LABEL).filter(|_| of_files);

    // What names alone leave out is not even opened.
    let mut dropped = Dropped::default();
    let mut files = names.listed(files, label_at, &mut dropped)?;
    let early = needed(data.leave_out.as_ref(), &group).iter().all(|field| fields.contains(field));
    if let Some(part) = data.leave_out.as_ref().filter(|_| early) {
        let mut groups = Groups::default();
        let mut classes = HashMap::new();
        let members: Vec<Member> = files
            .iter()
            .map(|(found, label)| {
                let next = classes.len();
                let class = *classes.entry((found.nothing, label.clone())).or_insert(next);
                let values: Vec<&str> = found.values.iter().map(String::as_str).collect();
                let group = groups.of(&group, &fields, &values, &found.path, found.nothing);
                Member { path: &found.path, values, group, nothing: found.nothing, counts: vec![(class, 1)] }
            })
            .collect();
        notices.extend(unused("leave_out", part, &fields, &members));
        let out = left_out(part, &fields, &members, groups.names.len(), options.seed);
        dropped.keep(&mut files, &out, |(_, label)| (label.clone().unwrap_or_default(), 1));
    }

    let (files, file_labels): (Vec<Found>, Vec<Option<String>>) = files.into_iter().unzip();
    let reader = Reader { input: input.clone(), labels: LabelFrom::of(input), same };
    let store = Store::new(files.len(), options.memory);
    let scanned = scan_all(&reader, &files, &store, options)?;
    let (rate, channels) = alike(&reader, &files, &scanned)?;
    let (labels, nothing) = names.classes(&file_labels, &scanned, &files)?;

    // Recordings and their examples by class.
    let class_of: HashMap<&str, usize> = labels.iter().enumerate().map(|(n, label)| (label.as_str(), n)).collect();
    fields.extend(reader.same.iter().cloned());
    let mut groups = Groups::default();
    let (mut recordings, mut items, mut members) = (vec![], vec![], vec![]);
    for (file, (found, scanned)) in files.iter().zip(&scanned).enumerate() {
        let of_file = if found.nothing { Some(NOTHING) } else { file_labels[file].as_deref() };
        let rows_labels: Vec<&str> = scanned.labels.iter().map(|label| names.renamed(label)).collect();
        for recorded in &scanned.recordings {
            let (mut of_recording, mut counts) = (vec![], BTreeMap::new());
            for (span, label) in &recorded.examples {
                let label = label.map_or(of_file, |label| Some(rows_labels[label as usize])).unwrap_or_default();
                match class_of.get(label) {
                    Some(&class) => {
                        *counts.entry(class).or_default() += 1;
                        of_recording.push((class, *span));
                    }
                    None => dropped.add(label, "labels", 1),
                }
            }
            if of_recording.is_empty() {
                continue;
            }
            let same = if found.nothing { &[][..] } else { &recorded.same };
            let values: Vec<&str> = found.values.iter().chain(same).map(String::as_str).collect();
            let group = groups.of(&group, &fields, &values, &found.path, found.nothing);
            let counts = counts.into_iter().collect();
            members.push(Member { path: &found.path, values, group, nothing: found.nothing, counts });
            recordings.push(Recording { file, rows: recorded.rows.clone(), group });
            items.push(of_recording);
        }
    }
    if let Some(part) = data.leave_out.as_ref().filter(|_| !early) {
        notices.extend(unused("leave_out", part, &fields, &members));
        let out = left_out(part, &fields, &members, groups.names.len(), options.seed);
        let out_items = items.iter().zip(&out).filter(|(_, out)| **out).flat_map(|(items, _)| items);
        out_items.for_each(|(class, _)| dropped.add(&labels[*class], "leave_out", 1));
        let mut all = recordings.into_iter().zip(items).zip(members).zip(out).filter(|(_, out)| !out);
        (recordings, items, members) = (vec![], vec![], vec![]);
        all.by_ref().for_each(|(((recording, item), member), _)| {
            recordings.push(recording);
            items.push(item);
            members.push(member);
        });
    }
    notices.extend(unused("validate", &data.validate, &fields, &members));
    let sides = validating(&data.validate, &group, &fields, &members, &groups, options.seed)?;
    drop(members);

    let mut split = Split::default();
    let mut flat = vec![];
    for (recording, examples) in items.into_iter().enumerate() {
        for (class, span) in examples {
            let side = if sides[recording] { &mut split.validation } else { &mut split.train };
            side.push(flat.len());
            flat.push(Item { recording, class, group: recordings[recording].group, span });
        }
    }
    let mut dataset = Dataset {
        labels,
        nothing,
        groups: groups.names,
        recordings,
        items: flat,
        split,
        rate,
        channels,
        report: super::Report { left_out: dropped.into(), notices, ..Default::default() },
        files,
        reader,
        store,
    };
    summary::check(&dataset)?;
    summary::report(&mut dataset, &scanned);
    Ok(dataset)
}

/// Fields that a part of the data is chosen by.
fn needed(part: Option<&Part>, group: &[String]) -> Vec<String> {
    match part {
        Some(Part::Fields(fields)) => fields.keys().cloned().collect(),
        Some(Part::Share(_)) => group.to_vec(),
        None => vec![],
    }
}

/// The columns that part a file into recordings: those of `take`, and fields that names and tables do not have.
fn columns(
    data: &Data,
    group: &[String],
    input: &InputConfig,
    fields: &[String],
    files: &[Found],
) -> Result<Vec<String>, DataError> {
    let takes = if let InputConfig::Series(series) = input { series.take.clone() } else { vec![] };
    let keys = [
        ("group", Some(Part::Share(0.0))),
        ("validate", Some(data.validate.clone())),
        ("leave_out", data.leave_out.clone()),
    ];
    let mut same = takes;
    for (key, part) in keys {
        // A share needs no more than the group, whose turn is the first.
        for name in needed(part.as_ref(), group) {
            if fields.contains(&name) || same.contains(&name) {
                continue;
            }
            let header = match (input, files.iter().find(|file| !file.nothing)) {
                (InputConfig::Series(_), Some(file)) if file.path.extension().is_some_and(|e| e != "npy") => {
                    Rows::open(&file.path)?.header
                }
                _ => vec![],
            };
            if !header.contains(&name) {
                let known = fields.iter().chain(&same).chain(&header);
                let known: BTreeSet<&str> = known.map(String::as_str).collect();
                return Err(DataError::unknown(key, "field", &name, known));
            }
            same.push(name);
        }
    }
    Ok(same)
}

/// Reads all files, on all cores.
fn scan_all(reader: &Reader, files: &[Found], store: &Store, options: &Options) -> Result<Vec<Scanned>, DataError> {
    let done = AtomicUsize::new(0);
    let all: Vec<Result<Scanned, DataError>> = files
        .par_iter()
        .enumerate()
        .map(|(number, found)| {
            let scanned = reader.scan(number, found, store);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            options.progress.inspect(|progress| progress(done, files.len()));
            scanned
        })
        .collect();
    let (mut scanned, mut wrong) = (Vec::with_capacity(files.len()), vec![]);
    for file in all {
        match file {
            Ok(file) => scanned.push(file),
            Err(error) => wrong.push(error),
        }
    }
    if wrong.is_empty() { Ok(scanned) } else { Err(DataError::several(wrong)) }
}

/// How much rates by time stamps may differ.
const RATES: f64 = 0.01;
/// Fewer rows say too little of their rate.
const ROWS: usize = 8;

/// Rate and channels, which must be the same in all files.
fn alike(reader: &Reader, files: &[Found], scanned: &[Scanned]) -> Result<(Option<f64>, usize), DataError> {
    let series = match &reader.input {
        InputConfig::Series(series) => series,
        InputConfig::Audio(audio) => return Ok((Some(f64::from(audio.rate)), 1)),
        InputConfig::Image(image) => return Ok((None, image.channels)),
    };
    let channels = scanned.first().map_or(0, |first| first.channels);
    let mut wrong = vec![];
    for (file, found) in files.iter().zip(scanned).filter(|(_, found)| found.channels != channels) {
        let reason = format!("{} channels, {} has {channels}", found.channels, files[0].path.display());
        wrong.push(DataError::file(&file.path, reason));
    }
    let rates = scanned.iter().flat_map(|file| &file.recordings).filter(|recording| recording.rows.len() >= ROWS);
    let mut rates: Vec<f64> = rates.filter_map(|recording| recording.rate).collect();
    rates.sort_by(f64::total_cmp);
    let usual = rates.get(rates.len() / 2).copied();
    if let (None, Some(usual)) = (series.rate, usual) {
        for (file, found) in files.iter().zip(scanned) {
            let rates = found.recordings.iter().filter(|recording| recording.rows.len() >= ROWS);
            let mut rates = rates.filter_map(|recording| recording.rate);
            if let Some(rate) = rates.find(|rate| (rate / usual - 1.0).abs() > RATES) {
                let reason = format!(
                    "{rate:.2} rows a second by its time stamps, most have {usual:.2}; `rate` brings all to one"
                );
                wrong.push(DataError::file(&file.path, reason));
            }
        }
    }
    if wrong.is_empty() { Ok((series.rate.or(usual), channels)) } else { Err(DataError::several(wrong)) }
}

/// Counts of what is left out, by key and label.
#[derive(Default)]
struct Dropped(BTreeMap<(&'static str, String), usize>);

impl Dropped {
    fn add(&mut self, label: &str, key: &'static str, count: usize) {
        *self.0.entry((key, label.to_string())).or_default() += count;
    }

    /// Drops what is left out.
    fn keep<T>(&mut self, all: &mut Vec<T>, out: &[bool], of: impl Fn(&T) -> (String, usize)) {
        let mut out = out.iter();
        all.retain(|one| {
            let out = out.next() == Some(&true);
            if out {
                let (label, count) = of(one);
                self.add(&label, "leave_out", count);
            }
            !out
        });
    }
}

impl From<Dropped> for Vec<LeftOut> {
    fn from(dropped: Dropped) -> Self {
        dropped.0.into_iter().map(|((key, label), count)| LeftOut { label, key, count }).collect()
    }
}

/// Labels as they are found, and as they are called.
struct Names<'a> {
    rename: &'a BTreeMap<String, String>,
    /// The only labels there shall be, if they are listed.
    only: &'a [String],
    /// All that were found, before they are renamed.
    found: BTreeSet<String>,
}

impl<'a> Names<'a> {
    fn new(data: &'a Data, options: &Options<'a>) -> Result<Self, DataError> {
        let only = match options.labels {
            [before @ .., last] if last == NOTHING => before,
            all => all,
        };
        for (n, label) in only.iter().enumerate() {
            check_label(label)?;
            if only[..n].contains(label) {
                return Err(DataError::setting("labels", format!("`{label}` twice"), "each label once"));
            }
            if label == NOTHING && !data.nothing.is_empty() {
                return Err(DataError::setting("labels", "`nothing` among others", "`nothing` as the last"));
            }
        }
        // Without folders of it, it is a label as others are.
        let only = if data.nothing.is_empty() { options.labels } else { only };
        data.rename.values().try_for_each(|label| check_label(label))?;
        Ok(Self { rename: &data.rename, only, found: BTreeSet::new() })
    }

    fn renamed<'b>(&'b self, label: &'b str) -> &'b str {
        self.rename.get(label).map_or(label, String::as_str)
    }

    /// Files with their labels, without those of other labels than are listed.
    fn listed(
        &mut self,
        files: Vec<Found>,
        label_at: Option<usize>,
        dropped: &mut Dropped,
    ) -> Result<Vec<(Found, Option<String>)>, DataError> {
        let mut kept = Vec::with_capacity(files.len());
        for found in files {
            let Some(label) = label_at.and_then(|at| found.values.get(at)) else {
                kept.push((found, None));
                continue;
            };
            if !self.found.contains(label) {
                self.found.insert(label.clone());
            }
            let label = self.renamed(label).to_string();
            check_label(&label).map_err(|error| DataError::file(&found.path, error))?;
            // One that is found as "nothing" belongs to it.
            if !self.only.is_empty() && !self.only.contains(&label) && label != NOTHING {
                dropped.add(&label, "labels", 1);
                continue;
            }
            kept.push((found, Some(label)));
        }
        Ok(kept)
    }

    /// The classes in the order of the outputs, and whether the last is "nothing".
    fn classes(
        &mut self,
        file_labels: &[Option<String>],
        scanned: &[Scanned],
        files: &[Found],
    ) -> Result<(Vec<String>, bool), DataError> {
        let of_rows = || scanned.iter().flat_map(|file| &file.labels);
        self.found.extend(of_rows().cloned());
        let found = self.found.iter().map(String::as_str);
        if let Some(unknown) = self.rename.keys().find(|label| !self.found.contains(*label)) {
            return Err(DataError::unknown("rename", "label", unknown, found));
        }
        let mut labels: BTreeSet<&str> = file_labels.iter().flatten().map(String::as_str).collect();
        labels.extend(of_rows().map(|label| self.renamed(label)));
        labels.iter().try_for_each(|label| check_label(label))?;
        let known: BTreeSet<&str> = self.found.iter().map(|label| self.renamed(label)).collect();
        if let Some(unknown) = self.only.iter().find(|label| !known.contains(label.as_str())) {
            return Err(DataError::unknown("labels", "label", unknown, known));
        }
        let nothing = files.iter().any(|file| file.nothing);
        let mut classes: Vec<String> = match self.only {
            [] => labels.into_iter().map(str::to_string).collect(),
            only => only.to_vec(),
        };
        // Ten comes after nine.
        if self.only.is_empty() && classes.iter().all(|label| label.parse::<i64>().is_ok()) {
            classes.sort_by_key(|label| label.parse::<i64>().unwrap_or_default());
        }
        if nothing {
            classes.retain(|label| label != NOTHING);
            classes.push(NOTHING.to_string());
        }
        Ok((classes, nothing))
    }
}

/// Merges what is said of many files.
pub(super) fn merge(notices: &mut Vec<Notice>, path: &std::path::Path, remark: &super::Remark) {
    let like = notices.iter_mut().find_map(|notice| match notice {
        Notice::Files { remark: known, count, .. } if known.like(remark) => Some(count),
        _ => None,
    });
    match like {
        Some(count) => *count += 1,
        None => notices.push(Notice::Files { remark: remark.clone(), count: 1, example: path.to_owned() }),
    }
}
