//! `cargo xtask readme`: every figure of the README and of the model cards, from the programs that measure it.
//!
//! A figure stands between `<!--=NAME-->` and `<!--/-->` in a line, or as a section of its own (see
//! [`crate::markdown`]).

mod boards;
mod clips;
mod documents;
mod language;
mod pruned;

use crate::{markdown, root, toolchain};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;

/// The documents whose figures are written.
const DOCUMENTS: [&str; 4] = ["README.md", "docs/performance.md", "models/digits.md", "models/digits_small.md"];

/// The compiler that the figures of firmware come from: another makes other code.
const COMPILER: &str = "rustc 1.95.";

/// Figures by name; in place of one that cannot be measured here, why.
#[derive(Debug, Default)]
pub struct Figures {
    known: BTreeMap<String, Result<String, String>>,
    /// Why firmware is not measured, if it is not.
    no_firmware: Option<String>,
}

impl Figures {
    /// A figure, as it stands in a document.
    pub fn set(&mut self, name: &str, text: impl Into<String>) {
        self.known.insert(name.into(), Ok(text.into()));
    }

    /// Figures that need something that is not here.
    pub fn skip(&mut self, names: &[&str], why: &str) {
        self.known.extend(names.iter().map(|&name| (name.into(), Err(why.into()))));
    }

    fn get(&self, name: &str) -> Result<Result<String, String>> {
        let known = self.known.get(name).cloned().or_else(|| self.no_firmware.clone().map(Err));
        known.with_context(|| format!("no command measures the figure {name:?}"))
    }
}

/// Measures all, and writes it into the documents, or compares; whether all that could be measured agrees, counts to
/// half a per cent. Models with fewer heads, which take a firmware each, are measured only if `all` is.
pub fn run(check: bool, all: bool) -> Result<bool> {
    let mut figures = Figures::default();
    let compiler = toolchain::compiler()?;
    if !compiler.starts_with(COMPILER) {
        figures.no_firmware = Some(format!("figures of firmware are those of {COMPILER}x, this is {compiler}"));
    }
    for (what, measure) in [
        ("the example", clips::measure as fn(&mut Figures) -> Result<()>),
        ("other documents", documents::measure),
        ("the language model", language::measure),
        ("boards", boards::measure),
    ] {
        println!("{what}");
        measure(&mut figures).context(what)?;
    }
    if all {
        println!("fewer heads");
        pruned::measure(&mut figures).context("fewer heads")?;
    } else {
        figures.skip(&pruned::FIGURES, "--all measures it");
    }
    let mut agrees = true;
    for document in DOCUMENTS {
        let path = root().join(document);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let (mut same, mut skipped) = (0, 0);
        let written = markdown::figures(&text, &mut |name, old| {
            Ok(match figures.get(name)? {
                Ok(new) => {
                    if markdown::agree(old, &new) {
                        same += 1;
                    } else {
                        agrees = false;
                        println!("  {document}: {name} was {old:?}, is {new:?}");
                    }
                    new
                }
                Err(why) => {
                    skipped += 1;
                    println!("  skipped: {name} of {document}: {why}");
                    old.to_owned()
                }
            })
        })
        .with_context(|| document.to_owned())?;
        println!("{document}: {same} figures the same, {skipped} skipped");
        if same + skipped == 0 && written == text {
            bail!("{document} has no figures");
        }
        if !check && written != text {
            fs::write(&path, written).with_context(|| path.display().to_string())?;
        }
    }
    if check && !agrees {
        println!("figures differ; `cargo xtask readme` writes them");
    }
    Ok(agrees || !check)
}
