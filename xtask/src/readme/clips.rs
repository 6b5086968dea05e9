//! What the example hears, and what the models weigh.

use super::Figures;
use crate::report::grouped;
use crate::{root, toolchain};
use anyhow::{Context, Result, ensure};
use heedful::dynamic::Model;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The models with a card.
pub const MODELS: [&str; 2] = ["digits", "digits_small"];
/// Why there are no recordings.
pub const NO_DATA: &str = "no Free Spoken Digit Dataset; HEEDFUL_FSDD names its folder";
/// Recordings that validate, by their number.
const VALIDATION: std::ops::Range<usize> = 5..10;

/// Runs the example on the clips, and on the recordings held back from training.
pub fn measure(figures: &mut Figures) -> Result<()> {
    let printed = example("spoken_digits", &[])?;
    figures.set("example", excerpt(&printed)?);
    let recordings = recordings()?;
    for model in MODELS {
        let path = root().join("models").join(model);
        let bytes = fs::read(path.with_extension("heed"))?;
        let macs = Model::load(&bytes)?.macs();
        figures.set(&format!("{model} flash"), grouped(bytes.len() as u64));
        figures.set(&format!("{model} MACs"), grouped(macs as u64));
        figures.set(&format!("{model} parameters"), grouped(parameters(&path.with_extension("safetensors"))?));
        validate(figures, model, recordings.as_deref())?;
    }
    if let Some(folder) = recordings {
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

/// Builds and runs an example; gives what it printed.
pub fn example(name: &str, args: &[&str]) -> Result<String> {
    let mut cargo = toolchain::cargo();
    cargo.current_dir(root()).args(["run", "--release", "--quiet", "--example", name, "--"]).args(args);
    let output = cargo.output().context("cannot run cargo")?;
    ensure!(output.status.success(), "{name} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The first lines of the example's table, the last, and what follows but for what depends on the machine.
fn excerpt(printed: &str) -> Result<String> {
    let (table, costs) = printed.split_once("\n\n").context("the example prints a table and the costs")?;
    let lines: Vec<&str> = table.lines().collect();
    ensure!(lines.len() > 4, "the example prints {} lines", lines.len());
    let head = lines[..3].join("\n");
    let own = |line: &&str| !line.starts_with("RAM ") && !line.starts_with("backend ");
    let costs = costs.lines().filter(own).collect::<Vec<_>>().join("\n");
    Ok(format!("```text\n{head}\n…\n{}\n\n{costs}\n```", lines[lines.len() - 1]))
}

/// A folder with the recordings that validate, where the data set lies in the folder that `HEEDFUL_FSDD` names or
/// beside the repository.
pub fn recordings() -> Result<Option<PathBuf>> {
    let beside = root().join("../shared/data/fsdd");
    let data = std::env::var_os("HEEDFUL_FSDD").map_or(beside, PathBuf::from);
    if !data.exists() {
        return Ok(None);
    }
    let folder = std::env::temp_dir().join(format!("heedful-validation-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    for path in heedful_recordings::list(&data)?.recordings {
        let name = path.file_stem().context("a recording without a name")?.to_string_lossy();
        let index = name.rsplit('_').next().and_then(|index| index.parse::<usize>().ok());
        if let (Some(true), Some(name)) = (index.map(|index| VALIDATION.contains(&index)), path.file_name()) {
            fs::copy(&path, folder.join(name))?;
        }
    }
    Ok(Some(folder))
}

/// How many of the recordings a model hears right, in int8 and in float.
fn validate(figures: &mut Figures, model: &str, folder: Option<&Path>) -> Result<()> {
    let [int8, float, both] = ["int8", "float", "accuracy"].map(|what| format!("{model} {what}"));
    let Some(folder) = folder else {
        figures.skip(&[&int8, &float, &both, &format!("{model} heard"), "recordings"], NO_DATA);
        return Ok(());
    };
    let file = format!("models/{model}.heed");
    let printed = example(
        "spoken_digits",
        &["--float", "--model", &file, "--dir", folder.to_str().context("the folder's name is not UTF-8")?],
    )?;
    let rate = |(right, all): (u64, u64)| right as f64 / all as f64;
    let (a, b) = (score(&printed, "accuracy ")?, score(&printed, "float accuracy ")?);
    for (name, (right, all)) in [(&int8, a), (&float, b)] {
        figures.set(name, format!("{:.4} ({right} of {all})", rate((right, all))));
    }
    figures.set(&both, format!("{:.3} / {:.3}", rate(a), rate(b)));
    figures.set(&format!("{model} heard"), if a.0 == b.0 { a.0.to_string() } else { format!("{} and {}", a.0, b.0) });
    figures.set("recordings", a.1.to_string());
    Ok(())
}

/// Right and all, of a line of the example.
pub fn score(printed: &str, what: &str) -> Result<(u64, u64)> {
    let line = printed.lines().find_map(|line| line.strip_prefix(what)).context("no accuracy")?;
    let counts = line.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).context("no counts")?;
    let (right, all) = counts.split_once('/').context("no counts")?;
    Ok((right.parse()?, all.parse()?))
}

/// Values of the tensors of a safetensors file, but for the scales of activations.
fn parameters(path: &Path) -> Result<u64> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let (length, rest) = bytes.split_first_chunk::<8>().context("truncated")?;
    let header = rest.get(..u64::from_le_bytes(*length) as usize).context("truncated")?;
    let header: BTreeMap = serde_json::from_slice(header)?;
    let weights = header.iter().filter(|(name, _)| *name != "__metadata__" && !name.starts_with("scales."));
    let values = |tensor: &Value| -> u64 {
        tensor["shape"].as_array().map_or(0, |shape| shape.iter().filter_map(Value::as_u64).product())
    };
    Ok(weights.map(|(_, tensor)| values(tensor)).sum())
}

type BTreeMap = std::collections::BTreeMap<String, Value>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortens_the_example() {
        let printed = "file\na\nb\nc\nd\n\nmodel x\nRAM      1\nbackend  y\naccuracy 1.000 (4/4)\n";
        assert_eq!(excerpt(printed).unwrap(), "```text\nfile\na\nb\n…\nd\n\nmodel x\naccuracy 1.000 (4/4)\n```");
        assert!(excerpt("file\na\n\nb").is_err());
    }
}
