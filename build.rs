//! Maps the target to the crate's own cfgs: on stable Rust, `dsp` and `mve` never show in `cfg`.
//!
//! `heedful_backend` is the backend that this build uses. To force one, pass
//! `--cfg heedful_backend="portable"` in `RUSTFLAGS`; a Cargo feature would not do, since features add up.

use std::env;

fn main() {
    let backends =
        ["portable", "wide", "x86", "avx2", "avx_vnni", "avx512_vnni", "dsp", "helium", "neon", "rv32", "rvv", "thumb"];
    println!(
        "cargo::rustc-check-cfg=cfg(heedful_backend, values({}))",
        backends.map(|name| format!("{name:?}")).join(", ")
    );
    println!("cargo::rustc-check-cfg=cfg(heedful_armv8m)");
    println!("cargo::rustc-check-cfg=cfg(heedful_thumb1)");
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("TARGET").is_ok_and(|target| target.starts_with("thumbv8m")) {
        println!("cargo::rustc-cfg=heedful_armv8m");
    }
    // Most instructions reach the lower registers only.
    if env::var("TARGET").is_ok_and(|target| target.starts_with("thumbv6m") || target.starts_with("thumbv8m.base")) {
        println!("cargo::rustc-cfg=heedful_thumb1");
    }
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let flags: Vec<&str> = flags.split('\x1f').collect();
    if !flags.iter().any(|flag| flag.contains("heedful_backend")) {
        println!("cargo::rustc-cfg=heedful_backend=\"{}\"", backend(&flags));
    }
}

fn backend(flags: &[&str]) -> &'static str {
    let target = env::var("TARGET").unwrap_or_default();
    let cpu = flags.iter().find_map(|flag| flag.strip_prefix("target-cpu=").or(flag.strip_prefix("-Ctarget-cpu=")));
    if target.starts_with("thumbv7em") {
        return "dsp";
    }
    // These extensions are optional here: only named cores are known to have them.
    if target.starts_with("thumbv8m.main") {
        match cpu {
            Some("cortex-m33" | "cortex-m35p") => return "dsp",
            Some("cortex-m55" | "cortex-m85") => return "helium",
            _ => {}
        }
    }
    if ["thumbv6m", "thumbv7m", "thumbv8m"].into_iter().any(|core| target.starts_with(core)) {
        return "thumb";
    }
    if target.starts_with("riscv") && has_vectors(flags, cpu) {
        return "rvv";
    }
    // All 32 registers (no E), and the multiplications of M.
    if target.strip_prefix("riscv32i").is_some_and(|rest| rest.split('-').next().is_some_and(|rest| rest.contains('m')))
    {
        return "rv32";
    }
    // Not on targets without floating point, which lack NEON, too.
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    if target.starts_with("aarch64") && features.split(',').any(|feature| feature == "neon") {
        return "neon";
    }
    match env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("none") | Err(_) => "portable",
        // The best level of the CPU is chosen at run time.
        Ok(_) if target.starts_with("x86_64") => "x86",
        Ok(_) => "wide",
    }
}

/// Whether the flags promise the vector extension V, or one of its subsets for embedded cores.
fn has_vectors(flags: &[&str], cpu: Option<&str>) -> bool {
    let features =
        flags.iter().filter_map(|flag| flag.strip_prefix("target-feature=").or(flag.strip_prefix("-Ctarget-feature=")));
    let vectors = ["+v", "+zve32x", "+zve32f", "+zve64x", "+zve64f", "+zve64d"];
    features.flat_map(|features| features.split(',')).any(|feature| vectors.contains(&feature))
        || matches!(cpu, Some("sifive-x280" | "sifive-x390" | "sifive-p470" | "sifive-p670" | "spacemit-x60"))
}
