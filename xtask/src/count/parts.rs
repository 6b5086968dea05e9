//! Whole models by their parts: each is a slice of an inference, counted on a board.

use crate::output::Fields;
use crate::report::{grouped, layout};
use crate::targets::{TARGETS, Target};
use crate::{emulator, firmware, markdown, root, toolchain};
use anyhow::{Context, Result, ensure};
use heedful::dynamic::{Model, PartInfo};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Targets of the table of all models: one for each kind of kernels.
const USUAL: &[&str] = &["cortex-m4", "cortex-m55", "cortex-m0", "rv32imc", "rvv128"];
/// The one of the picture, and of [`check`].
pub const CHECKED: &str = "cortex-m4";

/// What parts of a model are for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Purpose {
    Input,
    Attention,
    FeedForward,
    Norm,
    Output,
}

use Purpose::{Attention, FeedForward, Input, Norm, Output};

/// In the order of the table, with their names and colours that colour-blind readers tell apart (Okabe and Ito, 2008).
const PURPOSES: [(Purpose, &str, &str); 5] = [
    (Input, "input", "#999999"),
    (Attention, "attention", "#0072b2"),
    (FeedForward, "feed-forward", "#e69f00"),
    (Norm, "norms", "#009e73"),
    (Output, "output", "#cc79a7"),
];

impl Purpose {
    fn of(part: &PartInfo) -> Self {
        match part.name {
            "attention" => Attention,
            name if name.contains("feed-forward") => FeedForward,
            name if name.contains("norm") || name.contains("residual stream") => Norm,
            "pooling" | "dense layer" | "output" => Output,
            _ => Input,
        }
    }
}

/// What a board counted of a model.
#[derive(Clone, Debug, PartialEq)]
struct Counted {
    /// Of the front end in a second of sound, if it hears.
    front: Option<u64>,
    /// Of each part.
    parts: Vec<u64>,
}

impl Counted {
    fn inference(&self) -> u64 {
        self.parts.iter().sum()
    }

    fn by_purpose(&self, parts: &[PartInfo]) -> BTreeMap<Purpose, u64> {
        let mut sums = BTreeMap::new();
        for (part, &count) in parts.iter().zip(&self.parts) {
            *sums.entry(Purpose::of(part)).or_default() += count;
        }
        sums
    }
}

/// A model whose parts are counted.
struct Whole {
    path: PathBuf,
    name: String,
    rate: Option<usize>,
    /// Those that run, in their order.
    parts: Vec<PartInfo>,
}

impl Whole {
    fn read(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path)?;
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        let model = Model::load(&bytes).with_context(|| path.display().to_string())?;
        let parts: Vec<PartInfo> = model.parts().into_iter().filter(|part| part.slice.is_some()).collect();
        ensure!(parts.len() == model.shape().parts, "{}: not all parts are slices", path.display());
        let rate = model.frontend().map(|_| model.shape().input.sample_rate());
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { path, name, rate, parts })
    }

    /// Builds the firmware and runs it.
    fn count(&self, target: &Target) -> Result<Counted> {
        let target = target.with_more_memory();
        let env = [("MODEL", self.path.to_str().context("the model's path is not UTF-8")?)];
        let mut features = vec![firmware::PARTS.to_owned()];
        features.extend(self.rate.map(|_| firmware::HEARS.to_owned()));
        let elf = firmware::build_with(&target, firmware::PARTS, &features, &env)?;
        let counted = parse(&emulator::run(&target, &elf)?, self.rate)?;
        let (found, expected) = (counted.parts.len(), self.parts.len());
        ensure!(found == expected, "the board ran {found} parts of {expected}");
        Ok(counted)
    }

    /// A row for each part, a column for each target.
    fn table(&self, targets: &[&Target], counted: &[Counted]) -> String {
        let mut head = vec!["part".to_owned(), "shape".into(), "MACs".into()];
        head.extend(targets.iter().map(|target| target.name.to_owned()));
        let mut rows = vec![head];
        let of = |count: &dyn Fn(&Counted) -> String| counted.iter().map(count).collect::<Vec<_>>();
        if self.rate.is_some() {
            let front = of(&|counted| counted.front.map(grouped).unwrap_or_default());
            rows.push([vec!["front end".to_owned(), "a second of sound".into(), String::new()], front].concat());
        }
        for (at, part) in self.parts.iter().enumerate() {
            let macs = if part.work.macs() > 0 { grouped(part.work.macs() as u64) } else { String::new() };
            let counts = of(&|counted| counted.parts.get(at).copied().map(grouped).unwrap_or_default());
            rows.push([vec![part.name.to_owned(), part.shape.clone(), macs], counts].concat());
        }
        let macs: usize = self.parts.iter().map(|part| part.work.macs()).sum();
        let all = of(&|counted| grouped(counted.inference()));
        rows.push([vec!["an inference".to_owned(), String::new(), grouped(macs as u64)], all].concat());
        layout(&rows)
    }
}

