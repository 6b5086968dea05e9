//! Sections of documents that commands write: between `<!-- NAME: … -->` and `<!-- /NAME -->`.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;

/// Columns of a line of prose.
const COLUMNS: usize = 120;

/// Replaces the text of a section by what `change` makes of it, with its prose wrapped.
pub fn replace(path: &Path, name: &str, change: impl FnOnce(&str) -> String) -> Result<()> {
    let document = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let changed = replaced(&document, name, |old| wrapped(&change(old)))
        .with_context(|| format!("{}: no section <!-- {name}: … --> … <!-- /{name} -->", path.display()))?;
    fs::write(path, changed).with_context(|| path.display().to_string())
}

fn replaced(document: &str, name: &str, change: impl FnOnce(&str) -> String) -> Option<String> {
    let opening = document.find(&format!("<!-- {name}: "))?;
    let start = opening + document.get(opening..)?.find("-->")? + "-->".len();
    let end = start + document.get(start..)?.find(&format!("<!-- /{name} -->"))?;
    let (before, after) = (document.get(..start)?, document.get(end..)?);
    let text = change(document.get(start..end)?.trim());
    Some(format!("{before}\n\n{}\n\n{after}", text.trim()))
}

/// Breaks lines beyond [`COLUMNS`] at spaces; those of tables stay.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut column = 0;
        for word in line.split_inclusive(' ') {
            let width = word.trim_end().chars().count();
            if column > 0 && column + width > COLUMNS && !line.starts_with('|') {
                out.truncate(out.trim_end().len());
                out.push('\n');
                column = 0;
            }
            out += word;
            column += word.chars().count();
        }
        out.push('\n');
    }
    out
}

/// What ends the opening of a section that [`figures`] writes.
const WRITTEN: &str = ": written by `cargo xtask readme` -->";

/// Replaces each `<!--=NAME-->figure<!--/-->`, and each section `<!-- NAME: written by `cargo xtask readme` -->`, by
/// what `change` makes of its name and text.
pub fn figures(document: &str, change: &mut impl FnMut(&str, &str) -> Result<String>) -> Result<String> {
    let mut written = String::new();
    let mut rest = document;
    while let Some((before, after)) = rest.split_once("<!--=") {
        let (name, after) = after.split_once("-->").context("a figure without a name")?;
        let (old, after) = after.split_once("<!--/-->").with_context(|| format!("no <!--/--> after {name}"))?;
        ensure!(!old.contains('\n'), "no <!--/--> in the line of {name}");
        // Markdown would take it for HTML and end the paragraph.
        ensure!(!before.rsplit('\n').next().unwrap_or_default().trim().is_empty(), "{name} begins a line");
        written += &format!("{before}<!--={name}-->{}<!--/-->", change(name, old)?);
        rest = after;
    }
    written += rest;
    let sections: Vec<&str> =
        document.match_indices(WRITTEN).filter_map(|(end, _)| document.get(..end)?.rsplit("<!-- ").next()).collect();
    for name in sections {
        let mut failed = None;
        let new = replaced(&written, name, |old| {
            change(name, old).unwrap_or_else(|error| {
                failed = Some(error);
                String::new()
            })
        });
        if let Some(error) = failed {
            return Err(error);
        }
        written = new.with_context(|| format!("no <!-- /{name} -->"))?;
    }
    Ok(written)
}

/// Whether two texts say the same: word for word, but for numbers of at least [`COUNTED`], which may differ by
/// [`TOLERANCE`]. Those are counts of instructions and bytes, which other code around them moves a little.
pub fn agree(old: &str, new: &str) -> bool {
    let (old, new) = (tokens(old), tokens(new));
    old.len() == new.len() && old.into_iter().zip(new).all(|(old, new)| old == new || nearly(old, new))
}

/// The least number that is taken for a count.
const COUNTED: f64 = 1000.0;
/// By how much a count in a document may be off.
const TOLERANCE: f64 = 0.005;

/// Whether both are counts, and nearly the same.
fn nearly(old: &str, new: &str) -> bool {
    let count = |text: &str| text.replace(',', "").parse::<f64>().ok().filter(|&count| count >= COUNTED);
    matches!((count(old), count(new)), (Some(old), Some(new)) if (new - old).abs() <= TOLERANCE * old)
}

