//! The published language model: how much it takes, and how much is lost in its integers.

use super::Figures;
use crate::report::grouped;
use crate::stories::{self, Story};
use crate::targets::TARGETS;
use crate::{root, toolchain};
use anyhow::{Context, Result, ensure};
use heedful::dynamic::Decoder;
use heedful_import::calibrate::own_texts;
use heedful_import::float::Session;
use heedful_import::perplexity::{WINDOW, perplexity};
use heedful_import::quantise::quantise;
use heedful_import::{BEGIN, Checkpoint, Integer, Tokenizer};
use std::fs;

const NAMES: [&str; 9] = [
    "stories file",
    "stories RAM",
    "stories stack",
    "stories M4",
    "stories RV32",
    "stories perplexity",
    "stories own perplexities",
    "stories others",
    "stories other texts",
];
/// Texts that the import calibrates on, unless told otherwise, and their seed.
const CALIBRATION: (usize, u64) = (48, 2);
/// Seeds of other texts to calibrate on.
const OTHERS: [u64; 4] = [1, 3, 4, 5];
/// Texts of the model's own that judge it: 5,000 tokens of each seed.
const JUDGES: (usize, [u64; 2]) = (20, [1000, 2000]);

/// Converts the checkpoint, judges it and runs it on boards.
pub fn measure(figures: &mut Figures) -> Result<()> {
    let Some(folder) = stories::folder() else {
        figures.skip(&NAMES, "no stories260K.bin; HEEDFUL_STORIES names its folder");
        return Ok(());
    };
    let checkpoint = Checkpoint::parse(&fs::read(folder.join("stories260K.bin"))?)?;
    let tokenizer = Tokenizer::parse(&fs::read(folder.join("tok512.bin"))?)?;
    let convert = |seed| -> Result<Vec<u8>> {
        Ok(quantise(&checkpoint, &tokenizer, &own_texts(&checkpoint, CALIBRATION.0, seed))?.to_bytes()?)
    };
    let story = fs::read(root().join("import/tests/stories.txt"))?;
    let mut texts = vec![tokenizer.encode(&story)];
    for seed in JUDGES.1 {
        let own = own_texts(&checkpoint, JUDGES.0, seed).concat();
        texts.push(own.into_iter().filter(|&token| token != BEGIN).collect());
    }
    let mut float = Session::new(&checkpoint, WINDOW + 1);
    let floats = texts.iter().map(|text| perplexity(&mut float, text).context("no text"));
    let floats: Vec<f64> = floats.collect::<Result<_>>()?;
    let ratios = |bytes: &[u8]| -> Result<Vec<f64>> {
        let decoder = Decoder::load(bytes)?;
        let mut integer = Integer::new(&decoder, WINDOW + 1);
        let ratio = |(text, float): (&Vec<u16>, &f64)| Ok(perplexity(&mut integer, text).context("no text")? / float);
        texts.iter().zip(&floats).map(ratio).collect()
    };
    let bytes = convert(CALIBRATION.1)?;
    let own = ratios(&bytes)?;
    figures.set("stories file", grouped(bytes.len() as u64));
    figures.set("stories perplexity", format!("{:.3}", own[0]));
    figures.set("stories own perplexities", format!("{:.3} and {:.3}", own[1], own[2]));
    let mut all = Vec::new();
    for seed in OTHERS {
        all.extend(ratios(&convert(seed)?)?);
    }
    let (least, most) = all.iter().fold((f64::MAX, 0f64), |(least, most), &x| (least.min(x), most.max(x)));
    figures.set("stories others", format!("{least:.3} to {most:.3}"));
    figures.set("stories other texts", texts.len().to_string());
    boards(figures, &bytes)
}

/// Runs it on the boards that README names.
fn boards(figures: &mut Figures, bytes: &[u8]) -> Result<()> {
    if figures.no_firmware.is_some() {
        return Ok(());
    }
    let path = std::env::temp_dir().join(format!("heedful-readme-{}.heed", std::process::id()));
    fs::write(&path, bytes)?;
    for (name, target) in [("stories M4", "cortex-m4"), ("stories RV32", "rv32imac")] {
        let target = TARGETS.iter().find(|one| one.name == target).context("no such target")?;
        toolchain::ensure_emulator(target)?;
        toolchain::ensure_target(target.triple)?;
        let story = Story { model: path.clone(), prompt: "Once upon a time".into(), tokens: stories::FULL + 20 };
        let told = stories::told(target, &story)?;
        let full = told.instructions.get(stories::FULL).context("the text ends before the cache is full")?;
        figures.set(name, grouped(*full));
        if target.name == "cortex-m4" {
            figures.set("stories RAM", grouped(told.state));
            figures.set("stories stack", format!("{:.1} KB", told.stack as f64 / 1000.0));
        }
        ensure!(told.state > 0, "no RAM");
    }
    fs::remove_file(&path)?;
    Ok(())
}
