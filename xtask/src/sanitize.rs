//! `cargo xtask sanitize`: the cases of the kernels under AddressSanitizer, and a few of them under Miri, which finds
//! any undefined behaviour; so are all kinds of attention. With `--all`, so is all that is portable, which takes long.
//! All need a nightly compiler; where none can be had, they are skipped.

use crate::root;
use crate::skip::{self, Lack};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::{Command, Stdio};

const HOST: &str = "x86_64-unknown-linux-gnu";
/// What Miri needs besides the compiler.
const COMPONENTS: [&str; 2] = ["miri", "rust-src"];
/// Tests read files and their own settings, and leak the weights that layers borrow for good.
const MIRI: &str = "-Zmiri-strict-provenance -Zmiri-disable-isolation -Zmiri-ignore-leaks";
/// The package with the tests of kernels and attention, which depends on the library alone.
const SANITIZED: &str = "tests/sanitized/Cargo.toml";
/// Tests under Miri, of [`SANITIZED`]: it knows AVX2, but neither the dot products beyond nor assembly.
const UNDER_MIRI: [&str; 4] = ["avx2_equals", "wide_equals", "every_kind_of_attention", "every_reach_step_by_step"];

/// Tests of all that is portable, by their test programs: attention, and the inputs of the fuzz targets.
const PORTABLE: [&str; 2] = ["tiny", "fuzz_corpus"];
/// What is left out of them and of the library's own: a sweep over a million angles, random texts, minutes of sound
/// and whole decoders (`tiny` runs the attention of one, step by step).
const TOO_MUCH: [&str; 4] = ["turns_of_all_angles", "comes_back", "the_floor_follows", "decoder_corpus"];

/// Whether no check failed. One that cannot be made here is skipped, if that is allowed.
pub fn run(all: bool) -> Result<bool> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Ok(skip("the sanitizers are run on x86-64 Linux only"));
    }
    if let Err(why) = ensure(&["toolchain", "install", "nightly", "--profile", "minimal"], installed("nightly")) {
        return Ok(skip(&format!("AddressSanitizer and Miri, for there is no nightly compiler: {why:#}")));
    }
    let mut passed = check("AddressSanitizer", &mut address_sanitizer());
    let missing: Vec<&str> = COMPONENTS.into_iter().filter(|component| !has(component)).collect();
    let add = [&["component", "add", "--toolchain", "nightly"], missing.as_slice()].concat();
    match ensure(&add, missing.is_empty()) {
        Ok(()) => {
            passed &= check("Miri, kernels and attention", &mut miri());
            if all {
                passed &= check("Miri, all that is portable", &mut miri_portable());
            }
        }
        Err(why) => passed &= skip(&format!("Miri, for its components are missing: {why:#}")),
    }
    Ok(passed)
}

/// Whether what cannot be run here may be skipped; says so.
fn skip(why: &str) -> bool {
    skip::skip(Lack::Tool, why).inspect_err(|error| println!("FAILED  {error}")).is_ok()
}

/// Accesses beyond an allocation end the tests; the slices of `tests/support/large.rs` end where their allocations do.
fn address_sanitizer() -> Command {
    let mut cargo = nightly("asan");
    cargo.env("RUSTFLAGS", "-Zsanitizer=address");
    cargo.args(["test", "--release", "--target", HOST, "--manifest-path", SANITIZED, "--test", "kernels"]);
    cargo
}

/// Few cases, for Miri interprets.
fn miri() -> Command {
    let mut cargo = nightly("miri");
    cargo.env("RUSTFLAGS", "-Ctarget-feature=+avx2").env("MIRIFLAGS", MIRI);
    cargo.args(["miri", "test", "--manifest-path", SANITIZED, "--", "--test-threads=1"]).args(UNDER_MIRI);
    cargo
}

/// The library's tests on the portable kernels, with pointers that know what they may point to; tests that would take
/// too long have smaller numbers under Miri.
fn miri_portable() -> Command {
    let mut cargo = nightly("miri");
    cargo.env("RUSTFLAGS", "--cfg heedful_backend=\"portable\"");
    cargo.env("MIRIFLAGS", MIRI).env("PROPTEST_CASES", "4");
    cargo.args(["miri", "test", "--lib"]).args(PORTABLE.iter().flat_map(|name| ["--test", name]));
    cargo.arg("--").args(TOO_MUCH.iter().flat_map(|name| ["--skip", name]));
    cargo
}

fn nightly(folder: &str) -> Command {
    let mut cargo = Command::new("cargo");
    // Else the compiler of the toolchain that runs this would be taken.
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "CARGO_ENCODED_RUSTFLAGS", "LD_LIBRARY_PATH"] {
        cargo.env_remove(variable);
    }
    cargo.arg("+nightly").current_dir(root()).env("CARGO_TARGET_DIR", target_folder().join(folder));
    cargo
}

/// The folder that the environment asks for, or the usual one.
fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// Runs a check, whose output is shown as it comes.
fn check(name: &str, command: &mut Command) -> bool {
    println!("== {name}");
    let passed = command.status().is_ok_and(|status| status.success());
    println!("{}  {name}", if passed { "passed" } else { "FAILED" });
    passed
}

/// Has rustup do this, unless it is done.
fn ensure(args: &[&str], done: bool) -> Result<()> {
    if done {
        return Ok(());
    }
    println!("rustup {}", args.join(" "));
    let output = Command::new("rustup").args(args).output().context("no rustup")?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        bail!("rustup {} failed: {}", args.join(" "), text.trim().lines().last().unwrap_or_default());
    }
    Ok(())
}

fn installed(toolchain: &str) -> bool {
    let version = Command::new("rustc")
        .arg(format!("+{toolchain}"))
        .arg("--version")
        .env_remove("RUSTUP_TOOLCHAIN")
        // A shim would fetch it without a word.
        .env("RUSTUP_AUTO_INSTALL", "0")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

/// Whether the nightly toolchain has a component.
fn has(component: &str) -> bool {
    let list = Command::new("rustup").args(["component", "list", "--toolchain", "nightly", "--installed"]).output();
    list.is_ok_and(|list| String::from_utf8_lossy(&list.stdout).lines().any(|line| line.starts_with(component)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_under_miri_exist() {
        let tests =
            ["tests/kernels.rs", "tests/tiny.rs"].map(|path| std::fs::read_to_string(root().join(path)).unwrap());
        let tests = tests.concat();
        for name in UNDER_MIRI {
            assert!(tests.contains(&format!("fn {name}")), "{name}");
        }
        for name in PORTABLE {
            assert!(root().join(format!("tests/{name}.rs")).is_file(), "{name}");
        }
        let places = ["src/kernels/rotate.rs", "src/tokenizer.rs", "src/events/gate.rs", "tests/fuzz_corpus.rs"]
            .map(|path| std::fs::read_to_string(root().join(path)));
        for (name, tests) in TOO_MUCH.iter().zip(places) {
            assert!(tests.unwrap().contains(&format!("fn {name}")), "{name}");
        }
    }

    #[test]
    fn what_rustup_cannot_do_is_an_error() {
        assert!(ensure(&["no-such-command"], true).is_ok());
        assert!(ensure(&["no-such-command"], false).is_err());
    }
}
