//! Chooses the backend and tells the crate by cfgs of its own: on stable Rust, `dsp` and `mve` never show in `cfg`.
//!
//! To force one, pass `--cfg heedful_backend="portable"` in `RUSTFLAGS`; a Cargo feature would not do, since features
//! add up. What the target lacks, and what is no backend at all, `src/backend.rs` refuses.

use std::env;

const BACKENDS: [&str; 12] =
    ["portable", "wide", "x86", "avx2", "avx_vnni", "avx512_vnni", "dsp", "helium", "neon", "rv32", "rvv", "thumb"];

fn main() {
    println!("cargo::rustc-check-cfg=cfg(heedful_backend, values({}))", quoted(&BACKENDS));
    for name in ["heedful_armv8m", "heedful_refused", "heedful_thumb1"] {
        println!("cargo::rustc-check-cfg=cfg({name})");
    }
    println!("cargo::rerun-if-changed=build.rs");

    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let flags: Vec<&str> = flags.split('\x1f').collect();
    let target = Target::new(&flags);
    if target.is("thumbv8m") {
        println!("cargo::rustc-cfg=heedful_armv8m");
    }
    // Most instructions reach the lower registers only.
    if target.is("thumbv6m") || target.is("thumbv8m.base") {
        println!("cargo::rustc-cfg=heedful_thumb1");
    }

    let backend = match forced(&flags).as_slice() {
        [] => {
            let backend = target.best();
            println!("cargo::rustc-cfg=heedful_backend={backend:?}");
            if let Some(advice) = target.advice(backend) {
                println!("cargo::warning=heedful uses its kernels \"{backend}\" here: {advice}");
            }
            backend.to_owned()
        }
        [asked] if BACKENDS.contains(&asked.as_str()) && target.allows(asked) => asked.clone(),
        asked => {
            let allowed: Vec<&str> = BACKENDS.into_iter().filter(|backend| target.allows(backend)).collect();
            println!("cargo::rustc-cfg=heedful_refused");
            println!(
                "cargo::rustc-env=HEEDFUL_REFUSED=the flags ask for heedful_backend={}, the target {} allows one of {}",
                quoted(asked),
                target.name,
                quoted(&allowed)
            );
            String::new()
        }
    };
    println!("cargo::rustc-env=HEEDFUL_BACKEND={backend}");
    let advice = target.advice(&backend).map(|advice| format!(": {advice}")).unwrap_or_default();
    println!("cargo::rustc-env=HEEDFUL_ADVICE={advice}");
}

