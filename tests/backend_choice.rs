//! The build script's choice of kernels for each target and its flags, and what of them `src/backend.rs` refuses.
//! Both are compiled alone and run as Cargo would: a moment, where a build of each case would take minutes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

const CORTEX_M0: &str = "thumbv6m-none-eabi";
const CORTEX_M3: &str = "thumbv7m-none-eabi";
const CORTEX_M4: &str = "thumbv7em-none-eabihf";
const CORTEX_M23: &str = "thumbv8m.base-none-eabi";
const CORTEX_M33: &str = "thumbv8m.main-none-eabihf";
const RV32: &str = "riscv32imac-unknown-none-elf";
const RV32I: &str = "riscv32i-unknown-none-elf";
const RV32E: &str = "riscv32em-unknown-none-elf";
const RV64: &str = "riscv64gc-unknown-none-elf";
const AARCH64: &str = "aarch64-unknown-linux-gnu";
const AARCH64_SOFT: &str = "aarch64-unknown-none-softfloat";
const DESK: &str = "x86_64-unknown-linux-gnu";
const X86_BARE: &str = "x86_64-unknown-none";
const WEB: &str = "wasm32-unknown-unknown";

#[test]
fn the_best_that_the_target_has() {
    let cases: &[(&str, &[&str], &str)] = &[
        (CORTEX_M0, &[], "thumb"),
        (CORTEX_M23, &[], "thumb"),
        (CORTEX_M3, &[], "thumb"),
        (CORTEX_M3, &["-C", "target-cpu=cortex-m4"], "dsp"),
        (CORTEX_M4, &[], "dsp"),
        (CORTEX_M33, &["-C", "target-cpu=cortex-m33"], "dsp"),
        (CORTEX_M33, &["-Ctarget-cpu=cortex-m35p"], "dsp"),
        (CORTEX_M33, &["-C", "target-feature=+dsp"], "dsp"),
        (CORTEX_M33, &["-Ctarget-cpu=cortex-m55"], "helium"),
        (CORTEX_M33, &["--codegen", "target-cpu=cortex-m85"], "helium"),
        (CORTEX_M33, &["--codegen=target-cpu=cortex-m52"], "helium"),
        (CORTEX_M33, &["-C", "opt-level=3", "-Ctarget_feature=+fp16,+mve"], "helium"),
        // As for the compiler, what comes later counts.
        (CORTEX_M33, &["-Ctarget-cpu=cortex-m33", "-Ctarget-cpu=cortex-m55"], "helium"),
        (CORTEX_M33, &["-Ctarget-feature=-mve", "-Ctarget-cpu=cortex-m55"], "dsp"),
        (CORTEX_M33, &["-Ctarget-feature=-dsp", "-Ctarget-cpu=cortex-m55"], "thumb"),
        (CORTEX_M33, &["-Ctarget-feature=+mve,-dsp,+dsp"], "dsp"),
        (RV32, &[], "rv32"),
        (RV32, &["-C", "target-feature=+zve32x"], "rvv"),
        (RV32I, &[], "portable"),
        (RV32E, &[], "portable"),
        (RV64, &[], "portable"),
        (RV64, &["-Ctarget-feature=+v"], "rvv"),
        (RV64, &["-Ctarget-cpu=sifive-x280"], "rvv"),
        (RV64, &["-Ctarget-cpu=sifive-x280", "-Ctarget-feature=-v"], "portable"),
        (AARCH64, &[], "neon"),
        (AARCH64_SOFT, &[], "portable"),
        (DESK, &[], "x86"),
        (X86_BARE, &[], "portable"),
        (WEB, &[], "wide"),
        // Not a choice, only a name in the flags.
        (DESK, &["--check-cfg", "cfg(heedful_backend, values(\"wide\"))"], "x86"),
    ];
    for &(target, flags, expected) in cases {
        let script = script(target, flags);
        assert_eq!(script.backends(), [expected], "{target} {flags:?}");
        assert_eq!(script.env("HEEDFUL_BACKEND"), expected, "{target} {flags:?}");
        assert!(!script.refused(), "{target} {flags:?}");
    }
}