/// Counts a model and prints its parts, on all targets unless some are named; or all models of a folder, summed up by
/// what parts are for, with a table and a picture for the document.
pub fn run(path: &Path, named: &[&'static Target], document: Option<&Path>) -> Result<()> {
    let is_folder = path.is_dir();
    let usual = |target: &&Target| !is_folder || USUAL.contains(&target.name);
    let targets: Vec<&Target> = match named {
        [] => TARGETS.iter().filter(usual).collect(),
        named => named.to_vec(),
    };
    if !is_folder {
        ensure!(document.is_none(), "the document shows all models: --model FOLDER");
        let whole = Whole::read(path)?;
        let counted = targets.iter().map(|target| counted(&whole, target)).collect::<Result<Vec<_>>>()?;
        println!("{}", whole.table(&targets, &counted));
        return Ok(());
    }
    let mut paths: Vec<PathBuf> = std::fs::read_dir(path)?.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "heed"));
    paths.sort();
    let mut table = String::from("| model | core | front end, a second |");
    PURPOSES.iter().for_each(|(_, name, _)| table += &format!(" {name} |"));
    table += " an inference |\n|---|---|---:|---:|---:|---:|---:|---:|---:|\n";
    let mut pictured = vec![];
    for path in paths {
        let whole = Whole::read(&path)?;
        for target in &targets {
            let counted = counted(&whole, target)?;
            let sums = counted.by_purpose(&whole.parts);
            let row: String = PURPOSES
                .iter()
                .map(|(purpose, ..)| format!(" {} |", grouped(sums.get(purpose).copied().unwrap_or(0))))
                .collect();
            let front = counted.front.map(grouped).unwrap_or_default();
            let line =
                format!("| {} | {} | {front} |{row} {} |\n", whole.name, target.core, grouped(counted.inference()));
            print!("{line}");
            table += &line;
            if target.name == CHECKED {
                pictured.push((whole.name.clone(), sums));
            }
        }
    }
    if let Some(document) = document {
        markdown::replace(document, "parts", |_| table)?;
        let picture = document.with_file_name("parts.svg");
        std::fs::write(&picture, svg(&pictured)).with_context(|| picture.display().to_string())?;
    }
    Ok(())
}

/// For `cargo xtask on-target`: the parts of a small model are counted, one for one.
pub fn check(target: &Target) -> Result<String> {
    let whole = Whole::read(&root().join("models/gesture.heed"))?;
    let counted = whole.count(target)?;
    let [parts, all] = [counted.parts.len() as u64, counted.inference()].map(grouped);
    Ok(format!("{parts} parts of gesture, {all} instructions"))
}

fn counted(whole: &Whole, target: &Target) -> Result<Counted> {
    toolchain::ensure_emulator(target)?;
    toolchain::ensure_target(target.triple)?;
    whole.count(target).with_context(|| format!("{} on {}", whole.name, target.name))
}

