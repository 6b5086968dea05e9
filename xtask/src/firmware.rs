//! Building the firmware of a board.

use crate::root;
use crate::targets::Target;
use crate::toolchain;
use anyhow::{Context, Result, bail};
use object::{Object, ObjectSegment};
use std::path::{Path, PathBuf};

/// The firmware that hears the clips and prints its logits.
pub const LISTEN: &str = "listen";
/// The firmware that holds the kernels against the portable ones.
pub const KERNELS: &str = "kernels";
/// The firmware with a small language model.
pub const DECODER: &str = "decoder";
/// The firmware whose weights lie in a memory of their own.
pub const EXTERNAL: &str = "external";
/// The firmware that listens to a timer's samples, and counts what it loses.
pub const MICROPHONE: &str = "microphone";
/// The feature that has it built.
const LISTENING: &str = "listening";
/// The feature that puts the small model into [`NO_PANIC`].
const SMALL: &str = "small";
/// The feature that puts a listener into [`NO_PANIC`].
pub const HEARING: &str = "hearing";
/// The feature that puts a language model into [`NO_PANIC`].
pub const WRITING: &str = "writing";
/// The firmware with a listener as a task of embassy, and its feature.
pub const LISTEN_EMBASSY: &str = "listen_embassy";
/// See [`LISTEN_EMBASSY`].
pub const EMBASSY: &str = "embassy";
/// The firmware that sends what heads attend to as frames.
pub const WATCH: &str = "watch";
/// The feature that puts what writes frames into [`NO_PANIC`].
pub const WATCHING: &str = "watching";
/// The firmware that runs each kind of attention.
pub const KINDS: &str = "kinds";
/// The firmware that counts each kind of attention.
pub const KINDS_COUNT: &str = "kinds_count";
/// The firmware that counts instructions of attention blocks.
pub const COUNT: &str = "count";
/// The firmware that counts a block on inputs of all kinds.
pub const CONSTANT: &str = "constant";
/// The smallest firmware; its panic handler does not link.
pub const NO_PANIC: &str = "no_panic";
/// The firmware with a language model, and its feature.
pub const STORIES: &str = "stories";
/// The firmware with one model of any kind, and its feature.
pub const INFER: &str = "infer";
/// The firmware that counts a listener and its slices, and its feature.
pub const SLICES: &str = "slices";
/// The firmware that counts a model by its parts, and its feature.
pub const PARTS: &str = "parts";
/// Its feature that has the model take sound.
pub const HEARS: &str = "hears";
/// The firmware that hears sound with one model, a token at a time, and its feature.
pub const STREAMING: &str = "streaming";
/// Its feature that has it hear a window at a time.
pub const WINDOWED: &str = "windowed";
/// The feature that has [`INFER`] load its model when it runs.
pub const LOADED: &str = "loaded";
/// The feature that puts a panic into [`NO_PANIC`].
pub const PANICKING: &str = "panicking";
/// What the linker misses when a panic is left.
const MISSING_SYMBOL: &str = "a_panic_is_left_in_the_inference_path";

/// [`NO_PANIC`] does not link, for something in it can panic.
#[derive(Debug)]
pub struct PanicLeft;

impl std::fmt::Display for PanicLeft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a panic is left in the inference path (boards/README.md tells how to find it)")
    }
}

impl std::error::Error for PanicLeft {}

/// The feature of the boards that puts a model into the firmware.
pub fn feature(model: &str) -> String {
    model.replace('_', "-")
}

/// Builds a program of the target's board with the target's models and what more it needs; gives its ELF file.
///
/// What all programs share is compiled once, so what they need of it is the same.
pub fn build(target: &Target, program: &str, further: &[&str]) -> Result<PathBuf> {
    let models = target.models.iter().map(|model| feature(model));
    let features: Vec<String> = models.chain([LISTENING].iter().chain(further).map(|&name| name.into())).collect();
    build_with(target, program, &features, &[])
}

/// The smallest firmware with this model alone.
pub fn smallest(target: &Target, model: &str) -> Result<PathBuf> {
    let small: &[&str] = if Some(&model) == target.models.first() { &[] } else { &[SMALL] };
    build(target, NO_PANIC, small)
}

/// Builds a program with these features only, and further variables for the build scripts.
pub fn build_with(target: &Target, program: &str, features: &[String], env: &[(&str, &str)]) -> Result<PathBuf> {
    let board = root().join("boards").join(target.board);
    let folder = target_folder(&board)?;
    let mut cargo = toolchain::cargo();
    cargo
        .current_dir(&board)
        .args(["build", "--release", "--quiet", "--no-default-features"])
        .args(["--bin", program, "--target", target.triple, "--features", &features.join(",")])
        .arg("--target-dir")
        .arg(&folder)
        // The figures must not depend on flags that happen to be set.
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", target.rustflags.join("\u{1f}"))
        .env("MACHINE", target.machine)
        .envs(target.clip_bytes.map(|bytes| ("CLIP_BYTES", bytes)))
        .envs(env.iter().copied());
    let output = cargo.output().context("cannot run cargo")?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        if errors.contains(MISSING_SYMBOL) {
            bail!(PanicLeft);
        }
        bail!("{program} does not build:\n{}", errors.trim_end());
    }
    Ok(folder.join(target.triple).join("release").join(program))
}

/// A package's own target folder, or the one that the environment asks for.
pub fn target_folder(board: &Path) -> Result<PathBuf> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => std::path::absolute(folder).context("CARGO_TARGET_DIR"),
        None => Ok(board.join("target")),
    }
}

/// Bytes of flash that an ELF file takes: code, constants and initial values of statics.
pub fn flash(path: &Path) -> Result<u64> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let file = object::File::parse(&*bytes).with_context(|| path.display().to_string())?;
    Ok(file.segments().map(|segment| segment.file_range().1).sum())
}