#[test]
fn a_fast_core_without_its_name_is_warned_of() {
    let silent: &[(&str, &[&str])] = &[
        (CORTEX_M0, &[]),
        (CORTEX_M3, &[]),
        (CORTEX_M23, &[]),
        (CORTEX_M33, &["-Ctarget-cpu=cortex-m33"]),
        (CORTEX_M33, &["-Ctarget-cpu=cortex-m33", "-Ctarget-feature=-dsp"]),
        (CORTEX_M33, &["--cfg", "heedful_backend=\"thumb\""]),
    ];
    for &(target, flags) in silent {
        assert_eq!(script(target, flags).warning(), None, "{target} {flags:?}");
    }
    for flags in [&[][..], &["-Ctarget-cpu=generic"]] {
        let script = script(CORTEX_M33, flags);
        let warning = script.warning().expect("a warning");
        for part in ["\"thumb\"", "`-C target-cpu=cortex-m33`", "Cortex-M55", "`--cfg heedful_backend=\"thumb\"`"] {
            assert!(warning.contains(part), "{part} is not in {warning}");
        }
    }
}

#[test]
fn what_the_target_has_can_be_forced() {
    let cases: &[(&str, &[&str])] = &[
        (CORTEX_M0, &["portable", "thumb"]),
        (CORTEX_M23, &["portable", "thumb"]),
        (CORTEX_M3, &["portable", "thumb"]),
        (CORTEX_M4, &["portable", "dsp", "thumb"]),
        (CORTEX_M33, &["portable", "dsp", "helium", "thumb"]),
        (RV32, &["portable", "rv32", "rvv"]),
        (RV32I, &["portable", "rvv"]),
        (RV32E, &["portable"]),
        (RV64, &["portable", "rvv"]),
        (AARCH64, &["portable", "wide", "neon"]),
        (AARCH64_SOFT, &["portable"]),
        (DESK, &["portable", "wide", "x86", "avx2", "avx_vnni", "avx512_vnni"]),
        (X86_BARE, &["portable"]),
        (WEB, &["portable", "wide"]),
    ];
    let all =
        ["portable", "wide", "x86", "avx2", "avx_vnni", "avx512_vnni", "dsp", "helium", "neon", "rv32", "rvv", "thumb"];
    for &(target, allowed) in cases {
        for backend in all {
            let script = script(target, &["--cfg", &format!("heedful_backend={backend:?}")]);
            if allowed.contains(&backend) {
                assert!(!script.refused(), "{target} {backend}");
                // The flag sets the cfg: were it set twice, `Active` would be as well.
                assert!(script.backends().is_empty(), "{target} {backend}");
                assert_eq!(script.env("HEEDFUL_BACKEND"), backend);
            } else {
                let names: Vec<String> = allowed.iter().map(|name| format!("{name:?}")).collect();
                let expected = format!(
                    "the flags ask for heedful_backend={backend:?}, the target {target} allows one of {}",
                    names.join(", ")
                );
                let error = script.compile();
                assert!(!error.status.success(), "{target} {backend}");
                assert!(text(&error).contains(&expected), "{expected} is not in {}", text(&error));
            }
        }
    }
}

#[test]
fn a_misspelt_backend_is_an_error() {
    let cases: &[(&[&str], &str)] = &[
        (&["--cfg", "heedful_backend=\"heliun\""], "heedful_backend=\"heliun\","),
        (&["--cfg=heedful_backend=\"Helium\""], "heedful_backend=\"Helium\","),
        (&["--cfg", "heedful_backend"], "heedful_backend=\"\","),
        (
            &["--cfg=heedful_backend=\"dsp\"", "--cfg", "heedful_backend = \"thumb\""],
            "heedful_backend=\"dsp\", \"thumb\",",
        ),
    ];
    for &(flags, expected) in cases {
        let error = script(CORTEX_M33, flags).compile();
        assert!(!error.status.success(), "{flags:?}");
        assert!(text(&error).contains(expected), "{expected} is not in {}", text(&error));
    }
    let twice = script(CORTEX_M33, &["--cfg=heedful_backend=\"dsp\"", "--cfg", "heedful_backend=\"dsp\""]);
    assert!(!twice.refused());
}

