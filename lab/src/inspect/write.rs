//! Folders of pictures and of tables: all of them stand, or none.

use super::report::Report;
use super::{flow_picture, maps, picture, tables};
use crate::{Error, file};
use std::path::Path;

/// The pictures: maps of each recording that is drawn, importance, differences.
#[must_use]
pub fn pictures(report: &Report) -> Vec<(String, Vec<u8>)> {
    let mut all = vec![];
    for shown in &report.collected.shown {
        let stem = Path::new(&shown.name).file_stem().unwrap_or_default().to_string_lossy();
        // Windows of one recording have its name.
        let mut name = format!("{stem}.svg");
        let mut next = 1;
        while all.iter().any(|(other, _)| *other == name) {
            next += 1;
            name = format!("{stem}-{next}.svg");
        }
        if let Some(flow) = flow_picture::svg(report, shown) {
            let stem = name.trim_end_matches(".svg");
            all.push((format!("{stem}-flow.svg"), picture::file(&flow).into_bytes()));
        }
        all.push((name, picture::file(&maps::svg(report, shown)).into_bytes()));
    }
    let mut add = |name: &str, picture| all.push((format!("{name}.svg"), picture::file(&picture).into_bytes()));
    if !report.is_of_maps() {
        add("heads-importance", picture::importance(report).1);
    }
    let names = picture::numbers(report);
    for (name, title, values, range) in picture::matrices(report) {
        add(&format!("heads-{name}"), picture::matrix(title, &names, &values, &report.order, range));
    }
    add("heads-map", picture::scatter("Map of heads: near ones look at the same", report));
    all
}

/// The tables.
///
/// # Errors
/// Never, in memory.
pub fn csv(report: &Report) -> Result<Vec<(String, Vec<u8>)>, Error> {
    csv_of(&tables::tables(report))
}

/// Any tables.
///
/// # Errors
/// Never, in memory.
pub fn csv_of(all: &[tables::Table]) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let one = |table: &tables::Table| {
        let bytes = table.csv().map_err(|error| Error::Inspect(error.to_string()))?;
        Ok((format!("{}.csv", table.name), bytes))
    };
    all.iter().map(one).collect()
}

/// Writes files into a folder, which is made if it is not there.
///
/// # Errors
/// Names the file that cannot be written.
pub fn folder(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<(), Error> {
    files.iter().try_for_each(|(name, bytes)| file::write_atomically(&folder.join(name), bytes))
}
