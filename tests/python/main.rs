//! The reader in Python, written from `docs/numerics.md` and `docs/format.md` alone, gives the library's bits.
//!
//! The files of `golden/` are what it is compared with where there is no Rust: `python3 tests/python/compare.py`.

mod models;
mod operations;
#[path = "../support/skip.rs"]
mod skip;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/chain.rs"]
mod support_chain;
#[path = "../support/decoder.rs"]
mod support_decoder;

use skip::{Lack, skipped};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is compared: names, and rows of numbers as JSON.
#[derive(Default)]
pub struct Cases(Vec<(&'static str, Vec<String>)>);

impl Cases {
    /// `row` as the next one of its name.
    pub fn add(&mut self, name: &'static str, row: String) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, rows)) => rows.push(row),
            None => self.0.push((name, vec![row])),
        }
    }

    /// One row per line.
    fn json(&self) -> String {
        let mut text = String::new();
        for (i, (name, rows)) in self.0.iter().enumerate() {
            let before = if i == 0 { '{' } else { ',' };
            write!(text, "{before}\"{name}\": [\n{}\n]", rows.join(",\n").replace(", ", ",")).unwrap();
        }
        text + "}\n"
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name)
}

fn has_python() -> bool {
    Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The committed rows are what the library gives; `HEEDFUL_BLESS=1` writes them anew.
#[test]
fn golden_files_are_current() {
    for (name, cases) in [("operations.json", operations::cases(1, 1)), ("models.json", models::committed(1))] {
        let path = folder("golden").join(name);
        if std::env::var_os("HEEDFUL_BLESS").is_some() {
            std::fs::write(&path, cases.json()).unwrap();
        }
        let is_current = std::fs::read_to_string(&path).is_ok_and(|found| found == cases.json());
        assert!(is_current, "{} is not current", path.display());
    }
}

/// The reader over the committed files, thousands of new rows of each operation, other models and more clips.
#[test]
fn reader_gives_the_same_bits() {
    if !has_python() {
        return skipped(Lack::Tool, "there is no python3");
    }
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    std::fs::create_dir_all(&place).unwrap();
    let mut files = vec![folder("golden/operations.json"), folder("../models/chains.json")];
    for (name, cases) in [
        ("operations.json", operations::cases(2, 40)),
        ("committed.json", models::committed(2)),
        ("random.json", models::random(&place, 36)),
        ("chains.json", models::chains(&place, 120)),
    ] {
        files.push(place.join(name));
        std::fs::write(place.join(name), cases.json()).unwrap();
    }
    let output = Command::new("python3").arg(folder("compare.py")).args(&files).output().unwrap();
    let [said, complaint] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    println!("{said}{complaint}");
    assert!(output.status.success(), "{said}{complaint}");
}

/// A wrong row is found: the comparison compares.
#[test]
fn a_wrong_row_is_found() {
    if !has_python() {
        return skipped(Lack::Tool, "there is no python3");
    }
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python_wrong");
    std::fs::create_dir_all(&place).unwrap();
    let rows = operations::cases(3, 1).0;
    assert!(rows.len() >= 10);
    for (name, mut rows) in rows {
        // Each operation's rows end with what came out, and that with a number.
        let last = rows.last_mut().unwrap();
        let digit = last.rfind(|c: char| c.is_ascii_digit()).unwrap();
        let other = if &last[digit..=digit] == "1" { "2" } else { "1" };
        last.replace_range(digit..=digit, other);
        let path = place.join(format!("{name}.json"));
        std::fs::write(&path, Cases(vec![(name, rows)]).json()).unwrap();
        let output = Command::new("python3").arg(folder("compare.py")).arg(&path).output().unwrap();
        assert!(!output.status.success(), "{name}");
    }
}
