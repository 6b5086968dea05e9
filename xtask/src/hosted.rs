//! Cores that run programs of an operating system: aarch64 under QEMU's user mode, WebAssembly under node (with
//! the kernels of the crate wide), and this one with the portable kernels. The program is `boards/hosted`.

use crate::host::{self, Reference};
use crate::{decoder, firmware, kernels, kinds, root, toolchain};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A core and what stands in for it.
#[derive(Clone, Copy, Debug)]
pub struct Hosted {
    /// Name on the command line.
    pub name: &'static str,
    /// For people.
    pub core: &'static str,
    triple: &'static str,
    /// The same instruction set without an operating system: the library must build for it.
    bare: &'static str,
    rustflags: &'static [&'static str],
    /// The kernels that must be chosen.
    backend: &'static str,
    runs: Runs,
}

/// What runs the program.
#[derive(Clone, Copy, Debug)]
enum Runs {
    /// QEMU's user mode, with this CPU.
    Qemu(&'static str),
    /// node, with WebAssembly.
    Node,
    /// The host itself.
    Host,
}

/// All of them.
pub const HOSTED: &[Hosted] = &[
    Hosted {
        name: "aarch64",
        core: "Cortex-A53, NEON",
        triple: "aarch64-unknown-linux-gnu",
        bare: "aarch64-unknown-none",
        rustflags: STATIC,
        backend: "NEON",
        runs: Runs::Qemu("cortex-a53"),
    },
    Hosted {
        name: "aarch64-dotprod",
        core: "aarch64 with the dot product, found at run time",
        triple: "aarch64-unknown-linux-gnu",
        bare: "aarch64-unknown-none",
        rustflags: STATIC,
        backend: "NEON with dot product",
        runs: Runs::Qemu("max"),
    },
    Hosted {
        name: "wasm32",
        core: "WebAssembly with simd128",
        triple: "wasm32-wasip1",
        bare: "wasm32-unknown-unknown",
        rustflags: &["-Ctarget-feature=+simd128"],
        backend: "wide",
        runs: Runs::Node,
    },
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    Hosted {
        name: "portable",
        core: "this one, with the portable kernels",
        triple: "x86_64-unknown-linux-gnu",
        bare: "x86_64-unknown-none",
        rustflags: &["--cfg=heedful_backend=\"portable\""],
        backend: "portable",
        runs: Runs::Host,
    },
];

/// No libraries of the target are needed to run, and the emulator's log names the functions.
const STATIC: &[&str] = &["-Ctarget-feature=+crt-static", "-Crelocation-model=static"];
const MODELS: [&str; 2] = ["digits", "digits_small"];
const QEMU: &str = "qemu-aarch64-static";
const LINKER: &str = "aarch64-linux-gnu-gcc";
/// Functions of `boards/hosted/src/count.rs` begin so.
const MARK: &[u8] = b"mark_";
const STAGES: [&str; 5] = ["qkv", "scores", "softmax", "weighted_sum", "output"];
/// Those of an encoder block that are products.
const PRODUCTS: [&str; 5] = ["qkv", "scores", "weighted_sum", "output", "layers"];

/// The target of this name.
pub fn named(name: &str) -> Option<&'static Hosted> {
    HOSTED.iter().find(|target| target.name == name)
}

/// Builds the program and the bare library, runs the random cases of the kernels, an instance of each kind of attention
/// and all clips through the models, and compares with the host.
pub fn check(name: &str) -> Result<String> {
    let target = named(name).with_context(|| format!("no target {name:?}"))?;
    target.ensure_tools()?;
    target.cargo(&root(), target.bare, &["--lib"], &[])?;
    let program = target.build(&[])?;

    let printed = target.run(&program, &["kernels"])?;
    let fields = printed.trim().strip_prefix("kernels cases=").context("the program printed no digest")?;
    let (cases, fields) = fields.split_once(" digest=").context("no digest")?;
    let (digest, backend) = fields.split_once(" backend=").context("no backend")?;
    ensure!(backend == target.backend, "the kernels are {backend:?}, expected {:?}", target.backend);
    let cases: u64 = cases.parse()?;
    ensure!(cases > 0, "no case was run");
    let host = format!("{:016x}", kernels::host_digest(cases)?);
    ensure!(digest == host, "digest {digest} over {cases} cases, the host has {host}");

    let kinds = kinds::compare(&target.run(&program, &["kinds"])?)?;
    let texts = decoder::compare(&target.run(&program, &["write"])?)?;

    let mut clips = 0;
    for model in MODELS {
        clips += target.listen(&program, model).with_context(|| model)?;
    }
    Ok(format!("{cases} cases, {clips} clips, {kinds}, {texts}; {} builds, too", target.bare))
}