/// Numbers, with their commas and points, and what lies between them.
fn tokens(text: &str) -> Vec<&str> {
    let digit = |c: char| c.is_ascii_digit();
    let mut tokens = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let length = if rest.starts_with(digit) {
            rest.find(|c: char| !digit(c) && c != ',' && c != '.')
        } else {
            rest.find(digit)
        };
        let (token, after) = rest.split_at(length.unwrap_or(rest.len()));
        tokens.push(token);
        rest = after;
    }
    tokens
}

/// Puts `parts` (heading and text) into a section made of such parts: those of the same heading are
/// replaced, and all come in the order of `headings`; parts of other headings go.
pub fn merged(section: &str, parts: &[(String, String)], headings: &[String]) -> String {
    let mark = |heading: &str| format!("### {heading}\n");
    let old = |heading: &str| {
        let start = section.find(&mark(heading))? + mark(heading).len();
        let rest = section.get(start..)?;
        let end = rest.find("\n### ").unwrap_or(rest.len());
        Some(rest.get(..end)?.trim().to_owned())
    };
    let mut text = String::new();
    for heading in headings {
        let new = parts.iter().find(|(part, _)| part == heading).map(|(_, text)| text.trim().to_owned());
        if let Some(part) = new.or_else(|| old(heading)) {
            text += &format!("{}\n{part}\n\n", mark(heading));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_one_section() {
        let document = "a\n<!-- counts: made by x -->\nold\n<!-- /counts -->\nb\n";
        let changed = replaced(document, "counts", |old| format!("not {old}\n")).unwrap();
        assert_eq!(changed, "a\n<!-- counts: made by x -->\n\nnot old\n\n<!-- /counts -->\nb\n");
        assert_eq!(replaced(&changed, "counts", str::to_owned).unwrap(), changed);
        assert_eq!(replaced(document, "cycles", str::to_owned), None);
    }

    #[test]
    fn replaces_figures() {
        let document = "a <!--=x-->1<!--/--> b <!--=y y-->2<!--/-->\n\
            <!-- z: written by `cargo xtask readme` -->\n\n3\n\n<!-- /z -->\n";
        let changed = figures(document, &mut |name, old| Ok(format!("{old}{name}"))).unwrap();
        let expected = document.replace(">1<", ">1x<").replace(">2<", ">2y y<").replace("3", "3z");
        assert_eq!(changed, expected);
        assert!(figures("a <!--=x-->1\n<!--/-->", &mut |_, old| Ok(old.into())).is_err());
        assert!(figures("a <!--=x-->1", &mut |_, old| Ok(old.into())).is_err());
        assert!(figures("a\n<!--=x-->1<!--/-->", &mut |_, old| Ok(old.into())).is_err());
        assert!(figures(document, &mut |name, _| anyhow::bail!("no {name}")).is_err());
    }

    #[test]
    fn counts_may_differ_a_little() {
        assert!(agree("| 60 of 60 | 1,996,740 | 4,320 |", "| 60 of 60 | 1,996,741 | 4,312 |"));
        assert!(agree("1.003", "1.003"));
        for (old, new) in [
            ("| 60 of 60 | 1,996,740 |", "| 59 of 60 | 1,996,740 |"),
            ("1,996,740", "2,010,000"),
            ("1,996,740 bytes", "1,996,740 words"),
            ("0.997", "0.996"),
            ("999", "998"),
            ("1,000", "1,000 1"),
        ] {
            assert!(!agree(old, new), "{old} and {new}");
        }
    }

    #[test]
    fn wraps_prose_and_no_tables() {
        let words = |count: usize| "é".repeat(9) + &" ééééééééé".repeat(count - 1);
        let table = format!("| {} |", words(20));
        let text = format!("a\n\n{}\n{} and\n{table}\n", words(12), words(12));
        let expected = format!("a\n\n{}\n{}\nand\n{table}\n", words(12), words(12));
        assert_eq!(wrapped(&text), expected);
        assert_eq!(wrapped(&expected), expected);
    }

    #[test]
    fn merges_parts_by_heading() {
        let headings = ["A", "B", "C"].map(String::from);
        let part = |heading: &str, text: &str| (heading.to_owned(), text.to_owned());
        let one = merged("", &[part("C", "c"), part("A", "a")], &headings);
        let two = merged(one.trim(), &[part("B", "b\n"), part("A", "new")], &headings);
        assert_eq!(two, "### A\n\nnew\n\n### B\n\nb\n\n### C\n\nc\n\n");
    }
}