#[test]
fn a_backend_can_be_required() {
    let built = script(CORTEX_M33, &["-Ctarget-cpu=cortex-m33"]).compile_with("require_backend!(\"DSP\");");
    assert!(built.status.success(), "{}", text(&built));
    for (flags, parts) in [
        (&[][..], ["its kernels \"thumb\"", "-C target-cpu=cortex-m33"]),
        (&["-Ctarget-cpu=cortex-m33"], ["its kernels \"dsp\"", "not those that are required"]),
    ] {
        let error = script(CORTEX_M33, flags).compile_with("require_backend!(\"helium\");");
        assert!(!error.status.success(), "{flags:?}");
        for part in parts {
            assert!(text(&error).contains(part), "{part} is not in {}", text(&error));
        }
    }
}

/// What the build script says.
struct Script {
    lines: Vec<String>,
}

impl Script {
    fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter_map(move |line| line.strip_prefix("cargo::")?.strip_prefix(key)?.strip_prefix('='))
    }

    fn backends(&self) -> Vec<&str> {
        self.values("rustc-cfg")
            .filter_map(|cfg| cfg.strip_prefix("heedful_backend="))
            .map(|name| name.trim_matches('"'))
            .collect()
    }

    fn refused(&self) -> bool {
        self.values("rustc-cfg").any(|cfg| cfg == "heedful_refused")
    }

    fn warning(&self) -> Option<&str> {
        self.values("warning").next()
    }

    fn variables(&self) -> BTreeMap<&str, &str> {
        self.values("rustc-env").filter_map(|pair| pair.split_once('=')).collect()
    }

    fn env(&self, name: &str) -> &str {
        self.variables()[name]
    }

    /// Compiles `src/backend.rs` with it.
    fn compile(&self) -> Output {
        self.compile_with("")
    }

    /// The same, in a crate with this beside it.
    fn compile_with(&self, item: &str) -> Output {
        static CASES: AtomicUsize = AtomicUsize::new(0);
        let case = CASES.fetch_add(1, Ordering::Relaxed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("backend_choice_{case}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let source = folder.join("lib.rs");
        let module = root().join("src/backend.rs");
        std::fs::write(&source, format!("#[path = {module:?}] pub mod backend;\n{item}\n")).expect("a source");
        let mut rustc = rustc(&source, &folder);
        rustc.args(["--crate-type", "lib", "--crate-name", "heedful", "--emit", "metadata"]);
        rustc.args(["--check-cfg", "cfg(heedful_refused)"]).envs(self.variables());
        if self.refused() {
            rustc.args(["--cfg", "heedful_refused"]);
        }
        rustc.output().expect("a compiler")
    }
}

/// Runs the build script for a target, as Cargo would with these flags.
fn script(target: &str, flags: &[&str]) -> Script {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let program = folder.join(format!("build_script{}", std::env::consts::EXE_SUFFIX));
        let built = rustc(&root().join("build.rs"), folder).arg("-o").arg(&program).output().expect("a compiler");
        assert!(built.status.success(), "{}", text(&built));
        program
    });
    let arch = match target.split('-').next().unwrap_or_default() {
        thumb if thumb.starts_with("thumb") => "arm",
        riscv if riscv.starts_with("riscv32") => "riscv32",
        riscv if riscv.starts_with("riscv64") => "riscv64",
        other => other,
    };
    let os = match target {
        DESK | AARCH64 => "linux",
        WEB => "unknown",
        _ => "none",
    };
    // As the stable compiler shows them.
    let features = match target {
        RV32 | RV64 => "a,c,m",
        RV32E => "m",
        AARCH64 => "neon",
        DESK => "fxsr,sse,sse2",
        _ => "",
    };
    let output = Command::new(program)
        .env("TARGET", target)
        .env("CARGO_CFG_TARGET_ARCH", arch)
        .env("CARGO_CFG_TARGET_OS", os)
        .env("CARGO_CFG_TARGET_FEATURE", features)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .output()
        .expect("a build script");
    assert!(output.status.success(), "{}", text(&output));
    Script { lines: String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect() }
}

fn rustc(source: &Path, folder: &Path) -> Command {
    let mut rustc = Command::new("rustc");
    rustc.arg(source).args(["--edition", "2024"]).arg("--out-dir").arg(folder);
    rustc
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
