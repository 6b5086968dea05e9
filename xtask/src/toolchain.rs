//! What must be installed: Rust's targets are added, the emulators only asked for.

use crate::targets::Target;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};

/// What the compiler calls itself, such as `rustc 1.95.0 (…)`.
pub fn compiler() -> Result<String> {
    let version = Command::new("rustc").arg("--version").output().context("cannot run rustc")?.stdout;
    Ok(String::from_utf8_lossy(&version).trim().to_owned())
}

/// Adds the Rust target if it is missing.
pub fn ensure_target(triple: &str) -> Result<()> {
    let libraries = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", triple])
        .output()
        .context("cannot run rustc")?;
    if Path::new(String::from_utf8_lossy(&libraries.stdout).trim()).is_dir() {
        return Ok(());
    }
    println!("adding the Rust target {triple}");
    let added = Command::new("rustup")
        .args(["target", "add", triple])
        .status()
        .with_context(|| format!("the Rust target {triple} is missing, and rustup, which could add it"))?;
    if !added.success() {
        bail!("rustup target add {triple} failed");
    }
    Ok(())
}

/// Fails, naming the package, if the emulator is missing.
pub fn ensure_emulator(target: &Target) -> Result<()> {
    match answers(target.qemu) {
        true => Ok(()),
        false => bail!("{} is missing: apt-get install {}", target.qemu, target.package),
    }
}

/// Whether there is a program, which tells its version.
pub fn answers(program: &str) -> bool {
    let version = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// The Cargo that runs this.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
