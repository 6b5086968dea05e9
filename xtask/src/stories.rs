//! `cargo xtask stories`: a language model in firmware, held against the host token by token.

use crate::output::Fields;
use crate::report::grouped;
use crate::targets::{TARGETS, Target};
use crate::{emulator, firmware, root, toolchain};
use anyhow::{Context, Result, bail, ensure};
use heedful::dynamic::Decoder;
use heedful_import::calibrate::own_texts;
use heedful_import::quantise::quantise;
use heedful_import::{Checkpoint, Tokenizer};
use std::path::{Path, PathBuf};

/// Positions that the firmware's cache holds.
const CONTEXT: usize = 128;
/// The position whose instructions are quoted: the cache is full.
pub const FULL: usize = CONTEXT;
/// Targets that run it, unless others are named.
pub const USUAL: &[&str] = &["cortex-m4", "rv32imac"];

/// What the firmware is to write.
#[derive(Debug)]
pub struct Story {
    /// The model's `.heed` file.
    pub model: PathBuf,
    /// What the text begins with.
    pub prompt: String,
    /// Tokens read and written.
    pub tokens: usize,
}

/// What a board printed.
#[derive(Debug)]
pub struct Told {
    /// Bytes of RAM.
    pub state: u64,
    /// Bytes of stack.
    pub stack: u64,
    tokens: Vec<u16>,
    /// Of each token.
    pub instructions: Vec<u64>,
    flash: u64,
}