fn quoted(names: &[impl AsRef<str>]) -> String {
    names.iter().map(|name| format!("{:?}", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// The backends that `--cfg heedful_backend="…"` names, each once.
fn forced(flags: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    for (key, value) in options(flags, &["--cfg"]) {
        let name = value.trim().trim_matches('"').to_owned();
        if key.trim() == "heedful_backend" && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What follows these options of the compiler, in its own word or in theirs: `key=value`.
fn options<'a>(flags: &[&'a str], names: &[&str]) -> Vec<(&'a str, &'a str)> {
    let attached = |flag: &'a str, name: &&str| {
        let rest = flag.strip_prefix(name)?;
        if name.starts_with("--") { rest.strip_prefix('=') } else { Some(rest) }
    };
    let mut found = Vec::new();
    let mut flags = flags.iter();
    while let Some(&flag) = flags.next() {
        let value = match names.contains(&flag) {
            true => flags.next().copied(),
            false => names.iter().find_map(|name| attached(flag, name)),
        };
        found.extend(value.map(|value| value.split_once('=').unwrap_or((value, ""))));
    }
    found
}

/// What the build is for, as far as backends depend on it.
struct Target {
    name: String,
    arch: String,
    os: String,
    /// What the target has in any case, as far as the compiler shows it.
    features: Vec<String>,
    dsp: bool,
    helium: bool,
    vectors: bool,
    /// The flags say that it has no DSP extension.
    without_dsp: bool,
}

impl Target {
    fn new(flags: &[&str]) -> Self {
        let variable = |name| env::var(name).unwrap_or_default();
        let features = variable("CARGO_CFG_TARGET_FEATURE").split(',').map(str::to_owned).collect();
        let mut target = Self {
            name: variable("TARGET"),
            arch: variable("CARGO_CFG_TARGET_ARCH"),
            os: variable("CARGO_CFG_TARGET_OS"),
            features,
            dsp: false,
            helium: false,
            vectors: false,
            without_dsp: false,
        };
        target.dsp = target.is("thumbv7em");
        target.vectors = target.has("v") || target.has("zve32x");
        target.promise(flags);
        target
    }

    /// What the flags say of the core; as for the compiler, the last core counts, then the features in their order.
    fn promise(&mut self, flags: &[&str]) {
        let options = options(flags, &["-C", "--codegen"]);
        let named =
            |name| options.iter().filter(move |(key, _)| key.replace('_', "-") == name).map(|(_, value)| *value);
        match named("target-cpu").next_back().unwrap_or_default() {
            "cortex-m4" | "cortex-m7" | "cortex-m33" | "cortex-m35p" | "star-mc1" => self.dsp = true,
            "cortex-m52" | "cortex-m55" | "cortex-m85" | "star-mc3" => (self.dsp, self.helium) = (true, true),
            "andes-ax45mpv"
            | "sifive-p470"
            | "sifive-p670"
            | "sifive-p870"
            | "sifive-x280"
            | "sifive-x390"
            | "spacemit-x60"
            | "syntacore-scr7"
            | "tt-ascalon-d8"
            | "xiangshan-kunminghu" => self.vectors = true,
            _ => {}
        }
        for feature in named("target-feature").flat_map(|features| features.split(',')) {
            match feature.trim() {
                "+dsp" => (self.dsp, self.without_dsp) = (true, false),
                // Helium cannot be without it.
                "-dsp" => (self.dsp, self.helium, self.without_dsp) = (false, false, true),
                "+mve" | "+mve.fp" => (self.dsp, self.helium, self.without_dsp) = (true, true, false),
                "-mve" => self.helium = false,
                "+v" | "+zve32x" | "+zve32f" | "+zve64x" | "+zve64f" | "+zve64d" => self.vectors = true,
                "-v" | "-zve32x" => self.vectors = false,
                _ => {}
            }
        }
    }

    fn is(&self, core: &str) -> bool {
        self.name.starts_with(core)
    }

    fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|found| found == feature)
    }

    /// Whether a backend could run, if the core has what is optional in its architecture.
    fn allows(&self, backend: &str) -> bool {
        let riscv = ["riscv32", "riscv64"].contains(&self.arch.as_str());
        // E has half of the registers.
        let all_registers = !self.is("riscv32e") && !self.is("riscv64e");
        match backend {
            "wide" => self.os != "none",
            "x86" | "avx2" | "avx_vnni" | "avx512_vnni" => self.arch == "x86_64" && self.os != "none",
            // Not on targets without floating point, which lack NEON, too.
            "neon" => self.arch == "aarch64" && self.has("neon"),
            "helium" => self.is("thumbv8m.main"),
            "dsp" => self.is("thumbv7em") || self.is("thumbv8m.main") || (self.is("thumbv7m") && self.dsp),
            "thumb" => ["thumbv6m", "thumbv7m", "thumbv7em", "thumbv8m"].iter().any(|core| self.is(core)),
            "rvv" => riscv && all_registers,
            "rv32" => self.arch == "riscv32" && all_registers && self.has("m"),
            _ => true,
        }
    }

    /// The fastest that this core is known to run. On x86-64, that is found at run time.
    fn best(&self) -> &'static str {
        let known = |backend: &&str| match *backend {
            "helium" => self.helium,
            "dsp" => self.dsp,
            "rvv" => self.vectors,
            _ => true,
        };
        let order = ["helium", "dsp", "thumb", "rvv", "rv32", "neon", "x86", "wide"];
        order.into_iter().filter(known).find(|backend| self.allows(backend)).unwrap_or("portable")
    }

    /// What to write for better kernels, where this core may have them.
    fn advice(&self, backend: &str) -> Option<&'static str> {
        (self.is("thumbv8m.main") && backend == "thumb" && !self.without_dsp).then_some(
            "a Cortex-M33 or M35P has faster ones, a Cortex-M55 or M85 much faster ones; name the core in RUSTFLAGS or \
             .cargo/config.toml, as in `-C target-cpu=cortex-m33`, or keep these with \
             `--cfg heedful_backend=\"thumb\"`",
        )
    }
}
