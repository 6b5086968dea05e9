//! `cargo xtask strangers`: the crate as somebody meets it who puts it into a project of their own, outside this
//! workspace and without its lock file; and the published archive, unpacked.

use crate::root;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const MANIFEST: &str = "[package]\nname = \"stranger\"\nversion = \"0.1.0\"\n";
const FIRMWARE: &str = include_str!("strangers/firmware.rs");
const MEMORY: &str = include_str!("strangers/memory.x");
/// Cores that have no atomic instructions, and how their firmware is linked.
const WITHOUT_ATOMICS: [(&str, &[&str]); 2] =
    [("thumbv6m-none-eabi", &["-Tlink.x"]), ("riscv32imc-unknown-none-elf", &["-Tmemory.x", "-Tlink.x"])];
/// Test programs that read no file when they run, or compute for minutes: of the archive, they are only compiled.
const COMPILED: [&str; 16] = [
    "attention",
    "backend_choice",
    "cache",
    "chain",
    "commands",
    "decoder",
    "kernels",
    "properties",
    "reference",
    "skip",
    "snr",
    "stack",
    "stranger",
    "tiny",
    "torch",
    "watch",
];
const ARMV8M: &str = "thumbv8m.main-none-eabihf";

/// Whether all goes well.
pub fn run() -> Result<bool> {
    let mut passed = true;
    let mut check = |name: &str, result: Result<()>| {
        match &result {
            Ok(()) => println!("passed  {name}"),
            Err(why) => println!("FAILED  {name}: {why:#}"),
        }
        passed &= result.is_ok();
    };
    check("oldest compiler, edition 2021", oldest_compiler());
    for (target, link) in WITHOUT_ATOMICS {
        check(&format!("the README's firmware for {target}"), firmware(target, link));
    }
    check("the README's flags choose the kernels", required());
    check("without them the kernels that firmware requires are an error", not_met());
    check("a misspelt backend is an error", misspelt());
    for package in published()? {
        check(&format!("{package} from its archive"), archive(&package));
    }
    Ok(passed)
}

/// What the crate promises: all features, with the dependencies that Cargo chooses today.
fn oldest_compiler() -> Result<()> {
    let version = line_after(&read("Cargo.toml")?, "rust-version = \"")?;
    let project = Project::new("oldest_compiler")?;
    let features = "features = [\"audio\", \"std\", \"defmt\"]";
    project.manifest("2021", &format!("[dependencies]\nheedful = {{ path = {:?}, {features} }}\n", root()))?;
    project.write("src/lib.rs", "pub use heedful;\n")?;
    succeed(project.cargo().arg(format!("+{version}")).arg("check"))
}

/// The dependencies and the program of the README, linked.
fn firmware(target: &str, link: &[&str]) -> Result<()> {
    let project = Project::new(target)?;
    let start = "[target.'cfg(target_arch = \"arm\")'.dependencies.cortex-m-rt]\nversion = \"0.7\"\n\
        [target.'cfg(target_arch = \"riscv32\")'.dependencies.riscv-rt]\nversion = \"0.18\"\n";
    let dependencies = [block("[dependencies]")?, block("portable-atomic")?].concat();
    // The version to be published is this one.
    let here = dependencies.replacen("version = \"0.1\"", &format!("path = {:?}", root()), 1);
    ensure!(here != dependencies, "the README does not depend on heedful 0.1");
    project.manifest("2021", &format!("{here}\n{start}\n[profile.release]\nlto = true\n"))?;
    fs::copy(root().join("models/digits_small.heed"), project.folder.join("digits_small.heed"))?;
    project.write("src/main.rs", FIRMWARE)?;
    project.write("memory.x", MEMORY)?;
    let link: Vec<String> = link.iter().map(|argument| format!("\"-Clink-arg={argument}\"")).collect();
    project.write(
        ".cargo/config.toml",
        &format!("[target.{target}]\nrustflags = [\"-Clink-arg=-L.\", {}]\n", link.join(", ")),
    )?;
    succeed(project.cargo().args(["build", "--release", "--target", target]))
}

fn required() -> Result<()> {
    succeed(helium("required", &block("[target.thumbv8m")?)?.cargo().args(["check", "--target", ARMV8M]))
}

fn not_met() -> Result<()> {
    let project = helium("not_met", "")?;
    let errors = fail(project.cargo().args(["check", "--target", ARMV8M]))?;
    for part in ["warning: heedful", "its kernels \"thumb\"", "-C target-cpu=cortex-m33", "require_backend!"] {
        ensure!(errors.contains(part), "{part} is not in:\n{errors}");
    }
    Ok(())
}

fn misspelt() -> Result<()> {
    let flags = "[build]\nrustflags = [\"--cfg\", 'heedful_backend=\"heliun\"']\n";
    let errors = fail(helium("misspelt", flags)?.cargo().args(["check", "--target", ARMV8M]))?;
    for part in ["heedful_backend=\"heliun\"", "\"portable\", \"dsp\", \"helium\", \"thumb\""] {
        ensure!(errors.contains(part), "{part} is not in:\n{errors}");
    }
    Ok(())
}