fn parse(printed: &str, rate: Option<usize>) -> Result<Counted> {
    ensure!(printed.lines().any(|line| line == "parts done"), "the board did not finish:\n{printed}");
    let lines = |name: &'static str| printed.lines().filter(move |line| line.split(' ').next() == Some(name));
    let front = match (lines("front").next().map(Fields::of), rate) {
        (Some(fields), Some(rate)) => {
            let [samples, instructions]: [u64; 2] = [fields.number("samples")?, fields.number("instructions")?];
            Some((instructions * rate as u64).checked_div(samples).context("no samples")?)
        }
        (None, None) => None,
        _ => anyhow::bail!("a front end, or none, that was not expected:\n{printed}"),
    };
    let mut parts = vec![];
    for fields in lines("part").map(Fields::of) {
        ensure!(fields.number::<usize>("index")? == parts.len(), "a part is missing:\n{printed}");
        parts.push(fields.number("instructions")?);
    }
    Ok(Counted { front, parts })
}

/// A bar for each model, as long as all others, with the share of each purpose.
fn svg(models: &[(String, BTreeMap<Purpose, u64>)]) -> String {
    const LEFT: f64 = 110.0;
    const BAR: f64 = 560.0;
    const ROW: f64 = 26.0;
    const TOP: f64 = 34.0;
    let height = TOP + ROW * models.len() as f64 + 6.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 {height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<title>Instructions of an inference by what they are for, Cortex-M4</title>\n\
         <rect width=\"800\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (at, (_, name, colour)) in PURPOSES.iter().enumerate() {
        let x = LEFT + 115.0 * at as f64;
        _ = writeln!(out, "<rect x=\"{x}\" y=\"10\" width=\"12\" height=\"12\" fill=\"{colour}\"/>");
        _ = writeln!(out, "<text x=\"{}\" y=\"21\">{name}</text>", x + 17.0);
    }
    for (at, (name, sums)) in models.iter().enumerate() {
        let (y, all) = (TOP + ROW * at as f64, sums.values().sum::<u64>());
        _ = writeln!(out, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>", LEFT - 6.0, y + 15.0);
        let mut x = LEFT;
        for (purpose, what, colour) in PURPOSES {
            let share = sums.get(&purpose).copied().unwrap_or(0) as f64 / all.max(1) as f64;
            _ = writeln!(
                out,
                "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"20\" fill=\"{colour}\"><title>{what}: {:.1} \
                 %</title></rect>",
                BAR * share,
                100.0 * share
            );
            x += BAR * share;
        }
        let millions = all as f64 / 1e6;
        _ = writeln!(out, "<text x=\"{}\" y=\"{}\">{millions:.2} million</text>", LEFT + BAR + 8.0, y + 15.0);
    }
    out + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "front samples=400 instructions=100\npart index=0 instructions=7\n\
                           part index=1 instructions=30\nparts done\n";

    #[test]
    fn reads_what_a_board_prints() {
        let counted = parse(PRINTED, Some(8000)).unwrap();
        assert_eq!(counted, Counted { front: Some(2000), parts: vec![7, 30] });
        assert_eq!(counted.inference(), 37);
        assert!(parse(PRINTED, None).is_err());
        assert!(parse(&PRINTED.replace("index=0", "index=1"), Some(8000)).is_err());
        assert!(parse(&PRINTED.replace("done", ""), Some(8000)).is_err());
    }

    #[test]
    fn each_part_has_a_purpose() {
        let whole = Whole::read(&root().join("models/sounds.heed")).unwrap();
        let counted = Counted { front: None, parts: vec![1; whole.parts.len()] };
        let sums = counted.by_purpose(&whole.parts);
        // Seven convolutions, positions and the stem; two blocks, and the norm, the pooling and the layer after them.
        let expected = [(Input, 9), (Attention, 2), (FeedForward, 2), (Norm, 5), (Output, 2)];
        assert_eq!(sums, BTreeMap::from(expected));
        let picture = svg(&[("sounds".to_owned(), sums)]);
        assert!(picture.contains("<title>input: 45.0 %</title>") && picture.ends_with("</svg>\n"), "{picture}");
    }
}