/// Executed instructions of attention blocks (`S,E,H,P;…`) and of a matrix product, a line each, as the boards
/// print them. Nothing for a target whose instructions are not counted.
///
/// The emulator logs each instruction that it executes (one per translated block) with the function it
/// belongs to; the instructions between two marks are counted.
pub fn count(name: &str, shapes: &str) -> Result<Option<String>> {
    let target = named(name).with_context(|| format!("no target {name:?}"))?;
    let Runs::Qemu(cpu) = target.runs else { return Ok(None) };
    target.ensure_tools()?;
    let program = target.build(&[("SHAPES", shapes)])?;
    let mut child = Command::new(QEMU)
        .args(["-cpu", cpu, "-singlestep", "-d", "exec,nochain"])
        .arg(&program)
        .arg("count")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {QEMU}"))?;
    let log = child.stderr.take().context("no log")?;
    let regions = regions(BufReader::new(log))?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "the program failed ({})", output.status);

    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut regions = regions.into_iter();
    let mut lines = String::new();
    for line in printed.lines() {
        let mut next = || regions.next().context("a region is missing");
        let of = |region: &BTreeMap<String, u64>, stage: &str| region.get(stage).copied().unwrap_or(0);
        lines += line;
        if line.starts_with("layer") {
            let layer = next()?;
            lines += &format!(" store={} add={}\n", of(&layer, "store"), of(&layer, "add"));
            continue;
        }
        lines += &format!(" total={}", next()?.get("total").context("no total")?);
        if line.starts_with("block") {
            let stages = next()?;
            for stage in STAGES {
                lines += &format!(" {stage}={}", of(&stages, stage));
            }
        }
        if line.starts_with("encoder") {
            let stages = next()?;
            let products: u64 = PRODUCTS.iter().map(|stage| of(&stages, stage)).sum();
            let [softmax, norms, table] = ["softmax", "norms", "table"].map(|stage| of(&stages, stage));
            lines += &format!(" products={products} softmax={softmax} norms={norms} table={table}");
        }
        lines.push('\n');
    }
    Ok(Some(lines))
}

/// Instructions by the mark before them, for each region up to a mark `end`.
fn regions(mut log: impl BufRead) -> Result<Vec<BTreeMap<String, u64>>> {
    let mut regions = Vec::new();
    let mut region = BTreeMap::new();
    let (mut mark, mut since) = (String::new(), 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        if log.read_until(b'\n', &mut line)? == 0 {
            return Ok(regions);
        }
        // Trace 0: 0x7fe838200300 […/pc/…] function
        let function = match line.iter().rposition(|&byte| byte == b']') {
            Some(end) if line.starts_with(b"Trace") => line[end + 1..].trim_ascii(),
            _ => continue,
        };
        let Some(name) = function.strip_prefix(MARK) else {
            since += 1;
            continue;
        };
        if since > 0 && !mark.is_empty() {
            *region.entry(mark.clone()).or_default() += since;
        }
        since = 0;
        mark = String::from_utf8_lossy(name).into_owned();
        if mark == "end" {
            // All instructions of the mark itself come by; only the first closes the region.
            if !region.is_empty() {
                regions.push(std::mem::take(&mut region));
            }
            mark.clear();
        }
    }
}