/// A library that requires Helium, as the README says it.
fn helium(name: &str, config: &str) -> Result<Project> {
    let project = Project::new(name)?;
    project.manifest("2024", &format!("[dependencies]\nheedful.path = {:?}\n", root()))?;
    project.write("src/lib.rs", "#![no_std]\nheedful::require_backend!(\"helium\");\n")?;
    project.write(".cargo/config.toml", config)?;
    Ok(project)
}

/// The workspace's packages that Cargo may publish.
fn published() -> Result<Vec<String>> {
    let output = output_of(cargo(&root()).args(["metadata", "--no-deps", "--format-version=1"]))?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let packages = metadata["packages"].as_array().context("no packages in cargo metadata")?;
    let names = packages.iter().filter(|package| package["publish"].is_null());
    Ok(names.filter_map(|package| package["name"].as_str().map(str::to_owned)).collect())
}

/// Packs the crate, unpacks it elsewhere, compiles its tests there, and runs those that read files. Cargo leaves
/// dependencies of the tests by path out of the archive, and with them the features that tests have here by default.
fn archive(package: &str) -> Result<()> {
    let packed = target_folder();
    succeed(
        cargo(&root()).args(["package", "--allow-dirty", "--no-verify", "-p", package, "--target-dir"]).arg(&packed),
    )?;
    let project = Project::new("archive")?;
    let version = line_after(&read("Cargo.toml")?, "version = \"")?;
    let archive = packed.join("package").join(format!("{package}-{version}.crate"));
    succeed(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&project.folder))?;
    let name = archive.file_stem().context("an archive without a name")?;
    let folder = project.folder.join(name);
    let run = programs(&folder, &COMPILED)?;
    let run: Vec<&str> = run.iter().flat_map(|name| ["--test", name]).collect();
    for (command, what) in [("check", &["--tests"][..]), ("test", &run)] {
        let mut cargo = cargo(&folder);
        cargo.args([command, "--features", "audio,heapless,std"]).args(what);
        // What the workspace's own tests have compiled already serves here, too.
        cargo.env("CARGO_TARGET_DIR", target_folder());
        ensure!(cargo.status().context("cannot run cargo")?.success(), "cargo {command} fails in it");
    }
    Ok(())
}

/// Test programs of a package without some.
fn programs(folder: &Path, left_out: &[&str]) -> Result<Vec<String>> {
    let mut programs = Vec::new();
    for entry in fs::read_dir(folder.join("tests")).context("no tests in the archive")? {
        let path = entry?.path();
        let is_program = path.extension().is_some_and(|ending| ending == "rs") || path.join("main.rs").is_file();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if is_program && !left_out.contains(&name.as_str()) {
            programs.push(name);
        }
    }
    ensure!(!programs.is_empty(), "no test program in the archive");
    Ok(programs)
}

/// A package outside the workspace.
struct Project {
    folder: PathBuf,
}

impl Project {
    /// An empty folder, so that no lock file is left of another run.
    fn new(name: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join("heedful-strangers").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { folder })
    }

    fn manifest(&self, edition: &str, rest: &str) -> Result<()> {
        self.write("Cargo.toml", &format!("{MANIFEST}edition = \"{edition}\"\n\n{rest}"))
    }

    fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    fn cargo(&self) -> Command {
        let mut cargo = cargo(&self.folder);
        cargo.env("CARGO_TARGET_DIR", target_folder().join("strangers"));
        cargo
    }
}

/// Cargo as somebody else calls it, without what this very run of Cargo has put into the environment.
fn cargo(folder: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"] {
        cargo.env_remove(variable);
    }
    cargo.current_dir(folder).env("CARGO_TERM_COLOR", "never");
    cargo
}

/// The folder that the environment asks for, or the usual one.
fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

fn output_of(command: &mut Command) -> Result<Output> {
    command.output().with_context(|| format!("cannot run {}", command.get_program().display()))
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = output_of(command)?;
    ensure!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Its errors.
fn fail(command: &mut Command) -> Result<String> {
    let output = output_of(command)?;
    ensure!(!output.status.success(), "{command:?} does not fail");
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| format!("cannot read {path}"))
}

/// What stands in quotes after the first such start of a line.
fn line_after(text: &str, start: &str) -> Result<String> {
    let rest = text.lines().find_map(|line| line.strip_prefix(start)).with_context(|| format!("no line {start}"))?;
    Ok(rest.trim_end_matches('"').to_owned())
}

/// The README's block of TOML that has this in it.
fn block(part: &str) -> Result<String> {
    let readme = read("README.md")?;
    let blocks = readme.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    match blocks.filter(|block| block.contains(part)).collect::<Vec<_>>().as_slice() {
        [block] => Ok((*block).to_owned()),
        blocks => bail!("{} blocks of the README have {part} in them, not one", blocks.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_exists() {
        let all = programs(&root(), &[]).unwrap();
        assert!(COMPILED.iter().all(|name| all.iter().any(|one| one == name)), "{all:?}");
        assert_eq!(programs(&root(), &COMPILED).unwrap().len(), all.len() - COMPILED.len());
    }
}