/// Runs the model on each target; fails where a token differs from the host's.
pub fn run(targets: &[&'static Target], story: &Story) -> Result<()> {
    let bytes = std::fs::read(&story.model).with_context(|| story.model.display().to_string())?;
    let model = Decoder::load(&bytes).with_context(|| story.model.display().to_string())?;
    let usual = TARGETS.iter().filter(|target| USUAL.contains(&target.name));
    let targets: Vec<&Target> = if targets.is_empty() { usual.collect() } else { targets.to_vec() };
    let host = on_host(&model, story)?;
    println!("host: {}", text(&model, &host));
    println!(
        "file {} bytes, {} weight products per token",
        grouped(bytes.len() as u64),
        grouped(model.shape().macs as u64)
    );
    for target in targets {
        toolchain::ensure_emulator(target)?;
        toolchain::ensure_target(target.triple)?;
        println!("{}: {}", target.name, on_board(target, story, &host).with_context(|| target.name)?);
    }
    Ok(())
}

/// The published checkpoint as a `.heed` file, where it lies in the folder that `HEEDFUL_STORIES` names or beside the
/// repository.
pub fn published() -> Result<Option<PathBuf>> {
    let Some(folder) = folder() else { return Ok(None) };
    let (checkpoint, vocabulary) = (folder.join("stories260K.bin"), folder.join("tok512.bin"));
    let checkpoint = Checkpoint::parse(&std::fs::read(&checkpoint)?)?;
    let tokenizer = Tokenizer::parse(&std::fs::read(&vocabulary)?)?;
    let model = quantise(&checkpoint, &tokenizer, &own_texts(&checkpoint, 4, 1))?;
    let path = std::env::temp_dir().join(format!("heedful-stories-{}.heed", std::process::id()));
    std::fs::write(&path, model.to_bytes()?).with_context(|| path.display().to_string())?;
    Ok(Some(path))
}

/// Where the published checkpoint lies.
pub fn folder() -> Option<PathBuf> {
    let beside = root().join("../shared/data/stories260k");
    let folder = std::env::var_os("HEEDFUL_STORIES").map_or(beside, PathBuf::from);
    ["stories260K.bin", "tok512.bin"].iter().all(|file| folder.join(file).exists()).then_some(folder)
}

/// For `cargo xtask on-target`, on the targets that have the memory.
pub fn check(target: &Target, model: &Path) -> Result<String> {
    toolchain::ensure_target(target.triple)?;
    let story = Story { model: model.to_owned(), prompt: "Once upon a time".into(), tokens: CONTEXT + 20 };
    let decoder = Decoder::load(&std::fs::read(model)?)?;
    let host = on_host(&decoder, &story)?;
    on_board(target, &story, &host)
}

/// The tokens that the host writes.
fn on_host(model: &Decoder, story: &Story) -> Result<Vec<u16>> {
    let tokenizer = model.tokenizer().context("the model has no tokenizer")?;
    let mut prompt = vec![0; story.prompt.len() + 2];
    let count = tokenizer.encode(story.prompt.as_bytes(), &mut prompt)?;
    let mut session = model.session(CONTEXT);
    let mut tokens = vec![prompt[0]];
    while tokens.len() < story.tokens {
        let next = heedful::greedy(session.step(usize::from(tokens[tokens.len() - 1]))) as u16;
        let token = if tokens.len() < count { prompt[tokens.len()] } else { next };
        if tokens.len() >= count && token <= 2 {
            break;
        }
        tokens.push(token);
    }
    Ok(tokens)
}

fn text(model: &Decoder, tokens: &[u16]) -> String {
    let Some(tokenizer) = model.tokenizer() else { return String::new() };
    let bytes: Vec<u8> = tokens.windows(2).flat_map(|pair| tokenizer.decode(pair[1], pair[0])).copied().collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Runs a story on a board; its figures, if it wrote the host's tokens.
pub fn told(target: &Target, story: &Story) -> Result<Told> {
    let decoder = Decoder::load(&std::fs::read(&story.model)?)?;
    run_on_board(target, story, &on_host(&decoder, story)?)
}

/// The same in words.
fn on_board(target: &Target, story: &Story, host: &[u16]) -> Result<String> {
    let told = run_on_board(target, story, host)?;
    let sum: u64 = told.instructions.iter().sum();
    let mean = sum / told.instructions.len().max(1) as u64;
    let full = told.instructions.get(FULL).map_or(String::new(), |&n| format!(", {} at position {FULL}", grouped(n)));
    Ok(format!(
        "{} tokens, the host's; instructions per token {} in the mean{full}; RAM {}, stack {}, flash {}",
        told.tokens.len(),
        grouped(mean),
        grouped(told.state),
        grouped(told.stack),
        grouped(told.flash)
    ))
}

/// Builds and runs the firmware.
fn run_on_board(target: &Target, story: &Story, host: &[u16]) -> Result<Told> {
    let folder = std::env::temp_dir();
    let prompt = folder.join(format!("heedful-prompt-{}", std::process::id()));
    std::fs::write(&prompt, &story.prompt).context("cannot write the prompt's file")?;
    let model = std::path::absolute(&story.model)?;
    let env = [
        ("STORIES", model.to_str().context("the model's path is not UTF-8")?),
        ("STORIES_PROMPT", prompt.to_str().context("the path for temporary files is not UTF-8")?),
        ("STORIES_TOKENS", &story.tokens.to_string()),
    ];
    let elf = firmware::build_with(target, firmware::STORIES, &[firmware::STORIES.into()], &env);
    std::fs::remove_file(&prompt).context("cannot remove the prompt's file")?;
    let elf = elf?;
    let mut told = parse(&emulator::run(target, &elf)?)?;
    told.flash = firmware::flash(&elf)?;
    if let Some(position) = (0..host.len().max(told.tokens.len())).find(|&i| host.get(i) != told.tokens.get(i)) {
        bail!("token {position} is {:?}, the host's {:?}", told.tokens.get(position), host.get(position));
    }
    Ok(told)
}

fn parse(printed: &str) -> Result<Told> {
    ensure!(printed.contains("stories done"), "the board did not finish");
    let head = printed.lines().find(|line| line.starts_with("stories state=")).context("no figures")?;
    let mut told = Told {
        state: Fields::of(head).number("state")?,
        stack: Fields::of(head).number("stack")?,
        tokens: Vec::new(),
        instructions: Vec::new(),
        flash: 0,
    };
    for line in printed.lines().filter(|line| line.starts_with("token ")) {
        told.tokens.push(line.split(' ').nth(2).context("no token")?.parse()?);
        told.instructions.push(Fields::of(line).number("instructions")?);
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_board_prints() {
        let told = parse(
            "stories state=10 stack=2 flash=3 kernels=DSP\n\
             token 0 1 instructions=5\ntoken 1 40 instructions=6\nstories done\n",
        );
        let told = told.unwrap();
        assert_eq!((told.state, told.stack, told.tokens, told.instructions), (10, 2, vec![1, 40], vec![5, 6]));
        assert!(parse("token 0 1 instructions=5\n").is_err());
    }
}