impl Hosted {
    /// Adds the Rust targets; fails, naming the package, if a tool is missing.
    fn ensure_tools(&self) -> Result<()> {
        let tools: &[(&str, &str)] = match self.runs {
            Runs::Qemu(_) => &[(QEMU, "qemu-user-static"), (LINKER, "gcc-aarch64-linux-gnu libc6-dev-arm64-cross")],
            Runs::Node => &[("node", "nodejs")],
            Runs::Host => &[],
        };
        for (tool, package) in tools {
            ensure!(toolchain::answers(tool), "{tool} is missing: apt-get install {package}");
        }
        for triple in [self.triple, self.bare] {
            toolchain::ensure_target(triple)?;
        }
        Ok(())
    }

    /// The program, built.
    fn build(&self, env: &[(&str, &str)]) -> Result<PathBuf> {
        let folder = self.cargo(&root().join("boards/hosted"), self.triple, &[], env)?;
        let program = if matches!(self.runs, Runs::Node) { "hosted.wasm" } else { "hosted" };
        Ok(folder.join(self.triple).join("release").join(program))
    }

    /// Builds what is in `folder`; gives the target folder.
    fn cargo(&self, folder: &Path, triple: &str, args: &[&str], env: &[(&str, &str)]) -> Result<PathBuf> {
        let target = firmware::target_folder(&root().join("boards/hosted"))?;
        let output = toolchain::cargo()
            .current_dir(folder)
            .args(["build", "--release", "--quiet", "--target", triple])
            .args(args)
            .arg("--target-dir")
            .arg(&target)
            // The results must not depend on flags that happen to be set.
            .env_remove("RUSTFLAGS")
            .env(
                "CARGO_ENCODED_RUSTFLAGS",
                if triple == self.triple { self.rustflags.join("\u{1f}") } else { self.bare_flags() },
            )
            .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER)
            .envs(env.iter().copied())
            .output()
            .context("cannot run cargo")?;
        if !output.status.success() {
            bail!("{triple} does not build:\n{}", String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok(target)
    }

    /// Flags without those for linking.
    fn bare_flags(&self) -> String {
        if matches!(self.runs, Runs::Qemu(_)) { String::new() } else { self.rustflags.join("\u{1f}") }
    }

    /// What the program prints.
    fn run(&self, program: &Path, args: &[&str]) -> Result<String> {
        let mut command = match self.runs {
            Runs::Qemu(cpu) => {
                let mut command = Command::new(QEMU);
                command.args(["-cpu", cpu]).arg(program);
                command
            }
            Runs::Node => {
                let mut command = Command::new("node");
                command.arg(root().join("boards/hosted/wasi.mjs")).arg("/").arg(program);
                command
            }
            Runs::Host => Command::new(program),
        };
        let output = command.args(args).stdin(Stdio::null()).output().context("cannot run the program")?;
        if !output.status.success() {
            bail!("the program failed ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// All clips through a model; gives their number.
    fn listen(&self, program: &Path, model: &str) -> Result<usize> {
        let clips = program.with_file_name("clips");
        fs::write(&clips, host::samples()?).with_context(|| clips.display().to_string())?;
        let file = root().join("models").join(format!("{model}.heed"));
        let printed = self.run(program, &["listen", &file.to_string_lossy(), &clips.to_string_lossy()])?;
        ensure!(printed.lines().any(|line| line.starts_with("listen done")), "the output ends early");
        let reference = Reference::load(model)?;
        let mut heard = Vec::new();
        for line in printed.lines().filter_map(|line| line.strip_prefix("clip ")) {
            let (name, logits) = line.split_once(' ').with_context(|| format!("line {line:?}"))?;
            let logits: Vec<i16> = logits.split(',').map(str::parse).collect::<Result<_, _>>()?;
            let host = reference.logits(name)?;
            ensure!(logits == host, "{name} differs\n    host:   {host:?}\n    target: {logits:?}");
            heard.push(name.to_owned());
        }
        heard.sort();
        let all = host::clips()?;
        ensure!(heard == all, "{} of {} clips were heard", heard.len(), all.len());
        Ok(heard.len())
    }
}
